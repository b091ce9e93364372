//! Calls to a server that says what a test wants.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::net::TcpListener;
use std::thread;

use super::*;
use crate::frames::REPLY;

/// A call to a server that says this and nothing else.
fn call(answer: Vec<u8>) -> Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut connection = Connection::open(listener.local_addr().unwrap()).unwrap();
    let (mut peer, _) = listener.accept().unwrap();
    let server = thread::spawn(move || {
        peer.write_all(&answer).unwrap();
        // Until the client is gone: closed with unread bytes, the answer could be lost.
        drop(peer.shutdown(std::net::Shutdown::Write));
        drop(peer.read_to_end(&mut Vec::new()));
    });
    let result = connection.call_and_wait();
    drop(connection);
    server.join().unwrap();
    result
}

fn answer(data: usize, trailers: u8) -> Vec<u8> {
    let mut answer = Vec::new();
    frames::frame(&mut answer, SETTINGS, 0, 0, &[]);
    frames::frame(&mut answer, HEADERS, 4, 1, &[0x88]);
    frames::frame(&mut answer, DATA, 0, 1, &vec![0; data]);
    frames::frame(&mut answer, HEADERS, trailers, 1, &[]);
    answer
}

#[test]
fn a_call_is_answered_by_a_whole_reply() {
    assert!(call(answer(REPLY, 4 | END_STREAM)).is_ok());
}

#[test]
fn a_status_alone_is_a_refusal() {
    let mut refusal = Vec::new();
    frames::frame(&mut refusal, HEADERS, 4 | END_STREAM, 1, &[0x88]);
    assert_eq!(call(refusal).unwrap_err().to_string(), "of 1 calls 1 were refused");
}

#[test]
fn a_call_waits_until_the_server_allows_it() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut connection = Connection::open(listener.local_addr().unwrap()).unwrap();
    let (mut peer, _) = listener.accept().unwrap();
    let mut settings = Vec::new();
    frames::frame(&mut settings, SETTINGS, 0, 0, &[0, 3, 0, 0, 0, 1]);
    peer.write_all(&settings).unwrap();
    connection.wait_until_greeted().unwrap();
    connection.call().unwrap();
    connection.call().unwrap();
    assert_eq!((connection.begun(), connection.waiting), (1, 1));
    peer.write_all(&answer(REPLY, 4 | END_STREAM)).unwrap();
    while connection.ended == 0 {
        connection.wait().unwrap();
    }
    assert_eq!((connection.begun(), connection.waiting), (2, 0));
}

#[test]
fn anything_less_is_an_error() {
    let said = |answer| call(answer).unwrap_err().to_string();
    assert!(said(answer(0, 4 | END_STREAM)).contains("0 instead of 18"));
    assert!(said(answer(REPLY, 4)).contains("closed"));
    for (kind, expected) in [(RST_STREAM, "reset stream 1"), (GOAWAY, "go")] {
        let mut answer = Vec::new();
        frames::frame(&mut answer, kind, 0, 1, &[0; 8]);
        assert!(said(answer).contains(expected));
    }
}
