//! Clients that call until they are told to stop, as processes of their own.

use std::{
    ops::{Add, Div, Mul},
    path::{Path, PathBuf},
    process::Stdio,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use rootcap_tests::wait;
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::{Child, Command},
    task::JoinHandle,
};

/// How many calls have ended well.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Done {
    pub(crate) unary: u32,
    pub(crate) streams: u32,
}

impl Add for Done {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self { unary: self.unary + other.unary, streams: self.streams + other.streams }
    }
}

impl Mul<u32> for Done {
    type Output = Self;

    fn mul(self, by: u32) -> Self {
        Self { unary: self.unary * by, streams: self.streams * by }
    }
}

impl Div<u32> for Done {
    type Output = Self;

    fn div(self, by: u32) -> Self {
        Self { unary: self.unary / by, streams: self.streams / by }
    }
}

/// What a client has told so far.
#[derive(Default)]
struct Told {
    done: Done,
    lost: Vec<String>,
}

/// A running client; killed when dropped.
pub(crate) struct Client {
    pub(crate) name: &'static str,
    child: Child,
    told: Arc<Mutex<Told>>,
    reader: JoinHandle<()>,
}

impl Client {
    /// Starts a program that prints `done <unary> <streams>` and `lost <what>`.
    pub(crate) fn start(name: &'static str, mut command: Command) -> Self {
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true);
        let mut child = command.spawn().unwrap();
        let (told, stdout) = (Arc::<Mutex<Told>>::default(), child.stdout.take().unwrap());
        let telling = Arc::clone(&told);
        let reader = tokio::spawn(async move {
            let mut lines = BufReader::new(stdout).lines();
            while let Ok(Some(line)) = lines.next_line().await {
                telling.lock().unwrap().take(&line);
            }
        });
        Self { name, child, told, reader }
    }

    /// The script of this name, run by `program`.
    pub(crate) fn script(
        name: &'static str,
        program: PathBuf,
        script: &str,
        address: &str,
    ) -> Self {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("clients").join(script);
        let mut command = Command::new(program);
        command.arg(script).arg(address);
        Self::start(name, command)
    }

    fn done(&self) -> Done {
        let told = self.told.lock().unwrap();
        assert!(told.lost.len() < 100, "{} loses call after call: {:#?}", self.name, told.lost);
        told.done
    }

    /// Lets the calls that are open end; gives how many ended well, and what became of the others.
    pub(crate) async fn stop(&mut self) -> (Done, Vec<String>) {
        drop(self.child.stdin.take());
        let status = wait::for_end(self.name, self.child.wait()).await.unwrap();
        assert!(status.success(), "{}: {status}", self.name);
        wait::for_end("the client's output", &mut self.reader).await.unwrap();
        let told = std::mem::take(&mut *self.told.lock().unwrap());
        (told.done, told.lost)
    }
}

impl Told {
    fn take(&mut self, line: &str) {
        let mut words = line.split(' ');
        match (words.next(), words.next(), words.next()) {
            (Some("done"), Some(unary), Some(streams)) => {
                let numbers = (unary.parse().unwrap(), streams.parse().unwrap());
                self.done = Done { unary: numbers.0, streams: numbers.1 };
            }
            _ => self.lost.push(line.to_owned()),
        }
    }
}

/// Without progress for so long, there will be none.
const PATIENCE: Duration = Duration::from_secs(30);

/// Waits until the clients have called so often, together.
pub(crate) async fn until(clients: &[Client], calls: Done) {
    let (mut last, mut at) = (Done::default(), Instant::now());
    let mut ticks = tokio::time::interval(Duration::from_millis(5));
    loop {
        ticks.tick().await;
        let done = clients.iter().fold(Done::default(), |all, client| all + client.done());
        if done.unary >= calls.unary && done.streams >= calls.streams {
            return;
        }
        if done != last {
            (last, at) = (done, Instant::now());
        }
        assert!(at.elapsed() < PATIENCE, "nothing has ended for {PATIENCE:?}: {done:?}");
    }
}
