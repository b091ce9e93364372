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

use rootcap_proto::helloworld::{HelloRequest, greeter_client::GreeterClient};
use rootcap_tests::{
    example::Example,
    pki::{Issued, Pki},
    programs, wait,
};
use tokio::process::Command;
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint, Identity};

/// Settings, by their keys.
type Settings = Vec<(String, String)>;

/// TLS of one port: `section` is `tls` or `admin.tls`.
fn tls(section: &str, cert: &Issued) -> Settings {
    [("cert", &cert.cert), ("key", &cert.key)]
        .map(|(name, path)| (format!("{section}.{name}"), path.to_str().unwrap().to_owned()))
        .into()
}

/// The same, for clients whose certificate this authority has signed: `required` or `optional`.
fn mtls(section: &str, cert: &Issued, ca: &Path, client_auth: &str) -> Settings {
    let mut settings = tls(section, cert);
    settings.push((format!("{section}.client_ca"), ca.to_str().unwrap().to_owned()));
    settings.push((format!("{section}.client_auth"), client_auth.to_owned()));
    settings
}

/// `settings` and one more.
fn with(mut settings: Settings, key: &str, value: &str) -> Settings {
    settings.push((key.to_owned(), value.to_owned()));
    settings
}

/// The example `greeter` with these settings: a process of its own, because handshakes are counted by process.
async fn start(settings: Settings) -> Example {
    let variable = |key: &str| format!("ROOTCAP_{}", key.to_uppercase().replace('.', "__"));
    let settings: Vec<_> =
        settings.iter().map(|(key, value)| (variable(key), value.as_str())).collect();
    let settings: Vec<_> = settings.iter().map(|(key, value)| (key.as_str(), *value)).collect();
    Example::start("greeter", &settings).await
}

/// A client of the tests' own that trusts the tests' authority.
async fn connect(
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
async fn goes_on(server: &Example, pki: &Pki) {
    let client = pki.dns_client();
    let mut greeter = connect(server.address, pki, Some(&client)).await.unwrap();
    greeter.say_hello(HelloRequest::default()).await.unwrap();
}

/// The counter of handshakes that have failed.
const FAILED: &str = "rootcap_tls_handshakes_failed_total";

/// Waits until so many handshakes of the service port have failed for this reason.
async fn failed(server: &Example, reason: &str, count: f64) {
    let labels = [("port", "service"), ("reason", reason)];
    server.admin.until(FAILED, &labels, count).await;
}

/// Waits until a handshake of the service port has failed for this reason: some clients try again.
async fn some_failed(server: &Example, reason: &str) {
    let labels = [("port", "service"), ("reason", reason)];
    wait::until(reason, async || {
        (server.admin.metrics().await.sum(FAILED, &labels) > 0.0).then_some(())
    })
    .await;
}

/// No handshake has failed.
async fn none_failed(server: &Example) {
    assert_eq!(server.admin.metrics().await.sum(FAILED, &[]), 0.0);
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
