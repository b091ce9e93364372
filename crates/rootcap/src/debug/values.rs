//! Values of the program's own, which `/debug/memory` shows.

use std::{
    collections::BTreeMap,
    fmt::Display,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, Mutex, PoisonError},
};

use rootcap_layers::excerpt::cut;

/// How many are kept.
pub(crate) const MOST: usize = 256;
/// How much of a name or a value is shown, in bytes.
const MAX_LEN: usize = 256;

type Read = Arc<dyn Fn() -> String + Send + Sync>;

/// Those of the process, by name.
static VALUES: Mutex<BTreeMap<String, Read>> = Mutex::new(BTreeMap::new());

/// Shows a value of the program's own on `/debug/memory`, beside the memory that it may explain: how many entries a
/// cache has, how full a queue is.
///
/// `value` is called whenever somebody looks, on a thread of the admin port's: it may take a lock for a moment, and
/// must not wait for the service. Where it panics, the page says so. A name that is registered again has its new value;
/// of names, 256 are kept.
///
/// ```
/// use std::sync::{Arc, Mutex};
///
/// let cache = Arc::new(Mutex::new(Vec::<u64>::new()));
/// let seen = Arc::clone(&cache);
/// rootcap::debug::register("cache", move || match seen.try_lock() {
///     Ok(cache) => format!("{} entries, room for {}", cache.len(), cache.capacity()),
///     Err(_) => "in use".to_owned(),
/// });
/// ```
pub fn register<V: Display>(name: &str, value: impl Fn() -> V + Send + Sync + 'static) {
    let mut values = VALUES.lock().unwrap_or_else(PoisonError::into_inner);
    let name = cut(name, MAX_LEN);
    if values.len() < MOST || values.contains_key(name) {
        values.insert(name.to_owned(), Arc::new(move || value().to_string()));
        return;
    }
    drop(values);
    tracing::warn!(name, "a value for /debug/memory is not kept: there are {MOST} already");
}

/// All that are registered, as they are now.
pub(crate) fn read() -> BTreeMap<String, String> {
    // Not under the lock: a value may register another.
    let values = VALUES.lock().unwrap_or_else(PoisonError::into_inner).clone();
    values.into_iter().map(|(name, read)| (name, read_one(&read))).collect()
}

fn read_one(read: &Read) -> String {
    match catch_unwind(AssertUnwindSafe(|| read())) {
        Ok(value) => cut(&value, MAX_LEN).to_owned(),
        Err(_) => "(it panicked)".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One test, because the values are those of the process.
    #[test]
    fn values_are_read_when_somebody_looks_and_none_of_them_breaks_the_page() {
        register("entries", || 3);
        register("entries", || 4);
        register("long", || "x".repeat(1_000));
        register("broken", || -> String { panic!("a value that panics") });
        register("nested", || {
            register("inner", || "in");
            "out"
        });
        let values = read();
        assert_eq!((&*values["entries"], &*values["broken"]), ("4", "(it panicked)"));
        assert_eq!((&*values["nested"], values["long"].len()), ("out", MAX_LEN));
        assert_eq!(read()["inner"], "in");

        (0..2 * MOST).for_each(|index| register(&format!("many {index}"), || "one of many"));
        register("entries", || 5);
        let values = read();
        assert_eq!((values.len(), &*values["entries"]), (MOST, "5"));
    }
}
