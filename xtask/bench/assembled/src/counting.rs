//! The contender `assembled`, counting its heap allocations.

#[path = "main.rs"]
mod server;

use std::error::Error;

use contender::allocations::{self, Counting};

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn main() -> Result<(), Box<dyn Error>> {
    allocations::tell()?;
    server::main()
}
