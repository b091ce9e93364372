//! `/debug/limits`: the rules, one rule, what it would have done, and changing it. `view.rs` is how
//! they look.

mod rule;
mod tried;
mod view;

use std::time::{Duration, SystemTime};

use axum::response::{IntoResponse, Response};
use http::StatusCode;
use http::request::Parts;

use self::rule::Rule;
use self::tried::Tried;
use self::view::{All, One};
use crate::admin::asked::{by, lasts, no_parameters, refused};
use crate::admin::change::Change;
use crate::admin::fields::Fields;
use crate::admin::negotiate::{Format, answer, answer_query};
use crate::admin::path::parameter;
use crate::admin::process::{Controls, LimitRow};
use crate::admin::routes::Admin;
use crate::admin::text::Refusal;
use crate::in_force::Replaced;
use crate::limits::{LimitChange, LimitError, LimitSetting};

/// Shows all rules.
pub(in crate::admin) fn show(admin: &Admin, parts: &Parts) -> Response {
    answer_query(parts, Format::Json, &[], |_| {
        let limits = admin.process.limits();
        let now = SystemTime::now();
        let rules = limits.rules.into_iter().map(|row| Rule::of(row, now)).collect();
        Ok(All { rules, decisions: limits.decisions })
    })
}

/// Shows one rule, and what another quota would have done.
pub(in crate::admin) fn show_rule(admin: &Admin, parts: &Parts) -> Response {
    answer_query(parts, Format::Json, &["whatif", "burst"], |fields| {
        let rule = parameter(parts);
        let tried = tried(admin, rule, fields)?;
        Ok(one(admin, rule, tried)?)
    })
}

/// What is asked about the recent calls, if anything is.
fn tried(admin: &Admin, rule: &str, fields: &Fields<'_>) -> Result<Option<Tried>, LimitError> {
    let Some(quota) = fields.get("whatif") else {
        return match fields.get("burst") {
            Some(_) => Err(LimitError::Refused("burst goes with a whatif".to_owned())),
            None => Ok(None),
        };
    };
    let change = LimitChange::tried(quota, fields.get("burst")).map_err(LimitError::Refused)?;
    let what_if = admin.process.what_if(rule, &change)?;
    Ok(Some(Tried::new(&change, what_if)))
}

/// Changes a rule as the body says, for as long as the query's `for` says.
pub(in crate::admin) fn change(
    admin: &Admin,
    controls: &dyn Controls,
    parts: &Parts,
    body: &[u8],
) -> Response {
    let asked = lasts(parts.uri.query().unwrap_or_default(), None)
        .and_then(|lasts| Ok((lasts, asked_for(body)?)));
    let (lasts, change) = match asked {
        Ok(asked) => asked,
        Err(problem) => return refused(&problem),
    };
    let rule = parameter(parts);
    answer_of(controls.change_limit(rule, &change, by(parts), lasts), lasts, admin, parts)
}

fn asked_for(body: &[u8]) -> Result<LimitChange, String> {
    const SUCH_AS: &str = "expected some of quota=50/s&burst=100&limit=20&mode=observe";
    let text = str::from_utf8(body).map_err(|_| format!("the body is not UTF-8; {SUCH_AS}"))?;
    let fields = Fields::read(text.trim(), LimitChange::FIELDS)?;
    LimitChange::read(|name| fields.get(name))
}

/// Puts what is configured of a rule into force again.
pub(in crate::admin) fn restore(
    admin: &Admin,
    controls: &dyn Controls,
    parts: &Parts,
    _body: &[u8],
) -> Response {
    if let Err(problem) = no_parameters(parts) {
        return refused(problem);
    }
    answer_of(controls.restore_limit(parameter(parts)), None, admin, parts)
}

/// The rule as it is after the change; or why there was none.
fn answer_of(
    result: Result<Replaced<LimitSetting>, LimitError>,
    lasts: Option<Duration>,
    admin: &Admin,
    parts: &Parts,
) -> Response {
    let shown = result.and_then(|replaced| Ok((replaced, one(admin, parameter(parts), None)?)));
    match shown {
        Ok((Replaced { old, new }, page)) => {
            let (old, new) = (old.to_string(), new.to_string());
            let mut response = answer(parts, Format::Json, &page);
            response.extensions_mut().insert(Change { what: "limit", old, new, lasts });
            response
        }
        Err(error) => {
            let Refusal { status, problem } = error.into();
            Refusal { status, problem: format!("{problem}\nNothing was changed.") }.into_response()
        }
    }
}

/// The page of a rule.
fn one(admin: &Admin, name: &str, tried: Option<Tried>) -> Result<One, LimitError> {
    let limits = admin.process.limits();
    let known = || limits.rules.iter().map(|row| row.described.name.to_string()).collect();
    let is_it = |row: &&LimitRow| &*row.described.name == name;
    let Some(row) = limits.rules.iter().find(is_it) else {
        return Err(LimitError::Unknown { known: known() });
    };
    let rule = Rule::of(row.clone(), SystemTime::now());
    let mut decisions = limits.decisions;
    decisions.retain(|decision| decision.rule == name);
    Ok(One { rule, decisions, tried })
}

impl From<LimitError> for Refusal {
    fn from(error: LimitError) -> Self {
        let status = match error {
            LimitError::Unknown { .. } => StatusCode::NOT_FOUND,
            LimitError::Refused(_) => StatusCode::BAD_REQUEST,
            LimitError::Fixed(_) => StatusCode::CONFLICT,
        };
        Self { status, problem: error.to_string() }
    }
}
