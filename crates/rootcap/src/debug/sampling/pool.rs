//! The places into which interrupted threads write where they are: there before anybody is interrupted, and all atomics.

use std::{
    fs::File,
    io,
    os::{fd::AsRawFd, unix::fs::FileExt},
    sync::atomic::{
        AtomicI32, AtomicU32, AtomicU64, AtomicUsize,
        Ordering::{AcqRel, Acquire, Relaxed, Release, SeqCst},
    },
    thread,
    time::{Duration, Instant},
};

use super::system::{self, Registers};
use crate::debug::marks::{self, Doing};

/// How many samples may wait to be read.
const SLOTS: usize = 256;
/// How much of a stack is copied, from its top: what is beyond are the outermost functions.
pub(super) const STACK: usize = 64 * 1024;
/// How many slots a signal looks at before it gives up.
const TRIES: usize = 8;
/// How long the end of a recording waits for a thread that is about to write.
const LAST: Duration = Duration::from_secs(1);

const FREE: u32 = 0;
const TAKEN: u32 = 1;
const FULL: u32 = 2;

/// Slots for the samples of one recording at a time.
pub(super) struct Pool {
    /// The recording that is open; 0 is none. No two have the same number.
    recording: AtomicU64,
    next_recording: AtomicU64,
    /// Threads that are writing, or are about to look whether they may.
    inside: AtomicUsize,
    file: AtomicI32,
    next: AtomicUsize,
    lost: AtomicU64,
    slots: [Slot; SLOTS],
}

struct Slot {
    state: AtomicU32,
    thread: AtomicU32,
    weight: AtomicU32,
    pc: AtomicU64,
    sp: AtomicU64,
    fp: AtomicU64,
    lr: AtomicU64,
    copied: AtomicUsize,
    owner: AtomicUsize,
    method: AtomicUsize,
}

/// Where a thread was.
pub(super) struct Sample<'a> {
    pub(super) thread: u32,
    /// For how many periods of the timer it stands.
    pub(super) weight: u32,
    pub(super) registers: Registers,
    /// Which call it was polling.
    pub(super) doing: Doing,
    /// The memory from the stack pointer on.
    pub(super) stack: &'a [u8],
}

impl Slot {
    const fn new() -> Self {
        Self {
            state: AtomicU32::new(FREE),
            thread: AtomicU32::new(0),
            weight: AtomicU32::new(0),
            pc: AtomicU64::new(0),
            sp: AtomicU64::new(0),
            fp: AtomicU64::new(0),
            lr: AtomicU64::new(0),
            copied: AtomicUsize::new(0),
            owner: AtomicUsize::new(0),
            method: AtomicUsize::new(0),
        }
    }

    fn take(&self) -> bool {
        self.state.compare_exchange(FREE, TAKEN, AcqRel, Relaxed).is_ok()
    }

    /// Writes all but the stack; who reads it sees it once the slot is full.
    fn write(&self, weight: u32, at: Registers) {
        let thread = system::thread();
        let doing = marks::of(thread);
        self.thread.store(thread, Relaxed);
        self.weight.store(weight, Relaxed);
        self.pc.store(at.pc, Relaxed);
        self.sp.store(at.sp, Relaxed);
        self.fp.store(at.fp, Relaxed);
        self.lr.store(at.lr, Relaxed);
        self.owner.store(doing.owner, Relaxed);
        self.method.store(doing.method, Relaxed);
    }

    fn read<'a>(&self, stack: &'a mut [u8], file: &File, offset: u64) -> Sample<'a> {
        let copied = self.copied.load(Relaxed).min(stack.len());
        // A stack that cannot be read is one of no bytes: the function that was interrupted is still known.
        let read = file.read_at(&mut stack[..copied], offset).unwrap_or(0);
        Sample {
            thread: self.thread.load(Relaxed),
            weight: self.weight.load(Relaxed),
            registers: Registers {
                pc: self.pc.load(Relaxed),
                sp: self.sp.load(Relaxed),
                fp: self.fp.load(Relaxed),
                lr: self.lr.load(Relaxed),
            },
            doing: Doing { owner: self.owner.load(Relaxed), method: self.method.load(Relaxed) },
            stack: &stack[..read],
        }
    }
}

impl Pool {
    pub(super) const fn new() -> Self {
        Self {
            recording: AtomicU64::new(0),
            next_recording: AtomicU64::new(1),
            inside: AtomicUsize::new(0),
            file: AtomicI32::new(-1),
            next: AtomicUsize::new(0),
            lost: AtomicU64::new(0),
            slots: [const { Slot::new() }; SLOTS],
        }
    }

    /// Notes where this thread is, for the recording of that number. For signal handlers: it waits for nothing.
    pub(super) fn note(&self, recording: u64, weight: u32, at: Registers) {
        self.inside.fetch_add(1, SeqCst);
        // One that is over has no file any more.
        if self.recording.load(SeqCst) == recording {
            self.fill(weight, at);
        }
        self.inside.fetch_sub(1, SeqCst);
    }

    fn fill(&self, weight: u32, at: Registers) {
        for _ in 0..TRIES {
            let index = self.next.fetch_add(1, Relaxed) % SLOTS;
            // It is one of the array's: the compiler sees it, and makes no panic of it.
            let slot = &self.slots[index];
            if slot.take() {
                slot.write(weight, at);
                let file = self.file.load(Relaxed);
                let copied = system::copy_to_file(file, at.sp, STACK, offset(index));
                slot.copied.store(copied, Relaxed);
                slot.state.store(FULL, Release);
                return;
            }
        }
        self.lost.fetch_add(u64::from(weight), Relaxed);
    }

    /// Opens a recording. There may be one at a time, for which the caller has to care.
    ///
    /// # Errors
    /// When the system has no memory for it.
    pub(super) fn open(&'static self) -> io::Result<Recording> {
        let file = system::memory_file((SLOTS * STACK) as u64)?;
        let number = self.next_recording.fetch_add(1, Relaxed);
        self.slots.iter().for_each(|slot| slot.state.store(FREE, Relaxed));
        self.lost.store(0, Relaxed);
        self.file.store(file.as_raw_fd(), Relaxed);
        self.recording.store(number, SeqCst);
        Ok(Recording { pool: self, number, file: Some(file), stack: vec![0; STACK] })
    }
}

fn offset(slot: usize) -> u64 {
    (slot * STACK) as u64
}

/// A pool that takes samples; it takes no more when this is dropped.
pub(super) struct Recording {
    pool: &'static Pool,
    number: u64,
    /// `None` only while it is dropped.
    file: Option<File>,
    stack: Vec<u8>,
}

impl Recording {
    /// What a signal has to carry.
    pub(super) fn number(&self) -> u64 {
        self.number
    }

    /// How many samples found no place.
    pub(super) fn lost(&self) -> u64 {
        self.pool.lost.load(Relaxed)
    }

    /// Gives out the samples that wait, and frees their slots.
    pub(super) fn drain(&mut self, mut take: impl FnMut(&Sample<'_>)) {
        let Some(file) = &self.file else { return };
        for (index, slot) in self.pool.slots.iter().enumerate() {
            if slot.state.load(Acquire) == FULL {
                take(&slot.read(&mut self.stack, file, offset(index)));
                slot.state.store(FREE, Release);
            }
        }
    }
}

impl Drop for Recording {
    fn drop(&mut self) {
        self.pool.recording.store(0, SeqCst);
        let began = Instant::now();
        while self.pool.inside.load(SeqCst) > 0 {
            if began.elapsed() > LAST {
                // Somebody may still write, and the number of a closed file may become that of another one.
                std::mem::forget(self.file.take());
                return;
            }
            thread::yield_now();
        }
    }
}
