#![doc = include_str!("../README.md")]

mod admin;
pub(crate) mod bounds;
mod build_info;
pub mod config;
pub mod debug;
mod descriptors;
mod error;
#[cfg(fuzzing)]
#[doc(hidden)]
pub mod fuzzing;
pub mod health;
mod in_force;
#[cfg(feature = "jemalloc")]
#[doc(hidden)]
pub mod jemalloc;
mod latency;
mod lifecycle;
mod limits;
pub mod metrics;
mod pass_on;
mod process;
mod reflection;
mod server;
mod signals;
mod stack;
mod telemetry;
mod tls;

pub use build_info::BuildInfo;
pub use error::Error;
pub use rootcap_layers as layers;
pub use server::{
    builder::{Builder, Server},
    layers::{Layers, NoLayers, Serve},
    listen::LocalAddr,
    router::{Entry, IntoServices, List, Names, Nil, Router, Services},
    running::Running,
    served::WithReflection,
};
