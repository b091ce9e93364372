//! Writing protobuf: as much of it as the details of a refusal take.

/// A number of up to 49 bits in eight bytes: a longer form than is needed, which every reader takes.
pub(super) fn put_fixed(to: &mut Vec<u8>, field: u8, value: u64) {
    to.push(field << 3);
    for septet in 0..7 {
        let more = if septet < 6 { 0x80 } else { 0 };
        to.push((value >> (7 * septet)) as u8 & 0x7f | more);
    }
}

fn put_varint(to: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        to.push(value as u8 | 0x80);
        value >>= 7;
    }
    to.push(value as u8);
}

pub(super) fn put_number(to: &mut Vec<u8>, field: u8, value: u64) {
    to.push(field << 3);
    put_varint(to, value);
}

pub(super) fn put_bytes(to: &mut Vec<u8>, field: u8, bytes: &[u8]) {
    to.push(field << 3 | 2);
    put_varint(to, bytes.len() as u64);
    to.extend_from_slice(bytes);
}

/// A message of two texts, such as an entry of a map.
pub(super) fn put_entry(to: &mut Vec<u8>, field: u8, first: &str, second: &str) {
    let mut entry = Vec::with_capacity(first.len() + second.len() + 8);
    put_bytes(&mut entry, 1, first.as_bytes());
    put_bytes(&mut entry, 2, second.as_bytes());
    put_bytes(to, field, &entry);
}
