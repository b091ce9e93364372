//! [`Fragment`]: fields that are rendered once.

use std::sync::OnceLock;

use super::{Format, Line};

/// Fields that are the same in many lines, rendered when they are first needed, once per format.
#[derive(Debug, Clone, Default)]
pub(crate) struct Fragment {
    json: OnceLock<Box<[u8]>>,
    text: OnceLock<Box<[u8]>>,
}

impl Fragment {
    pub(super) fn get(&self, format: Format, fields: impl FnOnce(&mut Line<'_>)) -> &[u8] {
        let rendered = match format {
            Format::Json => &self.json,
            Format::Text => &self.text,
        };
        rendered.get_or_init(|| {
            let mut out = Vec::new();
            fields(&mut Line::inside(&mut out, format));
            out.into()
        })
    }
}
