//! The header `traceparent` (W3C Trace Context, 3.2).

use std::{error::Error, fmt};

use opentelemetry::{SpanId, TraceFlags, TraceId};

/// A well-formed `traceparent`.
///
/// ```
/// use rootcap_layers::trace::TraceParent;
///
/// let value = b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
/// let parent = TraceParent::parse(value)?;
/// assert_eq!(parent.trace_id.to_string(), "0af7651916cd43dd8448eb211c80319c");
/// assert!(parent.flags.is_sampled());
/// # Ok::<(), rootcap_layers::trace::ParseError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TraceParent {
    /// Never zero.
    pub trace_id: TraceId,
    /// The caller's span, never zero.
    pub span_id: SpanId,
    /// As sent, unknown flags included.
    pub flags: TraceFlags,
}

/// The header is not `version-traceid-parentid-flags` in lower-case hexadecimal digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct ParseError;

impl fmt::Display for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not a well-formed traceparent")
    }
}

impl Error for ParseError {}

const LEN: usize = 55;

impl TraceParent {
    /// Parses the header's value.
    ///
    /// # Errors
    /// When it has another shape, a zero id, or the forbidden version `ff`. A higher version may be
    /// longer than version `00`, after another dash.
    pub fn parse(value: &[u8]) -> Result<Self, ParseError> {
        let (known, rest) = value.split_at_checked(LEN).ok_or(ParseError)?;
        let version = field(known, 0, 2)?;
        let continues = rest.first() == Some(&b'-') && version != 0;
        let dashes = [2, 35, 52].iter().all(|&at| known[at] == b'-');
        if version == 0xff || !dashes || !(rest.is_empty() || continues) {
            return Err(ParseError);
        }
        let (trace_id, span_id) = (field(known, 3, 32)?, field(known, 36, 16)?);
        if trace_id == 0 || span_id == 0 {
            return Err(ParseError);
        }
        Ok(Self {
            trace_id: TraceId::from(trace_id),
            span_id: SpanId::from(span_id as u64),
            flags: TraceFlags::new(field(known, 53, 2)? as u8),
        })
    }
}

fn field(value: &[u8], start: usize, len: usize) -> Result<u128, ParseError> {
    super::hexadecimal(&value[start..start + len]).ok_or(ParseError)
}
