//! The body of a request, which counts what it hands on.

use std::{
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;
use tonic::Status;

use super::{BoxError, account::Account, budget::Full, demand::Demand, share::Share};

pin_project! {
    /// The body of a request whose bytes count. It ends with the status of the call when a message has no room.
    #[derive(Debug)]
    pub struct CountedRequest<B> {
        #[pin]
        body: B,
        // `None` where nothing is counted.
        meter: Option<Meter>,
    }
}

/// Keeps what a call holds equal to its demand.
#[derive(Debug)]
pub(super) struct Meter {
    demand: Demand,
    share: Share,
}

impl Meter {
    /// Of a call of whose request nothing has been handed on.
    #[inline]
    pub(super) fn new(share: Share) -> Self {
        Self { demand: Demand::default(), share }
    }

    /// More is asked for. Returns whether there may be more: not of a call that is to end.
    #[inline]
    fn ask(&self) -> bool {
        let account = self.share.account();
        let goes_on = account.refused().is_none();
        if goes_on {
            self.settle(account, account.bytes(), self.demand.when_asked());
        }
        goes_on
    }

    /// These bytes are to be handed on.
    #[inline]
    fn hand(&mut self, bytes: &[u8]) -> Result<(), Status> {
        let account = self.share.account();
        let (held, has_begun) = (account.bytes(), self.demand.has_handed());
        let needed = self.demand.when_handed(bytes);
        if needed.held > held || needed.to_come > 0 {
            self.share
                .rule()
                .take(self.share.call(), held, needed)
                .map_err(|full| self.refuse(full, has_begun))?;
        }
        self.settle(account, held, needed.held);
        Ok(())
    }

    /// Notes what the call holds now. What is more has been taken, and what is less is given back.
    #[inline]
    fn settle(&self, account: &Account, held: u64, now: u64) {
        account.set_bytes(now);
        self.share.rule().give_back(held.saturating_sub(now));
    }

    /// Ends the call; returns what its handler is told.
    #[cold]
    fn refuse(&self, full: Full, has_begun: bool) -> Status {
        let told = self.share.rule().answer(self.share.path(), full, has_begun);
        let status = Status::from_header_map(&told).expect("it has a status");
        self.share.account().refuse(told);
        status
    }
}

impl<B> CountedRequest<B> {
    #[inline]
    pub(super) fn new(body: B, meter: Option<Meter>) -> Self {
        Self { body, meter }
    }
}

impl<B: Body<Data = Bytes, Error: Into<BoxError>>> Body for CountedRequest<B> {
    type Data = Bytes;
    type Error = BoxError;

    #[inline]
    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let this = self.project();
        let Some(meter) = this.meter else {
            return this.body.poll_frame(cx).map_err(Into::into);
        };
        if !meter.ask() {
            return Poll::Ready(None);
        }
        let polled = this.body.poll_frame(cx);
        if let Poll::Ready(Some(Ok(frame))) = &polled
            && let Some(data) = frame.data_ref()
        {
            meter.hand(data)?;
        }
        polled.map_err(Into::into)
    }

    #[inline]
    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }

    #[inline]
    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }
}
