//! The layer.

use std::{num::NonZeroU64, sync::Arc, time::Duration};

use tower_layer::Layer;

use super::{
    POLICY, RequestBytes,
    rule::{RequestBytesRule, RequestBytesState},
};
use crate::{
    admission::{Mode, ShedCode},
    limits::{LastDecision, TopCaller},
};

/// Limits the bytes of requests in flight. See the [module](super).
#[derive(Debug, Clone)]
pub struct RequestBytesLayer {
    /// `None` if there is no limit.
    rule: Option<Arc<RequestBytesRule>>,
}

impl RequestBytesLayer {
    /// At most `limit` bytes at a time.
    pub fn new(limit: NonZeroU64) -> Self {
        Self::with_rule(POLICY, limit, Mode::Enforce, ShedCode::default())
    }

    /// The same under another name, in this mode, and with this status for calls that are refused.
    pub fn with_rule(
        name: impl Into<Arc<str>>,
        limit: NonZeroU64,
        mode: Mode,
        code: ShedCode,
    ) -> Self {
        let rule = RequestBytesRule::new(name.into(), limit.get(), mode, code);
        Self { rule: Some(Arc::new(rule)) }
    }

    /// Any number of bytes: for a stack whose type is the same with a limit and without.
    pub fn unlimited() -> Self {
        Self { rule: None }
    }

    /// The limit as it is now; `None` if there is none.
    pub fn state(&self) -> Option<RequestBytesState> {
        self.rule.as_ref().map(|rule| rule.state())
    }

    /// The last calls that were refused, cut, or would have been, and how long ago that was; the latest first.
    pub fn last_decisions(&self) -> Vec<(Duration, LastDecision)> {
        self.rule.as_ref().map(|rule| rule.last_decisions()).unwrap_or_default()
    }

    /// The callers whose calls were refused, cut, or would have been, most lately, by their address.
    pub fn top_callers(&self, most: usize) -> Vec<TopCaller> {
        self.rule.as_ref().map(|rule| rule.top_callers(most)).unwrap_or_default()
    }

    /// Changes the limit, if there is one. What is in flight stays.
    pub fn change(&self, limit: NonZeroU64, mode: Mode) {
        if let Some(rule) = &self.rule {
            rule.set(limit.get(), mode);
        }
    }
}

impl<S> Layer<S> for RequestBytesLayer {
    type Service = RequestBytes<S>;

    fn layer(&self, inner: S) -> Self::Service {
        RequestBytes::new(self.rule.clone(), inner)
    }
}
