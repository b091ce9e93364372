//! Where the call, and its trace context, are current.

use std::{
    convert::Infallible,
    sync::{Arc, Mutex},
};

use http::{Request, Response};
use http_body_util::Full;
use opentelemetry::trace::TraceContextExt;
use tonic::Code;
use tower::{Layer, ServiceExt, service_fn};

use super::Observed;
use crate::{
    Call, Methods,
    contract::{MESSAGE, Script, Step, Steps, next},
    observe::{ObserveLayer, ObservedRequest},
};

/// The call and the OpenTelemetry context of this place agree, and are those of a call.
fn assert_current() {
    let call = Call::current().unwrap();
    let context = opentelemetry::Context::current();
    assert_eq!(context.span().span_context().trace_id(), call.trace().trace_id());
    assert_eq!(context.span().span_context().span_id(), call.trace().span_id());
}

fn assert_none_current() {
    assert!(Call::current().is_none());
    assert!(!opentelemetry::Context::current().span().span_context().is_valid());
}

/// Checks, when it is dropped, that the call is current.
struct CurrentWhenDropped(Arc<Mutex<u32>>);

impl Drop for CurrentWhenDropped {
    fn drop(&mut self) {
        assert_current();
        *self.0.lock().unwrap() += 1;
    }
}

#[tokio::test]
async fn the_call_is_current_inside_and_nowhere_else() {
    let observed = Observed::new();
    let check = Step::Run(assert_current);
    let script = Script {
        head: vec![check.clone(), Step::Yield, check.clone()],
        body: vec![check.clone(), Step::Data(MESSAGE), Step::Yield, check, Step::Trailers("0")],
        ..Script::default()
    };
    let future = observed.stack.call(script);
    assert_none_current();
    let mut body = future.await.unwrap().into_body();
    assert_none_current();
    while next(&mut body).await.is_some() {
        assert_none_current();
    }
    drop(body);
    assert_none_current();
    assert_eq!(observed.ends.code_and_cause().0, Code::Ok);
}

#[tokio::test]
async fn the_call_is_current_while_a_cancelled_handler_is_dropped() {
    let drops = Arc::new(Mutex::new(0));
    let inner = service_fn(|_: Request<ObservedRequest<(), Steps>>| {
        let guard = CurrentWhenDropped(Arc::clone(&drops));
        async move {
            let _guard = guard;
            std::future::pending::<Result<Response<Full<bytes::Bytes>>, Infallible>>().await
        }
    });
    let service = ObserveLayer::new((), Arc::new(Methods::builder().build())).layer(inner);
    let mut pending = tokio_test::task::spawn(service.oneshot(Script::unary().request()));
    assert!(pending.poll().is_pending());
    drop(pending);
    assert_eq!(*drops.lock().unwrap(), 1);
    assert_none_current();
}
