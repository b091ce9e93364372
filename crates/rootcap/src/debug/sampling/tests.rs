//! Profiles and stacks of this very process.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{
    hint::black_box,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
        mpsc,
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use super::{
    cpu::{Recorded, record},
    *,
};
use crate::debug::{
    Refused, Request, Stop,
    marks::{self, Doing},
    profile::Profile,
    threads::frames,
};

/// Threads that do something until this is dropped.
struct Busy {
    end: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
}

impl Busy {
    fn with(name: &str, count: usize, work: fn(&AtomicBool)) -> Self {
        let end = Arc::new(AtomicBool::new(false));
        let spawn = |_| {
            let end = Arc::clone(&end);
            thread::Builder::new().name(name.to_owned()).spawn(move || work(&end)).unwrap()
        };
        let threads = (0..count).map(spawn).collect();
        Self { end, threads }
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        self.end.store(true, Relaxed);
        self.threads.drain(..).for_each(|thread| thread.join().unwrap());
    }
}

#[inline(never)]
fn caller_of_the_hot_leaf(end: &AtomicBool) {
    while !end.load(Relaxed) {
        black_box(the_hot_leaf(black_box(10_000)));
    }
}

#[inline(never)]
fn the_hot_leaf(rounds: u64) -> u64 {
    let mut sum = 1_u64;
    for round in 0..rounds {
        sum = sum.wrapping_mul(black_box(6_364_136_223_846_793_005)) ^ round;
    }
    sum
}

fn request(lasts: Duration, hz: u32) -> Request {
    Request { lasts, hz, who: "a test".to_owned() }
}

/// A profile in which a thread of that name has used the CPU for long enough to say something: how soon it is let on the
/// CPU is for others to decide.
fn profile_of(thread: &str, method: impl Fn(Doing) -> Option<String>) -> Profile {
    for _ in 0..100 {
        let recorded = recorded(&request(Duration::from_millis(300), 200), &Stop::default());
        let profile = recorded.profile(&method);
        if spent(&profile, thread, &[]) >= 50_000_000 {
            return profile;
        }
    }
    panic!("{thread} is never seen to use the CPU");
}

fn recorded(request: &Request, stop: &Stop) -> Recorded {
    loop {
        match record(request, stop) {
            Ok(recorded) => return recorded,
            Err(Refused::Busy(_)) => thread::yield_now(),
            Err(refused) => panic!("{refused}"),
        }
    }
}

/// What threads of a name have spent where a stack has such functions, innermost first, and whatever between.
fn spent(profile: &Profile, thread: &str, functions: &[&str]) -> u64 {
    let has = |stack: &[u64]| {
        let mut wanted = functions.iter().peekable();
        for name in profile.names(stack) {
            wanted.next_if(|function| name.ends_with(**function));
        }
        wanted.peek().is_none()
    };
    let with =
        profile.samples.iter().filter(|sample| sample.labels[0].1 == thread && has(&sample.stack));
    with.map(|sample| sample.values[1]).sum()
}

#[test]
fn the_hot_leaf_and_who_calls_it_are_found_with_the_time_that_they_take() {
    let _busy = Busy::with("hot", 1, caller_of_the_hot_leaf);
    let profile = profile_of("hot", |_| None);
    let whole = spent(&profile, "hot", &["the_hot_leaf", "caller_of_the_hot_leaf", "thread_start"]);
    let any = spent(&profile, "hot", &["the_hot_leaf"]);
    let stacks: Vec<Vec<_>> =
        profile.samples.iter().take(3).map(|it| profile.names(&it.stack).collect()).collect();
    assert!(whole > 0, "{:?} {stacks:#?}", profile.comments);
    assert!(whole * 10 >= any * 9, "{whole} of {any} ns have their whole stack");
    // A thread cannot use more than there was.
    assert!(any <= profile.lasted.as_nanos() as u64 * 11 / 10, "{any} ns");
    assert_eq!(profile.samples[0].values[0] * 5_000_000, profile.samples[0].values[1]);
}

#[test]
fn a_sample_has_the_thread_and_the_method_whose_call_it_polled() {
    fn polling(end: &AtomicBool) {
        let _polled = marks::poll(Doing { owner: 17, method: 18 });
        caller_of_the_hot_leaf(end);
    }
    let _busy = Busy::with("polling", 1, polling);
    let name = |doing: Doing| (doing.owner == 17).then(|| format!("/m/{}", doing.method));
    let profile = profile_of("polling", name);
    let labels = vec![("thread", "polling".to_owned()), ("grpc_method", "/m/18".to_owned())];
    assert!(profile.samples.iter().any(|sample| sample.labels == labels), "{profile:?}");
}

#[test]
fn a_second_profile_is_refused_with_a_word_on_the_first() {
    let stop = Stop::default();
    let first = {
        let stop = stop.clone();
        thread::spawn(move || drop(recorded(&request(Duration::from_secs(300), 10), &stop)))
    };
    let refused = loop {
        match profile_cpu(&request(Duration::from_millis(1), 10), &stop, |_| None) {
            Err(refused) if refused.to_string().contains("it ends in 2") => break refused,
            _ => thread::yield_now(),
        }
    };
    let text = refused.to_string();
    assert!(text.starts_with("a CPU profile is being taken already, for a test, since "), "{text}");
    let began = Instant::now();
    stop.ask();
    first.join().unwrap();
    assert!(began.elapsed() < Duration::from_secs(60), "nobody waits for it any more");
}

/// Allocation, locks, panics that are caught, threads that come and go, and stacks of all depths: while profiles follow one
/// another and threads are asked, as fast as they can.
#[test]
fn many_profiles_in_a_row_under_load_do_no_harm() {
    static DONE: AtomicU64 = AtomicU64::new(0);
    fn deep(levels: usize) -> usize {
        let room = black_box([levels as u8; 300]);
        if levels == 0 { 0 } else { deep(levels - 1) + usize::from(room[17] > 0) }
    }
    fn all_sorts(end: &AtomicBool) {
        while !end.load(Relaxed) {
            let texts: Vec<String> = (0..100).map(|number| number.to_string()).collect();
            thread::spawn(move || black_box(texts)).join().unwrap();
            deep(100);
            let unwound = std::panic::catch_unwind(|| std::panic::resume_unwind(Box::new(7)));
            assert!(unwound.is_err());
            DONE.fetch_add(1, Relaxed);
        }
    }
    let _busy = Busy::with("all sorts", 3, all_sorts);
    let asked = thread::spawn(|| {
        for _ in 0..50 {
            let threads: Vec<u32> = threads().unwrap().into_iter().collect();
            stacks(&threads).unwrap();
        }
    });
    let mut samples = 0;
    for _ in 0..100 {
        samples += recorded(&request(Duration::from_millis(10), 1000), &Stop::default()).samples();
    }
    asked.join().unwrap();
    assert!(samples > 0 && DONE.load(Relaxed) > 0);
}

#[test]
fn a_thread_that_sleeps_says_where() {
    #[inline(never)]
    fn waits_for_ever(end: &mpsc::Receiver<()>) {
        let _ = black_box(end).recv();
    }
    let (end, ended) = mpsc::channel();
    let (tell, told) = mpsc::channel();
    let waiting = thread::spawn(move || {
        tell.send(thread()).unwrap();
        waits_for_ever(&ended);
    });
    let number = told.recv().unwrap();
    let found = loop {
        thread::yield_now();
        let frames =
            frames(&stacks(&[number, u32::MAX]).unwrap()).unwrap().remove(&number).unwrap();
        // It may not have come there yet.
        if let Some(at) = frames.iter().position(|it| it.function.ends_with("waits_for_ever")) {
            break frames[..=at].to_vec();
        }
    };
    assert!(found.len() > 1, "{found:?}");
    assert!(found.last().unwrap().source.contains("tests.rs:"), "{found:?}");
    drop(end);
    waiting.join().unwrap();
}
