//! The head of a request on the admin port: who may see a guarded page, in which form, and for how long a change lasts.

#![no_main]

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    path::Path,
    sync::LazyLock,
    time::Duration,
};

use http::{HeaderMap, Request, header};
use libfuzzer_sys::fuzz_target;
use rootcap::fuzzing::admin::{Gate, format, lasts};
use rootcap_fuzz::Head;

const TOKEN: &str = "token";
const LOCAL: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
const REMOTE: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));

static OPEN: LazyLock<Gate> = LazyLock::new(|| Gate::new(None));

static LOCKED: LazyLock<Gate> = LazyLock::new(|| {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/fuzz_targets/admin_request.token");
    Gate::new(Some(Path::new(file)))
});

fuzz_target!(|data: &[u8]| {
    let head = Head::read(data);
    let Some(uri) = head.uri() else { return };
    let (mut request, ()) = Request::new(()).into_parts();
    (request.uri, request.headers) = (uri, head.headers);

    assert!(OPEN.refuses(&request, REMOTE).is_some());
    if OPEN.refuses(&request, LOCAL).is_none() {
        assert!(is_direct(&request.headers) && is_local(&request.headers), "{request:?}");
    }
    assert_eq!(LOCKED.refuses(&request, LOCAL), LOCKED.refuses(&request, REMOTE));
    if LOCKED.refuses(&request, REMOTE).is_none() {
        assert!(has_token(&request.headers), "{request:?}");
    }
    let answers = [OPEN.refuses(&request, LOCAL), LOCKED.refuses(&request, REMOTE)];
    assert!(answers.iter().flatten().all(|text| text.len() < 512 && text.is_ascii()));

    let query = request.uri.query().unwrap_or_default();
    // The form is the only parameter that there is, and it is there once.
    let asked = query.split('&').filter(|pair| !pair.is_empty()).count();
    match format(&request) {
        None => assert!(asked > 0),
        Some("html" | "text" | "json") => assert!(asked <= 1),
        Some(other) => panic!("{other}"),
    }
    if let Ok(Some(time)) = lasts(query) {
        assert!((Duration::from_secs(1)..=Duration::from_secs(86_400)).contains(&time));
    }
});

/// Whether nothing says that a proxy passed a request on, or that another site's page made it.
fn is_direct(headers: &HeaderMap) -> bool {
    let proxied = headers.keys().any(|name| {
        ["forwarded", "via", "x-real-ip"].contains(&name.as_str())
            || name.as_str().starts_with("x-forwarded-")
    });
    !proxied && !headers.get_all("sec-fetch-site").iter().any(|site| site == "cross-site")
}

/// Whether the one `Host` is a name of the loopback interface.
fn is_local(headers: &HeaderMap) -> bool {
    let hosts: Vec<_> = headers.get_all(header::HOST).iter().collect();
    let [host] = hosts[..] else { return false };
    let Ok(host) = host.to_str() else { return false };
    let without_port = host.trim_end_matches(|char: char| char.is_ascii_digit());
    let name = without_port.strip_suffix(':').unwrap_or(host);
    let v6 = |name: &str| name.parse().is_ok_and(|v6: Ipv6Addr| v6.to_canonical().is_loopback());
    name.eq_ignore_ascii_case("localhost")
        || name.parse().is_ok_and(|v4: Ipv4Addr| v4.octets()[0] == 127)
        || name.strip_prefix('[').and_then(|name| name.strip_suffix(']')).is_some_and(v6)
}

/// Whether the token stands in `Authorization`, as it is or in base64.
fn has_token(headers: &HeaderMap) -> bool {
    let values: Vec<_> = headers.get_all(header::AUTHORIZATION).iter().collect();
    let [value] = values[..] else { return false };
    let text = value.to_str().unwrap_or_default().trim_end();
    let (scheme, credentials) = text.split_once(' ').unwrap_or_default();
    let credentials = credentials.trim();
    match scheme.to_ascii_lowercase().as_str() {
        "bearer" => credentials == TOKEN,
        // Where the colon before it falls among the groups of three depends on the user's name.
        "basic" => {
            ["OnRva2Vu", "p0b2tlbg==", "6dG9rZW4="].iter().any(|end| credentials.ends_with(end))
        }
        _ => false,
    }
}
