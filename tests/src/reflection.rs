//! Reflection, both versions.

use rootcap::config::Switch;
use rootcap_tests::server::{connect, start};
use tonic::{Code, Status, transport::Channel};
use tonic_reflection::pb;

/// The list of services, asked in one version of the protocol.
macro_rules! list {
    ($name:ident, $version:ident) => {
        pub(crate) async fn $name(channel: Channel) -> Result<Vec<String>, Status> {
            use pb::$version::{
                ServerReflectionRequest, server_reflection_client::ServerReflectionClient,
                server_reflection_request::MessageRequest,
                server_reflection_response::MessageResponse,
            };
            let request = ServerReflectionRequest {
                host: String::new(),
                message_request: Some(MessageRequest::ListServices(String::new())),
            };
            let requests = futures_util::stream::iter([request]);
            let mut client = ServerReflectionClient::new(channel);
            let mut replies = client.server_reflection_info(requests).await?.into_inner();
            let reply = replies.message().await?.unwrap();
            match reply.message_response.unwrap() {
                MessageResponse::ListServicesResponse(list) => {
                    Ok(list.service.into_iter().map(|service| service.name).collect())
                }
                other => panic!("not a list: {other:?}"),
            }
        }
    };
}

list!(list_v1, v1);
list!(list_v1alpha, v1alpha);

#[tokio::test]
async fn both_versions_list_the_services() {
    let server = start(|_| {}).await;
    let channel = connect(&server).await;
    let v1 = list_v1(channel.clone()).await.unwrap();
    assert_eq!(v1, list_v1alpha(channel).await.unwrap());
    for service in ["helloworld.Greeter", "rootcap.testing.Faults", "grpc.health.v1.Health"] {
        assert!(v1.contains(&service.to_owned()), "{service} is missing: {v1:?}");
    }
}

#[tokio::test]
async fn a_setting_turns_it_off() {
    let server = start(|settings| settings.service.reflection = Switch::Off).await;
    let channel = connect(&server).await;
    let v1 = list_v1(channel.clone()).await.unwrap_err();
    let v1alpha = list_v1alpha(channel).await.unwrap_err();
    assert_eq!((v1.code(), v1alpha.code()), (Code::Unimplemented, Code::Unimplemented));
}
