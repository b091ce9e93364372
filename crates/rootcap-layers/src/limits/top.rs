//! Who is being limited now: the callers that come up most, among any number of them, in fixed memory.
//!
//! Space-Saving (Metwally, Agrawal, El Abbadi: "Efficient Computation of Frequent and Top-k Elements in Data Streams",
//! ICDT 2005): a caller that is not known takes the place of the one with the least count, and inherits that count as
//! its possible error. So whoever makes up more than a [`KEYS`]th of all is always known, and no count is too low. Counts
//! fade as in "Forward Decay" (Cormode et al., ICDE 2009): what comes later weighs more, by one factor for all, which
//! changes nothing about their order.

use parking_lot::{Mutex, MutexGuard};

use crate::excerpt::cut;

/// How many callers are known at a time.
pub const KEYS: usize = 64;
/// How much of a caller's key is kept, in bytes.
pub const MAX_KEY: usize = 128;

/// After that, a call weighs 1/e of one that comes now.
const FADES_IN: f64 = 10.0;
/// When a new call weighs so much, all weights are made smaller by that.
const HEAVY: f64 = 1e100;
/// Who comes up less often, in times per second, is not limited now: who did ten times a second is forgotten in a minute.
const LEAST: f64 = 0.02;
/// What came in less is spread over so much, in seconds: a rate needs a time.
const SHORTEST: f64 = 1.0;

/// The callers that came up most lately.
#[derive(Debug, Default)]
pub struct TopCallers(Mutex<Sketch>);

/// One of the callers that came up most.
#[derive(Debug, Clone, PartialEq)]
pub struct TopCaller {
    /// The caller's key, cut at [`MAX_KEY`] bytes.
    pub key: String,
    /// How often it came up lately, in times per second: it may be less, but not more.
    pub rate: f64,
    /// How often at least. Far below `rate` where very many callers come up, none of them much.
    pub at_least: f64,
}

#[derive(Debug, Default)]
struct Sketch {
    counters: Vec<Counter>,
    /// When the first came up.
    since: Option<u64>,
    /// When a call weighed 1.
    landmark: u64,
}

#[derive(Debug, Default)]
struct Counter {
    key: String,
    /// Of the key: most of those that differ are told apart by it.
    print: u64,
    count: f64,
    /// How much of the count may be others'.
    error: f64,
}

impl TopCallers {
    /// None yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// The caller with this key came up. For one that is known, nothing is allocated.
    pub fn note(&self, key: &str, now: u64) {
        self.sketch().note(cut(key, MAX_KEY), now);
    }

    /// The keys that are known, however long ago they came up.
    pub fn keys(&self) -> Vec<String> {
        self.sketch().counters.iter().map(|counter| counter.key.clone()).collect()
    }

    /// The `most` callers that came up most lately, the one that did most first; none that has not for long.
    pub fn top(&self, most: usize, now: u64) -> Vec<TopCaller> {
        self.sketch().top(most, now)
    }

    fn sketch(&self) -> MutexGuard<'_, Sketch> {
        self.0.lock()
    }
}

impl Sketch {
    fn note(&mut self, key: &str, now: u64) {
        self.since.get_or_insert(now);
        let weight = self.weight_at(now);
        let print = print_of(key);
        let is_its = |counter: &Counter| counter.print == print && counter.key == key;
        let counter = match self.counters.iter().position(is_its) {
            Some(known) => &mut self.counters[known],
            None => self.place_for(key, print),
        };
        counter.count += weight;
    }

    /// A new counter, or that of the caller with the least count.
    fn place_for(&mut self, key: &str, print: u64) -> &mut Counter {
        let least = match self.counters.len() {
            KEYS => self.least(),
            room => {
                self.counters.push(Counter::default());
                room
            }
        };
        let counter = &mut self.counters[least];
        counter.error = counter.count;
        counter.print = print;
        counter.key.clear();
        counter.key.push_str(key);
        counter
    }

    /// Where the least count is.
    fn least(&self) -> usize {
        let mut least = (0, f64::INFINITY);
        for (index, counter) in self.counters.iter().enumerate() {
            if counter.count < least.1 {
                least = (index, counter.count);
            }
        }
        least.0
    }

    /// What a call at `now` weighs; made 1 again, before it is more than can be added up.
    fn weight_at(&mut self, now: u64) -> f64 {
        let weight = (self.seconds_to(now) / FADES_IN).exp();
        if weight < HEAVY {
            return weight;
        }
        for counter in &mut self.counters {
            counter.count /= weight;
            counter.error /= weight;
        }
        self.landmark = now;
        1.0
    }

    fn seconds_to(&self, now: u64) -> f64 {
        now.saturating_sub(self.landmark) as f64 / 1e9
    }

    fn top(&self, most: usize, now: u64) -> Vec<TopCaller> {
        let Some(since) = self.since else { return Vec::new() };
        let age = (now.saturating_sub(since) as f64 / 1e9).max(SHORTEST);
        // What a caller that came up once a second since then would weigh.
        let once_a_second = FADES_IN * (1.0 - (-age / FADES_IN).exp());
        let faded = (-self.seconds_to(now) / FADES_IN).exp();
        let rate = |weight: f64| weight * faded / once_a_second;
        let caller = |counter: &Counter| TopCaller {
            key: counter.key.clone(),
            rate: rate(counter.count),
            at_least: rate(counter.count - counter.error),
        };
        let mut sorted: Vec<_> = self.counters.iter().collect();
        sorted.sort_by(|a, b| b.count.total_cmp(&a.count).then_with(|| a.key.cmp(&b.key)));
        sorted.into_iter().take(most).map(caller).take_while(|it| it.rate >= LEAST).collect()
    }
}

/// A number that differs for most keys that differ. One who finds others makes looking for a key a little slower.
fn print_of(key: &str) -> u64 {
    let mix =
        |print: u64, word: u64| (print ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(29);
    let (words, rest) = key.as_bytes().as_chunks::<8>();
    let print =
        words.iter().fold(key.len() as u64, |print, word| mix(print, u64::from_le_bytes(*word)));
    rest.iter().fold(print, |print, byte| mix(print, u64::from(*byte)))
}

#[cfg(test)]
mod tests;
