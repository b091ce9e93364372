//! The body of a request, which counts what it hands on.

use std::{
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;
use tonic::Status;

use super::{BoxError, budget::Full, demand::Demand, share::Share};

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
    /// Of a call that holds its share already, as its head has announced it.
    #[inline]
    pub(super) fn new(share: Share) -> Self {
        Self { demand: Demand::announced(share.account().bytes()), share }
    }

    /// More is asked for. Returns whether there may be more: not of a call that is to end.
    #[inline]
    fn ask(&self) -> bool {
        let account = self.share.account();
        let goes_on = account.refused().is_none();
        if goes_on {
            self.share.rule().give_back(account.lower_to(self.demand.when_asked()));
        }
        goes_on
    }

    /// These bytes are to be handed on.
    #[inline]
    fn hand(&mut self, bytes: &[u8]) -> Result<(), Status> {
        let account = self.share.account();
        let (held, needed) = (account.bytes(), self.demand.when_handed(bytes));
        if needed <= held {
            self.share.rule().give_back(account.lower_to(needed));
            return Ok(());
        }
        let rule = self.share.rule();
        match rule.take(self.share.call(), needed - held) {
            Ok(()) => {
                account.set_bytes(needed);
                Ok(())
            }
            Err(full) => {
                // What the call holds already makes room for what it asks for.
                let full = Full { used: full.used.saturating_sub(held), asked: needed, ..full };
                let told = rule.answer(self.share.path(), full);
                let status = Status::from_header_map(&told).expect("it has a status");
                account.refuse(told);
                Err(status)
            }
        }
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
