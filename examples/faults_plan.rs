//! Faults that a call's metadata asks for, each at its time.

use std::time::Duration;

use futures_util::{Stream, StreamExt, stream};
use tonic::Status;
use tonic::metadata::MetadataMap;

use crate::faults::SECRET_PANIC_TEXT;

/// When in a call something happens.
#[derive(Clone, Copy, Debug)]
pub enum Phase {
    /// Before the handler reads or sends the first message of a stream, or answers a unary call.
    Before,
    /// Between the first message of a stream and the second.
    Middle,
    /// After the last message of a stream.
    After,
}

impl Phase {
    /// The metadata that says what happens then.
    pub fn key(self) -> &'static str {
        match self {
            Self::Before => "x-fault-before",
            Self::Middle => "x-fault-middle",
            Self::After => "x-fault-after",
        }
    }
}

/// What a call is to suffer, and when.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Plan([Option<Fault>; 3]);

#[derive(Clone, Copy, Debug)]
enum Fault {
    Panic,
    Wait(Duration),
}

impl Plan {
    /// What the caller asks for.
    pub(crate) fn of(metadata: &MetadataMap) -> Result<Self, Status> {
        let mut plan = Self::default();
        for phase in [Phase::Before, Phase::Middle, Phase::After] {
            let value = metadata.get(phase.key());
            plan.0[phase as usize] = value.map(|it| fault(it.as_bytes())).transpose()?;
        }
        Ok(plan)
    }

    /// To panic, and nothing else.
    pub(crate) fn panic(phase: Phase) -> Self {
        let mut plan = Self::default();
        plan.0[phase as usize] = Some(Fault::Panic);
        plan
    }

    /// Suffers what is planned for a phase.
    pub(crate) async fn reach(self, phase: Phase) {
        match self.0[phase as usize] {
            None => {}
            Some(Fault::Wait(time)) => tokio::time::sleep(time).await,
            Some(Fault::Panic) => {
                // The encoder sends what it has gathered when its stream is pending; a panic in the same poll would
                // lose it.
                tokio::task::yield_now().await;
                panic!("{SECRET_PANIC_TEXT}: asked to panic")
            }
        }
    }

    /// The messages, with what happens in their middle and after them.
    pub(crate) fn around<T: Send>(
        self,
        messages: impl Stream<Item = Result<T, Status>> + Send,
    ) -> impl Stream<Item = Result<T, Status>> + Send {
        let messages = messages.enumerate().then(move |(index, message)| async move {
            if index == 1 {
                self.reach(Phase::Middle).await;
            }
            message
        });
        let end = stream::once(self.reach(Phase::After)).filter_map(|()| async { None });
        messages.chain(end)
    }
}

fn fault(text: &[u8]) -> Result<Fault, Status> {
    if text == b"panic" {
        return Ok(Fault::Panic);
    }
    let millis = str::from_utf8(text).ok().and_then(|text| text.parse().ok());
    let millis = millis.ok_or_else(|| Status::invalid_argument("a fault is panic, or millis"))?;
    Ok(Fault::Wait(Duration::from_millis(millis)))
}
