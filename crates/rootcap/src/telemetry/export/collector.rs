//! [`Collector`]: the connection to a collector, and one export over it.

use std::{path::Path, sync::Mutex, sync::PoisonError};

use base64::{Engine, prelude::BASE64_STANDARD};
use bytes::{Buf, BufMut, Bytes};
use rustls::pki_types::{CertificateDer, pem::PemObject};
use tonic::{
    Request, Status,
    client::Grpc,
    codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder},
    metadata::{AsciiMetadataKey, AsciiMetadataValue, MetadataMap},
    transport::{Certificate, Channel, ClientTlsConfig, Endpoint},
};

use super::ExportError;
use crate::config::Otlp;

/// How exports leave: over a connection, or in tests not at all.
pub(super) trait Transport: Send + Sync + 'static {
    /// Calls a unary method with an encoded message; gives the encoded answer.
    fn send(
        &self,
        path: &'static str,
        message: Bytes,
    ) -> impl Future<Output = Result<Bytes, Status>> + Send;

    /// Makes the next [`send`](Self::send) use a new connection.
    fn reconnect(&self);
}

/// A collector. Connects when something is sent, and again when the connection was lost.
pub(super) struct Collector {
    endpoint: Endpoint,
    channel: Mutex<Option<Channel>>,
    metadata: MetadataMap,
}

impl Collector {
    /// Does not connect.
    ///
    /// # Errors
    /// When the certificates to trust cannot be read.
    pub(super) fn new(
        settings: &Otlp,
        endpoint: &crate::config::Endpoint,
    ) -> Result<Self, ExportError> {
        let mut built = Endpoint::from(endpoint.uri().clone())
            .connect_timeout(settings.timeout)
            .user_agent(concat!("rootcap/", env!("CARGO_PKG_VERSION")))
            .expect("a package's version can be a header's value");
        if endpoint.is_https() {
            let tls = match &settings.ca_file {
                Some(file) => ClientTlsConfig::new().ca_certificate(certificates(file)?),
                None => ClientTlsConfig::new().with_native_roots(),
            };
            built = built.tls_config(tls).map_err(ExportError::Tls)?;
        }
        Ok(Self {
            endpoint: built,
            channel: Mutex::new(None),
            metadata: metadata(settings, endpoint),
        })
    }

    fn channel(&self) -> Channel {
        let mut channel = self.channel.lock().unwrap_or_else(PoisonError::into_inner);
        channel.get_or_insert_with(|| self.endpoint.connect_lazy()).clone()
    }
}

/// A file that holds none would make every connection fail.
fn certificates(file: &Path) -> Result<Certificate, ExportError> {
    let unusable = |problem: String| ExportError::CaFile { file: file.to_owned(), problem };
    let pem = std::fs::read(file).map_err(|error| unusable(error.to_string()))?;
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&pem).collect();
    match found {
        Ok(found) if found.is_empty() => Err(unusable("there is no certificate in it".to_owned())),
        Ok(_) => Ok(Certificate::from_pem(pem)),
        Err(error) => Err(unusable(error.to_string())),
    }
}

/// The metadata that are set, and the authorization that user information in the endpoint stands for (RFC 7617).
fn metadata(settings: &Otlp, endpoint: &crate::config::Endpoint) -> MetadataMap {
    let mut metadata = MetadataMap::new();
    let mut insert = |name: &str, value: &str| {
        let name: AsciiMetadataKey = name.parse().expect("the setting's rule has looked at it");
        let mut value: AsciiMetadataValue =
            value.parse().expect("the setting's rule has looked at it");
        value.set_sensitive(true);
        metadata.insert(name, value);
    };
    if let Some(user_info) = endpoint.user_info() {
        insert("authorization", &format!("Basic {}", BASE64_STANDARD.encode(user_info.expose())));
    }
    for (name, value) in &settings.headers {
        insert(name, value.expose());
    }
    metadata
}

impl Transport for Collector {
    async fn send(&self, path: &'static str, message: Bytes) -> Result<Bytes, Status> {
        let mut client = Grpc::new(self.channel());
        client.ready().await.map_err(|error| Status::from_error(error.into()))?;
        let mut request = Request::new(message);
        *request.metadata_mut() = self.metadata.clone();
        let path = http::uri::PathAndQuery::from_static(path);
        Ok(client.unary(request, path, Encoded).await?.into_inner())
    }

    fn reconnect(&self) {
        *self.channel.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}

/// Messages that are encoded already.
#[derive(Debug, Clone, Copy, Default)]
struct Encoded;

impl Codec for Encoded {
    type Encode = Bytes;
    type Decode = Bytes;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        Self
    }

    fn decoder(&mut self) -> Self {
        Self
    }
}

impl Encoder for Encoded {
    type Item = Bytes;
    type Error = Status;

    fn encode(&mut self, message: Bytes, buffer: &mut EncodeBuf<'_>) -> Result<(), Status> {
        buffer.put(message);
        Ok(())
    }
}

impl Decoder for Encoded {
    type Item = Bytes;
    type Error = Status;

    fn decode(&mut self, buffer: &mut DecodeBuf<'_>) -> Result<Option<Bytes>, Status> {
        let length = buffer.remaining();
        Ok(Some(buffer.copy_to_bytes(length)))
    }
}
