//! The table of metrics: every one that the server records, with its labels and its description.

use super::schema::metrics;

metrics! {
    /// Connections accepted on the service port.
    counter connections_accepted_total();
    /// Connections closed at once, by reason: `max_connections`, `max_per_peer` or `open_files`.
    counter connections_refused_total(reason);
    /// Connections accepted beyond `connection.max_connections`, on which health is answered and nothing else.
    counter connections_health_only_total();
    /// Connections that have ended, by reason: `done`, `error`, `protocol`, `enhance_your_calm`, `keepalive_timeout`,
    /// `http1`, `tls_to_plaintext`, `handshake_timeout`, `handshake_failed`, `preface_timeout`, `max_age`, `idle`,
    /// `stalled` or `drain`.
    counter connections_closed_total(reason);
    /// Pings that peers have sent.
    counter connection_pings_total();
    /// Pings that peers have sent too often: more than two within five minutes of the one before, without data from the
    /// server in between (gRFC A8).
    counter connection_excess_pings_total();
    /// Open connections of the service port.
    gauge connections_open();
    /// Bytes of responses that wait for their peers, on all open connections.
    gauge connections_unsent_bytes();
    /// Calls that the server has reset because no answer could end them, by reason: `deadline`, `stalled`, which is
    /// `connection.stall_timeout`, or `cancelled` on `/debug/calls`.
    counter calls_reset_total(reason);
    /// Calls that somebody has cancelled on `/debug/calls`.
    counter calls_cancelled_total();
    /// Writes to the sockets of ended connections.
    counter connection_writes_total();
    /// Writes of ended connections that waited for others, to go out together.
    counter connection_writes_held_total();
    /// Failures to accept a connection.
    counter accept_errors_total();
    /// Admin connections closed to make room for another.
    counter admin_connections_evicted_total();
    /// Failures to accept an admin connection.
    counter admin_accept_errors_total();
    /// Lines of the log that were written.
    counter log_lines_written_total();
    /// Lines of the log that were dropped: the buffer was full.
    counter log_lines_dropped_total();
    /// Bytes of the log that were written.
    counter log_written_bytes_total();
    /// Worker threads of the service's runtime.
    gauge runtime_workers();
    /// Tasks of the service's runtime that have not ended.
    gauge runtime_alive_tasks();
    /// Tasks that wait in the runtime's global queue.
    gauge runtime_global_queue_depth();
    /// Polls of calls that blocked their thread for longer than `debug.stall_threshold`.
    counter stalls_total(grpc_method: String, grpc_service: String);
    /// Whether the last run of a health check succeeded (1) or failed (0).
    gauge health_check_up(check: String);
    /// Failures of a health check.
    counter health_check_failures_total(check: String);
    /// How long the last run of a health check took.
    gauge health_check_duration_seconds(check: String);
    /// When the certificate in use expires, in seconds since 1970, by port (`service` or `admin`); the days that are left
    /// are (this - time()) / 86400.
    gauge tls_certificate_not_after_timestamp_seconds(port);
    /// Looks at TLS files that had changed, by port and result (`success` or `failure`); a set of files that is no good
    /// fails at every look.
    counter tls_reloads_total(port, result);
    /// TLS handshakes that failed, by port and reason.
    counter tls_handshakes_failed_total(port, reason);
    /// Calls in flight that a limit counts, by its rule; of `limits.request_bytes`, bytes.
    gauge limit_in_flight(rule: String);
    /// The most that may be in flight, by rule; of a rule that tells callers apart, for each of them.
    gauge limit_max(rule: String);
    /// Calls that wait for their turn, by rule.
    gauge limit_queue_length(rule: String);
    /// Spans and log records that the collector has taken, by signal (`traces` or `logs`).
    counter otlp_exported_total(signal);
    /// Spans and log records that were dropped, by signal (`traces` or `logs`): the queue was full.
    counter otlp_dropped_total(signal);
    /// Spans and log records that the collector has refused or could not be given, by signal (`traces` or `logs`).
    counter otlp_failed_total(signal);
}
