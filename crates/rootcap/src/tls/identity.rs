//! Who a certificate says its holder is: SPIFFE ID, else DNS name, else the subject's common name.
//!
//! A name is taken as it is, or not at all. Nothing is cut or escaped, because layers may decide by it who may do what:
//! two different names must never become the same one.

use rootcap_layers::excerpt::{self, has_effect};
use x509_parser::{
    certificate::X509Certificate,
    extensions::{GeneralName, KeyUsage},
    prelude::{FromDer, X509Error},
};

use super::TlsStream;

/// The longest SPIFFE ID (SPIFFE-ID, 2.3).
const MAX_SPIFFE_ID: usize = 2048;
/// The longest trust domain, which is the host of a URI (SPIFFE-ID, 2.3).
const MAX_TRUST_DOMAIN: usize = 255;
/// The longest DNS name as text (RFC 1035, 2.3.4).
const MAX_DNS_NAME: usize = 253;
/// The longest part of a DNS name (RFC 1035, 2.3.4).
const MAX_DNS_LABEL: usize = 63;
/// The longest common name, in bytes: what logs show whole. RFC 5280 allows 64 characters, but more is in use.
const MAX_COMMON_NAME: usize = excerpt::MAX_LEN;

/// The identity that the peer has proved on this connection, if it has. After the handshake, a session has the peer's
/// certificates only if it has verified them; its own comes first.
pub(crate) fn proved_on<IO>(stream: &TlsStream<IO>) -> Option<String> {
    let (_, session) = stream.get_ref();
    identity(session.peer_certificates()?.first()?)
}

/// The identity in a certificate, which the caller has verified: the first that there is of
///
/// 1. the SPIFFE ID, if the certificate is an X509-SVID: it has exactly one URI among its alternative names, which is a
///    SPIFFE ID with a path, and it may sign neither certificates nor revocation lists;
/// 2. the first DNS name among its alternative names, in lower case;
/// 3. the most specific common name of its subject, if it has no URI's form.
///
/// `None` when it has none of them, and when it is no certificate. At most 2048 bytes of visible characters and blanks.
pub(crate) fn identity(der: &[u8]) -> Option<String> {
    let (_, certificate) = X509Certificate::from_der(der).ok()?;
    let names = alternative_names(&certificate).ok()?;
    spiffe_id(&certificate, names)
        .map(str::to_owned)
        .or_else(|| dns_name(names))
        .or_else(|| common_name(&certificate).map(str::to_owned))
}

/// # Errors
/// When the certificate has them twice, or in a form that cannot be read.
fn alternative_names<'a, 'b>(
    certificate: &'b X509Certificate<'a>,
) -> Result<&'b [GeneralName<'a>], X509Error> {
    let names = certificate.subject_alternative_name()?;
    Ok(names.map_or(&[], |names| &names.value.general_names))
}

fn spiffe_id<'a>(certificate: &X509Certificate<'_>, names: &[GeneralName<'a>]) -> Option<&'a str> {
    let mut uris = names.iter().filter(|name| is_uri(name));
    match (uris.next(), uris.next()) {
        (Some(GeneralName::URI(uri)), None) => {
            (is_spiffe_id(uri) && !is_authority(certificate)).then_some(uri)
        }
        _ => None,
    }
}

/// Whether a name has the tag of a URI (RFC 5280, 4.2.1.6), be it readable or not.
fn is_uri(name: &GeneralName<'_>) -> bool {
    match name {
        GeneralName::URI(_) => true,
        GeneralName::Invalid(tag, _) => tag.0 == 6,
        _ => false,
    }
}

/// Whether a certificate may sign others, which that of a workload may not (X509-SVID, 5.2). What cannot be read counts
/// as if it may.
fn is_authority(certificate: &X509Certificate<'_>) -> bool {
    let signs = |usage: &KeyUsage| usage.key_cert_sign() || usage.crl_sign();
    certificate.is_ca()
        || certificate
            .key_usage()
            .map_or(true, |usage| usage.is_some_and(|usage| signs(usage.value)))
}

/// Whether a URI is a SPIFFE ID with a path (SPIFFE-ID, 2.1 and 2.2; X509-SVID, 5.2).
fn is_spiffe_id(uri: &str) -> bool {
    let parts = uri.strip_prefix("spiffe://").and_then(|rest| rest.split_once('/'));
    let Some((trust_domain, path)) = parts else { return false };
    uri.len() <= MAX_SPIFFE_ID
        && (1..=MAX_TRUST_DOMAIN).contains(&trust_domain.len())
        && trust_domain.bytes().all(|byte| is_spiffe_byte(byte) && !byte.is_ascii_uppercase())
        && path.split('/').all(is_spiffe_segment)
}

fn is_spiffe_segment(segment: &str) -> bool {
    !matches!(segment, "" | "." | "..") && segment.bytes().all(is_spiffe_byte)
}

fn is_spiffe_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_')
}

fn dns_name(names: &[GeneralName<'_>]) -> Option<String> {
    names.iter().find_map(|name| match name {
        GeneralName::DNSName(name) if is_dns_name(name) => Some(name.to_ascii_lowercase()),
        _ => None,
    })
}

/// Whether a text is the name of a host, or a wildcard for some (RFC 5280, 4.2.1.6; RFC 6125, 6.4.3). Underscores are
/// no part of hosts' names, but in use.
fn is_dns_name(name: &str) -> bool {
    let labels = name.strip_prefix("*.").unwrap_or(name);
    let is_label = |label: &str| {
        (1..=MAX_DNS_LABEL).contains(&label.len())
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
    };
    name.len() <= MAX_DNS_NAME && labels.split('.').all(is_label)
}

/// The last common name is the most specific one (RFC 2818, 3.1).
fn common_name<'a>(certificate: &'a X509Certificate<'_>) -> Option<&'a str> {
    let last = certificate.subject().iter_common_name().last()?;
    last.as_str().ok().filter(|name| is_common_name(name))
}

/// Whether a common name can be shown, and mistaken neither for a URI, which authorities check more carefully, nor for
/// another name.
fn is_common_name(name: &str) -> bool {
    let is_shown = |char: char| !has_effect(char) && (char == ' ' || !char.is_whitespace());
    (1..=MAX_COMMON_NAME).contains(&name.len())
        && name.trim() == name
        && name.chars().all(is_shown)
        && !name.contains("://")
}

#[cfg(test)]
mod tests;
