//! Certificates for tests: authorities, and what they sign, as files in a temporary directory.

use std::{
    fs,
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DistinguishedName, DnType,
    ExtendedKeyUsagePurpose, IsCa, KeyPair, KeyUsagePurpose, SanType, date_time_ymd,
};

use crate::directory::Directory;

/// An identity in the form of SPIFFE.
pub const SPIFFE_ID: &str = "spiffe://example.org/ns/shop/sa/cart";

/// A directory of certificates, removed when dropped: an authority that the tests trust, and one that nobody does.
pub struct Pki {
    directory: Directory,
    authority: Authority,
    stranger: Authority,
}

/// A certificate with its key, as files in PEM.
#[derive(Debug, Clone)]
pub struct Issued {
    /// The certificate.
    pub cert: PathBuf,
    /// Its private key.
    pub key: PathBuf,
}

struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
    file: PathBuf,
}

impl Default for Pki {
    fn default() -> Self {
        Self::new()
    }
}

impl Pki {
    /// Two authorities, in a directory of their own.
    pub fn new() -> Self {
        let directory = Directory::create();
        let authority = Authority::new(&directory, "ca");
        let stranger = Authority::new(&directory, "stranger");
        Self { directory, authority, stranger }
    }

    /// The certificate of the authority, as a file in PEM.
    pub fn ca(&self) -> &Path {
        &self.authority.file
    }

    /// The certificate of the authority that nobody trusts.
    pub fn other_ca(&self) -> &Path {
        &self.stranger.file
    }

    /// A certificate of a server on this machine's loopback interface, in files of this name.
    pub fn server(&self, file: &str) -> Issued {
        self.issue(file, &self.authority, server(|_| {}))
    }

    /// A certificate of a server that expired long ago.
    pub fn expired_server(&self) -> Issued {
        self.issue("server-expired", &self.authority, server(expire))
    }

    /// A certificate of a server that expires so soon.
    pub fn server_for(&self, left: Duration) -> Issued {
        let shorten =
            |params: &mut CertificateParams| params.not_after = (SystemTime::now() + left).into();
        self.issue("server-expiring", &self.authority, server(shorten))
    }

    /// A client's certificate with this SPIFFE ID, a DNS name and a common name.
    pub fn spiffe_client(&self) -> Issued {
        let uri = SanType::URI(SPIFFE_ID.try_into().unwrap());
        self.issue(
            "client-spiffe",
            &self.authority,
            client(&[uri, dns("cart.example.org")], |_| {}),
        )
    }

    /// A client's certificate with the DNS name `cart.example.org` and a common name.
    pub fn dns_client(&self) -> Issued {
        self.issue("client-dns", &self.authority, client(&[dns("cart.example.org")], |_| {}))
    }

    /// A client's certificate with no name but the common name `client`.
    pub fn common_name_client(&self) -> Issued {
        self.issue("client-cn", &self.authority, client(&[], |_| {}))
    }

    /// A client's certificate that expired long ago.
    pub fn expired_client(&self) -> Issued {
        self.issue("client-expired", &self.authority, client(&[], expire))
    }

    /// A client's certificate of the authority that nobody trusts.
    pub fn other_client(&self) -> Issued {
        self.issue("client-other", &self.stranger, client(&[dns("cart.example.org")], |_| {}))
    }

    /// A path in the directory.
    pub fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn issue(&self, name: &str, by: &Authority, params: CertificateParams) -> Issued {
        let key = KeyPair::generate().unwrap();
        let cert = params.signed_by(&key, &by.issuer).unwrap();
        let issued = Issued {
            cert: self.path(&format!("{name}.pem")),
            key: self.path(&format!("{name}.key")),
        };
        fs::write(&issued.cert, cert.pem()).unwrap();
        fs::write(&issued.key, key.serialize_pem()).unwrap();
        issued
    }
}

impl Authority {
    fn new(directory: &Directory, name: &str) -> Self {
        // Each has a name of its own: clients and servers find an issuer by its name first.
        let mut params = params(&format!("{name} of {}", directory.path().display()), &[]);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        let file = directory.path().join(format!("{name}.pem"));
        fs::write(&file, issuer.pem()).unwrap();
        Self { issuer, file }
    }
}

fn server(change: impl FnOnce(&mut CertificateParams)) -> CertificateParams {
    let names = [dns("localhost"), SanType::IpAddress([127, 0, 0, 1].into())];
    let mut params = params("server", &names);
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    change(&mut params);
    params
}

fn client(names: &[SanType], change: impl FnOnce(&mut CertificateParams)) -> CertificateParams {
    let mut params = params("client", names);
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    change(&mut params);
    params
}

fn params(common_name: &str, names: &[SanType]) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, common_name);
    params.subject_alt_names = names.to_vec();
    params.not_before = date_time_ymd(2020, 1, 1);
    params.not_after = date_time_ymd(2100, 1, 1);
    params.use_authority_key_identifier_extension = true;
    params
}

fn expire(params: &mut CertificateParams) {
    params.not_after = date_time_ymd(2021, 1, 1);
}

fn dns(name: &str) -> SanType {
    SanType::DnsName(name.try_into().unwrap())
}
