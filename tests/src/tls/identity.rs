//! Who a peer has proved to be: in handlers, in layers, on `/connections` and in the log.

use rootcap::{
    Running,
    config::{Auto, ClientAuth, RateLimit, Tls},
};
use rootcap_layers::Call;
use rootcap_proto::helloworld::{
    HelloReply,
    greeter_server::{Greeter, GreeterServer},
};
use rootcap_tests::{
    admin::Admin,
    pki::SPIFFE_ID,
    server::{builder, hourly},
};
use serde_json::Value;
use tonic::{Request, Response, Status};

use super::*;

/// Answers with the proved identity, and how many certificates there are.
struct WhoAreYou;

#[tonic::async_trait]
impl Greeter for WhoAreYou {
    async fn say_hello(
        &self,
        request: Request<HelloRequest>,
    ) -> Result<Response<HelloReply>, Status> {
        let certificates = request.peer_certs().map_or(0, |certificates| certificates.len());
        let peer = Call::current().unwrap().peer().cloned().unwrap();
        let identity = peer.proved_identity().unwrap_or("nobody");
        assert_eq!(request.remote_addr(), peer.address());
        Ok(Response::new(HelloReply { message: format!("{identity} {certificates}") }))
    }
}

/// TLS for clients whose certificate the tests' authority has signed, or who must have none.
fn settings(pki: &Pki, client_auth: Option<ClientAuth>) -> Tls {
    let cert = pki.server("server");
    Tls {
        cert: Some(cert.cert),
        key: Some(cert.key),
        client_ca: client_auth.map(|_| pki.ca().to_owned()),
        client_auth: client_auth.map_or(Auto::Auto, Auto::Set),
        ..Tls::default()
    }
}

async fn serve(tls: Tls) -> Running {
    let builder = builder().configure(|settings| settings.tls = tls);
    builder.start(GreeterServer::new(WhoAreYou)).await.unwrap()
}

async fn greeted(server: &Running, pki: &Pki, client: Option<&Issued>) -> (String, String) {
    let mut greeter = connect(server.local_addr(), pki, client).await.unwrap();
    let reply = greeter.say_hello(HelloRequest::default()).await.unwrap();
    // The connection is still open.
    let rows = Admin::of(server).connections().await;
    let mut names = rows.iter().map(|row| row["Name"].as_str().unwrap_or("null").to_owned());
    (reply.into_inner().message, names.next_back().unwrap())
}

#[tokio::test]
async fn a_handler_and_the_page_of_connections_know_the_identity_and_the_certificates() {
    let pki = Pki::new();
    for auth in [ClientAuth::Required, ClientAuth::Optional] {
        let server = serve(settings(&pki, Some(auth))).await;
        for (client, identity) in [
            (pki.spiffe_client(), SPIFFE_ID),
            (pki.dns_client(), "cart.example.org"),
            (pki.common_name_client(), "client"),
        ] {
            let (told, shown) = greeted(&server, &pki, Some(&client)).await;
            assert_eq!((told, shown.as_str()), (format!("{identity} 1"), identity));
        }
    }
}

#[tokio::test]
async fn without_a_verified_certificate_there_is_no_identity() {
    let pki = Pki::new();
    let optional = serve(settings(&pki, Some(ClientAuth::Optional))).await;
    // Nobody asks for a certificate, so that the client sends none.
    let none = serve(settings(&pki, None)).await;
    for (server, client) in [(&optional, None), (&none, Some(pki.spiffe_client())), (&none, None)] {
        let (told, shown) = greeted(server, &pki, client.as_ref()).await;
        assert_eq!((told.as_str(), shown.as_str()), ("nobody 0", "null"));
    }
}

/// All certificates that the client has sent, its own first.
#[tokio::test]
async fn a_handler_has_the_whole_chain() {
    let pki = Pki::new();
    let server = serve(settings(&pki, Some(ClientAuth::Required))).await;
    let client = pki.dns_client();
    let chain = Issued { cert: pki.path("chain.pem"), key: client.key.clone() };
    let read = |path: &Path| std::fs::read_to_string(path).unwrap();
    std::fs::write(&chain.cert, read(&client.cert) + &read(pki.ca())).unwrap();
    let (told, shown) = greeted(&server, &pki, Some(&chain)).await;
    assert_eq!((told.as_str(), shown.as_str()), ("cart.example.org 2", "cart.example.org"));
}

#[tokio::test]
async fn a_layer_may_decide_by_the_identity() {
    let pki = Pki::new();
    let only_the_cart = tonic::service::InterceptorLayer::new(|request: Request<()>| {
        let identity = Call::with_current(|call| {
            call.and_then(|call| call.peer()?.proved_identity().map(str::to_owned))
        });
        match identity.as_deref() {
            Some(SPIFFE_ID) => Ok(request),
            _ => Err(Status::permission_denied("only the cart")),
        }
    });
    let server = builder()
        .configure(|config| config.tls = settings(&pki, Some(ClientAuth::Optional)))
        .layer(only_the_cart)
        .start(GreeterServer::new(WhoAreYou))
        .await
        .unwrap();
    for (client, code) in [
        (Some(pki.spiffe_client()), tonic::Code::Ok),
        (Some(pki.dns_client()), tonic::Code::PermissionDenied),
        (None, tonic::Code::PermissionDenied),
    ] {
        let mut greeter = connect(server.local_addr(), &pki, client.as_ref()).await.unwrap();
        let answer = greeter.say_hello(HelloRequest::default()).await;
        assert_eq!(answer.map_or_else(|status| status.code(), |_| tonic::Code::Ok), code);
    }
}

#[tokio::test]
async fn a_rate_may_be_each_identitys_own() {
    let pki = Pki::new();
    let identities = RateLimit {
        name: "identities".to_owned(),
        per: "tls-identity".parse().unwrap(),
        quota: hourly(1).unwrap(),
        ..RateLimit::default()
    };
    let server = builder()
        .configure(|config| {
            config.tls = settings(&pki, Some(ClientAuth::Required));
            config.rate_limit = vec![identities];
        })
        .start(GreeterServer::new(WhoAreYou))
        .await
        .unwrap();
    let code = async |client: &Issued| {
        let mut greeter = connect(server.local_addr(), &pki, Some(client)).await.unwrap();
        greeter.say_hello(HelloRequest::default()).await.map_err(|status| status.code()).err()
    };
    let (cart, other) = (pki.dns_client(), pki.spiffe_client());
    assert_eq!(code(&cart).await, None);
    assert_eq!(code(&cart).await, Some(tonic::Code::ResourceExhausted), "from another connection");
    assert_eq!(code(&other).await, None);
}

#[tokio::test]
async fn both_lines_of_a_call_have_the_identity() {
    let pki = Pki::new();
    let settings = mtls("tls", &pki.server("server"), pki.ca(), "optional");
    let example = start(settings).await;
    for client in [Some(pki.spiffe_client()), None] {
        let mut greeter = connect(example.address, &pki, client.as_ref()).await.unwrap();
        greeter.say_hello(HelloRequest::default()).await.unwrap();
    }
    for message in ["\"started call\"", "\"finished call\""] {
        let look = async || {
            let lines = example.lines().into_iter().filter(|line| line.contains(message));
            let lines = lines.map(|line| serde_json::from_str::<Value>(&line).unwrap());
            <[Value; 2]>::try_from(lines.collect::<Vec<_>>()).ok()
        };
        let ([with, without], _) = wait::until(message, look).await;
        assert_eq!(with["peer.identity"], SPIFFE_ID);
        assert_eq!(without.get("peer.identity"), None);
    }
}
