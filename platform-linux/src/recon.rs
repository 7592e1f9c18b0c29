//! The recon cache: a JSON object on one line that all of a node's Swift daemons write their keys
//! into (`dump_recon_cache`).
//!
//! The protocol is Swift's to the lock, so either may run beside the other: nobody's key is lost.
//! Where Swift loses keys itself (an object over several lines), they are kept.
use std::fs::{self, File, OpenOptions, TryLockError};
use std::hash::{BuildHasher, Hasher, RandomState};
use std::io::{self, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;
use std::{error, fmt};

use martlet_core::event::Event;
use rustix::fs::OFlags;

use crate::event::say;
use crate::members::{self, Content, Members};
use crate::python::{self, Number};

/// Between two tries for the lock; Swift's.
const TRY_EVERY: Duration = Duration::from_millis(10);
/// The file another writer renamed away under our lock is opened again, so often at most.
const REOPEN_MAX: u32 = 1000;
/// Names tried for the temporary file.
const NAMES_MAX: u32 = 100;
/// A recon cache of a node with hundreds of disks has some 100 KiB.
const FILE_MAX: u64 = 4 << 20;

/// Why the recon cache was left as it was. Said in Swift's words.
#[derive(Debug)]
pub enum ReconError {
    /// Others held the lock for all of the patience.
    Locked(PathBuf, Duration),
    /// The pause said that the process is to stop.
    Stopped(PathBuf),
    /// The system's answer.
    System(PathBuf, io::Error),
    /// There is JSON in the file, but no object; it is left alone.
    NotAnObject(PathBuf, &'static str),
    /// Values within values, more than are followed; it is left alone.
    Deep(PathBuf),
    /// It is no file but a FIFO, a device or the like; it is left alone.
    NotAFile(PathBuf),
    /// It is larger than any recon cache; it is left alone.
    Large(PathBuf),
}

impl fmt::Display for ReconError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Exception dumping recon cache: ")?;
        match self {
            Self::Locked(file, patience) => {
                let (file, seconds) = (file.display(), patience.as_secs_f64());
                let s = if *patience == Duration::from_secs(1) { "" } else { "s" };
                write!(out, "{seconds} second{s}: {file}: LockTimeout ({seconds}s) {file}")
            }
            Self::Stopped(file) => write!(out, "{}: locked by others at the stop", file.display()),
            Self::System(file, error) => {
                write!(out, "{}: '{}'", python::os_error(error), file.display())
            }
            Self::NotAnObject(file, kind) => {
                write!(out, "'{}' holds {kind} and no JSON object; left alone", file.display())
            }
            Self::Deep(file) => write!(out, "'{}' is nested too deep; left alone", file.display()),
            Self::NotAFile(file) => write!(out, "'{}' is no file; left alone", file.display()),
            Self::Large(file) => {
                write!(out, "'{}' has more than {FILE_MAX} bytes; left alone", file.display())
            }
        }
    }
}

impl error::Error for ReconError {}

/// Puts `entries` into the cache `file` and keeps all other members as the text they were.
///
/// The lock is tried once, then again after each `pause` until `patience` is used up. `pause` waits
/// as long as it is told and answers `false`, or answers `true` as soon as the process is to stop.
/// Keys are plain ASCII letters. The file ends with mode 0600, as Swift leaves it.
///
/// What is no JSON at all is written anew, as in Swift, and that is logged.
pub fn dump(
    file: &Path,
    entries: &[(&str, Number)],
    patience: Duration,
    pause: &dyn Fn(Duration) -> bool,
) -> Result<(), ReconError> {
    let system = |error| ReconError::System(file.to_owned(), error);
    // Closing it gives the lock back, after the rename.
    let mut locked = lock(file, patience, pause)?;
    let mut text = Vec::new();
    (&mut locked).take(FILE_MAX + 1).read_to_end(&mut text).map_err(system)?;
    if FILE_MAX < text.len() as u64 {
        return Err(ReconError::Large(file.to_owned()));
    }
    let mut members = members_of(file, &text)?;
    for &(key, value) in entries {
        members.put(key, value.to_string());
    }
    replace(file, &(members.line() + "\n")).map_err(system)
}

/// Swift reads the first line only; here the whole file comes first, so that no key is lost.
fn members_of(file: &Path, text: &[u8]) -> Result<Members, ReconError> {
    let first_line = text.split_inclusive(|&byte| byte == b'\n').next().unwrap_or_default();
    let content = match members::read(text) {
        Content::Garbage => members::read(first_line),
        content @ (Content::Object(_) | Content::Other(_) | Content::Deep) => content,
    };
    match content {
        Content::Object(members) => Ok(members),
        Content::Other(kind) => Err(ReconError::NotAnObject(file.to_owned(), kind)),
        Content::Deep => Err(ReconError::Deep(file.to_owned())),
        Content::Garbage => {
            if !text.is_empty() {
                let file = file.display();
                let words = format_args!("Recon cache {file} held no JSON and is written anew");
                say(Event::ReconAnew, words);
            }
            Ok(Members::default())
        }
    }
}

/// `lock_file`: an flock on the file that has the name, not on one renamed away meanwhile.
fn lock(
    file: &Path,
    patience: Duration,
    pause: &dyn Fn(Duration) -> bool,
) -> Result<File, ReconError> {
    let system = |error| ReconError::System(file.to_owned(), error);
    let mut pauses = patience.as_millis().div_ceil(TRY_EVERY.as_millis());
    for _ in 0..REOPEN_MAX {
        let mut options = OpenOptions::new();
        // Swift's file is born with 0777 less the umask; the rename then brings 0600.
        options.read(true).write(true).create(true).truncate(false).mode(0o777);
        // Reading a FIFO would be waited for, and no stop would end it.
        options.custom_flags(OFlags::NONBLOCK.bits().cast_signed());
        let opened = options.open(file).map_err(system)?;
        if !opened.metadata().map_err(system)?.is_file() {
            return Err(ReconError::NotAFile(file.to_owned()));
        }
        loop {
            match opened.try_lock() {
                Ok(()) => break,
                Err(TryLockError::Error(error)) => return Err(system(error)),
                Err(TryLockError::WouldBlock) if pauses == 0 => {
                    return Err(ReconError::Locked(file.to_owned(), patience));
                }
                Err(TryLockError::WouldBlock) => {}
            }
            pauses -= 1;
            if pause(TRY_EVERY) {
                return Err(ReconError::Stopped(file.to_owned()));
            }
        }
        match fs::metadata(file) {
            Ok(named) if named.ino() == opened.metadata().map_err(system)?.ino() => {
                return Ok(opened);
            }
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(system(error)),
            Ok(_) | Err(_) => {}
        }
    }
    Err(ReconError::Locked(file.to_owned(), patience))
}

/// Writes `line` beside `file` and renames it over. A kill leaves the old file, or the new one.
fn replace(file: &Path, line: &str) -> io::Result<()> {
    let (temporary, mut opened) = temporary_beside(file)?;
    let written = opened.write_all(line.as_bytes()).and_then(|()| fs::rename(&temporary, file));
    if written.is_err() {
        // The first error is the one to be said; what is left behind is never read.
        let _second = fs::remove_file(&temporary);
    }
    written
}

/// A new file named as Python's `NamedTemporaryFile` names it: `tmp` and eight of 37 characters.
fn temporary_beside(file: &Path) -> io::Result<(PathBuf, File)> {
    const LETTERS: &[u8; 37] = b"abcdefghijklmnopqrstuvwxyz0123456789_";
    let seeds = RandomState::new();
    for turn in 0..NAMES_MAX {
        let mut hasher = seeds.build_hasher();
        hasher.write_u32(turn);
        let mut random = hasher.finish();
        let mut name = String::from("tmp");
        for _ in 0..8 {
            name.push(char::from(LETTERS[usize::try_from(random % 37).unwrap_or(0)]));
            random /= 37;
        }
        let path = file.with_file_name(name);
        // `create_new` makes an old one of a killed run impossible to write into.
        match OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path) {
            Ok(opened) => return Ok((path, opened)),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
        }
    }
    Err(io::ErrorKind::AlreadyExists.into())
}
