//! What the loader, the errors and the listings promise, one test per sentence.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod embedding;
mod environment;
mod example;
mod listing;
mod loading;
mod mistakes;
mod rules;
mod secrets;

use super::*;

/// No variables.
const NONE: [(&str, &str); 0] = [];

fn from_file(text: &str) -> Result<Loaded, ConfigErrors> {
    Config::load_from(Some(("rootcap.toml", text)), NONE)
}

fn from_vars<const N: usize>(vars: [(&str, &str); N]) -> Result<Loaded, ConfigErrors> {
    Config::load_from(None, vars)
}

/// The lines of the errors.
fn errors(result: Result<Loaded, ConfigErrors>) -> Vec<String> {
    let errors = result.unwrap_err().to_string();
    errors.lines().map(str::to_owned).collect()
}
