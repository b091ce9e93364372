//! The port with `/metrics`.

use std::io;

use axum::Router;
use axum::http::StatusCode;
use axum::routing::get;
use tokio::net::TcpListener;

/// Listens, and serves the metrics from then on.
pub(crate) async fn serve(address: &str) -> io::Result<()> {
    let listener = TcpListener::bind(address).await?;
    let routes = Router::new().route("/metrics", get(render));
    tokio::spawn(async { axum::serve(listener, routes).await });
    Ok(())
}

async fn render() -> Result<String, StatusCode> {
    tonic_prometheus_layer::metrics::encode_to_string()
        .map_err(|_| StatusCode::INTERNAL_SERVER_ERROR)
}
