//! Reads what callgrind writes of a run of one process and one event.

use std::collections::HashMap;

use super::Result;

/// What takes memory from the heap.
const ALLOCATORS: [&str; 3] = ["malloc", "calloc", "realloc"];
/// How many callers of these are told apart: a chain that is as long as from them to a part that is looked at.
pub(crate) const TELL_WHO_ALLOCATES: [&str; 3] =
    ["--separate-callers16=malloc", "--separate-callers16=calloc", "--separate-callers16=realloc"];

/// What is wrong with a run that was cut off.
pub(crate) const NO_TOTALS: &str = "callgrind wrote no totals";

/// The instructions of all.
pub(crate) fn totals(text: &str) -> Option<u64> {
    text.lines().rev().find_map(|line| line.strip_prefix("totals: "))?.trim().parse().ok()
}

/// The instructions of all but the allocator, which takes more or less as the heap happens to lie: of two runs of one
/// server two hundred for a call.
///
/// # Errors
///
/// When there are no totals.
pub(crate) fn outside_of_allocator(text: &str) -> Result<u64> {
    let of_heap = |name: &str| name == "free" || ALLOCATORS.contains(&name);
    let outermost = |call: &Call<'_>| of_heap(call.callee) && !of_heap(call.caller);
    let allocator: u64 =
        calls(text).iter().filter(|call| outermost(call)).map(|call| call.instructions).sum();
    Ok(totals(text).ok_or(NO_TOTALS)? - allocator)
}

/// What some functions have cost, with all that they called.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Cost {
    pub(crate) instructions: u64,
    /// Needs [`TELL_WHO_ALLOCATES`].
    pub(crate) allocations: u64,
}

/// What these functions have cost. Where one of them calls another, that is counted once.
///
/// # Errors
///
/// When one of them was not called: its name may have changed, or the compiler may have made it a part of its callers.
pub(crate) fn cost(text: &str, functions: &[&str]) -> Result<Cost> {
    let (calls, mut cost) = (calls(text), Cost::default());
    for function in functions {
        if !calls.iter().any(|call| call.callee == *function) {
            return Err(format!("callgrind saw no call of `{function}`").into());
        }
    }
    for Call { caller, callee, count, instructions } in calls {
        if functions.contains(&callee) && !functions.contains(&caller) {
            cost.instructions += instructions;
        }
        // The allocator, who called it, who called that, ..
        let mut chain = callee.split('\'');
        let allocates = chain.next().is_some_and(|name| ALLOCATORS.contains(&name));
        if allocates && chain.any(|caller| functions.contains(&caller)) {
            cost.allocations += count;
        }
    }
    Ok(cost)
}

/// The calls of one function by another.
#[derive(Debug, PartialEq, Eq)]
struct Call<'a> {
    caller: &'a str,
    callee: &'a str,
    count: u64,
    /// Of all that was called.
    instructions: u64,
}

/// All calls: a line `fn=` for who calls, `cfn=` for whom, `calls=` how often, and below it a line that ends with the cost.
fn calls(text: &str) -> Vec<Call<'_>> {
    let (mut names, mut calls) = (HashMap::new(), Vec::new());
    let (mut caller, mut callee) = ("", "");
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        if let Some(function) = line.strip_prefix("fn=") {
            caller = named(function, &mut names);
        } else if let Some(function) = line.strip_prefix("cfn=") {
            callee = named(function, &mut names);
        } else if let Some(called) = line.strip_prefix("calls=") {
            let count = called.split(' ').next().and_then(|count| count.parse().ok());
            let cost = lines.next().and_then(|line| line.rsplit(' ').next()?.parse().ok());
            if let Some((count, instructions)) = count.zip(cost) {
                calls.push(Call { caller, callee, count, instructions });
            }
        }
    }
    calls
}

/// A function, as `(7) name` where it comes first, and as `(7)` from then on.
fn named<'a>(function: &'a str, names: &mut HashMap<&'a str, &'a str>) -> &'a str {
    match function.split_once(' ') {
        Some((number, name)) => {
            names.insert(number, name);
            name
        }
        None => names.get(function).copied().unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    const TEXT: &str = "\
version: 1
events: Ir

fn=(1) main
12 34
cfn=(2) <a as b>::begin
calls=10 20
0 500
cfn=(3) b::end
calls=10 20
+3 200
cfn=(4) c
calls=1 0
0 9999

fn=(2)
1 100
cfn=(3)
calls=5 0
* 100
cfn=(5) malloc'alloc'<a as b>::begin'main
calls=7 0
0 70

fn=(4)
0 1
cfn=(6) malloc'alloc'c'main
calls=80 0
0 800

totals: 123456789
";

    #[test]
    fn the_totals_are_read() {
        assert_eq!(totals(TEXT), Some(123_456_789));
        assert_eq!(totals("version: 1\nevents: Ir\n"), None);
        assert_eq!(totals("totals: 12 34\n"), None, "there are two events");
    }

    #[test]
    fn what_calls_cost_is_counted_once() {
        let both = cost(TEXT, &["<a as b>::begin", "b::end"]).unwrap();
        assert_eq!(both, Cost { instructions: 700, allocations: 7 });
        let end = cost(TEXT, &["b::end"]).unwrap();
        assert_eq!(end, Cost { instructions: 300, allocations: 0 });
    }

    #[test]
    fn the_allocator_is_left_out() {
        let text = "fn=(1) main\ncfn=(2) malloc\ncalls=2 0\n0 500\ncfn=(3) free\ncalls=2 0\n0 100\n\
            fn=(4) realloc\ncfn=(2)\ncalls=1 0\n0 70\nfn=(1)\ncfn=(4)\ncalls=1 0\n0 90\ntotals: 1000\n";
        assert_eq!(outside_of_allocator(text).unwrap(), 1_000 - 500 - 100 - 90);
        assert_eq!(outside_of_allocator(TEXT).unwrap(), 123_456_789, "none is told by this name");
    }

    #[test]
    fn what_was_not_called_is_told() {
        let error = cost(TEXT, &["b::end", "b::middle"]).unwrap_err();
        assert!(error.to_string().contains("`b::middle`"), "{error}");
    }
}
