//! Calls by HTTP/2 itself, for what no gRPC client would send.

use std::{net::SocketAddr, time::Duration};

use bytes::{BufMut, Bytes, BytesMut};
use h2::{
    RecvStream, SendStream,
    client::{ResponseFuture, SendRequest},
};
use http::{HeaderMap, Request, Response, StatusCode, request};
use prost::Message;
use tokio::net::TcpStream;

use crate::wait;

/// A connection.
#[derive(Clone)]
pub struct Raw {
    sender: SendRequest<Bytes>,
    address: SocketAddr,
}

/// How a call ended.
#[derive(Debug)]
pub struct Ended {
    /// The status of HTTP.
    pub status: StatusCode,
    /// The head of the response.
    pub headers: HeaderMap,
    /// All of the body.
    pub body: Bytes,
    /// The end of the response, where there was one.
    pub trailers: HeaderMap,
}

impl Ended {
    /// What `grpc-status` says, in the trailers or in the head.
    pub fn grpc_status(&self) -> &str {
        self.grpc("grpc-status")
    }

    /// What `grpc-message` says.
    pub fn grpc_message(&self) -> &str {
        self.grpc("grpc-message")
    }

    fn grpc(&self, name: &str) -> &str {
        let value = self.trailers.get(name).or_else(|| self.headers.get(name));
        value.map_or("", |value| value.to_str().unwrap())
    }
}

impl Raw {
    /// Connects with the protocol's own defaults.
    pub async fn connect(address: SocketAddr) -> Self {
        Self::connect_with(address, &h2::client::Builder::new()).await
    }

    /// Connects.
    pub async fn connect_with(address: SocketAddr, builder: &h2::client::Builder) -> Self {
        Self::over(TcpStream::connect(address).await.unwrap(), builder).await
    }

    /// Uses a connection that is there.
    pub async fn over(tcp: TcpStream, builder: &h2::client::Builder) -> Self {
        let address = tcp.peer_addr().unwrap();
        tcp.set_nodelay(true).unwrap();
        let (sender, connection) = builder.handshake::<_, Bytes>(tcp).await.unwrap();
        tokio::spawn(connection);
        Self { sender, address }
    }

    /// The head of a call.
    pub fn head(&self, path: &str) -> request::Builder {
        Request::post(format!("http://{}{path}", self.address))
            .header("content-type", "application/grpc")
            .header("te", "trailers")
    }

    /// Begins a call whose messages are to be sent by the caller.
    pub async fn open(&self, head: request::Builder) -> (SendStream<Bytes>, ResponseFuture) {
        let mut sender = self.sender.clone().ready().await.unwrap();
        let (response, stream) = sender.send_request(head.body(()).unwrap(), false).unwrap();
        (stream, response)
    }

    /// Begins a call, with one message, and waits for the head of its response.
    ///
    /// # Errors
    /// When the stream is reset.
    pub async fn begin(
        &self,
        head: request::Builder,
        message: Bytes,
    ) -> Result<Response<RecvStream>, h2::Error> {
        let mut sender = self.sender.clone().ready().await?;
        let (response, mut stream) = sender.send_request(head.body(()).unwrap(), false)?;
        stream.send_data(message, true)?;
        wait::for_end("the head of a response", response).await
    }

    /// Calls, and reads the response to its end.
    ///
    /// # Errors
    /// When the stream is reset.
    pub async fn call(&self, head: request::Builder, message: Bytes) -> Result<Ended, h2::Error> {
        let (parts, body) = self.begin(head, message).await?.into_parts();
        let (body, trailers) = wait::for_end("the end of a response", read(body)).await?;
        Ok(Ended { status: parts.status, headers: parts.headers, body, trailers })
    }

    /// Begins a call and gives it up at once.
    pub async fn abandon(&self, head: request::Builder) {
        let (mut stream, _) = self.open(head).await;
        stream.send_reset(h2::Reason::CANCEL);
    }
}

async fn read(mut body: RecvStream) -> Result<(Bytes, HeaderMap), h2::Error> {
    let mut all = BytesMut::new();
    while let Some(data) = body.data().await {
        let data = data?;
        body.flow_control().release_capacity(data.len())?;
        all.extend_from_slice(&data);
    }
    Ok((all.freeze(), body.trailers().await?.unwrap_or_default()))
}

/// A message as it stands in a body: its prefix, then itself.
pub fn message(message: &impl Message) -> Bytes {
    let mut framed = BytesMut::new();
    framed.put_u8(0);
    framed.put_u32(message.encoded_len().try_into().unwrap());
    message.encode(&mut framed).unwrap();
    framed.freeze()
}

/// The value of `grpc-timeout` for a time.
pub fn timeout(time: Duration) -> String {
    format!("{}m", time.as_millis())
}
