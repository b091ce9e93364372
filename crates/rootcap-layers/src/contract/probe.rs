//! A service that does what its request says, and tells what is left of its calls.

use std::{
    collections::VecDeque,
    convert::Infallible,
    fmt,
    future::{Future, poll_fn},
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    task::{Context, Poll},
};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Request, Response};
use http_body::{Body, Frame};
use http_body_util::combinators::UnsyncBoxBody;
use tower::{Layer, Service, ServiceExt, util::BoxCloneService};

/// What a call does, and what its body does, one step after the other.
#[derive(Debug, Clone)]
pub(crate) enum Step {
    /// Looks for a message in the request's body; passes when it has ended.
    ReadRequest,
    /// Sends these bytes in one frame (in the head: there is nothing to send yet).
    Data(&'static [u8]),
    /// Sends the trailers, with this status.
    Trailers(&'static str),
    /// Lets others run.
    Yield,
    /// Waits for ever.
    Hang,
    /// Fails.
    Fail,
    /// Panics.
    Panic,
    /// From here on, panics when dropped.
    PanicWhenDropped,
    /// Calls this.
    Run(fn()),
}

/// How a call is to go; an extension of its request.
#[derive(Debug, Clone, Default)]
pub(crate) struct Script {
    /// Within the call itself, before there is a future.
    pub(crate) call: Vec<Step>,
    /// Before the head of the response is there.
    pub(crate) head: Vec<Step>,
    /// The status in the head of the response, if there is to be one.
    pub(crate) status: Option<&'static str>,
    pub(crate) body: Vec<Step>,
}

/// A message of three bytes.
pub(crate) const MESSAGE: &[u8] = &[0, 0, 0, 0, 3, 1, 2, 3];

impl Script {
    pub(crate) fn body(steps: &[Step]) -> Self {
        Self { body: steps.to_vec(), ..Self::default() }
    }

    pub(crate) fn head(steps: &[Step]) -> Self {
        Self { head: steps.to_vec(), ..Self::unary() }
    }

    pub(crate) fn unary() -> Self {
        Self::body(&[Step::Data(MESSAGE), Step::Trailers("0")])
    }

    pub(crate) fn stream() -> Self {
        let message = [Step::Data(MESSAGE), Step::Yield];
        Self::body(&[&message[..], &message, &[Step::Trailers("0")]].concat())
    }

    pub(crate) fn status(status: &'static str) -> Self {
        Self { status: Some(status), ..Self::default() }
    }

    /// A request that is to go like this.
    pub(crate) fn request(self) -> Request<Steps> {
        let mut request = Request::post("/a.B/C").body(Steps::default()).expect("well-formed");
        request.extensions_mut().insert(self);
        request
    }
}

/// The service, or the body, failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Failure;

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("failed as told")
    }
}

impl std::error::Error for Failure {}

impl From<Infallible> for Failure {
    fn from(never: Infallible) -> Self {
        match never {}
    }
}

/// The service. Clones share their counts.
#[derive(Debug, Clone, Default)]
pub(crate) struct Probe {
    served: Arc<AtomicUsize>,
    live: Arc<AtomicUsize>,
}

impl Probe {
    /// Calls that have reached the service.
    pub(crate) fn served(&self) -> usize {
        self.served.load(SeqCst)
    }

    /// Futures and bodies that have not been dropped.
    pub(crate) fn live(&self) -> usize {
        self.live.load(SeqCst)
    }
}

/// One of those that have not been dropped.
#[derive(Debug)]
pub(crate) struct Live {
    count: Arc<AtomicUsize>,
    panics: bool,
}

impl Live {
    fn new(count: &Arc<AtomicUsize>) -> Self {
        count.fetch_add(1, SeqCst);
        Self { count: Arc::clone(count), panics: false }
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        self.count.fetch_sub(1, SeqCst);
        assert!(!self.panics, "panics when dropped, as told");
    }
}

/// A body of steps. The default has none.
#[derive(Debug, Default)]
pub(crate) struct Steps {
    steps: VecDeque<Step>,
    live: Option<Live>,
}

impl Steps {
    pub(crate) fn new(steps: &[Step]) -> Self {
        Self { steps: steps.to_vec().into(), live: None }
    }

    /// Takes the step that passes, or sends something, if it does.
    fn poll_step(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Failure>>> {
        while let Some(step) = self.steps.pop_front() {
            match (step, &mut self.live) {
                (Step::Data(bytes), _) => {
                    return Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(bytes)))));
                }
                (Step::Trailers(status), _) => {
                    let status = HeaderValue::from_static(status);
                    let trailers = HeaderMap::from_iter([(tonic::Status::GRPC_STATUS, status)]);
                    return Poll::Ready(Some(Ok(Frame::trailers(trailers))));
                }
                (Step::Yield, _) => {
                    cx.waker().wake_by_ref();
                    return Poll::Pending;
                }
                (Step::Hang, _) => {
                    self.steps.push_front(Step::Hang);
                    return Poll::Pending;
                }
                (Step::Fail, _) => return Poll::Ready(Some(Err(Failure))),
                (Step::Panic, _) => panic!("panics as told: a secret"),
                (Step::PanicWhenDropped, Some(live)) => live.panics = true,
                (Step::Run(run), _) => run(),
                (step, _) => unreachable!("{step:?} is not for a body"),
            }
        }
        Poll::Ready(None)
    }
}

impl Body for Steps {
    type Data = Bytes;
    type Error = Failure;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Failure>>> {
        self.poll_step(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.steps.is_empty()
    }
}

impl<B> Service<Request<B>> for Probe
where
    B: Body<Data = Bytes> + Send + 'static,
{
    type Response = Response<Steps>;
    type Error = Failure;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Steps>, Failure>> + Send>>;

    fn poll_ready(&mut self, _cx: &mut Context<'_>) -> Poll<Result<(), Failure>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        self.served.fetch_add(1, SeqCst);
        let live = Live::new(&self.live);
        let body_live = Live::new(&self.live);
        let (parts, body) = request.into_parts();
        let script: Script = parts.extensions.get().cloned().expect("a request of a script");
        if script.call.iter().any(|step| matches!(step, Step::Panic)) {
            panic!("panics as told: a secret");
        }
        let mut body = Box::pin(body);
        Box::pin(async move {
            let mut head = Steps { steps: VecDeque::new(), live: Some(live) };
            for step in script.head {
                if matches!(step, Step::ReadRequest) {
                    while poll_fn(|cx| body.as_mut().poll_frame(cx)).await.is_some() {}
                    continue;
                }
                head.steps.push_back(step);
                poll_fn(|cx| head.poll_step(cx)).await.transpose()?;
            }
            let steps = Steps { steps: script.body.into(), live: Some(body_live) };
            let mut response = Response::new(steps);
            if let Some(status) = script.status {
                let status = HeaderValue::from_static(status);
                response.headers_mut().insert(tonic::Status::GRPC_STATUS, status);
            }
            Ok(response)
        })
    }
}

pub(crate) type AnyBody = UnsyncBoxBody<Bytes, Failure>;
pub(crate) type AnyService = BoxCloneService<Request<Steps>, Response<AnyBody>, Failure>;

/// A layer over a probe, its type forgotten.
#[derive(Debug, Clone)]
pub(crate) struct Stack {
    pub(crate) probe: Probe,
    pub(crate) service: AnyService,
}

impl Stack {
    pub(crate) fn new<L, B>(layer: L) -> Self
    where
        L: Layer<Probe>,
        L::Service: Service<Request<Steps>, Response = Response<B>, Error = Failure>
            + Clone
            + Send
            + 'static,
        <L::Service as Service<Request<Steps>>>::Future: Send + 'static,
        B: Body<Data = Bytes, Error = Failure> + Send + 'static,
    {
        let probe = Probe::default();
        let service = layer.layer(probe.clone());
        let service = service.map_response(|response| response.map(UnsyncBoxBody::new));
        Self { probe, service: BoxCloneService::new(service) }
    }

    pub(crate) fn call(
        &self,
        script: Script,
    ) -> impl Future<Output = Result<Response<AnyBody>, Failure>> + use<> {
        self.send(script.request())
    }

    pub(crate) fn send(
        &self,
        request: Request<Steps>,
    ) -> impl Future<Output = Result<Response<AnyBody>, Failure>> + use<> {
        self.service.clone().oneshot(request)
    }
}
