//! The Greeter's business logic, and nothing else.

use rootcap_proto::helloworld::greeter_server::Greeter;
use rootcap_proto::helloworld::{HelloReply, HelloRequest};
use tonic::{Request, Response, Status};

/// Greets whoever calls.
#[derive(Clone, Copy, Debug, Default)]
pub struct GreeterService;

#[tonic::async_trait]
impl Greeter for GreeterService {
    async fn say_hello(
        &self,
        request: Request<HelloRequest>,
    ) -> Result<Response<HelloReply>, Status> {
        let message = format!("Hello {}", request.into_inner().name);
        Ok(Response::new(HelloReply { message }))
    }
}
