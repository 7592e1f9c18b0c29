//! The deep look: reads a whole database under a lock of our own and brings back sums.
//!
//! SQLite is opened with `nolock=1`, so that the lock can be let go of and taken again in the middle
//! of a statement: SQLite asks the progress callback, the callback asks the core's [`Slice`]. Under
//! the lock taken again the first page, the size and the inode must be as before and no journal may
//! wait for recovery; else the statement is interrupted and the read starts again, so that SQLite
//! never sees two states of a database in one read.
//!
//! *Descriptors.* Our own descriptor of the database is open while SQLite has one. That is harmful
//! where SQLite holds POSIX locks, which closing ours would drop; under `nolock=1` it holds none.
//!
//! *Hostile databases.* Only ordinary tables are read, `quick_check` first; views run under a bound.
//! Triggers never fire in a reader; functions in the schema are not trusted.
//!
//! *Memory.* A page cache of a fifth of a megabyte, a bit a page for `quick_check`, and one row at a time.
mod held;
mod rows;
mod schema;

use std::fs::File;
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use martlet_core::check::Code;
use martlet_core::deep::{DeepSeen, Dug, Refusal};
use martlet_core::slice::Slice;
use martlet_core::time::Mono;
use nix::libc;
use rusqlite::config::DbConfig;
use rusqlite::limits::Limit;
use rusqlite::{Connection, OpenFlags};

use held::{Held, lock};

/// Steps of SQLite's machine, or pages of its structure check, between two looks at the clock:
/// at most some 200 µs on a slow ARM core, so that a slice ends on time.
const STEPS: i32 = 250;

/// Bytes of a row at most: a Swift row has a few kilobytes. Longer ones are SQLITE_TOOBIG.
const ROW_MAX: i32 = 1 << 20;

/// KiB of page cache: three trees are read from end to end, and of each no more than the way down to a
/// leaf is met again.
const CACHE_KIB: i32 = 192;

/// What a deep look needs from the process around it.
#[derive(Clone)]
pub struct Around {
    /// The clock.
    pub now: Arc<dyn Fn() -> Mono + Send + Sync>,
    /// Waits for the time given, zero included, and returns early with `true` once the process is
    /// to stop.
    pub wait: Arc<dyn Fn(Duration) -> bool + Send + Sync>,
    /// Hears how far a look has come: at its end, and at least every [`TELL_EVERY`] while it gets on.
    pub tell: Arc<dyn Fn(Progress) + Send + Sync>,
}

/// Between two tellings of how far a look has come.
pub const TELL_EVERY: Duration = Duration::from_millis(100);

/// How far a look has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Bytes read so far; 0 where the kernel does not count them.
    pub read: u64,
    /// Bytes to read if no writer interferes, at most: the file, once for its structure and once for
    /// its rows.
    pub all: u64,
    /// Since the look began.
    pub took: Duration,
}

impl Around {
    /// The process's clock and its stop flag; nobody hears of progress.
    #[must_use]
    pub fn of(stop: Arc<AtomicBool>) -> Self {
        let wait = move |span: Duration| {
            if !span.is_zero() && !stop.load(Ordering::Relaxed) {
                std::thread::park_timeout(span);
            }
            stop.load(Ordering::Relaxed)
        };
        Self { now: Arc::new(crate::clock::mono), wait: Arc::new(wait), tell: Arc::new(|_| ()) }
    }
}

impl std::fmt::Debug for Around {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Around")
    }
}

/// Looks deeply at the database `path`. `hold` is the longest that a last try may hold the lock.
#[must_use]
pub fn look(path: &Path, hold: Duration, around: &Around) -> Dug {
    let (looked, read, tries) = match Look::open(path, around) {
        Ok(mut look) => {
            let whole = look.whole(hold);
            lock(&look.held).tell();
            (whole, look.read, look.tries)
        }
        Err(stop) => (Err(stop), 0, 0),
    };
    let seen = match looked {
        Ok(seen) => seen,
        Err(Stop::Refused(refusal)) => DeepSeen::Not(refusal),
        Err(Stop::Error(code)) => DeepSeen::Error(code),
        Err(Stop::Restart | Stop::Costly) => DeepSeen::Not(Refusal::Unsettled),
    };
    Dug { seen, read, tries }
}

/// The words of SQLite or the kernel for a code, for people.
pub(crate) fn words(code: Code) -> String {
    if code.errno == 0 {
        rusqlite::ffi::code_to_str(code.sqlite).to_owned()
    } else {
        crate::python::os_error(&io::Error::from_raw_os_error(code.errno))
    }
}

/// Why a read ended early.
#[derive(Clone, Copy, Debug)]
enum Stop {
    /// The database changed: start again.
    Restart,
    /// A view took too many steps.
    Costly,
    Refused(Refusal),
    Error(Code),
}

impl From<nix::errno::Errno> for Stop {
    fn from(errno: nix::errno::Errno) -> Self {
        Self::Error(Code { sqlite: 0, errno: errno as i32 })
    }
}

impl From<io::Error> for Stop {
    fn from(error: io::Error) -> Self {
        Self::Error(Code { sqlite: 0, errno: error.raw_os_error().unwrap_or(0) })
    }
}

impl From<rusqlite::Error> for Stop {
    fn from(error: rusqlite::Error) -> Self {
        let sqlite = error.sqlite_error().map_or(1, |error| error.extended_code);
        Self::Error(Code { sqlite, errno: 0 })
    }
}

/// One look: SQLite, and what it shares with its progress callback.
struct Look {
    db: Connection,
    held: Arc<Mutex<Held>>,
    /// Bytes read at most.
    read: u64,
    /// The most tries that a read took.
    tries: u8,
}

impl Look {
    fn open(path: &Path, around: &Around) -> Result<Self, Stop> {
        let file = File::options()
            .read(true)
            .custom_flags(libc::O_CLOEXEC | libc::O_NOCTTY | libc::O_NONBLOCK)
            .open(path)
            .map_err(|error| match error.raw_os_error() {
                Some(libc::ENOENT | libc::ELOOP) => Stop::Refused(Refusal::Gone),
                _ => error.into(),
            })?;
        if !file.metadata()?.is_file() {
            return Err(Stop::Refused(Refusal::NotAFile));
        }
        // SQLite deletes a journal that it finds beside a database of no pages, so nothing that
        // short is ever opened, and the size cannot change while the lock is held.
        let mut held = Held::new(file, path, around.clone());
        let db = loop {
            held.begin()?;
            let opened = connect(path);
            held.unchanged()?;
            held.release();
            match opened {
                Err(Stop::Error(code)) if is_writers_journal(code) => held.pause()?,
                opened => break opened?,
            }
        };
        let held = Arc::new(Mutex::new(held));
        let mut look = Self { db, held, read: 0, tries: 0 };
        let held = Arc::clone(&look.held);
        look.db.progress_handler(STEPS, Some(move || lock(&held).tick()))?;
        Ok(look)
    }

    fn whole(&mut self, hold: Duration) -> Result<DeepSeen, Stop> {
        if let Some(line) = self.settle(hold, |db, _| rows::quick_check(db))? {
            return Ok(DeepSeen::Broken(line));
        }
        self.settle(hold, rows::read).map(DeepSeen::Whole)
    }

    /// Runs `work` in one read transaction, again whenever the database changed under it.
    fn settle<T>(
        &mut self,
        hold: Duration,
        work: impl Fn(&Connection, &Mutex<Held>) -> Result<T, Stop>,
    ) -> Result<T, Stop> {
        lock(&self.held).slice = Slice::new(hold);
        // Bounded: the slice allows a few tries, and waits have a bound of their own.
        loop {
            let before = lock(&self.held).slice.clone();
            lock(&self.held).begin()?;
            let done = self.transaction(&work);
            let mut held = lock(&self.held);
            let done = match done {
                Ok(done) => held.unchanged().map(|()| done),
                // SQLite says only that it was interrupted.
                Err(said) => Err(held.stop.take().unwrap_or(said)),
            };
            held.release();
            // A try reads the pages once: the structure check all of them, the two scans the two
            // trees that make up nearly all of the file.
            self.read = self.read.saturating_add(held.version.size);
            self.tries = self.tries.max(held.slice.tries());
            match done {
                Err(Stop::Restart) => {}
                Err(Stop::Error(code)) if is_writers_journal(code) => {
                    held.slice = before; // nothing was read: that was no try
                    held.pause()?;
                }
                done => return done,
            }
        }
    }

    fn transaction<T>(
        &self,
        work: impl Fn(&Connection, &Mutex<Held>) -> Result<T, Stop>,
    ) -> Result<T, Stop> {
        self.db.execute_batch("BEGIN")?;
        let done = work(&self.db, &self.held);
        // An error may have ended the transaction already; there is nothing to undo in a reader.
        if !self.db.is_autocommit() {
            self.db.execute_batch("ROLLBACK")?;
        }
        done
    }
}

/// `SQLITE_READONLY_ROLLBACK`.
const READONLY_ROLLBACK: i32 = 776;

/// Whether SQLite took the journal of a writer that has just begun for one to recover from: without
/// locks it cannot know that the writer is alive.
fn is_writers_journal(code: Code) -> bool {
    code.sqlite == READONLY_ROLLBACK
}

/// Opens `path` for reading, without SQLite's own locks, as a database that may be hostile.
fn connect(path: &Path) -> Result<Connection, Stop> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY
        | OpenFlags::SQLITE_OPEN_URI
        | OpenFlags::SQLITE_OPEN_NO_MUTEX
        | OpenFlags::SQLITE_OPEN_EXRESCODE;
    let db = Connection::open_with_flags(uri(path), flags)?;
    db.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?;
    db.set_db_config(DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false)?;
    db.set_limit(Limit::SQLITE_LIMIT_LENGTH, ROW_MAX)?;
    db.set_limit(Limit::SQLITE_LIMIT_ATTACHED, 0)?;
    db.set_limit(Limit::SQLITE_LIMIT_WORKER_THREADS, 0)?;
    db.pragma_update(None, "cache_size", -CACHE_KIB)?;
    db.execute_batch("PRAGMA mmap_size=0; PRAGMA temp_store=MEMORY;")?;
    Ok(db)
}

/// `file:PATH?mode=ro&nolock=1`, the path as percent-encoded bytes.
fn uri(path: &Path) -> String {
    let mut uri = String::from("file:");
    // "file://" would begin a host name.
    for byte in path.as_os_str().as_bytes() {
        match byte {
            b'/' if uri.ends_with('/') => {}
            b'/' | b'.' | b'-' | b'_' | b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z' => {
                uri.push(char::from(*byte));
            }
            _ => {
                let digit = |half: u8| char::from(b"0123456789ABCDEF"[usize::from(half)]);
                uri.extend(['%', digit(byte >> 4), digit(byte & 15)]);
            }
        }
    }
    uri.push_str("?mode=ro&nolock=1");
    uri
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_said_in_bytes_that_mean_nothing_else() {
        for (path, expected) in [
            ("/srv/node/a.db", "file:/srv/node/a.db?mode=ro&nolock=1"),
            ("//srv//a.db", "file:/srv/a.db?mode=ro&nolock=1"),
            ("a?b#c%d e.db", "file:a%3Fb%23c%25d%20e.db?mode=ro&nolock=1"),
            ("\u{e9}", "file:%C3%A9?mode=ro&nolock=1"),
        ] {
            assert_eq!(uri(Path::new(path)), expected);
        }
    }
}
