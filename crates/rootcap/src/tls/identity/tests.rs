//! A test per sentence about whom a certificate names.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use proptest::prelude::*;
use rcgen::{
    BasicConstraints, CertificateParams, CustomExtension, DistinguishedName, DnType, DnValue, IsCa,
    KeyPair, KeyUsagePurpose, SanType, string::BmpString,
};

use super::*;

const SPIFFE: &str = "spiffe://example.org/ns/shop/sa/cart";

fn uri(uri: &str) -> SanType {
    SanType::URI(uri.try_into().unwrap())
}

fn dns(name: &str) -> SanType {
    SanType::DnsName(name.try_into().unwrap())
}

fn params(names: &[SanType], common_name: Option<DnValue>) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.subject_alt_names = names.to_vec();
    params.distinguished_name = DistinguishedName::new();
    if let Some(name) = common_name {
        params.distinguished_name.push(DnType::CommonName, name);
    }
    params
}

fn der(params: &CertificateParams) -> Vec<u8> {
    params.self_signed(&KeyPair::generate().unwrap()).unwrap().der().to_vec()
}

/// The identity in a certificate with these alternative names and this common name.
fn of(names: &[SanType], common_name: &str) -> Option<String> {
    identity(&der(&params(names, Some(common_name.into()))))
}

#[test]
fn a_spiffe_id_goes_before_a_dns_name_before_a_common_name() {
    let all = [dns("cart.example.org"), uri(SPIFFE), dns("other.example.org")];
    assert_eq!(of(&all, "cart").as_deref(), Some(SPIFFE));
    assert_eq!(of(&[all[0].clone(), all[2].clone()], "cart").as_deref(), Some("cart.example.org"));
    assert_eq!(of(&[], "cart").as_deref(), Some("cart"));
    assert_eq!(identity(&der(&params(&[], None))), None);
}

#[test]
fn two_uris_are_no_spiffe_id() {
    let other = uri("https://example.org/");
    for uris in [[uri(SPIFFE), other.clone()], [other, uri(SPIFFE)], [uri(SPIFFE), uri(SPIFFE)]] {
        assert_eq!(of(&uris, "cart").as_deref(), Some("cart"));
    }
}

/// A URI that cannot be read is a URI all the same.
#[test]
fn a_second_uri_of_other_bytes_counts() {
    let extension = |content: &[u8]| {
        let mut params = params(&[], Some("cart".into()));
        let extension = CustomExtension::from_oid_content(&[2, 5, 29, 17], content.to_vec());
        params.custom_extensions.push(extension);
        identity(&der(&params))
    };
    // SEQUENCE { [6] "spiffe://a/b" }, and the same with [6] FF after it.
    assert_eq!(extension(b"\x30\x0e\x86\x0cspiffe://a/b").as_deref(), Some("spiffe://a/b"));
    assert_eq!(extension(b"\x30\x11\x86\x0cspiffe://a/b\x86\x01\xff").as_deref(), Some("cart"));
}

#[test]
fn names_in_a_form_that_cannot_be_read_are_no_reason_to_take_a_lesser_name() {
    let mut params = params(&[uri(SPIFFE)], Some("cart".into()));
    let twice = CustomExtension::from_oid_content(&[2, 5, 29, 17], b"\x30\x03\x82\x01a".to_vec());
    params.custom_extensions.push(twice);
    assert_eq!(identity(&der(&params)), None);
}

#[test]
fn an_authority_has_no_spiffe_id() {
    let mut ca = params(&[uri(SPIFFE)], Some("ca".into()));
    ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    assert_eq!(identity(&der(&ca)).as_deref(), Some("ca"));
    for usage in [KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign] {
        let mut signer = params(&[uri(SPIFFE)], Some("ca".into()));
        signer.key_usages.push(usage);
        assert_eq!(identity(&der(&signer)).as_deref(), Some("ca"));
    }
    let mut leaf = params(&[uri(SPIFFE)], None);
    leaf.key_usages.push(KeyUsagePurpose::DigitalSignature);
    assert_eq!(identity(&der(&leaf)).as_deref(), Some(SPIFFE));
}

#[test]
fn spiffe_ids_are_those_of_the_standard() {
    let longest = format!("spiffe://a/{}", "b".repeat(MAX_SPIFFE_ID - 11));
    let domain = format!("spiffe://{}/b", "a".repeat(MAX_TRUST_DOMAIN));
    for good in [SPIFFE, "spiffe://1.2.3.4/A-b_c.d", "spiffe://a_b-c/...", &longest, &domain] {
        assert_eq!(of(&[uri(good)], "cn").as_deref(), Some(good));
    }
    let too_long = format!("{longest}b");
    let long_domain = format!("spiffe://{}/b", "a".repeat(MAX_TRUST_DOMAIN + 1));
    let bad = [
        "spiffe://example.org",
        "spiffe://example.org/",
        "spiffe:///path",
        "spiffe://example.org/a/",
        "spiffe://example.org//a",
        "spiffe://example.org/a/../b",
        "spiffe://example.org/./b",
        "spiffe://Example.org/a",
        "SPIFFE://example.org/a",
        "spiffe://user@example.org/a",
        "spiffe://example.org:443/a",
        "spiffe://example.org/a?b",
        "spiffe://example.org/a#b",
        "spiffe://example.org/a%20b",
        "spiffe://ex%61mple.org/a",
        "spiffe://[::1]/a",
        "spiffe:/example.org/a",
        "https://example.org/a",
        &too_long,
        &long_domain,
    ];
    for bad in bad {
        assert_eq!(of(&[uri(bad)], "cn").as_deref(), Some("cn"), "{bad}");
    }
}

#[test]
fn a_dns_name_is_in_lower_case_and_one_that_is_none_is_passed_over() {
    assert_eq!(of(&[dns("Cart.EXAMPLE.org")], "cn").as_deref(), Some("cart.example.org"));
    assert_eq!(of(&[dns("*.example.org")], "cn").as_deref(), Some("*.example.org"));
    let label = "a".repeat(MAX_DNS_LABEL);
    let longest = [label.as_str(); 4].join(".")[..MAX_DNS_NAME].to_owned();
    assert_eq!(of(&[dns(&longest)], "cn").as_deref(), Some(longest.as_str()));
    let (long_label, too_long) = (format!("{label}a"), format!("{longest}a"));
    let bad = ["", ".", "a..b", ".a", "a.", "a b", "a\n", "a.*.b", "*", "spiffe://a/b", "a:1"];
    for bad in bad.into_iter().chain([long_label.as_str(), &too_long]) {
        let names = [dns(bad), dns("good.example.org")];
        assert_eq!(of(&names, "cn").as_deref(), Some("good.example.org"), "{bad}");
    }
}

#[test]
fn a_common_name_is_the_most_specific_one() {
    let mut params = params(&[], Some("first".into()));
    // rcgen keeps one of each type: the second one goes by its number.
    params.distinguished_name.push(DnType::CustomDnType(vec![2, 5, 4, 3]), "last");
    assert_eq!(identity(&der(&params)).as_deref(), Some("last"));
}

#[test]
fn a_common_name_that_cannot_be_shown_or_looks_like_a_uri_is_none() {
    let longest = "a".repeat(MAX_COMMON_NAME);
    for good in ["J\u{f6}rg M\u{fc}ller", "10.0.0.1", "a/b", longest.as_str()] {
        assert_eq!(of(&[], good).as_deref(), Some(good));
    }
    let too_long = "a".repeat(MAX_COMMON_NAME + 1);
    let bad = ["", " ", " a", "a ", "a\nb", "\x1b[31m", "a\u{202e}b", "a\u{a0}b", "a\0", SPIFFE];
    for bad in bad.into_iter().chain([too_long.as_str()]) {
        assert_eq!(of(&[], bad), None, "{bad:?}");
    }
}

#[test]
fn a_common_name_in_an_old_alphabet_is_none() {
    let name = DnValue::BmpString(BmpString::try_from("cart").unwrap());
    assert_eq!(identity(&der(&params(&[], Some(name)))), None);
}

proptest! {
    #[test]
    fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
        prop_assert_eq!(identity(&bytes), None);
    }

    /// Damaged certificates go deeper into the parser than random bytes.
    #[test]
    fn no_damaged_certificate_panics_or_has_a_name_that_cannot_be_shown(
        damage in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
        length in any::<prop::sample::Index>(),
    ) {
        static WHOLE: std::sync::LazyLock<Vec<u8>> = std::sync::LazyLock::new(|| {
            der(&params(&[uri(SPIFFE), dns("cart.example.org")], Some("cart".into())))
        });
        let mut bytes = WHOLE.clone();
        for (at, byte) in damage {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        for bytes in [&bytes[..], &bytes[..length.index(bytes.len())]] {
            let name = identity(bytes).unwrap_or_default();
            prop_assert!(name.len() <= MAX_SPIFFE_ID && !name.contains(has_effect), "{name:?}");
        }
    }

    #[test]
    fn any_common_name_is_taken_as_it_is_or_not_at_all(name in any::<String>()) {
        let taken = of(&[], &name);
        prop_assert!(taken.is_none() || taken == Some(name));
    }
}
