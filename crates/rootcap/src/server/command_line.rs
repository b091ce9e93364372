//! The arguments of a program that leaves its command line to the server.

use std::{
    ffi::OsString,
    io::{self, Write},
};

use crate::Error;

/// What is asked of the program.
#[derive(Debug, PartialEq)]
pub(super) enum Asked {
    /// To serve.
    Serve,
    /// To print the settings in effect, with their sources.
    PrintConfig,
    /// To print a commented example of a settings file.
    PrintExample,
}

/// Reads the arguments that follow the program's name.
///
/// # Errors
/// When there is more than one, or one that is not known.
pub(super) fn read(arguments: &[OsString]) -> Result<Asked, Error> {
    let arguments: Vec<_> = arguments.iter().map(|argument| argument.to_string_lossy()).collect();
    match arguments.iter().map(AsRef::as_ref).collect::<Vec<_>>()[..] {
        [] => Ok(Asked::Serve),
        ["--print-config"] => Ok(Asked::PrintConfig),
        ["--print-example"] => Ok(Asked::PrintExample),
        ref others => Err(Error::config(format!(
            "unknown arguments {others:?}: expected --print-config, --print-example, or none"
        ))),
    }
}

/// Prints to stdout.
pub(super) fn print(text: &str) {
    // Who has closed the pipe has seen enough of it.
    let _ = io::stdout().write_all(text.as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(line: &str) -> Result<Asked, String> {
        let arguments: Vec<_> = line.split_whitespace().map(OsString::from).collect();
        read(&arguments).map_err(|error| format!("{error:?}"))
    }

    #[test]
    fn what_is_known_is_one_argument_or_none() {
        assert_eq!(asked(""), Ok(Asked::Serve));
        assert_eq!(asked("--print-config"), Ok(Asked::PrintConfig));
        assert_eq!(asked("--print-example"), Ok(Asked::PrintExample));
        for line in ["--print", "--print-config now", "--print-config --print-example"] {
            let error = asked(line).expect_err(line);
            let first = line.split(' ').next().unwrap_or_default();
            assert!(error.contains(first) && error.contains("expected --print-config"), "{error}");
        }
    }
}
