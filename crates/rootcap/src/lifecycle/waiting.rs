//! What a drain waits for: the open calls, by method and one by one.

use std::{cmp::Reverse, collections::HashMap, fmt, sync::Arc};

use rootcap_layers::{Call, Method};
use tokio::time::Instant;

use crate::{health::HEALTH, server::connections::Connections};

/// The most calls that are told of one by one, and the most methods.
const MOST: usize = 1_000;
/// The most calls that the log tells of.
const MOST_LOGGED: usize = 10;

/// The open calls that hold up a drain. Watches of health do not: they end with its beginning.
#[derive(Debug, Default)]
pub(crate) struct Waiting {
    /// How many there are.
    pub(crate) calls: usize,
    /// The oldest of them, oldest first.
    pub(crate) oldest: Vec<Call>,
    /// All of them by method, the method with the oldest one first.
    pub(crate) methods: Vec<OfMethod>,
}

/// The open calls of one method.
#[derive(Debug)]
pub(crate) struct OfMethod {
    pub(crate) method: Arc<Method>,
    pub(crate) calls: usize,
    /// When the oldest one began.
    pub(crate) oldest: Instant,
}

impl Waiting {
    pub(crate) fn on(connections: &Connections) -> Self {
        let (mut all, mut methods) = (Vec::new(), HashMap::new());
        connections.each_call(|_, call| {
            if call.method().service() != HEALTH {
                count(&mut methods, call);
                all.push(call.clone());
            }
        });
        let calls = all.len();
        if calls > MOST {
            all.select_nth_unstable_by_key(MOST, Call::started);
            all.truncate(MOST);
        }
        all.sort_by_key(Call::started);
        let mut methods: Vec<_> = methods.into_values().collect();
        methods.sort_by_key(|of: &OfMethod| (of.oldest, Reverse(of.calls)));
        methods.truncate(MOST);
        Self { calls, oldest: all, methods }
    }
}

fn count(methods: &mut HashMap<*const Method, OfMethod>, call: &Call) {
    let (method, oldest) = (Arc::clone(call.method()), call.started());
    let of = methods.entry(Arc::as_ptr(&method)).or_insert(OfMethod { method, calls: 0, oldest });
    of.calls += 1;
    of.oldest = of.oldest.min(oldest);
}

/// For the log: the oldest calls, each with its peer and its age.
impl fmt::Display for Waiting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, call) in self.oldest.iter().take(MOST_LOGGED).enumerate() {
            let separator = if index > 0 { "; " } else { "" };
            let peer = call.peer().map_or("unknown", |peer| peer.as_str());
            let age = call.started().elapsed().as_secs_f64();
            write!(f, "{separator}{} of {peer}, {age:.1} s old", call.method().path())?;
        }
        match self.calls.saturating_sub(MOST_LOGGED) {
            0 => Ok(()),
            more => write!(f, "; and {more} more"),
        }
    }
}
