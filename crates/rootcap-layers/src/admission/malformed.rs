//! The error of everything here that is read from text.

use std::{error::Error, fmt};

use crate::excerpt::Excerpt;

/// A text that is not what it should be. `Display` says what is wrong with it, and what is accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Malformed {
    text: String,
    wrong: &'static str,
    accepted: &'static str,
}

impl Malformed {
    pub(crate) fn new(text: &str, wrong: &'static str, accepted: &'static str) -> Self {
        Self { text: Excerpt(text).to_string(), wrong, accepted }
    }

    /// What is wrong, as the end of a sentence that begins with the text: `has no such unit`.
    pub fn wrong(&self) -> &'static str {
        self.wrong
    }

    /// What is accepted instead.
    pub fn accepted(&self) -> &'static str {
        self.accepted
    }
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` {}; accepted: {}", self.text, self.wrong, self.accepted)
    }
}

impl Error for Malformed {}
