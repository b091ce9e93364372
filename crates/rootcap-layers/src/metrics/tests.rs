//! What the methods' statistics know of the past.

use std::time::Duration;

use tonic::Code;

use super::*;
use crate::{
    call::{PhaseTimes, Record},
    method::{Method, MethodKind, Methods, Origin},
};

fn methods() -> Methods {
    let builder = Methods::builder();
    builder.method("a.B", "C", MethodKind::Unary, Origin::User).build()
}

fn end(method: &Method, code: Code, millis: u64) {
    method.stats().start();
    method.stats().end(&Record {
        code,
        duration: Duration::from_millis(millis),
        phases: PhaseTimes::default(),
        received_bytes: 0,
        sent_bytes: 0,
        panicked: false,
    });
}

/// Looks every five seconds.
fn look(history: &mut History, methods: &Methods, seconds: std::ops::RangeInclusive<u64>) {
    for now in seconds.step_by(5) {
        history.look(Duration::from_secs(now), &methods.all());
    }
}

#[test]
fn a_window_forgets_what_is_older() {
    let (methods, mut history) = (methods(), History::default());
    let method = methods.get("/a.B/C").expect("it is known");
    let calls = |history: &History| {
        Window::ALL.map(|window| history.tally(&method, window).map_or(0, |tally| tally.calls()))
    };
    assert_eq!(calls(&history), [0; 3], "nothing is made for a method that is not called");
    end(&method, Code::Ok, 20);
    assert_eq!(calls(&history), [1; 3], "before the first look");
    look(&mut history, &methods, 5..=60);
    end(&method, Code::NotFound, 30);
    assert_eq!(calls(&history), [2; 3]);
    look(&mut history, &methods, 65..=65);
    assert_eq!(calls(&history), [1, 2, 2]);
    look(&mut history, &methods, 70..=120);
    assert_eq!(calls(&history), [1, 2, 2]);
    look(&mut history, &methods, 125..=125);
    assert_eq!(calls(&history), [0, 2, 2]);
    look(&mut history, &methods, 130..=3_895);
    assert_eq!(calls(&history), [0, 2, 2]);
    look(&mut history, &methods, 3_900..=3_900);
    assert_eq!(calls(&history), [0, 0, 2]);
    end(&method, Code::Ok, 40);
    assert_eq!(calls(&history), [1, 1, 3]);
    let last = history.tally(&method, Window::Hour).expect("it has been called");
    assert_eq!((last.codes()[Code::Ok as usize], last.codes()[Code::NotFound as usize]), (1, 0));
    let near = |part: f64| last.within(part).expect("there is a call").as_millis();
    assert!((36..=45).contains(&near(0.5)), "{}", near(0.5));
}

#[test]
fn a_window_is_as_long_as_the_process_is_old_and_no_longer_than_it_says() {
    let (methods, mut history) = (methods(), History::default());
    let lengths = |history: &History, now: u64| {
        Window::ALL.map(|window| history.length(window, Duration::from_secs(now)).as_secs())
    };
    assert_eq!(lengths(&history, 3), [3; 3]);
    look(&mut history, &methods, 5..=60);
    assert_eq!(lengths(&history, 62), [62; 3]);
    look(&mut history, &methods, 65..=7_200);
    assert_eq!(lengths(&history, 7_204), [64, 3_604, 7_204]);
}
