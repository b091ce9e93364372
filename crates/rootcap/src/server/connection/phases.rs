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
    /// After twice this, in which the peer took nothing of what there was to send, the connection is closed.
    pub(crate) stall: Option<Duration>,
}

/// A peer that has been asked to go and has no open call has this long to hang up.
const HANG_UP: Duration = Duration::from_secs(5);
/// A peer that has been told that it will be asked to go has this long to send what it had begun by then: a round trip
/// around the world.
pub(super) const NOTICE: Duration = Duration::from_millis(250);
/// In a drain, who has not greeted yet has this long for it.
pub(super) const GREETING: Duration = Duration::from_secs(1);
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
    /// The peer took nothing of what there was to send.
    Stalled,
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
            CloseReason::Stalled => "stalled",
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
    /// Bytes of responses that the peer has not taken.
    pub(crate) unsent: usize,
    pub(crate) draining: bool,
}

/// What to do next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    /// Look again at this time, or when the server's phase changes.
    WaitUntil(Instant),
    /// Tell the peer that it will be asked to go, and step again.
    Notice,
    /// Send GOAWAY, and step again.
    GoAway,
    /// Close the connection.
    Close(CloseReason),
}

#[derive(Debug, Clone, Copy)]
enum State {
    Preface,
    Open,
    /// The peer has been told that it will be asked to go.
    Noticed {
        reason: CloseReason,
        since: Instant,
    },
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
    /// Since when it has been seen that there is something to send.
    unsent_since: Option<Instant>,
    /// Since when the server drains, as far as this connection has noticed.
    draining: Option<Instant>,
}

impl Phases {
    pub(crate) fn new(accepted: Instant, begun: Instant, limits: Limits) -> Self {
        Self { accepted, begun, limits, state: State::Preface, draining: None, unsent_since: None }
    }

    pub(crate) fn step(&mut self, facts: &Facts) -> Step {
        if matches!(self.state, State::Preface) && facts.preface_seen {
            self.state = State::Open;
        }
        if facts.draining {
            self.draining.get_or_insert(facts.now);
        }
        let stalled = self.stalled(facts);
        if stalled.is_some_and(|at| facts.now >= at) {
            return Step::Close(CloseReason::Stalled);
        }
        let step = match self.state {
            State::Preface => self.preface(facts),
            State::Open => self.open(facts),
            State::Noticed { reason, since } => self.noticed(facts, reason, since),
            State::Leaving { reason, since } => self.leaving(facts, reason, since),
        };
        match (step, stalled) {
            (Step::WaitUntil(until), Some(stalled)) => Step::WaitUntil(until.min(stalled)),
            _ => step,
        }
    }

    /// When the peer will have taken nothing for too long. While there is nothing to send, this is when to look for it
    /// again: nobody tells when there is.
    fn stalled(&mut self, facts: &Facts) -> Option<Instant> {
        let timeout = self.limits.stall?;
        if facts.unsent == 0 {
            self.unsent_since = None;
            return Some(facts.now + timeout);
        }
        let seen = self.unsent_since.filter(|since| facts.last_write <= *since);
        let since = *self.unsent_since.insert(seen.unwrap_or(facts.now));
        // A call whose reader stalls is reset before, which is written if the peer still takes something.
        Some(since + 2 * timeout)
    }

    /// Why the connection ended, when it ended by itself; `failed` says what it ended with, if it failed. On its way
    /// out a peer that vanishes has only gone sooner.
    pub(crate) fn ended(&self, failed: Option<CloseReason>) -> CloseReason {
        match (self.state, failed) {
            (
                State::Noticed { reason, .. } | State::Leaving { reason, .. },
                None | Some(CloseReason::Error),
            ) => reason,
            (_, Some(failed)) => failed,
            (_, None) => CloseReason::Done,
        }
    }

    /// A drain waits for a silent peer for a moment and no longer: it may have connected just before, and its client
    /// takes a connection that ends unannounced for a failure, of the calls that wait for it too.
    fn preface(&self, facts: &Facts) -> Step {
        let until = self.begun + self.limits.preface;
        let given_up = self.draining.map(|since| since + GREETING);
        match facts.now {
            now if now >= until => Step::Close(CloseReason::PrefaceTimeout),
            now if given_up.is_some_and(|at| now >= at) => Step::Close(CloseReason::Drain),
            // Nobody tells when the preface is whole: look when that could matter.
            now => {
                let next = [self.aged(), self.idle(facts), given_up].into_iter().flatten();
                let next = next.filter(|at| *at > now).min();
                Step::WaitUntil(next.map_or(until, |at| at.min(until)))
            }
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
        self.state = State::Noticed { reason, since: facts.now };
        Step::Notice
    }

    /// Nothing is refused meanwhile.
    fn noticed(&mut self, facts: &Facts, reason: CloseReason, since: Instant) -> Step {
        let until = since + NOTICE;
        if facts.now < until {
            return Step::WaitUntil(until);
        }
        self.state = State::Leaving { reason, since };
        Step::GoAway
    }

    fn leaving(&mut self, facts: &Facts, reason: CloseReason, since: Instant) -> Step {
        // A call that has ended here has not for its peer, while its answer waits.
        let busy = facts.open_calls > 0 || facts.unsent > 0;
        let has_grace = match reason {
            CloseReason::MaxAge => true,
            // A peer may send pings for ever; a call that came in between has all its time.
            CloseReason::Idle => !busy,
            // A drain has a deadline of its own, which closes what is left.
            _ => false,
        };
        let grace = has_grace.then(|| since + self.limits.max_age_grace);
        let hang_up = match busy {
            // As long as the peer takes bytes, it is still being given the end of an answer.
            false => facts.last_call.max(facts.last_write).max(since) + HANG_UP,
            true => facts.now + HANG_UP,
        };
        let until = grace.map_or(hang_up, |grace| grace.min(hang_up));
        if facts.now >= until { Step::Close(reason) } else { Step::WaitUntil(until) }
    }
}

#[cfg(test)]
mod tests;
