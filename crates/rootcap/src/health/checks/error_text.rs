//! The text of a check's error: with its sources, short, harmless, and without passwords.

use std::{
    any::Any,
    error::Error,
    mem,
    panic::{AssertUnwindSafe, catch_unwind},
};

use rootcap_layers::excerpt::{MAX_LEN, cut, without_effects};

/// The error and its sources, as it is shown.
pub(super) fn error_text(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    // A chain may be long, or have no end.
    while let Some(error) = source.filter(|_| text.len() <= MAX_LEN) {
        let below = error.to_string();
        // Many an error repeats its source.
        if !text.contains(&below) {
            text += ": ";
            text += &below;
        }
        source = error.source();
    }
    shown(&text)
}

/// What a check said when it panicked, as it is shown.
pub(super) fn panic_text(payload: Box<dyn Any + Send>) -> String {
    let text = payload.downcast_ref::<&str>().copied();
    let text = text.or_else(|| payload.downcast_ref::<String>().map(String::as_str));
    let shown = shown(&format!("panicked: {}", text.unwrap_or("no text")));
    // A payload may panic too when it is dropped; that one's payload is better leaked than dropped.
    if let Err(another) = catch_unwind(AssertUnwindSafe(|| drop(payload))) {
        mem::forget(another);
    }
    shown
}

fn shown(text: &str) -> String {
    // Before the cut, which might cut off the sign of a secret.
    let masked = without_user_info(text);
    let shown = cut(&masked, MAX_LEN);
    let dots = if shown.len() < masked.len() { "..." } else { "" };
    without_effects(shown).into_owned() + dots
}

/// `text` with `***` for the user and password of each URL: clients like to quote the address that they were given.
///
/// A password may hold any character, so everything goes from `://` to the last `@` of the word.
fn without_user_info(text: &str) -> String {
    let mut masked = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("://") {
        let (before, after) = rest.split_at(at + "://".len());
        masked += before;
        let ends_word = |c: char| c.is_whitespace() || matches!(c, '"' | '\'' | '`' | '<' | '>');
        let word = &after[..after.find(ends_word).unwrap_or(after.len())];
        rest = match word.rfind('@') {
            Some(end) => {
                masked += "***";
                &after[end..]
            }
            None => after,
        };
    }
    masked + rest
}

#[cfg(test)]
mod tests {
    use std::fmt;

    use proptest::prelude::*;

    use super::*;

    #[derive(Debug)]
    struct Layered(&'static str, Option<Box<Layered>>);

    impl fmt::Display for Layered {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str(self.0)
        }
    }

    impl Error for Layered {
        fn source(&self) -> Option<&(dyn Error + 'static)> {
            self.1.as_deref().map(|source| source as _)
        }
    }

    fn layered(texts: &[&'static str]) -> Option<Box<Layered>> {
        let (first, rest) = texts.split_first()?;
        Some(Box::new(Layered(first, layered(rest))))
    }

    fn text_of(texts: &[&'static str]) -> String {
        layered(texts).map(|error| error_text(&*error)).unwrap_or_default()
    }

    #[test]
    fn sources_follow_unless_they_are_repeated() {
        assert_eq!(text_of(&["no answer", "refused"]), "no answer: refused");
        assert_eq!(text_of(&["no answer: refused", "refused", "os"]), "no answer: refused: os");
    }

    #[test]
    fn an_error_that_is_its_own_source_has_an_end() {
        #[derive(Debug)]
        struct Endless;
        impl fmt::Display for Endless {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                // Each time another text, or it would be taken for repeated and left out for ever.
                write!(f, "{}", fastrand::u64(..))
            }
        }
        impl Error for Endless {
            fn source(&self) -> Option<&(dyn Error + 'static)> {
                Some(&Endless)
            }
        }
        assert!(error_text(&Endless).len() <= MAX_LEN + 3);
    }

    #[test]
    fn passwords_in_urls_are_masked() {
        for (text, expected) in [
            ("postgres://me:pw@db:5432/x: refused", "postgres://***@db:5432/x: refused"),
            ("redis://:p@ss/w@h a://b@c", "redis://***@h a://***@c"),
            ("dial \"amqp://u@h\" and mail me@h", "dial \"amqp://***@h\" and mail me@h"),
            ("http://host/path ://", "http://host/path ://"),
        ] {
            assert_eq!(without_user_info(text), expected);
        }
    }

    #[test]
    fn what_was_panicked_with_is_told_if_it_is_a_text() {
        assert_eq!(panic_text(Box::new("at\x1b[31m")), "panicked: at\\u{1b}[31m");
        assert_eq!(panic_text(Box::new("once".to_owned())), "panicked: once");
        assert_eq!(panic_text(Box::new(7)), "panicked: no text");
    }

    proptest! {
        #[test]
        fn no_password_is_left(user in "[a-z]{0,5}", word in "[a-zA-Z0-9:/@?#%]{1,20}", host in "[b-y]{1,9}") {
            let text = format!("cannot reach x://{user}:{word}SECRET@{host}, sorry");
            let expected = format!("cannot reach x://***@{host}, sorry");
            prop_assert_eq!(without_user_info(&text), expected);
        }

        #[test]
        fn any_text_is_short_and_harmless(text in any::<String>()) {
            let shown = shown(&text.repeat(9));
            prop_assert!(!shown.contains(rootcap_layers::excerpt::has_effect));
            prop_assert!(shown.len() <= MAX_LEN * 10 + 3);
        }
    }
}
