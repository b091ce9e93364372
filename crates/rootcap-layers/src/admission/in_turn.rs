//! [`InTurn`]: two policies as one.

use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll},
};

use pin_project_lite::pin_project;
use tokio::time::Instant;

use super::{Arrival, Decision, Policy, Refusal};

/// Asks one policy, and of the calls that it admits, when they are done with waiting, another: as an
/// [`Admission`](super::Admission) around one would, for less than two take.
#[derive(Debug, Clone)]
pub struct InTurn<A, B> {
    first: Option<A>,
    then: Option<B>,
}

/// The permits of both, those of policies that have been asked.
type Permits<A, B> = (Option<<A as Policy>::Permit>, Option<<B as Policy>::Permit>);

impl<A: Policy, B: Policy> InTurn<A, B> {
    /// Those of two policies that there are; `None` if there is none.
    pub fn new(first: Option<A>, then: Option<B>) -> Option<Self> {
        (first.is_some() || then.is_some()).then_some(Self { first, then })
    }

    #[inline]
    fn then(
        &self,
        first: Option<A::Permit>,
        arrival: &Arrival<'_>,
        now: impl Fn() -> Instant,
    ) -> Decision<Permits<A, B>, Turn<A, B>> {
        let Some(then) = &self.then else { return Decision::Admit((first, None)) };
        match then.admit(arrival, now) {
            Decision::Admit(permit) => Decision::Admit((first, Some(permit))),
            Decision::Refuse(refusal) => Decision::Refuse(refusal),
            Decision::Wait(wait) => Decision::Wait(Turn { with: With::Then { wait, first } }),
        }
    }
}

impl<A: Policy, B: Policy> Policy for InTurn<A, B> {
    type Permit = Permits<A, B>;
    type Wait = Turn<A, B>;

    #[inline]
    fn admit(
        &self,
        arrival: &Arrival<'_>,
        now: impl Fn() -> Instant,
    ) -> Decision<Self::Permit, Self::Wait> {
        let permit = match self.first.as_ref().map(|first| first.admit(arrival, &now)) {
            None => None,
            Some(Decision::Admit(permit)) => Some(permit),
            Some(Decision::Refuse(refusal)) => return Decision::Refuse(refusal),
            Some(Decision::Wait(wait)) => {
                let in_vain = self.then.as_ref().and_then(|then| then.refuses(arrival, now));
                return match in_vain {
                    Some(refusal) => Decision::Refuse(refusal),
                    None => Decision::Wait(Turn { with: With::First { wait } }),
                };
            }
        };
        self.then(permit, arrival, now)
    }

    fn resume(
        &self,
        (first, then): Self::Permit,
        arrival: &Arrival<'_>,
        now: impl Fn() -> Instant,
    ) -> Decision<Self::Permit, Self::Wait> {
        match then {
            None => self.then(first, arrival, now),
            then => Decision::Admit((first, then)),
        }
    }
}

pin_project! {
    /// What a call waits for: its turn with one of the two.
    pub struct Turn<A: Policy, B: Policy> {
        #[pin]
        with: With<A, B>,
    }
}

pin_project! {
    #[project = WithProj]
    enum With<A: Policy, B: Policy> {
        // The other has not been asked.
        First { #[pin] wait: A::Wait },
        // The permit of the first is dropped last.
        Then { #[pin] wait: B::Wait, first: Option<A::Permit> },
    }
}

impl<A: Policy, B: Policy> Future for Turn<A, B> {
    type Output = Result<Permits<A, B>, Refusal>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match self.project().with.project() {
            WithProj::First { wait } => wait.poll(cx).map_ok(|permit| (Some(permit), None)),
            WithProj::Then { wait, first } => {
                wait.poll(cx).map_ok(|permit| (first.take(), Some(permit)))
            }
        }
    }
}
