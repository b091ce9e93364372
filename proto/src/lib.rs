//! The services of the examples and the tests.
