//! The gate, with a clock of the test's own.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use proptest::prelude::*;

use super::*;

fn bounds(limit: usize, queue: usize) -> Bounds {
    Bounds {
        limit: limit.try_into().unwrap(),
        queue,
        queue_timeout: Duration::from_secs(1),
        mode: Mode::Enforce,
    }
}

fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// What a call that comes now and may wait for a second gets: a permit, or a place, or neither.
fn arrive(
    gate: &mut Gate<u32>,
    who: u32,
    bounds: &Bounds,
    now: Instant,
) -> Option<Result<Ticket, Closed>> {
    if gate.has_room(bounds) {
        gate.take(bounds, || now);
        return None;
    }
    let until = now + bounds.queue_timeout;
    Some(gate.may_wait(bounds, now, until).map(|()| gate.wait(who, now, until)))
}

#[test]
fn nobody_passes_those_who_wait() {
    let (bounds, now) = (bounds(1, 5), Instant::now());
    let mut gate = Gate::default();
    assert_eq!(arrive(&mut gate, 0, &bounds, now), None);
    assert!(matches!(arrive(&mut gate, 1, &bounds, now), Some(Ok(_))));
    gate.release(|| now);
    assert!(!gate.has_room(&bounds), "the permit is for whoever waits");
    assert_eq!(gate.next(&bounds, || now), Some(1));
    assert_eq!((gate.next(&bounds, || now), gate.in_flight()), (None, 1));
}

#[test]
fn the_clock_is_not_asked_while_there_is_room() {
    let (bounds, now) = (bounds(2, 5), Instant::now());
    let mut gate = Gate::<u32>::default();
    gate.take(&bounds, || now);
    gate.release(|| unreachable!("a call that is not limited needs no clock"));
    assert_eq!(gate.next(&bounds, || unreachable!("nobody waits")), None);
    assert!(gate.is_idle());
}

#[test]
fn a_higher_limit_serves_more_of_those_who_wait() {
    let now = Instant::now();
    let mut gate = Gate::default();
    for who in 0..6 {
        arrive(&mut gate, who, &bounds(2, 10), now);
    }
    let more = bounds(4, 10);
    let served: Vec<_> = std::iter::from_fn(|| gate.next(&more, || now)).collect();
    assert_eq!((served, gate.in_flight(), gate.queue().len()), (vec![2, 3], 4, 2));
}

#[test]
fn a_lower_limit_takes_effect_as_permits_come_back() {
    let now = Instant::now();
    let mut gate = Gate::default();
    for who in 0..4 {
        arrive(&mut gate, who, &bounds(3, 10), now);
    }
    let fewer = bounds(1, 10);
    for expected in [None, None, Some(3)] {
        gate.release(|| now);
        assert_eq!(gate.next(&fewer, || now), expected);
    }
    assert_eq!(gate.in_flight(), 1);
}

#[test]
fn what_only_observes_keeps_nobody() {
    let now = Instant::now();
    let mut gate = Gate::default();
    for who in 0..4 {
        arrive(&mut gate, who, &bounds(1, 10), now);
    }
    let observing = Bounds { mode: Mode::Observe, ..bounds(1, 10) };
    let served: Vec<_> = std::iter::from_fn(|| gate.next(&observing, || now)).collect();
    assert_eq!((served, gate.in_flight()), (vec![1, 2, 3], 4));
}

/// What the queue would wait in vain for is known from what came before, and forgotten by what comes after.
#[test]
fn the_pace_is_learnt_while_all_permits_are_out() {
    let (bounds, mut now) = (bounds(1, 100), Instant::now());
    let mut gate = Gate::<u32>::default();
    assert_eq!(gate.estimated_wait(&bounds, now), None);
    let mut serve = |millis, times| {
        for _ in 0..times {
            gate.take(&bounds, || now);
            now += ms(millis);
            gate.release(|| now);
            now += Duration::from_secs(60);
        }
        gate.estimated_wait(&bounds, now).unwrap()
    };
    assert_eq!(serve(500, 9).as_millis(), 500);
    assert!((10..20).contains(&serve(10, 200).as_millis()));
}

#[derive(Debug, Clone)]
enum Event {
    Arrive,
    Release,
    Leave(usize),
    Limit(usize),
    Queue(usize),
    Mode(Mode),
    Pass(u64),
}

fn events() -> impl Strategy<Value = Vec<Event>> {
    let event = prop_oneof![
        5 => Just(Event::Arrive),
        4 => Just(Event::Release),
        1 => (0usize..10).prop_map(Event::Leave),
        1 => (1usize..6).prop_map(Event::Limit),
        1 => (0usize..6).prop_map(Event::Queue),
        1 => prop_oneof![3 => Just(Mode::Enforce), 1 => Just(Mode::Observe)].prop_map(Event::Mode),
        2 => (0u64..400).prop_map(Event::Pass),
    ];
    proptest::collection::vec(event, 0..300)
}

proptest! {
    /// Whatever happens: never are more permits given than there are, never does anybody wait while one is left, and
    /// who was let in has a permit, waits, has left, or was late.
    #[test]
    fn permits_are_neither_lost_nor_invented(events in events()) {
        let (mut gate, mut bounds, mut now) = (Gate::default(), bounds(2, 3), Instant::now());
        let (mut who, mut out, mut waiting) = (0, 0usize, Vec::<(u32, Ticket, Instant)>::new());
        for event in events {
            let before = gate.in_flight();
            match event {
                Event::Arrive => {
                    who += 1;
                    if bounds.mode == Mode::Observe {
                        gate.take(&bounds, || now);
                        out += 1;
                    } else {
                        match arrive(&mut gate, who, &bounds, now) {
                            None => out += 1,
                            Some(Ok(ticket)) => waiting.push((who, ticket, now + bounds.queue_timeout)),
                            Some(Err(Closed::Full)) => prop_assert!(gate.queue().len() >= bounds.queue),
                            Some(Err(Closed::TooLate(wait))) => prop_assert!(wait > bounds.queue_timeout),
                        }
                    }
                }
                Event::Release if out > 0 => {
                    gate.release(|| now);
                    out -= 1;
                }
                Event::Leave(at) if at < waiting.len() => {
                    let (who, ticket, _) = waiting.remove(at);
                    prop_assert_eq!(gate.leave(ticket), Some(who));
                }
                Event::Limit(limit) => bounds.limit = limit.try_into().unwrap(),
                Event::Queue(queue) => bounds.queue = queue,
                Event::Mode(mode) => bounds.mode = mode,
                Event::Pass(millis) => now += ms(millis),
                Event::Release | Event::Leave(_) => {}
            }
            while let Some(who) = gate.next(&bounds, || now) {
                let at = waiting.iter().position(|(waiting, ..)| *waiting == who).unwrap();
                prop_assert!(now < waiting.remove(at).2, "{who} is late");
                out += 1;
            }
            // Those who are late are gone when it is looked at them.
            waiting.retain(|(_, ticket, until)| gate.queue().has(*ticket) || now < *until);
            prop_assert_eq!((gate.in_flight(), gate.queue().len()), (out, waiting.len()));
            prop_assert!(bounds.mode == Mode::Observe || gate.in_flight() <= bounds.limit.get().max(before));
            prop_assert!(waiting.is_empty() || gate.in_flight() >= bounds.limit.get());
        }
    }
}
