//! A layer over a probe, of any type.

use std::future::Future;

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use http_body_util::combinators::UnsyncBoxBody;
use tower::{Layer, Service, ServiceExt, util::BoxCloneService};

use super::{
    probe::{Failure, Probe, Steps},
    script::Script,
};

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
