//! Tests of the subscriber, each with one of its own.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{convert::Infallible, process::Command};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Empty;
use rootcap_layers::{
    Call, Methods,
    access_log::Output,
    observe::{ObserveLayer, Observer},
};
use serde_json::Value;
use tower::{Layer, ServiceExt, service_fn};
use tracing::{Level, debug, error, info, info_span, subscriber::NoSubscriber, warn};

use super::*;

#[derive(Clone, Default)]
struct Kept(Arc<Mutex<Vec<u8>>>);

impl Write for Kept {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// To be held by a test that has a subscriber of its own. Where a process has a single one, `tracing` asks whichever
/// thread comes to a callsite first what it thinks of it, and keeps the answer: that of a test that has none is "never".
pub(crate) fn second_dispatch() -> Dispatch {
    Dispatch::new(NoSubscriber::default())
}

/// A log of its own for one test.
pub(crate) struct TestLog {
    pub(crate) logs: Logs,
    dispatch: Dispatch,
    written: Kept,
    _second: Dispatch,
}

impl TestLog {
    pub(crate) fn new(format: LogFormat, filter: &str) -> Self {
        Self::with(LogSettings { format, filter: filter.into(), ..LogSettings::default() })
    }

    pub(crate) fn with(settings: LogSettings) -> Self {
        let (written, _second) = (Kept::default(), second_dispatch());
        let parsed = filter::compile(&settings.filter).unwrap();
        let (installed, dispatch) = Installed::new(&settings, parsed, written.clone()).unwrap();
        let logs = Logs::of(Some(installed), &settings);
        Self { logs, dispatch, written, _second }
    }

    pub(crate) fn run<T>(&self, f: impl FnOnce() -> T) -> T {
        tracing::dispatcher::with_default(&self.dispatch, f)
    }

    pub(crate) fn lines(&self) -> Vec<String> {
        assert!(self.logs.flush(Duration::from_secs(20)));
        let written = std::mem::take(&mut *self.written.0.lock().unwrap());
        String::from_utf8(written).unwrap().lines().map(Into::into).collect()
    }

    pub(crate) fn values(&self) -> Vec<Value> {
        self.lines().iter().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}

fn in_force(logs: &Logs) -> String {
    logs.in_force().unwrap().current().value.clone()
}

fn methods() -> Arc<Methods> {
    Arc::new(Methods::builder().service("a.B").build())
}

/// Calls `handler` as a call of `/a.B/C`, observed by `observer`.
pub(crate) fn serve(observer: impl Observer, mut handler: impl FnMut(&Call) + Send) {
    let service = service_fn(|_request| {
        handler(&Call::current().unwrap());
        std::future::ready(Ok::<_, Infallible>(Response::new(Empty::<Bytes>::new())))
    });
    let service = ObserveLayer::new(observer, methods()).layer(service);
    let request = Request::builder().uri("/a.B/C").body(Empty::<Bytes>::new()).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    drop(runtime.block_on(service.oneshot(request)));
}

/// Of two calls that began at once, the one that did not ask first was written no line.
#[test]
fn which_lines_of_calls_pass_is_known_before_the_first() {
    let log = TestLog::new(LogFormat::Json, "warn");
    let lines = log.logs.installed.as_ref().unwrap().call_lines();
    let passing = [Level::ERROR, Level::WARN, Level::INFO].map(|level| lines.enabled(level));
    assert_eq!(passing, [true, true, false]);
}

#[test]
fn an_event_in_json() {
    let log = TestLog::new(LogFormat::Json, "info");
    log.run(|| {
        info!(number = -7, large = u64::MAX, ratio = 0.5, yes = true, text = "a\"b", debug = ?Some(1), "hello {}", 1);
        debug!("not wanted");
    });
    let [line] = log.values().try_into().unwrap();
    assert_eq!(line["level"], "INFO");
    assert_eq!(line["message"], "hello 1");
    assert_eq!(line["target"], module_path!());
    assert_eq!(line["number"], -7);
    assert_eq!(line["large"], u64::MAX);
    assert_eq!(line["ratio"], 0.5);
    assert_eq!(line["yes"], true);
    assert_eq!(line["text"], "a\"b");
    assert_eq!(line["debug"], "Some(1)");
    assert_eq!(line.get("request_id"), None);
}

#[test]
fn an_event_in_text_is_one_harmless_line() {
    let log = TestLog::new(LogFormat::Text, "info");
    log.run(|| warn!(name = "\u{1b}[2J", other = "two words", "first\nsecond \u{202e}"));
    let [line] = log.lines().try_into().unwrap();
    assert_eq!(
        &line[27..],
        format!(
            "  WARN first\\nsecond \\u202e target={} name=\"\\u001b[2J\" other=\"two words\"",
            module_path!()
        )
    );
}

#[test]
fn lines_of_calls_and_of_handlers_share_ids_and_format() {
    let log = TestLog::new(LogFormat::Json, "info");
    let mut ids = None;
    log.run(|| {
        serve(log.logs.access_log(), |call| {
            ids = Some((call.request_id().to_string(), call.trace().trace_id().to_string()));
            info!("in the handler");
        });
    });
    let (request_id, trace_id) = ids.unwrap();
    let lines = log.values();
    let messages: Vec<&Value> = lines.iter().map(|line| &line["message"]).collect();
    assert_eq!(messages, ["started call", "in the handler", "finished call"]);
    for line in &lines {
        assert_eq!(line["request_id"], *request_id);
        assert_eq!(line["trace_id"], *trace_id);
        assert_eq!(line["span_id"], lines[0]["span_id"]);
    }
}

#[test]
fn no_key_comes_twice() {
    let log = TestLog::new(LogFormat::Json, "info");
    log.run(|| {
        serve((), |call| {
            let outer = info_span!("outer", user = 1, shared = "outer", message = "m").entered();
            let inner = info_span!("inner", shared = "inner", late = tracing::field::Empty);
            inner.record("late", 3);
            let _entered = inner.entered();
            error!(
                shared = "event", level = 9, fields.level = 10, request_id = "mine",
                trace_id = %call.trace().trace_id(), "said"
            );
            drop(outer);
        });
    });
    let lines = log.lines();
    let line: Value = serde_json::from_str(&lines[0]).unwrap();
    assert_eq!(lines[0].matches("\":").count(), line.as_object().unwrap().len(), "{}", lines[0]);
    assert_eq!(line["message"], "said");
    assert_eq!(line["level"], "ERROR");
    assert_eq!(line["fields.level"], 9);
    assert_eq!(line["fields.fields.level"], 10);
    assert_eq!(line["fields.request_id"], "mine");
    assert_eq!(line.get("fields.trace_id"), None, "it says the same");
    assert_eq!(line["fields.message"], "m");
    assert_eq!(line["spans"], "outer:inner");
    assert_eq!(
        (&line["shared"], &line["user"], &line["late"]),
        (&"event".into(), &1.into(), &3.into())
    );
}

#[test]
fn without_a_call_the_ids_are_whoever_names_them() {
    let log = TestLog::new(LogFormat::Json, "info");
    log.run(|| info!(request_id = "kept by a task"));
    assert_eq!(log.values()[0]["request_id"], "kept by a task");
}

#[test]
fn an_error_comes_with_its_sources() {
    let log = TestLog::new(LogFormat::Json, "info");
    let source = "x".parse::<u8>().unwrap_err();
    let outer = LogsError::Filter { value: "f".into(), source: Box::new(source) };
    log.run(|| error!(error = &outer as &dyn std::error::Error));
    let lines = log.values();
    let text = lines[0]["error"].as_str().unwrap();
    assert!(text.starts_with("log filter \"f\" is not "), "{text}");
    assert!(text.ends_with(": invalid digit found in string"), "{text}");
}

#[test]
fn records_of_the_log_crate_keep_their_target() {
    let log = TestLog::new(LogFormat::Json, "info");
    log.run(|| {
        let record = tracing_log::log::Record::builder()
            .args(format_args!("from log"))
            .level(tracing_log::log::Level::Warn)
            .target("some_crate::module")
            .line(Some(3))
            .build();
        tracing_log::format_trace(&record).unwrap();
    });
    let [line] = log.values().try_into().unwrap();
    assert_eq!(line["message"], "from log");
    assert_eq!(line["level"], "WARN");
    assert_eq!(line["target"], "some_crate::module");
    assert!(line.as_object().unwrap().keys().all(|key| !key.starts_with("log.")), "{line}");
}

#[test]
fn a_change_of_the_filter_applies_to_events_and_calls() {
    // Alone, with a subscriber for the whole process, as it is in a server: while others come and go,
    // `tracing` may keep a stale maximal level.
    if std::env::var_os(ALONE).is_none() {
        alone(module_path!(), "a_change_of_the_filter_applies_to_events_and_calls");
        return;
    }
    let log = TestLog::new(LogFormat::Json, "warn");
    tracing::dispatcher::set_global_default(log.dispatch.clone()).unwrap();
    let serve = || {
        serve(log.logs.access_log(), |_| debug!("in the handler"));
        log.lines().len()
    };
    assert_eq!(serve(), 1, "the call ends as unknown, which is an error");
    log.logs.set_filter("debug").unwrap();
    assert_eq!(in_force(&log.logs), "debug");
    assert_eq!(serve(), 3);
    log.logs.set_filter("debug,rootcap::call=off").unwrap();
    assert_eq!(serve(), 1);
    log.logs.set_filter("off,rootcap::call=info").unwrap();
    assert_eq!(serve(), 2);
    assert_eq!(log.logs.counters().lines_dropped, 0);
}

#[test]
fn a_bad_filter_is_refused_and_the_old_one_stays() {
    let log = TestLog::new(LogFormat::Json, "info");
    for bad in ["", " ", "info,", "a=b=c", "my_crate=loud", "[unclosed=info", "=info,,"] {
        let error = log.logs.set_filter(bad).unwrap_err();
        assert!(error.to_string().contains(&format!("{bad:?}")), "{error}");
        assert!(error.to_string().contains(super::ACCEPTED_FILTER), "{error}");
    }
    assert_eq!(in_force(&log.logs), "info");
    log.run(|| info!("still"));
    assert_eq!(log.lines().len(), 1);
}

fn peer() -> Option<String> {
    Some("127.0.0.1:7".to_owned())
}

#[tokio::test(start_paused = true)]
async fn a_change_ends_when_its_time_is_over_and_not_before() {
    let log = TestLog::new(LogFormat::Json, "warn");
    tokio::spawn(log.logs.clone().end_changes());
    let minute = Duration::from_secs(60);
    let sleep = |time| async move {
        // The tasks first, which wait for the time that now passes.
        tokio::task::yield_now().await;
        tokio::time::sleep(time).await;
    };
    log.logs.change_filter("debug", peer(), Some(minute)).unwrap();
    sleep(minute - Duration::from_millis(1)).await;
    assert_eq!(in_force(&log.logs), "debug");
    sleep(Duration::from_millis(2)).await;
    assert_eq!(in_force(&log.logs), "warn");
    // Another change, and its time, take the place of one that lasts.
    log.logs.change_filter("debug", peer(), Some(minute)).unwrap();
    sleep(minute / 2).await;
    log.logs.change_filter("trace", peer(), Some(2 * minute)).unwrap();
    sleep(minute).await;
    assert_eq!(in_force(&log.logs), "trace");
    sleep(minute + Duration::from_millis(2)).await;
    assert_eq!(in_force(&log.logs), "warn");
    // Without a time it stays, until somebody says so.
    log.logs.change_filter("trace", peer(), None).unwrap();
    sleep(10_000 * minute).await;
    assert_eq!(in_force(&log.logs), "trace");
    let replaced = log.logs.fall_back().unwrap();
    assert_eq!((&*replaced.old, &*replaced.new), ("trace", "warn"));
    // What the program sets ends a change, and is what the next one falls back to.
    log.logs.change_filter("trace", peer(), Some(minute)).unwrap();
    log.logs.set_filter("error").unwrap();
    assert_eq!(in_force(&log.logs), "error");
    sleep(2 * minute).await;
    assert_eq!(in_force(&log.logs), "error");
    log.logs.change_filter("trace", peer(), Some(minute)).unwrap();
    sleep(2 * minute).await;
    assert_eq!(in_force(&log.logs), "error");
}

#[tokio::test(start_paused = true)]
async fn debug_toggles_and_ends_by_itself() {
    let log = TestLog::new(LogFormat::Json, "warn,my_crate=info");
    tokio::spawn(log.logs.clone().end_changes());
    let debug = "debug,h2=warn,hyper=warn,mio=warn,opentelemetry=warn,rustls=warn,tokio=warn,tonic=warn,tower=warn,my_crate=debug";
    for _ in 0..2 {
        log.logs.toggle_debug();
        assert_eq!(in_force(&log.logs), debug);
        log.logs.toggle_debug();
        assert_eq!(in_force(&log.logs), "warn,my_crate=info");
    }
    log.logs.toggle_debug();
    tokio::task::yield_now().await;
    tokio::time::sleep(USUAL_CHANGE + Duration::from_millis(2)).await;
    assert_eq!(in_force(&log.logs), "warn,my_crate=info");
    // In place of what a peer has set; and then back to what is configured.
    log.logs.change_filter("off", peer(), None).unwrap();
    log.logs.toggle_debug();
    assert_eq!(in_force(&log.logs), debug);
    log.logs.toggle_debug();
    assert_eq!(in_force(&log.logs), "warn,my_crate=info");
}

#[test]
fn lines_of_changes_pass_every_filter() {
    if std::env::var_os(ALONE).is_none() {
        alone(module_path!(), "lines_of_changes_pass_every_filter");
        return;
    }
    let log = TestLog::new(LogFormat::Json, "info");
    tracing::dispatcher::set_global_default(log.dispatch.clone()).unwrap();
    for filter in ["off", "off,rootcap=off", "rootcap::change=off", "my_crate", "[span]=info"] {
        log.logs.change_filter(filter, peer(), None).unwrap();
        info!(target: CHANGES, "a change");
        error!(target: "rootcap::chang", "something else");
        log.logs.toggle_debug();
        log.logs.toggle_debug();
        let messages: Vec<Value> =
            log.values().iter().map(|line| line["message"].clone()).collect();
        assert_eq!(messages, ["a change", "changed by SIGUSR1", "changed by SIGUSR1"], "{filter}");
    }
}

#[test]
fn a_debug_that_logs_is_logged() {
    struct Chatty;
    impl std::fmt::Debug for Chatty {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            info!("while formatting");
            f.write_str("Chatty")
        }
    }
    let log = TestLog::new(LogFormat::Json, "info");
    log.run(|| {
        let span = info_span!("span", chatty = tracing::field::Empty).entered();
        span.record("chatty", tracing::field::debug(Chatty));
        info!(chatty = ?Chatty, "outer");
    });
    let messages: Vec<Value> = log.values().iter().map(|line| line["message"].clone()).collect();
    assert!(messages.iter().any(|message| message == "while formatting"), "{messages:?}");
    assert_eq!(messages.last().unwrap(), "outer");
}

#[test]
fn a_huge_event_stays_bounded() {
    let log = TestLog::new(LogFormat::Json, "info");
    let huge = "\u{1b}".repeat(1 << 20);
    log.run(|| info!(a = huge, b = huge, c = huge, d = huge, "{huge}"));
    let lines = log.lines();
    assert!(lines[0].len() < 256 * 1024, "{}", lines[0].len());
    assert!(serde_json::from_str::<Value>(&lines[0]).is_ok());
}

#[test]
fn a_foreign_subscriber_gets_events_and_keeps_its_filter() {
    let logs = Logs::of(None, &LogSettings::default());
    assert!(matches!(logs.set_filter("info"), Err(LogsError::NotOurs)));
    assert_eq!(logs.in_force(), None);
    assert!(logs.flush(Duration::ZERO));
    assert_eq!(logs.counters(), SinkCounters::default());
    // A log of ours stands for the foreign subscriber: what arrives in it are events, with their target.
    let log = TestLog::new(LogFormat::Json, "info");
    log.run(|| serve(logs.access_log(), |_| {}));
    let [start, end] = log.values().try_into().unwrap();
    assert_eq!(
        (&start["message"], &end["message"]),
        (&"started call".into(), &"finished call".into())
    );
    assert_eq!((&end["target"], &end["grpc.service"]), (&"rootcap::call".into(), &"a.B".into()));
}

/// Set in the process that a test starts to be alone in it.
pub(crate) const ALONE: &str = "ROOTCAP_TEST_ALONE";

/// Runs the test of this name in a process of its own, where it finds [`ALONE`] set; gives its stdout.
pub(crate) fn alone(module: &str, test: &str) -> String {
    let name = format!("{}::{test}", module.split_once("::").unwrap().1);
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", &name, "--nocapture", "--test-threads=1"])
        .env(ALONE, "yes")
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn the_second_install_shares_the_first() {
    if std::env::var_os(ALONE).is_none() {
        let out = alone(module_path!(), "the_second_install_shares_the_first");
        let messages = ["by tracing", "by log", "started call", "finished call"];
        for message in messages {
            let line = out.lines().find(|line| line.contains(&format!("\"{message}\"")));
            assert!(serde_json::from_str::<Value>(line.unwrap_or_default()).is_ok(), "{out}");
        }
        return;
    }
    let first = Logs::install(&LogSettings::default()).unwrap();
    let settings =
        LogSettings { format: LogFormat::Text, filter: "off".into(), ..Default::default() };
    let second = Logs::install(&settings).unwrap();
    assert_eq!(in_force(&second), "info");
    println!();
    info!("by tracing");
    tracing_log::log::warn!("by log");
    serve(second.access_log(), |_| {});
    assert!(first.flush(Duration::from_secs(20)));
    assert_eq!(first.counters().lines_written, 4);
    assert_eq!(second.counters(), first.counters());
}

#[test]
fn a_subscriber_that_is_there_stays() {
    if std::env::var_os(ALONE).is_none() {
        assert!(!alone(module_path!(), "a_subscriber_that_is_there_stays").contains("ours"));
        return;
    }
    let foreign = TestLog::new(LogFormat::Json, "warn");
    tracing::dispatcher::set_global_default(foreign.dispatch.clone()).unwrap();
    let logs = Logs::install(&LogSettings::default()).unwrap();
    assert!(logs.in_force().is_none());
    info!("ours would have taken this");
    warn!("theirs");
    let messages: Vec<Value> =
        foreign.values().iter().map(|line| line["message"].clone()).collect();
    assert_eq!(messages, ["theirs"]);
    assert!(!tracing::enabled!(Level::INFO));
}
