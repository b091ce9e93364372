//! The project's tasks: `cargo xtask <task>`.

mod args;
mod bench;
mod binaries;
mod ci;
mod codegen;
mod fuzz;
mod heap;
#[cfg(test)]
mod walls;

use std::env;
use std::error::Error;
use std::path::Path;
use std::process::{Command, ExitCode, Stdio};

use args::Task;

fn main() -> ExitCode {
    let task = match args::parse(env::args_os().skip(1)) {
        Ok(task) => task,
        Err(problem) => {
            eprintln!("error: {problem}\n\n{}", args::USAGE);
            return ExitCode::from(2);
        }
    };
    match run(task) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(task: Task) -> Result<(), Box<dyn Error>> {
    match task {
        Task::Help => print!("{}{}", args::USAGE, args::measurements_known()),
        Task::Ci => ci::run()?,
        Task::Codegen(mode) => codegen::run(mode)?,
        Task::Bench(options) => bench::run(&options)?,
        Task::Draw(results) => bench::publish(&results)?,
        Task::Fuzz => fuzz::run()?,
        Task::Heap => heap::run()?,
    }
    Ok(())
}

/// The Cargo that runs this task, in the project's root. It is not told of this package what Cargo has told this program:
/// where that changes, ring is built again, and all that needs it.
fn cargo_command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    let of_this =
        |name: &str| name.starts_with("CARGO_MANIFEST_") || name.starts_with("CARGO_PKG_");
    for (name, _) in env::vars_os().filter(|(name, _)| of_this(&name.to_string_lossy())) {
        command.env_remove(name);
    }
    command.args(arguments).current_dir(root()).stdin(Stdio::null());
    command
}

/// The root of the project.
fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("this package lies in a directory of the project")
}
