//! The contender `assembled`: what users put together of published crates to have what `rootcap` has.

mod metrics;
mod panics;
mod telemetry;

use std::env;
use std::error::Error;
use std::time::Duration;

use contender::Greeter;
use contender::load::{Load, LoadServer};
use rootcap_proto::helloworld::greeter_server::GreeterServer;
use tonic::transport::Server;
use tonic::transport::server::TcpIncoming;
use tonic_prometheus_layer::MetricsLayer;
use tower::ServiceBuilder;
use tower_governor::GovernorLayer;
use tower_governor::governor::GovernorConfigBuilder;
use tower_governor::key_extractor::GlobalKeyExtractor;
use tower_http::LatencyUnit;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::request_id::{MakeRequestUuid, PropagateRequestIdLayer, SetRequestIdLayer};
use tower_http::trace::{DefaultOnRequest, DefaultOnResponse, TraceLayer};
use tracing::Level;

/// The longest that a call may take.
const TIMEOUT: Duration = Duration::from_secs(30);

#[tokio::main]
pub(crate) async fn main() -> Result<(), Box<dyn Error>> {
    telemetry::install()?;
    metrics::serve(&variable("BENCH_ADMIN_LISTEN")?).await?;
    // A limit that is counted call by call, and never reached.
    let limit = GovernorConfigBuilder::default()
        .key_extractor(GlobalKeyExtractor)
        .per_nanosecond(1)
        .burst_size(u32::MAX)
        .finish()
        .ok_or("the limit is zero")?;
    let layers = ServiceBuilder::new()
        .layer(SetRequestIdLayer::x_request_id(MakeRequestUuid))
        .layer(
            // A line for the start and one for the end of a call, as `rootcap` writes them.
            TraceLayer::new_for_grpc()
                .make_span_with(telemetry::span)
                .on_request(DefaultOnRequest::new().level(Level::INFO))
                .on_response(
                    DefaultOnResponse::new().level(Level::INFO).latency_unit(LatencyUnit::Micros),
                ),
        )
        .layer(PropagateRequestIdLayer::x_request_id())
        .layer(MetricsLayer::new())
        .layer(CatchPanicLayer::custom(panics::status))
        // Innermost, as its response has to have the body that tonic's services answer with.
        .layer(GovernorLayer::new(limit));
    let incoming = TcpIncoming::bind(variable("BENCH_LISTEN")?.parse()?)?.with_nodelay(Some(true));
    Server::builder()
        .timeout(TIMEOUT)
        .layer(layers)
        .add_service(GreeterServer::new(Greeter))
        .add_service(LoadServer::new(Load))
        .serve_with_incoming(incoming)
        .await?;
    Ok(())
}

fn variable(name: &str) -> Result<String, String> {
    env::var(name).map_err(|error| format!("{name}: {error}"))
}
