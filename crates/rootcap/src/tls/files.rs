//! The files of TLS, as they are on disk now.

use std::{
    fmt,
    fs::File,
    io::{self, Read},
    path::{Path, PathBuf},
};

use super::{Port, TlsError, error::Problem};
use crate::config;

/// The longest file that is read: a thousand certificates, far more than a chain or the issuers of clients have.
pub(super) const MAX_FILE_BYTES: u64 = 1024 * 1024;

/// Where the files of a port are.
#[derive(Debug, Clone)]
pub(super) struct Paths {
    pub(super) port: Port,
    pub(super) cert: PathBuf,
    pub(super) key: PathBuf,
    pub(super) client_ca: Option<PathBuf>,
}

/// What the files held when they were read.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Files {
    pub(super) cert: Vec<u8>,
    pub(super) key: Vec<u8>,
    pub(super) client_ca: Option<Vec<u8>>,
}

impl Paths {
    /// The files of a port that has TLS.
    pub(super) fn of(settings: &config::Tls, port: Port) -> Option<Self> {
        Some(Self {
            port,
            cert: settings.cert.clone()?,
            key: settings.key.clone()?,
            client_ca: settings.client_ca.clone(),
        })
    }

    /// Reads all files; may block for as long as the file system does.
    pub(super) fn read(&self) -> Result<Files, TlsError> {
        let read = |name, path| read(path).map_err(|problem| self.error(name, path, problem));
        Ok(Files {
            cert: read("cert", &self.cert)?,
            key: read("key", &self.key)?,
            client_ca: self.client_ca.as_deref().map(|path| read("client_ca", path)).transpose()?,
        })
    }

    pub(super) fn error(&self, name: &str, path: &Path, problem: Problem) -> TlsError {
        TlsError::new(self.port.key(name), path, problem)
    }
}

/// A pipe would keep who opens it waiting, and a device has no end.
fn read(path: &Path) -> Result<Vec<u8>, Problem> {
    let content = || -> io::Result<Option<Vec<u8>>> {
        if !std::fs::metadata(path)?.is_file() {
            return Ok(None);
        }
        let mut content = Vec::new();
        File::open(path)?.take(MAX_FILE_BYTES + 1).read_to_end(&mut content)?;
        Ok(Some(content))
    };
    match content().map_err(Problem::Unreadable)? {
        None => Err(Problem::NotAFile),
        Some(content) if content.len() as u64 > MAX_FILE_BYTES => Err(Problem::TooLong),
        Some(content) => Ok(content),
    }
}

/// Without the content, of which a part is secret.
impl fmt::Debug for Files {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Files").finish_non_exhaustive()
    }
}
