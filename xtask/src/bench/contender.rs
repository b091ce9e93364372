//! The servers that are compared.

/// A server to measure: a package of the workspace `xtask/bench`, with a binary of this name and a second one,
/// `<binary>-counting`, that also counts its heap allocations.
#[derive(Debug, PartialEq)]
pub(crate) struct Contender {
    /// Its name in the table.
    pub(crate) name: &'static str,
    pub(crate) package: &'static str,
    pub(crate) binary: &'static str,
    /// The variable that holds the address to listen on.
    pub(crate) listen: &'static str,
    /// What it promises to tell of its calls, if it does.
    pub(crate) accounts: Option<Accounts>,
}

/// A promise that every run is held to.
#[derive(Debug, PartialEq)]
pub(crate) struct Accounts {
    /// The variable that holds the address of the admin port.
    pub(crate) admin_listen: &'static str,
    /// What each of a call's log lines contains.
    pub(crate) lines: &'static [&'static str],
}

/// All contenders; ratios are to the first.
pub(crate) const CONTENDERS: &[Contender] = &[
    Contender {
        name: "bare",
        package: "contender-bare",
        binary: "bare",
        listen: "BENCH_LISTEN",
        accounts: None,
    },
    Contender {
        name: "rootcap",
        package: "contender-rootcap",
        binary: "rootcap-greeter",
        listen: "ROOTCAP_LISTEN",
        accounts: Some(Accounts {
            admin_listen: "ROOTCAP_ADMIN__LISTEN",
            lines: &["\"started call\"", "\"finished call\""],
        }),
    },
];
