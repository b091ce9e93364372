//! Holds what is in force, and puts into force what replaces it.

use std::{
    fmt,
    sync::Arc,
    time::{Duration, SystemTime},
};

use tokio::{sync::watch, time::Instant};

use super::{Given, InForce, Origin, Replaced};

/// A value that can be changed while the process runs, for a time or until somebody says otherwise. Clones are the same.
pub(crate) struct Held<T, E> {
    state: Arc<watch::Sender<InForce<T>>>,
    /// Makes a value count.
    apply: Arc<Apply<T, E>>,
}

type Apply<T, E> = dyn Fn(&T) -> Result<(), E> + Send + Sync;

impl<T: Clone + PartialEq, E> Held<T, E> {
    /// What is in force already, and how another value is put in its place.
    pub(crate) fn new(
        state: InForce<T>,
        apply: impl Fn(&T) -> Result<(), E> + Send + Sync + 'static,
    ) -> Self {
        Self { state: Arc::new(watch::Sender::new(state)), apply: Arc::new(apply) }
    }

    /// What is in force.
    pub(crate) fn state(&self) -> InForce<T> {
        self.state.borrow().clone()
    }

    /// Puts into force what `next` makes of the present state, unless that is `None`. Where it cannot be, all stays
    /// as it was.
    pub(crate) fn update(
        &self,
        next: impl FnOnce(&InForce<T>) -> Option<InForce<T>>,
    ) -> Result<Option<Replaced<T>>, E> {
        self.try_update(|state| Ok(next(state)))
    }

    /// The same, with something to put into force that may turn out to be wrong beside what is in force.
    fn try_update(
        &self,
        next: impl FnOnce(&InForce<T>) -> Result<Option<InForce<T>>, E>,
    ) -> Result<Option<Replaced<T>>, E> {
        let mut result = Ok(None);
        // One after another: what is held and what counts are always the same.
        self.state.send_if_modified(|state| {
            result = next(state).and_then(|next| {
                let Some(next) = next else { return Ok(None) };
                (self.apply)(&next.current().value)?;
                let (old, new) = (state.current().value.clone(), next.current().value.clone());
                *state = next;
                Ok(Some(Replaced { old, new }))
            });
            matches!(result, Ok(Some(_)))
        });
        result
    }

    /// Puts what `value` makes of the one in force in the place of the configured one, for some time or until somebody
    /// says so.
    pub(crate) fn change(
        &self,
        value: impl FnOnce(&T) -> Result<T, E>,
        by: Origin,
        lasts: Option<Duration>,
    ) -> Result<Replaced<T>, E> {
        let replaced = self.try_update(|state| {
            let given = Given::new(value(&state.current().value)?, by, SystemTime::now());
            let until = lasts.map(|lasts| Instant::now() + lasts);
            Ok(Some(state.changed(given, until)))
        })?;
        Ok(replaced.expect("a change was made of any state"))
    }

    /// Puts the configured value into force again.
    pub(crate) fn fall_back(&self) -> Result<Replaced<T>, E> {
        let replaced = self.update(InForce::fallen_back)?;
        Ok(replaced.unwrap_or_else(|| {
            let value = self.state().current().value.clone();
            Replaced { old: value.clone(), new: value }
        }))
    }

    /// Waits until the time of a change is over, and ends it.
    pub(crate) async fn expired(&self) -> Result<Replaced<T>, E> {
        let mut state = self.state.subscribe();
        loop {
            let until = state.borrow_and_update().until();
            let over = async {
                match until {
                    Some(until) => tokio::time::sleep_until(until).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = over => {}
                // The sender is here, so it is there.
                _ = state.changed() => continue,
            }
            if let Some(replaced) = self.update(|state| state.at(Instant::now()))? {
                return Ok(replaced);
            }
        }
    }
}

impl<T, E> Clone for Held<T, E> {
    fn clone(&self) -> Self {
        Self { state: Arc::clone(&self.state), apply: Arc::clone(&self.apply) }
    }
}

impl<T: fmt::Debug, E> fmt::Debug for Held<T, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Held").field(&*self.state.borrow()).finish()
    }
}
