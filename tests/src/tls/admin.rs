//! TLS of the admin port, with curl.

use std::fs;

use rootcap_tests::metrics::Metrics;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use super::{hostile::HALF_A_HELLO, *};

/// The admin port of a server, as curl sees it, which trusts the tests' authority.
struct Curl<'a> {
    program: PathBuf,
    pki: &'a Pki,
    address: SocketAddr,
    client: Option<Issued>,
}

impl<'a> Curl<'a> {
    fn of(server: &Example, program: &Path, pki: &'a Pki) -> Self {
        let address = server.admin.address();
        Self { program: program.to_owned(), pki, address, client: None }
    }

    /// With this client certificate.
    fn with(mut self, client: Issued) -> Self {
        self.client = Some(client);
        self
    }

    /// Gets a page; what is said begins with the version of HTTP and the status.
    async fn get(&self, path: &str, arguments: &[&str]) -> Said {
        let url = format!("https://localhost:{}{path}", self.address.port());
        let format = "\n%{http_version} %{http_code}\n";
        let mut all: Vec<PathBuf> =
            ["-sS", "--max-time", "20", "--noproxy", "*", "-w", format].map(PathBuf::from).into();
        all.extend(["--cacert".into(), self.pki.ca().to_owned()]);
        if let Some(client) = &self.client {
            all.extend(["--cert".into(), client.cert.clone(), "--key".into(), client.key.clone()]);
        }
        all.extend(arguments.iter().map(PathBuf::from));
        all.push(url.into());
        run(&self.program, all).await
    }

    async fn status(&self, path: &str, arguments: &[&str]) -> u16 {
        let said = self.get(path, arguments).await;
        let last = said.succeeds().text.lines().last().unwrap();
        last.strip_prefix("1.1 ").expect(last).parse().unwrap()
    }

    async fn metrics(&self) -> Metrics {
        let said = self.get("/metrics", &[]).await;
        let text = said.succeeds().text.trim_end();
        Metrics::parse(text.rsplit_once('\n').unwrap().0.to_owned())
    }

    /// Waits until so many handshakes of the admin port have failed for this reason.
    async fn failed(&self, reason: &str, count: f64) {
        let labels = [("port", "admin"), ("reason", reason)];
        wait::until(reason, async || {
            (self.metrics().await.sum(FAILED, &labels) == count).then_some(())
        })
        .await;
    }
}

#[tokio::test]
async fn pages_are_served_over_tls_by_the_rules_of_a_port_without() {
    let Some(program) = programs::find("curl") else { return };
    let pki = Pki::new();
    let server = start(tls("admin.tls", &pki.server("server"))).await;
    let curl = Curl::of(&server, &program, &pki);
    for path in ["/livez", "/metrics", "/connections", "/debug/config"] {
        assert_eq!(curl.status(path, &[]).await, 200, "{path}");
        // Whatever it would rather speak.
        assert_eq!(curl.status(path, &["--http2"]).await, 200, "{path}");
    }
    assert_eq!(curl.status("/debug/config", &["-H", "Host: elsewhere"]).await, 403);
    assert_eq!(curl.status("/debug/config", &["-H", "Via: a proxy"]).await, 403);
    assert_eq!(curl.metrics().await.sum(FAILED, &[]), 0.0);
}

#[tokio::test]
async fn plaintext_is_hung_up_on_and_counted() {
    let Some(program) = programs::find("curl") else { return };
    let pki = Pki::new();
    let server = start(tls("admin.tls", &pki.server("server"))).await;
    let curl = Curl::of(&server, &program, &pki);
    let url = format!("http://{}/livez", curl.address);
    run(&program, ["-sS", "--noproxy", "*", &url]).await.fails().has("curl: (");
    curl.failed("plaintext", 1.0).await;
}

#[tokio::test]
async fn a_certificate_that_curl_does_not_trust_is_counted() {
    let Some(program) = programs::find("curl") else { return };
    let (pki, stranger) = (Pki::new(), Pki::new());
    let server = start(tls("admin.tls", &pki.server("server"))).await;
    let distrustful = Curl::of(&server, &program, &stranger);
    distrustful.get("/livez", &[]).await.fails().has("curl: (60)");
    Curl::of(&server, &program, &pki).failed("refused_by_peer", 1.0).await;
}

#[tokio::test]
async fn a_client_certificate_lets_in_and_stands_for_no_token() {
    let Some(program) = programs::find("curl") else { return };
    let pki = Pki::new();
    let token = pki.path("token");
    fs::write(&token, "s3cret").unwrap();
    let settings = mtls("admin.tls", &pki.server("server"), pki.ca(), "required");
    let server = start(with(settings, "admin.token_file", token.to_str().unwrap())).await;
    let good = Curl::of(&server, &program, &pki).with(pki.spiffe_client());
    assert_eq!(good.status("/livez", &[]).await, 200);
    assert_eq!(good.status("/debug/config", &[]).await, 401);
    assert_eq!(good.status("/debug/config", &["-H", "Authorization: Bearer s3cret"]).await, 200);

    let none = Curl::of(&server, &program, &pki);
    none.get("/livez", &[]).await.fails();
    good.failed("no_client_certificate", 1.0).await;
    for (wrong, reason) in [
        (pki.other_client(), "client_certificate_unknown_issuer"),
        (pki.expired_client(), "client_certificate_expired"),
    ] {
        Curl::of(&server, &program, &pki).with(wrong).get("/livez", &[]).await.fails();
        good.failed(reason, 1.0).await;
    }
}

/// Callers have their own authority: those of one port are not let in to the other.
#[tokio::test]
async fn each_port_has_an_authority_of_its_own() {
    let Some(program) = programs::find("curl") else { return };
    let (callers, operators) = (Pki::new(), Pki::new());
    let mut settings = mtls("tls", &callers.server("server"), callers.ca(), "required");
    settings.extend(mtls("admin.tls", &operators.server("server"), operators.ca(), "required"));
    let server = start(settings).await;
    let operator = Curl::of(&server, &program, &operators).with(operators.dns_client());
    assert_eq!(operator.status("/livez", &[]).await, 200);
    let caller = Curl::of(&server, &program, &operators).with(callers.dns_client());
    caller.get("/livez", &[]).await.fails();
    operator.failed("client_certificate_unknown_issuer", 1.0).await;
    goes_on(&server, &callers).await;
}

/// More than the port has places for.
#[tokio::test]
async fn handshakes_that_stall_hold_up_nobody_and_are_ended_in_time() {
    let Some(program) = programs::find("curl") else { return };
    let pki = Pki::new();
    let settings = tls("admin.tls", &pki.server("server"));
    let server = start(with(settings, "admin.tls.handshake_timeout", "2s")).await;
    let curl = Curl::of(&server, &program, &pki);
    let mut stalled = Vec::new();
    for _ in 0..200 {
        let mut stream = TcpStream::connect(curl.address).await.unwrap();
        stream.write_all(&HALF_A_HELLO).await.unwrap();
        stalled.push(stream);
    }
    assert_eq!(curl.status("/livez", &[]).await, 200);
    let labels = [("port", "admin"), ("reason", "timeout")];
    wait::until("handshakes that ended", async || {
        (curl.metrics().await.sum(FAILED, &labels) >= 1.0).then_some(())
    })
    .await;
    for mut stream in stalled {
        // The server has hung up, in whatever way.
        let mut said = Vec::new();
        let _ = wait::for_end("a hang-up", stream.read_to_end(&mut said)).await;
    }
}

#[tokio::test]
async fn new_files_take_effect() {
    let Some(program) = programs::find("curl") else { return };
    let pki = Pki::new();
    let cert = pki.server("server");
    let server = start(with(tls("admin.tls", &cert), "admin.tls.reload_interval", "20ms")).await;
    let curl = Curl::of(&server, &program, &pki);
    assert_eq!(curl.status("/livez", &[]).await, 200);
    let replace = |by: &Issued| {
        fs::copy(&by.key, &cert.key).unwrap();
        fs::copy(&by.cert, &cert.cert).unwrap();
    };
    replace(&pki.expired_server());
    wait::until("the certificate that has expired", async || {
        (!curl.get("/livez", &[]).await.succeeded).then_some(())
    })
    .await;
    replace(&pki.server("server-2"));
    wait::until("the new certificate", async || {
        curl.get("/livez", &[]).await.succeeded.then_some(())
    })
    .await;
}

/// The line that names the port is the same, and the settings are read.
#[tokio::test]
async fn an_example_with_tls_on_both_ports() {
    let Some(program) = programs::find("curl") else { return };
    let pki = Pki::new();
    let cert = pki.server("server");
    let mut settings = tls("tls", &cert);
    settings.extend(tls("admin.tls", &cert));
    let example = start(settings).await;
    let curl = Curl::of(&example, &program, &pki);
    assert_eq!(curl.status("/readyz", &[]).await, 200);
    let mut greeter = connect(example.address, &pki, None).await.unwrap();
    greeter.say_hello(HelloRequest::default()).await.unwrap();
    let said = curl.get("/debug/config?format=json", &[]).await;
    said.has("\"admin.tls.cert\"").has("\"tls.cert\"");
}
