//! TLS of both ports, with clients that others wrote.

mod admin;
mod clients;
mod hostile;
mod identity;
mod keys;
mod openssl;
mod rotation;

use std::{
    ffi::OsStr,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::Stdio,
};

use rootcap::{
    Running,
    config::{Auto, ClientAuth, Config, Tls},
};
use rootcap_proto::helloworld::{HelloRequest, greeter_client::GreeterClient};
use rootcap_tests::{
    admin::Admin,
    pki::{Issued, Pki},
    programs, server, wait,
};
use tokio::process::Command;
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint, Identity};

/// TLS with this certificate, for clients of any kind.
fn tls(cert: &Issued) -> Tls {
    Tls { cert: Some(cert.cert.clone()), key: Some(cert.key.clone()), ..Tls::default() }
}

/// TLS with this certificate, for clients whose certificate the tests' authority has signed.
fn mtls(cert: &Issued, pki: &Pki, client_auth: ClientAuth) -> Tls {
    let client_auth = Auto::Set(client_auth);
    Tls { client_ca: Some(pki.ca().to_owned()), client_auth, ..tls(cert) }
}

/// The tests' server, whose service port has TLS.
async fn start(tls: Tls) -> Running {
    server::start(|settings: &mut Config| settings.tls = tls).await
}

/// A client of the tests' own that trusts the tests' authority.
async fn connect(
    server: &Running,
    pki: &Pki,
    client: Option<&Issued>,
) -> Result<GreeterClient<Channel>, tonic::transport::Error> {
    connect_to(server.local_addr(), pki, client).await
}

async fn connect_to(
    address: SocketAddr,
    pki: &Pki,
    client: Option<&Issued>,
) -> Result<GreeterClient<Channel>, tonic::transport::Error> {
    let read = |path: &Path| std::fs::read(path).unwrap();
    let mut tls = ClientTlsConfig::new()
        .ca_certificate(Certificate::from_pem(read(pki.ca())))
        .domain_name("localhost");
    if let Some(client) = client {
        tls = tls.identity(Identity::from_pem(read(&client.cert), read(&client.key)));
    }
    let endpoint = Endpoint::from_shared(format!("https://{address}")).unwrap();
    Ok(GreeterClient::new(endpoint.tls_config(tls)?.connect().await?))
}

/// The server goes on: it answers a client whose certificate is right.
async fn goes_on(server: &Running, pki: &Pki) {
    let client = pki.dns_client();
    let mut greeter = connect(server, pki, Some(&client)).await.unwrap();
    greeter.say_hello(HelloRequest::default()).await.unwrap();
}

/// The counter of handshakes that have failed.
const FAILED: &str = "rootcap_tls_handshakes_failed_total";

/// Waits until so many handshakes of the service port have failed for this reason.
async fn failed(server: &Running, reason: &str, count: f64) {
    let labels = [("port", "service"), ("reason", reason)];
    Admin::of(server).until(FAILED, &labels, count).await;
}

/// No handshake has failed.
async fn none_failed(server: &Running) {
    assert_eq!(Admin::of(server).metrics().await.sum(FAILED, &[]), 0.0);
}

/// Waits until a handshake of the service port has failed for this reason: some clients try again.
async fn some_failed(server: &Running, reason: &str) {
    let labels = [("port", "service"), ("reason", reason)];
    wait::until(reason, async || {
        let metrics = Admin::of(server).metrics().await;
        (metrics.sum(FAILED, &labels) > 0.0).then_some(())
    })
    .await;
}

/// What a program said, on both its outputs.
#[derive(Debug)]
struct Said {
    succeeded: bool,
    text: String,
}

impl Said {
    /// # Panics
    /// When the program has failed.
    #[track_caller]
    fn succeeds(&self) -> &Self {
        assert!(self.succeeded, "{}", self.text);
        self
    }

    /// # Panics
    /// When the program has not failed.
    #[track_caller]
    fn fails(&self) -> &Self {
        assert!(!self.succeeded, "{}", self.text);
        self
    }

    /// # Panics
    /// When the program did not say this.
    #[track_caller]
    fn has(&self, text: &str) -> &Self {
        assert!(self.text.contains(text), "no {text:?} in: {}", self.text);
        self
    }
}

/// Runs a program to its end, with nothing to read.
async fn run(program: &Path, arguments: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Said {
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::null()).kill_on_drop(true);
    let output = wait::for_end("the end of a program", command.output()).await.unwrap();
    let mut text = String::from_utf8_lossy(&output.stdout).into_owned();
    text.push_str(&String::from_utf8_lossy(&output.stderr));
    Said { succeeded: output.status.success(), text }
}
