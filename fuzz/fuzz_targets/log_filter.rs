//! The filter that is put into force on the admin port: what is accepted can be raised to `debug` for a time.

#![no_main]

use libfuzzer_sys::fuzz_target;
use rootcap::fuzzing::{admin::is_filter, filter_at_debug};

fuzz_target!(|data: &[u8]| {
    let Ok(filter) = std::str::from_utf8(data) else { return };
    if is_filter(filter) {
        assert!(filter.len() <= 4_096);
        let debug = filter_at_debug(filter);
        assert!(debug.len() > 4_096 || is_filter(&debug), "{filter:?} became {debug:?}");
    }
});
