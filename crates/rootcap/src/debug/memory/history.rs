//! What memory was used in the last minute, look by look, and in the last day, minute by minute.

use std::{collections::VecDeque, time::Duration};

/// How far the looks go back.
const RECENT: Duration = Duration::from_secs(60);
/// How many looks are kept at most, whatever their times are.
const MOST: usize = 240;
/// How long what is kept of a day lasts.
const MINUTE: Duration = Duration::from_secs(60);
/// How many minutes are kept.
const DAY: usize = 24 * 60;

/// Memory at a time, in bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Sample {
    /// When, since the first look.
    pub(crate) at: Duration,
    /// What is in the machine's memory.
    pub(crate) resident: u64,
    /// What of that no file backs: heaps and stacks.
    pub(crate) anonymous: u64,
    /// What was written to swap.
    pub(crate) swapped: u64,
    /// What the program holds of its heap; 0 where the allocator does not say.
    pub(crate) allocated: u64,
}

impl Sample {
    /// The greater of each number.
    fn max(self, other: Self) -> Self {
        Self {
            at: self.at,
            resident: self.resident.max(other.resident),
            anonymous: self.anonymous.max(other.anonymous),
            swapped: self.swapped.max(other.swapped),
            allocated: self.allocated.max(other.allocated),
        }
    }
}

/// The last minute and the last day; bounded.
#[derive(Debug, Clone, Default)]
pub(crate) struct History {
    recent: VecDeque<Sample>,
    minutes: VecDeque<Sample>,
}

impl History {
    /// Keeps a sample that is not older than the last.
    pub(crate) fn note(&mut self, sample: Sample) {
        self.recent.push_back(sample);
        let is_old = |oldest: &Sample| sample.at.saturating_sub(oldest.at) > RECENT;
        while self.recent.len() > MOST || self.recent.front().is_some_and(is_old) {
            self.recent.pop_front();
        }
        let begins = |minute: &Sample| Duration::from_secs(minute.at.as_secs() / 60 * 60);
        match self.minutes.back_mut() {
            Some(minute) if sample.at < begins(minute) + MINUTE => *minute = minute.max(sample),
            _ => self.minutes.push_back(sample),
        }
        if self.minutes.len() > DAY {
            self.minutes.pop_front();
        }
    }

    /// Those of the last minute, the oldest first.
    pub(crate) fn recent(&self) -> impl ExactSizeIterator<Item = Sample> {
        self.recent.iter().copied()
    }

    /// The most that was seen in each minute of the last day, the oldest first. Minutes without a look are left out.
    pub(crate) fn minutes(&self) -> impl ExactSizeIterator<Item = Sample> {
        self.minutes.iter().copied()
    }

    /// The last one.
    pub(crate) fn last(&self) -> Option<Sample> {
        self.recent.back().copied()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    fn sample(millis: u64, resident: u64) -> Sample {
        let at = Duration::from_millis(millis);
        Sample { at, resident, anonymous: resident / 2, swapped: 7, allocated: resident / 3 }
    }

    #[test]
    fn twice_a_second_for_a_minute_and_by_the_minute_for_a_day() {
        let mut history = History::default();
        let looks = 2 * 60 * 60 * 25;
        (0..looks).for_each(|look| history.note(sample(look * 500, look)));
        assert_eq!(history.recent().len(), 121);
        assert_eq!(history.minutes().len(), DAY);
        let first = history.minutes().next();
        assert_eq!(
            first.map(|minute| (minute.at.as_secs(), minute.resident)),
            Some((3_600, 7_319))
        );
        assert_eq!(history.last(), Some(sample((looks - 1) * 500, looks - 1)));
    }

    proptest! {
        #[test]
        fn what_is_kept_is_what_was_seen(
            steps in proptest::collection::vec((0_u64..90_000, 0_u64..1_000), 1..300),
        ) {
            let (mut history, mut seen, mut now) = (History::default(), Vec::new(), 0);
            for (pause, resident) in steps {
                now += pause;
                history.note(sample(now, resident));
                seen.push(sample(now, resident));
            }
            let is_recent = |sample: &&Sample| sample.at.as_millis() as u64 + 60_000 >= now;
            let recent: Vec<_> = seen.iter().filter(is_recent).copied().collect();
            let beyond = recent.len().saturating_sub(MOST);
            prop_assert!(history.recent().eq(recent[beyond..].iter().copied()));

            let mut peaks = BTreeMap::new();
            for sample in &seen {
                let peak = peaks.entry(sample.at.as_secs() / 60).or_insert(0);
                *peak = sample.resident.max(*peak);
            }
            let kept = history.minutes().map(|minute| (minute.at.as_secs() / 60, minute.resident));
            prop_assert!(kept.eq(peaks));
        }
    }
}
