//! Request ids: the caller's, if acceptable, else one of ours.

use std::{cell::RefCell, fmt};

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue};

/// The metadata key of a request id, in both directions.
pub const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The longest id taken from a caller, in bytes.
pub const MAX_LEN: usize = 128;

/// Among a thousand million ids, the chance that any two are the same is one in 10^12. All that goes out with a call, its
/// lines and its response, holds its id, and HPACK compresses it anew each time: what is longer costs more.
const OWN_LEN: usize = 20;
/// Ids made at a time: they share one allocation.
const BLOCK: usize = 256;

thread_local! {
    static IDS: RefCell<Bytes> = const { RefCell::new(Bytes::new()) };
}

/// The id of a request: 1 to 128 visible ASCII characters.
///
/// ```
/// use http::HeaderMap;
/// use rootcap_layers::call::{REQUEST_ID, RequestId};
///
/// let mut headers = HeaderMap::new();
/// assert_eq!(RequestId::accept(&headers).as_str().len(), 20);
///
/// headers.insert(REQUEST_ID, "order-42".parse()?);
/// assert_eq!(RequestId::accept(&headers).as_str(), "order-42");
/// # Ok::<(), http::header::InvalidHeaderValue>(())
/// ```
#[derive(Clone)]
pub struct RequestId {
    value: HeaderValue,
    own: bool,
}

impl RequestId {
    /// The caller's `x-request-id` if it is 1 to 128 visible ASCII characters, else a new id.
    pub fn accept(headers: &HeaderMap) -> Self {
        static NAME: HeaderName = REQUEST_ID;
        Self::of(headers.get(&NAME))
    }

    /// The same of a value that has been found.
    pub(crate) fn of(sent: Option<&HeaderValue>) -> Self {
        match sent {
            Some(value) if is_acceptable(value.as_bytes()) => Self::new(value.clone(), false),
            _ => Self::random(),
        }
    }

    /// A new id: 20 digits of base 32 (`0` to `9`, `a` to `v`), 100 random bits.
    pub fn random() -> Self {
        let id = IDS.with_borrow_mut(|ids| {
            if ids.is_empty() {
                *ids = make_block();
            }
            ids.split_to(OWN_LEN)
        });
        let id = HeaderValue::from_maybe_shared(id).expect("digits are visible ASCII");
        Self::new(id, true)
    }

    /// "Sensitive" keeps a value that never comes again out of HPACK's dynamic table (RFC 7541, 7.1.3).
    fn new(mut value: HeaderValue, own: bool) -> Self {
        value.set_sensitive(true);
        Self { value, own }
    }

    /// The same id, which HPACK puts into its dynamic table: the name of its header is then sent as a number with all
    /// that follow on the same connection. For one of them: each that is put there is looked at for each that is sent.
    pub(crate) fn indexed(mut self) -> Self {
        self.value.set_sensitive(false);
        self
    }

    /// Whether it was made here: it is digits, and needs no escapes.
    pub(crate) fn is_own(&self) -> bool {
        self.own
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        self.value.to_str().expect("an id is visible ASCII")
    }

    /// The id as a header's value.
    pub fn header_value(&self) -> &HeaderValue {
        &self.value
    }
}

impl PartialEq for RequestId {
    fn eq(&self, other: &Self) -> bool {
        self.value == other.value
    }
}

impl Eq for RequestId {}

impl fmt::Debug for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("RequestId").field(&self.as_str()).finish()
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

fn is_acceptable(id: &[u8]) -> bool {
    !id.is_empty() && id.len() <= MAX_LEN && id.iter().all(u8::is_ascii_graphic)
}

fn make_block() -> Bytes {
    let mut block = [[0; 8]; OWN_LEN * BLOCK / 8];
    block.fill_with(|| eight_digits(fastrand::u64(..)));
    Bytes::copy_from_slice(block.as_flattened())
}

/// The lowest 40 bits as digits of base 32, `0` to `9` and `a` to `v`: no word is cut in two where one clicks on it, and no
/// option begins with one. All eight at once, each in a byte of its own.
fn eight_digits(bits: u64) -> [u8; 8] {
    const EACH: u64 = 0x0101_0101_0101_0101;
    let halves = (bits & 0xf_ffff) | (bits & 0xff_fff0_0000) << 12;
    let pairs = (halves & 0x3ff_0000_03ff) | (halves & 0xf_fc00_000f_fc00) << 6;
    let numbers = (pairs & 0x1f_001f_001f_001f) | (pairs & 0x3e0_03e0_03e0_03e0) << 3;
    let are_letters = ((numbers + (0x80 - 10) * EACH) >> 7) & EACH;
    let digits = numbers + u64::from(b'0') * EACH + u64::from(b'a' - b'0' - 10) * are_letters;
    digits.to_le_bytes()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use std::collections::HashSet;

    use proptest::prelude::*;

    use super::*;

    const DIGITS: &[u8; 32] = b"0123456789abcdefghijklmnopqrstuv";

    fn accept(id: &[u8]) -> RequestId {
        let mut headers = HeaderMap::new();
        if let Ok(value) = HeaderValue::from_bytes(id) {
            headers.insert(REQUEST_ID, value);
        }
        RequestId::accept(&headers)
    }

    #[test]
    fn own_ids_are_distinct_digits() {
        let ids: HashSet<String> = (0..1_000).map(|_| RequestId::random().to_string()).collect();
        assert_eq!(ids.len(), 1_000);
        let is_digit = |byte| DIGITS.contains(&byte);
        assert!(ids.iter().all(|id| id.len() == OWN_LEN && id.bytes().all(is_digit)));
        let seen: HashSet<u8> = ids.iter().flat_map(|id| id.bytes()).collect();
        assert_eq!(seen.len(), DIGITS.len(), "each place holds five random bits");
    }

    #[test]
    fn the_limits_of_an_acceptable_id() {
        let longest = "x".repeat(MAX_LEN);
        assert_eq!(accept(longest.as_bytes()).as_str(), longest);
        for refused in ["", " ", "two words", "caf\u{e9}", "\u{1b}[31m", &"x".repeat(MAX_LEN + 1)] {
            assert_ne!(accept(refused.as_bytes()).as_str(), refused);
        }
    }

    proptest! {
        #[test]
        fn digits_hold_five_bits_each(bits: u64) {
            let digit = |place: usize| DIGITS[(bits >> (5 * place)) as usize & 31];
            prop_assert_eq!(eight_digits(bits), std::array::from_fn(digit));
        }

        #[test]
        fn any_bytes_end_as_visible_ascii(id in proptest::collection::vec(any::<u8>(), 0..300)) {
            let kept = accept(&id);
            prop_assert!(is_acceptable(kept.as_str().as_bytes()));
            prop_assert_eq!(kept.as_str().as_bytes() == id.as_slice(), is_acceptable(&id));
        }
    }
}
