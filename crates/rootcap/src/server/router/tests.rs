//! Lists of services, and who is called.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering::Relaxed},
};

use http::HeaderValue;
use tokio_test::{assert_pending, assert_ready, task};
use tonic::body::Body;
use tower::ServiceExt;

use super::*;

/// A service that answers with its name, once it is ready.
macro_rules! service {
    ($type:ident, $name:literal) => {
        #[derive(Debug, Clone, Default)]
        struct $type {
            busy: Arc<AtomicBool>,
        }

        impl NamedService for $type {
            const NAME: &'static str = $name;
        }

        impl Service<Request<Body>> for $type {
            type Response = Response<Body>;
            type Error = Infallible;
            type Future = Ready<Result<Response<Body>, Infallible>>;

            fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
                if self.busy.load(Relaxed) {
                    cx.waker().wake_by_ref();
                    return Poll::Pending;
                }
                Poll::Ready(Ok(()))
            }

            fn call(&mut self, _: Request<Body>) -> Self::Future {
                let mut response = Response::new(Body::empty());
                response.headers_mut().insert("x-service", HeaderValue::from_static($name));
                ready(Ok(response))
            }
        }
    };
}

service!(Apples, "fruit.Apples");
service!(Pears, "fruit.Pears");

fn request(path: &str) -> Request<Body> {
    Request::builder().uri(path).body(Body::empty()).unwrap()
}

/// Who answered, or the status.
fn answer<B>(response: &Response<B>) -> &str {
    let headers = response.headers();
    headers.get("x-service").unwrap_or_else(|| &headers["grpc-status"]).to_str().unwrap()
}

async fn ask<L: List<Body>>(services: Services<L>, path: &str) -> String {
    let response = Router::new(services).oneshot(request(path)).await.unwrap();
    answer(&response).to_owned()
}

#[tokio::test]
async fn a_request_goes_to_the_service_that_its_path_names() {
    let services = Services::new(Apples::default()).add(Pears::default());
    assert_eq!(ask(services.clone(), "/fruit.Apples/Eat").await, "fruit.Apples");
    assert_eq!(ask(services, "/fruit.Pears/Eat").await, "fruit.Pears");
}

#[tokio::test]
async fn another_path_is_unimplemented() {
    let services = Services::new(Apples::default());
    for path in
        ["/", "/fruit.Apples", "/fruit.Apple/Eat", "/fruit.Apples2/Eat", "/x/fruit.Apples/Eat"]
    {
        assert_eq!(ask(services.clone(), path).await, "12", "{path}");
    }
    assert_eq!(ask(Services::<Nil>::default(), "/fruit.Apples/Eat").await, "12");
}

#[tokio::test]
async fn the_answer_to_a_long_path_is_short() {
    let path = format!("/{}/Eat", "a".repeat(16 * 1024));
    let response = Router::new(Services::<Nil>::default()).oneshot(request(&path)).await.unwrap();
    assert!(response.headers()["grpc-message"].len() < 512);
}

#[tokio::test]
async fn a_service_that_is_absent_is_unimplemented_and_has_no_name() {
    let services = Services::new(Apples::default()).add_optional(None::<Pears>);
    assert_eq!(ask(services.clone(), "/fruit.Pears/Eat").await, "12");
    assert_eq!(ask(services.clone(), "/fruit.Apples/Eat").await, "fruit.Apples");
    let mut names = Vec::new();
    services.each_name(&mut |name| names.push(name));
    assert_eq!(names, ["fruit.Apples"]);
}

#[tokio::test]
async fn names_come_in_the_order_in_which_services_were_added() {
    let mut names = Vec::new();
    let services = Services::new(Apples::default()).add(Pears::default());
    services.each_name(&mut |name| names.push(name));
    assert_eq!(names, ["fruit.Apples", "fruit.Pears"]);
}

#[test]
fn a_service_that_is_not_ready_is_waited_for_and_holds_up_no_other() {
    let apples = Apples::default();
    apples.busy.store(true, Relaxed);
    let services = Services::new(apples.clone()).add(Pears::default());
    let mut router = Router::new(services);
    let mut waiting = task::spawn(router.call(request("/fruit.Apples/Eat")));
    assert_pending!(waiting.poll());
    let mut other = task::spawn(router.call(request("/fruit.Pears/Eat")));
    assert_eq!(answer(&assert_ready!(other.poll()).unwrap()), "fruit.Pears");
    apples.busy.store(false, Relaxed);
    assert!(waiting.is_woken());
    assert_eq!(answer(&assert_ready!(waiting.poll()).unwrap()), "fruit.Apples");
}
