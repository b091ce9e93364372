//! When what a burst has answered is written: by a connection that logs what it is polled for.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{
    future::{pending, poll_fn},
    pin::pin,
    sync::{Arc, Mutex},
};

use proptest::prelude::*;

use super::*;

/// A connection of which each poll first writes what was held, and then answers so many calls at once.
async fn connection(burst: &Burst, name: char, calls: u32, log: &Mutex<String>) {
    let mut calls = Some(calls);
    poll_fn(|_| {
        if let Some(calls) = calls.take() {
            (0..calls).for_each(|_| burst.spend(Duration::ZERO));
            log.lock().unwrap().push_str(&format!("{name}{calls} "));
        } else if !burst.lasts() {
            log.lock().unwrap().push_str(&format!("{name}! "));
            return Poll::Ready(());
        }
        Poll::Pending
    })
    .await;
}

/// Runs each connection in a task of its own, all of which are ready; returns what they did.
async fn run(connections: &[(char, u32)]) -> String {
    let log = Arc::new(Mutex::new(String::new()));
    let tasks = connections.iter().map(|&(name, calls)| {
        let log = Arc::clone(&log);
        tokio::spawn(async move {
            let (burst, mut bursts) = (Burst::default(), Bursts::new(Duration::from_millis(1)));
            let mut connection = pin!(connection(&burst, name, calls, &log));
            poll_fn(|cx| bursts.poll(&burst, connection.as_mut(), cx)).await;
        })
    });
    for task in tasks.collect::<Vec<_>>() {
        task.await.unwrap();
    }
    Arc::into_inner(log).unwrap().into_inner().unwrap()
}

#[tokio::test]
async fn connections_that_answer_together_write_together() {
    assert_eq!(run(&[('a', 2), ('b', 3), ('c', 2)]).await, "a2 b3 c2 a! b! c! ");
}

#[tokio::test]
async fn a_lone_answer_waits_for_no_other_connection() {
    assert_eq!(run(&[('a', 1), ('b', 2), ('c', 1)]).await, "a1 a! b2 c1 c! b! ");
}

/// Polls a connection for a burst of two calls: how often, and whether it has asked to come back.
fn burst_of_two(bursts: &mut Bursts) -> (u32, bool) {
    let (burst, mut polls) = (Burst::default(), 0);
    let mut connection = pin!(poll_fn(|_| {
        polls += 1;
        if polls == 1 {
            (0..2).for_each(|_| burst.spend(Duration::ZERO));
        }
        Poll::<()>::Pending
    }));
    let mut task =
        tokio_test::task::spawn(poll_fn(|cx| bursts.poll(&burst, connection.as_mut(), cx)));
    assert!(task.poll().is_pending());
    let waits = task.is_woken();
    drop(task);
    (polls, waits)
}

#[test]
fn a_burst_is_written_at_once_or_has_woken_its_task() {
    let mut bursts = Bursts::new(Duration::from_millis(1));
    for _ in 0..100 {
        assert!(matches!(burst_of_two(&mut bursts), (1, true) | (2, false)));
    }
}

#[test]
fn a_connection_that_answers_nothing_does_not_come_back() {
    let (burst, mut bursts) = (Burst::default(), Bursts::new(Duration::ZERO));
    let mut idle = pin!(pending::<()>());
    let mut task = tokio_test::task::spawn(poll_fn(|cx| bursts.poll(&burst, idle.as_mut(), cx)));
    assert!(task.poll().is_pending());
    assert!(!task.is_woken());
}

#[test]
fn the_more_trips_meet_nobody_the_fewer_are_made_down_to_one_in_sixteen() {
    let mut trips = Trips::default();
    let begun = |n: &u64| {
        trips.end(*n);
        trips.begin(*n)
    };
    assert_eq!((1..=70).filter(begun).collect::<Vec<_>>(), [1, 3, 7, 15, 31, 47, 63]);
}

#[test]
fn where_one_trip_meets_somebody_the_next_burst_makes_one() {
    let mut trips = Trips::default();
    let mut begin_at = |polls| {
        trips.end(polls);
        trips.begin(polls)
    };
    assert_eq!((1..=15).filter(|&polls| begin_at(polls)).last(), Some(15), "all met nobody");
    assert!(begin_at(20), "somebody was polled from the 16th to the 19th time");
}

proptest! {
    #[test]
    fn each_burst_makes_a_trip_while_each_meets_somebody(gaps in prop::collection::vec(2..9_u64, 1..50)) {
        let (mut trips, mut polls) = (Trips::default(), 0);
        for gap in gaps {
            polls += gap;
            trips.end(polls);
            prop_assert!(trips.begin(polls));
        }
    }
}
