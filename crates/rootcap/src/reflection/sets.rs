//! [`Sets`]: the descriptor sets that reflection serves, found to be valid.

use std::collections::BTreeSet;

use tonic_reflection::server::Builder;

use super::{BUILTIN_SERVICES, BUILTIN_SETS};
use crate::descriptors::DescriptorError;

/// Descriptor sets, and the services of them that are served here.
#[derive(Debug, Clone)]
pub(crate) struct Sets {
    sets: Vec<&'static [u8]>,
    served: BTreeSet<&'static str>,
}

impl Sets {
    /// # Errors
    /// When a set is not valid; the error says which.
    pub(crate) fn new(
        sets: &[&'static [u8]],
        served: &BTreeSet<&'static str>,
    ) -> Result<Self, DescriptorError> {
        for (index, set) in sets.iter().enumerate() {
            // The builder does not say which of its sets it refuses.
            Builder::configure()
                .register_encoded_file_descriptor_set(set)
                .build_v1()
                .map_err(|error| DescriptorError::refused(index, error))?;
        }
        Ok(Self { sets: sets.to_vec(), served: served.clone() })
    }

    /// Both versions list the same services. A file that occurs in several sets is served from the first.
    pub(super) fn builder(&self) -> Builder<'static> {
        let builder = self.sets.iter().copied().chain(BUILTIN_SETS).fold(
            Builder::configure().include_reflection_service(false),
            Builder::register_encoded_file_descriptor_set,
        );
        // A set may hold more than is served here.
        let listed = self.served.iter().copied().chain(BUILTIN_SERVICES);
        listed.fold(builder, Builder::with_service_name)
    }
}
