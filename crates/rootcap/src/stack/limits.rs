//! The limits as the admin port sees and changes them.

use std::{sync::Arc, time::SystemTime};

use rootcap_layers::{
    admission::{Match, Mode, Per},
    concurrency,
};
use tokio::time::Instant;

use super::Layers;
use crate::{
    config::{Loaded, Rate},
    in_force::{Given, Origin},
    limits::{Amount, Described, Limit, LimitError, LimitSetting, Limits, Looks, Rule, WhatIf},
};

impl Layers {
    /// The rules that are in force, as they are configured.
    pub(crate) fn limits(&self, loaded: &Loaded) -> Limits {
        let settings = &loaded.config.limits;
        let configured = |key: &str, amount| {
            let source = Origin::Settings(loaded.sources.of(key).to_string());
            Given::new(LimitSetting { amount, mode: Mode::Enforce }, source, SystemTime::now())
        };
        let calls = settings.concurrency.zip(self.concurrency.limit()).map(|(max, limit)| {
            let setting = configured("limits.concurrency", Amount::Calls(max));
            Limit::new(of_all("limits.concurrency", "concurrency"), setting, Calls(limit.clone()))
        });
        let rate = settings.rate.map(|quota| {
            let amount = Amount::Quota { quota, burst: settings.rate_burst };
            Limit::new(of_all("limits.rate", "rate"), configured("limits.rate", amount), Rates)
        });
        Limits::new(calls.into_iter().chain(rate), Arc::default(), Instant::now())
    }
}

/// A rule about all calls together.
fn of_all(name: &str, kind: &'static str) -> Described {
    let (matches, per) = (Match::ALL.to_string(), Per::All.to_string());
    Described { name: Arc::from(name), kind, matches, per }
}

/// The limit of calls in flight.
struct Calls(concurrency::Limit);

impl Rule for Calls {
    fn looks(&self) -> Looks {
        Looks { in_flight: Some(self.0.in_flight() as u64), ..Looks::default() }
    }

    fn set(&self, _: &LimitSetting) -> Result<(), LimitError> {
        Err(fixed())
    }

    fn what_if(&self, _: Rate, _: u32) -> Option<WhatIf> {
        None
    }
}

/// The limit of calls in a time.
struct Rates;

impl Rule for Rates {
    fn looks(&self) -> Looks {
        Looks::default()
    }

    fn set(&self, _: &LimitSetting) -> Result<(), LimitError> {
        Err(fixed())
    }

    fn what_if(&self, _: Rate, _: u32) -> Option<WhatIf> {
        None
    }
}

fn fixed() -> LimitError {
    LimitError::Fixed("this rule cannot be changed while the process runs".to_owned())
}
