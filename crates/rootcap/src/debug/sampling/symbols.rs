//! The names of functions, by their addresses.

use std::borrow::Cow;

use addr2line::{Loader, Location, demangle_auto};

use super::modules::Module;
use crate::debug::profile::{Function, Place};

/// Finds names. Each file is read when the first of its addresses is asked for.
pub(super) struct Symbols<'a> {
    modules: &'a [Module],
    /// As many as modules; what could not be read is `None` inside.
    loaded: Vec<Option<Option<Loader>>>,
}

impl<'a> Symbols<'a> {
    pub(super) fn new(modules: &'a [Module]) -> Self {
        Self { modules, loaded: modules.iter().map(|_| None).collect() }
    }

    /// Where an address is.
    pub(super) fn place(&mut self, address: u64) -> Place {
        let within = |module: &Module| module.range.contains(&address);
        let Some(index) = self.modules.iter().position(within) else { return Place::default() };
        let module = &self.modules[index];
        let load = || Loader::new(module.file()?).ok();
        let loader = self.loaded[index].get_or_insert_with(load);
        let in_file = module.address_in_file(address);
        let functions = loader.as_ref().map(|loader| functions(loader, in_file));
        Place { functions: functions.unwrap_or_default(), module: Some(index) }
    }
}

/// The functions at an address: by the debug information those that are inlined, by the symbols the one that they are in,
/// whose whole name not every kind of debug information has.
fn functions(loader: &Loader, address: u64) -> Vec<Function> {
    let mut functions = Vec::new();
    if let Ok(mut frames) = loader.find_frames(address) {
        while let Ok(Some(frame)) = frames.next() {
            let name = frame.function.as_ref().and_then(|function| function.raw_name().ok());
            functions.push(function(name.unwrap_or_default(), frame.location.as_ref()));
        }
    }
    if let Some(symbol) = loader.find_symbol(address) {
        let inlined_in = functions.pop().unwrap_or_default();
        functions.push(Function {
            file: inlined_in.file,
            line: inlined_in.line,
            ..function(symbol.into(), None)
        });
    }
    functions.retain(|function| !function.name.is_empty());
    functions
}

fn function(linkage: Cow<'_, str>, at: Option<&Location<'_>>) -> Function {
    Function {
        linkage: linkage.clone().into_owned(),
        name: demangle_auto(linkage, None).into_owned(),
        file: at.and_then(|at| at.file).unwrap_or_default().to_owned(),
        line: at.and_then(|at| at.line).unwrap_or_default(),
    }
}
