//! What is exported: spans and log records, each with its method of the collector and its message.

use bytes::Bytes;
use opentelemetry::{Array, KeyValue, StringValue, Value, trace::Status};
use opentelemetry_proto::{
    tonic::{
        collector::{
            logs::v1::{ExportLogsServiceRequest, ExportLogsServiceResponse},
            trace::v1::{ExportTraceServiceRequest, ExportTraceServiceResponse},
        },
        common::v1::InstrumentationScope,
        logs::v1::{ResourceLogs, ScopeLogs},
        resource::v1 as proto,
    },
    transform::{
        common::tonic::ResourceAttributesWithSchema,
        trace::tonic::group_spans_by_resource_and_scope,
    },
};
use opentelemetry_sdk::{Resource, trace::SpanData};
use prost::{DecodeError, Message};

use super::{log_line::LogLine, queue::Weigh};

/// What a collector takes by one of its methods.
pub(super) trait Signal: Send + Sync + 'static {
    /// One span, or one log record.
    type Item: Weigh + Send + 'static;

    /// The value of the label `signal`.
    const NAME: &'static str;

    /// The collector's method.
    const PATH: &'static str;

    /// The message of an export: encoded once, however often it is sent.
    fn encode(&self, batch: Vec<Self::Item>) -> Bytes;

    /// How many items the collector has refused of an export that succeeded, and why.
    fn refused(answer: Bytes) -> Result<(u64, String), DecodeError>;
}

impl Weigh for SpanData {
    /// All of it, whoever chose it: a handler's event has the text of its message as a name.
    fn weight(&self) -> usize {
        let events = self.events.iter();
        let events =
            events.map(|event| size_of_val(event) + event.name.len() + weigh(&event.attributes));
        let links = self.links.iter().map(|link| size_of_val(link) + weigh(&link.attributes));
        let status = match &self.status {
            Status::Error { description } => description.len(),
            _ => 0,
        };
        size_of_val(self)
            + self.name.len()
            + status
            + weigh(&self.attributes)
            + events.sum::<usize>()
            + links.sum::<usize>()
    }
}

fn weigh(attributes: &[KeyValue]) -> usize {
    let text = |attribute: &KeyValue| match &attribute.value {
        Value::String(text) => text.as_str().len(),
        Value::Array(Array::String(texts)) => {
            texts.iter().map(|text| size_of::<StringValue>() + text.as_str().len()).sum()
        }
        Value::Array(Array::I64(numbers)) => size_of_val(&**numbers),
        Value::Array(Array::F64(numbers)) => size_of_val(&**numbers),
        Value::Array(Array::Bool(values)) => size_of_val(&**values),
        _ => 0,
    };
    let key_and_text = |attribute: &KeyValue| attribute.key.as_str().len() + text(attribute);
    size_of_val(attributes) + attributes.iter().map(key_and_text).sum::<usize>()
}

/// The calls' spans, and those that handlers make.
pub(super) struct Traces(pub(super) Resource);

impl Signal for Traces {
    type Item = SpanData;
    const NAME: &'static str = "traces";
    const PATH: &'static str = "/opentelemetry.proto.collector.trace.v1.TraceService/Export";

    fn encode(&self, batch: Vec<SpanData>) -> Bytes {
        let resource = ResourceAttributesWithSchema::from(&self.0);
        let resource_spans = group_spans_by_resource_and_scope(batch, &resource);
        ExportTraceServiceRequest { resource_spans }.encode_to_vec().into()
    }

    fn refused(answer: Bytes) -> Result<(u64, String), DecodeError> {
        let partial = ExportTraceServiceResponse::decode(answer)?.partial_success;
        Ok(partial
            .map(|partial| (count(partial.rejected_spans), partial.error_message))
            .unwrap_or_default())
    }
}

/// The log: events, and the ends of calls.
pub(super) struct Logs(pub(super) Resource);

impl Signal for Logs {
    type Item = LogLine;
    const NAME: &'static str = "logs";
    const PATH: &'static str = "/opentelemetry.proto.collector.logs.v1.LogsService/Export";

    fn encode(&self, batch: Vec<LogLine>) -> Bytes {
        let log_records = batch.iter().filter_map(LogLine::to_record).collect();
        let scope =
            InstrumentationScope { name: "rootcap".to_owned(), ..InstrumentationScope::default() };
        let scope_logs = ScopeLogs { scope: Some(scope), log_records, ..ScopeLogs::default() };
        let attributes = ResourceAttributesWithSchema::from(&self.0).attributes.0;
        let resource_logs = ResourceLogs {
            resource: Some(proto::Resource { attributes, ..proto::Resource::default() }),
            scope_logs: vec![scope_logs],
            ..ResourceLogs::default()
        };
        ExportLogsServiceRequest { resource_logs: vec![resource_logs] }.encode_to_vec().into()
    }

    fn refused(answer: Bytes) -> Result<(u64, String), DecodeError> {
        let partial = ExportLogsServiceResponse::decode(answer)?.partial_success;
        Ok(partial
            .map(|partial| (count(partial.rejected_log_records), partial.error_message))
            .unwrap_or_default())
    }
}

fn count(rejected: i64) -> u64 {
    u64::try_from(rejected).unwrap_or_default()
}
