//! [`HealthCheck`]: what is checked, how often, and what it affects.

use std::{collections::BTreeSet, fmt, future::Future, sync::Arc, time::Duration};

use futures_util::{FutureExt, future::BoxFuture};
use rootcap_layers::excerpt::has_effect;

use super::error_text::error_text;
use crate::{bounds::BoxError, health::state::SERVER};

/// The longest name, in bytes: it is a label of metrics.
const MAX_NAME: usize = 64;
/// More often would be a load, and not a check.
const MIN_INTERVAL: Duration = Duration::from_millis(100);
/// Less often would tell of another day.
const MAX_INTERVAL: Duration = Duration::from_secs(24 * 3600);
/// Less is no time to answer in.
const MIN_TIMEOUT: Duration = Duration::from_millis(1);

type Run = dyn Fn() -> BoxFuture<'static, Result<(), String>> + Send + Sync;

/// A check of something that the server depends on, for [`Builder::health_check`](crate::Builder::health_check).
///
/// It runs on the runtime that starts the server: at once, and then at each interval, give or take a tenth so that
/// replicas do not ask in step, until the server drains. No run begins before the one before has ended.
///
/// - It fails when it returns an error, panics, or takes longer than its timeout, at which it is dropped. One that
///   cannot be dropped, because it blocks its thread, fails again at each interval until it has ended.
/// - It is shown on the admin port's `/debug/health`, and is the metrics `rootcap_health_check_up`,
///   `rootcap_health_check_failures_total` and `rootcap_health_check_duration_seconds`, with its name as the label
///   `check`. When it begins to fail and when it has recovered, that is logged.
/// - What it [`affects`](Self::affects) is not serving from the third failure in a row to the next success. By
///   default that is nothing: a database that all replicas share and that is down must not take all of them out of
///   service. `/livez` is never affected, because a restart mends no dependency.
///
/// The text of an error goes to the log and to the guarded page, cut at 256 bytes, and with `***` for what stands
/// before an `@` in a URL.
///
/// ```
/// use std::time::Duration;
///
/// use rootcap::health::{Affects, HealthCheck};
/// use tokio::net::TcpStream;
///
/// # async fn example(service: impl rootcap::IntoServices<List = rootcap::Nil>) -> Result<(), rootcap::Error> {
/// let (interval, timeout) = (Duration::from_secs(10), Duration::from_secs(1));
/// let redis = HealthCheck::new("redis", interval, timeout, || async {
///     TcpStream::connect("redis:6379").await.map(drop)
/// });
/// # async fn write_a_probe() -> std::io::Result<()> { Ok(()) }
/// let disk = HealthCheck::new("disk", interval, timeout, write_a_probe);
/// rootcap::Server::builder()
///     .health_check(redis)
///     .health_check(disk.affects(Affects::Readiness))
///     .serve(service)
///     .await
/// # }
/// ```
#[derive(Clone)]
#[must_use = "a check runs only in a server that it is given to"]
pub struct HealthCheck {
    name: String,
    interval: Duration,
    timeout: Duration,
    affects: Vec<Affects>,
    run: Arc<Run>,
}

/// What is not serving while a check fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Affects {
    /// The whole server: `/readyz`, and the health of the empty name. Its services each keep their own health.
    Readiness,
    /// One service, by its full name (`helloworld.Greeter`, or `GreeterServer::<()>::NAME`).
    Service(&'static str),
}

impl Affects {
    /// The name under which it is asked for at the health service.
    pub(super) fn service(self) -> &'static str {
        match self {
            Self::Readiness => SERVER,
            Self::Service(service) => service,
        }
    }
}

impl fmt::Display for Affects {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Readiness => f.write_str("readiness"),
            Self::Service(service) => f.write_str(service),
        }
    }
}

impl HealthCheck {
    /// A check that affects nothing.
    ///
    /// The name has 1 to 64 bytes, none of them a control character, and no other check of the server has it; the
    /// interval, from the start of one run to the start of the next, is from 100 ms to 24 h; the timeout of a run is
    /// from 1 ms to the interval. What is out of these bounds is an error when the server starts.
    pub fn new<C, F, E>(
        name: impl Into<String>,
        interval: Duration,
        timeout: Duration,
        check: C,
    ) -> Self
    where
        C: Fn() -> F + Send + Sync + 'static,
        F: Future<Output = Result<(), E>> + Send + 'static,
        E: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let run = move || {
            let answer = check();
            async move { answer.await.map_err(|error| error_text(&*BoxError::from(error.into()))) }
                .boxed()
        };
        Self { name: name.into(), interval, timeout, affects: Vec::new(), run: Arc::new(run) }
    }

    /// What is not serving while the check fails; to be called once for each, of which there may be several.
    pub fn affects(mut self, affects: Affects) -> Self {
        if !self.affects.contains(&affects) {
            self.affects.push(affects);
        }
        self
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    pub(super) fn interval(&self) -> Duration {
        self.interval
    }

    pub(super) fn timeout(&self) -> Duration {
        self.timeout
    }

    pub(super) fn affected(&self) -> &[Affects] {
        &self.affects
    }

    /// Begins a run: in the task that is to be blamed for all that it does.
    pub(super) async fn run(self) -> Result<(), String> {
        (self.run)().await
    }

    /// What is wrong with the check, in a server of these services.
    pub(super) fn problems(&self, served: &BTreeSet<&'static str>) -> Vec<String> {
        let Self { name, interval, timeout, affects, .. } = self;
        let mut problems = Vec::new();
        let mut expect = |holds: bool, what: fmt::Arguments<'_>| {
            if !holds {
                problems.push(format!("health check {name:?}: {what}"));
            }
        };
        expect(
            (1..=MAX_NAME).contains(&name.len()) && !name.contains(has_effect),
            format_args!("expected a name of 1 to {MAX_NAME} bytes, without control characters"),
        );
        expect(
            (MIN_INTERVAL..=MAX_INTERVAL).contains(interval),
            format_args!("interval {interval:?}: expected from {MIN_INTERVAL:?} to 24h"),
        );
        expect(
            (MIN_TIMEOUT..=*interval.max(&MIN_TIMEOUT)).contains(timeout),
            format_args!(
                "timeout {timeout:?}: expected from {MIN_TIMEOUT:?} to the interval, {interval:?}"
            ),
        );
        for affects in affects {
            if let Affects::Service(service) = affects {
                let all = served.iter().copied().collect::<Vec<_>>().join(", ");
                expect(
                    served.contains(service),
                    format_args!("affects the service {service:?}: expected one of {all}"),
                );
            }
        }
        problems
    }
}

impl fmt::Debug for HealthCheck {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HealthCheck")
            .field("name", &self.name)
            .field("interval", &self.interval)
            .field("timeout", &self.timeout)
            .field("affects", &self.affects)
            .finish_non_exhaustive()
    }
}
