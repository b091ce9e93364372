//! What a server serves: the names of its services, reflection in front of them, and the table of their methods.

use std::collections::BTreeSet;

use rootcap_layers::{Methods, Origin};

use super::router::{Entry, Names, Services};
use crate::{
    Error,
    config::{self, Switch},
    descriptors,
    reflection::{self, ReflectionV1, ReflectionV1Alpha},
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
    descriptors: &[&'static [u8]],
    settings: &config::Service,
) -> Result<Services<WithReflection<L>>, Error> {
    let (mut v1, mut v1alpha) = (None, None);
    if settings.reflection == Switch::On {
        v1 = Some(ReflectionV1::new(descriptors).map_err(Error::descriptors)?);
        v1alpha = Some(ReflectionV1Alpha::new(descriptors).map_err(Error::descriptors)?);
    }
    Ok(services.add_optional(v1alpha).add_optional(v1))
}

/// The table of methods: those of the descriptors, the framework's own, and what the services turn out to have.
pub(super) fn methods(
    served: &BTreeSet<&'static str>,
    descriptors: &[&'static [u8]],
    settings: &config::Metrics,
) -> Result<Methods, Error> {
    let mut methods = Methods::builder().buckets(&settings.buckets).cap(settings.max_methods);
    for method in descriptors::methods(descriptors).map_err(Error::descriptors)? {
        // A set may hold more than is served here.
        if served.contains(method.service.as_str()) {
            methods = methods.method(&method.service, &method.method, method.kind, Origin::User);
        }
    }
    for method in descriptors::methods(&reflection::BUILTIN_SETS)
        .expect("the framework's own descriptors are valid")
    {
        methods = methods.method(&method.service, &method.method, method.kind, Origin::Builtin);
    }
    Ok(served.iter().fold(methods, |methods, name| methods.service(name)).build())
}
