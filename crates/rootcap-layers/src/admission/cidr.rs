//! [`Cidr`] and [`TrustedProxies`]: the addresses of proxies, whose word about a caller's address is taken.

use std::{fmt, net::IpAddr, str::FromStr, sync::Arc};

use super::Malformed;

/// A range of addresses, such as `10.0.0.0/8` or `fd00::/8`; an address alone is a range of one.
///
/// ```
/// use rootcap_layers::admission::Cidr;
///
/// let range: Cidr = "10.0.0.0/8".parse().unwrap();
/// assert!(range.contains("10.1.2.3".parse().unwrap()));
/// assert!(!range.contains("11.1.2.3".parse().unwrap()));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Cidr {
    first: IpAddr,
    prefix: u8,
}

impl Cidr {
    /// Whether `address` is in the range. An IPv4 address within IPv6 (`::ffff:10.1.2.3`) counts as IPv4.
    pub fn contains(&self, address: IpAddr) -> bool {
        match (self.first, address.to_canonical()) {
            (IpAddr::V4(first), IpAddr::V4(address)) => {
                (u32::from(first) ^ u32::from(address)).leading_zeros() >= self.prefix.into()
            }
            (IpAddr::V6(first), IpAddr::V6(address)) => {
                (u128::from(first) ^ u128::from(address)).leading_zeros() >= self.prefix.into()
            }
            _ => false,
        }
    }

    /// How many bits an address of this kind has, and how many zeros it ends in.
    fn bits(address: IpAddr) -> (u8, u32) {
        match address {
            IpAddr::V4(address) => (32, u32::from(address).trailing_zeros()),
            IpAddr::V6(address) => (128, u128::from(address).trailing_zeros()),
        }
    }
}

impl FromStr for Cidr {
    type Err = Malformed;

    fn from_str(text: &str) -> Result<Self, Malformed> {
        const ACCEPTED: &str =
            "an address or a range of addresses, such as \"10.0.0.0/8\" or \"fd00::/8\"";
        let malformed = |wrong| Malformed::new(text, wrong, ACCEPTED);
        let (address, prefix) = match text.split_once('/') {
            Some((address, prefix)) => (address, Some(prefix)),
            None => (text, None),
        };
        let first: IpAddr = address.parse().map_err(|_| malformed("begins with no address"))?;
        if first.to_canonical() != first {
            return Err(malformed("is IPv4 within IPv6, which counts as IPv4: write it so"));
        }
        let (bits, zeros) = Self::bits(first);
        let prefix = match prefix {
            None => bits,
            Some(prefix) if prefix.bytes().all(|b| b.is_ascii_digit()) => {
                let prefix = prefix.parse().ok().filter(|prefix| *prefix <= bits);
                prefix
                    .ok_or_else(|| malformed("has no prefix, or a longer one than the address"))?
            }
            Some(_) => return Err(malformed("has a prefix that is no number")),
        };
        if zeros < u32::from(bits - prefix) {
            return Err(malformed("has an address with bits after the prefix"));
        }
        Ok(Self { first, prefix })
    }
}

impl fmt::Display for Cidr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.first, self.prefix)
    }
}

/// The proxies whose word about a caller's address is taken. Clones share the list.
#[derive(Debug, Clone, Default)]
pub struct TrustedProxies(Option<Arc<[Cidr]>>);

impl TrustedProxies {
    /// Whether there are none.
    #[inline]
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    /// Whether this address is one of theirs.
    #[inline]
    pub fn contains(&self, address: IpAddr) -> bool {
        self.0.as_ref().is_some_and(|ranges| ranges.iter().any(|range| range.contains(address)))
    }
}

impl FromIterator<Cidr> for TrustedProxies {
    fn from_iter<I: IntoIterator<Item = Cidr>>(ranges: I) -> Self {
        let ranges: Arc<[Cidr]> = ranges.into_iter().collect();
        Self((!ranges.is_empty()).then_some(ranges))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use std::net::{Ipv4Addr, Ipv6Addr};

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_is_read_is_written_again() {
        for text in ["10.0.0.0/8", "0.0.0.0/0", "192.0.2.1/32", "fd00::/8", "::/0", "::1/128"] {
            assert_eq!(text.parse::<Cidr>().unwrap().to_string(), text);
        }
        assert_eq!("::1".parse::<Cidr>().unwrap().to_string(), "::1/128");
        assert_eq!("127.0.0.1".parse::<Cidr>().unwrap().to_string(), "127.0.0.1/32");
    }

    #[test]
    fn what_is_no_range_is_an_error_that_says_what_is() {
        let table = [
            ("", "begins with no address"),
            ("proxy.example.org", "begins with no address"),
            ("10.0.0/8", "begins with no address"),
            ("10.0.0.0/", "no prefix"),
            ("10.0.0.0/33", "a longer one"),
            ("::/129", "a longer one"),
            ("10.0.0.0/+8", "no number"),
            ("10.0.0.0/8/8", "no number"),
            ("10.0.0.1/8", "bits after the prefix"),
            ("0.0.0.1/0", "bits after the prefix"),
            ("fd00::1/64", "bits after the prefix"),
            ("::ffff:10.0.0.0/104", "counts as IPv4"),
        ];
        for (text, said) in table {
            let error = text.parse::<Cidr>().unwrap_err().to_string();
            assert!(error.starts_with(&format!("`{text}` ")) && error.contains(said), "{error}");
            assert!(error.contains("accepted: an address or a range"), "{error}");
        }
    }

    #[test]
    fn an_address_is_of_one_kind() {
        let all: [Cidr; 2] = ["0.0.0.0/0".parse().unwrap(), "::/0".parse().unwrap()];
        let contained = |address: &str| all.map(|range| range.contains(address.parse().unwrap()));
        assert_eq!(contained("192.0.2.1"), [true, false]);
        assert_eq!(contained("::ffff:192.0.2.1"), [true, false]);
        assert_eq!(contained("2001:db8::1"), [false, true]);
    }

    proptest! {
        /// A range has the addresses that begin with its bits.
        #[test]
        fn as_written_in_binary(first: u128, address: u128, prefix in 0usize..=128) {
            let kept = |bits: String| format!("{:0<len$}", &bits[..prefix.min(bits.len())], len = bits.len());
            for (width, ranges) in [(32, 32.min(prefix)), (128, prefix)] {
                let binary = |value: u128| format!("{:0width$b}", if width == 32 { value & 0xffff_ffff } else { value });
                let ip = |binary: String| match width {
                    32 => IpAddr::from(Ipv4Addr::from(u32::from_str_radix(&binary, 2).unwrap())),
                    _ => IpAddr::from(Ipv6Addr::from(u128::from_str_radix(&binary, 2).unwrap())),
                };
                let base = ip(kept(binary(first)));
                prop_assume!(base.to_canonical() == base);
                let range: Cidr = format!("{base}/{ranges}").parse().unwrap();
                // One that differs somewhere behind, and one that may differ anywhere.
                let inside = format!("{}{}", &binary(first)[..ranges], &binary(address)[ranges..]);
                for other in [inside, binary(address)] {
                    let expected = other[..ranges] == binary(first)[..ranges];
                    let other = ip(other);
                    prop_assume!(other.to_canonical() == other);
                    prop_assert_eq!(range.contains(other), expected);
                }
            }
        }
    }
}
