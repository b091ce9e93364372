//! The layers of Rootcap.
