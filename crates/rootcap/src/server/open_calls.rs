//! The calls that are open on a connection.

use std::{
    fmt,
    str::FromStr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use rootcap_layers::Call;
use slab::Slab;

use super::{connections::Connection, io_stats::CallCount};

/// How many calls are copied under the lock that their begins and ends take.
const AT_A_TIME: usize = 256;

/// The calls that are open on one connection, which HTTP/2 limits; a call that begins takes the place of one that has
/// ended.
#[derive(Debug, Default)]
pub(crate) struct OpenCalls(Mutex<Slab<Listed>>);

/// An open call, and its number among all of its connection.
#[derive(Debug, Clone)]
struct Listed {
    call: Call,
    number: u64,
}

/// What stands for a call in the pages: the number of its connection, and its own there. No two are the same, while a
/// request's id is the caller's to choose.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct CallId {
    pub(crate) connection: u64,
    pub(crate) number: u64,
}

impl fmt::Display for CallId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.connection, self.number)
    }
}

impl FromStr for CallId {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let number = |text: &str| {
            let digits = text.bytes().all(|byte| byte.is_ascii_digit());
            if digits { text.parse().map_err(drop) } else { Err(()) }
        };
        let (connection, call) = text.split_once('-').ok_or(())?;
        Ok(Self { connection: number(connection)?, number: number(call)? })
    }
}

impl OpenCalls {
    /// Looks at each, with its number. Calls go on beginning and ending meanwhile: one that is open all the time is seen
    /// once.
    pub(super) fn each(&self, mut look: impl FnMut(u64, &Call)) {
        let (mut from, mut some) = (0, Vec::with_capacity(AT_A_TIME));
        while self.copy(&mut from, &mut some) {
            for Listed { call, number } in some.drain(..) {
                look(number, &call);
            }
        }
    }

    /// Copies some calls, from this place on; `false` when there are no more places.
    fn copy(&self, from: &mut usize, some: &mut Vec<Listed>) -> bool {
        let calls = self.lock();
        let places = *from..calls.capacity().min(*from + AT_A_TIME);
        *from = places.end;
        some.extend(places.clone().filter_map(|place| calls.get(place)).cloned());
        !places.is_empty()
    }

    /// The open call of this number.
    pub(super) fn find(&self, number: u64) -> Option<Call> {
        let calls = self.lock();
        calls.iter().find(|(_, listed)| listed.number == number).map(|(_, it)| it.call.clone())
    }

    /// Held for one look or change, between the connection's task and its calls' own.
    fn lock(&self) -> MutexGuard<'_, Slab<Listed>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One open call; it ends when this is dropped.
#[derive(Debug)]
#[must_use = "the call counts as open only while this lives"]
pub(crate) struct OpenCall {
    /// What is known of it, and its place; `None` for a request that is no call.
    listed: Option<(Call, usize)>,
    /// `None` only when it has ended.
    count: Option<CallCount>,
    // The server has not stopped before its calls have.
    connection: Arc<Connection>,
}

impl OpenCall {
    pub(super) fn new(connection: Arc<Connection>, call: Option<Call>, number: u64) -> Self {
        let list = |call: Call| {
            let place = connection.calls.lock().insert(Listed { call: call.clone(), number });
            (call, place)
        };
        Self { listed: call.map(list), count: Some(connection.io.open_call()), connection }
    }

    pub(super) fn call(&self) -> Option<&Call> {
        self.listed.as_ref().map(|(call, _)| call)
    }

    pub(super) fn connection(&self) -> &Connection {
        &self.connection
    }
}

impl Drop for OpenCall {
    fn drop(&mut self) {
        let removed =
            self.listed.as_ref().map(|(_, place)| self.connection.calls.lock().remove(*place));
        // Outside of the lock: the last handle of a call frees what it refers to.
        drop(removed);
        if let Some(count) = self.count.take() {
            count.end_at(self.call().and_then(|call| Some(call.started() + call.took()?)));
        }
        self.connection.call_ended();
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    #[test]
    fn an_id_is_read_as_it_is_written() {
        let id = CallId { connection: 3, number: 17 };
        assert_eq!((id.to_string().as_str(), "3-17".parse()), ("3-17", Ok(id)));
        for text in ["", "3", "3-", "-17", "3-17-1", "+3-17", "3- 17", "99999999999999999999-1"] {
            assert_eq!(text.parse::<CallId>(), Err(()), "{text:?}");
        }
    }

    #[tokio::test]
    async fn each_open_call_is_seen_once_however_many_there_are() {
        let (calls, call) = (OpenCalls::default(), crate::server::sending::tests_call().await);
        let list = |number| calls.lock().insert(Listed { call: call.clone(), number });
        let places: Vec<_> = (0..1_000).map(list).collect();
        places.into_iter().step_by(3).for_each(|place| drop(calls.lock().remove(place)));
        let mut seen = Vec::new();
        calls.each(|number, _| seen.push(number));
        assert_eq!(seen, (0..1_000).filter(|number| number % 3 != 0).collect::<Vec<_>>());
        assert!(calls.find(4).is_some() && calls.find(3).is_none());
    }
}
