//! The service for streams and for large messages.

use std::iter::{self, RepeatN};

use bytes::Bytes;
use tokio_stream::Iter;
use tonic::{Request, Response, Status};

pub(crate) use self::generated::Chunk;
pub use self::generated::load_server::LoadServer;
use self::generated::{StreamRequest, load_server};

#[allow(missing_docs, unreachable_pub, clippy::all, reason = "generated")]
mod generated {
    tonic::include_proto!("bench");
}

const MAX_SIZE: usize = 1 << 20;
/// What every payload is a part of: to send it costs the service nothing.
static ZEROS: [u8; MAX_SIZE] = [0; MAX_SIZE];

/// Sends what it is asked for, and does nothing else.
#[derive(Clone, Copy, Debug, Default)]
pub struct Load;

#[tonic::async_trait]
impl load_server::Load for Load {
    type StreamStream = Iter<RepeatN<Result<Chunk, Status>>>;

    async fn stream(
        &self,
        request: Request<StreamRequest>,
    ) -> Result<Response<Self::StreamStream>, Status> {
        let StreamRequest { count, size } = request.into_inner();
        let zeros = ZEROS.get(..size as usize).ok_or_else(|| {
            Status::invalid_argument(format!("size is {size}; at most {MAX_SIZE} is accepted"))
        })?;
        let chunk = Chunk { payload: Bytes::from_static(zeros) };
        Ok(Response::new(tokio_stream::iter(iter::repeat_n(Ok(chunk), count as usize))))
    }

    async fn echo(&self, request: Request<Chunk>) -> Result<Response<Chunk>, Status> {
        Ok(Response::new(request.into_inner()))
    }
}
