//! The layers around every admin route: one function, a reason per line.

use std::any::Any;

use axum::Router;
use axum::body::Body;
use axum::response::Response;
use http::{HeaderName, HeaderValue, StatusCode, header};
use tower::ServiceBuilder;
use tower_http::CompressionLevel;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::compression::CompressionLayer;
use tower_http::csrf::{CsrfLayer, ProtectionError};
use tower_http::limit::RequestBodyLimitLayer;
use tower_http::set_header::SetResponseHeaderLayer;

use super::text::plain_response;

/// The largest request body.
const MAX_BODY_BYTES: usize = 64 * 1024;

/// Nothing loads but the style sheet of this port, nothing frames it, nothing runs.
const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; style-src 'self'; base-uri 'none'; \
                                       form-action 'self'; frame-ancestors 'none'";

/// `router` inside the layers that every route needs, outermost first.
pub(super) fn wrap(router: Router) -> Router {
    router.layer(
        ServiceBuilder::new()
            // Outside all else, so that refusals and panics carry them too.
            // A page with a script has a policy of its own, which lets that run alone.
            .layer(SetResponseHeaderLayer::if_not_present(
                header::CONTENT_SECURITY_POLICY,
                HeaderValue::from_static(CONTENT_SECURITY_POLICY),
            ))
            .layer(always(header::X_CONTENT_TYPE_OPTIONS, "nosniff"))
            .layer(always(header::REFERRER_POLICY, "no-referrer"))
            .layer(always(HeaderName::from_static("cross-origin-resource-policy"), "same-origin"))
            // What a page says is true once, and is nobody else's to keep.
            .layer(always(header::CACHE_CONTROL, "no-store"))
            // A panic in a page is a 500, not a lost connection.
            .layer(CatchPanicLayer::custom(panicked))
            // Metrics shrink to a twentieth. It is done on the admin thread: to shrink them to a thirtieth, which is the
            // default, takes ten times as long, and longer than all the rest of a scrape.
            .layer(CompressionLayer::new().quality(CompressionLevel::Fastest))
            // What a handler reads is bounded.
            .layer(RequestBodyLimitLayer::new(MAX_BODY_BYTES))
            // Innermost, at the routes: a change asked for by another site never reaches its handler.
            .layer(CsrfLayer::new().with_rejection_response(cross_site_change)),
    )
}

fn always(name: HeaderName, value: &'static str) -> SetResponseHeaderLayer<HeaderValue> {
    SetResponseHeaderLayer::overriding(name, HeaderValue::from_static(value))
}

/// The panic hook has told its message already, to those who may read it.
fn panicked(_panic: Box<dyn Any + Send>) -> Response<Body> {
    plain_response(StatusCode::INTERNAL_SERVER_ERROR, "this page panicked; the log says where\n")
}

fn cross_site_change(_error: ProtectionError) -> Response<Body> {
    plain_response(StatusCode::FORBIDDEN, "refused: another site asked for this change\n")
}
