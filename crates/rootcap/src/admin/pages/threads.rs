//! `/debug/pprof/threads`: the threads of the process, and the stack of each.

use std::time::Duration;

use axum::response::Response;
use http::request::Parts;
use serde::Serialize;

use crate::admin::brief::brief;
use crate::admin::negotiate::{Format, answer_query};
use crate::admin::page::{Cell, Page, Table};
use crate::admin::routes::Admin;
use crate::debug::threads::{self, Frame, Thread};
use crate::debug::{Names, Refused};

/// Shows the threads.
pub(in crate::admin) fn show(admin: &Admin, parts: &Parts) -> Response {
    answer_query(parts, Format::Text, &[], |_| {
        let (threads, count) = threads::all().map_err(Refused::from)?;
        Ok(Threads::of(threads, count, &admin.process.polled()))
    })
}

#[derive(Serialize)]
struct Threads {
    count: usize,
    threads: Vec<Row>,
}

#[derive(Serialize)]
struct Row {
    thread: u32,
    name: String,
    state: String,
    cpu_seconds: Option<f64>,
    /// The method of the call that it polls.
    polls: Option<String>,
    stack: Option<Vec<Frame>>,
}

impl Threads {
    fn of(threads: Vec<Thread>, count: usize, names: &Names) -> Self {
        let row = |thread: Thread| Row {
            thread: thread.number,
            name: thread.name,
            state: thread.state,
            cpu_seconds: thread.cpu.as_ref().map(Duration::as_secs_f64),
            polls: names.path_of(thread.doing),
            stack: thread.stack,
        };
        Self { count, threads: threads.into_iter().map(row).collect() }
    }
}

impl Page for Threads {
    fn title(&self) -> &'static str {
        "Threads"
    }

    fn facts(&self) -> Vec<String> {
        let (count, shown) = (self.count, self.threads.len());
        let silent = self.threads.iter().filter(|row| row.stack.is_none()).count();
        let mut facts = vec![format!(
            "Threads: {count}. Each was interrupted for its stack; a system call that it waited in may have ended early."
        )];
        facts.extend((shown < count).then(|| format!("The first {shown} are shown.")));
        facts
            .extend((silent > 0).then(|| format!("{silent} have not answered in time, or ended.")));
        facts
    }

    fn table(&self) -> Table {
        let row = |row: &Row| {
            let cpu = row.cpu_seconds.map(Duration::from_secs_f64);
            vec![
                Cell::Number(row.thread.into()),
                Cell::Short(row.name.clone()),
                Cell::Short(row.state.clone()),
                Cell::Short(cpu.map(brief).unwrap_or_default()),
                Cell::Key(row.polls.clone().unwrap_or_default()),
            ]
        };
        let columns = &["Thread", "Name", "State", "CPU time", "Polls a call of"];
        Table { columns, rows: self.threads.iter().map(row).collect() }
    }

    fn more_tables(&self) -> Vec<(&'static str, Table)> {
        let stacks = self.threads.iter().filter_map(|row| Some((row.thread, row.stack.as_ref()?)));
        vec![("Stacks, innermost first", stack_table(&["Threads", "Stack"], stacks))]
    }
}

/// A row for each stack, of all that have it.
pub(super) fn stack_table<'a>(
    columns: &'static [&'static str; 2],
    stacks: impl Iterator<Item = (impl ToString, &'a Vec<Frame>)>,
) -> Table {
    let mut groups: Vec<(String, &Vec<Frame>)> = Vec::new();
    for (whose, stack) in stacks {
        match groups.iter_mut().find(|(_, known)| *known == stack) {
            Some((all, _)) => *all = format!("{all}, {}", whose.to_string()),
            None => groups.push((whose.to_string(), stack)),
        }
    }
    let row = |(all, stack): (String, &Vec<Frame>)| {
        let functions = stack.iter().map(described).collect();
        vec![Cell::Text(all), Cell::Stack { about: about(stack), functions }]
    };
    Table { columns, rows: groups.into_iter().map(row).collect() }
}

/// Where a stack is: its innermost function, and the first one that is the program's own, where the executable tells.
fn about(stack: &[Frame]) -> String {
    let innermost = stack.first().map(|frame| frame.function.as_str()).unwrap_or_default();
    match stack.iter().find(|frame| is_own(frame)) {
        Some(own) if own.function != innermost => format!("{innermost}, for {}", own.function),
        _ => innermost.to_owned(),
    }
}

/// Whether the source lies neither where cargo keeps what it has fetched, nor with the standard library.
fn is_own(Frame { source, .. }: &Frame) -> bool {
    const OTHERS: [&str; 4] = ["/registry/src/", "/git/checkouts/", "/rustc/", "/rustlib/src/"];
    // Of a library in C, the paths are those of another machine.
    source.contains(".rs:") && !OTHERS.iter().any(|part| source.contains(part))
}

/// A function and its source, from the name of the crate on.
fn described(Frame { function, source }: &Frame) -> String {
    let after = |before| source.split_once(before)?.1.split_once('/');
    let short = after("/registry/src/").or(after("/rustc/")).map_or(source.as_str(), |it| it.1);
    match short {
        "" => function.clone(),
        _ => format!("{function} ({short})"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stack_is_about_what_is_the_programs_own() {
        let frame = |(function, source): &(&str, &str)| Frame {
            function: (*function).to_owned(),
            source: (*source).to_owned(),
        };
        let stack: Vec<_> = [
            ("clock_nanosleep", ""),
            ("std::thread::sleep", "/rustc/598/library/std/src/thread.rs:7"),
            ("tokio::run", "/home/x/.cargo/registry/src/host-17/tokio-1.2/src/run.rs:4"),
            ("server::block", "/home/x/server/src/main.rs:1"),
            ("server::main", "/home/x/server/src/main.rs:9"),
        ]
        .iter()
        .map(frame)
        .collect();
        assert_eq!(about(&stack), "clock_nanosleep, for server::block");
        assert_eq!(about(&stack[3..]), "server::block");
        assert_eq!(about(&stack[..3]), "clock_nanosleep");
        assert_eq!(about(&[]), "");
    }

    #[test]
    fn stacks_that_are_the_same_share_a_row() {
        let stack =
            |function: &str| vec![Frame { function: function.to_owned(), source: String::new() }];
        let (one, other, same) = (stack("a"), stack("b"), stack("a"));
        let table =
            stack_table(&["Threads", "Stack"], [(1, &one), (2, &other), (3, &same)].into_iter());
        let whose: Vec<_> = table.rows.iter().map(|row| row[0].plain()).collect();
        assert_eq!(whose, ["1, 3", "2"]);
    }

    #[test]
    fn a_source_is_shown_from_its_crate_on() {
        for (source, shown) in [
            (
                "/home/x/.cargo/registry/src/host-17/mio-1.2/src/poll.rs:4",
                "f (mio-1.2/src/poll.rs:4)",
            ),
            ("/rustc/598/library/std/src/rt.rs:7", "f (library/std/src/rt.rs:7)"),
            ("/home/x/server/src/main.rs:1", "f (/home/x/server/src/main.rs:1)"),
            ("", "f"),
        ] {
            let frame = Frame { function: "f".to_owned(), source: source.to_owned() };
            assert_eq!(described(&frame), shown);
        }
    }
}
