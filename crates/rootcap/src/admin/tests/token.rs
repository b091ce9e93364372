//! The token's file: what is accepted, and what an error says.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use crate::admin::token::Token;

/// A file that is gone when the test ends.
pub(super) struct TokenFile(PathBuf);

impl TokenFile {
    pub(super) fn new(content: impl AsRef<[u8]>) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("rootcap-token-{}-{number}", std::process::id());
        let path = std::env::temp_dir().join(name);
        std::fs::write(&path, content).unwrap();
        Self(path)
    }

    pub(super) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for TokenFile {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

fn error(content: impl AsRef<[u8]>) -> String {
    let file = TokenFile::new(content);
    let error = Token::from_file(file.path()).unwrap_err().to_string();
    assert!(error.contains("admin.token_file"), "{error}");
    assert!(error.contains(file.path().to_str().unwrap()), "{error}");
    error
}

#[test]
fn white_space_around_the_token_is_not_part_of_it() {
    let file = TokenFile::new("\n  s3cret-\u{7e}\t\r\n");
    let token = Token::from_file(file.path()).unwrap();
    let headers = |value: &str| {
        http::HeaderMap::from_iter([(http::header::AUTHORIZATION, value.parse().unwrap())])
    };
    assert!(token.is_in(&headers("Bearer s3cret-~")));
    assert!(!token.is_in(&headers("Bearer s3cret-")));
    assert!(!token.is_in(&http::HeaderMap::new()));
}

#[test]
fn a_file_that_cannot_work_is_an_error_that_names_it_and_not_its_content() {
    assert!(error("").contains("empty"));
    assert!(error(" \n\t").contains("empty"));
    assert!(error("x".repeat(4097)).contains("4096"));
    for content in [&b"two words-x7"[..], b"two\nlines-x7", b"x7-\xff", "x7-é".as_bytes()] {
        let error = error(content);
        assert!(error.contains("visible ASCII"), "{error}");
        assert!(!error.contains("x7"), "{error}");
    }
    let error = Token::from_file(Path::new("/no/such/file")).unwrap_err();
    assert!(error.to_string().contains("admin.token_file: \"/no/such/file\""), "{error}");
    assert!(std::error::Error::source(&error).is_some());
}

#[test]
fn the_token_is_never_shown() {
    let file = TokenFile::new("s3cret");
    let token = Token::from_file(file.path()).unwrap();
    let settings = crate::admin::Settings { token: Some(token), ..Default::default() };
    assert!(!format!("{settings:?}").contains("s3cret"));
}
