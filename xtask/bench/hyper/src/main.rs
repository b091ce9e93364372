//! The contender `hyper, refusing`: the HTTP/2 library, and a service that refuses every call with three headers that
//! never change. Whoever builds on that library, as tonic and Rootcap do, refuses no call for less.

use std::convert::Infallible;
use std::env;
use std::error::Error;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Request, Response, header};
use http_body_util::Empty;
use hyper::body::Incoming;
use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpListener;

/// The variable that holds the address to listen on.
const LISTEN: &str = "BENCH_LISTEN";

#[tokio::main]
pub(crate) async fn main() -> Result<(), Box<dyn Error>> {
    let address = env::var(LISTEN).map_err(|error| format!("{LISTEN}: {error}"))?;
    let listener = TcpListener::bind(address).await?;
    println!("listening on {}", listener.local_addr()?);
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let builder = http2::Builder::new(TokioExecutor::new());
        let connection = builder.serve_connection(TokioIo::new(stream), service_fn(refuse));
        tokio::spawn(async { connection.await.ok() });
    }
}

/// RESOURCE_EXHAUSTED, and when to come again.
async fn refuse(_: Request<Incoming>) -> Result<Response<Empty<Bytes>>, Infallible> {
    let mut headers = HeaderMap::with_capacity(3);
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
    headers.insert("grpc-status", HeaderValue::from_static("8"));
    headers.insert("grpc-retry-pushback-ms", HeaderValue::from_static("1000"));
    let mut response = Response::new(Empty::new());
    *response.headers_mut() = headers;
    Ok(response)
}
