//! The forms in which a profile is sent.

use axum::body::Body;
use axum::response::Response;
use http::{HeaderValue, header};

use crate::admin::fields::Fields;
use crate::admin::query;
use crate::debug::flame::Flame;
use crate::debug::profile::Profile;
use crate::debug::proto;

/// In which form a profile is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    Proto,
    FlameGraph,
}

impl Form {
    const ALL: [Self; 2] = [Self::Proto, Self::FlameGraph];

    /// What `format` asks for.
    pub(super) fn of(fields: &Fields<'_>) -> Result<Self, String> {
        let form = |value| query::choice("format", value, &Self::ALL, Self::as_str);
        Ok(fields.get("format").map(form).transpose()?.unwrap_or(Self::Proto))
    }

    fn as_str(self) -> &'static str {
        match self {
            Self::Proto => "proto",
            Self::FlameGraph => "flamegraph",
        }
    }
}

/// A profile in that form: a file of that name, or a picture with that title.
pub(super) fn written(profile: &Profile, form: Form, name: &str, title: &str) -> Response {
    if form == Form::Proto {
        return sent(form, name, proto::gzipped(profile).into());
    }
    let flame = Flame::of(title, profile);
    let policy = HeaderValue::try_from(flame.policy());
    let mut response = sent(form, name, flame.svg.into());
    // Without it the script does not run: the policy of all other pages is in force.
    if let Ok(policy) = policy {
        response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, policy);
    }
    response
}

/// A body in that form.
pub(super) fn sent(form: Form, name: &str, body: Body) -> Response {
    let mut response = Response::new(body);
    let headers = response.headers_mut();
    let kind = match form {
        Form::Proto => "application/octet-stream",
        Form::FlameGraph => "image/svg+xml",
    };
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    let file = HeaderValue::try_from(format!("attachment; filename=\"{name}.pb.gz\""));
    if let (Form::Proto, Ok(file)) = (form, file) {
        headers.insert(header::CONTENT_DISPOSITION, file);
    }
    response
}
