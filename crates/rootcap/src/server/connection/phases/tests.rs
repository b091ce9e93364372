//! What a connection is to do next, by the clock.

use super::*;

const LIMITS: Limits = Limits {
    preface: Duration::from_secs(10),
    max_age: Some(Duration::from_secs(100)),
    max_age_grace: Duration::from_secs(30),
    idle: Some(Duration::from_secs(60)),
    stall: None,
};

struct Peer {
    phases: Phases,
    start: Instant,
    facts: Facts,
}

fn peer() -> Peer {
    let start = Instant::now();
    let facts = Facts {
        now: start,
        preface_seen: false,
        open_calls: 0,
        last_call: start,
        last_write: start,
        unsent: 0,
        draining: false,
    };
    Peer { phases: Phases::new(start, start, LIMITS), start, facts }
}

impl Peer {
    fn at(&mut self, seconds: u64) -> Step {
        self.facts.now = self.start + Duration::from_secs(seconds);
        self.phases.step(&self.facts)
    }

    /// Asks to go, at this time: with the notice, and when that is over.
    fn is_asked_to_go(&mut self, seconds: u64) {
        assert_eq!(self.at(seconds), Step::Notice);
        let over = self.start + Duration::from_secs(seconds) + NOTICE;
        assert_eq!(self.at(seconds), Step::WaitUntil(over));
        self.facts.now = over;
        assert_eq!(self.phases.step(&self.facts), Step::GoAway);
    }

    fn wait_until(&self, seconds: u64) -> Step {
        Step::WaitUntil(self.start + Duration::from_secs(seconds))
    }
}

#[test]
fn a_peer_without_a_preface_is_closed() {
    let mut peer = peer();
    assert_eq!(peer.at(0), peer.wait_until(10));
    assert_eq!(peer.at(10), Step::Close(CloseReason::PrefaceTimeout));
}

#[test]
fn a_peer_without_a_preface_holds_up_a_drain_for_a_moment() {
    let mut peer = peer();
    peer.facts.draining = true;
    assert_eq!(peer.at(3), peer.wait_until(4));
    assert_eq!(peer.at(4), Step::Close(CloseReason::Drain));
}

#[test]
fn a_drain_does_not_prolong_the_time_for_a_preface() {
    let mut peer = peer();
    peer.phases.limits.preface = Duration::from_millis(9_500);
    peer.facts.draining = true;
    assert_eq!(peer.at(9), Step::WaitUntil(peer.start + Duration::from_millis(9_500)));
    assert_eq!(peer.at(10), Step::Close(CloseReason::PrefaceTimeout));
}

#[test]
fn a_peer_that_greets_in_a_drain_is_asked_to_go() {
    let mut peer = peer();
    peer.facts.draining = true;
    assert_eq!(peer.at(3), peer.wait_until(4));
    peer.facts.preface_seen = true;
    peer.is_asked_to_go(3);
    assert_eq!(peer.at(3), peer.wait_until(8));
    assert_eq!(peer.phases.ended(None), CloseReason::Drain);
}

#[test]
fn an_idle_peer_is_asked_to_go() {
    let mut peer = peer();
    peer.facts.preface_seen = true;
    assert_eq!(peer.at(1), peer.wait_until(60));
    peer.is_asked_to_go(60);
    assert_eq!(peer.at(60), peer.wait_until(65));
    assert_eq!(peer.phases.ended(None), CloseReason::Idle);
    assert_eq!(peer.at(65), Step::Close(CloseReason::Idle));
}

#[test]
fn a_peer_that_leaves_at_the_notice_has_followed_it() {
    let mut peer = peer();
    peer.facts.preface_seen = true;
    assert_eq!(peer.at(60), Step::Notice);
    assert_eq!(peer.phases.ended(Some(CloseReason::Error)), CloseReason::Idle);
}

#[test]
fn an_open_call_keeps_a_connection_from_being_idle() {
    let mut peer = peer();
    (peer.facts.preface_seen, peer.facts.open_calls) = (true, 1);
    assert_eq!(peer.at(61), peer.wait_until(100));
}

#[test]
fn at_the_age_calls_have_the_grace_to_finish() {
    let mut peer = peer();
    (peer.facts.preface_seen, peer.facts.open_calls) = (true, 1);
    peer.is_asked_to_go(100);
    assert_eq!(peer.at(129), peer.wait_until(130));
    assert_eq!(peer.at(130), Step::Close(CloseReason::MaxAge));
}

#[test]
fn a_drain_waits_for_calls_and_then_for_the_peer_to_hang_up() {
    let mut peer = peer();
    (peer.facts.preface_seen, peer.facts.open_calls, peer.facts.draining) = (true, 1, true);
    peer.is_asked_to_go(1);
    assert_eq!(peer.at(50), peer.wait_until(55));
    (peer.facts.open_calls, peer.facts.last_call) = (0, peer.start + Duration::from_secs(52));
    assert_eq!(peer.at(55), peer.wait_until(57));
    assert_eq!(peer.at(57), Step::Close(CloseReason::Drain));
}

#[test]
fn the_age_is_spread_by_a_tenth() {
    let age = |random| LIMITS.with_jitter(random).max_age.map(|age| age.as_secs());
    assert_eq!((age(0.0), age(0.5), age(1.0)), (Some(90), Some(100), Some(110)));
}

#[test]
fn before_the_preface_nothing_that_could_matter_is_slept_through() {
    let mut silent = peer();
    silent.phases.limits.max_age = Some(Duration::from_secs(3));
    assert_eq!(silent.at(0), silent.wait_until(3));
    assert_eq!(silent.at(3), silent.wait_until(10));
    let mut greeted = peer();
    greeted.phases.limits.max_age = Some(Duration::from_secs(3));
    assert_eq!(greeted.at(0), greeted.wait_until(3));
    greeted.facts.preface_seen = true;
    greeted.is_asked_to_go(3);
}

#[test]
fn a_peer_that_takes_bytes_is_not_hung_up_on() {
    let mut peer = peer();
    (peer.facts.preface_seen, peer.facts.draining) = (true, true);
    peer.is_asked_to_go(1);
    for second in 2..20 {
        peer.facts.last_write = peer.start + Duration::from_secs(second);
        assert_eq!(peer.at(second), peer.wait_until(second + 5));
    }
}

#[test]
fn an_idle_peer_that_takes_bytes_for_ever_is_hung_up_on_after_the_grace() {
    let mut peer = peer();
    peer.facts.preface_seen = true;
    peer.is_asked_to_go(60);
    peer.facts.last_write = peer.start + Duration::from_secs(89);
    assert_eq!(peer.at(89), peer.wait_until(90));
    // A call that began before the peer had read the GOAWAY has all its time.
    peer.facts.open_calls = 1;
    assert_eq!(peer.at(90), peer.wait_until(95));
    peer.facts.open_calls = 0;
    assert_eq!(peer.at(95), Step::Close(CloseReason::Idle));
}

#[test]
fn a_peer_that_takes_nothing_is_closed() {
    let mut peer = peer();
    peer.phases.limits =
        Limits { max_age: None, idle: None, stall: Some(Duration::from_secs(5)), ..LIMITS };
    peer.facts.preface_seen = true;
    assert_eq!((peer.at(0), peer.at(5)), (peer.wait_until(5), peer.wait_until(10)));
    // Long after the last write there is something to send.
    peer.facts.unsent = 1;
    assert_eq!((peer.at(100), peer.at(109)), (peer.wait_until(110), peer.wait_until(110)));
    peer.facts.last_write = peer.start + Duration::from_secs(109);
    assert_eq!(peer.at(110), peer.wait_until(120));
    // All of it was taken, and there is more.
    peer.facts.unsent = 0;
    assert_eq!(peer.at(120), peer.wait_until(125));
    peer.facts.unsent = 1;
    assert_eq!((peer.at(125), peer.at(134)), (peer.wait_until(135), peer.wait_until(135)));
    assert_eq!(peer.at(135), Step::Close(CloseReason::Stalled));
}

#[test]
fn a_peer_that_takes_nothing_is_closed_while_it_leaves() {
    let mut peer = peer();
    peer.phases.limits.stall = Some(Duration::from_secs(5));
    (peer.facts.preface_seen, peer.facts.draining) = (true, true);
    (peer.facts.open_calls, peer.facts.unsent) = (1, 1);
    peer.is_asked_to_go(0);
    assert_eq!(peer.at(1), peer.wait_until(6));
    assert_eq!((peer.at(9), peer.at(10)), (peer.wait_until(10), Step::Close(CloseReason::Stalled)));
}

/// It was hung up on in the middle of its answer, which counted as sent.
#[test]
fn a_peer_that_pauses_in_its_last_answer_is_not_hung_up_on() {
    for reason in [CloseReason::Idle, CloseReason::Drain] {
        let mut peer = peer();
        (peer.facts.preface_seen, peer.facts.draining) = (true, reason == CloseReason::Drain);
        peer.is_asked_to_go(60);
        peer.facts.unsent = 1;
        assert_eq!(peer.at(95), peer.wait_until(100));
        peer.facts.unsent = 0;
        assert_eq!(peer.at(95), Step::Close(reason));
    }
}
