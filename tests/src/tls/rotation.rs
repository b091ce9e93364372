//! Certificates, keys and authorities that change while calls come in.

use std::{
    fs,
    os::unix::fs::symlink,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use tokio::task::JoinHandle;

use super::*;

const RELOADS: &str = "rootcap_tls_reloads_total";

/// A directory of files as Kubernetes has it for a secret: `..data` leads to one version of all of them.
struct Secret<'a> {
    pki: &'a Pki,
    versions: AtomicU64,
}

const NAMES: [&str; 3] = ["tls.crt", "tls.key", "ca.crt"];

impl<'a> Secret<'a> {
    /// Within the directory of `pki`.
    fn new(pki: &'a Pki, server: &Issued, client_ca: &[&Path]) -> Self {
        let secret = Self { pki, versions: AtomicU64::new(0) };
        for name in NAMES {
            symlink(Path::new("..data").join(name), secret.path(name)).unwrap();
        }
        secret.swap(server, client_ca);
        secret
    }

    /// Replaces all files in one step.
    fn swap(&self, server: &Issued, client_ca: &[&Path]) {
        let version = format!("..version-{}", self.versions.fetch_add(1, Relaxed));
        let directory = self.path(&version);
        fs::create_dir(&directory).unwrap();
        fs::copy(&server.cert, directory.join(NAMES[0])).unwrap();
        fs::copy(&server.key, directory.join(NAMES[1])).unwrap();
        let authorities: String =
            client_ca.iter().map(|path| fs::read_to_string(path).unwrap()).collect();
        fs::write(directory.join(NAMES[2]), authorities).unwrap();
        symlink(&version, self.path("..next")).unwrap();
        fs::rename(self.path("..next"), self.path("..data")).unwrap();
    }

    fn path(&self, name: &str) -> PathBuf {
        self.pki.path(name)
    }

    fn settings(&self) -> Settings {
        let [cert, key, ca] = NAMES.map(|name| self.path(name));
        often(mtls("tls", &Issued { cert, key }, &ca, "required"))
    }
}

/// The files are looked at so often that a test need not wait.
fn often(settings: Settings) -> Settings {
    with(settings, "tls.reload_interval", "20ms")
}

/// Clients that connect, call and hang up, again and again, until they are told to end.
struct Load {
    ended: Arc<AtomicBool>,
    calls: Arc<AtomicU64>,
    /// Whose certificate a client shows when it connects.
    identity: Arc<Mutex<Issued>>,
    clients: Vec<JoinHandle<()>>,
}

const CLIENTS: usize = 4;
const CALLS_OF_A_CONNECTION: usize = 10;

impl Load {
    /// The clients trust all of `authorities`.
    fn start(address: SocketAddr, authorities: &[&Path], identity: Issued) -> Self {
        let trusted: String =
            authorities.iter().map(|path| fs::read_to_string(path).unwrap()).collect();
        let (ended, calls) = (Arc::<AtomicBool>::default(), Arc::<AtomicU64>::default());
        let identity = Arc::new(Mutex::new(identity));
        let client = |_| {
            let (ended, calls) = (Arc::clone(&ended), Arc::clone(&calls));
            let (trusted, identity) = (trusted.clone(), Arc::clone(&identity));
            tokio::spawn(async move {
                while !ended.load(Relaxed) {
                    let client = identity.lock().unwrap().clone();
                    let mut greeter = trusting(address, &trusted, &client).await.unwrap();
                    for _ in 0..CALLS_OF_A_CONNECTION {
                        greeter.say_hello(HelloRequest::default()).await.unwrap();
                        calls.fetch_add(1, Relaxed);
                    }
                }
            })
        };
        let clients = (0..CLIENTS).map(client).collect();
        Self { ended, calls, identity, clients }
    }

    /// Waits for as many calls more as make it sure that every client has connected again since.
    async fn goes_on(&self) {
        let before = self.calls.load(Relaxed);
        let enough = before + (4 * CLIENTS * CALLS_OF_A_CONNECTION) as u64;
        wait::until("calls", async || (self.calls.load(Relaxed) >= enough).then_some(())).await;
    }

    /// Ends the clients; gives the number of calls, none of which has failed.
    async fn end(self) -> u64 {
        self.ended.store(true, Relaxed);
        for client in self.clients {
            wait::for_end("a client", client).await.unwrap();
        }
        self.calls.load(Relaxed)
    }
}

/// A client that trusts the authorities of this PEM.
async fn trusting(
    address: SocketAddr,
    authorities: &str,
    client: &Issued,
) -> Result<GreeterClient<Channel>, tonic::transport::Error> {
    let read = |path: &Path| fs::read(path).unwrap();
    let tls = ClientTlsConfig::new()
        .ca_certificate(Certificate::from_pem(authorities))
        .identity(Identity::from_pem(read(&client.cert), read(&client.key)))
        .domain_name("localhost");
    let endpoint = Endpoint::from_shared(format!("https://{address}")).unwrap();
    Ok(GreeterClient::new(endpoint.tls_config(tls)?.connect().await?))
}

async fn reloads(server: &Example, result: &str, count: f64) {
    let labels = [("port", "service"), ("result", result)];
    wait::until(result, async || {
        (server.admin.metrics().await.sum(RELOADS, &labels) >= count).then_some(())
    })
    .await;
}

/// From an authority to the next one, as it is done: the server first takes both, then clients change, then it takes
/// the new one alone.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_authority_is_replaced_under_load_and_no_call_is_lost() {
    let (old, new) = (Pki::new(), Pki::new());
    let secret = Secret::new(&old, &old.server("first"), &[old.ca()]);
    let server = start(secret.settings()).await;
    let address = server.address;
    let load = Load::start(address, &[old.ca(), new.ca()], old.spiffe_client());
    let mut before = connect(address, &old, Some(&old.dns_client())).await.unwrap();
    load.goes_on().await;

    secret.swap(&new.server("second"), &[old.ca(), new.ca()]);
    reloads(&server, "success", 1.0).await;
    load.goes_on().await;
    // Who trusts the new authority alone connects, and who trusts the old one alone does not.
    let client = new.dns_client();
    let mut after = connect(address, &new, Some(&client)).await.unwrap();
    after.say_hello(HelloRequest::default()).await.unwrap();
    none_failed(&server).await;
    connect(address, &old, Some(&client)).await.unwrap_err();
    failed(&server, "refused_by_peer", 1.0).await;

    *load.identity.lock().unwrap() = new.spiffe_client();
    load.goes_on().await;
    secret.swap(&new.server("third"), &[new.ca()]);
    reloads(&server, "success", 2.0).await;
    load.goes_on().await;
    assert_eq!(server.admin.metrics().await.sum(FAILED, &[]), 1.0);

    // A connection that is open stays, whoever has let it in; a new one of the same client is refused.
    before.say_hello(HelloRequest::default()).await.unwrap();
    let trusted = fs::read_to_string(new.ca()).unwrap();
    let refused = trusting(address, &trusted, &old.dns_client()).await;
    if let Ok(mut greeter) = refused {
        // With TLS 1.3, a client hears of it only after its own part of the handshake.
        greeter.say_hello(HelloRequest::default()).await.unwrap_err();
    }

    let calls = load.end().await + 2;
    let metrics = server.admin.metrics().await;
    assert_eq!(metrics.codes("SayHello"), [("OK", calls as f64)]);
}

/// A copy that is not done in one step: the certificate is new, and its key is not yet.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn files_that_change_one_by_one_are_taken_when_they_fit() {
    let pki = Pki::new();
    let (cert, next) = (pki.server("server"), pki.server("next"));
    let server = start(often(tls("tls", &cert))).await;
    let load = Load::start(server.address, &[pki.ca()], pki.spiffe_client());
    load.goes_on().await;
    fs::copy(&next.cert, &cert.cert).unwrap();
    reloads(&server, "failure", 2.0).await;
    let (_, page) = server.admin.get("/debug/config").await;
    assert!(page.contains("TLS of the service port: not reloaded since"), "{page}");
    assert!(page.contains("another key than that of the certificate"), "{page}");
    load.goes_on().await;
    fs::copy(&next.key, &cert.key).unwrap();
    reloads(&server, "success", 1.0).await;
    let (_, page) = server.admin.get("/debug/config").await;
    assert!(!page.contains("not reloaded"), "{page}");
    load.goes_on().await;
    let calls = load.end().await;
    let metrics = server.admin.metrics().await;
    assert_eq!(metrics.codes("SayHello"), [("OK", calls as f64)]);
    none_failed(&server).await;
    let lines = server.lines();
    let said = lines.iter().filter(|line| line.contains("the TLS files are no good"));
    assert_eq!(said.count(), 1, "once, though it failed at every look: {lines:?}");
}

#[tokio::test]
async fn a_certificate_that_expires_within_fourteen_days_is_warned_of() {
    const DAY: Duration = Duration::from_secs(24 * 60 * 60);
    let pki = Pki::new();
    for (days, warns) in [(13, true), (15, false)] {
        // An hour more, so that these are whole days.
        let cert = pki.server_for(days * DAY + DAY / 24);
        let mut server = start(often(tls("tls", &cert))).await;
        goes_on(&server, &pki).await;
        server.signal("TERM");
        assert!(server.wait().await.success());
        let lines = server.lines();
        let said: Vec<_> =
            lines.iter().filter(|line| line.contains("is about to expire")).collect();
        assert_eq!(said.len(), usize::from(warns), "{lines:?}");
        let days = format!(r#""days_left":{days}"#);
        assert!(said.iter().all(|line| line.contains("WARN") && line.contains(&days)), "{said:?}");
    }
}

/// The series that an alert is made of.
#[tokio::test]
async fn when_the_certificate_expires_is_a_metric() {
    let pki = Pki::new();
    let server = start(tls("tls", &pki.expired_server())).await;
    let name = "rootcap_tls_certificate_not_after_timestamp_seconds";
    // The first moment of 2021.
    server.admin.until(name, &[("port", "service")], 1_609_459_200.0).await;
    let (_, page) = server.admin.get("/debug/config").await;
    assert!(page.contains("CN=server") && page.contains("2021-01-01T00:00:00Z (-"), "{page}");
}
