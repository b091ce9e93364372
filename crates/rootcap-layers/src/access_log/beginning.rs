//! [`Beginning`]: how the lines of calls begin, which thousands of them share but for their microseconds.

use std::{
    cell::RefCell,
    time::{Duration, SystemTime},
};

use tracing::Level;

use super::{FINISHED, Format, Line, STARTED, timestamp};

/// The two lines of a call.
#[derive(Debug, Clone, Copy)]
pub(super) enum Beginning {
    Started,
    Finished,
}

/// A beginning as it was rendered last.
struct Rendered {
    of: Option<(u64, Format, Level)>,
    text: Vec<u8>,
}

thread_local! {
    static RENDERED: RefCell<[Rendered; 2]> =
        const { RefCell::new([const { Rendered { of: None, text: Vec::new() } }; 2]) };
}

impl Beginning {
    const fn message(self) -> &'static str {
        match self {
            Self::Started => STARTED,
            Self::Finished => FINISHED,
        }
    }

    /// What appends it to a line, so long after the beginning of 1970.
    pub(super) fn at(
        self,
        format: Format,
        since_epoch: Duration,
        level: Level,
    ) -> impl FnOnce(&mut Vec<u8>) {
        move |out| self.push(out, format, timestamp::writable(since_epoch), level)
    }

    fn push(self, out: &mut Vec<u8>, format: Format, since_epoch: Duration, level: Level) {
        let begun = RENDERED.try_with(|rendered| {
            let rendered = &mut rendered.borrow_mut()[self as usize];
            rendered.renew(self, (since_epoch.as_secs(), format, level));
            let start = out.len() + format.before_time();
            out.extend_from_slice(&rendered.text);
            timestamp::set_micros(&mut out[start..], since_epoch.subsec_micros());
        });
        if begun.is_err() {
            // A thread that is ending keeps nothing.
            let at = SystemTime::UNIX_EPOCH + since_epoch;
            Line::inside(out, format).begin(at, level, self.message());
        }
    }
}

impl Rendered {
    fn renew(&mut self, beginning: Beginning, of: (u64, Format, Level)) {
        if self.of == Some(of) {
            return;
        }
        let (second, format, level) = of;
        let at = SystemTime::UNIX_EPOCH + Duration::from_secs(second);
        self.text.clear();
        Line::inside(&mut self.text, format).begin(at, level, beginning.message());
        self.of = Some(of);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_line_begins_as_if_it_were_the_first(
            micros in proptest::collection::vec(0u64..4_000_000, 1..20), text: bool, warns: bool,
        ) {
            let format = if text { Format::Text } else { Format::Json };
            let level = if warns { Level::WARN } else { Level::INFO };
            for micros in micros {
                let since_epoch = Duration::from_micros(micros);
                let at = SystemTime::UNIX_EPOCH + since_epoch;
                for beginning in [Beginning::Started, Beginning::Finished] {
                    let (mut begun, mut alone) = (Vec::new(), Vec::new());
                    beginning.push(&mut begun, format, since_epoch, level);
                    Line::inside(&mut alone, format).begin(at, level, beginning.message());
                    prop_assert_eq!(begun, alone);
                }
            }
        }
    }
}
