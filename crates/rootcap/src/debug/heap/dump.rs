//! Reads what jemalloc writes of its samples: text of the format `heap_v2`.
//!
//! ```text
//! heap_v2/524288
//!   t*: 28106: 56637512 [90000: 99999999]
//!   t0: ..
//! @ 0x5f86da 0x5f5a1d 0x5f4c3e
//!   t*: 13: 6688 [20: 9000]
//!   t0: ..
//!
//! MAPPED_LIBRARIES:
//! ..
//! ```
//! After each stack, innermost first, come objects and bytes of it that live and, in brackets, that there ever were: in all
//! (`t*`), then by thread.

use std::io::{self, BufRead};

use super::{
    amount::Amount,
    snapshot::{Counts, Snapshot},
};

/// Reads all stacks.
///
/// # Errors
/// When a line is not what it ought to be: the text names it.
pub(super) fn read(dump: impl BufRead) -> io::Result<Snapshot> {
    let mut lines = dump.lines().enumerate();
    let (_, head) = lines.next().ok_or_else(|| malformed(0, ""))?;
    let head = head?;
    let mut snapshot = Snapshot::new(rate(&head).ok_or_else(|| malformed(0, &head))?);
    let mut stack = None;
    for (index, line) in lines {
        let line = line?;
        if line == "MAPPED_LIBRARIES:" {
            return Ok(snapshot);
        }
        let understood = match line.strip_prefix('@') {
            Some(addresses) => addresses_of(addresses).map(|found| stack = Some(found)),
            None => counts(&line, &mut stack, &mut snapshot),
        };
        understood.ok_or_else(|| malformed(index, &line))?;
    }
    Err(io::Error::new(io::ErrorKind::UnexpectedEof, "jemalloc's samples are cut short"))
}

fn malformed(index: usize, line: &str) -> io::Error {
    let line: String = line.chars().take(80).collect();
    let text = format!("line {} of jemalloc's samples is not understood: {line:?}", index + 1);
    io::Error::new(io::ErrorKind::InvalidData, text)
}

fn rate(head: &str) -> Option<u64> {
    head.strip_prefix("heap_v2/")?.parse().ok().filter(|rate| *rate > 0)
}

/// Each is where a function will go on; what has called lies before that.
fn addresses_of(text: &str) -> Option<Vec<u64>> {
    let address =
        |word: &str| u64::from_str_radix(word.strip_prefix("0x")?, 16).ok()?.checked_sub(1);
    text.split_whitespace().map(address).collect()
}

/// A line of numbers: in all, of the stack before; or by thread, which are not used.
fn counts(line: &str, stack: &mut Option<Vec<u64>>, snapshot: &mut Snapshot) -> Option<()> {
    if line.is_empty() {
        return Some(());
    }
    let (thread, numbers) = line.strip_prefix("  t")?.split_once(": ")?;
    let counts = counts_of(numbers)?;
    match (thread, stack.take()) {
        ("*", Some(stack)) => snapshot.add(stack, counts),
        // Those of all stacks.
        ("*", None) => {}
        (thread, _) => drop(thread.parse::<u64>().ok()?),
    }
    Some(())
}

/// `13: 6688 [20: 9000]`
fn counts_of(text: &str) -> Option<Counts> {
    let (in_use, allocated) = text.strip_suffix(']')?.split_once(" [")?;
    Some(Counts { in_use: amount(in_use)?, allocated: amount(allocated)? })
}

fn amount(text: &str) -> Option<Amount> {
    let (objects, bytes) = text.split_once(": ")?;
    Some(Amount { objects: objects.parse().ok()?, bytes: bytes.parse().ok()? })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use proptest::prelude::*;

    use super::*;

    const DUMP: &str = "heap_v2/524288
  t*: 3: 3000000 [4: 4000000]
  t0: 2: 2000000 [2: 2000000]
  t17: 1: 1000000 [2: 2000000]
@ 0x1001 0x2001
  t*: 2: 2097152 [2: 2097152]
  t0: 2: 2097152 [2: 2097152]
@ 0x1001 0x3001
  t*: 0: 0 [2: 2097152]
  t0: 0: 0 [2: 2097152]

MAPPED_LIBRARIES:
55d0c000-55d0d000 r-xp 00001000 fe:00 1234     /usr/bin/server
";

    #[test]
    fn stacks_are_read_with_what_their_samples_stand_for() {
        let snapshot = read(DUMP.as_bytes()).unwrap();
        assert_eq!(snapshot.every, 524_288);
        assert_eq!(snapshot.stacks.len(), 2);
        // Of objects of 1 MiB, 1 - 1/e^2 are sampled.
        let two = Amount { objects: 2, bytes: 2_425_393 };
        let living = snapshot.stacks[&[0x1000, 0x2000][..]];
        assert_eq!(living, Counts { in_use: two, allocated: two });
        let freed = snapshot.stacks[&[0x1000, 0x3000][..]];
        assert_eq!(freed, Counts { in_use: Amount::default(), allocated: two });
    }

    #[test]
    fn what_is_not_understood_is_named() {
        for (from, to, says) in [
            (
                "heap_v2/524288",
                "heap_v3/1",
                "line 1 of jemalloc's samples is not understood: \"heap_v3/1\"",
            ),
            ("heap_v2/524288", "heap_v2/0", "line 1 "),
            ("0x2001", "2001", "line 5 "),
            ("0x2001", "0x0", "line 5 "),
            ("2: 2097152 [2: 2097152]", "2: 2097152", "line 6 "),
            ("t*: 2: 2097152 [2", "t*: two: 2097152 [2", "line 6 "),
            ("t17:", "tx:", "line 4 "),
            ("MAPPED_LIBRARIES:", "OTHER_LIBRARIES:", "line 12 "),
        ] {
            let error = read(DUMP.replacen(from, to, 1).as_bytes()).unwrap_err();
            assert!(error.to_string().starts_with(says), "{error}");
        }
        let cut = DUMP.split("MAPPED").next().unwrap();
        let error = read(cut.as_bytes()).unwrap_err();
        assert_eq!(error.to_string(), "jemalloc's samples are cut short");
        assert!(read(&b""[..]).is_err());
    }

    proptest! {
        #[test]
        fn whatever_it_reads_it_does_not_panic(cut in 0..DUMP.len(), with in "[ -~\n]{0,8}") {
            let _ = read(format!("{}{with}{}", &DUMP[..cut], &DUMP[cut..]).as_bytes());
            let _ = read(format!("{}{with}", &DUMP[..cut]).as_bytes());
        }
    }
}
