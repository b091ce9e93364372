//! gRPC clients of other languages, over TLS.

use super::*;

/// What `grpcio` says of a call of health: its code, and for one that fails its details.
async fn grpcio(python: &Path, server: &Example, ca: &Path, client: Option<&Issued>) -> String {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("clients/grpcio_tls.py");
    let address = format!("localhost:{}", server.address.port());
    let mut arguments = vec![script, address.into(), ca.to_owned()];
    if let Some(client) = client {
        arguments.extend([client.cert.clone(), client.key.clone()]);
    }
    let said = run(python, arguments).await;
    assert!(said.succeeded, "{}", said.text);
    said.text
}

/// Where `buf curl` has its schema from.
#[derive(Clone, Copy, PartialEq)]
enum Schema {
    /// Reflection, of which it says no more than that it has failed.
    Reflected,
    Given,
}

/// What `buf curl` says of a greeting.
async fn buf(
    (buf, schema): (&Path, Schema),
    server: &Example,
    ca: &Path,
    client: Option<&Issued>,
) -> Said {
    let mut arguments: Vec<PathBuf> =
        ["curl", "--protocol", "grpc", "-d", r#"{"name":"Bob"}"#, "--connect-timeout", "20"]
            .map(PathBuf::from)
            .into();
    if schema == Schema::Given {
        let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../proto/proto");
        arguments.extend(["--schema".into(), directory]);
    }
    arguments.extend(["--cacert".into(), ca.to_owned()]);
    if let Some(client) = client {
        arguments.extend(["--cert".into(), client.cert.clone()]);
        arguments.extend(["--key".into(), client.key.clone()]);
    }
    let port = server.address.port();
    arguments.push(format!("https://localhost:{port}/helloworld.Greeter/SayHello").into());
    run(buf, arguments).await
}

#[tokio::test]
async fn grpcio_calls_and_tells_a_wrong_certificate() {
    let Some(python) = programs::python() else { return };
    let pki = Pki::new();
    let server = start(tls("tls", &pki.server("server"))).await;
    assert_eq!(grpcio(&python, &server, pki.ca(), None).await, "OK\n");
    let said = grpcio(&python, &server, pki.other_ca(), None).await;
    assert!(
        said.starts_with("UNAVAILABLE") && said.contains("CERTIFICATE_VERIFY_FAILED"),
        "{said}"
    );
    // It hangs up without an alert.
    some_failed(&server, "disconnected").await;
    let expired = start(tls("tls", &pki.expired_server())).await;
    let said = grpcio(&python, &expired, pki.ca(), None).await;
    assert!(
        said.starts_with("UNAVAILABLE") && said.contains("CERTIFICATE_VERIFY_FAILED"),
        "{said}"
    );
    some_failed(&expired, "disconnected").await;
    goes_on(&server, &pki).await;
}

#[tokio::test]
async fn grpcio_with_and_without_a_client_certificate() {
    let Some(python) = programs::python() else { return };
    let pki = Pki::new();
    let required = start(mtls("tls", &pki.server("server"), pki.ca(), "required")).await;
    let optional = start(mtls("tls", &pki.server("server"), pki.ca(), "optional")).await;
    let good = pki.spiffe_client();
    for server in [&required, &optional] {
        assert_eq!(grpcio(&python, server, pki.ca(), Some(&good)).await, "OK\n");
        for wrong in [pki.other_client(), pki.expired_client()] {
            let said = grpcio(&python, server, pki.ca(), Some(&wrong)).await;
            assert!(said.starts_with("UNAVAILABLE"), "{said}");
        }
        some_failed(server, "client_certificate_expired").await;
        some_failed(server, "client_certificate_unknown_issuer").await;
        goes_on(server, &pki).await;
    }
    assert_eq!(grpcio(&python, &optional, pki.ca(), None).await, "OK\n");
    let said = grpcio(&python, &required, pki.ca(), None).await;
    assert!(said.starts_with("UNAVAILABLE"), "{said}");
}

#[tokio::test]
async fn buf_curl_calls_through_reflection_and_tells_a_wrong_certificate() {
    let Some(program) = programs::buf() else { return };
    let (reflected, given) = ((&*program, Schema::Reflected), (&*program, Schema::Given));
    let pki = Pki::new();
    let server = start(tls("tls", &pki.server("server"))).await;
    buf(reflected, &server, pki.ca(), None).await.succeeds().has("Hello Bob");
    buf(given, &server, pki.other_ca(), None).await.fails().has("certificate");
    some_failed(&server, "refused_by_peer").await;
    let expired = start(tls("tls", &pki.expired_server())).await;
    buf(given, &expired, pki.ca(), None).await.fails().has("expired");
    some_failed(&expired, "refused_by_peer").await;
    goes_on(&server, &pki).await;
}

#[tokio::test]
async fn buf_curl_with_and_without_a_client_certificate() {
    let Some(program) = programs::buf() else { return };
    let (reflected, given) = ((&*program, Schema::Reflected), (&*program, Schema::Given));
    let pki = Pki::new();
    let server = start(mtls("tls", &pki.server("server"), pki.ca(), "required")).await;
    buf(reflected, &server, pki.ca(), Some(&pki.spiffe_client())).await.succeeds().has("Hello Bob");
    // Which of its errors it tells, that of the handshake or that of the request it sent along, is a matter of chance.
    for (client, reason) in [
        (None, "no_client_certificate"),
        (Some(pki.other_client()), "client_certificate_unknown_issuer"),
        (Some(pki.expired_client()), "client_certificate_expired"),
    ] {
        buf(given, &server, pki.ca(), client.as_ref()).await.fails();
        some_failed(&server, reason).await;
    }
    goes_on(&server, &pki).await;
}
