//! Names in the settings that must be those of something that is served: with a slip in one, a setting would do
//! nothing, and nobody would know.

use std::collections::{BTreeMap, BTreeSet};

use super::error::{ConfigError, ConfigErrors};
use super::loaded::Loaded;
use super::source::place;
use super::suggest::nearest;

/// What is served: services, each with the methods that descriptors tell of, or with none where nothing is known.
#[derive(Clone, Debug, Default)]
pub(crate) struct Served<'a> {
    services: BTreeMap<&'a str, BTreeSet<&'a str>>,
    /// Those of the framework's own.
    builtin: BTreeSet<&'a str>,
}

impl<'a> Served<'a> {
    pub(crate) fn service(&mut self, service: &'a str) {
        self.services.entry(service).or_default();
    }

    /// Adds a service of the framework's own.
    pub(crate) fn builtin(&mut self, service: &'a str) {
        self.service(service);
        self.builtin.insert(service);
    }

    /// Adds a method, if its service is served.
    pub(crate) fn method(&mut self, service: &str, method: &'a str) {
        if let Some(methods) = self.services.get_mut(service) {
            methods.insert(method);
        }
    }

    /// The same without the framework's own.
    fn users(&self) -> Self {
        let mut users = Self { builtin: BTreeSet::new(), ..self.clone() };
        users.services.retain(|service, _| !self.builtin.contains(service));
        users
    }

    fn names(&self) -> impl Iterator<Item = &'a str> + Clone {
        self.services.keys().copied()
    }

    /// What is wrong with the name of a service.
    fn check_service(&self, service: &str) -> Option<String> {
        (!self.services.contains_key(service))
            .then(|| format!("there is no such service here; {}", expected(service, self.names())))
    }

    /// What is wrong with the path of a method.
    fn check_method(&self, path: &str) -> Option<String> {
        let (service, method) = path.strip_prefix('/')?.split_once('/')?;
        let Some(methods) = self.services.get(service) else { return self.check_service(service) };
        (!methods.is_empty() && !methods.contains(method)).then(|| {
            let known = methods.iter().copied();
            format!("{service} has no such method; {}", expected(method, known))
        })
    }
}

/// The name that was meant or, where none is near, those that there are.
fn expected<'n>(wrong: &str, known: impl Iterator<Item = &'n str> + Clone) -> String {
    match nearest(wrong, known.clone()) {
        Some(near) => format!("did you mean {near}?"),
        None => format!("expected one of {}", known.collect::<Vec<_>>().join(", ")),
    }
}

impl Loaded {
    /// Tests the names of services and methods, once it is known what is served.
    ///
    /// # Errors
    ///
    /// All names that nothing has.
    pub(crate) fn check_names(&self, served: &Served<'_>) -> Result<(), ConfigErrors> {
        let deadline = &self.config.deadline;
        let services = deadline.services.keys().map(|name| (name, served.check_service(name)));
        let methods = deadline.methods.keys().map(|path| (path, served.check_method(path)));
        let errors = services
            .map(|entry| ("deadline.services", entry))
            .chain(methods.map(|entry| ("deadline.methods", entry)))
            .filter_map(|(key, (name, problem))| {
                let source = self.sources.of(key).clone();
                Some(ConfigError::of_key(key, source, format!("entry {name:?}: {}", problem?)))
            });
        ConfigErrors::check(errors.chain(self.unknown_matches(served)).collect())
    }

    /// Rules of limits that match nothing.
    fn unknown_matches(&self, served: &Served<'_>) -> impl Iterator<Item = ConfigError> {
        let users = served.users();
        self.config.rules_of_limits().filter_map(move |(list, index, _, calls)| {
            let key = place(list, index, "match");
            let problem = match (calls.method(), calls.service()) {
                (_, Some(service)) if served.builtin.contains(service) => Some(format!(
                    "{service} is never limited; {}",
                    expected(service, users.names())
                )),
                (Some(path), _) => users.check_method(path),
                (None, Some(service)) => users.check_service(service),
                (None, None) => None,
            };
            let value = format!("{:?}", calls.to_string());
            Some(ConfigError::of_value(&key, value, self.sources.of(&key).clone(), problem?))
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;
    use crate::config::Config;

    fn served() -> Served<'static> {
        let mut served = Served::default();
        served.service("helloworld.Greeter");
        served.service("a.Undescribed");
        served.method("helloworld.Greeter", "SayHello");
        served.method("not.Served", "Method");
        served
    }

    fn errors(variables: &[(&str, &str)]) -> Vec<String> {
        let loaded = Config::load_from(None, variables.iter().copied()).unwrap();
        let result = loaded.check_names(&served());
        result.err().iter().flat_map(ConfigErrors::iter).map(ToString::to_string).collect()
    }

    #[test]
    fn names_of_what_is_served_are_right_and_so_is_any_method_of_a_service_without_descriptors() {
        let methods = "/helloworld.Greeter/SayHello=1s,/a.Undescribed/Any=1s";
        let variables = [
            ("ROOTCAP_DEADLINE__SERVICES", "helloworld.Greeter=1s"),
            ("ROOTCAP_DEADLINE__METHODS", methods),
        ];
        assert_eq!(errors(&variables), [""; 0]);
    }

    #[test]
    fn a_rule_of_limits_for_what_is_never_limited_is_told() {
        let mut served = served();
        served.builtin("grpc.health.v1.Health");
        for (calls, told) in [
            (
                "/grpc.health.v1.Health/*",
                "grpc.health.v1.Health is never limited; expected one of a.Undescribed, ",
            ),
            (
                "/grpc.health.v1.Health/Check",
                "grpc.health.v1.Health is never limited; expected one of a.Undescribed, ",
            ),
            (
                "/grpc.health.v1.Healthy/*",
                "there is no such service here; expected one of a.Undescribed, ",
            ),
        ] {
            let rule = format!(r#"[{{ name = "a", quota = "1/s", match = "{calls}" }}]"#);
            let loaded = Config::load_from(None, [("ROOTCAP_RATE_LIMIT", &*rule)]).unwrap();
            let error = loaded.check_names(&served).unwrap_err().to_string();
            assert!(error.contains(told) && !error.contains("Health,"), "{error}");
        }
    }

    /// A slip in a name was accepted, and did nothing.
    #[test]
    fn names_of_nothing_are_told_all_at_once() {
        let methods = "/helloworld.Greeter/SayHelo=1s,/not.Served/Method=1s";
        let variables = [
            ("ROOTCAP_DEADLINE__METHODS", methods),
            ("ROOTCAP_DEADLINE__SERVICES", "helloworld.Greter=1s"),
        ];
        assert_eq!(
            errors(&variables),
            [
                "deadline.methods (environment variable ROOTCAP_DEADLINE__METHODS): entry \
                 \"/helloworld.Greeter/SayHelo\": helloworld.Greeter has no such method; did you mean SayHello?",
                "deadline.methods (environment variable ROOTCAP_DEADLINE__METHODS): entry \
                 \"/not.Served/Method\": there is no such service here; expected one of a.Undescribed, \
                 helloworld.Greeter",
                "deadline.services (environment variable ROOTCAP_DEADLINE__SERVICES): entry \
                 \"helloworld.Greter\": there is no such service here; did you mean helloworld.Greeter?",
            ]
        );
    }
}
