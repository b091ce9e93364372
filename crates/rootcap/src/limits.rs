//! The limits of a server, as the admin port shows and changes them. `setting.rs` says what can be changed of a rule,
//! and `change.rs` reads what shall be.

mod change;
mod rule;
mod setting;

pub(crate) use change::LimitChange;
pub(crate) use rule::{Caller, Described, Looks, Rule, WhatIf};
pub(crate) use setting::{Amount, LimitSetting};

use std::{fmt, sync::Arc, time::Duration};

use rootcap_layers::{excerpt::without_effects, limits::LastDecision};

use crate::{
    in_force::{Given, Held, InForce, Origin, Replaced},
    metrics,
    telemetry::logs::CHANGES,
};

/// A rule, its limit as it is and as it was configured.
#[derive(Clone)]
pub(crate) struct Limit {
    pub(crate) described: Described,
    held: Held<LimitSetting, LimitError>,
    rule: Arc<dyn Rule>,
}

impl Limit {
    /// `rule`, in which `setting` is in force, as configured at `source`.
    pub(crate) fn new(described: Described, setting: Given<LimitSetting>, rule: impl Rule) -> Self {
        let rule: Arc<dyn Rule> = Arc::new(rule);
        let set = Arc::clone(&rule);
        let held = Held::new(InForce::configured(setting), move |setting| set.set(setting));
        Self { described, held, rule }
    }

    /// The limit in force.
    pub(crate) fn state(&self) -> InForce<LimitSetting> {
        self.held.state()
    }

    /// What it has done, and does now.
    pub(crate) fn looks(&self) -> Looks {
        self.rule.looks()
    }

    /// Ends every change when its time is over, and tells it to the log. For a runtime that is never blocked.
    pub(crate) async fn end_changes(self) {
        let rule = &*self.described.name;
        loop {
            match self.held.expired().await {
                Ok(Replaced { old, new }) => tracing::info!(
                    target: CHANGES, what = "limit", rule, %old, %new, "the time of a change is over"
                ),
                Err(error) => {
                    tracing::warn!(target: CHANGES, what = "limit", rule, %error, "a change does not end");
                    return;
                }
            }
        }
    }
}

/// All limits of a server, and their last decisions.
#[derive(Clone)]
pub(crate) struct Limits {
    limits: Arc<[Limit]>,
    decisions: Arc<dyn Fn() -> Vec<(Duration, LastDecision)> + Send + Sync>,
}

impl Limits {
    /// `decisions` tells the last ones of `limits`, and how long ago each was; the latest first.
    pub(crate) fn new(
        limits: impl IntoIterator<Item = Limit>,
        decisions: impl Fn() -> Vec<(Duration, LastDecision)> + Send + Sync + 'static,
    ) -> Self {
        Self { limits: limits.into_iter().collect(), decisions: Arc::new(decisions) }
    }

    /// Records what is in flight, for a scrape.
    pub(crate) fn record(&self) {
        for limit in self.iter() {
            let (rule, looks) = (limit.described.name.to_string(), limit.looks());
            if let Some(most) = limit.state().current().value.most_in_flight() {
                metrics::limit_max(rule.clone()).set(most as f64);
            }
            if let Some(in_flight) = looks.in_flight {
                metrics::limit_in_flight(rule.clone()).set(in_flight as f64);
            }
            if let Some(queued) = looks.queued {
                metrics::limit_queue_length(rule).set(queued as f64);
            }
        }
    }

    /// One after another, in the order of the settings.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Limit> {
        self.limits.iter()
    }

    /// The last decisions that were not plain admissions, and how long ago they were made; the latest first.
    pub(crate) fn decisions(&self) -> Vec<(Duration, LastDecision)> {
        (self.decisions)()
    }

    /// Changes a rule, for some time or until somebody says otherwise.
    ///
    /// # Errors
    /// When there is no such rule, or the change is none that it can take.
    pub(crate) fn change(
        &self,
        rule: &str,
        change: &LimitChange,
        peer: Option<String>,
        lasts: Option<Duration>,
    ) -> Result<Replaced<LimitSetting>, LimitError> {
        let changed = |setting: &LimitSetting| change.of(setting).map_err(LimitError::Refused);
        self.find(rule)?.held.change(changed, Origin::Peer(peer), lasts)
    }

    /// Puts what is configured of a rule into force again.
    ///
    /// # Errors
    /// When there is no such rule.
    pub(crate) fn restore(&self, rule: &str) -> Result<Replaced<LimitSetting>, LimitError> {
        self.find(rule)?.held.fall_back()
    }

    /// What another quota would have made of the recent calls; as many at once as it has now, if `burst` does not say.
    ///
    /// # Errors
    /// When there is no such rule, or it is not of rates.
    pub(crate) fn what_if(&self, rule: &str, asked: &LimitChange) -> Result<WhatIf, LimitError> {
        let limit = self.find(rule)?;
        let setting = asked.of(&limit.state().current().value).map_err(LimitError::Refused)?;
        let Amount::Quota { quota, .. } = setting.amount else {
            return Err(LimitError::Refused("only a rule of rates has a quota".to_owned()));
        };
        let burst = setting.burst().unwrap_or(quota.count());
        let none = || LimitError::Fixed("the recent calls of this rule are not kept".to_owned());
        limit.rule.what_if(quota, burst.get()).ok_or_else(none)
    }

    fn find(&self, name: &str) -> Result<&Limit, LimitError> {
        let known = || self.iter().map(|limit| limit.described.name.to_string()).collect();
        let found = self.iter().find(|limit| &*limit.described.name == name);
        found.ok_or_else(|| LimitError::Unknown { known: known() })
    }
}

/// Why a limit cannot be changed, or asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum LimitError {
    /// There is no such rule.
    Unknown {
        /// Those there are.
        known: Vec<String>,
    },
    /// What is asked for is wrong: what, and what is accepted.
    Refused(String),
    /// What is asked for is right, but not to be had.
    Fixed(String),
}

impl fmt::Display for LimitError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown { known } if known.is_empty() => f.write_str("no limits are configured"),
            Self::Unknown { known } => {
                let known = without_effects(&known.join(", ")).into_owned();
                write!(f, "there is no such rule; those there are: {known}")
            }
            Self::Refused(problem) | Self::Fixed(problem) => f.write_str(problem),
        }
    }
}
