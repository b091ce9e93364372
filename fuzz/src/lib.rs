//! What the targets share: requests made of arbitrary bytes, and an observed service that they are sent to.

pub mod lines;
pub mod observed;

use std::{cell::OnceCell, future::Future};

use http::{HeaderMap, HeaderName, HeaderValue, Uri};
use tokio::runtime::{Builder, Runtime};

/// Bytes read as a head and a body: a first line, header lines (`name: value`), an empty line, and the rest.
#[derive(Debug)]
pub struct Head<'a> {
    /// The first line.
    pub first: &'a [u8],
    /// The headers; lines that no HTTP implementation would let through are left out.
    pub headers: HeaderMap,
    /// What follows the empty line.
    pub rest: &'a [u8],
}

impl<'a> Head<'a> {
    /// Reads them; there is nothing that is not a head.
    pub fn read(data: &'a [u8]) -> Self {
        let (first, mut rest) = line(data);
        let mut headers = HeaderMap::new();
        while !rest.is_empty() {
            let (header, after) = line(rest);
            rest = after;
            match split(header, b": ") {
                _ if header.is_empty() => break,
                Some((name, value)) => add(&mut headers, name, value),
                None => {}
            }
        }
        Self { first, headers, rest }
    }

    /// The first line as the target of a request.
    pub fn uri(&self) -> Option<Uri> {
        Uri::try_from(self.first).ok()
    }
}

/// The first line of `data`, and what follows it.
pub fn line(data: &[u8]) -> (&[u8], &[u8]) {
    split(data, b"\n").unwrap_or((data, &[]))
}

fn split<'a>(data: &'a [u8], at: &[u8]) -> Option<(&'a [u8], &'a [u8])> {
    let start = data.windows(at.len()).position(|window| window == at)?;
    Some((&data[..start], &data[start + at.len()..]))
}

fn add(headers: &mut HeaderMap, name: &[u8], value: &[u8]) {
    if let (Ok(name), Ok(value)) = (HeaderName::from_bytes(name), HeaderValue::from_bytes(value)) {
        headers.append(name, value);
    }
}

/// Runs a future to its end on this thread.
pub fn run<F: Future>(future: F) -> F::Output {
    thread_local!(static RUNTIME: OnceCell<Runtime> = const { OnceCell::new() });
    RUNTIME.with(|runtime| {
        let new = || Builder::new_current_thread().enable_time().build().expect("a runtime");
        runtime.get_or_init(new).block_on(future)
    })
}
