//! What rustls is given, made from the content of the files.

use std::{path::Path, sync::Arc};

use rustls::{
    InconsistentKeys, RootCertStore, ServerConfig,
    crypto::CryptoProvider,
    pki_types::CertificateDer,
    server::{NoServerSessionStorage, WebPkiClientVerifier, danger::ClientCertVerifier},
    sign::{CertifiedKey, SingleCertAndKey},
};

use super::{
    TlsError,
    certificate::{Certificate, certificates, private_key},
    error::Problem,
    files::{Files, Paths},
};
use crate::config::ClientAuth;

/// The most bytes that the certificates of a handshake may have: rustls takes no longer message, and OpenSSL not much more.
pub(super) const MAX_CHAIN_BYTES: usize = 64 * 1024;

/// The settings of rustls, and what is shown of the certificate.
pub(super) fn server_config(
    paths: &Paths,
    files: &Files,
    client_auth: ClientAuth,
) -> Result<(Arc<ServerConfig>, Certificate), TlsError> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let of_cert = |problem| paths.error("cert", &paths.cert, problem);
    let chain = chain(&files.cert).map_err(of_cert)?;
    let certificate = Certificate::read(&chain[0])
        .map_err(|error| of_cert(Problem::BadCertificate(error.into())))?;
    let certified = certified_key(paths, &files.key, chain, &provider)?;
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(|error| of_cert(Problem::Config(error)))?;
    let resolver = Arc::new(SingleCertAndKey::from(certified));
    let mut config = match (&paths.client_ca, &files.client_ca) {
        (Some(path), Some(pem)) => {
            let verifier = client_verifier(pem, client_auth, provider)
                .map_err(|problem| paths.error("client_ca", path, problem))?;
            let mut config =
                builder.with_client_cert_verifier(verifier).with_cert_resolver(resolver);
            // A session that is resumed does not show the client's certificate again.
            config.session_storage = Arc::new(NoServerSessionStorage {});
            config.send_tls13_tickets = 0;
            config
        }
        _ => builder.with_no_client_auth().with_cert_resolver(resolver),
    };
    config.alpn_protocols = paths.port.protocols();
    Ok((Arc::new(config), certificate))
}

/// The certificates that are sent. A bad one among those of the issuers fails every handshake, as the first would.
fn chain(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, Problem> {
    let chain = certificates(pem)?;
    if chain.is_empty() {
        return Err(Problem::NoCertificate);
    }
    for certificate in &chain {
        Certificate::read(certificate).map_err(|error| Problem::BadCertificate(error.into()))?;
    }
    match chain.iter().map(|certificate| certificate.len()).sum::<usize>() {
        0..=MAX_CHAIN_BYTES => Ok(chain),
        _ => Err(Problem::LongChain),
    }
}

/// The certificate together with its key.
fn certified_key(
    paths: &Paths,
    key: &[u8],
    chain: Vec<CertificateDer<'static>>,
    provider: &CryptoProvider,
) -> Result<CertifiedKey, TlsError> {
    let of_key = |problem| paths.error("key", &paths.key, problem);
    let key = private_key(key).map_err(of_key)?;
    let key = provider
        .key_provider
        .load_private_key(key)
        .map_err(|error| of_key(Problem::BadKey(error)))?;
    let certified = CertifiedKey::new(chain, key);
    match certified.keys_match() {
        Ok(()) | Err(rustls::Error::InconsistentKeys(InconsistentKeys::Unknown)) => Ok(certified),
        Err(rustls::Error::InconsistentKeys(_)) => {
            Err(of_key(Problem::OtherKey(Path::to_owned(&paths.cert))))
        }
        Err(error) => Err(paths.error("cert", &paths.cert, Problem::BadCertificate(error.into()))),
    }
}

fn client_verifier(
    pem: &[u8],
    client_auth: ClientAuth,
    provider: Arc<CryptoProvider>,
) -> Result<Arc<dyn ClientCertVerifier>, Problem> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(pem)? {
        roots.add(certificate).map_err(|error| Problem::BadClientCa(error.into()))?;
    }
    if roots.is_empty() {
        return Err(Problem::NoClientCa);
    }
    let builder = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
    let builder = match client_auth {
        ClientAuth::Required => builder,
        ClientAuth::Optional => builder.allow_unauthenticated(),
    };
    builder.build().map_err(|error| Problem::BadClientCa(error.into()))
}
