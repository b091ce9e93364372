//! Deadlines, panics and cancellations, for each kind of call and in each phase of it.
//!
//! A unary call has one phase: from when its handler is called to when its message and its trailers leave together.
//! Where no reader takes these, only a cancellation (at the end of this file) or a deadline (`deadlines.rs`) can come:
//! nothing of the handler's is left that could panic. The answer of a client stream is one message too: its messages
//! are those of the request.

use futures_util::stream;
use http::uri::PathAndQuery;
use prost::Message;
use rootcap_examples::faults_plan::Phase::{self, After, Before, Middle};
use rootcap_proto::{
    helloworld::{HelloRequest, greeter_client::GreeterClient},
    testing::{EchoReply, EchoRequest, StreamRequest},
};
use rootcap_tests::{
    admin::Admin,
    example::Example,
    raw::{self, Raw},
    server::start,
    wait,
};
use tonic::{Code, Request, Status, client::Grpc, transport::Channel};
use tonic_prost::ProstCodec;

const IN_FLIGHT: &str = "rootcap_calls_in_flight";
const TASKS: &str = "rootcap_runtime_alive_tasks";
/// Longer than any test, in milliseconds.
const FOR_EVER: &str = "600000";

/// A method in a phase, and how many messages it has then received and sent, of two.
struct Cell {
    method: &'static str,
    phase: Phase,
    received: f64,
    sent: f64,
}

const fn cell(method: &'static str, phase: Phase, received: f64, sent: f64) -> Cell {
    Cell { method, phase, received, sent }
}

/// All kinds of calls in all their phases.
const CELLS: [Cell; 10] = [
    cell("Echo", Before, 1.0, 0.0),
    cell("Collect", Before, 0.0, 0.0),
    cell("Collect", Middle, 2.0, 0.0),
    cell("Collect", After, 2.0, 0.0),
    cell("Stream", Before, 1.0, 0.0),
    cell("Stream", Middle, 1.0, 1.0),
    cell("Stream", After, 1.0, 2.0),
    cell("Chat", Before, 0.0, 0.0),
    cell("Chat", Middle, 2.0, 1.0),
    cell("Chat", After, 2.0, 2.0),
];

/// A server, and one connection to it that must outlive all that happens.
struct Tested {
    server: Example,
    channel: Channel,
    /// How many tasks it has without a call.
    tasks: f64,
    /// The client's end of the connection.
    connection: serde_json::Value,
}

impl Tested {
    async fn start(settings: &[(&str, &str)]) -> Self {
        let server = Example::start("faults", settings).await;
        let channel = Channel::from_shared(format!("http://{}", server.address)).unwrap();
        let channel = channel.connect().await.unwrap();
        GreeterClient::new(channel.clone()).say_hello(HelloRequest::default()).await.unwrap();
        let metrics = server.admin.until(IN_FLIGHT, &[], 0.0).await;
        let connection = server.admin.connections().await[0]["Addr"].clone();
        Self { server, channel, tasks: metrics.sum(TASKS, &[]), connection }
    }

    /// Makes a call that suffers a fault; returns the status it ends with, and how many messages came before.
    async fn call(&self, cell: &Cell, fault: &'static str) -> (f64, Result<(), Status>) {
        let payload = || EchoRequest { payload: "payload".into() };
        match cell.method {
            "Stream" => {
                let request = StreamRequest { count: 2, size: 10, interval_millis: 0 };
                self.call_with(cell, fault, vec![request]).await
            }
            "Echo" => self.call_with(cell, fault, vec![payload()]).await,
            _ => self.call_with(cell, fault, vec![payload(), payload()]).await,
        }
    }

    /// All methods are called as if they had streams in both directions: to HTTP/2 there is no other call.
    async fn call_with<M: Message + 'static>(
        &self,
        cell: &Cell,
        fault: &'static str,
        messages: Vec<M>,
    ) -> (f64, Result<(), Status>) {
        let mut request = Request::new(stream::iter(messages));
        request.metadata_mut().insert(cell.phase.key(), fault.parse().unwrap());
        let path = PathAndQuery::try_from(format!("/rootcap.testing.Faults/{}", cell.method));
        let mut client = Grpc::new(self.channel.clone());
        client.ready().await.unwrap();
        let codec = ProstCodec::<M, EchoReply>::default();
        let mut replies = match client.streaming(request, path.unwrap(), codec).await {
            Ok(response) => response.into_inner(),
            Err(status) => return (0.0, Err(status)),
        };
        let mut count = 0.0;
        loop {
            match replies.message().await {
                Ok(Some(_)) => count += 1.0,
                Ok(None) => return (count, Ok(())),
                Err(status) => return (count, Err(status)),
            }
        }
    }

    /// Waits until a call is where its fault is.
    async fn reaches(&self, cell: &Cell, before: [f64; 2]) {
        wait::until("a call to reach its phase", async || {
            let now = self.messages(cell).await;
            (now == [before[0] + cell.received, before[1] + cell.sent]).then_some(())
        })
        .await;
        self.server.admin.until(IN_FLIGHT, &[("grpc_method", cell.method)], 1.0).await;
    }

    /// How many messages of a method were received and sent.
    async fn messages(&self, cell: &Cell) -> [f64; 2] {
        let metrics = self.server.admin.metrics().await;
        let labels = [("grpc_method", cell.method)];
        ["received", "sent"]
            .map(|which| metrics.sum(&format!("grpc_server_msg_{which}_total"), &labels))
    }

    /// Lets `suffer` end one call: it must be counted with `code` and no other, leave nothing behind, and disturb
    /// nobody.
    async fn counts_one(&self, cell: &Cell, code: &str, suffer: impl Future<Output = ()>) {
        let admin = &self.server.admin;
        let labels = [("grpc_method", cell.method)];
        let count = async || {
            let metrics = admin.until(IN_FLIGHT, &labels, 0.0).await;
            let all = metrics.sum("grpc_server_handled_total", &labels);
            (metrics.handled(cell.method, code), all)
        };
        let before = count().await;
        wait::for_end("a call", suffer).await;
        // The handler is owned by the task of its call.
        admin.until(TASKS, &[], self.tasks).await;
        let what = format!("{} {:?}", cell.method, cell.phase);
        assert_eq!(count().await, (before.0 + 1.0, before.1 + 1.0), "{what}");
        let mut client = GreeterClient::new(self.channel.clone());
        client.say_hello(HelloRequest::default()).await.expect("the next call");
        let connections = admin.connections().await;
        assert_eq!(connections.len(), 1, "{what}");
        assert_eq!(connections[0]["Addr"], self.connection, "{what}: it is another connection");
    }

    /// What the client and the metrics show of a fault by which the server ends the call.
    async fn suffers(&self, fault: &'static str, code: Code, counted: &str) {
        for cell in &CELLS {
            self.counts_one(cell, counted, async {
                let (sent, ended) = self.call(cell, fault).await;
                let what = format!("{} {:?}", cell.method, cell.phase);
                assert_eq!(ended.unwrap_err().code(), code, "{what}");
                assert_eq!(sent, cell.sent, "{what}");
            })
            .await;
        }
    }
}

#[tokio::test]
async fn a_deadline_in_each_phase() {
    let tested = Tested::start(&[("ROOTCAP_DEADLINE__MAX", "1s")]).await;
    tested.suffers(FOR_EVER, Code::DeadlineExceeded, "DeadlineExceeded").await;
}

#[tokio::test]
async fn a_panic_in_each_phase() {
    let tested = Tested::start(&[]).await;
    tested.suffers("panic", Code::Internal, "Internal").await;
}

#[tokio::test]
async fn a_cancellation_in_each_phase() {
    let tested = Tested::start(&[]).await;
    for cell in &CELLS {
        let before = tested.messages(cell).await;
        tested
            .counts_one(cell, "Canceled", async {
                tokio::select! {
                    ended = tested.call(cell, FOR_EVER) => panic!("the call ended: {ended:?}"),
                    () = tested.reaches(cell, before) => {}
                }
            })
            .await;
    }
}

/// The handler has answered, and its reader takes nothing yet. Once HTTP/2 has taken all of an answer, it is OK.
#[tokio::test]
async fn a_cancellation_of_a_unary_answer_that_is_not_taken() {
    let server = start(|_| {}).await;
    let mut builder = h2::client::Builder::new();
    builder.initial_window_size(0);
    let raw = Raw::connect_with(server.local_addr(), &builder).await;
    let head = raw.head("/rootcap.testing.Faults/Echo");
    let response = raw.begin(head, raw::message(&EchoRequest::default())).await.unwrap();
    drop(response);
    let metrics = Admin::of(&server).until(IN_FLIGHT, &[("grpc_method", "Echo")], 0.0).await;
    assert_eq!(metrics.codes("Echo"), [("Canceled", 1.0)]);
}
