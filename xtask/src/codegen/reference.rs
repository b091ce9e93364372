//! The files that list all settings and all metrics, made of what the program knows of itself.
//!
//! The program is an example, and run: this package would have to compile the whole framework to ask it here.

use std::error::Error;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;

use super::Generated;
use super::markdown::{Table, cell, code, first_sentence, replace};
use crate::cargo_command;

/// The example file of settings, and the README with its tables.
///
/// # Errors
/// When the program does not compile or fails, or the README has no place for a table.
pub(super) fn files(root: &Path) -> Result<[Generated; 2], Box<dyn Error>> {
    let reference = reference()?;
    let path = root.join("README.md");
    let readme = fs::read_to_string(&path)
        .map_err(|error| format!("cannot read {}: {error}", path.display()))?;
    let readme = replace(&readme, "settings", &settings(&reference["settings"])?)?;
    let readme = replace(&readme, "metrics", &metrics(&reference["metrics"])?)?;
    let example = text(&reference, "example")?;
    Ok([
        Generated { path: root.join("rootcap.example.toml"), content: example.into() },
        Generated { path, content: readme.into() },
    ])
}

/// What the example `reference` prints.
fn reference() -> Result<Value, Box<dyn Error>> {
    // Without a package: with the features of a plain `cargo test`, which has then compiled all of it.
    let mut command: Command = cargo_command(&["run", "--quiet", "--example", "reference"]);
    let output = command.stderr(Stdio::inherit()).output()?;
    if !output.status.success() {
        return Err(format!("the example `reference` ended with {}", output.status).into());
    }
    Ok(serde_json::from_slice(&output.stdout)?)
}

fn settings(settings: &Value) -> Result<String, String> {
    let mut table = Table::new(["setting", "default", "what it does"]);
    let mut section = "";
    for setting in rows(settings)? {
        let key = text(setting, "key")?;
        let within = key.rsplit_once('.').map_or("", |(within, _)| within);
        if within != section {
            table.row([format!("**{within}**"), String::new(), cell(text(setting, "about")?)]);
            section = within;
        }
        let does = cell(first_sentence(text(setting, "doc")?));
        table.row([code(key), code(text(setting, "default")?), does]);
    }
    Ok(table.into_text())
}

fn metrics(metrics: &Value) -> Result<String, String> {
    let mut table = Table::new(["metric", "type", "labels", "what it says"]);
    for metric in rows(metrics)? {
        let labels = rows(&metric["labels"])?.iter().filter_map(Value::as_str).map(code);
        table.row([
            code(text(metric, "name")?),
            text(metric, "kind")?.to_owned(),
            labels.collect::<Vec<_>>().join(", "),
            cell(text(metric, "help")?),
        ]);
    }
    Ok(table.into_text())
}

fn rows(value: &Value) -> Result<&[Value], String> {
    value.as_array().map(Vec::as_slice).ok_or_else(|| format!("not a list: {value}"))
}

fn text<'a>(value: &'a Value, key: &str) -> Result<&'a str, String> {
    value[key].as_str().ok_or_else(|| format!("no `{key}` in {value}"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn tables_have_a_row_for_each() {
        let setting = json!([{"key": "a.b", "default": "\"off\"", "doc": "What. More of it.", "about": "All of a."}]);
        let table = settings(&setting).expect("a setting");
        assert!(
            table.ends_with("| **a** |  | All of a. |\n| `a.b` | `\"off\"` | What. |\n"),
            "{table}"
        );

        let metric =
            json!([{"name": "a_total", "kind": "counter", "labels": ["b", "c"], "help": "A|B."}]);
        let table = metrics(&metric).expect("a metric");
        assert!(table.ends_with("| `a_total` | counter | `b`, `c` | A\\|B. |\n"), "{table}");

        assert!(settings(&json!([{"key": "a.b"}])).is_err());
        assert!(metrics(&json!("none")).is_err());
    }
}
