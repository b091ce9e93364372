//! Clients and proxies of others, with the example `interop` behind them: `grpc.testing.TestService`.

mod buf;
mod compressed;
mod edges;
mod ruby;

use std::net::SocketAddr;

use rootcap_tests::{example::Example, proxy::Proxy};

/// What a client connects to.
#[derive(Debug, Clone, Copy)]
enum Front {
    Server,
    Nginx,
    Envoy,
}

/// The example, with or without a proxy in front.
struct Stand {
    example: Example,
    proxy: Option<Proxy>,
}

impl Stand {
    /// Starts both; `None` where there is no such proxy.
    async fn start(front: Front) -> Option<Self> {
        let example = Example::start("interop", &[]).await;
        let proxy = match front {
            Front::Server => None,
            Front::Nginx => Some(Proxy::nginx(example.address).await?),
            Front::Envoy => Some(Proxy::envoy(example.address).await?),
        };
        Some(Self { example, proxy })
    }

    /// Where calls are taken.
    fn address(&self) -> SocketAddr {
        self.proxy.as_ref().map_or(self.example.address, |proxy| proxy.address)
    }

    /// Every call that the server began has ended.
    async fn is_at_rest(&self) {
        let metrics = self.example.admin.at_rest().await;
        let started = metrics.sum("grpc_server_started_total", &[]);
        assert!(started > 0.0, "no call was seen");
        assert_eq!(started, metrics.sum("grpc_server_handled_total", &[]));
    }
}
