//! What a hostile caller sends harms nobody: the server goes on, its memory stays bounded, others lose no call.

mod attack;
mod bodies;
mod floods;
mod headers;
mod nonsense;
mod resets;
mod sockets;
mod stalled;

use rootcap_tests::hpack;

// Reasons for which HTTP/2 ends a connection or a stream (RFC 9113, 7).
const PROTOCOL_ERROR: u32 = 1;
const FLOW_CONTROL_ERROR: u32 = 3;
const FRAME_SIZE_ERROR: u32 = 6;
const ENHANCE_YOUR_CALM: u32 = 11;

/// The head of a call whose messages nobody reads for ten minutes.
fn never_read() -> Vec<u8> {
    hpack::call(b"/rootcap.testing.Faults/Collect", &hpack::literal(b"x-fault-before", b"600000"))
}
