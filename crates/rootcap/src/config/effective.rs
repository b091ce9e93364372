//! Shows the settings that are in effect, and where each came from.

use std::collections::BTreeMap;

use serde::Serialize;

use super::environment::variable;
use super::loaded::Loaded;
use super::schema::Section;
use super::source::Sources;

/// A setting as it is shown to people. Values are as in a TOML file, secrets masked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Entry {
    /// The key: `limits.rate`.
    pub key: String,
    /// The value in effect.
    pub value: String,
    /// What an "auto" comes to beside the other settings, where these alone decide.
    pub means: Option<String>,
    /// Where the value came from.
    pub source: String,
    /// The value where nothing sets another.
    pub default: String,
    /// Whether the value is masked.
    pub secret: bool,
    /// What the setting does.
    pub doc: String,
    /// What the settings of its section are about.
    pub about: String,
    /// What can be written, to end the sentence "expected ...".
    pub accepts: String,
    /// The variable of the environment that sets it.
    pub variable: String,
}

impl Loaded {
    /// Every setting, in the order of the documentation.
    pub fn effective(&self) -> Vec<Entry> {
        let mut entries = entries(&self.config, &self.sources);
        for (key, means) in self.config.derived() {
            if let Some(entry) = entries.iter_mut().find(|entry| entry.key == key) {
                entry.means = Some(means);
            }
        }
        entries
    }
}

/// Writes the settings as a TOML file that would give the same, with the source of each as a comment.
///
/// Secrets stand in comments, masked.
///
/// ```
/// use rootcap::config::{Config, print};
///
/// let loaded = Config::load_from(None, [("ROOTCAP_LIMITS__RATE", "5/s")])?;
/// let text = print(&loaded);
/// assert!(text.contains("[limits]"));
/// assert!(text.contains("rate = \"5/s\" # environment variable ROOTCAP_LIMITS__RATE"));
/// # Ok::<(), rootcap::config::ConfigErrors>(())
/// ```
pub fn print(loaded: &Loaded) -> String {
    render(&loaded.effective())
}

pub(super) fn entries<S: Section>(section: &S, sources: &Sources) -> Vec<Entry> {
    let mut defaults = BTreeMap::new();
    S::default().visit("", &mut |leaf| {
        defaults.insert(leaf.key, leaf.setting.to_toml().to_string());
    });
    let mut entries = Vec::new();
    section.clone().visit("", &mut |leaf| {
        entries.push(Entry {
            value: leaf.setting.to_toml().to_string(),
            means: None,
            source: sources.of(&leaf.key).to_string(),
            default: defaults.remove(&leaf.key).unwrap_or_default(),
            secret: leaf.setting.is_secret(),
            doc: sentences(leaf.doc),
            about: sentences(leaf.about),
            accepts: leaf.setting.accepts(),
            variable: variable(&leaf.key),
            key: leaf.key,
        });
    });
    entries
}

/// The lines of a documentation as one.
fn sentences(lines: &[&str]) -> String {
    lines.iter().map(|line| line.trim()).collect::<Vec<_>>().join(" ")
}

pub(super) fn render(entries: &[Entry]) -> String {
    let mut text = String::new();
    let mut section = "";
    for entry in entries {
        let (within, name) = entry.key.rsplit_once('.').unwrap_or(("", &entry.key));
        if within != section {
            text += &format!("\n[{within}]\n");
            section = within;
        }
        let hidden = if entry.secret { "# " } else { "" };
        let means = entry.means.as_ref().map(|means| format!(", here {means}")).unwrap_or_default();
        text += &format!("{hidden}{name} = {} # {}{means}\n", entry.value, comment(&entry.source));
    }
    text
}

/// A text that cannot end the comment it stands in: the name of a file may hold anything.
fn comment(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '?' } else { c }).collect()
}
