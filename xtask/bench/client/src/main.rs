//! The benchmark's own client, for what `h2load` does not measure: latencies at a fixed rate, connections that stay
//! open, and the time to the first call. Each task prints one line of numbers for `cargo xtask bench` to read.

mod connection;
mod first_call;
mod frames;
mod hold;
mod keys;
mod open_loop;
mod probe;
mod schedule;

use std::error::Error;
use std::process::ExitCode;
use std::{env, str};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

const USAGE: &str = "\
client open-loop <address> <connections> <calls per second> <calls>
    makes calls when they are due, however the server does; prints percentiles of the time since each was due, of those
    that are not refused
client hold <address> <connections>
    opens connections and prints `open`; after a line of input makes a call on each and prints `called`;
    closes them at the end of its input
client hold-calls <address> <connections> <calls>
    begins so many calls on each connection that do not end, and prints `open`; gives them up at the end of its input
client keys <address> <calls>
    makes calls of which each has another `x-tenant`, and prints how many were refused
client probe <address>
    checks the server's health until the end of its input, and prints how long that took at most
client first-call <address> <command>...
    starts a server, and prints the time from there to its first answer";

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    match run(&arguments.iter().map(String::as_str).collect::<Vec<_>>()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &[&str]) -> Result<()> {
    match arguments {
        ["open-loop", address, connections, rate, calls] => open_loop::run(
            read("address", address)?,
            read("number of connections", connections)?,
            read("rate", rate)?,
            read("number of calls", calls)?,
        ),
        ["hold", address, connections] => {
            hold::run(read("address", address)?, read("number of connections", connections)?)
        }
        ["hold-calls", address, connections, calls] => hold::calls(
            read("address", address)?,
            read("number of connections", connections)?,
            read("number of calls", calls)?,
        ),
        ["keys", address, calls] => {
            keys::run(read("address", address)?, read("number of calls", calls)?)
        }
        ["probe", address] => probe::run(read("address", address)?),
        ["first-call", address, program, arguments @ ..] => {
            first_call::run(read("address", address)?, program, arguments)
        }
        _ => Err(USAGE.into()),
    }
}

fn read<T: str::FromStr>(what: &str, text: &str) -> Result<T> {
    text.parse().map_err(|_| format!("`{text}` is no {what}\n\n{USAGE}").into())
}
