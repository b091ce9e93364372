//! What the fuzz targets (`fuzz/`) reach besides the public interface. `cargo fuzz` compiles it, and nobody else.

use std::io;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use tonic::body::Body;
use tower::ServiceExt;

pub use crate::admin::fuzzing as admin;
use crate::{health::Health, reflection, telemetry::logs, tls};

/// Whom a certificate names.
pub fn identity(der: &[u8]) -> Option<String> {
    tls::identity::identity(der)
}

/// What a connection is taken for by its first bytes: TLS, and plain HTTP on a port with TLS.
pub fn opening(bytes: &[u8]) -> (bool, bool) {
    let failed = io::Error::from(io::ErrorKind::InvalidData);
    let plaintext = tls::Reason::of(&failed, bytes) == tls::Reason::Plaintext;
    (tls::is_tls(bytes), plaintext)
}

/// A filter that was accepted, at the level `debug`.
pub fn filter_at_debug(filter: &str) -> String {
    logs::filter_at_debug(filter)
}

/// The health of a server that serves `helloworld.Greeter`; a `Watch` is told a status and ends.
pub fn health() -> Health {
    let health = Health::new();
    health.register("helloworld.Greeter");
    health.ready();
    health.end_watches();
    health
}

/// The names of the services whose health is known.
pub fn known(health: &Health) -> Vec<String> {
    health.known().into_iter().map(|known| known.service).collect()
}

/// Calls a method of a built-in service with the bytes of a body.
pub async fn call_builtin(health: &Health, path: &str, body: Bytes) -> Response<Body> {
    let request = Request::post(path).header("content-type", "application/grpc");
    let request = request.body(Full::new(body)).expect("a path of the fuzz target");
    let never = "a generated service fails with a response";
    if path.starts_with("/grpc.health.") {
        health.service().oneshot(request).await.expect(never)
    } else {
        let sets = reflection::Sets::new(&[], &[].into()).expect("no set");
        reflection::v1(&sets).oneshot(request).await.expect(never)
    }
}
