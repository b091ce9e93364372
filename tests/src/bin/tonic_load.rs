//! Calls until told to stop: `rootcap-tonic-load <host:port> [watched]`.
//!
//! Prints `done <unary> <streams>` as it goes, `lost <what>` for each call that fails, and ends when its stdin does.
//!
//! tonic's `Channel` cannot follow a GOAWAY without a loss: hyper looks for it when the next call wants to be sent, and
//! cancels that one, which gRPC's own clients would send again. So with `watched` a connection is used only while its
//! server says that it is serving (gRFC A17, `docs/restarts.md`): when the GOAWAY comes, no call is made on it any more.

use std::{
    env,
    error::Error,
    io::Read,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU32, Ordering::Relaxed},
    },
    thread,
    time::Duration,
};

use rootcap_proto::{
    helloworld::{HelloRequest, greeter_client::GreeterClient},
    testing::{StreamRequest, faults_client::FaultsClient},
};
use tokio::{sync::watch, task::JoinSet};
use tonic::{
    Status,
    transport::{Channel, Endpoint},
};
use tonic_health::pb::{
    HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient,
};

const UNARY: usize = 6;
const STREAMS: usize = 6;
const MESSAGES: u32 = 5;
const PAUSE_MILLIS: u32 = 40;

/// Between two looks for a server that is serving.
const PAUSE: Duration = Duration::from_millis(50);

/// The connection in use, if there is one.
type Current = watch::Receiver<Option<Channel>>;

/// Connects, and again as soon as the server says that it is not serving.
async fn stay_connected(endpoint: Endpoint, current: watch::Sender<Option<Channel>>) {
    loop {
        if let Ok(channel) = endpoint.connect().await {
            let watched = use_while_serving(&channel, &current).await;
            if let Err(status) = watched {
                println!("lost watch {}", told(&status));
            }
            current.send_replace(None);
        }
        tokio::time::sleep(PAUSE).await;
    }
}

async fn use_while_serving(
    channel: &Channel,
    current: &watch::Sender<Option<Channel>>,
) -> Result<(), Status> {
    let mut health = HealthClient::new(channel.clone());
    let mut states = health.watch(HealthCheckRequest::default()).await?.into_inner();
    while let Some(state) = states.message().await? {
        if state.status() != ServingStatus::Serving {
            break;
        }
        current.send_replace(Some(channel.clone()));
    }
    Ok(())
}

/// Waits for a connection that may be used.
async fn usable(current: &mut Current) -> Channel {
    let found = current.wait_for(Option::is_some).await.expect("there is one who connects");
    found.clone().expect("it was waited for")
}

#[derive(Default)]
struct Load {
    stopped: AtomicBool,
    unary: AtomicU32,
    streams: AtomicU32,
}

impl Load {
    fn ended(&self, what: &str, count: &AtomicU32, result: Result<(), Status>) {
        match result {
            Ok(()) => {
                count.fetch_add(1, Relaxed);
            }
            Err(status) => println!("lost {what} {}", told(&status)),
        }
        let (unary, streams) = (self.unary.load(Relaxed), self.streams.load(Relaxed));
        if (unary + streams).is_multiple_of(100) {
            println!("done {unary} {streams}");
        }
    }

    async fn unary(self: Arc<Self>, mut current: Current) {
        while !self.stopped.load(Relaxed) {
            let mut client = GreeterClient::new(usable(&mut current).await);
            let result = client.say_hello(HelloRequest { name: "tonic".into() }).await;
            self.ended("unary", &self.unary, result.map(drop));
        }
    }

    async fn streams(self: Arc<Self>, mut current: Current) {
        while !self.stopped.load(Relaxed) {
            let mut client = FaultsClient::new(usable(&mut current).await);
            let result = stream(&mut client).await;
            self.ended("stream", &self.streams, result);
        }
    }
}

async fn stream(client: &mut FaultsClient<Channel>) -> Result<(), Status> {
    let request = StreamRequest { count: MESSAGES, size: 10, interval_millis: PAUSE_MILLIS };
    let mut replies = client.stream(request).await?.into_inner();
    let mut received = 0;
    while replies.message().await?.is_some() {
        received += 1;
    }
    assert_eq!(received, MESSAGES, "a stream that ended with OK");
    Ok(())
}

/// A status with all its sources, on one line.
fn told(status: &Status) -> String {
    let mut told = format!("{:?} {}", status.code(), status.message());
    let mut source = status.source();
    while let Some(error) = source {
        told.push_str(&format!(": {error:?}"));
        source = error.source();
    }
    told.replace('\n', " ")
}

#[tokio::main]
async fn main() {
    let address = env::args().nth(1).expect("an address");
    let endpoint = Endpoint::from_shared(format!("http://{address}")).expect("an address");
    let (sender, current) = watch::channel(None);
    if env::args().nth(2).is_some_and(|how| how == "watched") {
        tokio::spawn(stay_connected(endpoint, sender));
    } else {
        sender.send_replace(Some(endpoint.connect_lazy()));
    }
    let load = Arc::new(Load::default());
    let stopping = Arc::clone(&load);
    thread::spawn(move || {
        let _ = std::io::stdin().read_to_end(&mut Vec::new());
        stopping.stopped.store(true, Relaxed);
    });
    let mut tasks = JoinSet::new();
    for _ in 0..UNARY {
        tasks.spawn(Arc::clone(&load).unary(current.clone()));
    }
    for _ in 0..STREAMS {
        tasks.spawn(Arc::clone(&load).streams(current.clone()));
    }
    tasks.join_all().await;
    println!("done {} {}", load.unary.load(Relaxed), load.streams.load(Relaxed));
}
