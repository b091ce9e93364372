//! The last samples that were kept to be compared with.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::SystemTime,
};

use super::Snapshot;

/// How many are kept: the oldest goes for another.
const MOST: usize = 4;
/// The most addresses of one: eight bytes each.
const ADDRESSES: usize = 1 << 20;

/// Those of the process.
pub(crate) static KEPT: Kept = Kept::new();

/// Samples by their numbers, which count from 1 on.
#[derive(Debug)]
pub(crate) struct Kept(Mutex<State>);

#[derive(Debug)]
struct State {
    last: u64,
    kept: VecDeque<(u64, Arc<Snapshot>)>,
}

impl Kept {
    const fn new() -> Self {
        Self(Mutex::new(State { last: 0, kept: VecDeque::new() }))
    }

    /// Keeps samples; says their number.
    ///
    /// # Errors
    /// When they are too many.
    pub(crate) fn keep(&self, snapshot: Snapshot) -> Result<u64, String> {
        let addresses: usize = snapshot.stacks.keys().map(Vec::len).sum();
        if addresses > ADDRESSES {
            return Err(format!("its {} stacks are too many to be kept", snapshot.stacks.len()));
        }
        let mut state = self.state();
        state.last += 1;
        let number = state.last;
        state.kept.push_back((number, Arc::new(snapshot)));
        if state.kept.len() > MOST {
            state.kept.pop_front();
        }
        Ok(number)
    }

    /// The samples of that number, if they are kept.
    pub(crate) fn get(&self, number: u64) -> Option<Arc<Snapshot>> {
        let state = self.state();
        let found = state.kept.iter().find(|(known, _)| *known == number);
        found.map(|(_, snapshot)| Arc::clone(snapshot))
    }

    /// The numbers that there are, the oldest first, and when each was taken.
    pub(crate) fn list(&self) -> Vec<(u64, SystemTime)> {
        self.state().kept.iter().map(|(number, snapshot)| (*number, snapshot.taken)).collect()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing in here panics halfway through a change.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::{super::snapshot::Counts, *};

    #[test]
    fn the_last_four_are_kept_and_none_that_is_too_large() {
        let kept = Kept::new();
        assert_eq!(kept.list(), []);
        for number in 1..=6 {
            assert_eq!(kept.keep(Snapshot::new(number)), Ok(number));
        }
        let numbers: Vec<_> = kept.list().into_iter().map(|(number, _)| number).collect();
        assert_eq!(numbers, [3, 4, 5, 6]);
        assert!(kept.get(2).is_none() && kept.get(7).is_none());
        assert_eq!(kept.get(3).map(|snapshot| snapshot.every), Some(3));

        let mut large = Snapshot::new(1);
        large.add(vec![1; ADDRESSES + 1], Counts::default());
        assert_eq!(kept.keep(large), Err("its 1 stacks are too many to be kept".to_owned()));
        assert_eq!(kept.list().len(), MOST);
    }
}
