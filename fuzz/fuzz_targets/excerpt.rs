//! What a caller controls, made fit to be shown: in one line, without effects on what shows it, bounded.

#![no_main]

use libfuzzer_sys::fuzz_target;
use rootcap_layers::excerpt::{Excerpt, MAX_LEN, cut, has_effect, without_effects};

fuzz_target!(|data: &[u8]| {
    let text = String::from_utf8_lossy(data);
    let shown = Excerpt(&text).to_string();
    assert!(shown.bytes().all(|byte| (b' '..=b'~').contains(&byte)));
    // A character of two bytes becomes `\u{7ff}`, the longest escape for its size.
    assert!(shown.len() <= MAX_LEN * 6 + 3);

    let safe = without_effects(&text);
    assert!(!safe.contains(has_effect));
    assert!(text.contains(has_effect) || safe == text);

    for max in [0, 1, 2, 3, MAX_LEN] {
        let kept = cut(&text, max);
        assert!(text.starts_with(kept) && kept.len() <= max);
        assert!(kept.len() == text.len() || kept.len() + 4 > max);
    }
});
