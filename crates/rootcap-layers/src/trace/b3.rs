//! The headers of B3 propagation (openzipkin/b3-propagation): `b3`, or several of `x-b3-...`.

use std::{error::Error, fmt};

use opentelemetry::{SpanId, TraceId};

/// What B3 headers say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct B3 {
    /// The trace, and the caller's span in it; `None` where only a decision was sent.
    pub ids: Option<(TraceId, SpanId)>,
    /// The caller's decision; `None` leaves it to whoever receives this.
    pub decision: Option<Decision>,
}

/// Whether a trace is recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// It is not.
    Deny,
    /// It is.
    Accept,
    /// It is, whatever a sampler on the way would say.
    Debug,
}

/// The headers are not those of B3, or have a zero id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct ParseError;

impl fmt::Display for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not well-formed B3 headers")
    }
}

impl Error for ParseError {}

/// The headers `x-b3-...`, as far as they were sent. The caller's own parent is of no use here.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Multiple<'a> {
    /// `x-b3-traceid`
    pub trace_id: Option<&'a [u8]>,
    /// `x-b3-spanid`
    pub span_id: Option<&'a [u8]>,
    /// `x-b3-sampled`
    pub sampled: Option<&'a [u8]>,
    /// `x-b3-flags`
    pub flags: Option<&'a [u8]>,
}

impl B3 {
    /// Parses the value of `b3`: `{trace}-{span}`, `{trace}-{span}-{decision}`, the same with another dash and the
    /// caller's own parent, or a decision alone.
    ///
    /// # Errors
    /// When it has another shape, or a zero id.
    pub fn parse_single(value: &[u8]) -> Result<Self, ParseError> {
        if let [_] = value {
            return Ok(Self { ids: None, decision: Some(decision(value)?) });
        }
        let mut fields = value.split(|&byte| byte == b'-');
        let mut field = || fields.next();
        let ids = (trace_id(field().ok_or(ParseError)?)?, span_id(field().ok_or(ParseError)?)?);
        let decision = field().map(decision).transpose()?;
        field().map(span_id).transpose()?;
        match field() {
            None => Ok(Self { ids: Some(ids), decision }),
            Some(_) => Err(ParseError),
        }
    }

    /// Parses the headers `x-b3-...`. Both ids or none; `true` and `false` are taken as decisions too, which old
    /// callers send. The flag of debugging, `1`, implies a decision; other flags say nothing.
    ///
    /// # Errors
    /// When one of them is not well-formed, an id is zero or alone, or there is nothing at all.
    pub fn parse_multiple(headers: &Multiple<'_>) -> Result<Self, ParseError> {
        let ids = match (headers.trace_id, headers.span_id) {
            (Some(trace), Some(span)) => Some((trace_id(trace)?, span_id(span)?)),
            (None, None) => None,
            _ => return Err(ParseError),
        };
        let decision = match (headers.flags, headers.sampled) {
            (Some(b"1"), _) => Some(Decision::Debug),
            (_, None) => None,
            (_, Some(b"1" | b"true")) => Some(Decision::Accept),
            (_, Some(b"0" | b"false")) => Some(Decision::Deny),
            (_, Some(_)) => return Err(ParseError),
        };
        match (ids, decision) {
            (None, None) => Err(ParseError),
            _ => Ok(Self { ids, decision }),
        }
    }
}

fn decision(field: &[u8]) -> Result<Decision, ParseError> {
    match field {
        b"0" => Ok(Decision::Deny),
        b"1" => Ok(Decision::Accept),
        b"d" => Ok(Decision::Debug),
        _ => Err(ParseError),
    }
}

/// 128 bits, or the lower 64 of them.
fn trace_id(field: &[u8]) -> Result<TraceId, ParseError> {
    match field.len() {
        16 | 32 => number(field).map(TraceId::from),
        _ => Err(ParseError),
    }
}

fn span_id(field: &[u8]) -> Result<SpanId, ParseError> {
    match field.len() {
        16 => number(field).map(|id| SpanId::from(id as u64)),
        _ => Err(ParseError),
    }
}

/// A number that is not zero.
fn number(field: &[u8]) -> Result<u128, ParseError> {
    match super::hexadecimal(field) {
        Some(0) | None => Err(ParseError),
        Some(number) => Ok(number),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use proptest::prelude::*;

    use super::*;

    const TRACE: &str = "80f198ee56343ba864fe8b2a57d3eff7";
    const SPAN: &str = "e457b5a2e4d86bd1";

    fn ids() -> Option<(TraceId, SpanId)> {
        Some((TraceId::from_hex(TRACE).unwrap(), SpanId::from_hex(SPAN).unwrap()))
    }

    #[test]
    fn the_examples_of_the_specification() {
        for (value, ids, decision) in [
            (format!("{TRACE}-{SPAN}-1-05e3ac9a4f6e3b90"), ids(), Some(Decision::Accept)),
            (format!("{TRACE}-{SPAN}-1"), ids(), Some(Decision::Accept)),
            (format!("{TRACE}-{SPAN}-0"), ids(), Some(Decision::Deny)),
            (format!("{TRACE}-{SPAN}-d"), ids(), Some(Decision::Debug)),
            (format!("{TRACE}-{SPAN}"), ids(), None),
            ("0".into(), None, Some(Decision::Deny)),
            ("d".into(), None, Some(Decision::Debug)),
        ] {
            assert_eq!(B3::parse_single(value.as_bytes()), Ok(B3 { ids, decision }), "{value}");
        }
        let short = format!("{SPAN}-{SPAN}");
        let (trace, _) = B3::parse_single(short.as_bytes()).unwrap().ids.unwrap();
        assert_eq!(trace.to_string(), format!("{:016}{SPAN}", 0), "64 bits are the lower ones");
    }

    #[test]
    fn what_is_no_b3_header() {
        let zero = "0".repeat(32);
        for value in [
            "",
            "-",
            "2",
            "00",
            "---",
            TRACE,
            &format!("{TRACE}-"),
            &format!("{TRACE}-{SPAN}-"),
            &format!("{TRACE}-{SPAN}-2"),
            &format!("{TRACE}-{SPAN}-true"),
            &format!("{TRACE}-{SPAN}-1-"),
            &format!("{TRACE}-{SPAN}-1-{SPAN}-"),
            &format!("{TRACE}-{SPAN}-1-{TRACE}"),
            &format!("{zero}-{SPAN}-1"),
            &format!("{TRACE}-0000000000000000-1"),
            &format!("{}-{SPAN}-1", TRACE.to_uppercase()),
            &format!(" {TRACE}-{SPAN}-1"),
        ] {
            assert_eq!(B3::parse_single(value.as_bytes()), Err(ParseError), "{value}");
        }
    }

    #[test]
    fn several_headers() {
        let all = Multiple {
            trace_id: Some(TRACE.as_bytes()),
            span_id: Some(SPAN.as_bytes()),
            ..Multiple::default()
        };
        for (sampled, flags, decision) in [
            (None, None, None),
            (Some("1"), None, Some(Decision::Accept)),
            (Some("true"), None, Some(Decision::Accept)),
            (Some("0"), Some("0"), Some(Decision::Deny)),
            (Some("false"), None, Some(Decision::Deny)),
            (None, Some("1"), Some(Decision::Debug)),
            (Some("0"), Some("1"), Some(Decision::Debug)),
        ] {
            let (sampled, flags) = (sampled.map(str::as_bytes), flags.map(str::as_bytes));
            let headers = Multiple { sampled, flags, ..all };
            assert_eq!(B3::parse_multiple(&headers), Ok(B3 { ids: ids(), decision }));
            let alone = Multiple { trace_id: None, span_id: None, ..headers };
            let expected = decision.map(|_| B3 { ids: None, decision }).ok_or(ParseError);
            assert_eq!(B3::parse_multiple(&alone), expected);
        }
        for wrong in [
            Multiple { trace_id: None, ..all },
            Multiple { span_id: None, ..all },
            Multiple { sampled: Some(b"2"), ..all },
            Multiple { span_id: Some(TRACE.as_bytes()), ..all },
        ] {
            assert_eq!(B3::parse_multiple(&wrong), Err(ParseError), "{wrong:?}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_parse_without_panic(value in proptest::collection::vec(any::<u8>(), 0..100)) {
            let _ = B3::parse_single(&value);
            let field = Some(value.as_slice());
            let _ = B3::parse_multiple(&Multiple {
                trace_id: field, span_id: field, sampled: field, flags: field,
            });
        }

        #[test]
        fn text_that_is_nearly_right_parses_without_panic(value in "[0-9a-fd]{0,33}(-[0-9a-fd]{0,17}){0,5}") {
            if let Ok(B3 { ids: Some((trace, span)), .. }) = B3::parse_single(value.as_bytes()) {
                prop_assert!(trace != TraceId::INVALID && span != SpanId::INVALID);
            }
        }
    }
}
