//! A change of a rule, as it is asked for: `quota=50/s&burst=100&mode=observe`.

use std::num::NonZeroU32;

use rootcap_layers::{
    admission::{Malformed, Mode},
    excerpt::Excerpt,
};

use super::{Amount, LimitSetting};
use crate::config::{Auto, Rate, outside};

/// What shall change of a rule; what is absent stays as it is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct LimitChange {
    pub(crate) quota: Option<Rate>,
    pub(crate) burst: Option<Auto<NonZeroU32>>,
    /// As it was written: calls or bytes, as the rule has it.
    pub(crate) limit: Option<String>,
    pub(crate) mode: Option<Mode>,
}

impl LimitChange {
    /// The names of what can change.
    pub(crate) const FIELDS: &[&str] = &["quota", "burst", "limit", "mode"];

    /// Reads the fields that `get` finds by their names.
    ///
    /// # Errors
    /// What is wrong, and what is accepted.
    pub(crate) fn read<'a>(get: impl Fn(&str) -> Option<&'a str>) -> Result<Self, String> {
        let mode = |text: &str| {
            text.parse().map_err(|problem: Malformed| format!("expected {}", problem.accepted()))
        };
        Ok(Self {
            quota: read("quota", get("quota"), outside::rate)?,
            burst: read("burst", get("burst"), outside::auto_count)?,
            limit: get("limit").map(str::to_owned),
            mode: read("mode", get("mode"), mode)?,
        })
    }

    /// Reads a quota that is tried: `whatif=50/s&burst=10`.
    ///
    /// # Errors
    /// What is wrong, and what is accepted.
    pub(crate) fn tried(quota: &str, burst: Option<&str>) -> Result<Self, String> {
        Ok(Self {
            quota: read("whatif", Some(quota), outside::rate)?,
            burst: read("burst", burst, outside::auto_count)?,
            ..Self::default()
        })
    }

    /// What it makes of `setting`.
    ///
    /// # Errors
    /// What is wrong, and what is accepted.
    pub(crate) fn of(&self, setting: &LimitSetting) -> Result<LimitSetting, String> {
        if *self == Self::default() {
            return Err(format!("nothing to change; expected some of {setting}"));
        }
        let amount = match &setting.amount {
            Amount::Quota { quota, burst } => {
                self.no("limit", self.limit.is_some(), setting)?;
                let (quota, burst) = (self.quota.unwrap_or(*quota), self.burst.unwrap_or(*burst));
                Amount::Quota { quota, burst }
            }
            in_flight => {
                self.no("quota", self.quota.is_some(), setting)?;
                self.no("burst", self.burst.is_some(), setting)?;
                let limit = read("limit", self.limit.as_deref(), |text| limit(in_flight, text))?;
                limit.unwrap_or_else(|| in_flight.clone())
            }
        };
        Ok(LimitSetting { amount, mode: self.mode.unwrap_or(setting.mode) })
    }

    /// The rule has no such field.
    fn no(&self, field: &str, is_there: bool, setting: &LimitSetting) -> Result<(), String> {
        match is_there {
            true => Err(format!("this rule has no {field}; expected some of {setting}")),
            false => Ok(()),
        }
    }
}

/// Another limit of the same kind.
fn limit(kind: &Amount, text: &str) -> Result<Amount, String> {
    match kind {
        Amount::Bytes(_) => outside::request_bytes(text).map(Amount::Bytes),
        _ => outside::calls(text).map(Amount::Calls),
    }
}

/// The value of a field that may be absent; what is wrong is told with the field.
fn read<T>(
    name: &str,
    text: Option<&str>,
    value: impl FnOnce(&str) -> Result<T, String>,
) -> Result<Option<T>, String> {
    let told = |text, problem| format!("{name}={}: {problem}", Excerpt(text));
    text.map(|text| value(text).map_err(|problem| told(text, problem))).transpose()
}
