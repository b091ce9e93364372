//! What a server serves: the names of its services, reflection in front of them, and the table of their methods.

use std::collections::BTreeSet;

use rootcap_layers::{Methods, Origin};

use super::router::{Entry, Names, Services};
use crate::{
    Error,
    config::{self, Loaded, Served, Switch},
    descriptors::{self, DescribedMethod},
    reflection::{self, ReflectionV1, ReflectionV1Alpha, Sets},
};

/// A list of services with reflection in front, if it is on.
pub type WithReflection<L> = Entry<ReflectionV1, Entry<ReflectionV1Alpha, L>>;

pub(super) fn names<L: Names>(services: &Services<L>) -> BTreeSet<&'static str> {
    let mut names = BTreeSet::new();
    services.each_name(&mut |name| {
        names.insert(name);
    });
    names
}

pub(super) fn with_reflection<L>(
    services: Services<L>,
    names: &BTreeSet<&'static str>,
    descriptors: &[&'static [u8]],
    settings: &config::Service,
) -> Result<Services<WithReflection<L>>, Error> {
    let (mut v1, mut v1alpha) = (None, None);
    if settings.reflection == Switch::On {
        let sets = Sets::new(descriptors, names).map_err(Error::descriptors)?;
        v1 = Some(ReflectionV1::new(sets.clone()));
        v1alpha = Some(ReflectionV1Alpha::new(sets));
    }
    Ok(services.add_optional(v1alpha).add_optional(v1))
}

/// The methods that descriptors tell of: the user's, and those of the framework's own services.
pub(super) struct Described {
    user: Vec<DescribedMethod>,
    builtin: Vec<DescribedMethod>,
}

impl Described {
    /// # Errors
    /// When one of the user's descriptor sets is not valid.
    pub(super) fn read(sets: &[&'static [u8]]) -> Result<Self, Error> {
        Ok(Self {
            user: descriptors::methods(sets).map_err(Error::descriptors)?,
            builtin: descriptors::methods(&reflection::BUILTIN_SETS)
                .expect("the framework's own descriptors are valid"),
        })
    }

    /// Checks that the settings name services and methods that there are.
    ///
    /// # Errors
    /// When they name others, which would do nothing.
    pub(super) fn check_names(
        &self,
        settings: &Loaded,
        names: &BTreeSet<&'static str>,
    ) -> Result<(), Error> {
        let mut served = Served::default();
        names.iter().for_each(|name| served.service(name));
        self.builtin.iter().for_each(|method| served.builtin(&method.service));
        for method in self.user.iter().chain(&self.builtin) {
            served.method(&method.service, &method.method);
        }
        settings.check_names(&served).map_err(Error::config)
    }

    /// The table of methods: those of the descriptors, the framework's own, and what the services turn out to have.
    pub(super) fn methods(
        &self,
        names: &BTreeSet<&'static str>,
        settings: &config::Metrics,
    ) -> Methods {
        let mut methods = Methods::builder().buckets(&settings.buckets).cap(settings.max_methods);
        // Of a service that is described, all methods are known.
        let mut not_described = names.clone();
        // A set may hold more than is served here.
        for method in self.user.iter().filter(|method| names.contains(method.service.as_str())) {
            not_described.remove(method.service.as_str());
            methods = methods.method(&method.service, &method.method, method.kind, Origin::User);
        }
        for method in &self.builtin {
            methods = methods.method(&method.service, &method.method, method.kind, Origin::Builtin);
        }
        not_described.iter().fold(methods, |methods, name| methods.service(name)).build()
    }
}
