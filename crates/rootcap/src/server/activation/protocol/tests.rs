//! The three variables, and what they come to.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use proptest::prelude::*;

use super::*;

const THIS: u32 = 4_711;

fn read_all(variables: &[(&str, &str)]) -> Result<Vec<HandedOver>, String> {
    let find = |name: &str| variables.iter().find(|(known, _)| *known == name);
    read(|name| find(name).map(|(_, value)| OsString::from(value)), THIS)
}

#[test]
fn sockets_are_numbered_from_three_and_those_named_admin_are_for_the_admin_port() {
    let all = [("LISTEN_PID", "4711"), ("LISTEN_FDS", "3"), ("LISTEN_FDNAMES", "grpc:admin:")];
    let expected = [(3, Port::Service), (4, Port::Admin), (5, Port::Service)];
    let found: Vec<_> = read_all(&all).unwrap().iter().map(|it| (it.number, it.port)).collect();
    assert_eq!(found, expected);
    let unnamed = read_all(&all[..2]).unwrap();
    assert!(unnamed.len() == 3 && unnamed.iter().all(|it| it.port == Port::Service));
}

#[test]
fn what_is_for_another_process_or_for_nobody_is_none() {
    for variables in [
        &[][..],
        &[("LISTEN_FDS", "2")],
        &[("LISTEN_PID", "4711")],
        &[("LISTEN_PID", "1"), ("LISTEN_FDS", "2")],
        // Not ours, and none of our business.
        &[("LISTEN_PID", "1"), ("LISTEN_FDS", "x"), ("LISTEN_FDNAMES", "::")],
        &[("LISTEN_PID", "4711"), ("LISTEN_FDS", "0")],
        &[("LISTEN_PID", "4711"), ("LISTEN_FDS", "0"), ("LISTEN_FDNAMES", "")],
    ] {
        assert_eq!(read_all(variables), Ok(Vec::new()), "{variables:?}");
    }
}

#[test]
fn what_makes_no_sense_is_told_by_name_value_and_what_is_accepted() {
    for (pid, fds, names, told) in [
        ("me", "1", "a", r#"LISTEN_PID = "me": expected the id of a process"#),
        ("4711", "one", "a", r#"LISTEN_FDS = "one": expected the number of sockets"#),
        ("4711", "-1", "a", r#"LISTEN_FDS = "-1": expected"#),
        ("4711", "65536", "a", r#"LISTEN_FDS = "65536": expected"#),
        (
            "4711",
            "1",
            "a:admin",
            r#"LISTEN_FDNAMES = "a:admin": expected a name for each of the 1 sockets"#,
        ),
        ("4711", "3", "a:b", r#"LISTEN_FDNAMES = "a:b": expected a name for each of the 3"#),
        ("4711", "0", "a", r#"LISTEN_FDNAMES = "a": expected"#),
    ] {
        let all = [("LISTEN_PID", pid), ("LISTEN_FDS", fds), ("LISTEN_FDNAMES", names)];
        let error = read_all(&all).unwrap_err();
        assert!(error.starts_with(&format!("environment variable {told}")), "{error}");
    }
}

proptest! {
    /// Every socket is found, with its own number, and only those of the name are the admin port's.
    #[test]
    fn each_name_has_its_socket(names in prop::collection::vec("admin|[a-z]{0,6}", 1..20)) {
        let (count, joined) = (names.len().to_string(), names.join(":"));
        let all = [("LISTEN_PID", "4711"), ("LISTEN_FDS", &*count), ("LISTEN_FDNAMES", &*joined)];
        let found = read_all(&all).unwrap();
        prop_assert_eq!(found.len(), names.len());
        for ((at, name), socket) in names.iter().enumerate().zip(found) {
            prop_assert_eq!(socket.number, 3 + RawFd::try_from(at).unwrap());
            prop_assert_eq!(socket.port == Port::Admin, name == "admin");
        }
    }
}
