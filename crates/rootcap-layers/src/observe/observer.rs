//! [`Observer`]: what is told about each call.

use std::sync::Arc;

use crate::{
    call::{Call, Direction},
    outcome::Outcome,
};

/// Is told about each call: at its start, as messages pass, and at its end.
///
/// Observers are composed as tuples, which are told in order. An observer must neither block nor panic:
/// it runs on the path of the call.
///
/// ```
/// use std::time::Instant;
/// use rootcap_layers::{Call, Direction, Outcome, code_name, observe::Observer};
///
/// /// Says how long each call took to its end.
/// struct Stopwatch;
///
/// impl Observer for Stopwatch {
///     type State = Instant;
///
///     fn on_start(&self, _: &Call) -> Instant {
///         Instant::now()
///     }
///
///     fn on_end(&self, call: &Call, start: Instant, outcome: &Outcome) {
///         let (sent, code) = (call.messages(Direction::Sent), code_name(outcome.code()));
///         println!("{}: {sent} messages, {code}, {:?}", call.path(), start.elapsed());
///     }
/// }
/// ```
pub trait Observer: Send + Sync + 'static {
    /// What the observer keeps with each call.
    type State: Send + 'static;

    /// The headers have arrived.
    fn on_start(&self, call: &Call) -> Self::State;

    /// So many complete messages have passed together, in one of the directions. They are counted in the call already.
    fn on_messages(&self, call: &Call, direction: Direction, count: u64) {
        let _ = (call, direction, count);
    }

    /// The call has ended.
    fn on_end(&self, call: &Call, state: Self::State, outcome: &Outcome);
}

impl<O: Observer> Observer for Arc<O> {
    type State = O::State;

    fn on_start(&self, call: &Call) -> Self::State {
        O::on_start(self, call)
    }

    fn on_messages(&self, call: &Call, direction: Direction, count: u64) {
        O::on_messages(self, call, direction, count);
    }

    fn on_end(&self, call: &Call, state: Self::State, outcome: &Outcome) {
        O::on_end(self, call, state, outcome);
    }
}

/// An observer that may be left out.
impl<O: Observer> Observer for Option<O> {
    type State = Option<O::State>;

    fn on_start(&self, call: &Call) -> Self::State {
        self.as_ref().map(|observer| observer.on_start(call))
    }

    fn on_messages(&self, call: &Call, direction: Direction, count: u64) {
        if let Some(observer) = self {
            observer.on_messages(call, direction, count);
        }
    }

    fn on_end(&self, call: &Call, state: Self::State, outcome: &Outcome) {
        if let (Some(observer), Some(state)) = (self, state) {
            observer.on_end(call, state, outcome);
        }
    }
}

macro_rules! observer_tuple {
    ($($observer:ident $state:ident),*) => {
        impl<$($observer: Observer),*> Observer for ($($observer,)*) {
            type State = ($($observer::State,)*);

            #[allow(non_snake_case, unused_variables, clippy::unused_unit, reason = "the empty tuple too")]
            fn on_start(&self, call: &Call) -> Self::State {
                let ($($observer,)*) = self;
                ($($observer.on_start(call),)*)
            }

            #[allow(non_snake_case, unused_variables, reason = "the empty tuple too")]
            fn on_messages(&self, call: &Call, direction: Direction, count: u64) {
                let ($($observer,)*) = self;
                $($observer.on_messages(call, direction, count);)*
            }

            #[allow(non_snake_case, unused_variables, reason = "the empty tuple too")]
            fn on_end(&self, call: &Call, state: Self::State, outcome: &Outcome) {
                let ($($observer,)*) = self;
                let ($($state,)*) = state;
                $($observer.on_end(call, $state, outcome);)*
            }
        }
    };
}

observer_tuple!();
observer_tuple!(A a);
observer_tuple!(A a, B b);
observer_tuple!(A a, B b, C c);
observer_tuple!(A a, B b, C c, D d);
observer_tuple!(A a, B b, C c, D d, E e);
observer_tuple!(A a, B b, C c, D d, E e, F f);
