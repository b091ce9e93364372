//! Headers as HPACK writes them (RFC 7541), by hand and without compression.

/// A header that no table remembers (6.2.2).
pub fn literal(name: &[u8], value: &[u8]) -> Vec<u8> {
    named(0, name, value)
}

/// A header that is added to the dynamic table (6.2.1).
pub fn remembered(name: &[u8], value: &[u8]) -> Vec<u8> {
    named(0x40, name, value)
}

/// A header of a table, by its place (6.1): 62 is the one that was remembered last.
pub fn indexed(place: usize) -> Vec<u8> {
    integer(0x80, 7, place)
}

/// A new size of the dynamic table (6.3).
pub fn table_size(size: usize) -> Vec<u8> {
    integer(0x20, 5, size)
}

/// The headers of a call of `path`, then `more`.
pub fn call(path: &[u8], more: &[u8]) -> Vec<u8> {
    let head: [(&[u8], &[u8]); 5] = [
        (b":method", b"POST"),
        (b":scheme", b"http"),
        (b":path", path),
        (b":authority", b"localhost"),
        (b"content-type", b"application/grpc"),
    ];
    let head = head.iter().flat_map(|(name, value)| literal(name, value));
    head.chain(more.iter().copied()).collect()
}

fn named(kind: u8, name: &[u8], value: &[u8]) -> Vec<u8> {
    let mut block = vec![kind];
    for text in [name, value] {
        block.extend(integer(0, 7, text.len()));
        block.extend_from_slice(text);
    }
    block
}

/// An integer that begins in the last `bits` of a first byte (5.1).
fn integer(first: u8, bits: u32, value: usize) -> Vec<u8> {
    let most = (1 << bits) - 1;
    if value < most {
        return vec![first | value as u8];
    }
    let mut bytes = vec![first | most as u8];
    let mut rest = value - most;
    while rest >= 128 {
        bytes.push((rest % 128) as u8 | 128);
        rest /= 128;
    }
    bytes.push(rest as u8);
    bytes
}
