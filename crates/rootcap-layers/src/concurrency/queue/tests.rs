//! The queue, against a plain list.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use proptest::prelude::*;

use super::*;

const LONG: Duration = Duration::from_secs(3_600);

fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// Lets `who` wait from `now` for `left`, if the queue admits that.
fn enter(
    queue: &mut Queue<usize>,
    who: usize,
    most: usize,
    (now, left): (Instant, Duration),
    interval: Option<Duration>,
) -> Result<Ticket, Closed> {
    queue.admits(most, now, now + left, interval)?;
    Ok(queue.enter(who, now, now + left))
}

/// A queue of at most `most` in which `0..waiting` wait.
fn queue(waiting: usize, most: usize, now: Instant) -> Queue<usize> {
    let mut queue = Queue::default();
    for who in 0..waiting {
        enter(&mut queue, who, most, (now, LONG), None).unwrap();
    }
    queue
}

fn drain(mut queue: Queue<usize>, most: usize, now: Instant) -> Vec<usize> {
    std::iter::from_fn(|| queue.next(most, now)).collect()
}

#[test]
fn a_short_queue_goes_by_age() {
    let now = Instant::now();
    assert_eq!(drain(queue(5, 10, now), 10, now), [0, 1, 2, 3, 4]);
    assert_eq!(drain(queue(1, 1, now), 1, now), [0]);
    assert_eq!(drain(queue(2, 4, now), 4, now), [0, 1]);
}

#[test]
fn in_a_long_queue_the_newest_goes_first_until_it_is_short() {
    let now = Instant::now();
    assert_eq!(drain(queue(10, 10, now), 10, now), [9, 8, 7, 6, 5, 0, 1, 2, 3, 4]);
}

#[test]
fn a_full_queue_takes_no_more() {
    let now = Instant::now();
    let mut queue = queue(3, 3, now);
    assert_eq!(enter(&mut queue, 3, 3, (now, LONG), None), Err(Closed::Full));
    assert_eq!(enter(&mut Queue::default(), 0, 0, (now, LONG), None), Err(Closed::Full));
}

#[test]
fn who_would_be_too_late_does_not_wait() {
    let now = Instant::now();
    let mut queue = queue(3, 100, now);
    let mut enter = |left| enter(&mut queue, 9, 100, (now, left), Some(ms(10)));
    assert_eq!(enter(ms(39)), Err(Closed::TooLate(ms(40))), "it would be the fourth");
    assert!(enter(ms(40)).is_ok());
    assert_eq!(enter(ms(40)), Err(Closed::TooLate(ms(50))));
}

#[test]
fn in_a_long_queue_the_newest_waits_for_one_turn() {
    let now = Instant::now();
    let mut queue = queue(60, 100, now);
    assert!(enter(&mut queue, 9, 100, (now, ms(10)), Some(ms(10))).is_ok());
    let closed = enter(&mut queue, 9, 100, (now, ms(9)), Some(ms(10)));
    assert_eq!(closed, Err(Closed::TooLate(ms(10))));
}

#[test]
fn whose_time_is_up_has_no_turn() {
    let now = Instant::now();
    let mut queue = Queue::default();
    for (who, left) in [5, 50, 6].into_iter().enumerate() {
        queue.enter(who, now, now + ms(left));
    }
    assert_eq!(queue.next(10, now + ms(10)), Some(1));
    assert_eq!((queue.len(), queue.next(10, now + ms(10))), (1, None));
    assert_eq!(queue.len(), 0);
}

#[derive(Debug, Clone)]
enum Event {
    Enter { left: u64 },
    Next,
    Leave(usize),
    Pass(u64),
}

fn events() -> impl Strategy<Value = Vec<Event>> {
    let event = prop_oneof![
        3 => (0u64..200).prop_map(|left| Event::Enter { left }),
        2 => Just(Event::Next),
        1 => (0usize..20).prop_map(Event::Leave),
        1 => (0u64..50).prop_map(Event::Pass),
    ];
    proptest::collection::vec(event, 0..200)
}

proptest! {
    /// Against a list: what is in it, in which order it goes, and that nobody who is late has a turn or is let in.
    #[test]
    fn it_is_the_list(events in events(), most in 0usize..12, interval in proptest::option::of(0u64..40)) {
        let (mut queue, mut list) = (Queue::default(), Vec::<(usize, Ticket, Instant)>::new());
        let (mut now, mut who) = (Instant::now(), 0);
        for event in events {
            match event {
                Event::Enter { left } => {
                    who += 1;
                    let until = now + ms(left);
                    let before = list.len();
                    match enter(&mut queue, who, most, (now, ms(left)), interval.map(ms)) {
                        Ok(ticket) => list.push((who, ticket, until)),
                        Err(Closed::Full) => prop_assert!(before >= most),
                        Err(Closed::TooLate(wait)) => {
                            prop_assert!(now + wait > until && wait <= ms(interval.unwrap()) * (before as u32 + 1));
                        }
                    }
                    prop_assert!(queue.len() <= most);
                }
                Event::Next => {
                    let mut expected = None;
                    while expected.is_none() && !list.is_empty() {
                        let at = if list.len() > most / 2 { list.len() - 1 } else { 0 };
                        let (who, _, until) = list.remove(at);
                        expected = (until > now).then_some(who);
                    }
                    prop_assert_eq!(queue.next(most, now), expected);
                }
                Event::Leave(at) if at < list.len() => {
                    let (who, ticket, _) = list.remove(at);
                    prop_assert_eq!(queue.leave(ticket), Some(who));
                    prop_assert_eq!(queue.leave(ticket), None, "a ticket is good once");
                }
                Event::Leave(_) => {}
                Event::Pass(millis) => now += ms(millis),
            }
            prop_assert_eq!(queue.len(), list.len());
        }
    }
}
