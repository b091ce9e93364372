//! Descriptors that the process was started with: what they are, and owning them.
//!
//! No crate saves the `unsafe`: `listenfd` knows no names and takes what is
//! wrong for nothing handed over; `sd-notify` and `libsystemd` end in raw descriptors, and `listen-fds` in an `unsafe`
//! function of the caller's.

use std::{
    io,
    os::fd::{BorrowedFd, FromRawFd, OwnedFd, RawFd},
};

use socket2::{SockRef, Type};

/// The families of sockets on which is served.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Family {
    Tcp,
    Unix,
}

/// What the listening stream socket of this number is.
///
/// # Errors
/// With what it is in place of that, to follow after its number.
pub(super) fn look(number: RawFd) -> Result<Family, String> {
    let borrowed = borrow(number);
    let socket = SockRef::from(&borrowed);
    let wrong = |error| format!("is no socket: {error}");
    if socket.r#type().map_err(wrong)? != Type::STREAM {
        return Err("is a socket, but none for streams".to_owned());
    }
    if !listens(&socket).map_err(wrong)? {
        return Err("is a socket that does not listen".to_owned());
    }
    let address = socket.local_addr().map_err(wrong)?;
    match () {
        () if address.as_socket().is_some() => Ok(Family::Tcp),
        () if address.is_unix() => Ok(Family::Unix),
        () => Err("is a socket of neither TCP nor Unix".to_owned()),
    }
}

/// Takes a descriptor that [`look`] has seen, and sees to it that it is closed when another program is executed.
pub(super) fn own(number: RawFd) -> io::Result<OwnedFd> {
    SockRef::from(&borrow(number)).set_cloexec(true)?;
    #[expect(unsafe_code, reason = "there is no safe way to own what a process was started with")]
    // SAFETY: the descriptor is open, as `look` has just seen. `LISTEN_PID` says that whoever started this process
    // put it there for it to own, and it came with the number that it has, so nothing in this process has made it.
    // `TAKEN`, whose lock is held, says that it is taken once.
    let owned = unsafe { OwnedFd::from_raw_fd(number) };
    Ok(owned)
}

#[expect(unsafe_code, reason = "there is no safe way to ask about a number")]
fn borrow(number: RawFd) -> BorrowedFd<'static> {
    // SAFETY: it is used to ask the system about the number, which answers with an error where it is not open, and,
    // in `own`, for what `look` has seen to be open. It is given up before this module returns, and nobody closes
    // descriptors that are not theirs meanwhile.
    unsafe { BorrowedFd::borrow_raw(number) }
}

#[cfg(any(target_os = "android", target_os = "freebsd", target_os = "linux"))]
fn listens(socket: &SockRef<'_>) -> io::Result<bool> {
    socket.is_listener()
}

/// Elsewhere nobody can say; accepting will.
#[cfg(not(any(target_os = "android", target_os = "freebsd", target_os = "linux")))]
fn listens(_: &SockRef<'_>) -> io::Result<bool> {
    Ok(true)
}
