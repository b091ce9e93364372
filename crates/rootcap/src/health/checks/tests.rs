//! When checks run, what becomes of them, and what they affect: in paused time, without a socket.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{
    fmt,
    future::pending,
    io,
    sync::{
        atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst},
        mpsc,
    },
};

use tokio::{runtime, sync::Semaphore, time::sleep};

use super::{record::FAILURES, *};
use crate::{health::ServingStatus, lifecycle::Phase, telemetry::logs::tests::second_dispatch};

const GREETER: &str = "helloworld.Greeter";
const INTERVAL: Duration = Duration::from_secs(10);
const TIMEOUT: Duration = Duration::from_secs(1);
/// No interval is longer.
const LONGEST: Duration = Duration::from_secs(11);

/// Something to depend on.
#[derive(Debug, Clone, Default)]
struct Dependency {
    down: Arc<AtomicBool>,
    runs: Arc<Mutex<Vec<Instant>>>,
}

impl Dependency {
    fn check(&self, name: &str) -> HealthCheck {
        let this = self.clone();
        HealthCheck::new(name, INTERVAL, TIMEOUT, move || {
            this.runs.lock().unwrap().push(Instant::now());
            let down = this.down.load(SeqCst);
            async move { if down { Err("it is down") } else { Ok(()) } }
        })
    }

    fn set_down(&self, down: bool) {
        self.down.store(down, SeqCst);
    }

    fn count(&self) -> usize {
        self.runs.lock().unwrap().len()
    }
}

/// A server as far as checks know it.
struct Served {
    checks: Checks,
    life: Life,
    health: Health,
}

impl Served {
    fn with(checks: impl IntoIterator<Item = HealthCheck>) -> Self {
        Self::with_service_on(&Handle::current(), checks)
    }

    fn with_service_on(service: &Handle, checks: impl IntoIterator<Item = HealthCheck>) -> Self {
        let health = Health::new();
        health.register(GREETER);
        health.ready();
        let life = Life::new(health.clone());
        life.advance(Phase::Serving);
        let served = BTreeSet::from([GREETER]);
        let checks = Checks::new(checks.into_iter().collect(), &served).unwrap();
        let control = Handle::current();
        let _service = service.enter();
        checks.start(&control, &life, &health);
        Self { checks, life, health }
    }

    fn shown(&self) -> Shown {
        self.checks.list().next().unwrap().shown
    }

    fn error(&self) -> String {
        self.shown().last_error.unwrap().0
    }

    /// Whether the whole server, and the Greeter, are serving.
    fn serving(&self) -> [bool; 2] {
        ["", GREETER].map(|service| self.health.status(service) == Some(ServingStatus::Serving))
    }

    async fn until_failures(&self, failures: u32) {
        while self.shown().failures < failures {
            sleep(TIMEOUT).await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_check_runs_at_once_and_then_at_each_interval_give_or_take_a_tenth() {
    let dependency = Dependency::default();
    let begin = Instant::now();
    let server = Served::with([dependency.check("redis")]);
    assert_eq!(server.shown().state, CheckState::NotRun);
    sleep(INTERVAL * 100).await;
    assert_eq!(server.shown().state, CheckState::Ok);
    let runs = dependency.runs.lock().unwrap().clone();
    assert!(runs[0] - begin < Duration::from_millis(10), "{:?}", runs[0] - begin);
    let gaps: Vec<_> = runs.windows(2).map(|pair| (pair[1] - pair[0]).as_millis()).collect();
    assert!(gaps.len() > 90 && gaps.iter().all(|gap| (9_000..11_010).contains(gap)), "{gaps:?}");
    assert!(gaps.iter().any(|gap| *gap < 9_900) && gaps.iter().any(|gap| *gap > 10_100));
}

#[tokio::test(start_paused = true)]
async fn only_the_third_failure_in_a_row_affects_what_is_asked_for() {
    let dependency = Dependency::default();
    let check = dependency.check("redis").affects(Affects::Readiness);
    let server = Served::with([check.affects(Affects::Service(GREETER))]);
    sleep(LONGEST).await;
    dependency.set_down(true);
    for failures in 1..FAILURES {
        server.until_failures(failures).await;
        assert_eq!(server.serving(), [true, true]);
        assert!(server.health.not_ready().is_empty());
    }
    server.until_failures(FAILURES).await;
    assert_eq!(server.serving(), [false, false]);
    assert_eq!(server.health.not_ready(), ["health check redis: failing"]);
    assert_eq!(server.error(), "it is down");

    dependency.set_down(false);
    sleep(LONGEST).await;
    assert_eq!(server.serving(), [true, true]);
    assert!(server.health.not_ready().is_empty());
    assert_eq!(server.shown().state, CheckState::Ok);
}

#[tokio::test(start_paused = true)]
async fn a_check_affects_nothing_unless_asked_to() {
    let down = Dependency::default();
    down.set_down(true);
    let server = Served::with([down.check("a")]);
    server.until_failures(FAILURES + 2).await;
    assert_eq!(server.serving(), [true, true]);
    let server = Served::with([down.check("a").affects(Affects::Service(GREETER))]);
    server.until_failures(FAILURES).await;
    assert_eq!(server.serving(), [true, false]);
    assert!(server.health.not_ready().is_empty());
}

#[tokio::test(start_paused = true)]
async fn what_two_checks_affect_needs_both() {
    let (one, other) = (Dependency::default(), Dependency::default());
    one.set_down(true);
    other.set_down(true);
    let server = Served::with([
        one.check("one").affects(Affects::Readiness),
        other.check("other").affects(Affects::Readiness),
    ]);
    sleep(LONGEST * 4).await;
    let failing = ["health check one: failing", "health check other: failing"];
    assert_eq!(server.health.not_ready(), failing);
    one.set_down(false);
    sleep(LONGEST).await;
    assert_eq!(server.health.not_ready(), failing[1..]);
    assert_eq!(server.serving(), [false, true]);
    other.set_down(false);
    sleep(LONGEST).await;
    assert_eq!(server.serving(), [true, true]);
}

#[tokio::test(start_paused = true)]
async fn a_check_that_hangs_fails_and_is_dropped_at_its_timeout() {
    struct Dropped(Arc<AtomicUsize>);
    impl Drop for Dropped {
        fn drop(&mut self) {
            self.0.fetch_add(1, SeqCst);
        }
    }
    let dropped = Arc::new(AtomicUsize::new(0));
    let counts = Arc::clone(&dropped);
    let hang = move || {
        let guard = Dropped(Arc::clone(&counts));
        async move {
            let _guard = guard;
            pending::<Result<(), io::Error>>().await
        }
    };
    let check = HealthCheck::new("hang", INTERVAL, TIMEOUT, hang).affects(Affects::Readiness);
    let server = Served::with([check]);
    sleep(TIMEOUT / 2).await;
    let shown = server.shown();
    assert_eq!((shown.state, dropped.load(SeqCst)), (CheckState::NotRun, 0));
    assert!(shown.running.unwrap() >= TIMEOUT / 4);

    sleep(TIMEOUT).await;
    let shown = server.shown();
    assert_eq!((shown.state, dropped.load(SeqCst)), (CheckState::Failing, 1));
    assert_eq!((shown.failures, shown.running), (1, None));
    assert!(shown.last_duration.unwrap() >= TIMEOUT);
    assert_eq!(server.error(), "no answer within 1s");
    server.until_failures(FAILURES).await;
    assert_eq!(server.serving(), [false, true]);
}

/// An error whose text cannot be had.
#[derive(Debug)]
struct Unspeakable;

impl fmt::Display for Unspeakable {
    fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
        panic!("no words")
    }
}

impl std::error::Error for Unspeakable {}

#[tokio::test(start_paused = true)]
async fn a_check_that_panics_fails_and_runs_again() {
    type Answer = std::future::Ready<Result<(), Unspeakable>>;
    let early = || -> Answer { panic!("early") };
    let late = || async { panic!("late") as Result<(), Unspeakable> };
    let unspeakable = || async { Err(Unspeakable) };
    let checks = [
        HealthCheck::new("early", INTERVAL, TIMEOUT, early),
        HealthCheck::new("late", INTERVAL, TIMEOUT, late),
        HealthCheck::new("unspeakable", INTERVAL, TIMEOUT, unspeakable),
    ];
    for (check, text) in checks.into_iter().zip(["early", "late", "no words"]) {
        let server = Served::with([check.affects(Affects::Readiness)]);
        server.until_failures(FAILURES).await;
        assert_eq!(server.serving(), [false, true]);
        assert_eq!(server.error(), format!("panicked: {text}"));
    }
}

/// Dropping it panics, once more.
struct Bomb;

impl Drop for Bomb {
    fn drop(&mut self) {
        panic!("and again");
    }
}

/// The payload was dropped by the task that runs the check again and again, which ended by that.
#[tokio::test(start_paused = true)]
async fn a_panic_that_panics_when_it_is_dropped_is_one_failure_as_any_other() {
    let dependency = Dependency::default();
    let runs = Arc::clone(&dependency.runs);
    let check = HealthCheck::new("bomb", INTERVAL, TIMEOUT, move || {
        runs.lock().unwrap().push(Instant::now());
        async { std::panic::panic_any(Bomb) as Result<(), io::Error> }
    });
    let server = Served::with([check.affects(Affects::Readiness)]);
    sleep(LONGEST * 3).await;
    assert!(dependency.count() >= 3, "{}", dependency.count());
    assert_eq!(server.serving(), [false, true]);
}

/// It can neither be dropped nor be seen to end: each interval is one more failure, and no second run begins.
#[tokio::test(start_paused = true)]
async fn a_check_that_blocks_its_thread_fails_on_until_it_ends() {
    let service = runtime::Builder::new_multi_thread().worker_threads(1).build().unwrap();
    let (begin, begun) = mpsc::channel();
    let (release, released) = mpsc::channel::<()>();
    let released = Mutex::new(released);
    let runs = Arc::new(AtomicUsize::new(0));
    let counts = Arc::clone(&runs);
    let block = move || {
        counts.fetch_add(1, SeqCst);
        // Nobody waits for a later run.
        let _ = begin.send(());
        // Ends at once after the release.
        let _ = released.lock().unwrap().recv();
        async { Ok::<_, io::Error>(()) }
    };
    let check = HealthCheck::new("block", INTERVAL, TIMEOUT, block).affects(Affects::Readiness);
    let server = Served::with_service_on(service.handle(), [check]);
    // A blocking task holds paused time still until the other runtime's thread has come so far.
    tokio::task::spawn_blocking(move || begun.recv().unwrap()).await.unwrap();
    sleep(TIMEOUT * 2).await;
    assert_eq!(server.shown().failures, 1);
    server.until_failures(FAILURES).await;
    assert_eq!(server.serving(), [false, true]);
    assert!(server.shown().running.unwrap() > INTERVAL);
    assert!(server.error().ends_with("its thread is blocked"), "{}", server.error());
    assert_eq!(runs.load(SeqCst), 1);

    drop(release);
    while runs.load(SeqCst) == 1 {
        sleep(INTERVAL).await;
    }
    // Dropped here, it would wait for its threads.
    service.shutdown_background();
}

#[tokio::test(start_paused = true)]
async fn runs_of_one_check_never_overlap() {
    let one_at_a_time = Arc::new(Semaphore::new(1));
    let runs = Arc::new(AtomicUsize::new(0));
    let counts = Arc::clone(&runs);
    // As long as the interval, which may be a tenth shorter.
    let check = HealthCheck::new("slow", INTERVAL, INTERVAL, move || {
        counts.fetch_add(1, SeqCst);
        let place = Arc::clone(&one_at_a_time).try_acquire_owned();
        async move {
            let _place = place?;
            sleep(INTERVAL - TIMEOUT / 10).await;
            Ok::<_, tokio::sync::TryAcquireError>(())
        }
    });
    let server = Served::with([check]);
    sleep(INTERVAL * 100).await;
    assert!(runs.load(SeqCst) > 80);
    assert_eq!(server.shown().last_error, None);
}

/// The time of the next run had passed when a run was given up, so that each was counted twice: the second time as one
/// that blocks its thread.
#[tokio::test(start_paused = true)]
async fn a_check_that_hangs_as_long_as_its_interval_fails_once_a_run() {
    let runs = Arc::new(AtomicUsize::new(0));
    let counts = Arc::clone(&runs);
    let hang = move || {
        counts.fetch_add(1, SeqCst);
        pending::<Result<(), io::Error>>()
    };
    let server = Served::with([HealthCheck::new("hang", INTERVAL, INTERVAL, hang)]);
    // The last run goes on.
    while runs.load(SeqCst) <= 20 {
        sleep(TIMEOUT).await;
    }
    assert_eq!(server.shown().failures, 20);
    assert_eq!(server.error(), "no answer within 10s");
}

#[tokio::test(start_paused = true)]
async fn checks_stop_when_the_server_drains() {
    let (running, dependency) = (Arc::new(()), Dependency::default());
    let held = Arc::clone(&running);
    let hang = move || {
        let held = Arc::clone(&held);
        async move {
            let _held = held;
            pending::<Result<(), io::Error>>().await
        }
    };
    let server = Served::with([
        dependency.check("quick"),
        HealthCheck::new("hang", INTERVAL, INTERVAL, hang),
    ]);
    sleep(TIMEOUT).await;
    assert_eq!((dependency.count(), Arc::strong_count(&running)), (1, 3));
    server.life.advance(Phase::LameDuck);
    sleep(TIMEOUT).await;
    assert_eq!(Arc::strong_count(&running), 2, "the run is dropped");
    sleep(INTERVAL * 10).await;
    assert_eq!(dependency.count(), 1);
    assert!(server.checks.list().all(|check| check.shown.next.is_none()));
    assert!(server.checks.list().all(|check| check.shown.running.is_none()));
}

#[tokio::test(start_paused = true)]
async fn checks_of_a_runtime_that_has_gone_end() {
    // Nobody drives it: the check begins and stands still. A thread of its own would know nothing of the paused clock.
    let service = runtime::Builder::new_current_thread().build().unwrap();
    let server = Served::with_service_on(service.handle(), [Dependency::default().check("redis")]);
    sleep(TIMEOUT / 2).await;
    assert!(server.shown().running.is_some());
    service.shutdown_background();
    sleep(INTERVAL * 3).await;
    assert_eq!(server.shown().next, None);
    assert_eq!(server.shown().failures, 0);
}

/// The log of this thread.
#[derive(Debug, Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[tokio::test(start_paused = true)]
async fn each_change_is_logged_once() {
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt()
        .without_time()
        .with_ansi(false)
        .with_target(false)
        .with_writer(move || writer.clone());
    let _second = second_dispatch();
    let _logging = tracing::subscriber::set_default(subscriber.finish());
    let dependency = Dependency::default();
    let server = Served::with([
        dependency.check("redis").affects(Affects::Readiness).affects(Affects::Service(GREETER)),
        dependency.check("idle"),
    ]);
    for _ in 0..2 {
        sleep(INTERVAL * 3).await;
        dependency.set_down(true);
        sleep(INTERVAL * 9).await;
        dependency.set_down(false);
    }
    sleep(INTERVAL * 3).await;
    drop(server);
    let log = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    let of = |name: &str| log.lines().filter(|line| line.contains(name)).collect::<Vec<_>>();
    let [failing, unhealthy, recovered, rest @ ..] = &of("check=\"redis\"")[..] else {
        panic!("{log}")
    };
    let failed = "WARN health check is failing check=\"redis\" error=\"it is down\"";
    assert_eq!(failing.trim(), failed);
    let keeps = "WARN health check keeps failing: what it affects is not serving check=\"redis\" \
                 error=\"it is down\" failures=3 affects=\"readiness, helloworld.Greeter\"";
    assert_eq!(unhealthy.trim(), keeps);
    assert!(recovered.trim().starts_with("INFO health check is ok again"), "{recovered}");
    assert!(recovered.contains("failing_for="), "{recovered}");
    assert_eq!(rest.len(), 3, "{log}");
    assert_eq!(of("check=\"idle\"").len(), 4, "{log}");
}

fn problems(checks: Vec<HealthCheck>) -> String {
    let error = Checks::new(checks, &BTreeSet::from([GREETER, "a.B"])).unwrap_err();
    assert!(error.is_config());
    format!("{error:?}")
}

#[test]
fn what_cannot_be_run_is_refused_with_what_is_accepted() {
    let check = |name: &str, interval: u64, timeout: u64| {
        let [interval, timeout] = [interval, timeout].map(Duration::from_millis);
        HealthCheck::new(name, interval, timeout, || async { Ok::<_, io::Error>(()) })
    };
    let day = 24 * 3_600_000;
    for (refused, why) in [
        (check("", 1_000, 100), "\"\": expected a name of 1 to 64 bytes"),
        (check(&"x".repeat(65), 1_000, 100), "expected a name of 1 to 64 bytes"),
        (check("a\nb", 1_000, 100), "\"a\\nb\": expected a name of 1 to 64 bytes, without control"),
        (check("a", 0, 1), "\"a\": interval 0ns: expected from 100ms to 24h"),
        (check("a", 99, 1), "interval 99ms: expected from 100ms to 24h"),
        (check("a", day + 1, 1), "interval 86400.001s: expected from 100ms to 24h"),
        (check("a", 1_000, 0), "timeout 0ns: expected from 1ms to the interval, 1s"),
        (check("a", 1_000, 1_001), "timeout 1.001s: expected from 1ms to the interval, 1s"),
        (
            check("a", 1_000, 1).affects(Affects::Service("a.C")),
            "\"a\": affects the service \"a.C\": expected one of a.B, helloworld.Greeter",
        ),
        (check("a", 1_000, 1).affects(Affects::Service("")), "the service \"\": expected one of"),
    ] {
        let text = problems(vec![refused]);
        assert!(text.starts_with("the settings are not valid: health check "), "{text}");
        assert!(text.contains(why), "{text}");
    }
    let all = problems(vec![check("a", 1_000, 1), check("a", 0, 0), check("a", 1_000, 1)]);
    assert_eq!(all.matches("expected a name that no other has").count(), 2, "{all}");
    assert_eq!(all.lines().count(), 5, "{all}");

    let good = vec![check(&"x".repeat(64), 100, 100), check("gr\u{fc}n", day, 1)];
    assert_eq!(Checks::new(good, &BTreeSet::new()).unwrap().list().count(), 2);
}
