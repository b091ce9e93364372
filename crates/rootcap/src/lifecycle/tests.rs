//! The phases of a life, and their times.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use super::*;

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn life() -> Life {
    let health = Health::new();
    health.ready();
    let life = Life::new(health);
    life.advance(Phase::Serving);
    life
}

/// When the life reached each phase of its end, in seconds.
async fn times_of(life: Life) -> [u64; 3] {
    let began = Instant::now();
    let mut times = [0; 3];
    for (time, phase) in times.iter_mut().zip([Phase::LameDuck, Phase::Draining, Phase::Cut]) {
        life.watch().wait_for(|now| *now >= phase).await.unwrap();
        *time = began.elapsed().as_secs();
    }
    times
}

#[test]
fn phases_only_advance() {
    let life = life();
    let mut watch = life.watch();
    life.advance(Phase::Draining);
    assert!(watch.has_changed().unwrap());
    watch.mark_unchanged();
    for phase in [Phase::Starting, Phase::Serving, Phase::LameDuck, Phase::Draining] {
        life.advance(phase);
        assert_eq!(
            (*life.watch().borrow(), watch.has_changed().unwrap()),
            (Phase::Draining, false)
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_drain_begins_when_asked_for() {
    let life = life();
    let times = DrainTimes { deadline: seconds(25), lame_duck: seconds(5) };
    tokio::spawn(life.clone().drain_when_stopped(times, Connections::default()));
    tokio::time::sleep(seconds(100)).await;
    assert_eq!((*life.watch().borrow(), life.drain_time()), (Phase::Serving, seconds(0)));
    life.stop();
    assert_eq!(times_of(life).await, [0, 5, 25]);
}

#[tokio::test(start_paused = true)]
async fn asking_again_puts_nothing_off() {
    let life = life();
    let times = DrainTimes { deadline: seconds(25), lame_duck: seconds(5) };
    tokio::spawn(life.clone().drain_when_stopped(times, Connections::default()));
    life.stop();
    life.stop();
    let again = life.clone();
    tokio::spawn(async move {
        tokio::time::sleep(seconds(10)).await;
        again.stop();
        again.drain(times, &Connections::default()).await;
    });
    assert_eq!(times_of(life).await, [0, 5, 25]);
}

#[tokio::test(start_paused = true)]
async fn asking_before_anyone_listens_counts() {
    let life = life();
    life.stop();
    let times = DrainTimes { deadline: seconds(2), lame_duck: seconds(0) };
    tokio::spawn(life.clone().drain_when_stopped(times, Connections::default()));
    assert_eq!(times_of(life).await, [0, 0, 2]);
}

#[tokio::test(start_paused = true)]
async fn the_lame_duck_ends_with_the_deadline() {
    let life = life();
    let times = DrainTimes { deadline: seconds(3), lame_duck: seconds(60) };
    tokio::spawn(life.clone().drain_when_stopped(times, Connections::default()));
    life.stop();
    assert_eq!(times_of(life).await, [0, 3, 3]);
}

/// Who is in a hurry (a second signal, SIGINT) need not wait out a lame duck that has begun.
#[tokio::test(start_paused = true)]
async fn a_drain_without_a_lame_duck_ends_one_that_waits() {
    let life = life();
    let times = DrainTimes { deadline: seconds(25), lame_duck: seconds(20) };
    tokio::spawn(life.clone().drain_when_stopped(times, Connections::default()));
    life.stop();
    let hurry = life.clone();
    tokio::spawn(async move {
        tokio::time::sleep(seconds(2)).await;
        hurry.drain(DrainTimes { lame_duck: seconds(0), ..times }, &Connections::default()).await;
    });
    assert_eq!(times_of(life).await, [0, 2, 25]);
}

#[tokio::test(start_paused = true)]
async fn a_server_that_drains_is_not_ready_from_the_first_moment() {
    let health = Health::new();
    health.ready();
    let life = Life::new(health.clone());
    let times = DrainTimes { deadline: seconds(25), lame_duck: seconds(5) };
    let mut phase = life.watch();
    tokio::spawn(async move { life.drain(times, &Connections::default()).await });
    for draining in [Phase::LameDuck, Phase::Draining, Phase::Cut] {
        phase.wait_for(|phase| *phase == draining).await.unwrap();
        assert_eq!(health.not_ready(), ["draining"]);
    }
}

#[tokio::test]
async fn the_heartbeat_beats_until_the_cut() {
    let life = life();
    let heartbeat = Heartbeat::start(&life);
    let alive = tokio::runtime::Handle::current().metrics();
    assert_eq!(alive.num_alive_tasks(), 1);
    assert!(heartbeat.age() < seconds(30));
    life.advance(Phase::Cut);
    while alive.num_alive_tasks() > 0 {
        tokio::task::yield_now().await;
    }
}
