//! Rates: `"100/s"`, `"30/m"`, `"5/10s"`.

use std::fmt;
use std::num::NonZeroU32;
use std::time::Duration;

use super::{Problems, Value, deserialize, duration};

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);

/// So many of something in so much time.
///
/// In settings it is written as `"100/s"`, `"30/m"` or `"1000/h"`, or with any duration: `"5/10s"`.
///
/// ```
/// use std::{num::NonZeroU32, time::Duration};
/// use rootcap::config::Rate;
///
/// let count = NonZeroU32::new(5).expect("it is not zero");
/// assert_eq!(Rate::new(count, Duration::from_secs(1)).expect("a rate").to_string(), "5/s");
/// assert_eq!(Rate::new(count, Duration::ZERO), None);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Rate {
    count: NonZeroU32,
    per: Duration,
}

impl Rate {
    /// The longest time over which a rate can be stated: a day.
    pub const MAX_PER: Duration = Duration::from_secs(24 * 3600);

    /// `count` in every `per`.
    ///
    /// `None` if `per` is longer than a day, or if that makes more than one in a nanosecond (so `per` is not zero).
    pub const fn new(count: NonZeroU32, per: Duration) -> Option<Self> {
        let valid =
            per.as_nanos() <= Self::MAX_PER.as_nanos() && per.as_nanos() >= count.get() as u128;
        if valid { Some(Self { count, per }) } else { None }
    }

    /// How many.
    pub const fn count(self) -> NonZeroU32 {
        self.count
    }

    /// In how much time.
    pub const fn per(self) -> Duration {
        self.per
    }

    fn parse(text: &str) -> Option<Self> {
        let (count, per) = text.split_once('/')?;
        if !count.bytes().all(|b| b.is_ascii_digit()) {
            return None;
        }
        let per = match per {
            "s" => SECOND,
            "m" => MINUTE,
            "h" => HOUR,
            other => duration::parse(other)?,
        };
        Self::new(count.parse().ok()?, per)
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.per {
            SECOND => write!(f, "{}/s", self.count),
            MINUTE => write!(f, "{}/m", self.count),
            HOUR => write!(f, "{}/h", self.count),
            per => write!(f, "{}/{}", self.count, duration::render(per)),
        }
    }
}

impl Value for Rate {
    fn accepts() -> String {
        r#"a rate such as "100/s", "30/m", "1000/h" or "5/10s", of at least 1 call"#.to_owned()
    }

    fn from_text(text: &str) -> Result<Self, Problems> {
        Self::parse(text).ok_or_else(Problems::plain)
    }

    fn to_toml(&self) -> toml::Value {
        self.to_string().into()
    }
}

deserialize!(Rate);
