//! What `/debug/drain` shows.

use rootcap_layers::Call;

use crate::{
    admin::{DrainRows, OpenCallRow, OpenMethodRow},
    lifecycle::{DrainTimes, Life, OfMethod, Phase, Waiting},
    server::connections::Connections,
};

pub(super) fn rows(life: &Life, times: DrainTimes, connections: &Connections) -> DrainRows {
    let waiting = Waiting::on(connections);
    DrainRows {
        phase: match life.phase() {
            Phase::Starting | Phase::Serving => "serving",
            Phase::LameDuck => "lame duck",
            Phase::Closing | Phase::Draining => "draining",
            Phase::Cut => "cut",
        },
        began: life.draining_for(),
        lame_duck: times.lame_duck,
        deadline: times.deadline,
        finished_calls: life.finished_calls(connections),
        open_calls: waiting.calls,
        connections: connections.all().len(),
        methods: waiting.methods.iter().map(method_row).collect(),
        calls: waiting.oldest.iter().map(call_row).collect(),
    }
}

fn method_row(of: &OfMethod) -> OpenMethodRow {
    let latency = of.method.stats().snapshot().latency;
    // Beyond the greatest bound, nothing is known.
    let within = |part| latency.within(part).filter(|bound| bound.is_finite());
    OpenMethodRow {
        method: of.method.path().to_owned(),
        open: of.calls,
        oldest: of.oldest.elapsed(),
        ended: latency.count(),
        mean_seconds: latency.mean(),
        half_within_seconds: within(0.5),
        most_within_seconds: within(0.99),
    }
}

fn call_row(call: &Call) -> OpenCallRow {
    OpenCallRow {
        method: call.method().path().to_owned(),
        peer: call.peer().map_or_else(String::new, |peer| peer.as_str().to_owned()),
        age: call.started().elapsed(),
        left: call.remaining(),
        request_id: call.request_id().as_str().to_owned(),
    }
}
