//! The table of settings: every key, its type, its default, its rule and its documentation.

use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;

use rootcap_layers::{
    DEFAULT_BUCKETS,
    admission::{Cidr, Match, Mode, Per, ShedCode},
};

use super::schema::settings;
use super::value::{
    Ascending, AtMost, Attributes, Auto, ClientAuth, Directives, Element, Endpoint, Headers,
    Internet, Keys, Listener, LogCalls, LogFormat, MetadataKeys, NotEmpty, Propagator, Rate,
    RuleName, Secret, Size, Switch,
};

/// Ten years: longer than anything here makes sense, and far from where clocks overflow.
const LONGEST: Duration = Duration::from_secs(10 * 365 * 24 * 3600);
/// A time to wait, which may be none.
const WAIT: RangeInclusive<Duration> = Duration::ZERO..=LONGEST;
/// A time after which something is given up: with none, it would never begin.
const TIMEOUT: RangeInclusive<Duration> = Duration::from_millis(1)..=LONGEST;
/// A few times what the framework and gRPC take of a call, so that a busy machine does not make all calls long; and what
/// the other calls of a connection can wait for.
const SHORT: RangeInclusive<Duration> = Duration::from_micros(1)..=Duration::from_millis(10);
/// The largest window of HTTP/2's flow control, and the greatest number of its streams (RFC 9113, 6.9.1 and 5.1.1).
const HTTP2_MAX: u32 = (1 << 31) - 1;
/// A million: more than one process serves, and far from what semaphores hold.
const MILLION: usize = 1_000_000;

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);
/// From here on, other calls notice.
const STALL: Duration = Duration::from_millis(250);
const HOUR: Duration = Duration::from_secs(3600);

settings! {
    /// All settings of a server.
    ///
    /// Every field has a default. Build one with `..Default::default()`: a new field is no breaking change.
    pub struct Config {
        /// Where calls are accepted: one place or several. `":8081"` is port 8081 on all interfaces.
        listen: Vec<Listener> = vec![Listener::Port(8081)], in NotEmpty;
        /// The proxies whose `x-forwarded-for` is believed, as addresses or networks: of a call through one, the peer
        /// of a limit is the last hop that is none of them.
        trusted_proxies: Vec<Cidr> = Vec::new();
        /// Limits on the calls begun in a time.
        rate_limit: Vec<RateLimit> = Vec::new(), in AtMost(50);
        /// Limits on the calls in flight.
        concurrency: Vec<Concurrency> = Vec::new(), in AtMost(50);
        /// The admin port.
        admin: Admin;
        /// How the server stops.
        drain: Drain;
        /// Connections of callers.
        connection: Connection;
        /// TLS of the service port.
        tls: Tls;
        /// Limits of the HTTP/2 protocol.
        http2: Http2;
        /// Limits on calls.
        limits: Limits;
        /// Limits on the time that a call takes.
        deadline: Deadline;
        /// Log lines.
        log: Log;
        /// Metrics.
        metrics: Metrics;
        /// Traces.
        trace: Trace;
        /// Export of traces and logs over OTLP.
        otlp: Otlp;
        /// Looking into the running process.
        debug: Debug;
        /// The service as a whole.
        service: Service;
    }

    /// The admin port: metrics, probes and debug pages, for operators.
    pub struct Admin {
        /// Where the admin pages are served, or "off".
        listen: Option<Listener> = Some(Listener::Port(8080)), in Internet;
        /// A file that holds the token which guarded pages ask for. Without one, only this host may see them.
        token_file: Option<PathBuf> = None;
        /// The most connections to the admin port at a time.
        max_connections: usize = 64, in 1..=MILLION;
        /// TLS of the admin port.
        tls: Tls;
    }

    /// How the server stops.
    pub struct Drain {
        /// How long calls may go on once the server is told to stop; those that remain are then cut off.
        deadline: Duration = 25 * SECOND, in WAIT;
        /// How long the server goes on accepting connections and calls once it is told to stop, while it says that it
        /// is not ready. 5s under Kubernetes, which needs about as long to send callers elsewhere.
        lame_duck: Duration = Duration::ZERO, in WAIT;
    }

    /// Connections of callers.
    pub struct Connection {
        /// How long a connection may take from its first moment, or the end of its TLS handshake, to its first whole
        /// HTTP/2 preface: a silent one holds a descriptor for nothing.
        preface_timeout: Duration = 10 * SECOND, in TIMEOUT;
        /// The age at which a connection is asked to go, so that callers spread over new servers; or "off".
        max_age: Option<Duration> = None, in TIMEOUT;
        /// How long calls may go on after `connection.max_age`, before the connection is cut off; and how long a peer
        /// that was asked to go for want of calls may still send pings.
        max_age_grace: Duration = 30 * SECOND, in WAIT;
        /// How long a connection may stay without a call, or "off": it holds a descriptor and memory.
        idle_timeout: Option<Duration> = Some(HOUR), in TIMEOUT;
        /// How long a connection may be silent before a ping asks whether it still lives, or "off": some peers go without
        /// a word.
        keepalive_interval: Option<Duration> = Some(2 * HOUR), in TIMEOUT;
        /// How long the answer to such a ping may take.
        keepalive_timeout: Duration = 20 * SECOND, in TIMEOUT;
        /// The most connections at a time: memory and descriptors are finite. "auto" is 10000, or half of the process's
        /// limit of open files where that is less. A few more (8, or a quarter of fewer than 32) are let in for health
        /// checks, and have no other call answered; further ones are closed at once. Both are counted.
        max_connections: Auto<usize> = Auto::Auto, in 1..=MILLION;
        /// The most connections of one address (of IPv6: of one /64), or "off", as proxies, meshes and NAT put many
        /// callers behind one. Further ones are closed at once, and counted. Unix sockets are exempt.
        max_per_peer: Option<usize> = None, in 1..=MILLION;
        /// How long a call or a connection may have something to send that its peer does not take, or "off". The call
        /// is then reset; a connection that takes nothing at all is closed after twice that time.
        stall_timeout: Option<Duration> = Some(5 * MINUTE), in TIMEOUT;
        /// Whether other processes may listen on the addresses of `listen` too (SO_REUSEPORT), so that the next one can
        /// start while this one drains. All of them need it, and the same user. Each needs an admin port of its own.
        reuse_port: Switch = Switch::Off;
        /// Whether small writes of several calls on one connection are sent together.
        coalesce_writes: Switch = Switch::On;
        /// Calls of methods that have proved to take no longer than this, without waiting for anything, run where they
        /// come in, on their connection's task, and not each in a task of its own; "off" for none. With
        /// `coalesce_writes` alone. A handler that blocks its thread for what another call of the same connection does
        /// needs "off".
        short_calls_at_once: Option<Duration> = Some(Duration::from_micros(50)), in SHORT;
    }

    /// TLS of a port. The service port has it on TCP alone: who may open a Unix socket is a matter of its file.
    pub struct Tls {
        /// A PEM file with the server's certificate, then those of its issuers; or "off" for no TLS.
        cert: Option<PathBuf> = None;
        /// A PEM file with the private key of that certificate, without a passphrase.
        key: Option<PathBuf> = None;
        /// A PEM file with the certificates of those who issue the certificates of clients, or "off" to ask for none.
        client_ca: Option<PathBuf> = None;
        /// Whether clients must have a certificate: "required", which is what "auto" means, or "optional". One that a
        /// client has must always be a good one.
        client_auth: Auto<ClientAuth> = Auto::Auto;
        /// How long a handshake may take, from the first moment of a connection.
        handshake_timeout: Duration = 10 * SECOND, in TIMEOUT;
        /// How often the files are looked at. What has changed takes effect for new connections.
        reload_interval: Duration = 10 * SECOND, in TIMEOUT;
    }

    /// Limits of the HTTP/2 protocol, for each connection.
    pub struct Http2 {
        /// The most calls open at a time: each holds memory, and a task.
        max_concurrent_streams: u32 = 200, in 1..=HTTP2_MAX;
        /// The most calls that the caller has reset and the server has not yet taken note of. With more the connection
        /// is closed: to open and reset calls costs a caller nothing ("rapid reset").
        max_pending_accept_reset_streams: usize = 20, in 1..=MILLION;
        /// The most calls that the server may have to reset for the caller's errors. With more the connection is closed:
        /// such a caller makes work and no calls.
        max_local_error_reset_streams: usize = 1024, in 1..=MILLION;
        /// The most that the metadata of a call may take, as HTTP/2 counts it: it is held in memory, whole.
        max_header_list_size: Size = Size::kib(16), in Size::kib(1)..=Size::mib(16);
        /// The largest frame that the server receives. It is the least that HTTP/2 allows: larger ones hold up the other
        /// calls of their connection, and are buffered whole.
        max_frame_size: Size = Size::kib(16), in Size::kib(16)..=Size::bytes((1 << 24) - 1);
        /// The most that is buffered to be sent, for each call, while its reader does not read.
        max_send_buffer_size: Size = Size::kib(400), in Size::kib(1)..=Size::bytes(HTTP2_MAX as u64);
        /// The most that is held of all responses on a connection for a peer that does not take them. With more, calls
        /// wait before they begin, or make their next message, so that it is exceeded by a message per thread at the most.
        max_buffered: Size = Size::mib(8), in Size::kib(64)..=Size::bytes(HTTP2_MAX as u64);
        /// How much a caller may send ahead on one call. A caller far away is faster with more: 192 KiB are 1.9 MiB/s
        /// over 100 ms.
        stream_window: Size = Size::kib(192), in Size::kib(1)..=Size::bytes(HTTP2_MAX as u64);
        /// How much a caller may send ahead on all calls of a connection. It is the most that calls which do not read
        /// hold in memory for a connection, and nothing is taken before that. The HTTP/2 library closes a connection
        /// on which too many tiny messages wait to be read: with 101 times `http2.stream_window`, one call may fill
        /// its window with them, however small they are.
        connection_window: Size = Size::mib(20), in Size::bytes(65_535)..=Size::bytes(HTTP2_MAX as u64);
    }

    /// A limit on the calls begun in a time: a table `[[rate_limit]]`.
    pub struct RateLimit {
        /// The name of the rule, in metrics, errors and pages.
        name: String = String::new(), in RuleName;
        /// Which calls: "*" for all, "/helloworld.Greeter/*" for those of a service, or
        /// "/helloworld.Greeter/SayHello" for those of a method.
        r#match: Match = Match::ALL;
        /// What has a quota of its own: "all" for one that all callers share, "peer" for each address (of IPv6: each
        /// /64), "metadata:x-tenant" for each value of that key, or "tls-identity" for each identity that a
        /// certificate proves. Calls without one share one. A key of metadata is as trustworthy as what
        /// authenticates it.
        per: Per = Per::All;
        /// How many calls may begin in how much time.
        quota: Rate = ONE_PER_SECOND;
        /// How many may begin at once, after a pause. "auto" is the number in `quota`.
        burst: Auto<NonZeroU32> = Auto::Auto, in NonZeroU32::MIN..;
        /// Whether calls beyond it are refused: "enforce", or "observe" to count them only.
        mode: Mode = Mode::Enforce;
        /// The most callers that are told apart: each takes at most 100 bytes, and the length of its key. Those beyond
        /// inherit what the least active one has used up.
        max_keys: usize = 100_000, in 1..=10 * MILLION;
    }

    /// A limit on the calls in flight: a table `[[concurrency]]`.
    pub struct Concurrency {
        /// The name of the rule, in metrics, errors and pages.
        name: String = String::new(), in RuleName;
        /// Which calls, as in `[[rate_limit]]`.
        r#match: Match = Match::ALL;
        /// What has a limit of its own, as in `[[rate_limit]]`.
        per: Per = Per::All;
        /// The most calls in flight at a time.
        limit: NonZeroU32 = NonZeroU32::MIN, in NonZeroU32::MIN..=MOST_CALLS;
        /// How many calls may wait for one to end; those beyond are refused at once.
        queue: usize = 0, in 0..=MILLION;
        /// How long a call may wait.
        queue_timeout: Duration = SECOND, in TIMEOUT;
        /// Whether calls beyond it are refused: "enforce", or "observe" to count them only.
        mode: Mode = Mode::Enforce;
    }

    /// Limits on calls, over all connections. Health is never limited.
    pub struct Limits {
        /// The most calls in flight at a time, or "off".
        concurrency: Option<NonZeroU32> = None, in NonZeroU32::MIN..=MOST_CALLS;
        /// The most calls begun in a time, or "off".
        rate: Option<Rate> = None;
        /// How many calls may begin at once, after a pause. "auto" is the number in `limits.rate`.
        rate_burst: Auto<NonZeroU32> = Auto::Auto, in NonZeroU32::MIN..;
        /// The most bytes of requests that are held for handlers at a time, or "off": many large messages would exhaust
        /// the memory. Calls are refused, and cut, while there are more.
        request_bytes: Option<Size> = Some(Size::mib(512)), in LEAST_REQUEST_BYTES..=MOST_REQUEST_BYTES;
        /// The status of calls that are refused for want of room (concurrency, bytes): "unavailable", after which a
        /// client may go to another server, or "resource-exhausted".
        shed_code: ShedCode = ShedCode::Unavailable;
    }

    /// Limits on the time that a call takes. The least of what the caller asks for and what is set here counts.
    pub struct Deadline {
        /// The longest that any call may take, or "off".
        max: Option<Duration> = None, in TIMEOUT;
        /// The longest that a call may take, by service, in place of `deadline.max`.
        services: BTreeMap<String, Duration> = BTreeMap::new(), in SERVICES;
        /// The longest that a call may take, by method, in place of what is set for its service.
        methods: BTreeMap<String, Duration> = BTreeMap::new(), in METHODS;
    }

    /// Log lines.
    pub struct Log {
        /// How lines are written: "json", "text", or "auto" for text on a terminal and JSON elsewhere.
        format: LogFormat = LogFormat::Auto;
        /// Which lines are logged for a call: "both" its start and its end, its "end", only "errors", or "off".
        calls: LogCalls = LogCalls::Both;
        /// Which events are logged, as directives of `tracing`: `info,my_crate=debug`. `/debug/log` and SIGUSR1 put
        /// another filter in its place, for a time. At `info` and `warn` the warnings of the HTTP/2 library, one for each
        /// frame of some floods, are left out unless a directive names `h2`: the server tells of such peers itself.
        filter: String = "info".to_owned(), in Directives;
        /// Whether calls to health and reflection are logged as well.
        builtin_calls: Switch = Switch::Off;
        /// The metadata whose values are logged.
        metadata: Vec<String> = Vec::new(), in MetadataKeys;
        /// How much may wait to be written; lines beyond are dropped and counted.
        buffer: Size = Size::mib(4), in Size::kib(64)..=Size::mib(1024);
    }

    /// Metrics.
    pub struct Metrics {
        /// The upper bounds of the buckets in which the seconds of calls are counted.
        buckets: Vec<f64> = DEFAULT_BUCKETS.to_vec(), in Ascending { at_most: 50 };
        /// The most methods that are counted by name; calls to others are counted together, as unknown.
        max_methods: usize = 1000, in 1..=MILLION;
    }

    /// Traces.
    pub struct Trace {
        /// The part of calls to trace, from 0 for none to 1 for all, where the caller has not decided. "auto" is 1
        /// where traces are exported, else 0. A caller that wants its trace recorded is obeyed: `otlp.queue` bounds
        /// what that takes.
        ratio: Auto<f64> = Auto::Auto, in 0.0..=1.0;
        /// The headers in which a caller's trace is looked for, in this order: "tracecontext" (W3C), "b3", "b3multi".
        /// Without any, each call begins a trace. `Call::inject` writes all of them into the requests of handlers.
        propagation: Vec<Propagator> = vec![Propagator::TraceContext];
    }

    /// Export of traces and logs to a collector, over OTLP (gRPC).
    pub struct Otlp {
        /// The collector, or "off". With user information, each export is authorized with it (Basic).
        endpoint: Option<Endpoint> = None;
        /// The metadata that go with each export, such as `authorization`.
        headers: BTreeMap<String, Secret<String>> = BTreeMap::new(), in Headers;
        /// A file of the certificates to trust, as PEM, for an endpoint with `https`; "off" for those of the system.
        ca_file: Option<PathBuf> = None;
        /// How long an export may take.
        timeout: Duration = 10 * SECOND, in TIMEOUT;
        /// Whether spans are exported.
        traces: Switch = Switch::On;
        /// Whether the log is exported too: events, and the end of each call.
        logs: Switch = Switch::Off;
        /// The most spans that wait to be exported, and the most log records. Those beyond, or beyond 32 MiB, are dropped
        /// and counted.
        queue: usize = 8192, in 1..=MILLION;
        /// The most spans or log records in one export. "auto" is 512, or `otlp.queue` where that is less.
        batch: Auto<usize> = Auto::Auto, in 1..=MILLION;
        /// How long a span or a log record waits for others to be exported with.
        interval: Duration = SECOND, in TIMEOUT;
    }

    /// Looking into the running process.
    pub struct Debug {
        /// How long a call may keep its thread in one go before it is counted as a stall and listed on `/debug/stalls`
        /// with the stack of its thread, or "off". To tell it, the thread is interrupted by a signal (SIGPROF), once a
        /// stall: a system call that it waits in may end early (EINTR).
        stall_threshold: Option<Duration> = Some(STALL), in Duration::from_millis(10)..=LONGEST;
    }

    /// The service as a whole.
    pub struct Service {
        /// Whether the reflection service answers callers who ask for the descriptors given to the builder.
        reflection: Switch = Switch::On;
        /// The name of the service in what is exported. "auto" is a `service.name` in `service.attributes`, or else
        /// follows from the name of the executable.
        name: Auto<String> = Auto::Auto;
        /// What else identifies the service in what is exported (resource attributes). It counts more than what is
        /// found out about the process, its host and its pod.
        attributes: BTreeMap<String, String> = BTreeMap::new(), in Attributes;
    }
}

impl Element for RateLimit {
    const REQUIRED: &'static [&'static str] = &["name", "quota"];
}

impl Element for Concurrency {
    const REQUIRED: &'static [&'static str] = &["name", "limit"];
}

const ONE_PER_SECOND: Rate = Rate::new(NonZeroU32::MIN, SECOND).expect("it is a rate");

pub(super) const LEAST_REQUEST_BYTES: Size = Size::kib(64);
pub(super) const MOST_REQUEST_BYTES: Size = Size::mib(1 << 20);

pub(super) const MOST_CALLS: NonZeroU32 =
    NonZeroU32::new(MILLION as u32).expect("a million is not zero");

const SERVICES: Keys<RangeInclusive<Duration>> =
    Keys { are: "a service such as helloworld.Greeter", valid: is_service, values: TIMEOUT };

const METHODS: Keys<RangeInclusive<Duration>> = Keys {
    are: "a method such as /helloworld.Greeter/SayHello",
    valid: is_method,
    values: TIMEOUT,
};

/// Whether a text is a name as protobuf has them: identifiers, joined by dots.
fn is_service(text: &str) -> bool {
    text.split('.').all(is_identifier)
}

fn is_method(text: &str) -> bool {
    let names = text.strip_prefix('/').and_then(|names| names.split_once('/'));
    names.is_some_and(|(service, method)| is_service(service) && is_identifier(method))
}

fn is_identifier(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
}
