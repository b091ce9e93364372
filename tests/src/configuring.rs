//! The settings of a program, from its file and its environment.

use std::{env, fs, path::PathBuf, process};

use http::StatusCode;
use rootcap_tests::example::{self, Example};
use serde_json::Value;

use crate::refusing::failure;

#[tokio::test]
async fn a_malformed_address_is_named_with_its_variable() {
    let error = failure(&[("ROOTCAP_LISTEN", "nonsense")]).await;
    for part in ["listen", "nonsense", "ROOTCAP_LISTEN"] {
        assert!(error.contains(part), "{part} is missing: {error}");
    }
}

/// Cargo passes on what the build script sets for the compiler; the settings took it for misspelt ones of theirs.
#[tokio::test]
async fn the_command_of_the_readme_starts_the_greeter() {
    let mut server = Example::spawn(example::cargo_run("greeter", &[])).await;
    assert_eq!(server.admin.status("/readyz").await, StatusCode::OK);
    server.signal("TERM");
    assert!(server.wait().await.success(), "{:?}", server.lines());
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
async fn a_program_prints_its_settings_and_their_sources() {
    let mut command = example::command("greeter", &[("ROOTCAP_DRAIN__DEADLINE", "7s")]);
    let output = command.arg("--print-config").output().await.unwrap();
    assert!(output.status.success());
    let text = String::from_utf8(output.stdout).unwrap();
    let line = text.lines().find(|line| line.contains("7s"));
    assert!(line.is_some_and(|line| line.contains("ROOTCAP_DRAIN__DEADLINE")), "{text}");
}

/// A file of settings; removed when dropped.
struct File(PathBuf);

impl File {
    fn new(name: &str, text: &str) -> Self {
        let path = env::temp_dir().join(format!("rootcap-test-{}-{name}.toml", process::id()));
        fs::write(&path, text).unwrap();
        Self(path)
    }

    fn path(&self) -> &str {
        self.0.to_str().unwrap()
    }
}

impl Drop for File {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

#[tokio::test]
async fn a_bad_line_of_a_file_is_named_by_its_number() {
    let file = File::new("bad", "[drain]\n\ndeadline = \"soon\"\n");
    let error = failure(&[("ROOTCAP_CONFIG", file.path())]).await;
    let place = format!("{}:3", file.path());
    for part in ["drain.deadline", "soon", place.as_str()] {
        assert!(error.contains(part), "{part} is missing: {error}");
    }
}

#[tokio::test]
async fn the_environment_counts_more_than_the_file() {
    let file = File::new("good", "[drain]\ndeadline = \"7s\"\nlame_duck = \"1ms\"\n");
    let settings = [("ROOTCAP_CONFIG", file.path()), ("ROOTCAP_DRAIN__LAME_DUCK", "2ms")];
    let example = Example::start("greeter", &settings).await;
    let (status, page) = example.admin.get("/debug/config").await;
    assert_eq!(status, StatusCode::OK);
    let row = |key: &str| page.lines().find(|line| line.starts_with(key)).unwrap().to_owned();
    let (deadline, lame_duck) = (row("drain.deadline"), row("drain.lame_duck"));
    assert!(deadline.contains("\"7s\"") && deadline.contains(file.path()), "{deadline}");
    assert!(
        lame_duck.contains("\"2ms\"") && lame_duck.contains("ROOTCAP_DRAIN__LAME_DUCK"),
        "{lame_duck}"
    );
    assert!(row("connection.max_age ").contains("default"));
}

#[tokio::test]
async fn variables_that_kubernetes_injects_and_unknown_ones_of_otel_fail_nothing() {
    let settings = [
        ("ROOTCAP_PORT", "tcp://10.0.0.1:8081"),
        ("ROOTCAP_PORT_8081_TCP_ADDR", "10.0.0.1"),
        ("ROOTCAP_SERVICE_HOST", "10.0.0.1"),
        ("ROOTCAP_SERVICE_PORT_GRPC", "8081"),
        ("OTEL_NO_SUCH_THING", "1"),
    ];
    let example = Example::start("greeter", &settings).await;
    let warning = example.line("the warning", |line| line.contains("OTEL_NO_SUCH_THING")).await;
    assert!(warning.contains("WARN"), "{warning}");
    assert!(!example.lines().iter().any(|line| line.contains("ROOTCAP_")), "{:?}", example.lines());
}

#[tokio::test]
async fn a_program_says_what_it_is() {
    let example = Example::start("faults", &[]).await;
    let (_, text) = example.admin.get("/info").await;
    let info: Value = serde_json::from_str(&text).unwrap();
    let version = info["Version"].as_str().unwrap();
    assert!(
        version.starts_with(concat!(
            env!("CARGO_PKG_VERSION_MAJOR"),
            ".",
            env!("CARGO_PKG_VERSION_MINOR"),
            "."
        )),
        "{version}"
    );
    assert_eq!(info["Pid"], example.pid());
    assert_eq!(info["Services"]["helloworld.Greeter"][0], "SayHello");
    assert_eq!(info["Services"]["rootcap.testing.Faults"].as_array().unwrap().len(), 12);
    let (start, now) = (&info["StartTimeEpochSecs"], &info["CurrentTimeEpochSecs"]);
    assert!(start.as_u64().unwrap() <= now.as_u64().unwrap());
    assert!(info["Uptime"].as_str().unwrap().ends_with('s'));
}

#[tokio::test]
async fn a_token_guards_the_pages_that_are_not_for_everyone() {
    let token = File::new("token", "a-token-of-some-length-0123456789");
    let example = Example::start("greeter", &[("ROOTCAP_ADMIN__TOKEN_FILE", token.path())]).await;
    for public in ["/metrics", "/livez", "/readyz", "/healthz", "/info"] {
        assert_eq!(example.admin.status(public).await, StatusCode::OK, "{public}");
    }
    for guarded in ["/", "/connections", "/debug/", "/debug/config", "/debug/stack"] {
        let (status, page) = example.admin.get(guarded).await;
        assert_eq!(status, StatusCode::UNAUTHORIZED, "{guarded}");
        assert!(!page.contains("a-token-of"), "{page}");
    }
}
