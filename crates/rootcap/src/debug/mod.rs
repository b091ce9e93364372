//! What a program shows of itself on the admin port.

pub(crate) mod memory;
pub(crate) mod values;

pub use values::register;
