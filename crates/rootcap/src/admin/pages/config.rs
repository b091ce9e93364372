//! `/debug/config`: the settings in effect, and where each came from.

use axum::response::Response;
use http::request::Parts;
use serde::Serialize;

use crate::admin::negotiate::{Format, answer_query};
use crate::admin::page::{Cell, Page, Table};
use crate::admin::process::ConfigRow;
use crate::admin::routes::Admin;
use crate::tls;

/// Lists the settings; secrets were hidden before they came here.
pub(in crate::admin) fn show(admin: &Admin, parts: &Parts) -> Response {
    answer_query(parts, Format::Text, &[], |_| {
        Ok(Config { settings: admin.process.config(), tls: admin.process.tls() })
    })
}

#[derive(Serialize)]
struct Config {
    settings: Vec<ConfigRow>,
    /// What the files of TLS held when they were last good.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tls: Vec<tls::Status>,
}

/// A line on the certificate in use, and one on what keeps a newer one from being used.
fn tls_facts(status: &tls::Status) -> Vec<String> {
    let tls::Status { port, subject, serial, not_after, days_left, loaded, error, error_since } =
        status;
    let mut facts = vec![format!(
        "TLS of the {port} port: {subject}, serial {serial}, valid until {not_after} ({days_left} days), loaded {loaded}"
    )];
    if let (Some(error), Some(since)) = (error, error_since) {
        facts.push(format!("TLS of the {port} port: not reloaded since {since}: {error}"));
    }
    facts
}

impl Page for Config {
    fn title(&self) -> &'static str {
        "Settings"
    }

    fn facts(&self) -> Vec<String> {
        self.tls.iter().flat_map(tls_facts).collect()
    }

    fn table(&self) -> Table {
        let row = |row: &ConfigRow| {
            vec![
                Cell::Key(row.key.clone()),
                Cell::Code(row.value.clone()),
                Cell::Key(row.source.clone()),
                Cell::Text(row.doc.clone()),
            ]
        };
        let columns = &["Key", "Value", "Source", "What it does"];
        Table { columns, rows: self.settings.iter().map(row).collect() }
    }
}
