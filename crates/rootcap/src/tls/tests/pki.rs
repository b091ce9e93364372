//! Certificates and their files.

use std::{
    fs,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    process,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering::Relaxed},
    },
};

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, SerialNumber};
use rustls::{
    ClientConfig, RootCertStore,
    pki_types::{PrivateKeyDer, ServerName, pem::PemObject},
};

use crate::config;

/// An authority.
pub(crate) struct Authority {
    issuer: Issuer<'static, KeyPair>,
    certificate: rcgen::Certificate,
}

/// A certificate and its key, in PEM.
#[derive(Clone)]
pub(crate) struct Issued {
    pub(crate) cert: String,
    pub(crate) key: String,
}

impl Authority {
    pub(crate) fn new() -> Self {
        Self::named("the tests' authority")
    }

    pub(crate) fn named(name: &str) -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, name);
        let key = KeyPair::generate().unwrap();
        let certificate = params.self_signed(&key).unwrap();
        Self { issuer: Issuer::new(params, key), certificate }
    }

    pub(crate) fn pem(&self) -> String {
        self.certificate.pem()
    }

    /// A certificate for `localhost` with this serial number.
    pub(crate) fn issue(&self, serial: u64) -> Issued {
        self.issue_with(serial, |_| {})
    }

    pub(crate) fn issue_with(
        &self,
        serial: u64,
        change: impl FnOnce(&mut CertificateParams),
    ) -> Issued {
        let mut params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        params.serial_number = Some(SerialNumber::from(serial));
        params.distinguished_name.push(DnType::CommonName, "test");
        change(&mut params);
        let key = KeyPair::generate().unwrap();
        let cert = params.signed_by(&key, &self.issuer).unwrap();
        Issued { cert: cert.pem(), key: key.serialize_pem() }
    }

    /// A client that trusts this authority, has a certificate or none, and offers these protocols.
    pub(crate) fn client(&self, certificate: Option<&Issued>, alpn: &[&str]) -> Arc<ClientConfig> {
        let mut roots = RootCertStore::empty();
        roots.add(self.certificate.der().clone()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots);
        let mut config = match certificate {
            None => builder.with_no_client_auth(),
            Some(Issued { cert, key }) => {
                let chain = super::super::certificate::certificates(cert.as_bytes());
                let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).unwrap();
                builder.with_client_auth_cert(chain.unwrap(), key).unwrap()
            }
        };
        config.alpn_protocols = alpn.iter().map(|name| name.as_bytes().to_vec()).collect();
        Arc::new(config)
    }
}

/// The name that servers' certificates are for.
pub(crate) fn localhost() -> ServerName<'static> {
    ServerName::try_from("localhost").unwrap()
}

/// Files as Kubernetes lays out a secret: `tls.crt` leads to `..data/tls.crt`, and `..data` to the directory of one
/// version. Removed when dropped.
pub(crate) struct Directory {
    path: PathBuf,
    with_client_ca: bool,
}

const NAMES: [&str; 3] = ["tls.crt", "tls.key", "ca.crt"];

impl Directory {
    /// With these files; the third is for certificates of clients.
    pub(crate) fn new(cert: &str, key: &str, client_ca: Option<&str>) -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let name = format!("rootcap-tls-{}-{}", process::id(), NUMBER.fetch_add(1, Relaxed));
        let path = std::env::temp_dir().join(name);
        // What a process of the same number has left.
        let _ = fs::remove_dir_all(&path);
        fs::create_dir(&path).unwrap();
        let directory = Self { path, with_client_ca: client_ca.is_some() };
        for name in NAMES {
            symlink(Path::new("..data").join(name), directory.path(name)).unwrap();
        }
        directory.swap(cert, key, client_ca);
        directory
    }

    pub(crate) fn of(issued: &Issued) -> Self {
        Self::new(&issued.cert, &issued.key, None)
    }

    /// Makes a new version and lets `..data` lead to it, in one step.
    pub(crate) fn swap(&self, cert: &str, key: &str, client_ca: Option<&str>) {
        static VERSION: AtomicU32 = AtomicU32::new(0);
        let version = format!("..version-{}", VERSION.fetch_add(1, Relaxed));
        fs::create_dir(self.path(&version)).unwrap();
        for (name, content) in NAMES.into_iter().zip([Some(cert), Some(key), client_ca]) {
            if let Some(content) = content {
                fs::write(self.path(&version).join(name), content).unwrap();
            }
        }
        symlink(&version, self.path("..next")).unwrap();
        fs::rename(self.path("..next"), self.path("..data")).unwrap();
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    pub(crate) fn settings(&self) -> config::Tls {
        config::Tls {
            cert: Some(self.path("tls.crt")),
            key: Some(self.path("tls.key")),
            client_ca: self.with_client_ca.then(|| self.path("ca.crt")),
            ..config::Tls::default()
        }
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.path);
    }
}
