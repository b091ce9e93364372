//! Tests of the hook.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{
    panic::AssertUnwindSafe,
    sync::atomic::{AtomicUsize, Ordering::SeqCst},
    thread,
};

use super::*;
use crate::{
    config::LogFormat,
    telemetry::{
        child_spans::ChildTracer,
        logs::{
            LogSettings,
            tests::{ALONE, TestLog, alone, serve},
        },
    },
};

/// The test's own hook, below ours, counts the panics of this thread's name.
static CHAINED: AtomicUsize = AtomicUsize::new(0);
const NAME: &str = "counted by the hook below";

/// To be called before ours is installed.
pub(super) fn install_below() {
    let previous = panic::take_hook();
    panic::set_hook(Box::new(move |info| match thread::current().name() == Some(NAME) {
        true => drop(CHAINED.fetch_add(1, SeqCst)),
        false => previous(info),
    }));
}

#[inline(never)]
fn a_handler_that_panics() {
    panic!("told \u{1b}[31m {}", "x".repeat(2 * MAX_MESSAGE));
}

fn on_a_thread(f: impl FnOnce() + Send) {
    thread::scope(|scope| {
        let thread = thread::Builder::new().name(NAME.into()).spawn_scoped(scope, f).unwrap();
        thread.join().unwrap();
    });
}

#[test]
fn a_panic_in_a_call_is_logged_under_its_ids_and_passed_on() {
    install();
    install();
    let log = TestLog::new(LogFormat::Json, "info");
    let mut request_id = String::new();
    on_a_thread(|| {
        log.run(|| {
            serve((), |call| {
                request_id = call.request_id().to_string();
                let _ = panic::catch_unwind(a_handler_that_panics);
            });
            // No call is being served: nothing of ours to say.
            let _ = panic::catch_unwind(a_handler_that_panics);
        });
    });
    assert_eq!(CHAINED.load(SeqCst), 2, "the hook below saw both, once each");
    let lines = log.values();
    assert_eq!(lines.len(), 1, "{lines:?}");
    let line = &lines[0];
    assert_eq!(line["level"], "ERROR");
    assert_eq!(line["target"], TARGET);
    assert_eq!(line["message"], "handler panicked");
    assert_eq!(line["request_id"], *request_id);
    assert_eq!(line["grpc.service"], "a.B");
    assert_eq!(line["grpc.method"], "C");
    let message = line["panic.message"].as_str().unwrap();
    assert!(message.starts_with("told \u{1b}[31m xxx") && message.len() == MAX_MESSAGE);
    assert!(line["panic.location"].as_str().unwrap().contains("panic_hook"), "{line}");
    let backtrace = line["panic.backtrace"].as_str().unwrap();
    assert!(backtrace.contains("a_handler_that_panics"), "{backtrace}");
    assert!(backtrace.len() <= MAX_BACKTRACE && !backtrace.contains("rust_begin_unwind"));
    assert!(line.get("fields.request_id").is_none());
}

#[test]
fn the_standard_hook_is_known() {
    // It takes the hook of the whole process.
    if std::env::var_os(ALONE).is_none() {
        alone(module_path!(), "the_standard_hook_is_known");
        return;
    }
    panic::set_hook(Box::new(|_| {}));
    assert!(!is_standard(&*panic::take_hook()));
    let text = "captured".to_owned();
    panic::set_hook(Box::new(move |_| println!("{text}")));
    assert!(!is_standard(&*panic::take_hook()));
    assert!(is_standard(&*panic::take_hook()));
}

/// The layer of the spans that handlers make takes the event too, and it is nobody's log: with a log that was off, a
/// panic was then seen nowhere.
#[test]
fn a_panic_is_told_only_where_the_log_has_taken_it() {
    // It sets the hook of the whole process.
    if std::env::var_os(ALONE).is_none() {
        alone(module_path!(), "a_panic_is_told_only_where_the_log_has_taken_it");
        return;
    }
    static TOLD: Mutex<Vec<bool>> = Mutex::new(Vec::new());
    let filters = ["info", "off", "info,rootcap::panic=off", "off,rootcap::panic=error"];
    let expected = [true, false, false, true];
    let previous = panic::take_hook();
    panic::set_hook(Box::new(|info| {
        let told = Call::current().is_some_and(|call| log(&call, info));
        TOLD.lock().unwrap().push(told);
    }));
    let lines = [None, Some(ChildTracer::default())].map(|children| {
        filters.map(|filter| {
            let settings = LogSettings { children: children.clone(), ..LogSettings::default() };
            let log = TestLog::with(LogSettings { filter: filter.into(), ..settings });
            log.run(|| serve((), |_| drop(panic::catch_unwind(a_handler_that_panics))));
            !log.lines().is_empty()
        })
    });
    panic::set_hook(previous);
    assert_eq!(lines, [expected, expected]);
    assert_eq!(*TOLD.lock().unwrap(), lines.concat());
}

#[test]
fn a_payload_without_text_is_no_trouble() {
    install();
    install();
    let log = TestLog::new(LogFormat::Json, "info");
    log.run(|| {
        serve((), |_| {
            let panicking = AssertUnwindSafe(|| panic::panic_any(17));
            let _ = panic::catch_unwind(panicking);
        });
    });
    assert_eq!(log.values()[0]["panic.message"], "no text");
}

#[test]
fn backtraces_have_a_budget() {
    let mut budget = None;
    let start = Instant::now();
    let taken = (0..50).filter(|_| Budget::take(&mut budget, start)).count();
    assert_eq!(taken as u32, MAX_BACKTRACES);
    assert!(!Budget::take(&mut budget, start + Duration::from_millis(999)));
    assert!(Budget::take(&mut budget, start + Duration::from_secs(1)));
}

#[test]
fn the_frames_of_the_panic_itself_are_left_out() {
    let backtrace = "  0: std::x\n    at a.rs:1\n  1: __rustc::rust_begin_unwind\n    at b.rs:2\n  2: mine\n    at c.rs:3\n";
    assert_eq!(after_machinery(backtrace), "  2: mine\n    at c.rs:3\n");
    assert_eq!(after_machinery("0: x\n1: rust_begin_unwind\n2: mine\n"), "2: mine\n");
    assert_eq!(after_machinery("0: mine"), "0: mine");
    assert_eq!(after_machinery("rust_begin_unwind"), "");
}

#[test]
fn a_cut_is_between_characters() {
    assert_eq!(cut("ab\u{20ac}", 4), "ab");
    assert_eq!(cut("ab", 2), "ab");
}
