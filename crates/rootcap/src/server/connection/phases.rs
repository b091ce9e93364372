//! The phases of a connection, as a pure state machine: what to do next, given the facts and the time.

use std::time::Duration;

use tokio::time::Instant;

/// Deadlines of a connection's life.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    /// From the first moment, or the end of the TLS handshake, to a whole preface.
    pub(crate) preface: Duration,
    /// After this age, the peer is asked to go.
    pub(crate) max_age: Option<Duration>,
    /// After `max_age` and this, the connection is closed.
    pub(crate) max_age_grace: Duration,
    /// After this without a call, the peer is asked to go.
    pub(crate) idle: Option<Duration>,
}

/// A peer that has been asked to go and has no open call has this long to hang up.
const HANG_UP: Duration = Duration::from_secs(5);
/// Further than any deadline.
const FAR: Duration = Duration::from_secs(86_400 * 365);

impl Limits {
    /// Spreads the maximum age by 10 % either way, so that connections made together do not end together
    /// (gRFC A9); `random` is from 0 to 1.
    pub(crate) fn with_jitter(mut self, random: f64) -> Self {
        self.max_age = self.max_age.map(|age| age.mul_f64(0.9 + 0.2 * random));
        self
    }
}

/// Why a connection ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CloseReason {
    /// The peer hung up, or followed a GOAWAY.
    Done,
    /// The network failed, or the peer ended the connection with an error.
    Error,
    /// What the peer sent is no HTTP/2, or breaks its rules.
    Protocol,
    /// What the peer sent costs more than it is worth: floods, of resets above all.
    EnhanceYourCalm,
    /// The peer did not answer a ping.
    KeepaliveTimeout,
    /// The peer spoke HTTP/1.
    Http1,
    /// The peer spoke TLS to a port without.
    TlsToPlaintext,
    HandshakeTimeout,
    HandshakeFailed,
    PrefaceTimeout,
    MaxAge,
    Idle,
    Drain,
}

impl CloseReason {
    /// The value of the label `reason`.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            CloseReason::Done => "done",
            CloseReason::Error => "error",
            CloseReason::Protocol => "protocol",
            CloseReason::EnhanceYourCalm => "enhance_your_calm",
            CloseReason::KeepaliveTimeout => "keepalive_timeout",
            CloseReason::Http1 => "http1",
            CloseReason::TlsToPlaintext => "tls_to_plaintext",
            CloseReason::HandshakeTimeout => "handshake_timeout",
            CloseReason::HandshakeFailed => "handshake_failed",
            CloseReason::PrefaceTimeout => "preface_timeout",
            CloseReason::MaxAge => "max_age",
            CloseReason::Idle => "idle",
            CloseReason::Drain => "drain",
        }
    }
}

/// What is known of the connection now.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Facts {
    pub(crate) now: Instant,
    pub(crate) preface_seen: bool,
    pub(crate) open_calls: usize,
    /// When the last of the open calls ended.
    pub(crate) last_call: Instant,
    pub(crate) last_write: Instant,
    pub(crate) draining: bool,
}

/// What to do next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    /// Look again at this time, or when the server's phase changes.
    WaitUntil(Instant),
    /// Send GOAWAY, and step again.
    GoAway,
    /// Close the connection.
    Close(CloseReason),
}

#[derive(Debug, Clone, Copy)]
enum State {
    Preface,
    Open,
    /// GOAWAY has been sent.
    Leaving {
        reason: CloseReason,
        since: Instant,
    },
}

/// Where a connection stands.
#[derive(Debug)]
pub(crate) struct Phases {
    accepted: Instant,
    /// When the peer could begin its preface.
    begun: Instant,
    limits: Limits,
    state: State,
}

impl Phases {
    pub(crate) fn new(accepted: Instant, begun: Instant, limits: Limits) -> Self {
        Self { accepted, begun, limits, state: State::Preface }
    }

    pub(crate) fn step(&mut self, facts: &Facts) -> Step {
        if matches!(self.state, State::Preface) && facts.preface_seen {
            self.state = State::Open;
        }
        match self.state {
            State::Preface => self.preface(facts),
            State::Open => self.open(facts),
            State::Leaving { reason, since } => self.leaving(facts, reason, since),
        }
    }

    /// Why the connection ended, when it ended by itself; `failed` says what it ended with, if it failed. On its way
    /// out a peer that vanishes has only gone sooner.
    pub(crate) fn ended(&self, failed: Option<CloseReason>) -> CloseReason {
        match (self.state, failed) {
            (State::Leaving { reason, .. }, None | Some(CloseReason::Error)) => reason,
            (_, Some(failed)) => failed,
            (_, None) => CloseReason::Done,
        }
    }

    /// A silent peer is not waited for in a drain: it has no call to lose.
    fn preface(&self, facts: &Facts) -> Step {
        let until = self.begun + self.limits.preface;
        match facts {
            facts if facts.draining => Step::Close(CloseReason::Drain),
            facts if facts.now >= until => Step::Close(CloseReason::PrefaceTimeout),
            // Nobody tells when the preface is whole: look when that could matter.
            facts => match self.aged().into_iter().chain(self.idle(facts)).min() {
                Some(at) if facts.now < at => Step::WaitUntil(at.min(until)),
                _ => Step::WaitUntil(until),
            },
        }
    }

    fn aged(&self) -> Option<Instant> {
        self.limits.max_age.map(|age| self.accepted + age)
    }

    /// While calls are open the connection is not idle: this is then the soonest that it could be.
    fn idle(&self, facts: &Facts) -> Option<Instant> {
        let since = if facts.open_calls > 0 { facts.now } else { facts.last_call };
        self.limits.idle.map(|idle| since + idle)
    }

    fn open(&mut self, facts: &Facts) -> Step {
        let (aged, idle) = (self.aged(), self.idle(facts));
        let reached = |at: Option<Instant>| at.is_some_and(|at| facts.now >= at);
        let reason = match () {
            () if facts.draining => CloseReason::Drain,
            () if reached(aged) => CloseReason::MaxAge,
            () if reached(idle) => CloseReason::Idle,
            () => {
                let next = [aged, idle].into_iter().flatten().min();
                return Step::WaitUntil(next.unwrap_or(facts.now + FAR));
            }
        };
        self.state = State::Leaving { reason, since: facts.now };
        Step::GoAway
    }

    fn leaving(&mut self, facts: &Facts, reason: CloseReason, since: Instant) -> Step {
        let has_grace = match reason {
            CloseReason::MaxAge => true,
            // A peer may send pings for ever; a call that came in between has all its time.
            CloseReason::Idle => facts.open_calls == 0,
            // A drain has a deadline of its own, which closes what is left.
            _ => false,
        };
        let grace = has_grace.then(|| since + self.limits.max_age_grace);
        let hang_up = match facts.open_calls {
            // As long as the peer takes bytes, it is still being given the end of an answer.
            0 => facts.last_call.max(facts.last_write).max(since) + HANG_UP,
            _ => facts.now + HANG_UP,
        };
        let until = grace.map_or(hang_up, |grace| grace.min(hang_up));
        if facts.now >= until { Step::Close(reason) } else { Step::WaitUntil(until) }
    }
}

#[cfg(test)]
mod tests;
