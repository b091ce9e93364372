//! A secret is never shown.

use super::*;
use crate::config::effective::{entries, render};
use crate::config::input::File;
use crate::config::load::read;
use crate::config::schema::settings;
use crate::config::value::{Problems, Rule};

/// A rule that a secret can break.
struct Digits;

impl Rule<Option<Secret<String>>> for Digits {
    fn accepts(&self, _: String) -> String {
        "digits".to_owned()
    }

    fn check(&self, value: &Option<Secret<String>>) -> Result<(), Problems> {
        let secret = value.as_ref().map_or("", |secret| secret.expose());
        if secret.bytes().all(|b| b.is_ascii_digit()) { Ok(()) } else { Err(Problems::plain()) }
    }
}

settings! {
    /// Settings that hold secrets.
    struct Hidden {
        /// A secret.
        token: Secret<String> = Secret::new("default-hunter2".to_owned());
        /// A secret that is not there.
        other: Option<Secret<String>> = None, in Digits;
    }
}

#[test]
fn a_secret_is_never_shown() {
    let vars = [("ROOTCAP_OTHER", "hunter2")];
    let file = File { name: "f.toml", text: "token = ['hunter2']\n" };
    let wrong = read::<Hidden>(Some(file), &vars.into_iter().collect());
    assert_eq!(wrong.errors.len(), 2);
    assert!(wrong.errors[0].to_string().starts_with("token = *** (f.toml:1): expected a text"));

    let file = File { name: "f.toml", text: "token = 'hunter2'\nother = '12345'" };
    let right = read::<Hidden>(Some(file), &NONE.into_iter().collect());
    assert_eq!(right.section.token.expose(), "hunter2");
    let listed = entries(&right.section, &right.sources);
    let shown = format!(
        "{wrong:?}{right:?}{listed:?}{}",
        render(&listed),
        wrong = wrong.errors,
        right = right.section
    );
    assert!(!shown.contains("hunter2") && !shown.contains("12345"), "{shown}");
    assert!(render(&listed).starts_with("# token = \"***\" # f.toml:1\n"));

    let error = toml::from_str::<Hidden>("other = 'hunter2'").unwrap_err();
    assert!(!error.message().contains("hunter2"));
    let error = serde_json::from_str::<Secret<u8>>("\"hunter2\"").unwrap_err();
    assert!(!error.to_string().contains("hunter2"));
}
