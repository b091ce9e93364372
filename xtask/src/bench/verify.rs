//! Whether a run counts.

use super::case::Case;
use super::h2load::Load;
use super::metrics::{Lines, Tally};

/// Of this many lines, one may be dropped.
const LINES_PER_DROPPED: u64 = 1_000;

/// Checks the client's side: every call was answered, with the whole reply.
///
/// # Errors
///
/// When the run does not count; the text says why.
pub(crate) fn client(case: &Case, load: &Load) -> Result<(), String> {
    let calls = case.calls;
    answered(calls, load)?;
    let expected = calls * case.kind.reply_bytes();
    if load.data != expected {
        return Err(format!("the replies have {} bytes instead of {expected}", load.data));
    }
    Ok(())
}

/// Checks that every call was answered, be it with an error.
///
/// # Errors
///
/// When the run does not count; the text says why.
pub(crate) fn answered(calls: u64, load: &Load) -> Result<(), String> {
    let Load { succeeded, failed, .. } = load;
    if *succeeded != calls || *failed != 0 {
        return Err(format!("of {calls} calls, {succeeded} succeeded and {failed} failed"));
    }
    Ok(())
}

/// Checks the server's side: it handled what was sent, and accounts for every line that it promises for a call.
///
/// # Errors
///
/// When the run does not count; the text says why.
pub(crate) fn server(calls: u64, lines_per_call: u64, did: &Tally) -> Result<(), String> {
    if did.handled != calls || did.ok != calls {
        return Err(format!(
            "of {calls} calls, the server handled {} and answered {} with OK",
            did.handled, did.ok
        ));
    }
    did.lines.map_or(Ok(()), |did| lines(calls * lines_per_call, did))
}

fn lines(promised: u64, Lines { written, dropped }: Lines) -> Result<(), String> {
    let problem = if written + dropped != promised {
        format!("{written} were written and {dropped} dropped")
    } else if dropped * LINES_PER_DROPPED > promised {
        format!("{dropped} were dropped, more than one in {LINES_PER_DROPPED}")
    } else {
        return Ok(());
    };
    Err(format!("of {promised} log lines, {problem}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::case::UNARY;

    const CASE: Case = Case::unary(10, 10, 1_000);

    fn load() -> Load {
        Load { rate: 1.0, succeeded: 1_000, failed: 0, data: 1_000 * UNARY.reply_bytes() }
    }

    fn tally() -> Tally {
        logged(2_000, 0)
    }

    fn logged(written: u64, dropped: u64) -> Tally {
        Tally { handled: 1_000, ok: 1_000, lines: Some(Lines { written, dropped }) }
    }

    #[test]
    fn a_run_in_which_all_adds_up_counts() {
        assert_eq!(client(&CASE, &load()), Ok(()));
        assert_eq!(server(1_000, 2, &tally()), Ok(()));
        assert_eq!(server(1_000, 2, &logged(1_998, 2)), Ok(()));
        assert_eq!(server(1_000, 0, &logged(0, 0)), Ok(()));
        assert_eq!(server(1_000, 2, &Tally { lines: None, ..tally() }), Ok(()));
    }

    #[test]
    fn a_call_without_its_reply_does_not_count() {
        assert!(client(&CASE, &Load { succeeded: 999, ..load() }).is_err());
        assert!(client(&CASE, &Load { failed: 1, ..load() }).is_err());
        assert!(
            client(&CASE, &Load { data: load().data - UNARY.reply_bytes(), ..load() }).is_err()
        );
    }

    #[test]
    fn a_call_that_the_server_did_not_count_does_not_count() {
        assert!(server(1_000, 2, &Tally { handled: 999, ..tally() }).is_err());
        assert!(server(1_000, 2, &Tally { handled: 1_001, ..tally() }).is_err());
        assert!(server(1_000, 2, &Tally { ok: 999, ..tally() }).is_err());
    }

    #[test]
    fn lines_that_are_lost_or_dropped_do_not_count() {
        assert!(server(1_000, 2, &logged(1_999, 0)).is_err());
        assert!(server(1_000, 2, &logged(2_001, 0)).is_err());
        assert!(server(1_000, 2, &logged(1_997, 3)).is_err());
    }

    #[test]
    fn lines_that_were_not_promised_do_not_count() {
        assert!(server(1_000, 1, &tally()).is_err());
        assert!(server(1_000, 0, &tally()).is_err());
        assert!(server(1_000, 0, &logged(0, 1)).is_err());
    }
}
