//! What the files may hold, and what is said of others.

use std::path::PathBuf;

use base64::{Engine, engine::general_purpose::STANDARD};
use rcgen::{
    CertificateParams, KeyPair, PKCS_ECDSA_P256_SHA256, PKCS_ECDSA_P384_SHA384, PKCS_ED25519,
};

use super::{
    pki::{Authority, Issued},
    *,
};
use crate::config;

fn self_signed(algorithm: &'static rcgen::SignatureAlgorithm) -> (Issued, KeyPair) {
    let key = KeyPair::generate_for(algorithm).unwrap();
    let params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
    let cert = params.self_signed(&key).unwrap().pem();
    (Issued { cert, key: key.serialize_pem() }, key)
}

fn pem(label: &str, der: &[u8]) -> String {
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", STANDARD.encode(der))
}

/// The error of loading these files, with its source.
fn error(cert: &str, key: &str, client_ca: Option<&str>) -> String {
    let directory = Directory::new(cert, key, client_ca);
    let error = Tls::load(&directory.settings(), Port::Service).unwrap_err().line();
    error.replace(directory.path("").to_str().unwrap(), "")
}

#[test]
fn keys_of_every_kind_are_taken() {
    for algorithm in [&PKCS_ECDSA_P256_SHA256, &PKCS_ECDSA_P384_SHA384, &PKCS_ED25519] {
        tls(&Directory::of(&self_signed(algorithm).0));
    }
    // The older form of a key of an elliptic curve lies within the newer one (RFC 5958, RFC 5915): it begins with the
    // 32 bytes of P-256's head less.
    let (issued, key) = self_signed(&PKCS_ECDSA_P256_SHA256);
    let der = key.serialize_der();
    let inner = der.windows(5).position(|bytes| bytes == [0x02, 0x01, 0x01, 0x04, 0x20]).unwrap();
    let sec1 = pem("EC PRIVATE KEY", &der[inner - 2..]);
    let parameters = pem("EC PARAMETERS", &[0x06, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7]);
    tls(&Directory::new(&issued.cert, &sec1, None));
    tls(&Directory::new(&issued.cert, &(parameters + &sec1), None));
}

#[test]
fn certificate_and_key_may_stand_in_one_file_with_a_chain_and_remarks() {
    let authority = Authority::new();
    let Issued { cert, key } = authority.issue(1);
    let all = format!("subject=test\r\n{key}\n{cert}\n# issuer\n{}", authority.pem());
    let tls = tls(&Directory::new(&all, &all, Some(&all)));
    assert_eq!(tls.status().serial, "01");
    assert!(tls.status().subject.contains("CN=test"), "{:?}", tls.status());
}

#[test]
fn without_a_certificate_there_is_no_tls() {
    assert!(Tls::load(&config::Tls::default(), Port::Service).unwrap().is_none());
}

#[test]
fn an_error_names_the_setting_the_path_and_what_is_expected() {
    let authority = Authority::new();
    let Issued { cert, key } = authority.issue(1);
    let other = authority.issue(2).key;
    let encrypted = pem("ENCRYPTED PRIVATE KEY", b"x");
    let old_encrypted = "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,00\n\nAAAA\n-----END RSA PRIVATE KEY-----\n";
    let no_key = pem("PRIVATE KEY", b"no key");
    let no_cert = pem("CERTIFICATE", b"no certificate");
    let bad_issuer = cert.clone() + &no_cert;
    let long_chain = cert.repeat(400);
    let cut = &cert[..cert.len() / 2];
    let long = "x".repeat(1 << 20) + "x";
    let ca = authority.pem();
    for (files, expected) in [
        (
            ("", &*key, None),
            r#"tls.cert = "tls.crt": the file holds no certificate; expected the server's"#,
        ),
        (
            (cut, &key, None),
            r#"tls.cert = "tls.crt": the file is damaged; expected whole sections of PEM"#,
        ),
        (
            (&no_cert, &key, None),
            r#"tls.cert = "tls.crt": the file holds a certificate that cannot be used; expected"#,
        ),
        // Every handshake would fail by these two, although the server's own certificate is good.
        (
            (&bad_issuer, &key, None),
            r#"tls.cert = "tls.crt": the file holds a certificate that cannot be used; expected"#,
        ),
        (
            (&long_chain, &key, None),
            r#"tls.cert = "tls.crt": the file holds more than 65536 bytes of certificates, which no client takes; expected"#,
        ),
        ((&long, &key, None), r#"tls.cert = "tls.crt": the file is longer than 1048576 bytes"#),
        ((&key, &key, None), r#"tls.cert = "tls.crt": the file holds no certificate; expected"#),
        (
            (&cert, "", None),
            r#"tls.key = "tls.key": the file holds no private key; expected a private key of RSA"#,
        ),
        ((&cert, &cert, None), r#"tls.key = "tls.key": the file holds no private key; expected"#),
        (
            (&cert, &key[..key.len() / 2], None),
            r#"tls.key = "tls.key": the file is damaged; expected"#,
        ),
        (
            (&cert, &no_key, None),
            r#"tls.key = "tls.key": the file holds a private key that cannot be used; expected"#,
        ),
        (
            (&cert, &encrypted, None),
            r#"tls.key = "tls.key": the file holds a private key that is encrypted; expected"#,
        ),
        (
            (&cert, old_encrypted, None),
            r#"tls.key = "tls.key": the file holds a private key that is encrypted; expected"#,
        ),
        (
            (&cert, &other, None),
            r#"tls.key = "tls.key": the file holds another key than that of the certificate in "tls.crt"; expected"#,
        ),
        (
            (&cert, &key, Some("")),
            r#"tls.client_ca = "ca.crt": the file holds no certificate; expected"#,
        ),
        (
            (&cert, &key, Some(&no_cert)),
            r#"tls.client_ca = "ca.crt": the file holds a certificate that cannot be trusted; expected"#,
        ),
        (
            (&cert, &key, Some(&ca[..ca.len() - 40])),
            r#"tls.client_ca = "ca.crt": the file is damaged; expected"#,
        ),
    ] {
        let (cert, key, client_ca) = files;
        let error = error(cert, key, client_ca);
        assert!(error.starts_with(expected), "{error}\n{expected}");
    }
}

#[test]
fn files_that_are_none_do_not_hold_up_the_start() {
    let issued = Authority::new().issue(1);
    let directory = Directory::of(&issued);
    for (path, expected) in [
        ("/dev/zero", r#"admin.tls.cert = "/dev/zero": the file is not a regular file"#),
        ("/", r#"admin.tls.cert = "/": the file is not a regular file"#),
        ("/no/such", r#"admin.tls.cert = "/no/such": the file cannot be read: No such file"#),
    ] {
        let settings = config::Tls { cert: Some(PathBuf::from(path)), ..directory.settings() };
        let error = Tls::load(&settings, Port::Admin).unwrap_err().line();
        assert!(error.starts_with(expected), "{error}");
    }
}

#[test]
fn nothing_that_is_shown_holds_the_key() {
    let Issued { cert, key } = Authority::new().issue(1);
    let secret = key.lines().nth(1).unwrap();
    let tls = tls(&Directory::new(&cert, &key, None));
    let shown = format!("{tls:?} {:?} {:?}", tls.status(), tls.current().files);
    assert!(!shown.contains(secret), "{shown}");
    // What is there in place of a section's end would be a part of the key.
    let line = format!("-----BEGIN {secret}\n");
    let damaged = key.replace("-----END", &line);
    assert!(!error(&cert, &damaged, None).contains(secret));
    assert!(!error(&cert, &key.replace("-----END PRIVATE KEY-----", ""), None).contains(secret));
}

#[test]
fn a_certificate_that_has_expired_is_taken() {
    let issued = Authority::new().issue_with(1, |params| {
        params.not_before = rcgen::date_time_ymd(2000, 1, 1);
        params.not_after = rcgen::date_time_ymd(2000, 1, 2);
    });
    let status = tls(&Directory::of(&issued)).status();
    assert_eq!(status.not_after, "2000-01-02T00:00:00Z");
    assert!(status.days_left < -9_000, "{status:?}");
}
