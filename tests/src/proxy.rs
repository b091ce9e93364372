//! Proxies in front of a server: processes of their own, on loopback, with a configuration made for the test.

use std::{fs, net::SocketAddr, path::PathBuf, process::Stdio};

use tokio::{
    net::TcpStream,
    process::{Child, Command},
};

use crate::{addresses, directory::Directory, programs, wait};

/// A running proxy; killed when dropped.
pub struct Proxy {
    _child: Child,
    /// Where it takes calls.
    pub address: SocketAddr,
    _directory: Directory,
}

/// A kind of proxy: its configuration, and how it is started with it.
struct Kind {
    configuration: fn(listen: SocketAddr, server: SocketAddr) -> String,
    command: fn(program: &PathBuf, directory: &Directory) -> Command,
}

impl Proxy {
    /// nginx in front of a server; `None` where there is none.
    ///
    /// # Panics
    /// When it does not start.
    pub async fn nginx(server: SocketAddr) -> Option<Self> {
        let kind = Kind { configuration: nginx_configuration, command: nginx_command };
        Some(Self::start(&programs::find("nginx")?, &kind, server).await)
    }

    /// Envoy in front of a server; `None` where there is none.
    ///
    /// # Panics
    /// When it does not start.
    pub async fn envoy(server: SocketAddr) -> Option<Self> {
        let kind = Kind { configuration: envoy_configuration, command: envoy_command };
        Some(Self::start(&programs::envoy()?, &kind, server).await)
    }

    /// Neither proxy can be told to choose a port and say which, so another one is tried where one was taken.
    async fn start(program: &PathBuf, kind: &Kind, server: SocketAddr) -> Self {
        for _ in 0..10 {
            let address = addresses::free();
            let directory = Directory::create();
            let text = (kind.configuration)(address, server);
            fs::write(configuration(&directory), text).unwrap();
            let mut command = (kind.command)(program, &directory);
            command.stdin(Stdio::null()).stdout(Stdio::null());
            let mut child = command.kill_on_drop(true).spawn().unwrap();
            if listens(&mut child, address).await {
                return Self { _child: child, address, _directory: directory };
            }
        }
        panic!("{} ends at once, on any port", program.display());
    }
}

/// Waits until the process listens; `false` when it ends instead.
async fn listens(child: &mut Child, address: SocketAddr) -> bool {
    let listening = async || match child.try_wait().unwrap() {
        Some(_) => Some(false),
        None => TcpStream::connect(address).await.is_ok().then_some(true),
    };
    wait::until("a proxy that listens", listening).await.0
}

fn configuration(directory: &Directory) -> PathBuf {
    directory.path().join("configuration")
}

fn nginx_command(program: &PathBuf, directory: &Directory) -> Command {
    let mut command = Command::new(program);
    command.arg("-p").arg(directory.path()).arg("-c").arg(configuration(directory));
    command.args(["-e", "stderr"]);
    command
}

/// One process in the foreground, and every file below its directory. Without a limit on bodies, which are long for a
/// stream.
fn nginx_configuration(listen: SocketAddr, server: SocketAddr) -> String {
    format!(
        "daemon off;
master_process off;
pid nginx.pid;
error_log stderr crit;
events {{}}
http {{
  access_log off;
  client_body_temp_path body;
  proxy_temp_path proxy;
  fastcgi_temp_path fastcgi;
  uwsgi_temp_path uwsgi;
  scgi_temp_path scgi;
  client_max_body_size 0;
  server {{
    listen {listen} http2;
    location / {{
      grpc_pass grpc://{server};
    }}
  }}
}}
"
    )
}

fn envoy_command(program: &PathBuf, directory: &Directory) -> Command {
    let mut command = Command::new(program);
    command.arg("--config-path").arg(configuration(directory));
    // No shared memory with another Envoy of the machine, and one thread for calls.
    command.args(["--use-dynamic-base-id", "--concurrency", "1", "--log-level", "error"]);
    command
}

/// No admin port; no timeout but the caller's own. JSON is YAML, and Envoy tells the two apart by the file's name: with
/// none it takes YAML.
fn envoy_configuration(listen: SocketAddr, server: SocketAddr) -> String {
    let address = |address: SocketAddr| {
        serde_json::json!({
            "socket_address": { "address": address.ip().to_string(), "port_value": address.port() }
        })
    };
    let types = "type.googleapis.com/envoy.extensions";
    let route = serde_json::json!({
        "match": { "prefix": "/" },
        "route": { "cluster": "server", "timeout": "0s" },
    });
    let manager = serde_json::json!({
        "@type": format!("{types}.filters.network.http_connection_manager.v3.HttpConnectionManager"),
        "stat_prefix": "calls",
        "codec_type": "HTTP2",
        "route_config": { "virtual_hosts": [{ "name": "all", "domains": ["*"], "routes": [route] }] },
        "http_filters": [{
            "name": "envoy.filters.http.router",
            "typed_config": { "@type": format!("{types}.filters.http.router.v3.Router") },
        }],
    });
    let listener = serde_json::json!({
        "name": "calls",
        "address": address(listen),
        "filter_chains": [{ "filters": [{
            "name": "envoy.filters.network.http_connection_manager",
            "typed_config": manager,
        }] }],
    });
    let cluster = serde_json::json!({
        "name": "server",
        "type": "STATIC",
        "typed_extension_protocol_options": {
            "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
                "@type": format!("{types}.upstreams.http.v3.HttpProtocolOptions"),
                "explicit_http_config": { "http2_protocol_options": {} },
            },
        },
        "load_assignment": {
            "cluster_name": "server",
            "endpoints": [{ "lb_endpoints": [{ "endpoint": { "address": address(server) } }] }],
        },
    });
    serde_json::json!({
        "static_resources": { "listeners": [listener], "clusters": [cluster] },
    })
    .to_string()
}
