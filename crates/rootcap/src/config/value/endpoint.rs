//! Where a collector is: `"http://collector:4317"`, `"https://user:password@collector"`.

use std::{borrow::Cow, fmt};

use http::Uri;

use super::{Problems, Secret, Value, deserialize};

/// The address of a collector, by its scheme, host and port.
///
/// `Display` and `Debug` mask user information, and so do all errors.
#[derive(Clone, PartialEq, Eq)]
pub struct Endpoint {
    uri: Uri,
    /// `user:password`, percent-decoded.
    user_info: Option<Secret<String>>,
}

impl Endpoint {
    /// The address without user information.
    pub(crate) fn uri(&self) -> &Uri {
        &self.uri
    }

    /// Whether the connection is encrypted.
    pub(crate) fn is_https(&self) -> bool {
        self.uri.scheme_str() == Some("https")
    }

    /// `user:password`, where the address has them.
    pub(crate) fn user_info(&self) -> Option<&Secret<String>> {
        self.user_info.as_ref()
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = self.uri.scheme_str().unwrap_or_default();
        let authority = self.uri.authority().map_or("", |authority| authority.as_str());
        let masked = if self.user_info.is_some() { "***@" } else { "" };
        write!(f, "{scheme}://{masked}{authority}")
    }
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Value for Endpoint {
    fn accepts() -> String {
        r#"an address such as "http://collector:4317" or "https://collector:4317""#.to_owned()
    }

    fn from_text(text: &str) -> Result<Self, Problems> {
        let (scheme, rest) = text
            .split_once("://")
            .filter(|(scheme, _)| matches!(*scheme, "http" | "https"))
            .ok_or_else(|| Problems::because("it does not begin with http:// or https://"))?;
        let (user_info, address) = match rest.rsplit_once('@') {
            Some((user_info, address)) => (Some(user_info), address),
            None => (None, rest),
        };
        let authority = address.strip_suffix('/').unwrap_or(address);
        if authority.contains(['/', '?', '#']) {
            return Err(Problems::because("OTLP over gRPC has no path"));
        }
        let uri: Uri = format!("{scheme}://{authority}").parse().map_err(|_| Problems::plain())?;
        if uri.host().is_none_or(str::is_empty) || has_bad_port(&uri) {
            return Err(Problems::plain());
        }
        let decoded = |text| percent_encoding::percent_decode_str(text).decode_utf8_lossy();
        Ok(Self { uri, user_info: user_info.map(|info| Secret::new(decoded(info).into_owned())) })
    }

    fn mask(text: &str) -> Cow<'_, str> {
        // All before the last `@` may be a password, and all behind a `?` a token.
        let (before, address) = text.rsplit_once('@').map_or((None, text), |(b, a)| (Some(b), a));
        let shown = address.find(['?', '#']).map(|at| format!("{}?***", &address[..at]));
        match before {
            Some(before) => {
                let scheme = before.split_once("://").map_or("", |(scheme, _)| scheme);
                let address = shown.as_deref().unwrap_or(address);
                Cow::Owned(format!("{scheme}://***@{address}"))
            }
            None => shown.map_or(Cow::Borrowed(text), Cow::Owned),
        }
    }

    fn to_toml(&self) -> toml::Value {
        self.to_string().into()
    }
}

/// `Uri` takes any text behind the colon for a port.
fn has_bad_port(uri: &Uri) -> bool {
    let authority = uri.authority().map_or("", |authority| authority.as_str());
    let after = authority.rsplit_once(']').map_or(authority, |(_, after)| after);
    after.contains(':') && uri.port_u16().is_none_or(|port| port == 0)
}

deserialize!(Endpoint);
