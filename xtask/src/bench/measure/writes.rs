//! How often a server writes to its sockets for a response, by the system calls that strace sees.

use std::fs;
use std::process::Stdio;
use std::thread;
use std::time::{Duration, Instant};

use crate::bench::Result;
use crate::bench::accounting::Accounting;
use crate::bench::bench::{Bench, Table};
use crate::bench::build::Built;
use crate::bench::case::Case;
use crate::bench::contender::Group;
use crate::bench::cores;
use crate::bench::results::Results;

/// How long strace may take to end after the server.
const TAKE: Duration = Duration::from_secs(10);

pub(super) fn run(bench: &Bench, results: &mut Results) -> Result<()> {
    if let Err(missing) = cores::tool("strace") {
        results.not_measured(format!("writes: {missing}"));
        return Ok(());
    }
    let table = Table {
        of: "socket writes, unary, 10x10".to_owned(),
        numbers: &["writes/response"],
        contenders: bench.group(Group::Headline),
        rounds: bench.plan.pick(3, 1, 1),
    };
    bench.rounds(results, &table, |built| bench.per_call(|case| Ok([counted(bench, built, case)?])))
}

/// The writes to connections of a server from its start to its end, with the calls of a case between.
fn counted(bench: &Bench, built: &Built, case: &Case) -> Result<u64> {
    let path = bench.file("strace");
    // As a grandchild (-D), so that the server stays our child; with a filter in the kernel, so that the other system
    // calls run at their speed; with what each descriptor is (-yy), as the log and the wake-ups are written as well.
    let under =
        ["strace", "-D", "-f", "--seccomp-bpf", "-q", "-yy", "-s", "0", "-e", "signal=none"];
    let mut under: Vec<_> = under.map(Into::into).to_vec();
    under.extend(["-e", "trace=write,writev,sendto,sendmsg", "-o"].map(Into::into));
    under.push(path.clone().into());
    let server = bench.start_as(built, &built.binary, under, Stdio::null())?;
    bench.accounted(built, &server, case.calls, || bench.load(&server, case))?;
    let (port, strace) = (server.address.port(), Accounting::of(server.kernel().tracer()?));
    drop(server);
    wait_for_end(&strace)?;
    Ok(writes(&fs::read_to_string(path)?, port))
}

/// Waits until strace has ended, and with it has written all.
fn wait_for_end(strace: &Accounting) -> Result<()> {
    let start = Instant::now();
    while !strace.has_ended() {
        if start.elapsed() > TAKE {
            return Err("strace does not end".into());
        }
        thread::sleep(Duration::from_millis(10));
    }
    Ok(())
}

/// The writes to connections of a port: `TCP:[local->peer]` or `TCPv6:[...]`.
fn writes(text: &str, port: u16) -> u64 {
    let connection = format!(":{port}->");
    let is_write =
        |line: &&str| line.split_once("<TCP").is_some_and(|(_, to)| to.contains(&connection));
    text.lines().filter(is_write).count() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writes_to_connections_are_counted_once() {
        let text = "\
17 write(1</dev/null<char 1:3>>, \"\"..., 80) = 80
18 writev(9<TCP:[127.0.0.1:81->127.0.0.1:4000]>, [{iov_base=\"\"..., iov_len=9}], 1) = 9
18 sendto(9<TCP:[127.0.0.1:81->127.0.0.1:4001]>, \"\"..., 9, MSG_NOSIGNAL, NULL, 0 <unfinished ...>
17 write(3<anon_inode:[eventfd]>, \"\"..., 8) = 8
18 <... sendto resumed>) = 9
17 write(9<TCPv6:[[::1]:81->[::1]:4001]>, \"\"..., 9) = 9
17 writev(7<TCP:[127.0.0.1:80->127.0.0.1:4000]>, [{iov_base=\"\"..., iov_len=9}], 1) = 9
17 +++ killed by SIGKILL +++
";
        assert_eq!(writes(text, 81), 3);
        assert_eq!(writes(text, 80), 1);
        assert_eq!(writes(text, 8), 0);
    }
}
