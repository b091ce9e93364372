//! Socket activation: a supervisor hands its sockets to the process.

use std::{
    fs::{self, File},
    net::{SocketAddr, TcpListener, UdpSocket},
    os::{fd::AsFd, unix::net::UnixListener},
    path::Path,
};

use rootcap_proto::helloworld::{HelloRequest, greeter_client::GreeterClient};
use rootcap_tests::{
    example::{self, Example},
    supervisor::hand_over,
    wait,
};
use tokio::process::Command;
use tonic::transport::{Channel, Endpoint};

use crate::listening::{greets, socket, unix};

fn anywhere() -> (TcpListener, SocketAddr) {
    let socket = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = socket.local_addr().unwrap();
    (socket, address)
}

fn greeter() -> Command {
    example::command("greeter", &[])
}

fn lazy(address: SocketAddr) -> Channel {
    Endpoint::from_shared(format!("http://{address}")).unwrap().connect_lazy()
}

#[tokio::test]
async fn sockets_stand_in_place_of_the_settings_and_the_log_says_so() {
    let ((calls, called), (admin, asked)) = (anywhere(), anywhere());
    let names = [("LISTEN_FDNAMES", "grpc:admin")];
    let example = Example::of(&mut hand_over(&greeter(), &[&calls, &admin], &names)).await;
    assert_eq!((example.address, example.admin.address()), (called, asked));
    assert_eq!(example.admin.status("/readyz").await, 200);
    greets(lazy(called)).await;
    let told = example.line("a line", |line| line.contains("on the sockets of LISTEN_FDS")).await;
    for said in ["listen, admin.listen", &called.to_string(), &asked.to_string()] {
        assert!(told.contains(said), "{told}");
    }
}

#[tokio::test]
async fn what_is_not_handed_over_is_bound_as_the_settings_say() {
    let (socket, address) = anywhere();
    let calls = Example::spawn(hand_over(&greeter(), &[&socket], &[])).await;
    assert_eq!(calls.address, address);
    assert_ne!(calls.admin.address(), address);
    let admin = [("LISTEN_FDNAMES", "admin")];
    let admin = Example::spawn(hand_over(&greeter(), &[&socket], &admin)).await;
    assert_eq!(admin.admin.address(), address);
    greets(lazy(admin.address)).await;
}

#[tokio::test]
async fn a_unix_socket_is_served_and_its_file_is_left_to_its_owner() {
    let path = socket("handed-over");
    let (handed, (tcp, address)) = (UnixListener::bind(&path).unwrap(), anywhere());
    let mut example = Example::of(&mut hand_over(&greeter(), &[&handed, &tcp], &[])).await;
    assert_eq!(example.address, address);
    let line = format!("listening on unix:{}", path.display());
    assert!(example.lines().contains(&line), "{:?}", example.lines());
    greets(unix(path.clone()).await).await;
    example.signal("TERM");
    assert!(example.wait().await.success());
    assert!(path.exists());
    fs::remove_file(path).unwrap();
}

/// Linux says of a descriptor whether it is closed when a program is executed.
#[tokio::test]
async fn children_do_not_get_them() {
    const CLOEXEC: u32 = 0o2_000_000;
    let (socket, _) = anywhere();
    let example = Example::spawn(hand_over(&greeter(), &[&socket], &[])).await;
    let info = fs::read_to_string(format!("/proc/{}/fdinfo/3", example.pid())).unwrap();
    let flags = info.lines().find_map(|line| line.strip_prefix("flags:")).unwrap().trim();
    assert_ne!(u32::from_str_radix(flags, 8).unwrap() & CLOEXEC, 0, "{info}");
}

#[tokio::test]
async fn those_for_another_process_are_left_alone() {
    let (socket, address) = anywhere();
    let other = [("LISTEN_PID", "1"), ("LISTEN_FDNAMES", "too:many:names")];
    let example = Example::spawn(hand_over(&greeter(), &[&socket], &other)).await;
    assert_ne!(example.address, address);
}

#[tokio::test]
async fn they_are_taken_once_and_not_by_a_server_that_brings_its_own() {
    let program = Path::new(env!("CARGO_BIN_EXE_rootcap-test-server"));
    let (socket, address) = anywhere();
    let own = example::program(program, &[("TEST_LISTENER", "yes")]);
    let own = Example::spawn(hand_over(&own, &[&socket], &[])).await;
    assert_ne!(own.address, address);
    let two = example::program(program, &[("TEST_SECOND", "yes")]);
    let two = Example::spawn(hand_over(&two, &[&socket], &[])).await;
    assert_eq!(two.address, address);
    let second = two.line("the second server", |line| line.starts_with("second on ")).await;
    greets(lazy(second["second on ".len()..].parse().unwrap())).await;
}

/// Connections, and calls on them, that are made while no process runs are served by the next one.
#[tokio::test]
async fn no_attempt_is_lost_while_no_process_runs() {
    let (socket, address) = anywhere();
    for _ in 0..3 {
        let attempts: Vec<_> = (0..50)
            .map(|_| {
                let mut client = GreeterClient::new(lazy(address));
                tokio::spawn(async move { client.say_hello(HelloRequest::default()).await })
            })
            .collect();
        // One more, which is sure to wait in the queue by now, behind nobody who is served.
        let waiting = tokio::net::TcpStream::connect(address).await.unwrap();
        let mut example = Example::spawn(hand_over(&greeter(), &[&socket], &[])).await;
        for attempt in attempts {
            wait::for_end("a call", attempt).await.unwrap().unwrap();
        }
        drop(waiting);
        example.signal("TERM");
        assert!(example.wait().await.success());
    }
}

/// What the process says that it ends with.
async fn fails(command: &Command, socket: &dyn AsFd, variables: &[(&str, &str)]) -> String {
    let output = hand_over(command, &[socket], variables).output();
    let output = wait::for_end("the end of the process", output).await.unwrap();
    assert_eq!(output.status.code(), Some(1), "{variables:?}: {output:?}");
    String::from_utf8(output.stderr).unwrap()
}

/// A socket, the variables besides, and two texts that the error has.
type Case<'c> = (&'c dyn AsFd, &'c [(&'c str, &'c str)], &'c str, &'c str);

#[tokio::test]
async fn what_cannot_be_served_is_an_error_that_names_variable_value_and_what_is_accepted() {
    let (listening, _) = anywhere();
    let datagrams = UdpSocket::bind("127.0.0.1:0").unwrap();
    let connected = std::net::TcpStream::connect(listening.local_addr().unwrap()).unwrap();
    let file = File::open("/dev/null").unwrap();
    let path = socket("admin-unix");
    let unix = UnixListener::bind(&path).unwrap();
    fs::remove_file(path).unwrap();
    let admin = ("LISTEN_FDNAMES", "admin");
    let fds = r#"environment variable LISTEN_FDS = "#;
    let cases: [Case<'_>; 9] = [
        (
            &datagrams,
            &[],
            fds,
            r#""1": expected listening stream sockets, TCP or Unix: descriptor 3 is a socket, but none for streams"#,
        ),
        (&connected, &[], fds, r#"descriptor 3 is a socket that does not listen"#),
        (&file, &[], fds, r#"descriptor 3 is no socket"#),
        (&listening, &[("LISTEN_FDS", "2")], fds, r#""2": expected"#),
        (&listening, &[("LISTEN_FDS", "many")], fds, r#""many": expected the number of sockets"#),
        (
            &unix,
            &[admin],
            fds,
            r#""1": expected a listening TCP socket by the name of "admin" in LISTEN_FDNAMES: descriptor 3 is a Unix socket"#,
        ),
        (
            &listening,
            &[("LISTEN_FDNAMES", "a:b")],
            "environment variable LISTEN_FDNAMES = ",
            r#""a:b": expected a name for each of the 1 sockets"#,
        ),
        (
            &listening,
            &[("LISTEN_PID", "me")],
            "environment variable LISTEN_PID = ",
            r#""me": expected the id of a process"#,
        ),
        (
            &listening,
            &[admin, ("ROOTCAP_ADMIN__LISTEN", "off")],
            "LISTEN_FDNAMES",
            r#"admin.listen = "off""#,
        ),
    ];
    for (socket, variables, name, expected) in cases {
        let said = fails(&greeter(), socket, variables).await;
        assert!(said.contains(name) && said.contains(expected), "{variables:?}: {said}");
    }
}

#[tokio::test]
async fn an_address_is_shared_only_where_one_is_bound() {
    let (socket, _) = anywhere();
    let said = fails(&greeter(), &socket, &[("ROOTCAP_CONNECTION__REUSE_PORT", "on")]).await;
    assert!(said.contains(r#"connection.reuse_port = "on": it does nothing"#), "{said}");
}
