//! What an exporter does with batches, without a network.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{
    future,
    sync::{Mutex, atomic::AtomicUsize},
};

use bytes::Bytes;
use opentelemetry::{
    Context, KeyValue, global,
    trace::{Span as _, Status as SpanStatus, TraceContextExt, Tracer, TracerProvider},
};
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTracePartialSuccess, ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use opentelemetry_sdk::Resource;
use prost::Message;
use tokio::time::Instant;
use tonic::{Code, Status};

use super::*;
use crate::config::Switch;

/// What the collector of a test answers.
#[derive(Clone, Copy, Debug)]
enum Answer {
    Ok,
    Refused(i64),
    Error(Code),
    /// None.
    Silence,
}

/// A collector that answers by a script, the last answer for ever.
#[derive(Clone)]
struct Script {
    answers: Arc<Vec<Answer>>,
    /// When each attempt came, and how many spans it had.
    attempts: Arc<Mutex<Vec<(Instant, usize)>>>,
    reconnects: Arc<AtomicUsize>,
}

impl collector::Transport for Script {
    async fn send(&self, path: &'static str, message: Bytes) -> Result<Bytes, Status> {
        assert_eq!(path, Traces::PATH);
        let request = ExportTraceServiceRequest::decode(message).unwrap();
        let scopes = request.resource_spans.iter().flat_map(|resource| &resource.scope_spans);
        let spans = scopes.map(|scope| scope.spans.len()).sum();
        let attempt = {
            let mut attempts = self.attempts.lock().unwrap();
            attempts.push((Instant::now(), spans));
            attempts.len() - 1
        };
        match self.answers[attempt.min(self.answers.len() - 1)] {
            Answer::Ok => Ok(Bytes::new()),
            Answer::Refused(rejected_spans) => {
                let partial =
                    ExportTracePartialSuccess { rejected_spans, error_message: "too old".into() };
                let answer = ExportTraceServiceResponse { partial_success: Some(partial) };
                Ok(answer.encode_to_vec().into())
            }
            Answer::Error(code) => Err(Status::new(code, "scripted")),
            Answer::Silence => future::pending().await,
        }
    }

    fn reconnect(&self) {
        self.reconnects.fetch_add(1, Relaxed);
    }
}

struct Setting {
    script: Script,
    queue: Arc<Queue<SpanData>>,
    settled: Arc<AtomicU64>,
    provider: SdkTracerProvider,
    task: tokio::task::JoinHandle<()>,
}

impl Setting {
    /// An exporter that runs, with batches of at most ten spans.
    fn new(answers: &[Answer]) -> Self {
        let script = Script {
            answers: Arc::new(answers.to_vec()),
            attempts: Arc::default(),
            reconnects: Arc::default(),
        };
        let queue = Arc::new(Queue::new(100, 10, ::metrics::Counter::noop()));
        let resource = opentelemetry_sdk::Resource::builder_empty().build();
        let counters = Counters {
            exported: ::metrics::Counter::noop(),
            failed: ::metrics::Counter::noop(),
            settled: Arc::default(),
        };
        let settled = Arc::clone(&counters.settled);
        let exporter = Exporter {
            signal: Traces(resource.clone()),
            queue: Arc::clone(&queue),
            transport: script.clone(),
            times: Times { timeout: Duration::from_secs(10), interval: Duration::from_secs(1) },
            endpoint: "http://collector".into(),
            counters,
            failures: Report::default(),
            drops: Report::default(),
        };
        let provider = processor::provider(&queue, 1.0, resource);
        Self { script, queue, settled, provider, task: tokio::spawn(exporter.run()) }
    }

    fn spans(&self, count: usize) {
        let tracer = self.provider.tracer("test");
        (0..count).for_each(|_| tracer.start("span").end());
    }

    /// Waits until everything has been exported or lost, then for the exporter's end.
    async fn end(self) -> Vec<(Instant, usize)> {
        while self.settled.load(Relaxed) < self.queue.pushed() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        self.provider.shutdown().unwrap();
        self.task.await.unwrap();
        let attempts = self.script.attempts.lock().unwrap();
        attempts.clone()
    }
}

fn sizes(attempts: &[(Instant, usize)]) -> Vec<usize> {
    attempts.iter().map(|(_, spans)| *spans).collect()
}

#[tokio::test(start_paused = true)]
async fn spans_leave_by_size_and_by_time() {
    let setting = Setting::new(&[Answer::Ok]);
    let start = Instant::now();
    setting.spans(23);
    let attempts = setting.end().await;
    assert_eq!(sizes(&attempts), [10, 10, 3]);
    let at: Vec<_> = attempts.iter().map(|(at, _)| (*at - start).as_secs()).collect();
    assert_eq!(at, [0, 0, 1]);
}

#[tokio::test(start_paused = true)]
async fn a_batch_is_tried_again_until_the_collector_is_back() {
    let away = Answer::Error(Code::Unavailable);
    let setting = Setting::new(&[away, away, Answer::Ok]);
    setting.spans(10);
    assert_eq!(sizes(&setting.end().await), [10, 10, 10]);
}

#[tokio::test(start_paused = true)]
async fn a_batch_is_given_up_within_seconds_and_the_next_one_tried() {
    let setting = Setting::new(&[Answer::Error(Code::Unavailable)]);
    setting.spans(20);
    let attempts = setting.end().await;
    assert_eq!(attempts.len(), 2 * retry::ATTEMPTS as usize);
    let pauses = attempts.windows(2).map(|pair| pair[1].0 - pair[0].0);
    assert!(pauses.max().unwrap() < Duration::from_secs(5), "soon enough after a return");
}

#[tokio::test(start_paused = true)]
async fn what_the_collector_refuses_for_good_is_not_tried_again() {
    let setting = Setting::new(&[Answer::Error(Code::InvalidArgument)]);
    setting.spans(10);
    assert_eq!(setting.end().await.len(), 1);
    let setting = Setting::new(&[Answer::Refused(4)]);
    setting.spans(10);
    assert_eq!(setting.end().await.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_collector_that_does_not_answer_costs_a_timeout_and_a_connection() {
    let setting = Setting::new(&[Answer::Silence, Answer::Ok]);
    let script = setting.script.clone();
    setting.spans(10);
    let attempts = setting.end().await;
    let waited = attempts[1].0 - attempts[0].0;
    assert!((10..11).contains(&waited.as_secs()), "{waited:?}");
    assert_eq!(script.reconnects.load(Relaxed), 1);
}

#[tokio::test(start_paused = true)]
async fn an_outage_holds_what_the_queue_holds_and_drops_the_rest() {
    let setting = Setting::new(&[Answer::Silence]);
    setting.spans(10);
    tokio::time::sleep(Duration::from_secs(1)).await;
    setting.spans(1000);
    assert_eq!((setting.queue.pushed(), setting.queue.dropped()), (110, 900));
    setting.task.abort();
}

#[tokio::test(start_paused = true)]
async fn at_the_end_each_batch_is_offered_once() {
    let setting = Setting::new(&[Answer::Error(Code::Unavailable)]);
    setting.spans(20);
    let start = Instant::now();
    setting.provider.shutdown().unwrap();
    let script = setting.script.clone();
    setting.task.await.unwrap();
    assert_eq!(sizes(&script.attempts.lock().unwrap()), [10, 10]);
    assert_eq!(start.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn a_span_that_is_not_sampled_and_what_ends_later_do_not_leave() {
    let setting = Setting::new(&[Answer::Ok]);
    let tracer = setting.provider.tracer("test");
    let parent = opentelemetry::trace::SpanContext::new(
        opentelemetry::TraceId::from(7),
        opentelemetry::SpanId::from(8),
        opentelemetry::TraceFlags::NOT_SAMPLED,
        true,
        Default::default(),
    );
    let context = Context::new().with_remote_span_context(parent);
    tracer.start_with_context("not sampled", &context).end();
    let open = tracer.start("open");
    setting.spans(1);
    let queue = Arc::clone(&setting.queue);
    assert_eq!(sizes(&setting.end().await), [1]);
    drop(open);
    assert_eq!(queue.pushed(), 1);
}

/// Names of events, which are the texts of what handlers log, weighed nothing: 128 of them in each of 8,192 spans could
/// be of any length.
#[test]
fn whatever_is_long_in_a_span_has_its_weight() {
    const LONG: usize = 1024 * 1024;
    let long = || "x".repeat(LONG);
    let weight = |fill: &dyn Fn(&mut opentelemetry_sdk::trace::Span)| {
        let queue = Arc::new(Queue::new(1, 1, metrics::otlp_dropped_total("traces")));
        let provider = processor::provider(&queue, 1.0, Resource::builder_empty().build());
        let mut span = provider.tracer("handler").start("span");
        fill(&mut span);
        span.end();
        let batch = tokio_test::block_on(queue.next(Duration::ZERO)).unwrap();
        queue::Weigh::weight(&batch[0])
    };
    let attribute = || vec![KeyValue::new("key", long())];
    assert!(weight(&|_| {}) < LONG);
    let fills: [&dyn Fn(&mut opentelemetry_sdk::trace::Span); 6] = [
        &|span| span.update_name(long()),
        &|span| span.set_status(SpanStatus::error(long())),
        &|span| span.set_attribute(KeyValue::new(long(), 1)),
        &|span| span.set_attributes(attribute()),
        &|span| span.add_event(long(), Vec::new()),
        &|span| span.add_event("event", attribute()),
    ];
    for (at, fill) in fills.into_iter().enumerate() {
        assert!(weight(fill) >= LONG, "{at}");
    }
}

/// A collector that accepts connections and says nothing.
fn silent() -> (std::net::TcpListener, Config) {
    let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    let variables = [("ROOTCAP_OTLP__ENDPOINT", &*endpoint), ("ROOTCAP_OTLP__INTERVAL", "10ms")];
    (listener, Config::load_from(None, variables).unwrap().config)
}

#[test]
fn stopping_is_bounded_though_the_collector_hangs() {
    let (_listener, config) = silent();
    let export = Export::start(&config, &BuildInfo::default()).unwrap().unwrap();
    export.tracer().unwrap().start("span").end();
    let start = std::time::Instant::now();
    export.stop(Duration::from_millis(200));
    let took = start.elapsed();
    assert!((Duration::from_millis(200)..Duration::from_secs(5)).contains(&took), "{took:?}");
    assert_eq!(export.0.spans.as_ref().unwrap().unsettled(), 1);
    // Once more is nothing.
    export.stop(Duration::from_secs(3600));
}

/// A second signal ends a process at once: it waited for what the first one was waiting for.
#[test]
fn whoever_can_wait_the_least_decides() {
    let (_listener, config) = silent();
    let export = Export::start(&config, &BuildInfo::default()).unwrap().unwrap();
    export.tracer().unwrap().start("span").end();
    let start = std::time::Instant::now();
    std::thread::scope(|scope| {
        let patient = scope.spawn(|| export.stop(Duration::from_secs(60)));
        export.stop(Duration::from_millis(100));
        patient.join().unwrap();
    });
    assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());
}

#[test]
fn where_nothing_is_to_be_exported_nothing_is_started() {
    let (_listener, mut config) = silent();
    config.otlp.traces = Switch::Off;
    assert!(Export::start(&config, &BuildInfo::default()).unwrap().is_none());
    assert!(Export::start(&Config::default(), &BuildInfo::default()).unwrap().is_none());
    config.otlp.logs = Switch::On;
    let export = Export::start(&config, &BuildInfo::default()).unwrap().unwrap();
    assert!(export.tracer().is_none() && export.lines().is_some());
}

#[test]
fn certificates_that_cannot_be_used_are_an_error_that_names_the_setting() {
    let empty = std::env::temp_dir().join(format!("rootcap-test-{}-empty.pem", std::process::id()));
    std::fs::write(&empty, "nothing\n").unwrap();
    let endpoint = ("ROOTCAP_OTLP__ENDPOINT", "https://127.0.0.1:1");
    for (file, problem) in
        [(empty.to_str().unwrap(), "no certificate"), ("/not/there", "No such file")]
    {
        let config =
            Config::load_from(None, [endpoint, ("ROOTCAP_OTLP__CA_FILE", file)]).unwrap().config;
        let error = Export::start(&config, &BuildInfo::default()).unwrap_err();
        let text = error.to_string();
        assert!(
            error.is_setting() && text.starts_with("otlp.ca_file = ") && text.contains(problem),
            "{text}"
        );
    }
    std::fs::remove_file(&empty).unwrap();
}

/// Set in the process that the test starts, to be alone with what is global.
const ALONE: &str = "ROOTCAP_TEST_ALONE_EXPORT";

#[test]
fn the_processs_provider_is_ours_where_it_has_none() {
    if std::env::var_os(ALONE).is_none() {
        let name = "telemetry::export::tests::the_processs_provider_is_ours_where_it_has_none";
        let mut command = std::process::Command::new(std::env::current_exe().unwrap());
        let output = command.args(["--exact", name]).env(ALONE, "yes").output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
        return;
    }
    let (_listener, config) = silent();
    let start = || Export::start(&config, &BuildInfo::default()).unwrap().unwrap();
    let by_handler = || {
        let span = global::tracer("handler").start("span");
        span.is_recording()
    };
    assert!(!by_handler());
    let first = start();
    assert!(by_handler());
    let second = start();
    let pushed = |export: &Export| export.0.spans.as_ref().unwrap().queue.pushed();
    assert_eq!((pushed(&first), pushed(&second)), (1, 0), "the probe is no span of anybody's");
    first.stop(Duration::ZERO);
    assert!(!by_handler());
    let third = start();
    assert!(by_handler());
    assert_eq!(pushed(&third), 1);
    // One of the user's stays, whatever its sampler.
    let theirs = SdkTracerProvider::builder().build();
    global::set_tracer_provider(theirs);
    let fourth = start();
    assert!(by_handler());
    assert_eq!(pushed(&fourth), 0);
}
