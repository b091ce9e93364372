//! A gRPC base server.

pub(crate) mod bounds;
pub mod config;
mod descriptors;
mod error;
pub mod health;
mod lifecycle;
mod reflection;
mod server;
mod stack;
mod telemetry;

pub use error::Error;
pub use rootcap_layers as layers;
pub use server::{
    builder::{Builder, Server},
    layers::{Layers, NoLayers, Serve},
    listen::LocalAddr,
    router::{Entry, IntoServices, List, Names, Nil, Router, Services},
    running::Running,
};
