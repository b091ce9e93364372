//! What a binary was built from: read at compile time, in the crate that asks.

use std::borrow::Cow;
use std::env::consts;

/// What a binary was built from; `/info` shows it.
///
/// [`build_info!`](crate::build_info!) makes it from the variables that the `rootcap-build` crate
/// sets in a build script. Without that script every part has an honest fallback.
///
/// ```
/// let build = rootcap::build_info!();
/// println!("{} for {}", build.version(), build.target());
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BuildInfo {
    version: Cow<'static, str>,
    rustc: Cow<'static, str>,
    target: Cow<'static, str>,
    profile: Cow<'static, str>,
}

impl BuildInfo {
    /// `<major>.<minor>.<commit count>-<short commit>-<date>.<time>`, the time being the commit's.
    pub fn version(&self) -> &str {
        &self.version
    }

    /// The compiler, as `rustc --version` names it, or `unknown`.
    pub fn rustc(&self) -> &str {
        &self.rustc
    }

    /// The target triple, or the architecture and operating system where the triple is unknown.
    pub fn target(&self) -> &str {
        &self.target
    }

    /// The Cargo profile, such as `debug` or `release`.
    pub fn profile(&self) -> &str {
        &self.profile
    }

    /// Fills in what the build script did not set. For [`build_info!`](crate::build_info!) only.
    #[doc(hidden)]
    #[must_use]
    pub fn from_build(
        set: [Option<&'static str>; 4],
        release: &str,
        profile: &'static str,
    ) -> Self {
        let [version, rustc, target, set_profile] = set;
        let unknown_version = || Cow::Owned(format!("{release}.0-unknown-19700101.000000"));
        let coarse_target = || Cow::Owned(format!("{}-{}", consts::ARCH, consts::OS));
        Self {
            version: version.map_or_else(unknown_version, Cow::Borrowed),
            rustc: Cow::Borrowed(rustc.unwrap_or("unknown")),
            target: target.map_or_else(coarse_target, Cow::Borrowed),
            profile: Cow::Borrowed(set_profile.unwrap_or(profile)),
        }
    }
}

/// What is known where the user's crate did not ask: nothing of its version.
impl Default for BuildInfo {
    fn default() -> Self {
        let profile = if cfg!(debug_assertions) { "debug" } else { "release" };
        Self::from_build([None; 4], "0.0", profile)
    }
}

/// The [`BuildInfo`] of the crate that calls this.
///
/// The parts come from `BUILD_INFO_ROOTCAP_VERSION`, `BUILD_INFO_ROOTCAP_RUSTC`, `BUILD_INFO_ROOTCAP_TARGET` and
/// `BUILD_INFO_ROOTCAP_PROFILE`, which the `rootcap-build` crate sets from a build script. Without them
/// the version is `<major>.<minor>.0-unknown-19700101.000000` of the crate's own package.
#[macro_export]
macro_rules! build_info {
    () => {
        $crate::BuildInfo::from_build(
            [
                ::core::option_env!("BUILD_INFO_ROOTCAP_VERSION"),
                ::core::option_env!("BUILD_INFO_ROOTCAP_RUSTC"),
                ::core::option_env!("BUILD_INFO_ROOTCAP_TARGET"),
                ::core::option_env!("BUILD_INFO_ROOTCAP_PROFILE"),
            ],
            ::core::concat!(
                ::core::env!("CARGO_PKG_VERSION_MAJOR"),
                ".",
                ::core::env!("CARGO_PKG_VERSION_MINOR")
            ),
            if ::core::cfg!(debug_assertions) { "debug" } else { "release" },
        )
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_build_script_set_is_used() {
        let set = [Some("1.2.34-abc-20240101.000000"), Some("rustc 1.88.0"), Some("t"), Some("p")];
        let build = BuildInfo::from_build(set, "9.9", "debug");
        assert_eq!(build.version(), "1.2.34-abc-20240101.000000");
        assert_eq!(build.rustc(), "rustc 1.88.0");
        assert_eq!(build.target(), "t");
        assert_eq!(build.profile(), "p");
    }

    #[test]
    fn what_it_did_not_set_says_so() {
        let build = crate::build_info!();
        let release =
            concat!(env!("CARGO_PKG_VERSION_MAJOR"), ".", env!("CARGO_PKG_VERSION_MINOR"));
        assert_eq!(build.version(), format!("{release}.0-unknown-19700101.000000"));
        assert_eq!(build.rustc(), "unknown");
        assert!(build.target().contains(consts::OS));
        assert!(["debug", "release"].contains(&build.profile()));
        assert_eq!(BuildInfo::default().version(), "0.0.0-unknown-19700101.000000");
    }
}
