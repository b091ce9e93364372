//! [`Head`]: what the headers of a request tell of its call, found in one pass.

use http::{HeaderMap, HeaderValue};

use crate::trace;

/// The headers that make a call what it is; of one that is repeated, the first.
///
/// A request has few headers: to compare the name of each costs less than to hash, one by one, the names that are
/// looked for.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Head<'a> {
    pub(crate) request_id: Option<&'a HeaderValue>,
    pub(super) timeout: Option<&'a HeaderValue>,
    pub(super) user_agent: Option<&'a HeaderValue>,
    /// Whether there is anything of a trace, in whatever way.
    pub(crate) is_traced: bool,
}

impl<'a> Head<'a> {
    pub(crate) fn read(headers: &'a HeaderMap) -> Self {
        let mut head = Self::default();
        for (name, value) in headers {
            let found = match name.as_str() {
                "user-agent" => &mut head.user_agent,
                "grpc-timeout" => &mut head.timeout,
                "x-request-id" => &mut head.request_id,
                name => {
                    head.is_traced |= trace::is_header(name);
                    continue;
                }
            };
            found.get_or_insert(value);
        }
        head
    }
}

#[cfg(test)]
mod tests {
    use http::{HeaderName, header::USER_AGENT};

    use super::*;
    use crate::{call::REQUEST_ID, deadline::GRPC_TIMEOUT};

    type Find = fn(Head<'_>) -> Option<&HeaderValue>;

    fn headers(names: &[HeaderName]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in names.iter().zip(["first", "second"].into_iter().cycle()) {
            headers.append(name, HeaderValue::from_static(value));
        }
        headers
    }

    #[test]
    fn each_header_is_found_and_of_two_the_first() {
        let found: [(HeaderName, Find); 3] = [
            (USER_AGENT, |head| head.user_agent),
            (GRPC_TIMEOUT.clone(), |head| head.timeout),
            (REQUEST_ID, |head| head.request_id),
        ];
        for (name, find) in found {
            let headers = headers(&[name.clone(), name.clone()]);
            assert_eq!(find(Head::read(&headers)), headers.get(&name), "{name}");
            assert!(!Head::read(&headers).is_traced);
        }
        assert_eq!(Head::read(&HeaderMap::new()).request_id, None);
    }
}
