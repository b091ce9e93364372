//! What the examples share: the services that more than one of them, or the tests, serve.

#[path = "faults_service.rs"]
pub mod faults;
pub mod faults_plan;
#[path = "greeter_service.rs"]
pub mod greeter;
#[path = "interop_service.rs"]
pub mod interop;
