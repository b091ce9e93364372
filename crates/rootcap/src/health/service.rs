//! The three methods of `grpc.health.v1.Health`, answered from a [`Health`].

use std::sync::Arc;

use futures_util::stream;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tonic::codegen::BoxStream;
use tonic::{Request, Response, Status};

use super::generated::health_check_response::ServingStatus as Wire;
use super::generated::{
    HealthCheckRequest, HealthCheckResponse, HealthListRequest, HealthListResponse, health_server,
};
use super::state::State;
use super::{Health, ServingStatus};

/// The most services that `List` answers; the protocol sets it.
const MAX_LISTED: usize = 100;

/// The most `Watch` calls open at a time: each lasts as long as its caller likes.
pub(super) const MAX_WATCHES: usize = 1_000;

/// The largest request: a watcher keeps the name it was sent, and no service has a name nearly as long.
pub(super) const MAX_REQUEST_BYTES: usize = 4 * 1024;

/// Answers health calls; a clone shares the limit of open watches.
#[derive(Clone, Debug)]
pub(crate) struct HealthService {
    health: Health,
    watches: Arc<Semaphore>,
}

impl HealthService {
    pub(super) fn new(health: Health, max_watches: usize) -> Self {
        Self { health, watches: Arc::new(Semaphore::new(max_watches)) }
    }
}

#[tonic::async_trait]
impl health_server::Health for HealthService {
    async fn check(
        &self,
        request: Request<HealthCheckRequest>,
    ) -> Result<Response<HealthCheckResponse>, Status> {
        match self.health.status(&request.get_ref().service) {
            Some(status) => Ok(Response::new(response(status.into()))),
            None => Err(Status::not_found("unknown service")),
        }
    }

    async fn list(
        &self,
        _: Request<HealthListRequest>,
    ) -> Result<Response<HealthListResponse>, Status> {
        let state = self.health.state.borrow();
        if state.len() > MAX_LISTED {
            let text = format!(
                "{} services are known, and at most {MAX_LISTED} can be listed",
                state.len()
            );
            return Err(Status::resource_exhausted(text));
        }
        let statuses = state
            .all()
            .map(|(service, status)| (service.to_owned(), response(status.into())))
            .collect();
        Ok(Response::new(HealthListResponse { statuses }))
    }

    type WatchStream = BoxStream<HealthCheckResponse>;

    async fn watch(
        &self,
        request: Request<HealthCheckRequest>,
    ) -> Result<Response<Self::WatchStream>, Status> {
        let Ok(permit) = Arc::clone(&self.watches).try_acquire_owned() else {
            return Err(Status::resource_exhausted("too many open Watch calls"));
        };
        let watcher = Watcher {
            service: request.into_inner().service,
            state: self.health.state.subscribe(),
            sent: None,
            _permit: permit,
        };
        Ok(Response::new(Box::pin(stream::unfold(watcher, Watcher::next))))
    }
}

/// One `Watch` call.
struct Watcher {
    service: String,
    state: watch::Receiver<State>,
    sent: Option<Wire>,
    /// Frees the watch's place when the stream is dropped.
    _permit: OwnedSemaphorePermit,
}

impl Watcher {
    /// Waits until the caller is to be told something else than it was told last.
    ///
    /// `None` ends the stream: watches were ended, or nobody is left who could change a status.
    async fn next(mut self) -> Option<(Result<HealthCheckResponse, Status>, Self)> {
        let shown =
            |state: &State| state.shown(&self.service).map_or(Wire::ServiceUnknown, Wire::from);
        let now = {
            let changed = |state: &State| Some(shown(state)) != self.sent || state.watches_ended();
            shown(&*self.state.wait_for(changed).await.ok()?)
        };
        if Some(now) == self.sent {
            return None;
        }
        self.sent = Some(now);
        Some((Ok(response(now)), self))
    }
}

impl From<ServingStatus> for Wire {
    fn from(status: ServingStatus) -> Self {
        match status {
            ServingStatus::Serving => Self::Serving,
            ServingStatus::NotServing => Self::NotServing,
        }
    }
}

fn response(status: Wire) -> HealthCheckResponse {
    HealthCheckResponse { status: status.into() }
}
