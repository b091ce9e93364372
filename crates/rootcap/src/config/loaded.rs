//! Settings together with how they came to be; changed by code, they are tested again.

use std::collections::BTreeMap;
use std::path::PathBuf;

use rootcap_layers::admission::Per;

use super::error::{ConfigError, ConfigErrors};
use super::schema::{Section, join};
use super::settings::{Config, Tls};
use super::source::{Source, Sources, place};
use super::value::{Auto, Endpoint};

/// Settings, and how they came to be.
///
/// ```
/// use rootcap::config::Config;
///
/// let loaded = Config::load_from(
///     Some(("rootcap.toml", "[drain]\ndeadline = '10s'")),
///     [("ROOTCAP_DRAIN__LAME_DUCK", "1s")],
/// )?;
/// assert_eq!(loaded.sources.of("drain.deadline").to_string(), "rootcap.toml:2");
/// assert_eq!(
///     loaded.sources.of("drain.lame_duck").to_string(),
///     "environment variable ROOTCAP_DRAIN__LAME_DUCK"
/// );
/// # Ok::<(), rootcap::config::ConfigErrors>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Loaded {
    /// The settings.
    pub config: Config,
    /// Where each value came from.
    pub sources: Sources,
    /// What was ignored and should be logged at start, a sentence each.
    pub warnings: Vec<String>,
}

impl Loaded {
    /// Changes settings by code, which counts more than the file and the environment.
    ///
    /// ```
    /// use rootcap::config::Loaded;
    ///
    /// let mut loaded = Loaded::default();
    /// loaded.update(|config| config.admin.max_connections = 8)?;
    /// assert_eq!(loaded.sources.of("admin.max_connections").to_string(), "builder");
    ///
    /// let errors = loaded.update(|config| config.admin.max_connections = 0).unwrap_err();
    /// assert_eq!(
    ///     errors.to_string(),
    ///     "admin.max_connections = 0 (builder): expected a whole number, from 1 to 1000000"
    /// );
    /// assert_eq!(loaded.config.admin.max_connections, 8);
    /// # Ok::<(), rootcap::config::ConfigErrors>(())
    /// ```
    ///
    /// # Errors
    ///
    /// All values that are not accepted. The settings are then left as they were.
    pub fn update(&mut self, change: impl FnOnce(&mut Config)) -> Result<(), ConfigErrors> {
        let before = values(&self.config);
        let mut changed = self.clone();
        change(&mut changed.config);
        for (key, value) in values(&changed.config) {
            if before.get(&key) != Some(&value) {
                changed.sources.set(&key, Source::Builder);
            }
        }
        changed.check()?;
        *self = changed;
        Ok(())
    }

    /// Tests the settings, wherever they come from.
    pub(super) fn check(&self) -> Result<(), ConfigErrors> {
        let mut errors = broken_rules(&self.config, &self.sources);
        errors.extend(contradictions(self));
        ConfigErrors::check(errors)
    }
}

/// Settings that would silently do nothing beside others.
fn contradictions(loaded: &Loaded) -> Vec<ConfigError> {
    let limits = &loaded.config.limits;
    let mut errors = tls("tls", &loaded.config.tls, &loaded.sources);
    errors.extend(tls("admin.tls", &loaded.config.admin.tls, &loaded.sources));
    if let (Auto::Set(burst), None) = (&limits.rate_burst, &limits.rate) {
        let key = "limits.rate_burst";
        errors.push(ConfigError::of_value(
            key,
            burst.to_string(),
            loaded.sources.of(key).clone(),
            r#"it does nothing while limits.rate is "off"; expected "auto", or a limits.rate"#
                .to_owned(),
        ));
    }
    errors.extend(doubled_names(loaded));
    errors.extend(identities_of_nobody(loaded));
    let otlp = &loaded.config.otlp;
    let mut contradiction = |key: &str, value: String, sentence: String| {
        let source = loaded.sources.of(key).clone();
        // Those are set for many programs at once; what they say beside the others is made the best of.
        if !source.is_standard() {
            errors.push(ConfigError::of_value(key, value, source, sentence));
        }
    };
    if let Some(batch) = otlp.batch.as_set().filter(|batch| **batch > otlp.queue) {
        let sentence = format!("expected at most otlp.queue, which is {}", otlp.queue);
        contradiction("otlp.batch", batch.to_string(), sentence);
    }
    if let (Some(file), Some(false)) =
        (&otlp.ca_file, otlp.endpoint.as_ref().map(Endpoint::is_https))
    {
        let sentence = "it does nothing while otlp.endpoint begins with http://; expected \"off\", or https:// there";
        contradiction("otlp.ca_file", format!("{:?}", file.display().to_string()), sentence.into());
    }
    errors
}

/// Rules of limits that have the name of an earlier one: nobody could tell them apart.
fn doubled_names(loaded: &Loaded) -> Vec<ConfigError> {
    let mut first = BTreeMap::new();
    let doubled = loaded.config.rules_of_limits().filter_map(|(list, index, name, _)| {
        let key = place(list, index, "name");
        let before =
            first.insert(name, key.clone()).map(|before| loaded.sources.of(&before).to_string());
        let sentence = format!("another rule has this name ({}); expected one of its own", before?);
        Some(ConfigError::of_value(
            &key,
            format!("{name:?}"),
            loaded.sources.of(&key).clone(),
            sentence,
        ))
    });
    doubled.collect()
}

/// Rules of limits by an identity that nobody can prove.
fn identities_of_nobody(loaded: &Loaded) -> impl Iterator<Item = ConfigError> {
    let Config { rate_limit, concurrency, tls, .. } = &loaded.config;
    let rates = rate_limit.iter().enumerate().map(|(at, rule)| ("rate_limit", at, &rule.per));
    let in_flight = concurrency.iter().enumerate().map(|(at, rule)| ("concurrency", at, &rule.per));
    let nobody = |per: &Per| *per == Per::TlsIdentity && tls.client_ca.is_none();
    rates.chain(in_flight).filter(move |(_, _, per)| nobody(per)).map(|(list, at, per)| {
        let key = place(list, at, "per");
        let problem = r#"all callers are one while tls.client_ca is "off"; expected both"#;
        let source = loaded.sources.of(&key).clone();
        ConfigError::of_value(&key, format!("{:?}", per.to_string()), source, problem.to_owned())
    })
}

/// What is missing beside the settings of TLS, whose section is `section`.
fn tls(section: &str, tls: &Tls, sources: &Sources) -> Vec<ConfigError> {
    let missing = |name: &str, value: String, needed: &str| {
        let key = join(section, name);
        let problem =
            format!(r#"it does nothing while {section}.{needed} is "off"; expected both"#);
        ConfigError::of_value(&key, value, sources.of(&key).clone(), problem)
    };
    let path = |path: &PathBuf| format!("{path:?}");
    let mut errors = Vec::new();
    match (&tls.cert, &tls.key) {
        (Some(cert), None) => errors.push(missing("cert", path(cert), "key")),
        (None, Some(key)) => errors.push(missing("key", path(key), "cert")),
        _ => {}
    }
    if let (Some(client_ca), None) = (&tls.client_ca, &tls.cert) {
        errors.push(missing("client_ca", path(client_ca), "cert"));
    }
    if let (Auto::Set(client_auth), None) = (&tls.client_auth, &tls.client_ca) {
        errors.push(missing("client_auth", format!("{:?}", client_auth.as_str()), "client_ca"));
    }
    errors
}

/// Settings whose values, set by code, the table does not allow.
fn broken_rules<S: Section>(section: &S, sources: &Sources) -> Vec<ConfigError> {
    let mut errors = Vec::new();
    section.clone().visit("", &mut |leaf| {
        for problem in leaf.setting.check().err().into_iter().flat_map(|problems| problems.0) {
            let shown = leaf.setting.to_toml().to_string();
            let source = sources.of(&leaf.key).clone();
            let sentence = problem.sentence(&leaf.setting.accepts());
            errors.push(ConfigError::of_value(&leaf.key, shown, source, sentence));
        }
    });
    errors
}

fn values<S: Section>(section: &S) -> BTreeMap<String, toml::Value> {
    let mut values = BTreeMap::new();
    section.clone().visit("", &mut |leaf| {
        values.insert(leaf.key, leaf.setting.to_toml());
    });
    values
}
