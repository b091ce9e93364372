//! The signals of a process that [`serve`](crate::Builder::serve) runs.
//!
//! They are handled on the admin thread, whose runtime goes on when all workers of the service's runtime are
//! blocked; and what ends the process by force is a thread of its own.

use std::{io, sync::mpsc, thread, time::Duration};

use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::{
    lifecycle::{DrainTimes, Life},
    server::connections::Connections,
    telemetry::{Last, logs::Logs},
};

/// Exit code of a process that could not leave its runtime in time.
const EXIT_STUCK: i32 = 1;
/// A process that a signal ends has 128 and the signal's number as its exit code, by the shell's convention.
const EXIT_SIGNAL: i32 = 128;
/// How long after the drain's deadline the process is ended, at the latest.
pub(crate) const LEAVE: Duration = Duration::from_millis(750);
/// How long the last spans may take, and the last log lines.
const FLUSH: Duration = Duration::from_millis(80);

/// SIGTERM and SIGINT, from the moment this is made.
pub(crate) struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

/// SIGUSR1, from the moment this is made: the log at the level `debug`, and back.
pub(crate) struct DebugSignal(Signal);

impl DebugSignal {
    /// Installs the handler, on the runtime that will wait for the signal.
    pub(crate) fn install() -> io::Result<Self> {
        signal(SignalKind::user_defined1()).map(Self)
    }

    /// Toggles for as long as the runtime lasts, in a drain too. The signal never ends the process, as it would
    /// without a handler: not even where there is no filter to toggle.
    pub(crate) async fn handle(mut self, logs: Logs) {
        while let Some(()) = self.0.recv().await {
            logs.toggle_debug();
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Received {
    Terminate,
    Interrupt,
}

impl Received {
    fn name(self) -> &'static str {
        match self {
            Received::Terminate => "SIGTERM",
            Received::Interrupt => "SIGINT",
        }
    }

    fn exit_code(self) -> i32 {
        let number = match self {
            Received::Terminate => SignalKind::terminate(),
            Received::Interrupt => SignalKind::interrupt(),
        };
        EXIT_SIGNAL + number.as_raw_value()
    }
}

impl Signals {
    /// Installs the handlers, on the runtime that will wait for them.
    pub(crate) fn install() -> io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    /// The second signal: after an operator's request, the first one asks for what is done already.
    async fn second(&mut self, first: Option<Received>) -> Received {
        if first.is_none() {
            self.next().await;
        }
        self.next().await
    }

    async fn next(&mut self) -> Received {
        tokio::select! {
            _ = self.terminate.recv() => Received::Terminate,
            _ = self.interrupt.recv() => Received::Interrupt,
        }
    }

    /// Drains at the first signal, or when an operator asks; ends the process at the second signal, or when it cannot leave in time.
    pub(crate) async fn handle(
        mut self,
        life: Life,
        times: DrainTimes,
        connections: Connections,
        last: Last,
    ) {
        let first = tokio::select! {
            first = self.next() => Some(first),
            () = life.asked() => None,
        };
        end_after(times.deadline + LEAVE, life.clone(), connections.clone(), last.clone());
        if let Some(signal) = first {
            tracing::info!(signal = signal.name(), "draining");
        }
        // Who presses Ctrl-C is waiting: there are no endpoints to propagate.
        let in_haste = first == Some(Received::Interrupt);
        let lame_duck = if in_haste { Duration::ZERO } else { times.lame_duck };
        let times = DrainTimes { lame_duck, ..times };
        tokio::select! {
            // Goes on after the cut, until the process has ended.
            never = async { life.drain(times, &connections).await; std::future::pending().await } => never,
            second = self.second(first) => {
                let tell = move || tracing::warn!(signal = second.name(), "second signal, leaving at once");
                end(second.exit_code(), &last, tell);
            }
        }
    }
}

/// A blocked worker holds its runtime for ever, and with it `main`.
fn end_after(time: Duration, life: Life, connections: Connections, last: Last) {
    let wait_and_end = move || {
        thread::sleep(time);
        let tell = move || {
            tracing::error!(
                "the runtime cannot be left: a task blocks its thread; ending the process"
            );
            life.tell_end(&connections);
        };
        end(EXIT_STUCK, &last, tell);
    };
    if let Err(error) = thread::Builder::new().name("rootcap-leave".into()).spawn(wait_and_end) {
        tracing::error!(%error, "there is no thread to end the process by force");
    }
}

/// Ends the process, whatever the log does: a subscriber of the user's may block for ever.
#[expect(
    clippy::exit,
    reason = "`serve` owns the process's end: a runtime that is blocked cannot be left otherwise"
)]
fn end(code: i32, last: &Last, tell: impl FnOnce() + Send + 'static) -> ! {
    let (told, wait) = mpsc::channel();
    let tell_and_say_so = move || {
        tell();
        // Nobody may be waiting any more.
        let _ = told.send(());
    };
    if thread::Builder::new().spawn(tell_and_say_so).is_ok() {
        // Either way the process ends now.
        let _ = wait.recv_timeout(FLUSH);
    }
    last.leave(FLUSH);
    std::process::exit(code)
}
