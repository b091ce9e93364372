//! What `docs/` says of deployments, beside what the code does.

use std::{fs, path::Path, time::Duration};

use rootcap::config::{Config, Listener};
use rootcap_tests::{admin::Admin, server::start};

fn page(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs").join(name);
    fs::read_to_string(path).unwrap()
}

/// What follows `key: ` wherever it stands, up to a comma, a brace or a blank.
fn values<'t>(text: &'t str, key: &str) -> Vec<&'t str> {
    let key = format!(" {key}: ");
    let ends = |c: char| c == ',' || c == '}' || c.is_whitespace();
    text.split(&*key).skip(1).map(|rest| rest.split(ends).next().unwrap()).collect()
}

fn seconds(text: &str) -> Duration {
    Duration::from_secs(text.parse().unwrap())
}

/// The whole second that the process may need after the deadline, and one to spare.
const MARGIN: Duration = Duration::from_secs(2);

#[test]
fn nobody_is_killed_before_the_drain_is_over() {
    let drain = Config::default().drain.deadline;
    let text = page("kubernetes.md");
    let [grace] = values(&text, "terminationGracePeriodSeconds")[..] else { panic!("one") };
    assert!(seconds(grace) >= drain + MARGIN);
    let unit = page("systemd.md");
    let stop = unit.lines().find_map(|line| line.strip_prefix("TimeoutStopSec=")).unwrap();
    assert!(seconds(stop) >= drain + MARGIN);
    for page in [&text, &unit] {
        assert!(page.contains("drain.deadline (25s)") && drain == seconds("25"));
    }
}

#[test]
fn the_ports_are_those_of_the_settings() {
    let text = page("kubernetes.md");
    let ports = values(&text, "containerPort").into_iter().map(|it| it.parse().unwrap());
    let config = Config::default();
    let listeners = config.listen.into_iter().chain(config.admin.listen);
    let expected: Vec<_> = listeners
        .map(|listener| match listener {
            Listener::Port(port) => port,
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(ports.collect::<Vec<u16>>(), expected);
}

/// The probes' pages are there, for whoever asks: the kubelet has no token.
#[tokio::test]
async fn the_probes_are_answered() {
    let text = page("kubernetes.md");
    let paths = values(&text, "httpGet: { path");
    assert_eq!(paths, ["/readyz", "/readyz", "/livez"]);
    let server = start(|_| {}).await;
    for path in paths {
        assert_eq!(Admin::of(&server).status(path).await, 200, "{path}");
    }
}

/// Every setting that a page names is one.
#[test]
fn settings_in_the_docs_exist() {
    let known = rootcap::config::example();
    for name in ["kubernetes.md", "systemd.md", "restarts.md"] {
        let text = page(name);
        let words = text.split(|c: char| !(c.is_ascii_alphanumeric() || "_.-".contains(c)));
        let sections = ["drain.", "connection.", "admin.", "tls.", "log."];
        for word in words.map(|word| word.trim_end_matches('.')) {
            let Some(section) = sections.iter().find(|section| word.starts_with(**section)) else {
                continue;
            };
            let key = &word[section.len()..];
            let head = format!("[{}]", section.trim_end_matches('.'));
            let rows = known.split(&*head).nth(1).unwrap_or_default();
            let rows = rows.split("\n[").next().unwrap_or_default();
            assert!(rows.contains(&format!("{key} = ")), "{name}: {word}");
        }
    }
}
