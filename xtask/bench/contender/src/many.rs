//! A service with many methods: what a server keeps of each.

use std::convert::Infallible;
use std::future::{Future, Ready, ready};
use std::pin::Pin;
use std::task::{Context, Poll};

use http::{Request, Response};
use http_body::Body as HttpBody;
use tonic::body::Body;
use tonic::codegen::{Service, StdError};
use tonic::server::{Grpc, NamedService, UnaryService};
use tonic::{Code, Status};
use tonic_prost::ProstCodec;

use crate::load::Chunk;

/// The descriptors of the service with 200 methods, `/bench.Many/M0` to `M199`.
pub const TWO_HUNDRED: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/many-200.bin"));
/// The same with 1,000 methods.
pub const THOUSAND: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/many-1000.bin"));

/// The metadata in which a caller asks for a status, as a number.
const CODE: &str = "bench-code";

/// Answers every method of its name as [`Echo`] does. What is generated from a `.proto` file differs in a `match` on
/// the path, which costs no memory: what is measured is what the server adds.
#[derive(Clone, Copy, Debug, Default)]
pub struct Many;

impl NamedService for Many {
    const NAME: &'static str = "bench.Many";
}

impl<B> Service<Request<B>> for Many
where
    B: HttpBody<Data: Send, Error: Into<StdError> + Send> + Send + 'static,
{
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        Box::pin(async {
            let mut grpc = Grpc::new(ProstCodec::<Chunk, Chunk>::default());
            Ok(grpc.unary(Echo, request).await)
        })
    }
}

/// Sends back what it is sent, or the status that is asked for.
#[derive(Debug)]
struct Echo;

impl UnaryService<Chunk> for Echo {
    type Response = Chunk;
    type Future = Ready<Result<tonic::Response<Chunk>, Status>>;

    fn call(&mut self, request: tonic::Request<Chunk>) -> Self::Future {
        let code = request.metadata().get(CODE).map(|code| Code::from_bytes(code.as_bytes()));
        ready(match code {
            None | Some(Code::Ok) => Ok(tonic::Response::new(request.into_inner())),
            Some(code) => Err(Status::new(code, "as it was asked for")),
        })
    }
}
