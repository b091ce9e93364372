//! What a server says that cannot start, and that it leaves nothing half-started.

use std::net::{SocketAddr, TcpListener};

use rootcap::{Server, config::Listener};
use rootcap_tests::{
    example,
    server::{anywhere, builder, services, start},
};
use tokio::net::TcpStream;

use crate::listening::{greets, socket, unix};

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
pub(crate) async fn failure(settings: &[(&str, &str)]) -> String {
    let output = example::command("greeter", settings).output().await.unwrap();
    assert!(!output.status.success());
    assert_eq!(String::from_utf8_lossy(&output.stdout), "", "it did not begin to serve");
    String::from_utf8(output.stderr).unwrap()
}

#[tokio::test]
async fn a_port_in_use_fails_a_program_at_once() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let error = failure(&[("ROOTCAP_LISTEN", &address)]).await;
    assert!(error.contains(&address) && error.contains("listen"), "{error}");
}
