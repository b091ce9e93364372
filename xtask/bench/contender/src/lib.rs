//! What all contenders share: the business logic, and the allocator that counts.

pub mod allocations;
pub mod load;
pub mod many;

use rootcap_proto::helloworld::greeter_server::Greeter as Service;
use rootcap_proto::helloworld::{HelloReply, HelloRequest};
use tonic::{Request, Response, Status};

/// Greets whoever calls, and does nothing else: what is measured is the server.
#[derive(Clone, Copy, Debug, Default)]
pub struct Greeter;

#[tonic::async_trait]
impl Service for Greeter {
    async fn say_hello(
        &self,
        request: Request<HelloRequest>,
    ) -> Result<Response<HelloReply>, Status> {
        let message = format!("Hello {}", request.into_inner().name);
        Ok(Response::new(HelloReply { message }))
    }
}
