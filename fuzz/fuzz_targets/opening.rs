//! The first bytes of a connection: TLS and HTTP are told apart.

#![no_main]

use libfuzzer_sys::fuzz_target;
use rootcap::fuzzing::opening;

const METHODS: [&str; 9] =
    ["GET ", "PUT ", "PRI ", "POST ", "HEAD ", "TRACE ", "PATCH ", "DELETE ", "OPTIONS "];

fuzz_target!(|data: &[u8]| {
    let (tls, http) = opening(data);
    assert!(!(tls && http));
    assert_eq!(tls, data.len() > 1 && data[..2] == [0x16, 3]);
    assert!(http || !METHODS.iter().any(|method| data.starts_with(method.as_bytes())));
    if http {
        let blank = data.iter().position(|&byte| byte == b' ').expect("behind the method");
        assert!((3..=7).contains(&blank) && data[..blank].iter().all(u8::is_ascii_uppercase));
    }
});
