//! A supervisor: it holds listening sockets over the restarts of the program that serves on them.

use std::{
    os::fd::{AsFd, OwnedFd},
    process::Stdio,
};

use tokio::process::Command;

/// Hands sockets to the program that `command` would run, as `sd_listen_fds(3)` says, with these variables besides, or in
/// place of those that would be right.
///
/// The program's stdin is the first socket until the shell has put it where it belongs, and its stderr the second.
///
/// # Panics
/// For more than two sockets, or when one cannot be shared.
pub fn hand_over(command: &Command, sockets: &[&dyn AsFd], variables: &[(&str, &str)]) -> Command {
    let share = |socket: &&dyn AsFd| -> OwnedFd { socket.as_fd().try_clone_to_owned().unwrap() };
    let (script, sockets): (_, Vec<_>) = match sockets {
        [one] => ("exec 3<&0 </dev/null", vec![share(one)]),
        [one, two] => ("exec 3<&0 4<&2 </dev/null 2>/dev/null", vec![share(one), share(two)]),
        _ => panic!("{} sockets", sockets.len()),
    };
    let mut handing = Command::new("sh");
    let run = format!(
        "{script}; LISTEN_PID=${{LISTEN_PID:-$$}} LISTEN_FDS=${{LISTEN_FDS:-{}}} exec \"$0\"",
        sockets.len()
    );
    handing.args(["-c", &run]).arg(command.as_std().get_program());
    for (variable, value) in command.as_std().get_envs() {
        match value {
            Some(value) => handing.env(variable, value),
            None => handing.env_remove(variable),
        };
    }
    for variable in ["LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"] {
        handing.env_remove(variable);
    }
    handing.envs(variables.iter().copied());
    let mut sockets = sockets.into_iter().map(Stdio::from);
    handing.stdin(sockets.next().unwrap());
    if let Some(second) = sockets.next() {
        handing.stderr(second);
    }
    handing
}
