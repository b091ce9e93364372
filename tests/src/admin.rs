//! A client of the admin port.

use std::net::SocketAddr;

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper_util::rt::TokioIo;
use rootcap::Running;
use tokio::net::TcpStream;

use crate::{metrics::Metrics, wait};

/// The admin port of a server.
#[derive(Debug, Clone, Copy)]
pub struct Admin(SocketAddr);

impl Admin {
    /// The admin port at this address.
    pub fn at(address: SocketAddr) -> Self {
        Self(address)
    }

    /// The admin port of `server`.
    pub fn of(server: &Running) -> Self {
        Self(server.admin_addr().unwrap())
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.0
    }

    /// Gets a page, as curl does.
    pub async fn get(&self, path: &str) -> (StatusCode, String) {
        self.send(Method::GET, path, "").await
    }

    /// Sends any request, as curl does.
    pub async fn send(&self, method: Method, path: &str, body: &str) -> (StatusCode, String) {
        let response = self.response(method, path, body).await;
        (response.status(), String::from_utf8(response.into_body().to_vec()).unwrap())
    }

    /// The whole response to any request.
    pub async fn response(&self, method: Method, path: &str, body: &str) -> Response<Bytes> {
        wait::for_end(path, async {
            let io = TokioIo::new(TcpStream::connect(self.0).await.unwrap());
            let (mut sender, connection) = hyper::client::conn::http1::handshake(io).await.unwrap();
            tokio::spawn(connection);
            let request = Request::builder().method(method).uri(path);
            let request = request.header("host", self.0.to_string());
            let request = request.body(Full::new(Bytes::from(body.to_owned()))).unwrap();
            let (head, body) = sender.send_request(request).await.unwrap().into_parts();
            Response::from_parts(head, body.collect().await.unwrap().to_bytes())
        })
        .await
    }

    /// The status of a page.
    pub async fn status(&self, path: &str) -> StatusCode {
        self.get(path).await.0
    }

    /// What `/metrics` shows.
    pub async fn metrics(&self) -> Metrics {
        let (status, text) = self.get("/metrics").await;
        assert_eq!(status, StatusCode::OK, "{text}");
        Metrics::parse(text)
    }

    /// What `/connections` shows: the rows.
    pub async fn connections(&self) -> Vec<serde_json::Value> {
        let (status, text) = self.get("/connections").await;
        assert_eq!(status, StatusCode::OK, "{text}");
        let page: serde_json::Value = serde_json::from_str(&text).unwrap();
        let rows = page["Connections"].as_array().unwrap().clone();
        assert_eq!(page["CurrentConnectionCount"], rows.len());
        rows
    }

    /// What `/debug/calls` shows, asked like this.
    pub async fn calls(&self, query: &str) -> serde_json::Value {
        let (status, text) = self.get(&format!("/debug/calls?format=json&{query}")).await;
        assert_eq!(status, StatusCode::OK, "{text}");
        serde_json::from_str(&text).unwrap()
    }

    /// Waits until no call is in flight: none is counted, and none is left in the table of calls.
    pub async fn at_rest(&self) -> Metrics {
        let metrics = self.until("rootcap_calls_in_flight", &[], 0.0).await;
        let mut left = serde_json::Value::Null;
        let empty = async || {
            left = self.calls("").await;
            (left["in_flight"] == 0 && left["calls"].as_array().unwrap().is_empty()).then_some(())
        };
        wait::until("the table of calls to be empty", empty).await;
        metrics
    }

    /// Waits until `/metrics` shows `value` for the series of `name` with these labels, added up.
    pub async fn until(&self, name: &str, labels: &[(&str, &str)], value: f64) -> Metrics {
        let mut last = f64::NAN;
        let what = format!("{name}{labels:?} to be {value}");
        let look = async || {
            let metrics = self.metrics().await;
            last = metrics.sum(name, labels);
            (last == value).then_some(metrics)
        };
        wait::until(&what, look).await.0
    }
}
