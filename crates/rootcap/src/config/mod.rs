//! The settings: what there is to set, and how it is loaded, checked and shown.
//!
//! Settings come from a TOML file that the variable `ROOTCAP_CONFIG` names, then from the environment:
//!
//! ```toml
//! listen = ":8081"
//!
//! [limits]
//! rate = "100/s"     # ROOTCAP_LIMITS__RATE=100/s
//!
//! [drain]
//! deadline = "25s"   # ROOTCAP_DRAIN__DEADLINE=25s
//! ```
//!
//! [`Config`] can also be a part of a user's own settings, for it implements `Deserialize`:
//!
//! ```
//! use rootcap::config::{Config, Listener};
//!
//! #[derive(serde::Deserialize)]
//! struct Settings {
//!     greeting: String,
//!     server: Config,
//! }
//!
//! let settings: Settings = toml::from_str(
//!     r#"
//!     greeting = "Hello"
//!     [server]
//!     listen = "127.0.0.1:0"
//!     "#,
//! )?;
//! assert_eq!(settings.greeting, "Hello");
//! assert_eq!(settings.server.listen, [Listener::Address(([127, 0, 0, 1], 0).into())]);
//! # Ok::<(), toml::de::Error>(())
//! ```
//!
//! All settings stand in one table (`settings.rs`), from which the structs, the defaults, the loader, the errors and
//! the listings follow. To add a setting is to add a line there.

mod derived;
mod effective;
mod environment;
mod error;
mod example;
mod file;
mod input;
mod load;
mod loaded;
mod names;
mod schema;
mod setting;
mod settings;
mod source;
mod standard;
mod suggest;
#[cfg(test)]
mod tests;
mod value;

pub use effective::{Entry, print};
pub use error::{ConfigError, ConfigErrors};
pub use example::example;
pub use loaded::Loaded;
pub(crate) use names::Served;
pub use settings::{
    Admin, Concurrency, Config, Connection, Deadline, Drain, Http2, Limits, Log, Metrics, Otlp,
    RateLimit, Service, Tls, Trace,
};
pub(crate) use source::place;
pub use source::{Source, Sources};
pub(crate) use suggest::within;
pub(crate) use value::outside;
pub use value::{
    Auto, ClientAuth, Endpoint, Listener, LogCalls, LogFormat, Propagator, Rate, Secret, Size,
    Switch,
};
