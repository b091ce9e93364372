//! The contender `rootcap`: the call that a user writes, with a pipeline for traces; all else is in its `bench.toml`.

use std::sync::Arc;

use contender::Greeter;
use contender::load::{Load, LoadServer};
use opentelemetry::global::BoxedTracer;
use opentelemetry::trace::TracerProvider;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{SdkTracerProvider, SpanData, SpanExporter};
use rootcap::Services;
use rootcap_proto::helloworld::greeter_server::GreeterServer;

/// Throws spans away: what a collector's protocol costs is not part of a call.
#[derive(Debug)]
struct Nowhere;

impl SpanExporter for Nowhere {
    async fn export(&self, _: Vec<SpanData>) -> OTelSdkResult {
        Ok(())
    }
}

#[tokio::main]
pub(crate) async fn main() -> Result<(), rootcap::Error> {
    let spans = SdkTracerProvider::builder().with_batch_exporter(Nowhere).build();
    rootcap::Server::builder()
        .tracer(Arc::new(BoxedTracer::new(Box::new(spans.tracer("bench")))))
        .serve(Services::new(GreeterServer::new(Greeter)).add(LoadServer::new(Load)))
        .await
}
