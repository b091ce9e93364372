//! How rules, who is limited by them, and their decisions look.

use serde::Serialize;

use super::rule::{Rule, count};
use super::tried::{Tried, named};
use crate::admin::brief::brief;
use crate::admin::page::{Cell, Page, Table};
use crate::admin::process::DecisionRow;

/// All rules.
#[derive(Serialize)]
pub(super) struct All {
    pub(super) rules: Vec<Rule>,
    pub(super) decisions: Vec<DecisionRow>,
}

/// One rule.
#[derive(Serialize)]
pub(super) struct One {
    #[serde(flatten)]
    pub(super) rule: Rule,
    pub(super) decisions: Vec<DecisionRow>,
    #[serde(rename = "whatif")]
    pub(super) tried: Option<Tried>,
}

/// The tables that have something to say.
fn tables<'a>(
    rules: impl Iterator<Item = &'a Rule>,
    last: &[DecisionRow],
) -> impl Iterator<Item = (&'static str, Table)> {
    [callers(rules), decisions(last)].into_iter().filter(|(_, table)| !table.rows.is_empty())
}

fn callers<'a>(rules: impl Iterator<Item = &'a Rule>) -> (&'static str, Table) {
    let columns = &["Rule", "Caller", "Limited", "At least", "In flight"];
    (
        "Who is being limited now",
        Table { columns, rows: rules.flat_map(Rule::caller_cells).collect() },
    )
}

fn decisions(rows: &[DecisionRow]) -> (&'static str, Table) {
    let columns = &["Ago", "Rule", "Method", "Caller", "Decision", "Reason", "From"];
    let row = |row: &DecisionRow| {
        let inputs: Vec<_> =
            row.inputs.iter().map(|(name, value)| format!("{name}={value}")).collect();
        vec![
            Cell::Short(brief(row.ago)),
            Cell::Key(row.rule.clone()),
            Cell::Key(row.method.clone()),
            named(&row.caller),
            Cell::Short(row.decision.to_owned()),
            Cell::Key(row.reason.to_owned()),
            Cell::Text(inputs.join(", ")),
        ]
    };
    ("The last decisions", Table { columns, rows: rows.iter().map(row).collect() })
}

impl Page for All {
    fn title(&self) -> &'static str {
        "Limits"
    }

    fn facts(&self) -> Vec<String> {
        if self.rules.is_empty() {
            return vec!["No limits are configured.".to_owned()];
        }
        vec![
            "A rule's own page says what another quota would have done, and a PUT there changes it.".to_owned(),
            match self.rules.iter().any(Rule::limits_somebody) {
                true => "Who is being limited now: how often a caller was refused, or would have been, in the last 10 seconds or so.",
                false => "Nobody is being limited now.",
            }
            .to_owned(),
        ]
    }

    fn table(&self) -> Table {
        let columns = &[
            "Rule", "Kind", "Calls", "Per", "Limit", "Mode", "Allowed", "Rejected", "Observed",
            "Now", "Changed",
        ];
        Table { columns, rows: self.rules.iter().map(Rule::cells).collect() }
    }

    fn more_tables(&self) -> Vec<(&'static str, Table)> {
        tables(self.rules.iter(), &self.decisions).collect()
    }
}

impl Page for One {
    fn title(&self) -> &'static str {
        "Limit"
    }

    fn facts(&self) -> Vec<String> {
        let now = &self.rule.setting;
        let mut facts = vec![format!(
            "A PUT of some of what is now {now} changes this rule, for as long as ?for=10m says, or until a DELETE."
        )];
        match (&self.tried, &self.rule.quota) {
            (Some(tried), _) => facts.push(tried.fact()),
            (None, Some(_)) => facts.push(
                "?whatif=50/s or ?whatif=50/s&burst=10 says what that would have made of the recent calls."
                    .to_owned(),
            ),
            (None, None) => {}
        }
        facts
    }

    fn table(&self) -> Table {
        let rule = &self.rule;
        let number = |number: Option<u64>| count(number).plain();
        let rows = [
            ("Rule", rule.name.clone()),
            ("Kind", rule.kind.to_owned()),
            ("Calls", rule.matches.clone()),
            ("Per", rule.per.clone()),
            ("Limit", rule.amount.clone()),
            ("Mode", rule.mode.to_owned()),
            ("Allowed", number(rule.allowed)),
            ("Rejected", number(rule.rejected)),
            ("Observed", number(rule.observed)),
            ("Now", rule.now()),
        ];
        let set_by = rule.set_by.known().map(|(name, value)| (name, value.clone()));
        let row =
            |(name, value): (&str, String)| vec![Cell::Short(name.to_owned()), Cell::Code(value)];
        let known = rows.into_iter().chain(set_by).filter(|(_, value)| !value.is_empty());
        Table { columns: &["What", "Value"], rows: known.map(row).collect() }
    }

    fn more_tables(&self) -> Vec<(&'static str, Table)> {
        let mut more = Vec::from_iter(self.tried.as_ref().map(Tried::table));
        more.extend(tables(std::iter::once(&self.rule), &self.decisions));
        more
    }
}
