//! Keys in all the forms that openssl writes.

use rootcap::config::Tls;
use rootcap_tests::server;

use super::*;

/// A self-signed certificate for a key that openssl has made, and then written in another form.
async fn serves(openssl: &Path, name: &str, make: &[&str], convert: Option<&[&str]>) {
    let pki = Pki::new();
    let (key, cert) = (pki.path("made.key"), pki.path("made.pem"));
    let form = pki.path("form.key");
    let (key_text, form_text) = (key.to_str().unwrap(), form.to_str().unwrap());
    let with = |arguments: &[&str]| -> Vec<String> {
        arguments
            .iter()
            .map(|part| part.replace("KEY", key_text).replace("FORM", form_text))
            .collect()
    };
    run(openssl, with(make)).await.succeeds();
    let request =
        ["req", "-x509", "-new", "-subj", "/CN=localhost", "-days", "9", "-key", "KEY", "-out"];
    let mut request = with(&request);
    request.push(cert.to_str().unwrap().to_owned());
    run(openssl, request).await.succeeds();
    let key = match convert {
        None => key,
        Some(convert) => {
            run(openssl, with(convert)).await.succeeds();
            form
        }
    };
    let server = start(tls("tls", &Issued { cert, key })).await;
    let address = server.address.to_string();
    let said = run(openssl, ["s_client", "-connect", &address, "-alpn", "h2"]).await;
    assert!(said.text.contains("ALPN protocol: h2"), "{name}: {}", said.text);
    none_failed(&server).await;
}

#[tokio::test]
async fn keys_of_every_kind_and_form_are_served() {
    let Some(openssl) = programs::find("openssl") else { return };
    let rsa = ["genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048", "-out", "KEY"];
    let curve = |curve| ["ecparam", "-genkey", "-name", curve, "-out", "KEY"];
    let ed25519 = ["genpkey", "-algorithm", "ED25519", "-out", "KEY"];
    let to_pkcs1 = ["rsa", "-in", "KEY", "-traditional", "-out", "FORM"];
    let to_pkcs8 = ["pkcs8", "-topk8", "-nocrypt", "-in", "KEY", "-out", "FORM"];
    serves(&openssl, "RSA as PKCS#8", &rsa, None).await;
    serves(&openssl, "RSA as PKCS#1", &rsa, Some(&to_pkcs1)).await;
    // With the parameters of the curve before it.
    serves(&openssl, "P-256 as SEC1", &curve("prime256v1"), None).await;
    serves(&openssl, "P-384 as PKCS#8", &curve("secp384r1"), Some(&to_pkcs8)).await;
    serves(&openssl, "Ed25519 as PKCS#8", &ed25519, None).await;
}

#[tokio::test]
async fn a_key_with_a_passphrase_is_refused_and_said_to_have_one() {
    let Some(openssl) = programs::find("openssl") else { return };
    let pki = Pki::new();
    let issued = pki.server("server");
    let form = pki.path("form.key");
    let arguments: [&Path; 8] = [
        Path::new("pkcs8"),
        Path::new("-topk8"),
        Path::new("-in"),
        &issued.key,
        Path::new("-out"),
        &form,
        Path::new("-passout"),
        Path::new("pass:secret"),
    ];
    run(&openssl, arguments).await.succeeds();
    let tls = Tls { cert: Some(issued.cert), key: Some(form), ..Tls::default() };
    let started = server::builder().configure(|config| config.tls = tls).start(server::services());
    let error = started.await.unwrap_err();
    assert!(error.is_config());
    let said = format!("{error:?}");
    assert!(said.contains("tls.key = ") && said.contains("is encrypted"), "{said}");
}
