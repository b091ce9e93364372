//! The handshake, as `openssl s_client` sees it.

use super::*;

/// `openssl s_client`, which trusts the tests' authority, and says what else it is told to.
async fn s_client(
    openssl: &Path,
    address: SocketAddr,
    pki: &Pki,
    arguments: &[&str],
    client: Option<&Issued>,
) -> Said {
    let mut all: Vec<PathBuf> =
        ["s_client", "-connect", &address.to_string(), "-servername", "localhost", "-alpn", "h2"]
            .map(PathBuf::from)
            .into();
    all.extend(["-verify_return_error".into(), "-CAfile".into(), pki.ca().to_owned()]);
    if let Some(client) = client {
        all.extend(["-cert".into(), client.cert.clone(), "-key".into(), client.key.clone()]);
    }
    all.extend(arguments.iter().map(PathBuf::from));
    run(openssl, all).await
}

/// Says what `openssl s_client` is told to wait for: that the server hangs up.
const UNTIL_CLOSED: &str = "-ign_eof";

#[tokio::test]
async fn tls_1_2_and_1_3_negotiate_h2() {
    let Some(openssl) = programs::find("openssl") else { return };
    let pki = Pki::new();
    let server = start(tls("tls", &pki.server("server"))).await;
    for (argument, version) in [("-tls1_2", "TLSv1.2"), ("-tls1_3", "TLSv1.3")] {
        let said = s_client(&openssl, server.address, &pki, &[argument], None).await;
        said.succeeds()
            .has(&format!("New, {version}, Cipher is"))
            .has("ALPN protocol: h2")
            .has("Verification: OK");
    }
    none_failed(&server).await;
    goes_on(&server, &pki).await;
}

#[tokio::test]
async fn tls_1_1_is_refused() {
    let Some(openssl) = programs::find("openssl") else { return };
    let pki = Pki::new();
    let server = start(tls("tls", &pki.server("server"))).await;
    // Its own default does not speak it either.
    let old = ["-tls1_1", "-cipher", "DEFAULT:@SECLEVEL=0"];
    let said = s_client(&openssl, server.address, &pki, &old, None).await;
    said.fails().has("alert");
    failed(&server, "incompatible", 1.0).await;
    goes_on(&server, &pki).await;
}

/// A client that speaks something else, HTTP/1 for example, is told so in the handshake (RFC 7301, 3.2).
#[tokio::test]
async fn a_client_without_h2_is_refused() {
    let Some(openssl) = programs::find("openssl") else { return };
    let pki = Pki::new();
    let server = start(tls("tls", &pki.server("server"))).await;
    let other = ["-alpn", "http/1.1"];
    let said = s_client(&openssl, server.address, &pki, &other, None).await;
    said.fails().has("alert no application protocol");
    failed(&server, "no_application_protocol", 1.0).await;
    goes_on(&server, &pki).await;
}

#[tokio::test]
async fn a_server_certificate_that_a_client_refuses_is_counted() {
    let Some(openssl) = programs::find("openssl") else { return };
    let (pki, stranger) = (Pki::new(), Pki::new());
    let expired = start(tls("tls", &pki.expired_server())).await;
    let said = s_client(&openssl, expired.address, &pki, &[], None).await;
    said.fails().has("certificate has expired");
    failed(&expired, "refused_by_peer", 1.0).await;

    let server = start(tls("tls", &pki.server("server"))).await;
    let said = s_client(&openssl, server.address, &stranger, &[], None).await;
    said.fails().has("verify error");
    failed(&server, "refused_by_peer", 1.0).await;
    goes_on(&server, &pki).await;
}

/// In TLS 1.3 the client learns of it after its own side of the handshake.
#[tokio::test]
async fn with_client_certificates_required_none_or_a_wrong_one_is_refused() {
    let Some(openssl) = programs::find("openssl") else { return };
    let pki = Pki::new();
    let server = start(mtls("tls", &pki.server("server"), pki.ca(), "required")).await;
    let wrong = [
        (None, "alert certificate required", "no_client_certificate"),
        (Some(pki.other_client()), "alert unknown ca", "client_certificate_unknown_issuer"),
        (Some(pki.expired_client()), "alert certificate expired", "client_certificate_expired"),
        // It may only be a server's.
        (Some(pki.server("other")), "alert", "client_certificate_invalid"),
    ];
    for (client, alert, reason) in wrong {
        let arguments = [UNTIL_CLOSED, "-tls1_3"];
        let said = s_client(&openssl, server.address, &pki, &arguments, client.as_ref()).await;
        said.fails().has(alert);
        failed(&server, reason, 1.0).await;
    }
    let client = pki.spiffe_client();
    let said = s_client(&openssl, server.address, &pki, &["-tls1_3"], Some(&client)).await;
    said.succeeds();
    goes_on(&server, &pki).await;
}

/// No certificate is fine where it is optional, but a wrong one is not.
#[tokio::test]
async fn with_client_certificates_optional_a_wrong_one_is_refused() {
    let Some(openssl) = programs::find("openssl") else { return };
    let pki = Pki::new();
    let server = start(mtls("tls", &pki.server("server"), pki.ca(), "optional")).await;
    let said = s_client(&openssl, server.address, &pki, &[], None).await;
    said.succeeds();
    for (client, reason) in [
        (pki.other_client(), "client_certificate_unknown_issuer"),
        (pki.expired_client(), "client_certificate_expired"),
    ] {
        let arguments = [UNTIL_CLOSED];
        let said = s_client(&openssl, server.address, &pki, &arguments, Some(&client)).await;
        said.fails().has("alert");
        failed(&server, reason, 1.0).await;
    }
    goes_on(&server, &pki).await;
}
