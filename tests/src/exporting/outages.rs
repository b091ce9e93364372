//! A collector that goes away, or hangs, and comes back.

use std::{fs, time::Duration};

use rootcap_tests::{
    example::Example,
    otlp::{Rotel, Sink},
    wait,
};
use tonic::transport::Channel;

use super::{call_all, channel, numbers};

/// More than a queue holds, which is 8192.
const CALLS: u64 = 12_000;

/// What an outage may add to the memory of the process, in KiB: many times what the queue holds.
const MOST_GROWTH: u64 = 64 * 1024;

/// How soon spans must flow again.
const SOON: Duration = Duration::from_secs(10);

struct Outage {
    sink: Sink,
    rotel: Rotel,
    server: Example,
    channel: Channel,
}

impl Outage {
    /// A server that exports, and has shown that it does.
    async fn prepare() -> Option<Self> {
        let sink = Sink::start().await;
        let rotel = Rotel::start(&sink).await?;
        let settings = [
            ("OTEL_EXPORTER_OTLP_ENDPOINT", &*rotel.endpoint()),
            ("OTEL_EXPORTER_OTLP_TIMEOUT", "2000"),
            ("ROOTCAP_LOG__CALLS", "off"),
        ];
        let server = Example::start("greeter", &settings).await;
        let channel = channel(&server).await;
        assert_eq!(call_all(&channel, 1..CALLS).await, 0);
        sink.until("the first spans", |got| (!numbers(got).is_empty()).then_some(())).await;
        Some(Self { sink, rotel, server, channel })
    }

    /// Calls while the collector takes nothing, until that is noticed.
    async fn endure(&self) {
        let before = memory(self.server.pid());
        let outcome = call_all(&self.channel, CALLS..3 * CALLS).await;
        assert_eq!(outcome, 0, "no call notices");
        let metrics = self.server.admin.metrics().await;
        assert!(metrics.sum("rootcap_otlp_dropped_total", &[("signal", "traces")]) > 0.0);
        self.server.line("a word on it", |line| line.contains("cannot export")).await;
        let after = memory(self.server.pid());
        assert!(after < before + MOST_GROWTH, "{before} KiB, then {after} KiB");
    }

    /// Spans of calls that begin now arrive.
    async fn flows_again(&self) {
        let (mut next, mut calls) = (3 * CALLS, self.channel.clone());
        let look = async || {
            assert_eq!(call_all(&calls, next..next + 100).await, 0);
            next += 100;
            calls = self.channel.clone();
            let after = |got: &_| numbers(got).into_iter().any(|number| number >= 3 * CALLS);
            self.sink.got(after).then_some(())
        };
        let ((), took) = wait::until("spans to flow again", look).await;
        assert!(took < SOON, "{took:?}");
        self.server.line("a word on it", |line| line.contains("takes exports again")).await;
    }
}

/// What a process has in memory, in KiB.
fn memory(pid: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_collector_that_is_killed_fails_no_call_and_is_found_again() {
    let Some(mut outage) = Outage::prepare().await else { return };
    outage.rotel.kill().await;
    outage.endure().await;
    outage.rotel.restart().await;
    outage.flows_again().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_collector_that_stalls_fails_no_call_and_is_waited_for() {
    let Some(outage) = Outage::prepare().await else { return };
    outage.rotel.signal("STOP");
    outage.endure().await;
    outage.rotel.signal("CONT");
    outage.flows_again().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_collector_that_is_not_there_at_start_is_no_error() {
    let sink = Sink::start().await;
    let Some(mut rotel) = Rotel::start(&sink).await else { return };
    rotel.kill().await;
    let settings = [("OTEL_EXPORTER_OTLP_ENDPOINT", &*rotel.endpoint())];
    let server = Example::start("greeter", &settings).await;
    let channel = channel(&server).await;
    assert_eq!(call_all(&channel, 1..101).await, 0);
    server.line("a word on it", |line| line.contains("cannot export")).await;
    rotel.restart().await;
    sink.until("all spans", |got| (numbers(got).len() == 100).then_some(())).await;
}
