//! [`Methods`]: the table of known methods, each with its statistics.
//!
//! A caller must never be able to add an entry. So a method is either known from a descriptor, or it is
//! *provisional*: an entry outside of the table, made for a method of a known service that is seen for
//! the first time. It enters the table when the service's answer shows that the method exists; otherwise
//! its statistics fall into the one entry `unknown`.

mod brevity;
mod builder;
mod entry;
mod table;

pub use brevity::{Brevity, FirstPoll};
pub use builder::{DEFAULT_BUCKETS, DEFAULT_MAX_METHODS, MethodsBuilder};
pub use entry::{Method, MethodKind, Origin};
pub(crate) use table::Found;
pub use table::Methods;

/// Splits `/package.Service/Method`.
///
/// ```
/// use rootcap_layers::method::split;
///
/// assert_eq!(split("/helloworld.Greeter/SayHello"), Some(("helloworld.Greeter", "SayHello")));
/// assert_eq!(split("SayHello"), None);
/// ```
pub fn split(path: &str) -> Option<(&str, &str)> {
    let path = path.strip_prefix('/')?;
    // Names are short: a search that is made for long texts takes four times as long.
    let slash = path.bytes().rposition(|byte| byte == b'/')?;
    Some((&path[..slash], &path[slash + 1..]))
}

#[cfg(test)]
mod tests;
