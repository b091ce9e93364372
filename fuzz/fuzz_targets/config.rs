//! A file of settings, and behind a line `---` variables of the environment (`NAME=value`). They are an operator's and
//! no caller's, but every mistake has to be told, and what is loaded can be printed and loaded again.

#![no_main]

use libfuzzer_sys::fuzz_target;
use rootcap::config::{Config, print};

fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let (file, variables) = text.split_once("\n---\n").unwrap_or((text, ""));
    let variables = variables.lines().filter_map(|line| line.split_once('='));
    match Config::load_from(Some(("rootcap.toml", file)), variables) {
        Ok(loaded) => {
            let printed = print(&loaded);
            let again = Config::load_from(Some(("printed.toml", &printed)), [("", ""); 0])
                .unwrap_or_else(|errors| panic!("{errors}\n{printed}"));
            let secret = |entry: &&rootcap::config::Entry| !entry.secret;
            let values = |loaded: &rootcap::config::Loaded| -> Vec<_> {
                loaded
                    .effective()
                    .iter()
                    .filter(secret)
                    .map(|entry| (entry.key.clone(), entry.value.clone()))
                    .collect()
            };
            assert_eq!(values(&loaded), values(&again));
        }
        Err(errors) => {
            assert!(errors.iter().count() > 0);
            for error in errors.iter() {
                assert!(!error.to_string().is_empty());
            }
        }
    }
});
