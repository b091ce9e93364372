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
use tower::Service;

use super::script::{Script, Step};

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
