//! Locks that belong to a descriptor: SQLite's shared lock on a database, and a daemon's on its own file.
//! They can be looked up without being tried.
//!
//! POSIX locks belong to the process and are lost when *any* of its descriptors of the file is
//! closed; OFD locks belong to the descriptor, and stand against SQLite's POSIX locks in other
//! processes all the same. A database's bytes are SQLite's (`os.h`, "PENDING_BYTE"; `os_unix.c`,
//! `unixLock`), and so is the order: the pending byte first, so that a waiting writer goes first.
use std::fs::File;
use std::os::fd::AsFd;

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, fcntl};
use nix::libc;

/// `PENDING_BYTE`.
const PENDING: i64 = 0x4000_0000;
/// `RESERVED_BYTE`.
const RESERVED: i64 = PENDING + 1;
/// `SHARED_FIRST`.
const SHARED: i64 = PENDING + 2;
/// `SHARED_SIZE`.
const SHARED_SIZE: i64 = 510;

/// Takes SQLite's shared lock on `file`, without waiting. `false`: a writer has it, or is about to.
pub(crate) fn try_shared(file: &File) -> Result<bool, Errno> {
    if !set(file, libc::F_RDLCK, PENDING, 1)? {
        return Ok(false);
    }
    let shared = try_shared_alone(file);
    let pending = set(file, libc::F_UNLCK, PENDING, 1);
    let shared = shared?;
    pending?;
    Ok(shared)
}

/// Takes the shared bytes alone, without waiting. `false`: a writer has them.
///
/// The pending byte, by which SQLite's readers let a waiting writer go first, is left alone: for a lock
/// that is held for some microseconds, once a pass.
pub(crate) fn try_shared_alone(file: impl AsFd) -> Result<bool, Errno> {
    set(file, libc::F_RDLCK, SHARED, SHARED_SIZE)
}

/// Lets go of the shared lock.
pub(crate) fn release(file: &File) -> Result<(), Errno> {
    set(file, libc::F_UNLCK, SHARED, SHARED_SIZE).map(|_| ())
}

/// Whether another process is in the middle of a write: it holds the reserved lock, so that a
/// journal beside the database is its own and not one to recover from.
pub(crate) fn is_reserved(file: &File) -> Result<bool, Errno> {
    Ok(in_the_way(file, RESERVED, 1)?.is_some())
}

/// Takes `file` for this process, without waiting, with the process's number: a lock from the first byte on
/// that has its length. `false`: another descriptor has it.
pub(crate) fn try_own(file: &File, pid: u32) -> Result<bool, Errno> {
    set(file, libc::F_WRLCK, 0, i64::from(pid))
}

/// Lets go of what [`try_own`] took, also where a process that is about to be started has the descriptor.
pub(crate) fn disown(file: &File) -> Result<(), Errno> {
    set(file, libc::F_UNLCK, 0, 0).map(|_| ())
}

/// The number of the process that has taken `file` by another descriptor, as it is in its own namespace. A lock
/// to read is none of ours: whoever may read the file could have it.
pub(crate) fn owner(file: &File) -> Result<Option<u32>, Errno> {
    let lock = in_the_way(file, 0, 1)?;
    let ours = lock.filter(|it| i32::from(it.l_type) == libc::F_WRLCK && it.l_start == 0);
    Ok(ours.and_then(|lock| u32::try_from(lock.l_len).ok()).filter(|pid| 0 < *pid))
}

/// A lock of another descriptor or process on these bytes, if there is one.
fn in_the_way(file: &File, start: i64, len: i64) -> Result<Option<libc::flock>, Errno> {
    let mut lock = range(libc::F_WRLCK, start, len);
    fcntl(file, FcntlArg::F_OFD_GETLK(&mut lock))?;
    Ok((i32::from(lock.l_type) != libc::F_UNLCK).then_some(lock))
}

fn set(file: impl AsFd, kind: libc::c_int, start: i64, len: i64) -> Result<bool, Errno> {
    match fcntl(file, FcntlArg::F_OFD_SETLK(&range(kind, start, len))) {
        Ok(_) => Ok(true),
        Err(Errno::EAGAIN | Errno::EACCES) => Ok(false),
        Err(errno) => Err(errno),
    }
}

fn range(kind: libc::c_int, start: i64, len: i64) -> libc::flock {
    libc::flock {
        l_type: short(kind),
        l_whence: short(libc::SEEK_SET),
        l_start: start,
        l_len: len,
        l_pid: 0,
    }
}

fn short(value: libc::c_int) -> libc::c_short {
    // The kernel's lock types and origins are single digits.
    libc::c_short::try_from(value).unwrap_or_default()
}
