//! Hexadecimal digits, as ids are written.

const DIGITS: &[u8; 16] = b"0123456789abcdef";

/// The digits of each byte: a look-up and a store for both.
static PAIRS: [[u8; 2]; 256] = pairs();

const fn pairs() -> [[u8; 2]; 256] {
    let mut pairs = [[0; 2]; 256];
    let mut byte = 0;
    while byte < 256 {
        pairs[byte] = [DIGITS[byte >> 4], DIGITS[byte & 15]];
        byte += 1;
    }
    pairs
}

/// Writes `bytes` as lower-case digits; `out` is twice as long.
#[inline]
pub(crate) fn write(bytes: &[u8], out: &mut [u8]) {
    for (byte, pair) in bytes.iter().zip(out.as_chunks_mut().0) {
        *pair = PAIRS[usize::from(*byte)];
    }
}
