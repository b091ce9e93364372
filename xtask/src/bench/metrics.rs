//! What a server says of itself on `/metrics`.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use super::Result;

/// Calls that were handled, by code.
const HANDLED: &str = "grpc_server_handled_total";
/// What the benchmark calls: a probe of the health service is not one of its calls.
const SERVICES: [&str; 3] = [
    "grpc_service=\"helloworld.Greeter\"",
    "grpc_service=\"bench.Load\"",
    "grpc_service=\"bench.Many\"",
];
const OK: &str = "grpc_code=\"OK\"";
/// Lines that went to the output.
const LINES_WRITTEN: &str = "rootcap_log_lines_written_total";
/// Lines that found their buffer full.
const LINES_DROPPED: &str = "rootcap_log_lines_dropped_total";

/// How much a server has done since its start.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Tally {
    /// Calls of the benchmark, whatever their end.
    pub(crate) handled: u64,
    /// Those of them that ended well.
    pub(crate) ok: u64,
    /// `None` from a server that does not count its lines.
    pub(crate) lines: Option<Lines>,
}

/// The lines of a log that may drop some.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Lines {
    pub(crate) written: u64,
    pub(crate) dropped: u64,
}

impl Tally {
    /// What was done since an earlier tally.
    pub(crate) fn since(self, earlier: Self) -> Self {
        Self {
            handled: self.handled.saturating_sub(earlier.handled),
            ok: self.ok.saturating_sub(earlier.ok),
            lines: self.lines.zip(earlier.lines).map(|(lines, earlier)| Lines {
                written: lines.written.saturating_sub(earlier.written),
                dropped: lines.dropped.saturating_sub(earlier.dropped),
            }),
        }
    }

    /// Reads the metrics as text, with or without the counts of lines.
    ///
    /// # Errors
    ///
    /// When a metric is missing that the benchmark relies on.
    pub(crate) fn parse(text: &str, counts_lines: bool) -> Result<Self> {
        // A service that was not called yet need not have a series, nor the metric any.
        let calls = |labels: &[&str]| {
            let of = |service: &&str| total(text, HANDLED, &[labels, &[*service]].concat());
            SERVICES.iter().filter_map(of).reduce(|one, other| one + other).unwrap_or(0)
        };
        let count =
            |name: &str| total(text, name, &[]).ok_or_else(|| format!("/metrics has no `{name}`"));
        let lines = || -> Result<_> {
            Ok(Lines { written: count(LINES_WRITTEN)?, dropped: count(LINES_DROPPED)? })
        };
        let lines = counts_lines.then(lines).transpose()?;
        Ok(Self { handled: calls(&[]), ok: calls(&[OK]), lines })
    }
}

/// The sum of all series of a name whose labels contain the given ones; `None` without such a series.
fn total(text: &str, name: &str, labels: &[&str]) -> Option<u64> {
    let value = |line: &str| {
        let rest = line.strip_prefix(name)?;
        // The last brace: a label's value may contain others.
        let (found, value) = match rest.strip_prefix('{') {
            Some(rest) => rest.rsplit_once('}')?,
            // Else it is another metric whose name begins like this one.
            None => ("", rest.strip_prefix(' ')?),
        };
        let matches = labels.iter().all(|label| found.contains(label));
        // A counter may be written as a float; the counts of a benchmark are far below where that loses one.
        matches.then_some(value.split_whitespace().next()?.parse::<f64>().ok()? as u64)
    };
    text.lines().filter_map(value).fold(None, |sum, value| Some(sum.unwrap_or(0) + value))
}

/// Asks an admin port for its metrics.
pub(crate) fn scrape(admin: SocketAddr) -> Result<String> {
    Ok(String::from_utf8(get(admin, "/metrics")?)?)
}

/// Asks an admin port for a page. The answer to HTTP/1.0 comes in one piece and ends with the connection.
pub(crate) fn get(admin: SocketAddr, path: &str) -> Result<Vec<u8>> {
    let mut stream = TcpStream::connect(admin)?;
    stream.set_read_timeout(Some(Duration::from_secs(5)))?;
    // In one write: a server that answers early may reset a connection on which more arrives.
    stream.write_all(format!("GET {path} HTTP/1.0\r\nHost: {admin}\r\n\r\n").as_bytes())?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    let end = answer.windows(4).position(|bytes| bytes == b"\r\n\r\n");
    let end = end.ok_or_else(|| format!("{path} answered no HTTP"))?;
    let body = answer.split_off(end + 4);
    let head = String::from_utf8(answer)?;
    let status = head.lines().next().unwrap_or_default();
    if status.split(' ').nth(1) != Some("200") {
        return Err(format!("{path} answered `{status}`").into());
    }
    Ok(body)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use std::net::TcpListener;
    use std::thread;

    use super::*;

    const TEXT: &str = r#"# HELP grpc_server_handled_total Calls that were handled.
# TYPE grpc_server_handled_total counter
grpc_server_handled_total{grpc_type="unary",grpc_service="helloworld.Greeter",grpc_method="SayHello",grpc_code="OK"} 120
grpc_server_handled_total{grpc_type="unary",grpc_service="helloworld.Greeter",grpc_method="SayHello",grpc_code="Internal"} 3
grpc_server_handled_total{grpc_code="OK",grpc_method="Echo",grpc_service="bench.Load",grpc_type="unary"} 10
grpc_server_handled_total{grpc_type="unary",grpc_service="grpc.health.v1.Health",grpc_method="Check",grpc_code="OK"} 7
grpc_server_handled_total_bogus 1
rootcap_log_lines_written_total 240.0
rootcap_log_lines_dropped_total{reason="full"} 5 1700000000
rootcap_log_lines_dropped_total{reason="}"} 1
"#;

    #[test]
    fn the_tally_is_read() {
        let tally = Tally { handled: 133, ok: 130, lines: None };
        assert_eq!(Tally::parse(TEXT, false).unwrap(), tally);
        let lines = Some(Lines { written: 240, dropped: 6 });
        assert_eq!(Tally::parse(TEXT, true).unwrap(), Tally { lines, ..tally });
    }

    #[test]
    fn a_missing_metric_is_named() {
        for missing in [LINES_WRITTEN, LINES_DROPPED] {
            let text = TEXT.replace(missing, "something_else");
            assert!(Tally::parse(&text, true).unwrap_err().to_string().contains(missing));
        }
    }

    #[test]
    fn a_tally_since_another_is_the_difference() {
        let tally = |handled, ok, written, dropped| Tally {
            handled,
            ok,
            lines: Some(Lines { written, dropped }),
        };
        assert_eq!(tally(5, 4, 9, 1).since(tally(1, 1, 2, 0)), tally(4, 3, 7, 1));
    }

    /// Answers one request, and returns what was asked.
    fn answer(listener: &TcpListener, answer: &str) -> String {
        let (mut peer, _) = listener.accept().unwrap();
        let mut asked = Vec::new();
        while !asked.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            peer.read_exact(&mut byte).unwrap();
            asked.extend(byte);
        }
        peer.write_all(answer.as_bytes()).unwrap();
        String::from_utf8(asked).unwrap()
    }

    #[test]
    fn a_scrape_reads_the_body_to_its_end() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let admin = listener.local_addr().unwrap();
        let server = thread::spawn(move || {
            let asked = answer(
                &listener,
                &format!("HTTP/1.0 200 OK\r\ncontent-type: text/plain\r\n\r\n{TEXT}"),
            );
            answer(&listener, "HTTP/1.0 503 Service Unavailable\r\n\r\nnot yet");
            asked
        });
        assert_eq!(scrape(admin).unwrap(), TEXT);
        assert!(scrape(admin).unwrap_err().to_string().contains("503"));
        let asked = server.join().unwrap();
        assert!(asked.starts_with("GET /metrics HTTP/1.0\r\n"));
        assert!(asked.contains(&format!("Host: {admin}\r\n")));
    }
}
