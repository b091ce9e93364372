//! [`Policy`]: the one trait that decides, and what it is given.

use std::future::Future;

use http::{HeaderMap, Request};
use tokio::time::Instant;

use super::Refusal;
use crate::call::Call;

/// Decides whether a call may be served now.
pub trait Policy: Clone {
    /// What an admitted call holds to the end of its body.
    type Permit;

    /// What a call waits for that can be decided about later; `std::future::Pending` where none waits.
    type Wait: Future<Output = Result<Self::Permit, Refusal>>;

    /// Decides about one call, at the time that `now` tells: to ask takes as much as all else together, and not everyone
    /// has to. Does not block.
    fn admit(
        &self,
        arrival: &Arrival<'_>,
        now: impl Fn() -> Instant,
    ) -> Decision<Self::Permit, Self::Wait>;

    /// Why a call would be refused now, without anything being taken for it: asked about one that would have to wait for
    /// another policy first, which is in vain then.
    fn refuses(&self, _arrival: &Arrival<'_>, _now: impl Fn() -> Instant) -> Option<Refusal> {
        None
    }

    /// Decides about a call that has waited, and has its permit now. There is nothing left to decide, but where a policy
    /// asks others in turn.
    fn resume(
        &self,
        permit: Self::Permit,
        _arrival: &Arrival<'_>,
        _now: impl Fn() -> Instant,
    ) -> Decision<Self::Permit, Self::Wait> {
        Decision::Admit(permit)
    }
}

/// What a [`Policy`] says of a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision<P, W> {
    /// It is served, and holds this to the end of its body.
    Admit(P),
    /// It is not served.
    Refuse(Refusal),
    /// It is decided about when this is ready; dropping it gives up the place.
    Wait(W),
}

/// What a policy sees of a call: its head.
#[derive(Debug, Clone, Copy)]
pub struct Arrival<'a> {
    /// The call, where an [`Observe`](crate::observe::Observe) has made one.
    pub call: Option<&'a Call>,
    /// `/package.Service/Method` of a well-formed call. Not to be trusted.
    pub path: &'a str,
    /// The caller's metadata. Not to be trusted.
    pub headers: &'a HeaderMap,
}

impl<'a> Arrival<'a> {
    #[inline]
    pub(super) fn new<B>(call: Option<&'a Call>, request: &'a Request<B>) -> Self {
        Self { call, path: request.uri().path(), headers: request.headers() }
    }

    /// The time. That of its beginning is not for long that of its arrival here: it may have waited for another policy.
    #[inline]
    pub(super) fn now(&self) -> Instant {
        self.call.and_then(Call::arrives_at).unwrap_or_else(Instant::now)
    }

    /// Whether this is a call of the framework's own methods (health, reflection), which no limit applies to.
    #[inline]
    pub fn is_builtin(&self) -> bool {
        self.call.is_some_and(|call| call.method().is_builtin())
    }
}
