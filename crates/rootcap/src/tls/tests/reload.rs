//! Files that change.

use std::fs;

use super::{
    pki::{Authority, Issued},
    *,
};

/// The serial number of the certificate in use.
fn serial(tls: &Tls) -> String {
    tls.status().serial
}

fn error(tls: &Tls) -> String {
    tls.status().error.unwrap_or_default()
}

#[tokio::test]
async fn a_directory_that_is_swapped_takes_effect() {
    let authority = Authority::new();
    let directory = Directory::of(&authority.issue(1));
    let tls = tls(&directory);
    assert!(!tls.look().await);
    let Issued { cert, key } = authority.issue(2);
    directory.swap(&cert, &key, None);
    assert!(tls.look().await);
    assert_eq!((serial(&tls), error(&tls)), ("02".to_owned(), String::new()));
}

/// The time of the last change, or the number of the file, would say otherwise.
#[tokio::test]
async fn the_same_content_is_no_change() {
    let Issued { cert, key } = Authority::new().issue(1);
    let directory = Directory::new(&cert, &key, None);
    let tls = tls(&directory);
    let before = tls.current();
    directory.swap(&cert, &key, None);
    assert!(!tls.look().await);
    assert!(std::sync::Arc::ptr_eq(&before, &tls.current()));
}

#[tokio::test]
async fn a_set_that_does_not_fit_keeps_the_one_before_until_it_does() {
    let authority = Authority::new();
    let (old, new) = (authority.issue(1), authority.issue(2));
    let directory = Directory::of(&old);
    let tls = tls(&directory);
    // As a copy looks of which one file is there and the other is not.
    directory.swap(&new.cert, &old.key, None);
    assert!(!tls.look().await);
    assert_eq!(serial(&tls), "01");
    assert!(error(&tls).contains("another key than that of the certificate"), "{}", error(&tls));
    assert!(tls.status().error_since.is_some());
    directory.swap(&new.cert, &new.key, None);
    assert!(tls.look().await);
    assert_eq!((serial(&tls), error(&tls)), ("02".to_owned(), String::new()));
}

#[tokio::test]
async fn each_failure_is_new_once() {
    let authority = Authority::new();
    let Issued { cert, key } = authority.issue(1);
    let directory = Directory::new(&cert, &key, None);
    let tls = tls(&directory);
    directory.swap("", &key, None);
    tls.look().await;
    let first = tls.status();
    assert!(!tls.note(first.error.clone()), "it was noted");
    tls.look().await;
    assert_eq!(tls.status().error_since, first.error_since);
    fs::remove_file(directory.path("tls.key")).unwrap();
    directory.swap(&cert, &key, None);
    tls.look().await;
    assert!(error(&tls).starts_with("tls.key = ") && error(&tls).contains("cannot be read"));
}

#[tokio::test]
async fn files_that_are_as_they_were_before_a_failure_are_good_again() {
    let Issued { cert, key } = Authority::new().issue(1);
    let directory = Directory::new(&cert, &key, None);
    let tls = tls(&directory);
    directory.swap(&cert, "", None);
    tls.look().await;
    assert_ne!(error(&tls), "");
    directory.swap(&cert, &key, None);
    assert!(!tls.look().await);
    assert_eq!(error(&tls), "");
}

#[tokio::test]
async fn a_bad_client_ca_keeps_all_the_others() {
    let authority = Authority::new();
    let (old, new) = (authority.issue(1), authority.issue(2));
    let directory = Directory::new(&old.cert, &old.key, Some(&authority.pem()));
    let tls = tls(&directory);
    directory.swap(&new.cert, &new.key, Some(""));
    assert!(!tls.look().await);
    assert_eq!(serial(&tls), "01");
    directory.swap(&new.cert, &new.key, None);
    assert!(!tls.look().await);
    assert!(error(&tls).starts_with("tls.client_ca = "), "{}", error(&tls));
    directory.swap(&new.cert, &new.key, Some(&Authority::new().pem()));
    assert!(tls.look().await);
    assert_eq!(serial(&tls), "02");
}

/// Looks for as long as it takes, by itself.
#[tokio::test]
async fn the_watch_looks_at_every_interval() {
    let authority = Authority::new();
    let directory = Directory::of(&authority.issue(1));
    let mut settings = directory.settings();
    settings.reload_interval = std::time::Duration::from_millis(1);
    let tls = Tls::load(&settings, Port::Admin).unwrap().unwrap();
    let watch = tokio::spawn(tls.clone().watch());
    for number in 2..5 {
        let Issued { cert, key } = authority.issue(number);
        directory.swap(&cert, &key, None);
        while serial(&tls) != format!("0{number}") {
            tokio::task::yield_now().await;
        }
    }
    watch.abort();
}
