//! The panic hook: a panic while a call is served is logged under the ids of that call.

use std::{
    backtrace::Backtrace,
    cell::Cell,
    panic::{self, PanicHookInfo},
    sync::{Mutex, Once, PoisonError},
    time::{Duration, Instant},
};

use rootcap_layers::{Call, excerpt::cut};

use super::logs;

/// The target of the event.
pub(crate) const TARGET: &str = "rootcap::panic";

/// How much is logged of a panic's message, in bytes.
const MAX_MESSAGE: usize = 1024;
/// How much is logged of a backtrace, in bytes.
const MAX_BACKTRACE: usize = 8 * 1024;
/// How many backtraces are captured per second. One takes milliseconds: whoever can make a handler panic
/// must not be able to spend the process's time on them.
const MAX_BACKTRACES: u32 = 10;

/// Adds to the process's panic hook, once: the hook that was there is still called, for every panic.
///
/// Only the standard library's own one, which is there where nobody has set another, is not called for a panic that the
/// log has taken: it would say the same again, to stderr and on the thread that panicked, which would wait for ever
/// where nobody reads stderr and its pipe is full.
pub(crate) fn install() {
    static INSTALLED: Once = Once::new();
    INSTALLED.call_once(|| {
        // Other tests start servers, which install the hook: whoever is first, the tests' own is below.
        #[cfg(test)]
        tests::install_below();
        let previous = panic::take_hook();
        let is_own = !is_standard(&*previous);
        panic::set_hook(Box::new(move |info| {
            let told = Call::current().is_some_and(|call| log(&call, info));
            if is_own || !told {
                previous(info);
            }
        }));
    });
}

type Hook = dyn Fn(&PanicHookInfo<'_>) + Send + Sync;

/// Whether `hook` is the standard library's, when it has just been taken. Then there is none, and what is taken next is
/// the standard library's. Two closures without captures are equal to the compiler's eye only if they have one table of
/// functions, and then they do the same; one that it keeps twice is taken for somebody's own.
fn is_standard(hook: &Hook) -> bool {
    std::ptr::eq(hook, &*panic::take_hook())
}

/// Warns if a panic will end the process, where nothing can turn it into the end of one call.
pub(crate) fn warn_if_abort() {
    if cfg!(panic = "abort") {
        tracing::warn!(
            target: TARGET,
            "built with panic = \"abort\": a panic in a handler ends the process, not just the call"
        );
    }
}

thread_local! {
    /// Whether the log has taken the event of this thread's last panic.
    static TAKEN: Cell<bool> = const { Cell::new(false) };
}

/// Tells, from the log and on the thread of the panic, that the log has taken its event.
pub(crate) fn taken() {
    TAKEN.set(true);
}

/// Logs a panic; tells whether the log has taken it. Of a log that is not ours, that is whether anyone in its subscriber
/// wanted to know. Of ours, it is not: spans that are exported take the events of handlers too, and nobody reads them as
/// a log.
fn log(call: &Call, info: &PanicHookInfo<'_>) -> bool {
    if !tracing::enabled!(target: TARGET, tracing::Level::ERROR) {
        return false;
    }
    static BUDGET: Mutex<Option<Budget>> = Mutex::new(None);
    let affordable = {
        let mut budget = BUDGET.lock().unwrap_or_else(PoisonError::into_inner);
        Budget::take(&mut budget, Instant::now())
    };
    let backtrace = match affordable {
        true => Some(Backtrace::force_capture().to_string()),
        false => None,
    };
    let backtrace = backtrace.as_deref().map(|text| cut(after_machinery(text), MAX_BACKTRACE));
    let location = info.location().map(ToString::to_string);
    TAKEN.set(false);
    tracing::error!(
        target: TARGET,
        request_id = call.request_id().as_str(),
        trace_id = %call.trace().trace_id(),
        span_id = %call.trace().span_id(),
        grpc.service = call.method().service(),
        grpc.method = call.method().name(),
        panic.message = cut(message(info), MAX_MESSAGE),
        panic.location = location.as_deref(),
        panic.backtrace = backtrace.unwrap_or("left out: too many panics"),
        "handler panicked"
    );
    TAKEN.get() || !logs::is_current()
}

fn message<'a>(info: &'a PanicHookInfo<'_>) -> &'a str {
    let payload = info.payload();
    let text = payload.downcast_ref::<&str>().copied();
    text.or_else(|| payload.downcast_ref::<String>().map(String::as_str)).unwrap_or("no text")
}

/// The frames below those of the panic itself, which are the same every time.
fn after_machinery(backtrace: &str) -> &str {
    let Some(at) = backtrace.find("rust_begin_unwind") else { return backtrace };
    let rest = &backtrace[at..];
    // The frame's name, and where it stands, which is a line of its own.
    let mut end = rest.find('\n').map_or(rest.len(), |end| end + 1);
    if rest[end..].trim_start().starts_with("at ") {
        end += rest[end..].find('\n').map_or(rest.len() - end, |end| end + 1);
    }
    &rest[end..]
}

/// What is left of the backtraces of one second.
#[derive(Debug)]
struct Budget {
    since: Instant,
    spent: u32,
}

impl Budget {
    fn take(budget: &mut Option<Self>, now: Instant) -> bool {
        let budget = budget.get_or_insert(Self { since: now, spent: 0 });
        if now.saturating_duration_since(budget.since) >= Duration::from_secs(1) {
            *budget = Self { since: now, spent: 0 };
        }
        budget.spent = budget.spent.saturating_add(1);
        budget.spent <= MAX_BACKTRACES
    }
}

#[cfg(test)]
mod tests;
