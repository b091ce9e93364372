//! What a call is to do.

use http::Request;

use super::probe::Steps;

/// What a call does, and what its body does, one step after the other.
#[derive(Debug, Clone)]
pub(crate) enum Step {
    /// Looks for a message in the request's body; passes when it has ended.
    ReadRequest,
    /// Sends these bytes in one frame (in the head: there is nothing to send yet).
    Data(&'static [u8]),
    /// Sends the trailers, with this status.
    Trailers(&'static str),
    /// Lets others run.
    Yield,
    /// Waits for ever.
    Hang,
    /// Fails.
    Fail,
    /// Panics.
    Panic,
    /// From here on, panics when dropped.
    PanicWhenDropped,
    /// Calls this.
    Run(fn()),
}

/// How a call is to go; an extension of its request.
#[derive(Debug, Clone, Default)]
pub(crate) struct Script {
    /// Within the call itself, before there is a future.
    pub(crate) call: Vec<Step>,
    /// Before the head of the response is there.
    pub(crate) head: Vec<Step>,
    /// The status in the head of the response, if there is to be one.
    pub(crate) status: Option<&'static str>,
    pub(crate) body: Vec<Step>,
}

/// A message of three bytes.
pub(crate) const MESSAGE: &[u8] = &[0, 0, 0, 0, 3, 1, 2, 3];

impl Script {
    pub(crate) fn body(steps: &[Step]) -> Self {
        Self { body: steps.to_vec(), ..Self::default() }
    }

    pub(crate) fn head(steps: &[Step]) -> Self {
        Self { head: steps.to_vec(), ..Self::unary() }
    }

    pub(crate) fn unary() -> Self {
        Self::body(&[Step::Data(MESSAGE), Step::Trailers("0")])
    }

    pub(crate) fn stream() -> Self {
        let message = [Step::Data(MESSAGE), Step::Yield];
        Self::body(&[&message[..], &message, &[Step::Trailers("0")]].concat())
    }

    pub(crate) fn status(status: &'static str) -> Self {
        Self { status: Some(status), ..Self::default() }
    }

    /// A request that is to go like this.
    pub(crate) fn request(self) -> Request<Steps> {
        let mut request = Request::post("/a.B/C").body(Steps::default()).expect("well-formed");
        request.extensions_mut().insert(self);
        request
    }
}
