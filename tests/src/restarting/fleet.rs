//! The server that is restarted: one process at a time on a socket that a supervisor holds, or two for a while on an
//! address that they share.

use std::net::{SocketAddr, TcpListener};

use rootcap_tests::{
    addresses,
    example::{self, Example},
    supervisor, wait,
};

/// How the next process comes to listen.
enum Handover {
    /// A supervisor hands it the socket once the one before has ended.
    Socket(TcpListener),
    /// It listens beside the one before, which is then told to stop.
    SharedAddress,
}

type Settings = &'static [(&'static str, &'static str)];

pub(crate) struct Fleet {
    handover: Handover,
    pub(crate) address: SocketAddr,
    settings: Settings,
    current: Example,
}

impl Fleet {
    pub(crate) async fn on_a_socket(settings: Settings) -> Self {
        let socket = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = socket.local_addr().unwrap();
        let handover = Handover::Socket(socket);
        let current = start(&handover, address, settings).await;
        Self { handover, address, settings, current }
    }

    pub(crate) async fn on_a_shared_address(settings: Settings) -> Self {
        let (handover, address) = (Handover::SharedAddress, addresses::free());
        let current = start(&handover, address, settings).await;
        Self { handover, address, settings, current }
    }

    /// Replaces the process. That it had calls in flight, and ended in order, is looked at.
    pub(crate) async fn restart(&mut self) {
        let admin = self.current.admin;
        let busy = async || {
            let metrics = admin.metrics().await;
            (metrics.sum("rootcap_calls_in_flight", &[]) > 0.0).then_some(())
        };
        wait::until("calls in flight", busy).await;
        match self.handover {
            Handover::Socket(_) => {
                stop(&mut self.current).await;
                self.current = start(&self.handover, self.address, self.settings).await;
            }
            Handover::SharedAddress => {
                let next = start(&self.handover, self.address, self.settings).await;
                stop(&mut self.current).await;
                self.current = next;
            }
        }
    }
}

async fn start(handover: &Handover, address: SocketAddr, settings: Settings) -> Example {
    let address = address.to_string();
    let mut settings = [&[("ROOTCAP_LOG__CALLS", "errors")], settings].concat();
    if matches!(handover, Handover::SharedAddress) {
        settings.extend([("ROOTCAP_LISTEN", &*address), ("ROOTCAP_CONNECTION__REUSE_PORT", "on")]);
    }
    let command = example::command("faults", &settings);
    let example = match handover {
        Handover::Socket(socket) => {
            Example::spawn(supervisor::hand_over(&command, &[socket], &[])).await
        }
        Handover::SharedAddress => Example::spawn(command).await,
    };
    assert_eq!(example.address.to_string(), address);
    example
}

async fn stop(example: &mut Example) {
    example.signal("TERM");
    let status = example.wait().await;
    assert_eq!(status.code(), Some(0), "{:#?}", example.lines());
}
