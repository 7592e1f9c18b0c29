//! The lock that a deep look holds, and the state of the database that it stands for.
use std::fs::File;
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{FileExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use martlet_core::deep::Refusal;
use martlet_core::slice::{Resume, Slice, Tick};
use martlet_core::time::Mono;

use super::{Around, Progress, Stop, TELL_EVERY};
use crate::{beside, ofd};

/// The longest all waiting for writers may take in one look, the time they hold the lock included.
const WAIT_MAX: Duration = Duration::from_secs(5);

/// One wait for a writer.
const WAIT: Duration = Duration::from_millis(1);

/// Bytes of a database's header (SQLite's file format, 1.3). All of it is compared.
const HEADER: usize = 100;

/// What the callback has in hand: the lock, and the state of the database that it stands for.
pub(super) struct Held {
    file: File,
    path: PathBuf,
    pub(super) version: Version,
    around: Around,
    pub(super) slice: Slice,
    is_locked: bool,
    /// Waited for writers so far, in all.
    waited: Duration,
    /// What interrupted the statement.
    pub(super) stop: Option<Stop>,
    /// Ticks that a view may still take.
    pub(super) ticks_left: Option<u32>,
    /// When the look began, and what this thread had read until then.
    began: (Mono, u64),
    /// When it was last told how far the look has come.
    told: Mono,
}

/// What must not change while the lock is let go of.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Version {
    header: [u8; HEADER],
    pub(super) size: u64,
    inode: (u64, u64),
}

impl Held {
    pub(super) fn new(file: File, path: &Path, around: Around) -> Self {
        let version = Version { header: [0; HEADER], size: 0, inode: (0, 0) };
        let slice = Slice::new(Duration::ZERO);
        let now = (around.now)();
        Self {
            file,
            path: path.into(),
            version,
            around,
            slice,
            is_locked: false,
            waited: Duration::ZERO,
            stop: None,
            ticks_left: None,
            began: (now, bytes_read()),
            told: now,
        }
    }

    /// Tells how far the look has come.
    pub(super) fn tell(&mut self) {
        self.told = (self.around.now)();
        let (began, before) = self.began;
        (self.around.tell)(Progress {
            read: bytes_read().saturating_sub(before),
            all: self.version.size.saturating_mul(2),
            took: self.told.since(began),
        });
    }

    fn tell_if_due(&mut self, now: Mono) {
        if TELL_EVERY <= now.since(self.told) {
            self.tell();
        }
    }

    /// Takes the lock at a moment when no journal lies beside the database, and notes its state.
    pub(super) fn begin(&mut self) -> Result<(), Stop> {
        loop {
            self.acquire()?;
            self.version = self.read_version()?;
            if !self.version.header.starts_with(b"SQLite format 3\0") {
                return Err(Stop::Refused(Refusal::NoDatabase));
            }
            // Write and read version: 2 is WAL.
            if self.version.header.get(18..20).is_some_and(|versions| versions.contains(&2)) {
                return Err(Stop::Refused(Refusal::Wal));
            }
            if self.has_log()? {
                return Err(Stop::Refused(Refusal::NeedsRecovery));
            }
            if !self.has_journal()? {
                break;
            }
            if !ofd::is_reserved(&self.file)? && self.has_journal()? {
                return Err(Stop::Refused(Refusal::NeedsRecovery));
            }
            self.release();
            self.pause()?;
        }
        let now = (self.around.now)();
        self.slice.begin(now);
        self.stop = None;
        Ok(())
    }

    /// SQLite's question every [`STEPS`] steps. `true` interrupts the statement.
    pub(super) fn tick(&mut self) -> bool {
        if let Some(left) = &mut self.ticks_left {
            match left.checked_sub(1) {
                Some(fewer) => *left = fewer,
                None => self.stop = Some(Stop::Costly),
            }
        }
        if self.stop.is_some() {
            return true;
        }
        let now = (self.around.now)();
        self.tell_if_due(now);
        let is_stop = (self.around.wait)(Duration::ZERO);
        let next = match self.slice.tick(now, is_stop) {
            Tick::Go => Ok(()),
            Tick::Quit if is_stop => Err(Stop::Refused(Refusal::Stopped)),
            Tick::Quit => Err(Stop::Refused(Refusal::Unsettled)),
            Tick::Yield => self.give_way(now),
        };
        self.stop = next.err();
        self.stop.is_some()
    }

    /// Lets go of the lock, takes it again after whoever waits for it, and looks what has changed.
    fn give_way(&mut self, now: Mono) -> Result<(), Stop> {
        self.release();
        self.slice.released(now);
        if (self.around.wait)(Duration::ZERO) {
            return Err(Stop::Refused(Refusal::Stopped));
        }
        self.acquire()?;
        let changed = self.is_changed()?;
        match self.slice.resumed((self.around.now)(), changed) {
            Resume::Go => Ok(()),
            Resume::Restart => Err(Stop::Restart),
            Resume::Unsettled => Err(Stop::Refused(Refusal::Unsettled)),
        }
    }

    pub(super) fn unchanged(&self) -> Result<(), Stop> {
        if self.is_changed()? { Err(Stop::Refused(Refusal::Unsettled)) } else { Ok(()) }
    }

    fn is_changed(&self) -> Result<bool, Stop> {
        if self.read_version()? != self.version {
            return Ok(true);
        }
        Ok(self.has_journal()? && !ofd::is_reserved(&self.file)?)
    }

    /// Takes the lock. A writer that has it or waits for it goes first: its pending lock sees to it.
    fn acquire(&mut self) -> Result<(), Stop> {
        while !ofd::try_shared(&self.file)? {
            self.pause()?;
        }
        self.is_locked = true;
        Ok(())
    }

    pub(super) fn release(&mut self) {
        if self.is_locked {
            self.is_locked = false;
            // Unlocking fails for a bad descriptor alone; closing it lets go as well.
            let _ = ofd::release(&self.file);
        }
    }

    /// Waits a moment for a writer, within [`WAIT_MAX`] in all.
    pub(super) fn pause(&mut self) -> Result<(), Stop> {
        if WAIT_MAX < self.waited {
            return Err(Stop::Refused(Refusal::Busy));
        }
        let began = (self.around.now)();
        if (self.around.wait)(WAIT) {
            return Err(Stop::Refused(Refusal::Stopped));
        }
        let now = (self.around.now)();
        // At least what was asked for, so that the bound holds with any clock.
        self.waited += now.since(began).max(WAIT);
        self.tell_if_due(now); // within the bound, a wait for a writer is progress too
        Ok(())
    }

    fn read_version(&self) -> Result<Version, Stop> {
        let mut header = [0; HEADER];
        let at_path = match self.path.metadata() {
            Ok(metadata) => metadata,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(Stop::Refused(Refusal::Gone));
            }
            Err(error) => return Err(error.into()),
        };
        let own = self.file.metadata()?;
        if (at_path.dev(), at_path.ino()) != (own.dev(), own.ino()) {
            return Err(Stop::Refused(Refusal::Gone));
        }
        match self.file.read_exact_at(&mut header, 0) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                return Err(Stop::Refused(Refusal::NoDatabase));
            }
            Err(error) => return Err(error.into()),
        }
        Ok(Version { header, size: own.size(), inode: (own.dev(), own.ino()) })
    }

    /// Whether a journal lies beside it that SQLite would take for one to recover from
    /// (`hasHotJournal`). What is no file is not waited for.
    fn has_journal(&self) -> Result<bool, Stop> {
        match beside::open(self.beside("-journal").as_os_str().as_bytes()) {
            Ok(journal) => Ok(beside::is_begun(&journal)?),
            Err(error) if beside::is_absent(&error) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    /// Whether a write-ahead log lies beside it. What cannot be told is an error: without its log a
    /// database is an older one.
    fn has_log(&self) -> Result<bool, Stop> {
        match self.beside("-wal").metadata() {
            Ok(_) => Ok(true),
            Err(error) if beside::is_absent(&error) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    fn beside(&self, suffix: &str) -> PathBuf {
        let mut name = self.path.clone().into_os_string();
        name.push(suffix);
        name.into()
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.release();
    }
}

/// Bytes that this thread has read by system calls (`rchar` of proc(5)); 0 on a kernel that does not
/// count them.
fn bytes_read() -> u64 {
    let io = std::fs::read_to_string("/proc/thread-self/io").unwrap_or_default();
    let read = io.lines().find_map(|line| line.strip_prefix("rchar: "));
    read.and_then(|bytes| bytes.parse().ok()).unwrap_or(0)
}

pub(super) fn lock(held: &Mutex<Held>) -> MutexGuard<'_, Held> {
    // Nothing panics while it is locked, and what it holds is whole after every statement.
    held.lock().unwrap_or_else(PoisonError::into_inner)
}
