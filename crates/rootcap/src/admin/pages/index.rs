//! `/` and `/debug/`: what pages there are, from the table of routes itself.

use axum::response::Response;
use http::request::Parts;
use serde::Serialize;

use crate::admin::guard::Access;
use crate::admin::negotiate::{Format, answer_query};
use crate::admin::page::{Cell, Page, Table};
use crate::admin::path::has_parameter;
use crate::admin::routes::Admin;

/// One route, as the index lists it.
#[derive(Debug, Clone, Serialize)]
pub(in crate::admin) struct Entry {
    pub(in crate::admin) method: String,
    pub(in crate::admin) path: &'static str,
    pub(in crate::admin) access: &'static str,
    pub(in crate::admin) description: &'static str,
}

impl Entry {
    /// What the index calls `access`.
    pub(in crate::admin) fn access(access: Access) -> &'static str {
        match access {
            Access::Public => "public",
            Access::Guarded => "guarded",
        }
    }
}

/// Lists the routes at and below the path that was asked for.
pub(in crate::admin) fn show(admin: &Admin, parts: &Parts) -> Response {
    let below = parts.uri.path();
    let listed = admin.index.iter().filter(|entry| entry.path.starts_with(below));
    let title = if below == "/" { "Admin port" } else { "Debug pages" };
    answer_query(parts, Format::Text, &[], |_| {
        Ok(Index { title, pages: listed.cloned().collect() })
    })
}

#[derive(Serialize)]
struct Index {
    #[serde(skip)]
    title: &'static str,
    pages: Vec<Entry>,
}

impl Page for Index {
    fn title(&self) -> &'static str {
        self.title
    }

    fn facts(&self) -> Vec<String> {
        vec!["Guarded pages need the token or, where none is set, a local peer.".to_owned()]
    }

    fn table(&self) -> Table {
        let row = |entry: &Entry| {
            // A link is a GET; what changes something is not to be followed by a click.
            let is_link = entry.method == "GET" && !has_parameter(entry.path);
            let path = match (is_link, entry.path.to_owned()) {
                (true, path) => Cell::Link { to: path.clone(), text: path },
                (false, path) => Cell::Short(path),
            };
            let texts = [entry.method.as_str(), entry.access, entry.description];
            let [method, access, description] = texts.map(|text| Cell::Text(text.to_owned()));
            vec![path, method, access, description]
        };
        let columns = &["Path", "Method", "Access", "What it shows"];
        Table { columns, rows: self.pages.iter().map(row).collect() }
    }
}
