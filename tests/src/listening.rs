//! Where a server listens, and what it says when it cannot.

use std::{
    env,
    net::{SocketAddr, TcpListener},
    path::PathBuf,
    process,
};

use hyper_util::rt::TokioIo;
use rootcap::{LocalAddr, Server, config::Listener};
use rootcap_proto::helloworld::{HelloRequest, greeter_client::GreeterClient};
use rootcap_tests::{
    admin::Admin,
    example,
    server::{anywhere, builder, greeter, services, start},
};
use tokio::net::{TcpStream, UnixStream};
use tonic::transport::{Channel, Endpoint, Uri};

async fn greets(channel: Channel) {
    GreeterClient::new(channel).say_hello(HelloRequest::default()).await.unwrap();
}

async fn tcp(address: SocketAddr) -> Channel {
    Endpoint::from_shared(format!("http://{address}")).unwrap().connect().await.unwrap()
}

async fn unix(path: PathBuf) -> Channel {
    let connector = tower::service_fn(move |_: Uri| {
        let path = path.clone();
        async move { UnixStream::connect(path).await.map(TokioIo::new) }
    });
    Endpoint::from_static("http://local").connect_with_connector(connector).await.unwrap()
}

/// A path for a socket that no other test uses.
fn socket(name: &str) -> PathBuf {
    env::temp_dir().join(format!("rootcap-test-{}-{name}.sock", process::id()))
}

#[tokio::test]
async fn several_listeners_a_unix_socket_among_them() {
    let path = socket("several");
    let listen = vec![anywhere(), Listener::Unix(path.clone()), anywhere()];
    let server = start(|settings| settings.listen = listen).await;
    let [LocalAddr::Tcp(first), LocalAddr::Unix(second), LocalAddr::Tcp(third)] =
        server.local_addrs()
    else {
        panic!("{:?}", server.local_addrs());
    };
    assert_eq!((*first, second), (server.local_addr(), &path));
    assert_ne!(first, third);
    let channels = [tcp(*first).await, unix(path.clone()).await, tcp(*third).await];
    for channel in channels.clone() {
        greets(channel).await;
    }
    let rows = Admin::of(&server).connections().await;
    assert_eq!(rows.len(), 3);
    assert_eq!(rows[1]["Addr"], format!("unix:pid={}", process::id()));

    server.stop();
    server.wait().await.unwrap();
    assert!(!path.exists(), "the socket's file is removed");
}

#[tokio::test]
async fn a_socket_file_of_a_process_that_has_gone_is_replaced() {
    let path = socket("stale");
    drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
    assert!(path.exists());
    let listen = Listener::Unix(path.clone());
    let _server = start(|settings| settings.listen = vec![listen]).await;
    greets(unix(path).await).await;
}

#[tokio::test]
async fn a_socket_file_that_is_in_use_or_no_socket_stays() {
    let path = socket("in-use");
    let listen = vec![Listener::Unix(path.clone())];
    let _first = start(|settings| settings.listen = listen.clone()).await;
    let second = builder().configure(|settings| settings.listen = listen).start(services()).await;
    let error = second.unwrap_err();
    assert!(error.is_bind());
    assert!(format!("{error:?}").contains(path.to_str().unwrap()), "{error:?}");
    greets(unix(path).await).await;

    let path = socket("file");
    std::fs::write(&path, "precious").unwrap();
    let listen = vec![Listener::Unix(path.clone())];
    let error = builder().configure(|settings| settings.listen = listen).start(services()).await;
    assert!(error.unwrap_err().is_bind());
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "precious");
    std::fs::remove_file(path).unwrap();
}

#[tokio::test]
async fn listeners_that_are_handed_over() {
    let listeners = [(); 2].map(|()| TcpListener::bind("127.0.0.1:0").unwrap());
    let addresses = [0, 1].map(|index: usize| listeners[index].local_addr().unwrap());
    let [first, second] = listeners;
    let server = builder().listener(first).listener(second).start(services()).await.unwrap();
    assert_eq!(server.local_addrs(), addresses.map(LocalAddr::Tcp));
    for address in addresses {
        greets(tcp(address).await).await;
    }
}

#[tokio::test]
async fn an_ipv4_caller_reaches_all_interfaces_and_is_shown_as_such() {
    let server = start(|settings| settings.listen = vec![Listener::Port(0)]).await;
    let address = ([127, 0, 0, 1], server.local_addr().port()).into();
    greets(tcp(address).await).await;
    let mut client = greeter(&start(|_| {}).await).await;
    client.say_hello(HelloRequest::default()).await.unwrap();
    let _open = tcp(address).await;
    let rows = Admin::of(&server).connections().await;
    assert!(
        rows.iter().all(|row| row["Addr"].as_str().unwrap().starts_with("127.0.0.1:")),
        "{rows:?}"
    );
}

#[tokio::test]
async fn the_default_is_all_interfaces_8081_and_8080() {
    let settings = rootcap::config::Config::default();
    assert_eq!(settings.listen, [Listener::Port(8081)]);
    assert_eq!(settings.admin.listen, Some(Listener::Port(8080)));
}

#[tokio::test]
async fn an_address_in_use_is_named_with_its_setting() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let _taken = TcpListener::bind(taken).unwrap();
    let listen = vec![taken.into()];
    let started = builder().configure(|settings| settings.listen = listen).start(services()).await;
    let error = started.unwrap_err();
    assert!(error.is_bind());
    let text = error.to_string();
    assert!(text.contains(&taken.to_string()) && text.contains("`listen`"), "{text}");
    assert!(format!("{error:?}").contains("in use"), "{error:?}");
}

/// A documentation address (RFC 5737) is no machine's.
#[tokio::test]
async fn an_address_of_another_machine_is_named_with_its_setting() {
    let elsewhere: SocketAddr = "192.0.2.1:0".parse().unwrap();
    let settings = |service: Listener, admin: Listener| {
        builder().configure(move |settings| {
            settings.listen = vec![service];
            settings.admin.listen = Some(admin);
        })
    };
    let error = settings(elsewhere.into(), anywhere()).start(services()).await.unwrap_err();
    let text = error.to_string();
    assert!(error.is_bind() && text.contains("192.0.2.1:0") && text.contains("`listen`"), "{text}");
    let error = settings(anywhere(), elsewhere.into()).start(services()).await.unwrap_err();
    let text = error.to_string();
    assert!(
        error.is_bind() && text.contains("192.0.2.1:0") && text.contains("`admin.listen`"),
        "{text}"
    );
}

#[tokio::test]
async fn an_admin_port_in_use_leaves_nothing_half_started() {
    let admin = TcpListener::bind("127.0.0.1:0").unwrap();
    let admin_address = admin.local_addr().unwrap();
    let service = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let started = builder()
        .configure(|settings| {
            settings.listen = vec![service.into()];
            settings.admin.listen = Some(admin_address.into());
        })
        .start(services())
        .await;
    let error = started.unwrap_err();
    let text = error.to_string();
    assert!(text.contains(&admin_address.to_string()) && text.contains("`admin.listen`"), "{text}");
    assert!(TcpStream::connect(service).await.is_err(), "nobody listens");
    TcpListener::bind(service).unwrap();
}

#[tokio::test]
async fn the_second_of_two_listeners_failing_closes_the_first() {
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let elsewhere: SocketAddr = "192.0.2.1:0".parse().unwrap();
    let listen = vec![free.into(), elsewhere.into()];
    let started = builder().configure(|settings| settings.listen = listen).start(services()).await;
    assert!(started.unwrap_err().is_bind());
    TcpListener::bind(free).unwrap();
}

#[tokio::test]
async fn without_an_admin_port_there_is_none() {
    let server = start(|settings| settings.admin.listen = None).await;
    assert_eq!(server.admin_addr(), None);
    greets(tcp(server.local_addr()).await).await;
    server.stop();
    server.wait().await.unwrap();
}

#[tokio::test]
async fn an_admin_port_on_a_unix_socket_is_refused() {
    let path = socket("admin");
    let listen = Listener::Unix(path.clone());
    let started = builder()
        .configure(|settings| settings.admin.listen = Some(listen))
        .start(services())
        .await;
    let error = format!("{:?}", started.unwrap_err());
    assert!(error.contains("admin.listen") && error.contains(path.to_str().unwrap()), "{error}");
    assert!(!path.exists());
}

#[tokio::test]
async fn a_descriptor_set_that_is_not_valid_fails_the_start() {
    let started = Server::builder()
        .config(rootcap_tests::server::settings())
        .descriptors(b"no descriptor set")
        .start(services())
        .await;
    assert!(!started.unwrap_err().is_bind());
}

/// What a program that cannot start writes, with these settings; it must fail.
async fn failure(settings: &[(&str, &str)]) -> String {
    let output = example::command("greeter", settings).output().await.unwrap();
    assert!(!output.status.success());
    assert_eq!(String::from_utf8_lossy(&output.stdout), "", "it did not begin to serve");
    String::from_utf8(output.stderr).unwrap()
}

#[tokio::test]
async fn a_malformed_address_is_named_with_its_variable() {
    let error = failure(&[("ROOTCAP_LISTEN", "nonsense")]).await;
    for part in ["listen", "nonsense", "ROOTCAP_LISTEN"] {
        assert!(error.contains(part), "{part} is missing: {error}");
    }
}

#[tokio::test]
async fn all_bad_settings_are_named_at_once() {
    let settings = [
        ("ROOTCAP_DRAIN__DEADLINE", "soon"),
        ("ROOTCAP_LOG__CALLS", "some"),
        ("ROOTCAP_LISTN", ":1"),
    ];
    let error = failure(&settings).await;
    for part in ["drain.deadline", "soon", "log.calls", "some", "ROOTCAP_LISTN"] {
        assert!(error.contains(part), "{part} is missing: {error}");
    }
}

#[tokio::test]
async fn a_port_in_use_fails_a_program_at_once() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let error = failure(&[("ROOTCAP_LISTEN", &address)]).await;
    assert!(error.contains(&address) && error.contains("listen"), "{error}");
}

#[tokio::test]
async fn a_program_prints_its_settings_and_their_sources() {
    let mut command = example::command("greeter", &[("ROOTCAP_DRAIN__DEADLINE", "7s")]);
    let output = command.arg("--print-config").output().await.unwrap();
    assert!(output.status.success());
    let text = String::from_utf8(output.stdout).unwrap();
    let line = text.lines().find(|line| line.contains("7s"));
    assert!(line.is_some_and(|line| line.contains("ROOTCAP_DRAIN__DEADLINE")), "{text}");
}
