//! The Greeter: business logic, and one call of the framework.

use rootcap_proto::helloworld::{
    HelloReply, HelloRequest,
    greeter_server::{Greeter, GreeterServer},
};
use tonic::{Request, Response, Status};

struct Hello;

#[tonic::async_trait]
impl Greeter for Hello {
    async fn say_hello(
        &self,
        request: Request<HelloRequest>,
    ) -> Result<Response<HelloReply>, Status> {
        let message = format!("Hello {}", request.into_inner().name);
        Ok(Response::new(HelloReply { message }))
    }
}

#[tokio::main]
async fn main() -> Result<(), rootcap::Error> {
    rootcap::Server::builder()
        .command_line()
        .build_info(rootcap::build_info!())
        .descriptors(rootcap_proto::FILE_DESCRIPTOR_SET)
        .on_start(|server| println!("{server}"))
        .serve(GreeterServer::new(Hello))
        .await
}
