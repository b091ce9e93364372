//! A commented example of a settings file, made of the table of settings.

use super::effective::Entry;
use super::loaded::Loaded;

/// The width of a line of comments.
const WIDTH: usize = 100;

/// What the file begins with, a paragraph each.
const HEAD: [&str; 3] = [
    "All settings of a Rootcap server, each at its default. `ROOTCAP_CONFIG` in the environment names a file such as \
     this one.",
    "To change a setting, remove the `#` right before its key, and change the value. The variable above it sets the \
     same, and counts more than a file.",
    "In a variable, strings stand without quotes, a list is `a,b`, and a table is `a=1,b=2`.",
];

/// A TOML file with every setting, what it does, what it accepts, its variable and its default.
///
/// The settings stand in comments, so that the file changes nothing as it is. A program that leaves its
/// [command line](crate::Builder::command_line) to the server prints it with `--print-example`.
///
/// ```
/// use rootcap::config::{Config, example};
///
/// let text = example();
/// assert!(text.contains("#rate = \"off\""));
/// let loaded = Config::load_from(Some(("rootcap.toml", &text)), [("", ""); 0])?;
/// assert_eq!(loaded.config, Config::default());
/// # Ok::<(), rootcap::config::ConfigErrors>(())
/// ```
pub fn example() -> String {
    let mut text = String::new();
    HEAD.iter().for_each(|paragraph| comment(&mut text, paragraph));
    let mut section = "";
    let entries = Loaded::default().effective();
    for Entry { key, default, doc, about, accepts, variable, .. } in &entries {
        let (within, name) = key.rsplit_once('.').unwrap_or(("", key));
        text.push('\n');
        if within != section {
            comment(&mut text, about);
            text += &format!("[{within}]\n\n");
            section = within;
        }
        comment(&mut text, doc);
        comment(&mut text, &format!("Accepted: {accepts}."));
        comment(&mut text, &format!("Variable: {variable}"));
        text += &format!("#{name} = {default}\n");
    }
    text
}

/// Adds a text as lines of comments, broken between words.
fn comment(to: &mut String, text: &str) {
    let mut line = "#".to_owned();
    for word in text.split_whitespace() {
        if line.len() + 1 + word.len() > WIDTH && line != "#" {
            to.push_str(&line);
            to.push('\n');
            line = "#".to_owned();
        }
        line.push(' ');
        line.push_str(word);
    }
    to.push_str(&line);
    to.push('\n');
}
