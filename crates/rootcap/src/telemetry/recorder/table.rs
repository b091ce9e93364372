//! [`Table`]: a map that only grows.

use std::{
    collections::HashMap,
    hash::Hash,
    sync::{PoisonError, RwLock},
};

/// A map that only grows. Whoever asks for what is there waits for new entries alone.
#[derive(Debug)]
pub(super) struct Table<K, V>(RwLock<HashMap<K, V>>);

impl<K, V> Default for Table<K, V> {
    fn default() -> Self {
        Self(RwLock::default())
    }
}

impl<K: Eq + Hash + Clone, V: Clone> Table<K, V> {
    pub(super) fn get(&self, key: &K) -> Option<V> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).get(key).cloned()
    }

    pub(super) fn get_or(&self, key: &K, new: impl FnOnce() -> V) -> V {
        self.get(key).unwrap_or_else(|| {
            let mut map = self.0.write().unwrap_or_else(PoisonError::into_inner);
            map.entry(key.clone()).or_insert_with(new).clone()
        })
    }

    pub(super) fn len(&self) -> usize {
        self.0.read().unwrap_or_else(PoisonError::into_inner).len()
    }

    /// By key: of two that are shown as one, it is always the same one that stands.
    pub(super) fn all(&self) -> Vec<(K, V)>
    where
        K: Ord,
    {
        let map = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let mut all: Vec<_> = map.iter().map(|(key, value)| (key.clone(), value.clone())).collect();
        drop(map);
        all.sort_by(|(one, _), (other, _)| one.cmp(other));
        all
    }
}
