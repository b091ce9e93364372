//! Where a server listens.

use std::{
    env,
    net::{SocketAddr, TcpListener},
    path::PathBuf,
    process,
};

use hyper_util::rt::TokioIo;
use rootcap::{
    LocalAddr,
    config::{Config, Listener, Tls},
};
use rootcap_proto::helloworld::{HelloRequest, greeter_client::GreeterClient};
use rootcap_tests::{
    admin::Admin,
    pki::Pki,
    server::{anywhere, builder, greeter, services, start},
};
use tokio::net::UnixStream;
use tonic::transport::{Channel, Endpoint, Uri};

pub(crate) async fn greets(channel: Channel) {
    GreeterClient::new(channel).say_hello(HelloRequest::default()).await.unwrap();
}

async fn tcp(address: SocketAddr) -> Channel {
    Endpoint::from_shared(format!("http://{address}")).unwrap().connect().await.unwrap()
}

pub(crate) async fn unix(path: PathBuf) -> Channel {
    let connector = tower::service_fn(move |_: Uri| {
        let path = path.clone();
        async move { UnixStream::connect(path).await.map(TokioIo::new) }
    });
    Endpoint::from_static("http://local").connect_with_connector(connector).await.unwrap()
}

/// A path for a socket that no other test uses.
pub(crate) fn socket(name: &str) -> PathBuf {
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
async fn without_an_admin_port_there_is_none() {
    let server = start(|settings| settings.admin.listen = None).await;
    assert_eq!(server.admin_addr(), None);
    greets(tcp(server.local_addr()).await).await;
    server.stop();
    server.wait().await.unwrap();
}

/// TLS is for the internet: on a Unix socket, the file says who may connect.
#[tokio::test]
async fn a_unix_socket_beside_a_port_with_tls_has_none() {
    let (path, pki) = (socket("beside-tls"), Pki::new());
    let cert = pki.server("server");
    let tls = Tls { cert: Some(cert.cert), key: Some(cert.key), ..Tls::default() };
    let listen = vec![anywhere(), Listener::Unix(path.clone())];
    let both = |settings: &mut Config| (settings.listen, settings.tls) = (listen, tls.clone());
    let server = start(both).await;
    greets(unix(path.clone()).await).await;
    drop(server);

    let only = builder().configure(|settings| {
        (settings.listen, settings.tls) = (vec![Listener::Unix(socket("no-tls"))], tls);
    });
    let error = only.start(services()).await.unwrap_err();
    assert!(error.is_config() && format!("{error:?}").contains("tls.cert = "), "{error:?}");
}
