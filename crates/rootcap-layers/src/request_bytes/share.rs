//! [`Share`]: the hold of one body on what its call has taken of the budget.

use std::sync::Arc;

use http::{Uri, uri::PathAndQuery};

use super::{account::Account, rule::RequestBytesRule};
use crate::Call;

/// The hold of one body on what its call has taken. It is given back when the last one of the call is dropped.
#[derive(Debug)]
pub(super) struct Share {
    rule: Arc<RequestBytesRule>,
    whose: Whose,
}

/// Whose account it is. A handler may read its request in a task of its own, where no call is current.
#[derive(Debug)]
enum Whose {
    /// That of a call.
    Call(Call),
    /// One for this layer alone.
    Layer(Arc<Own>),
}

/// Where there is no [`Observe`](crate::observe::Observe) that has made a call, or the call's account is, or was, another
/// limit's, or that of an earlier attempt.
#[derive(Debug)]
struct Own {
    call: Option<Call>,
    path: Option<PathAndQuery>,
    account: Account,
}

impl Share {
    /// The first one of a call, of nothing yet.
    #[inline]
    pub(super) fn new(rule: &Arc<RequestBytesRule>, call: Option<Call>, uri: &Uri) -> Self {
        let rule = Arc::clone(rule);
        let whose = match call {
            Some(call) if call.request_bytes().open() => Whose::Call(call),
            call => Whose::Layer(Own::new(call, uri)),
        };
        Self { rule, whose }
    }

    #[inline]
    pub(super) fn account(&self) -> &Account {
        match &self.whose {
            Whose::Call(call) => call.request_bytes(),
            Whose::Layer(own) => &own.account,
        }
    }

    #[inline]
    pub(super) fn rule(&self) -> &RequestBytesRule {
        &self.rule
    }

    #[inline]
    pub(super) fn call(&self) -> Option<&Call> {
        match &self.whose {
            Whose::Call(call) => Some(call),
            Whose::Layer(own) => own.call.as_ref(),
        }
    }

    pub(super) fn path(&self) -> &str {
        match &self.whose {
            Whose::Call(call) => call.path(),
            Whose::Layer(own) => own.path.as_ref().map_or("/", PathAndQuery::path),
        }
    }
}

impl Own {
    fn new(call: Option<Call>, uri: &Uri) -> Arc<Self> {
        let account = Account::default();
        account.open();
        Arc::new(Self { call, path: uri.path_and_query().cloned(), account })
    }
}

impl Clone for Share {
    #[inline]
    fn clone(&self) -> Self {
        self.account().join();
        let whose = match &self.whose {
            Whose::Call(call) => Whose::Call(call.clone()),
            Whose::Layer(own) => Whose::Layer(Arc::clone(own)),
        };
        Self { rule: Arc::clone(&self.rule), whose }
    }
}

impl Drop for Share {
    #[inline]
    fn drop(&mut self) {
        if let Some(bytes) = self.account().leave() {
            self.rule.give_back(bytes);
        }
    }
}
