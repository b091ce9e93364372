//! Tests of the buffer and its thread.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{
    io::{BufRead, BufReader},
    sync::mpsc::{Receiver, Sender, channel},
};

use proptest::prelude::*;

use super::*;

const LONG: Duration = Duration::from_secs(20);
const LIMIT: usize = 1024;

/// Gives the test what is written.
struct Told(Sender<Vec<u8>>);

impl Write for Told {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.send(bytes.to_vec()).unwrap();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Tells the test of each write, and returns from it what the test says: an error, or how many bytes were
/// taken.
struct Asked {
    asks: Sender<Vec<u8>>,
    answers: Receiver<io::Result<usize>>,
}

impl Write for Asked {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.asks.send(bytes.to_vec()).unwrap();
        self.answers.recv().unwrap().map(|taken| taken.min(bytes.len()))
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

const ALL: usize = usize::MAX;

fn asked() -> (Sink, Receiver<Vec<u8>>, Sender<io::Result<usize>>) {
    let (asks, asked) = channel();
    let (answer, answers) = channel();
    (Sink::start(Asked { asks, answers }, LIMIT, Format::Text).unwrap(), asked, answer)
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

#[test]
fn a_line_is_written_without_being_asked_for() {
    let (told, written) = channel();
    let sink = Sink::start(Told(told), LIMIT, Format::Json).unwrap();
    for line in ["one\n", "two\n", "three\n"] {
        sink.write(line.as_bytes());
        assert_eq!(text(&written.recv_timeout(LONG).unwrap()), line);
    }
    assert!(sink.flush(LONG));
    let counters = SinkCounters { lines_written: 3, lines_dropped: 0, bytes_written: 14 };
    assert_eq!(sink.counters(), counters);
}

#[test]
fn lines_that_come_while_it_writes_are_one_batch() {
    let (sink, asked, answer) = asked();
    sink.write(b"first\n");
    assert_eq!(text(&asked.recv_timeout(LONG).unwrap()), "first\n");
    for number in 0..50 {
        sink.write(format!("{number}\n").as_bytes());
    }
    answer.send(Ok(ALL)).unwrap();
    answer.send(Ok(ALL)).unwrap();
    assert!(sink.flush(LONG));
    assert_eq!(asked.recv_timeout(LONG).unwrap().iter().filter(|&&byte| byte == b'\n').count(), 50);
}

#[test]
fn a_full_buffer_drops_and_says_so() {
    let (sink, asked, answer) = asked();
    let line = [&[b'x'; 99][..], b"\n"].concat();
    sink.write(&line);
    assert_eq!(asked.recv_timeout(LONG).unwrap(), line);
    // The output is stuck from here on, and nobody waits for it.
    for _ in 0..100 {
        sink.write(&line);
    }
    assert_eq!(sink.counters().lines_dropped, 91, "ten lines fit, the one being written included");
    assert!(!sink.flush(Duration::ZERO));

    answer.send(Ok(ALL)).unwrap();
    answer.send(Ok(ALL)).unwrap();
    assert!(sink.flush(LONG));
    let batch = asked.recv_timeout(LONG).unwrap();
    let report = text(&batch[900..]);
    assert!(report.ends_with("  WARN dropped 91 log lines target=rootcap::log\n"), "{report}");
    assert_eq!(
        sink.counters(),
        SinkCounters {
            lines_written: 11,
            lines_dropped: 91,
            bytes_written: 1_000 + report.len() as u64
        }
    );
}

#[test]
fn a_full_buffer_has_room_for_what_must_not_be_lost_because_of_others() {
    let (sink, asked, answer) = asked();
    let sink = Arc::new(sink);
    sink.write(b"first\n");
    asked.recv_timeout(LONG).unwrap();
    sink.write(&[b'x'; LIMIT - 6]);
    sink.write(b"lost\n");
    sink.reserved().write(b"kept\n");
    sink.reserved().write(&[b'y'; RESERVE]);
    assert_eq!(sink.counters().lines_dropped, 2, "that room is bounded too");
    answer.send(Ok(ALL)).unwrap();
    answer.send(Ok(ALL)).unwrap();
    assert!(sink.flush(LONG));
    let batch = asked.recv_timeout(LONG).unwrap();
    assert!(text(&batch[LIMIT - 6..]).starts_with("kept\n"));
}

#[test]
fn a_line_larger_than_the_buffer_is_dropped() {
    let (told, written) = channel();
    let sink = Sink::start(Told(told), LIMIT, Format::Json).unwrap();
    sink.write(&[b'x'; LIMIT + 1]);
    sink.write(b"fits\n");
    assert!(sink.flush(LONG));
    drop(sink);
    let all: Vec<u8> = written.into_iter().flatten().collect();
    assert!(text(&all).starts_with("fits\n"), "{}", text(&all));
    assert_eq!(text(&all).matches("dropped 1 log lines").count(), 1);
}

#[test]
fn what_cannot_be_written_is_counted_and_forgotten() {
    let (sink, _asked, answer) = asked();
    let broken = || Err(io::ErrorKind::BrokenPipe.into());
    for _ in 0..10 {
        // A batch, and the report that may follow it.
        answer.send(broken()).unwrap();
    }
    for lost in 1..=3 {
        sink.write(b"line\n");
        assert!(sink.flush(LONG), "there is nothing left to wait for");
        assert_eq!(sink.counters().lines_dropped, lost);
    }
    assert_eq!(sink.counters().lines_written, 0);
}

#[test]
fn after_half_a_line_comes_a_new_one() {
    let (sink, asked, answer) = asked();
    sink.write(b"whole\n");
    assert_eq!(text(&asked.recv_timeout(LONG).unwrap()), "whole\n");
    sink.write(b"one\n");
    sink.write(b"two\n");
    answer.send(Ok(ALL)).unwrap();
    assert_eq!(text(&asked.recv_timeout(LONG).unwrap()), "one\ntwo\n");
    answer.send(Ok(6)).unwrap();
    assert_eq!(text(&asked.recv_timeout(LONG).unwrap()), "o\n");
    answer.send(Err(io::ErrorKind::StorageFull.into())).unwrap();
    assert_eq!(text(&asked.recv_timeout(LONG).unwrap()), "\n");
}

#[test]
fn an_interrupted_or_unready_output_is_tried_again() {
    let (sink, asked, answer) = asked();
    answer.send(Err(io::ErrorKind::Interrupted.into())).unwrap();
    answer.send(Err(io::ErrorKind::WouldBlock.into())).unwrap();
    answer.send(Ok(2)).unwrap();
    answer.send(Ok(ALL)).unwrap();
    sink.write(b"line\n");
    assert!(sink.flush(LONG));
    let tries: Vec<Vec<u8>> = asked.try_iter().collect();
    assert_eq!(tries, [&b"line\n"[..], b"line\n", b"line\n", b"ne\n"]);
    assert_eq!(sink.counters().lines_written, 1);
}

#[test]
fn dropping_it_writes_the_rest_and_ends_the_thread() {
    let (told, written) = channel();
    let sink = Sink::start(Told(told), LIMIT, Format::Json).unwrap();
    for _ in 0..5 {
        sink.write(b"line\n");
    }
    drop(sink);
    // Ends when the thread has dropped its end.
    assert_eq!(written.into_iter().flatten().collect::<Vec<u8>>(), b"line\n".repeat(5));
}

#[test]
fn a_reader_that_stalls_holds_up_nobody() {
    let (reader, writer) = io::pipe().unwrap();
    let sink = Sink::start(writer, 64 * 1024, Format::Json).unwrap();
    let line = [&[b'x'; 999][..], b"\n"].concat();
    // More than any pipe and the buffer hold together.
    while sink.counters().lines_dropped < 1_000 {
        sink.write(&line);
    }
    let dropped = sink.counters().lines_dropped;
    let read = thread::spawn(move || {
        let whole = |line: &String| line.len() == 999 && line.bytes().all(|byte| byte == b'x');
        let lines = BufReader::new(reader).lines().map(Result::unwrap);
        lines.partition::<Vec<String>, _>(whole)
    });
    assert!(sink.flush(LONG));
    let counters = sink.counters();
    drop(sink);
    let (lines, reports) = read.join().unwrap();
    assert_eq!(counters.lines_dropped, dropped);
    assert!(!reports.is_empty());
    assert!(reports.iter().all(|line| line.contains("\"message\":\"dropped ")), "{reports:?}");
    assert!(lines.len() as u64 + reports.len() as u64 >= counters.lines_written);
}

#[test]
fn many_threads_lose_nothing_that_fits() {
    let (told, written) = channel();
    let sink = Sink::start(Told(told), 1024 * 1024, Format::Json).unwrap();
    thread::scope(|scope| {
        for thread in 0..4 {
            let sink = &sink;
            scope.spawn(move || {
                for number in 0..1_000 {
                    sink.write(format!("{thread} {number}\n").as_bytes());
                }
            });
        }
    });
    assert!(sink.flush(LONG));
    assert_eq!(sink.counters().lines_written, 4_000);
    drop(sink);
    let all: Vec<u8> = written.into_iter().flatten().collect();
    for thread in 0..4 {
        let prefix = format!("{thread} ");
        let of_thread = text(&all).lines().filter_map(|line| line.strip_prefix(&prefix));
        let expected = (0..1_000).map(|number: usize| number.to_string());
        assert!(of_thread.eq(expected), "in the order in which they were given");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]
    #[test]
    fn accepted_and_dropped_are_all(lengths in proptest::collection::vec(1usize..400, 0..60)) {
        let (told, written) = channel();
        let sink = Sink::start(Told(told), LIMIT, Format::Json).unwrap();
        for &length in &lengths {
            let mut line = vec![b'x'; length - 1];
            line.push(b'\n');
            sink.write(&line);
        }
        prop_assert!(sink.flush(LONG));
        drop(sink);
        let all: Vec<u8> = written.into_iter().flatten().collect();
        let lines = text(&all).lines().filter(|line| !line.starts_with('{')).count();
        prop_assert!(lines <= lengths.len());
        let room_for_all = lengths.iter().sum::<usize>() <= LIMIT;
        prop_assert!(!room_for_all || lines == lengths.len());
    }
}
