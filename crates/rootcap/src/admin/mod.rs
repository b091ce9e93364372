//! The admin port: what operators use to see inside the running process.
//!
//! It is an HTTP/1 server on a thread and a runtime of its own ([`AdminThread`]), so it answers
//! while every worker of the service's runtime is blocked. It knows the rest of the process through
//! two traits: [`Process`], to look, and [`Controls`], to change.
//!
//! | Path | Access | What it shows |
//! |---|---|---|
//! | `/` | guarded | the list of pages |
//! | `/metrics` | public | all metrics, as Prometheus text |
//! | `/livez` | public | 200 while the service's runtime answers its heartbeat |
//! | `/readyz` | public | 200 while ready for calls, else 503 and the reasons |
//! | `/healthz` | public | the same as `/readyz` |
//! | `/info` | public | what runs here, since when, and its services |
//! | `/connections` | guarded | the open connections of the service port |
//! | `/debug/` | guarded | the list of debug pages |
//! | `/debug/config` | guarded | the effective settings and where each came from |
//! | `/debug/drain` | guarded | the drain and what it waits for; with `dry_run`, what one would wait for |
//! | `/debug/drain` | guarded | `POST`: begins a drain |
//! | `/debug/calls` | guarded | the calls in flight: what each does now, and where its time went |
//! | `/debug/calls` | guarded | `POST`: cancels the call of an id |
//! | `/debug/latency` | guarded | how long the calls of each method took: in the last minute, in the last hour, since the start |
//! | `/debug/health` | guarded | the checks of what the server depends on, health by service, and what readiness waits for |
//! | `/debug/limits` | guarded | the limits: every rule, who is being limited now, and the last decisions |
//! | `/debug/limits/{rule}` | guarded | one rule; with whatif=50/s (and burst=10), what it would have made of the recent calls |
//! | `/debug/limits/{rule}` | guarded | `PUT`: changes a rule, for good or for=10m: quota=50/s&burst=100&mode=observe |
//! | `/debug/limits/{rule}` | guarded | `DELETE`: puts what is configured of a rule into force again |
//! | `/debug/memory` | guarded | the memory of the process: now, in the last minute, in the last day |
//! | `/debug/pprof/` | guarded | the list of profiles |
//! | `/debug/pprof/profile` | guarded | where the CPU is used in the next seconds, for go tool pprof, or as a flame graph |
//! | `/debug/pprof/heap` | guarded | which functions hold memory; with base=N or seconds=N, only what grows |
//! | `/debug/pprof/heap` | guarded | `POST`: keeps what the heap is now, as a base to compare with |
//! | `/debug/pprof/allocs` | guarded | which functions have allocated memory since the start; with base=N or seconds=N, since then |
//! | `/debug/pprof/tasks` | guarded | what the runtime counts of its tasks, and what those of calls wait for |
//! | `/debug/pprof/threads` | guarded | the threads of the process, and the stack of each |
//! | `/debug/stack` | guarded | the layers that a call passes, outermost first |
//! | `/debug/stalls` | guarded | calls that have blocked their thread, and what has blocked |
//! | `/debug/log` | guarded | the filter of the log |
//! | `/debug/log` | guarded | `PUT`: puts another filter in force, for a time |
//! | `/debug/log` | guarded | `DELETE`: puts the configured filter in force again |
//! | `/style.css` | public | the style sheet of these pages |
//!
//! [`routes::rows`] is the one table; the router, the index pages and the guard are made from it.
//! What "guarded" means is written in [`guard`]. Behind a proxy, set a token: a proxy on this host
//! makes every peer look local.

mod asked;
mod brief;
mod calls;
mod change;
mod fields;
#[cfg(fuzzing)]
pub mod fuzzing;
mod go_duration;
mod guard;
mod heavy;
mod html;
mod latency;
mod layers;
mod negotiate;
mod page;
mod pages;
mod path;
mod process;
mod query;
mod routes;
mod server;
mod slots;
mod spare;
mod stall;
mod text;
mod thread;
mod token;

#[cfg(test)]
mod tests;

pub(crate) use calls::{CallOrder, CallQuery, CallRow, CallRows, Cancelled};
pub(crate) use latency::{LatencyQuery, LatencyRow, LatencyRows, PhaseRow, WindowRow};
pub(crate) use process::{
    CheckRow, ConfigRow, ConnectionRow, Controls, DrainRows, ErrorRow, HealthRows, Info, LayerRow,
    LimitRows, MemoryRows, OpenCallRow, OpenMethodRow, Process, ServiceRow, StallRows, TaskRows,
    WaitingRow, WorkerRow,
};
pub(crate) use server::Settings;
pub(crate) use thread::AdminThread;
pub(crate) use token::Token;
