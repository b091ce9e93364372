//! The token of the admin port: read from a file, compared in constant time, never shown.

use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderMap, header};
use subtle::ConstantTimeEq;

/// The longest file that can hold a token, so that a device given by mistake ends the reading.
const MAX_FILE_BYTES: u64 = 4096;

/// The admin port's token.
#[derive(Clone)]
pub(crate) struct Token(Box<[u8]>);

impl Token {
    /// Reads the token from `path`, without the white space around it.
    ///
    /// # Errors
    /// If the file cannot be read, is empty, or holds what no client could send: the token must be
    /// visible ASCII without spaces, in a file of at most 4096 bytes.
    pub(crate) fn from_file(path: &Path) -> Result<Self, TokenError> {
        let fail = |problem| TokenError { path: path.to_owned(), problem };
        let mut content = Vec::new();
        File::open(path)
            .and_then(|file| file.take(MAX_FILE_BYTES + 1).read_to_end(&mut content))
            .map_err(|error| fail(Problem::Unreadable(error)))?;
        if content.len() as u64 > MAX_FILE_BYTES {
            return Err(fail(Problem::TooLong));
        }
        match content.trim_ascii() {
            [] => Err(fail(Problem::Empty)),
            token if token.iter().all(u8::is_ascii_graphic) => Ok(Self(token.into())),
            _ => Err(fail(Problem::NotVisible)),
        }
    }

    /// Whether the request's `Authorization` carries this token: as a bearer token, or as the
    /// password of Basic, which is what a browser can ask its user for.
    pub(super) fn is_in(&self, headers: &HeaderMap) -> bool {
        let mut values = headers.get_all(header::AUTHORIZATION).iter();
        let (Some(value), None) = (values.next(), values.next()) else { return false };
        let Some((scheme, rest)) = split(value.as_bytes()) else { return false };
        if scheme.eq_ignore_ascii_case(b"bearer") {
            return self.equals(rest);
        }
        scheme.eq_ignore_ascii_case(b"basic")
            && password(rest).is_some_and(|password| self.equals(&password))
    }

    fn equals(&self, other: &[u8]) -> bool {
        self.0.ct_eq(other).into()
    }
}

/// Splits an `Authorization` at its first space.
fn split(value: &[u8]) -> Option<(&[u8], &[u8])> {
    let space = value.iter().position(|byte| *byte == b' ')?;
    Some((&value[..space], value[space..].trim_ascii()))
}

/// The password of Basic's credentials; the user's name is anyone's.
fn password(credentials: &[u8]) -> Option<Vec<u8>> {
    let pair = STANDARD.decode(credentials).ok()?;
    let colon = pair.iter().position(|byte| *byte == b':')?;
    Some(pair[colon + 1..].to_vec())
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(hidden)")
    }
}

/// Why the token's file is no good; it names the setting and the path, never the content.
#[derive(Debug)]
pub(crate) struct TokenError {
    path: PathBuf,
    problem: Problem,
}

#[derive(Debug)]
enum Problem {
    Unreadable(io::Error),
    Empty,
    TooLong,
    NotVisible,
}

impl fmt::Display for TokenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = match self.problem {
            Problem::Unreadable(_) => "cannot be read",
            Problem::Empty => "is empty; it must hold the token",
            Problem::TooLong => {
                "is longer than 4096 bytes; it must hold the token and nothing else"
            }
            Problem::NotVisible => "must hold one token of visible ASCII characters without spaces",
        };
        write!(f, "admin.token_file: {:?} {what}", self.path)
    }
}

impl std::error::Error for TokenError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match &self.problem {
            Problem::Unreadable(error) => Some(error),
            _ => None,
        }
    }
}
