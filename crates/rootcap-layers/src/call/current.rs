//! The call that the current thread is serving, set while its future or one of its bodies is polled.

use std::{cell::RefCell, fmt, marker::PhantomData};

use super::Call;

thread_local! {
    static CURRENT: RefCell<Option<Call>> = const { RefCell::new(None) };
}

impl Call {
    /// The call that is being served here, if there is one.
    ///
    /// It is known while the handler's future and its streams are polled. A task that a handler spawns
    /// has none: keep a clone of the call instead, and [`enter`](Self::enter) it there.
    #[inline]
    pub fn current() -> Option<Call> {
        // A thread that is ending has no current call any more.
        CURRENT.try_with(|current| current.try_borrow().ok()?.clone()).ok().flatten()
    }

    /// Calls `f` with the call that is being served here, without cloning it.
    ///
    /// # Panics
    /// When `f` calls [`enter`](Self::enter): the call must not change while it is lent.
    #[inline]
    pub fn with_current<T>(f: impl FnOnce(Option<&Call>) -> T) -> T {
        // A thread that is ending has no current call any more.
        let mut f = Some(f);
        let result = CURRENT.try_with(|current| match current.try_borrow() {
            Ok(current) => f.take().map(|f| f(current.as_ref())),
            Err(_) => None,
        });
        match (result, f) {
            (Ok(Some(value)), _) => value,
            (_, Some(f)) => f(None),
            (_, None) => unreachable!("the closure was either called or kept"),
        }
    }

    /// Makes this the current call of this thread, and its trace context the current OpenTelemetry
    /// context, until the guard is dropped. For synchronous work only: never hold it across an `.await`.
    ///
    /// ```
    /// use rootcap_layers::Call;
    ///
    /// async fn handler() {
    ///     let call = Call::current();
    ///     let work = move || {
    ///         let _current = call.as_ref().map(Call::enter);
    ///         println!("what is logged here has the ids of the call");
    ///     };
    ///     let _ = tokio::task::spawn_blocking(work).await;
    /// }
    /// # drop(handler());
    /// ```
    ///
    /// # Panics
    /// On a thread that is ending, in the destructor of a value of its own: OpenTelemetry keeps no context there.
    #[inline]
    pub fn enter(&self) -> Scope {
        Scope {
            previous: replace(Some(self.clone())),
            _otel: self.inner().otel.clone().attach(),
            _span: self.inner().span.clone().map(tracing::Span::entered),
            _not_send: PhantomData,
        }
    }

    /// [`enter`](Self::enter), unless this is the current call already: whoever polls a call may have entered it once for
    /// all that is polled.
    #[inline]
    pub(crate) fn enter_unless_current(&self) -> Option<Scope> {
        let current = Self::with_current(|call| call.is_some_and(|call| call.is_same(self)));
        (!current).then(|| self.enter())
    }
}

/// Ends the scope of [`Call::enter`] when dropped.
#[must_use = "the call is current only while this lives"]
pub struct Scope {
    previous: Option<Call>,
    // Left in the reverse of the order in which they are entered: fields are dropped from the first to the last.
    _span: Option<tracing::span::EnteredSpan>,
    _otel: opentelemetry::ContextGuard,
    _not_send: PhantomData<*const ()>,
}

impl Drop for Scope {
    #[inline]
    fn drop(&mut self) {
        replace(self.previous.take());
    }
}

impl fmt::Debug for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scope").field("previous", &self.previous).finish_non_exhaustive()
    }
}

/// Sets the current call of this thread; returns the one before.
#[inline]
fn replace(call: Option<Call>) -> Option<Call> {
    CURRENT.with(|current| current.replace(call))
}
