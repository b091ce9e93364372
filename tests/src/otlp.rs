//! Where exported spans and log records go: a collector in the test's process, and a real one in front of it.

use std::{
    env,
    net::SocketAddr,
    process::{self, Stdio},
    sync::{Arc, Mutex},
};

use opentelemetry_proto::tonic::{
    collector::{
        logs::v1::{
            ExportLogsServiceRequest, ExportLogsServiceResponse,
            logs_service_server::{LogsService, LogsServiceServer},
        },
        trace::v1::{
            ExportTraceServiceRequest, ExportTraceServiceResponse,
            trace_service_server::{TraceService, TraceServiceServer},
        },
    },
    common::v1::{KeyValue, any_value::Value},
    logs::v1::LogRecord,
    resource::v1::Resource,
    trace::v1::Span,
};
use rootcap::{Running, Server, Services, config::Config};
use tokio::{
    net::TcpStream,
    process::{Child, Command},
};
use tonic::{Request, Response, Status, codec::CompressionEncoding::Gzip, metadata::MetadataMap};

use crate::{addresses, directory::Directory, programs, server, wait};

/// A collector that keeps what it gets.
#[derive(Clone)]
pub struct Sink {
    /// Where it listens.
    pub address: SocketAddr,
    got: Arc<Mutex<Got>>,
    /// Stops when the last clone is dropped.
    _server: Arc<Running>,
}

/// The services of a [`Sink`].
struct Keep(Arc<Mutex<Got>>);

/// What a collector has got.
#[derive(Default, Clone)]
pub struct Got {
    /// All spans.
    pub spans: Vec<Span>,
    /// All log records.
    pub records: Vec<LogRecord>,
    /// The resource of the last export.
    pub resource: Resource,
    /// The metadata of the last export.
    pub metadata: MetadataMap,
    /// How many spans each export had.
    pub batches: Vec<usize>,
}

impl Sink {
    /// Starts it in the test's runtime.
    ///
    /// # Panics
    /// When there is no port to be had.
    pub async fn start() -> Self {
        Self::start_with(|_| {}).await
    }

    /// The same, after `change` of the settings of the server that it is.
    ///
    /// # Panics
    /// When there is no port to be had.
    pub async fn start_with(change: impl FnOnce(&mut Config)) -> Self {
        let got = Arc::<Mutex<Got>>::default();
        // Rotel compresses, whatever it is told.
        let traces = TraceServiceServer::new(Keep(got.clone())).accept_compressed(Gzip);
        let logs = LogsServiceServer::new(Keep(got.clone())).accept_compressed(Gzip);
        let services = Services::new(traces).add(logs);
        let builder = Server::builder().config(server::settings()).configure(change);
        let server = builder.start(services).await.unwrap();
        Self { address: server.local_addr(), got, _server: Arc::new(server) }
    }

    /// What it has got so far, as far as `of` looks at it.
    ///
    /// # Panics
    /// When `of` panicked before.
    pub fn got<T>(&self, of: impl FnOnce(&Got) -> T) -> T {
        of(&self.got.lock().unwrap())
    }

    /// Waits until it has got what `of` looks for.
    pub async fn until<T>(&self, what: &str, of: impl Fn(&Got) -> Option<T>) -> T {
        wait::until(what, async || self.got(&of)).await.0
    }

    /// Its address as a setting.
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }
}

#[tonic::async_trait]
impl TraceService for Keep {
    async fn export(
        &self,
        request: Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        let mut got = self.0.lock().unwrap();
        got.metadata = request.metadata().clone();
        for of_resource in request.into_inner().resource_spans {
            got.resource = of_resource.resource.unwrap_or_default();
            let spans: Vec<_> =
                of_resource.scope_spans.into_iter().flat_map(|of_scope| of_scope.spans).collect();
            got.batches.push(spans.len());
            got.spans.extend(spans);
        }
        Ok(Response::new(ExportTraceServiceResponse::default()))
    }
}

#[tonic::async_trait]
impl LogsService for Keep {
    async fn export(
        &self,
        request: Request<ExportLogsServiceRequest>,
    ) -> Result<Response<ExportLogsServiceResponse>, Status> {
        let mut got = self.0.lock().unwrap();
        got.metadata = request.metadata().clone();
        for of_resource in request.into_inner().resource_logs {
            got.resource = of_resource.resource.unwrap_or_default();
            let records =
                of_resource.scope_logs.into_iter().flat_map(|of_scope| of_scope.log_records);
            got.records.extend(records);
        }
        Ok(Response::new(ExportLogsServiceResponse::default()))
    }
}

/// The attribute of this name, as text.
pub fn attribute(attributes: &[KeyValue], name: &str) -> Option<String> {
    let attribute = attributes.iter().find(|attribute| attribute.key == name)?;
    match attribute.value.as_ref()?.value.as_ref()? {
        Value::StringValue(text) => Some(text.clone()),
        Value::IntValue(number) => Some(number.to_string()),
        Value::DoubleValue(number) => Some(number.to_string()),
        Value::BoolValue(value) => Some(value.to_string()),
        _ => None,
    }
}

/// The real collector `rotel`, which forwards to a [`Sink`]. Killed when dropped.
pub struct Rotel {
    program: std::path::PathBuf,
    grpc: SocketAddr,
    http: SocketAddr,
    sink: SocketAddr,
    child: Option<Child>,
    /// Of the file with its process id.
    directory: Directory,
}

impl Rotel {
    /// Starts it; `None` where there is no such program.
    pub async fn start(sink: &Sink) -> Option<Self> {
        let program = programs::rotel()?;
        let mut rotel = Self {
            program,
            grpc: addresses::free(),
            http: addresses::free(),
            sink: sink.address,
            directory: Directory::create(),
            child: None,
        };
        rotel.restart().await;
        Some(rotel)
    }

    /// Its address as a setting.
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.grpc)
    }

    /// Starts it again, at the same address, after [`kill`](Self::kill).
    ///
    /// # Panics
    /// When it does not start.
    pub async fn restart(&mut self) {
        let mut command = Command::new(&self.program);
        for (variable, _) in env::vars_os() {
            if variable.to_string_lossy().starts_with("ROTEL_") {
                command.env_remove(variable);
            }
        }
        command
            .arg("start")
            .args(["--otlp-grpc-endpoint", &self.grpc.to_string()])
            .args(["--otlp-http-endpoint", &self.http.to_string()])
            .args(["--exporter", "otlp"])
            .args(["--otlp-exporter-endpoint", &format!("http://{}", self.sink)])
            .arg("--pid-file")
            .arg(self.directory.path().join("pid"))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .kill_on_drop(true);
        self.child = Some(command.spawn().unwrap());
        let listens = async || TcpStream::connect(self.grpc).await.ok();
        wait::until("the collector to listen", listens).await;
    }

    /// Kills it, without a chance to say goodbye.
    ///
    /// # Panics
    /// When it does not run.
    pub async fn kill(&mut self) {
        self.child.take().unwrap().kill().await.unwrap();
    }

    /// Sends a signal, by its name without `SIG`.
    ///
    /// # Panics
    /// When it does not run.
    pub fn signal(&self, name: &str) {
        let pid = self.child.as_ref().and_then(Child::id).unwrap();
        let kill = format!("kill -{name} {pid}");
        assert!(process::Command::new("sh").args(["-c", &kill]).status().unwrap().success());
    }
}
