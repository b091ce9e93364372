//! Server reflection, v1 and v1alpha, from the descriptor sets given to the builder.
//!
//! The protocol is tonic-reflection's, but for its errors (`in_stream.rs`). It serves the bytes of each file as they
//! were given, so that options which prost does not know (`google.api.http`) reach the caller.

mod boxed;
mod in_stream;
mod sets;

pub(crate) use boxed::{ReflectionV1, ReflectionV1Alpha};
pub(crate) use sets::Sets;

use tonic::server::NamedService;
use tonic_reflection::pb;
use tonic_reflection::server::v1::{ServerReflection, ServerReflectionServer};
use tonic_reflection::server::v1alpha::{
    ServerReflection as ServerReflectionAlpha,
    ServerReflectionServer as ServerReflectionAlphaServer,
};

use crate::health;

/// The descriptors of the framework's own services.
pub(crate) const BUILTIN_SETS: [&[u8]; 3] =
    [health::FILE_DESCRIPTOR_SET, pb::v1::FILE_DESCRIPTOR_SET, pb::v1alpha::FILE_DESCRIPTOR_SET];

/// The names of the framework's own services.
const BUILTIN_SERVICES: [&str; 3] = [
    <health::HealthServer<health::HealthService>>::NAME,
    ReflectionV1::NAME,
    ReflectionV1Alpha::NAME,
];

/// `grpc.reflection.v1` over the sets, health and reflection itself.
pub(crate) fn v1(sets: &Sets) -> ServerReflectionServer<impl ServerReflection + use<>> {
    in_stream::v1::server(sets.builder().build_v1().expect(ACCEPTED))
}

/// `grpc.reflection.v1alpha`, which older clients ask for, over the same sets as [`v1`].
fn v1alpha(sets: &Sets) -> ServerReflectionAlphaServer<impl ServerReflectionAlpha + use<>> {
    in_stream::v1alpha::server(sets.builder().build_v1alpha().expect(ACCEPTED))
}

const ACCEPTED: &str = "each set was accepted alone";

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use std::{collections::BTreeSet, error::Error};

    use futures_util::TryStreamExt;
    use prost::Message;
    use tonic_reflection::pb::{v1, v1alpha};
    use tower::ServiceExt;

    use crate::descriptors::DescriptorError;

    /// The services that one version lists, asked by its own client with no socket between.
    macro_rules! listed {
        ($version:ident) => {{
            use $version::server_reflection_request::MessageRequest;
            use $version::server_reflection_response::MessageResponse;
            match ask!($version, MessageRequest::ListServices(String::new())) {
                MessageResponse::ListServicesResponse(list) => {
                    let names = list.service.into_iter().map(|service| service.name);
                    names.collect::<BTreeSet<_>>()
                }
                other => panic!("not a list: {other:?}"),
            }
        }};
    }

    macro_rules! ask {
        ($version:ident, $request:expr) => {{
            let server = super::$version(&sets(&[rootcap_proto::FILE_DESCRIPTOR_SET]).unwrap());
            let request = $version::ServerReflectionRequest {
                message_request: Some($request),
                ..Default::default()
            };
            $version::server_reflection_client::ServerReflectionClient::new(server)
                .server_reflection_info(futures_util::stream::iter([request]))
                .await
                .unwrap()
                .into_inner()
                .message()
                .await
                .unwrap()
                .unwrap()
                .message_response
                .unwrap()
        }};
    }

    fn sets(sets: &[&'static [u8]]) -> Result<super::Sets, DescriptorError> {
        super::Sets::new(sets, &["helloworld.Greeter"].into())
    }

    /// What the set describes and nobody serves, `rootcap.testing.Faults`, used to be listed too.
    const SERVICES: [&str; 4] = [
        "grpc.health.v1.Health",
        "grpc.reflection.v1.ServerReflection",
        "grpc.reflection.v1alpha.ServerReflection",
        "helloworld.Greeter",
    ];

    #[tokio::test]
    async fn v1_lists_the_services_served_and_its_own() {
        assert_eq!(listed!(v1), SERVICES.map(str::to_owned).into());
    }

    #[tokio::test]
    async fn v1alpha_lists_the_same() {
        assert_eq!(listed!(v1alpha), SERVICES.map(str::to_owned).into());
    }

    #[tokio::test]
    async fn the_http_option_reaches_the_caller() {
        use v1::server_reflection_request::MessageRequest;
        use v1::server_reflection_response::MessageResponse;
        let symbol = MessageRequest::FileContainingSymbol("helloworld.Greeter".to_owned());
        let MessageResponse::FileDescriptorResponse(files) = ask!(v1, symbol) else {
            panic!("not a file");
        };
        let path = b"/greeter/hello";
        let file = &files.file_descriptor_proto[0];
        assert!(file.windows(path.len()).any(|window| window == path));
    }

    /// tonic-reflection ended the stream, so that clients saw reflection fail and could ask nothing more.
    #[tokio::test]
    async fn what_is_not_there_is_an_answer_and_the_stream_goes_on() {
        macro_rules! errors {
            ($version:ident) => {{
                use $version::server_reflection_request::MessageRequest;
                use $version::server_reflection_response::MessageResponse;
                let server = super::$version(&sets(&[rootcap_proto::FILE_DESCRIPTOR_SET]).unwrap());
                let requests = [
                    Some(MessageRequest::FileContainingSymbol("no.Such".to_owned())),
                    Some(MessageRequest::FileByFilename("no_such.proto".to_owned())),
                    None,
                    Some(MessageRequest::FileContainingSymbol("helloworld.Greeter".to_owned())),
                ];
                let requests = requests.map(|message_request| $version::ServerReflectionRequest {
                    host: "a.host".to_owned(),
                    message_request,
                });
                let answers =
                    $version::server_reflection_client::ServerReflectionClient::new(server)
                        .server_reflection_info(futures_util::stream::iter(requests.clone()))
                        .await
                        .unwrap()
                        .into_inner();
                let answers: Vec<_> = answers.try_collect().await.unwrap();
                let asked = answers.iter().map(|answer| answer.original_request.clone().unwrap());
                assert_eq!(asked.collect::<Vec<_>>(), requests);
                assert!(answers.iter().all(|answer| answer.valid_host == "a.host"));
                let code = |answer: $version::ServerReflectionResponse| match answer
                    .message_response
                    .unwrap()
                {
                    MessageResponse::ErrorResponse(error) => error.error_code,
                    _ => 0,
                };
                answers.into_iter().map(code).collect::<Vec<_>>()
            }};
        }
        // NOT_FOUND, NOT_FOUND, INVALID_ARGUMENT, and an answer.
        assert_eq!(errors!(v1), [5, 5, 3, 0]);
        assert_eq!(errors!(v1alpha), [5, 5, 3, 0]);
    }

    /// The stream of answers gave the error, and the body its trailers, to whoever read on, for ever. Found by fuzzing.
    #[tokio::test]
    async fn a_message_that_is_cut_off_ends_the_body() {
        use http_body::Body;
        let cut_off = bytes::Bytes::from_static(&[0, 0, 0, 0, 9, 1]);
        let request =
            http::Request::post("/grpc.reflection.v1.ServerReflection/ServerReflectionInfo")
                .body(http_body_util::Full::new(cut_off))
                .unwrap();
        let server = super::v1(&sets(&[]).unwrap());
        let mut body = std::pin::pin!(server.oneshot(request).await.unwrap().into_body());
        let frame = std::future::poll_fn(|cx| body.as_mut().poll_frame(cx)).await.unwrap().unwrap();
        assert_eq!(frame.trailers_ref().unwrap()["grpc-status"], "13");
        assert!(std::future::poll_fn(|cx| body.as_mut().poll_frame(cx)).await.is_none());
    }

    #[test]
    fn a_set_that_does_not_decode_is_named() {
        let all: [&[u8]; 2] = [rootcap_proto::FILE_DESCRIPTOR_SET, b"no descriptor set"];
        let error = sets(&all).err().unwrap();
        assert_eq!(error.to_string(), "descriptor set 2 cannot be served by reflection");
        assert!(error.source().is_some());
    }

    #[test]
    fn a_set_with_an_unnamed_message_is_an_error() {
        let file = prost_types::FileDescriptorProto {
            name: Some("a.proto".to_owned()),
            message_type: vec![prost_types::DescriptorProto::default()],
            ..Default::default()
        };
        let set = prost_types::FileDescriptorSet { file: vec![file] }.encode_to_vec();
        let error = sets(&[set.leak()]).err().unwrap();
        let source = error.source().unwrap().to_string();
        assert!(source.contains("message name"), "{source}");
    }
}
