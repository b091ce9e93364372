//! Whom a certificate names: nobody, or a name that is bounded, visible, and of one of the three forms.

#![no_main]

use libfuzzer_sys::fuzz_target;
use rootcap::fuzzing::identity;
use rootcap_layers::excerpt::has_effect;

fuzz_target!(|data: &[u8]| {
    let Some(name) = identity(data) else { return };
    assert!(!name.is_empty() && name.trim() == name && !name.contains(has_effect));
    // It stands in the certificate as it is: nothing was cut, replaced or put together.
    let standing = |window: &[u8]| window.eq_ignore_ascii_case(name.as_bytes());
    assert!(data.windows(name.len()).any(standing) || !name.is_ascii(), "{name}");
    match name.split_once("://") {
        Some((scheme, id)) => {
            assert!(scheme == "spiffe" && name.len() <= 2_048 && name.is_ascii());
            let (domain, path) = id.split_once('/').expect("a path");
            assert!((1..=255).contains(&domain.len()) && !path.is_empty());
            assert!(path.split('/').all(|segment| !matches!(segment, "" | "." | "..")));
            assert!(!id.contains(['%', '?', '#', '@', ':', ' ']));
        }
        None => assert!(name.len() <= 256),
    }
});
