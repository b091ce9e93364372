//! A server that tells of its heap, in a process of its own.

use std::{net::SocketAddr, path::Path};

use rootcap_tests::example::{self, Example};
use tokio::{io::AsyncReadExt, net::TcpStream};

/// The server, and where it tells of its heap.
pub(crate) struct Measured {
    pub(crate) example: Example,
    heap: SocketAddr,
}

/// The heap of a process at one time.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Heap {
    /// Bytes in use.
    pub(crate) in_use: usize,
    /// How often memory was asked for since the start.
    pub(crate) allocations: u64,
}

impl Measured {
    /// Starts it with these settings.
    pub(crate) async fn start(settings: &[(&str, &str)]) -> Self {
        let path = Path::new(env!("CARGO_BIN_EXE_rootcap-measured-server"));
        let example = Example::spawn(example::program(path, settings)).await;
        let line = example.line("the heap", |line| line.starts_with("heap on ")).await;
        Self { heap: line["heap on ".len()..].parse().unwrap(), example }
    }

    /// What it tells now; to tell it allocates nothing.
    pub(crate) async fn heap(&self) -> Heap {
        let mut said = String::new();
        TcpStream::connect(self.heap).await.unwrap().read_to_string(&mut said).await.unwrap();
        let (in_use, allocations) = said.split_once(' ').unwrap();
        Heap { in_use: in_use.parse().unwrap(), allocations: allocations.parse().unwrap() }
    }
}
