//! Which paths are whose, and what enters the table.

use std::sync::Arc;

use proptest::prelude::*;

use super::*;

fn provisional(methods: &Methods, path: &str) -> Arc<Method> {
    match methods.find(path) {
        Found::Provisional(method) => method,
        Found::Settled(method) => panic!("{path} is settled as {method:?}"),
    }
}

#[test]
fn paths_of_no_known_service_are_unknown() {
    let methods = Methods::builder().service("a.B").build();
    for path in ["", "/", "a.B/C", "/a.B", "/a.B/", "/x.Y/C", "//", "/a.B/C/D"] {
        match methods.find(path) {
            Found::Settled(method) => {
                assert!(Arc::ptr_eq(&method, methods.unknown()), "{path}")
            }
            Found::Provisional(method) => panic!("{path} is provisional as {method:?}"),
        }
    }
}

#[test]
fn a_method_enters_when_it_has_answered() {
    let methods = Methods::builder().service("a.B").build();
    let method = provisional(&methods, "/a.B/C");
    assert!(methods.get("/a.B/C").is_none());
    assert!(methods.adopt(&method));
    assert!(methods.adopt(&method), "adopting twice is the same");
    assert!(Arc::ptr_eq(&methods.get("/a.B/C").expect("adopted"), &method));
}

#[test]
fn the_second_of_two_first_calls_is_absorbed() {
    let methods = Methods::builder().service("a.B").build();
    let (first, second) = (provisional(&methods, "/a.B/C"), provisional(&methods, "/a.B/C"));
    second.stats().start();
    assert!(methods.adopt(&first));
    assert!(!methods.adopt(&second));
    methods.absorb(&second);
    assert_eq!(first.stats().snapshot().started, 1);
    assert_eq!(methods.unknown().stats().snapshot().started, 0);
}

#[test]
fn a_call_that_proved_nothing_counts_for_its_method_once_another_has_proved_it() {
    let methods = Methods::builder().service("a.B").build();
    let (first, cancelled) = (provisional(&methods, "/a.B/C"), provisional(&methods, "/a.B/C"));
    cancelled.stats().start();
    methods.adopt(&first);
    methods.absorb(&cancelled);
    assert_eq!(first.stats().snapshot().started, 1);
    assert_eq!(methods.unknown().stats().snapshot().started, 0);
}

#[test]
fn a_full_table_takes_no_more() {
    let methods = Methods::builder().service("a.B").cap(1).build();
    let (first, second) = (provisional(&methods, "/a.B/C"), provisional(&methods, "/a.B/D"));
    assert!(methods.adopt(&first));
    assert!(!methods.adopt(&second));
    methods.absorb(&second);
    assert!(matches!(methods.find("/a.B/E"), Found::Settled(_)), "no entry is made in vain");
    assert_eq!((methods.refused(), methods.all().len()), (2, 2));
}

proptest! {
    #[test]
    fn a_path_is_split_at_its_last_slash(path in "/?[ab/\u{e9}]{0,8}") {
        let expected = path.strip_prefix('/').and_then(|path| path.rsplit_once('/'));
        prop_assert_eq!(split(&path), expected);
    }
}
