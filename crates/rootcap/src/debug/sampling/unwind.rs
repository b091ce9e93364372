//! From the registers and a copy of the stack to the functions that have called one another.
//!
//! It reads what the compiler has left for panics (`.eh_frame`), so it needs no frame pointers, and it runs long after
//! the interrupted thread has gone on, so it may take its time and memory.

use std::{
    io,
    sync::{Mutex, PoisonError},
};

use framehop::{CacheNative, FrameAddress, MayAllocateDuringUnwind, UnwindRegsNative};
use framehop::{Unwinder as _, UnwinderNative};

use super::{
    modules::{self, Module},
    pool::Sample,
    system::Registers,
};
use crate::debug::profile::Stack;

/// The most functions of one stack; what is beyond has called itself.
const DEEPEST: usize = 512;

/// Unwinds stacks of this process, as it was mapped when this was made.
pub(super) struct Unwinder {
    unwinder: UnwinderNative<Vec<u8>, MayAllocateDuringUnwind>,
    cache: CacheNative<MayAllocateDuringUnwind>,
    modules: Vec<Module>,
    mapped: String,
}

/// The last one that was kept.
static KEPT: Mutex<Option<Unwinder>> = Mutex::new(None);

impl Unwinder {
    /// The one that was kept, if nothing else is mapped since; or a new one.
    ///
    /// # Errors
    /// When the system does not say what is mapped.
    pub(super) fn of_process() -> io::Result<Self> {
        let kept = KEPT.lock().unwrap_or_else(PoisonError::into_inner).take();
        match kept.filter(Self::is_current) {
            Some(unwinder) => Ok(unwinder),
            None => Self::new(),
        }
    }

    /// Keeps it for the next one who asks: to read the tables takes longer than to unwind.
    pub(super) fn keep(self) {
        *KEPT.lock().unwrap_or_else(PoisonError::into_inner) = Some(self);
    }

    fn new() -> io::Result<Self> {
        let mut unwinder = UnwinderNative::new();
        let mut modules = Vec::new();
        let mapped = modules::mapped()?;
        for (module, sections) in modules::of(&mapped) {
            let (path, range) = (module.path.clone(), module.range.clone());
            unwinder.add_module(framehop::Module::new(path, range, module.bias, sections));
            modules.push(module);
        }
        Ok(Self { unwinder, cache: CacheNative::new(), modules, mapped })
    }

    /// Whether nothing else is mapped by now.
    fn is_current(&self) -> bool {
        modules::mapped().is_ok_and(|mapped| mapped == self.mapped)
    }

    /// The modules of which it knows.
    pub(super) fn modules(&self) -> &[Module] {
        &self.modules
    }

    /// The stack of a sample.
    pub(super) fn unwind(&mut self, sample: &Sample<'_>) -> Stack {
        let Registers { pc, sp, .. } = sample.registers;
        let mut read = |address: u64| word(sample.stack, address.wrapping_sub(sp)).ok_or(());
        let registers = registers(sample.registers);
        let mut frames = self.unwinder.iter_frames(pc, registers, &mut self.cache, &mut read);
        let mut stack = Stack { addresses: Vec::with_capacity(64), whole: false };
        while stack.addresses.len() < DEEPEST {
            match frames.next() {
                Ok(Some(FrameAddress::InstructionPointer(address))) => {
                    stack.addresses.push(address)
                }
                // Its end is in the instruction that has called; the next one may be of another function.
                Ok(Some(FrameAddress::ReturnAddress(address))) => {
                    stack.addresses.push(address.get() - 1);
                }
                Ok(None) => {
                    stack.whole = true;
                    break;
                }
                Err(_) => break,
            }
        }
        stack
    }
}

fn word(stack: &[u8], at: u64) -> Option<u64> {
    let bytes = stack.get(usize::try_from(at).ok()?..)?.first_chunk::<8>()?;
    Some(u64::from_le_bytes(*bytes))
}

#[cfg(target_arch = "x86_64")]
fn registers(Registers { pc, sp, fp, .. }: Registers) -> UnwindRegsNative {
    UnwindRegsNative::new(pc, sp, fp)
}

#[cfg(target_arch = "aarch64")]
fn registers(Registers { sp, fp, lr, .. }: Registers) -> UnwindRegsNative {
    UnwindRegsNative::new(lr, sp, fp)
}
