//! [`Common`]: what both lines of a call say, rendered once.

use std::{cell::RefCell, fmt, time::Duration};

use super::{Format, Line, call_fields, timestamp};
use crate::call::Call;

/// The fields that both lines of a call have, if they are rendered: kept from its first line for its last.
#[derive(Default)]
pub struct Common(Option<Box<Fields>>);

/// The fields as they stand in a line.
#[derive(Default)]
pub(super) struct Fields {
    rendered: Vec<u8>,
    /// Where those of the caller begin.
    caller: usize,
    /// When the call started, after the beginning of 1970: what both lines have of their times.
    started: Duration,
}

impl Common {
    /// The fields of this call, in this format.
    pub(super) fn fields(&mut self, format: Format, call: &Call) -> &Fields {
        self.0.get_or_insert_with(|| {
            let mut fields = spare();
            fields.render(format, call);
            fields
        })
    }
}

impl Fields {
    fn render(&mut self, format: Format, call: &Call) {
        self.started = timestamp::since_epoch(call.started_at());
        self.rendered.clear();
        call_fields::call(&mut Line::inside(&mut self.rendered, format), call);
        self.caller = self.rendered.len();
        call_fields::caller(&mut Line::inside(&mut self.rendered, format), call);
    }

    pub(super) fn started(&self) -> Duration {
        self.started
    }

    /// Its ids, and the names of its method.
    pub(super) fn call(&self) -> &[u8] {
        &self.rendered[..self.caller]
    }

    /// Its peer, and what that has sent.
    pub(super) fn caller(&self) -> &[u8] {
        &self.rendered[self.caller..]
    }
}

impl fmt::Debug for Common {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Common").field(&self.0.is_some()).finish()
    }
}

/// How many each thread keeps for its next calls: as many calls as arrive in a burst.
const KEPT: usize = 128;
/// One that has grown beyond this is not kept.
const MAX_KEPT: usize = 4 * 1024;

thread_local! {
    // In boxes, as they are in calls: what is moved with a call is a pointer.
    #[expect(clippy::vec_box, reason = "they come from boxes, and go into boxes")]
    static SPARE: RefCell<Vec<Box<Fields>>> = const { RefCell::new(Vec::new()) };
}

fn spare() -> Box<Fields> {
    // A thread that is ending keeps none.
    SPARE.try_with(|spare| spare.borrow_mut().pop()).ok().flatten().unwrap_or_default()
}

impl Drop for Common {
    fn drop(&mut self) {
        let Some(fields) = self.0.take().filter(|it| it.rendered.capacity() <= MAX_KEPT) else {
            return;
        };
        let _ = SPARE.try_with(|spare| {
            let mut spare = spare.borrow_mut();
            if spare.len() < KEPT {
                spare.push(fields);
            }
        });
    }
}
