//! [`Error`]: why a server could not start, or what it lost at its end.

use std::{error::Error as StdError, fmt, io};

use crate::telemetry::export::ExportError;

/// Why a server could not start, or what it lost at its end.
///
/// `Debug` writes the same text as `Display`, with all sources: it is what a `main` that returns this error
/// prints.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// # use rootcap::{Nil, Server, Services};
/// let started = Server::builder()
///     .configure(|config| config.http2.max_concurrent_streams = 0)
///     .start(Services::<Nil>::default())
///     .await;
/// let error = started.unwrap_err();
/// assert!(error.is_config());
/// assert_eq!(error.to_string(), "the settings are not valid");
/// assert!(format!("{error:?}").contains("http2.max_concurrent_streams = 0 (builder): expected"));
/// # }
/// ```
pub struct Error {
    kind: Kind,
    source: Option<Box<dyn StdError + Send + Sync>>,
}

#[derive(Debug, PartialEq, Eq)]
enum Kind {
    Config,
    Bind(String),
    Descriptors,
    Log,
    AdminThread,
    Export,
    Signals,
    Cut(usize),
}

impl Error {
    fn new(kind: Kind, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        Self { kind, source: Some(source.into()) }
    }

    pub(crate) fn config(source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        Self::new(Kind::Config, source)
    }

    /// `what` names the address, and the setting it comes from.
    pub(crate) fn bind(what: impl fmt::Display, source: io::Error) -> Self {
        Self::new(Kind::Bind(what.to_string()), source)
    }

    pub(crate) fn descriptors(source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        Self::new(Kind::Descriptors, source)
    }

    pub(crate) fn log(source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        Self::new(Kind::Log, source)
    }

    pub(crate) fn admin_thread(source: io::Error) -> Self {
        Self::new(Kind::AdminThread, source)
    }

    /// A wrong setting, or a thread that cannot be had.
    pub(crate) fn export(source: ExportError) -> Self {
        let kind = if source.is_setting() { Kind::Config } else { Kind::Export };
        Self::new(kind, source)
    }

    pub(crate) fn signals(source: io::Error) -> Self {
        Self::new(Kind::Signals, source)
    }

    pub(crate) fn cut(calls: usize) -> Self {
        Self { kind: Kind::Cut(calls), source: None }
    }

    /// Whether a setting is wrong.
    pub fn is_config(&self) -> bool {
        self.kind == Kind::Config
    }

    /// Whether an address could not be listened on.
    pub fn is_bind(&self) -> bool {
        matches!(self.kind, Kind::Bind(_))
    }

    /// Whether the drain's deadline cut calls that were still running.
    pub fn is_cut(&self) -> bool {
        matches!(self.kind, Kind::Cut(_))
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.kind {
            Kind::Config => f.write_str("the settings are not valid"),
            Kind::Bind(what) => write!(f, "cannot listen on {what}"),
            Kind::Descriptors => {
                f.write_str("a descriptor set given to the builder cannot be used")
            }
            Kind::Log => f.write_str("the log cannot be set up so"),
            Kind::AdminThread => f.write_str("the thread of the admin port cannot be started"),
            Kind::Export => f.write_str("the export over OTLP cannot be started"),
            Kind::Signals => f.write_str("the handlers of signals cannot be installed"),
            Kind::Cut(1) => f.write_str("the drain's deadline cut 1 call that was still running"),
            Kind::Cut(calls) => {
                write!(f, "the drain's deadline cut {calls} calls that were still running")
            }
        }
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")?;
        let mut source = self.source();
        while let Some(error) = source {
            // Several problems stand on a line each, below what they are.
            match error.to_string() {
                text if text.contains('\n') => write!(f, ":\n  {}", text.replace('\n', "\n  "))?,
                text => write!(f, ": {text}")?,
            }
            source = error.source();
        }
        Ok(())
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.source.as_deref().map(|source| source as &(dyn StdError + 'static))
    }
}
