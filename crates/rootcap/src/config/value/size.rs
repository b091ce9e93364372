//! Sizes in bytes: `"4MiB"`, `"512KiB"`, `65536`.

use std::fmt;

use super::{Problems, Value, deserialize, ranged};

/// The units, largest first, as the power of two that each is.
const UNITS: [(&str, u32); 4] = [("TiB", 40), ("GiB", 30), ("MiB", 20), ("KiB", 10)];

/// A size in bytes.
///
/// In settings it is written as `"4MiB"` (`KiB`, `MiB`, `GiB` or `TiB`), or as a plain number of bytes.
///
/// ```
/// use rootcap::config::Size;
///
/// assert_eq!(Size::mib(4), Size::bytes(4 * 1024 * 1024));
/// assert_eq!(Size::kib(512).to_string(), "512KiB");
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Size(u64);

impl Size {
    /// So many bytes.
    pub const fn bytes(bytes: u64) -> Self {
        Self(bytes)
    }

    /// So many times 1024 bytes; the largest size there is where that is too much.
    pub const fn kib(count: u64) -> Self {
        Self(count.saturating_mul(1 << 10))
    }

    /// So many times 1024 KiB; the largest size there is where that is too much.
    pub const fn mib(count: u64) -> Self {
        Self(count.saturating_mul(1 << 20))
    }

    /// The size in bytes.
    pub const fn as_u64(self) -> u64 {
        self.0
    }

    /// The size in bytes, or the greatest `u32` where it is greater.
    pub fn as_u32(self) -> u32 {
        u32::try_from(self.0).unwrap_or(u32::MAX)
    }

    /// The size in bytes, or the greatest `usize` where it is greater.
    pub fn as_usize(self) -> usize {
        usize::try_from(self.0).unwrap_or(usize::MAX)
    }

    /// The largest unit that divides the size without a rest.
    fn unit(self) -> Option<(&'static str, u32)> {
        let divides = |(_, shift): &(&str, u32)| self.0 != 0 && self.0.trailing_zeros() >= *shift;
        UNITS.into_iter().find(divides)
    }

    fn parse(text: &str) -> Option<Self> {
        let unit = UNITS.into_iter().find(|(name, _)| text.ends_with(name));
        let (name, shift) = unit.unwrap_or(("", 0));
        let digits = text.strip_suffix(name)?;
        if !digits.bytes().all(|b| b.is_ascii_digit()) {
            return None;
        }
        digits.parse::<u64>().ok()?.checked_mul(1 << shift).map(Self)
    }
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.unit() {
            Some((name, shift)) => write!(f, "{}{name}", self.0 >> shift),
            None => write!(f, "{}", self.0),
        }
    }
}

impl Value for Size {
    fn accepts() -> String {
        r#"a size such as "512KiB" or "4MiB", or a number of bytes"#.to_owned()
    }

    fn from_text(text: &str) -> Result<Self, Problems> {
        Self::parse(text).ok_or_else(Problems::plain)
    }

    fn from_toml(value: &toml::Value) -> Result<Self, Problems> {
        match value {
            toml::Value::String(text) => Self::from_text(text),
            toml::Value::Integer(bytes) => {
                u64::try_from(*bytes).map(Self).map_err(|_| Problems::plain())
            }
            _ => Err(Problems::plain()),
        }
    }

    fn to_toml(&self) -> toml::Value {
        match i64::try_from(self.0) {
            Ok(bytes) if self.unit().is_none() => bytes.into(),
            _ => self.to_string().into(),
        }
    }
}

ranged!(Size);
deserialize!(Size);
