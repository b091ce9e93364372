//! What cannot be found is an answer in the stream, and the stream goes on, as the protocol has it (`ErrorResponse`).
//!
//! tonic-reflection ends the stream instead, with a status that clients take for a failure of reflection itself. So each
//! request is asked of it in a call of its own; there is no socket between.

macro_rules! in_stream {
    ($version:ident) => {
        pub(super) mod $version {
            use futures_util::{StreamExt, stream};
            use tonic::{Request, Response, Status, Streaming, codegen::BoxStream};
            use tonic_reflection::pb::$version::{
                ErrorResponse, ServerReflectionRequest, ServerReflectionResponse,
                server_reflection_client::ServerReflectionClient,
                server_reflection_response::MessageResponse,
                server_reflection_server::{ServerReflection, ServerReflectionServer},
            };

            /// Asks one request after the other of the service within.
            struct InStream<S>(Within<S>);

            type Within<S> = ServerReflectionClient<ServerReflectionServer<S>>;

            pub(in crate::reflection) fn server<S: ServerReflection>(
                within: ServerReflectionServer<S>,
            ) -> ServerReflectionServer<impl ServerReflection + use<S>> {
                // What the service sends itself needs no limit.
                let within =
                    ServerReflectionClient::new(within).max_decoding_message_size(usize::MAX);
                ServerReflectionServer::new(InStream(within))
            }

            #[tonic::async_trait]
            impl<S: ServerReflection> ServerReflection for InStream<S> {
                type ServerReflectionInfoStream = BoxStream<ServerReflectionResponse>;

                async fn server_reflection_info(
                    &self,
                    request: Request<Streaming<ServerReflectionRequest>>,
                ) -> Result<Response<Self::ServerReflectionInfoStream>, Status> {
                    let within = self.0.clone();
                    // It ends with its first error, which tonic's stream of requests gives to who asks on, over and over.
                    let answers = stream::try_unfold(request.into_inner(), move |mut requests| {
                        let within = within.clone();
                        async move {
                            let Some(request) = requests.message().await? else { return Ok(None) };
                            Ok(Some((answer(within, request).await?, requests)))
                        }
                    });
                    Ok(Response::new(answers.boxed()))
                }
            }

            async fn answer<S: ServerReflection>(
                within: Within<S>,
                request: ServerReflectionRequest,
            ) -> Result<ServerReflectionResponse, Status> {
                let status = match ask(within, request.clone()).await {
                    Ok(Some(response)) => return Ok(response),
                    Ok(None) => Status::internal("reflection did not answer"),
                    Err(status) => status,
                };
                let error = ErrorResponse {
                    error_code: status.code().into(),
                    error_message: status.message().to_owned(),
                };
                Ok(ServerReflectionResponse {
                    valid_host: request.host.clone(),
                    original_request: Some(request),
                    message_response: Some(MessageResponse::ErrorResponse(error)),
                })
            }

            async fn ask<S: ServerReflection>(
                mut within: Within<S>,
                request: ServerReflectionRequest,
            ) -> Result<Option<ServerReflectionResponse>, Status> {
                let requests = stream::iter([request]);
                within.server_reflection_info(requests).await?.into_inner().message().await
            }
        }
    };
}

in_stream!(v1);
in_stream!(v1alpha);
