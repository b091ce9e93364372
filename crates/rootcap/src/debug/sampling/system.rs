//! What profiling asks of the system: a signal with its handler, timers of threads, and the copy of a stack.
//!
//! All of the crate's `unsafe` for profiles is here. The functions are safe to call in any order and with any values:
//! the kernel checks numbers, and nothing here follows a pointer that it is given by others than the kernel.
#![allow(unsafe_code, reason = "signals, timers and another thread's stack have no safe interface")]

use std::{
    fs::File,
    io, mem,
    os::fd::{FromRawFd, RawFd},
    ptr,
    time::Duration,
};

use libc::{c_int, c_long, c_void};

use super::handler;

/// The one signal: of the timers, and of those who ask a thread for its stack.
const SIGNAL: c_int = libc::SIGPROF;

/// Where a thread was interrupted.
#[derive(Debug, Clone, Copy)]
pub(super) struct Registers {
    pub(super) pc: u64,
    pub(super) sp: u64,
    /// The frame pointer, where the code keeps one.
    pub(super) fp: u64,
    /// The return address of a function that has called none, where the processor has such a register.
    pub(super) lr: u64,
}

/// The head of `siginfo_t` on 64-bit Linux, as far as signals of timers and queued ones have it.
#[repr(C)]
struct Info {
    signal: c_int,
    errno: c_int,
    code: c_int,
    _pad: c_int,
    /// The timer, or the process that has sent the signal.
    _from: c_int,
    /// How often a timer has run out besides, or the user that has sent the signal.
    overrun: c_int,
    value: u64,
}

/// Makes [`handler`] that of the signal; to be called before any is sent. It stays: a signal may be late.
///
/// # Errors
/// When the program has a handler of its own, or the system refuses.
pub(super) fn install_handler() -> io::Result<()> {
    let ours = on_signal as extern "C" fn(c_int, *mut Info, *mut c_void) as usize;
    // SAFETY: `sigaction` is a plain structure of numbers, for which zeros are valid. Both pointers are to locals. The
    // handler has the signature that SA_SIGINFO asks for, and does nothing that a signal handler may not.
    unsafe {
        let mut before: libc::sigaction = mem::zeroed();
        check(libc::sigaction(SIGNAL, ptr::null(), &raw mut before))?;
        if before.sa_sigaction == ours {
            return Ok(());
        }
        if ![libc::SIG_DFL, libc::SIG_IGN].contains(&before.sa_sigaction) {
            return Err(io::Error::other("the program has a handler of its own for SIGPROF"));
        }
        let mut action: libc::sigaction = mem::zeroed();
        action.sa_sigaction = ours;
        action.sa_flags = libc::SA_SIGINFO | libc::SA_RESTART | libc::SA_ONSTACK;
        check(libc::sigaction(SIGNAL, &raw const action, ptr::null_mut()))
    }
}

/// Calls [`handler`]. It allocates nothing, takes no lock, cannot panic, and leaves `errno` as it was.
extern "C" fn on_signal(_signal: c_int, info: *mut Info, context: *mut c_void) {
    // SAFETY: the kernel gives both to a handler with SA_SIGINFO, valid until it returns, and `Info` is the head of what
    // it gives. `__errno_location` always has a place, the thread's own.
    unsafe {
        let errno = *libc::__errno_location();
        let registers = registers(&*context.cast::<libc::ucontext_t>());
        let Info { code, value, overrun, .. } = *info;
        match code {
            libc::SI_TIMER => handler::timer_ran_out(value, 1 + overrun.max(0) as u32, registers),
            libc::SI_QUEUE => handler::asked(value, registers),
            // Of somebody else.
            _ => {}
        }
        *libc::__errno_location() = errno;
    }
}

#[cfg(target_arch = "x86_64")]
fn registers(context: &libc::ucontext_t) -> Registers {
    let of = |register: c_int| context.uc_mcontext.gregs[register as usize] as u64;
    Registers { pc: of(libc::REG_RIP), sp: of(libc::REG_RSP), fp: of(libc::REG_RBP), lr: 0 }
}

#[cfg(target_arch = "aarch64")]
fn registers(context: &libc::ucontext_t) -> Registers {
    let context = &context.uc_mcontext;
    Registers { pc: context.pc, sp: context.sp, fp: context.regs[29], lr: context.regs[30] }
}

/// The number of this thread.
pub(crate) fn thread() -> u32 {
    // SAFETY: it has no arguments and cannot fail.
    (unsafe { libc::gettid() }) as u32
}

/// Asks a thread of this process for its stack.
///
/// # Errors
/// When there is no such thread.
pub(super) fn ask(thread: u32, value: u64) -> io::Result<()> {
    // SAFETY: zeros are a valid `siginfo_t`, of which `Info` is the head.
    let mut info: libc::siginfo_t = unsafe { mem::zeroed() };
    let head = Info {
        signal: SIGNAL,
        errno: 0,
        code: libc::SI_QUEUE,
        _pad: 0,
        _from: std::process::id() as c_int,
        overrun: 0,
        value,
    };
    // SAFETY: `Info` is smaller than `siginfo_t` and no more strictly aligned; the kernel reads what the pointer leads to,
    // and finds the thread by its number.
    unsafe {
        (&raw mut info).cast::<Info>().write(head);
        let process = std::process::id();
        let (process, thread) = (c_long::from(process), c_long::from(thread));
        check_long(libc::syscall(
            libc::SYS_rt_tgsigqueueinfo,
            process,
            thread,
            c_long::from(SIGNAL),
            &raw const info,
        ))
    }
}

/// A timer that runs on the CPU time of one thread, and interrupts it; gone when dropped.
#[derive(Debug)]
pub(super) struct Timer(c_int);

impl Timer {
    /// Interrupts `thread` after `first` of its CPU time, then after each `period`, with `value`.
    ///
    /// # Errors
    /// When there is no such thread any more, or no more timers may be had.
    pub(super) fn start(
        thread: u32,
        first: Duration,
        period: Duration,
        value: u64,
    ) -> io::Result<Self> {
        // As the kernel numbers the clock of the CPU time of a thread: MAKE_THREAD_CPUCLOCK(thread, CPUCLOCK_SCHED).
        let clock = c_long::from(!(thread as c_int) << 3 | 0b110);
        let mut id: c_int = 0;
        // SAFETY: zeros are valid for these structures of numbers; the pointers are to locals, which the kernel reads,
        // and writes the id. The system calls themselves, as the C libraries differ in what they make of a clock.
        unsafe {
            let mut event: libc::sigevent = mem::zeroed();
            event.sigev_notify = libc::SIGEV_THREAD_ID;
            event.sigev_signo = SIGNAL;
            event.sigev_notify_thread_id = thread as c_int;
            event.sigev_value.sival_ptr = ptr::without_provenance_mut(value as usize);
            check_long(libc::syscall(
                libc::SYS_timer_create,
                clock,
                &raw const event,
                &raw mut id,
            ))?;
            let timer = Self(id);
            let times = libc::itimerspec { it_interval: time(period), it_value: time(first) };
            let none = ptr::null_mut::<c_void>();
            let id = c_long::from(id);
            check_long(libc::syscall(libc::SYS_timer_settime, id, 0, &raw const times, none))?;
            Ok(timer)
        }
    }
}

impl Drop for Timer {
    fn drop(&mut self) {
        // SAFETY: the number is that of a timer that this has made. It has no other use for the answer.
        unsafe { libc::syscall(libc::SYS_timer_delete, c_long::from(self.0)) };
    }
}

fn time(duration: Duration) -> libc::timespec {
    libc::timespec {
        tv_sec: duration.as_secs() as libc::time_t,
        tv_nsec: c_long::from(duration.subsec_nanos()),
    }
}

/// A file in memory of this many bytes.
///
/// # Errors
/// When the system has none to give.
pub(crate) fn memory_file(bytes: u64) -> io::Result<File> {
    if rlimit::Resource::FSIZE.get_soft()? < bytes {
        // A write beyond it would end the process.
        return Err(io::Error::other("the limit of the size of files (RLIMIT_FSIZE) is too low"));
    }
    // SAFETY: the name is a string with its end; a descriptor that is not negative is a new one, which nobody else owns.
    let file = unsafe {
        let descriptor = libc::memfd_create(c"rootcap-stacks".as_ptr(), libc::MFD_CLOEXEC);
        check(descriptor)?;
        File::from_raw_fd(descriptor)
    };
    file.set_len(bytes)?;
    Ok(file)
}

/// Copies memory of this process, which need not be there, to a place in a file; returns how much could be copied.
///
/// In a signal handler, this is how to read what may not be readable: the kernel copies, and stops where it cannot.
pub(super) fn copy_to_file(file: RawFd, address: u64, bytes: usize, offset: u64) -> usize {
    let from = ptr::without_provenance::<c_void>(address as usize);
    // SAFETY: the kernel reads from the address, and answers with an error where nothing can be read. What other threads
    // write there meanwhile is copied as it is at some moment, and never seen by this program as a value of a type.
    let copied = unsafe { libc::pwrite(file, from, bytes, offset as libc::off_t) };
    usize::try_from(copied).unwrap_or(0)
}

fn check(result: c_int) -> io::Result<()> {
    check_long(c_long::from(result))
}

fn check_long(result: c_long) -> io::Result<()> {
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}
