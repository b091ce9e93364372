//! What `LISTEN_FDS`, `LISTEN_PID` and `LISTEN_FDNAMES` say.

use std::{ffi::OsString, os::fd::RawFd};

/// The number of the first descriptor: those below are stdin, stdout and stderr.
const FIRST: RawFd = 3;
/// The name of the sockets that are for the admin port.
const ADMIN: &str = "admin";

/// What a socket is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Port {
    Service,
    Admin,
}

/// A socket that was handed over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct HandedOver {
    pub(super) number: RawFd,
    pub(super) port: Port,
}

/// The sockets for the process with this id; none where the variables are missing, or those of another process.
///
/// # Errors
/// When a variable makes no sense: with its name, its value, and what is accepted.
pub(super) fn read(
    variable: impl Fn(&str) -> Option<OsString>,
    process: u32,
) -> Result<Vec<HandedOver>, String> {
    let text = |name| variable(name).map(|value| value.to_string_lossy().into_owned());
    let Some(pid) = text("LISTEN_PID") else { return Ok(Vec::new()) };
    let meant = pid.parse::<u32>().map_err(|_| wrong("LISTEN_PID", &pid, "the id of a process"))?;
    let Some(count) = text("LISTEN_FDS").filter(|_| meant == process) else {
        return Ok(Vec::new());
    };
    let expected = "the number of sockets that are handed over, from 0 to 65535";
    let sockets = count.parse::<u16>().map_err(|_| wrong("LISTEN_FDS", &count, expected))?;
    let ports = match text("LISTEN_FDNAMES") {
        Some(names) => ports(&names, usize::from(sockets))?,
        None => vec![Port::Service; usize::from(sockets)],
    };
    Ok((FIRST..).zip(ports).map(|(number, port)| HandedOver { number, port }).collect())
}

fn ports(names: &str, sockets: usize) -> Result<Vec<Port>, String> {
    let port = |name| if name == ADMIN { Port::Admin } else { Port::Service };
    // No name at all is none of no socket.
    let ports: Vec<_> = match sockets {
        0 if names.is_empty() => Vec::new(),
        _ => names.split(':').map(port).collect(),
    };
    if ports.len() != sockets {
        let expected = format!(
            "a name for each of the {sockets} sockets of LISTEN_FDS, with colons in between"
        );
        return Err(wrong("LISTEN_FDNAMES", names, &expected));
    }
    Ok(ports)
}

/// What is wrong with the socket at this place, which is `what`.
pub(super) fn unfit(all: &[HandedOver], at: usize, what: &str) -> String {
    let HandedOver { number, port } = all[at];
    let expected = match port {
        Port::Service => "listening stream sockets, TCP or Unix",
        Port::Admin => "a listening TCP socket by the name of \"admin\" in LISTEN_FDNAMES",
    };
    let count = all.len().to_string();
    format!("{}: descriptor {number} {what}", wrong("LISTEN_FDS", &count, expected))
}

fn wrong(name: &str, value: &str, expected: &str) -> String {
    format!("environment variable {name} = {value:?}: expected {expected}")
}

#[cfg(test)]
mod tests;
