//! One SQLite connection to one database that may be hostile: how it is opened, what bounds it, and
//! one row at a time.
//!
//! No file is ever created, nobody is waited for (busy is an answer), and a statement that does not
//! end is ended.
use martlet_core::check::{Cell, Code, Ended, Fault};
use martlet_core::sums;
use rusqlite::config::DbConfig;
use rusqlite::functions::FunctionFlags;
use rusqlite::limits::Limit;
use rusqlite::types::ValueRef;
use rusqlite::{Connection, OpenFlags, Params, Row, Statement};
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Bytes of one value or row at most; a container's whole metadata is below 128 KiB.
const VALUE_MAX: i32 = 16 << 20;
/// Opcodes of one compiled statement at most; Swift's longest has about 300.
const PROGRAM_MAX: i32 = 1 << 16;
/// KiB of page cache: the pages of a stat audit and a root's way down to any row.
const CACHE_KIB: i32 = 128;
/// Opcodes between two looks at the stop flag: some 100 µs on a small ARM.
const STEPS_A_TICK: i32 = 4000;
/// Ticks of one look at most: 20 million opcodes, the sum over a million shard ranges.
const TICKS_MAX: u32 = 5000;

/// SQLITE_ERROR as a statement is compiled: a table, view or column is missing or foreign.
const SQLITE_ERROR: i32 = 1;
const SQLITE_READONLY: i32 = 8;
const SQLITE_INTERRUPT: i32 = 9;
const SQLITE_MISUSE: i32 = 21;

/// What ends a look that does not end by itself: the process's stop flag and a budget of steps.
#[derive(Clone, Debug)]
pub(crate) struct Leash {
    stop: Arc<AtomicBool>,
    ticks: Arc<AtomicU32>,
    /// SQLite's words for the last error of the look: for people, never for a decision.
    words: Arc<Mutex<String>>,
}

impl Leash {
    pub(crate) fn new(stop: Arc<AtomicBool>) -> Self {
        Self { stop, ticks: Arc::default(), words: Arc::default() }
    }

    /// A whole budget again, for the next look.
    pub(crate) fn renew(&self) {
        self.ticks.store(0, Ordering::Relaxed);
        self.words().clear();
    }

    /// What was said last of an error of this look; empty if nothing was.
    pub(crate) fn words(&self) -> MutexGuard<'_, String> {
        self.words.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn pull(&self) -> bool {
        let ticks = self.ticks.fetch_add(1, Ordering::Relaxed);
        TICKS_MAX <= ticks || self.stop.load(Ordering::Relaxed)
    }

    fn is_used_up(&self) -> bool {
        TICKS_MAX <= self.ticks.load(Ordering::Relaxed)
    }
}

/// Whether SQLite may write: only to recover what a writer left behind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Access {
    Read,
    Recover,
}

/// An open database.
pub(crate) struct Database {
    connection: Connection,
    leash: Leash,
}

impl Database {
    /// Opens the file at `path`, which must exist.
    pub(crate) fn open(path: &[u8], access: Access, leash: &Leash) -> Result<Self, Ended> {
        let mut connection = Connection::open_with_flags(name(path), flags(access))
            .map_err(|error| ended(&error, leash))?;
        // What SQLite opened for reading only it cannot recover; it would read a write-ahead log
        // all the same, and leave files beside it.
        let is_read_only = connection.is_readonly(rusqlite::MAIN_DB);
        if access == Access::Recover && is_read_only.map_err(|error| ended(&error, leash))? {
            leash.words().push_str("it may not be written, and has to be recovered");
            return Err(Ended::Error(Code { sqlite: SQLITE_READONLY, errno: 0 }));
        }
        confine(&mut connection, leash).map_err(|error| ended(&error, leash))?;
        Ok(Self { connection, leash: leash.clone() })
    }

    /// Compiles `sql`; what cannot be compiled is [`Fault::Schema`].
    pub(crate) fn prepare(&self, sql: &str) -> Result<Statement<'_>, Ended> {
        self.connection.prepare(sql).map_err(|error| {
            let ended = ended(&error, &self.leash);
            let is_schema = matches!(ended, Ended::Error(Code { sqlite: SQLITE_ERROR, .. }));
            if is_schema { Ended::Fault(Fault::Schema) } else { ended }
        })
    }

    /// Shows `keep` the first row, if there is one, and steps once more, as Python 3.11 does: damage
    /// in a second row is an error. Every text of the row must be UTF-8, as for Python.
    pub(crate) fn first_row(
        &self,
        statement: &mut Statement<'_>,
        params: impl Params,
        mut keep: impl FnMut(&Row<'_>),
    ) -> Result<bool, Ended> {
        let ended = |error: &rusqlite::Error| ended(error, &self.leash);
        let columns = statement.column_count();
        let mut rows = statement.query(params).map_err(|error| ended(&error))?;
        let Some(row) = rows.next().map_err(|error| ended(&error))? else { return Ok(false) };
        for column in 0..columns {
            let value = row.get_ref(column).map_err(|error| ended(&error))?;
            if let ValueRef::Text(text) = value
                && std::str::from_utf8(text).is_err()
            {
                return Err(Ended::Fault(Fault::NotUtf8));
            }
        }
        keep(row);
        rows.next().map_err(|error| ended(&error))?;
        Ok(true)
    }
}

/// One value of a row; NULL for a column that is not there.
pub(crate) fn cell<'a>(row: &'a Row<'_>, column: usize) -> Cell<'a> {
    match row.get_ref(column) {
        Err(_) | Ok(ValueRef::Null) => Cell::Null,
        Ok(ValueRef::Integer(value)) => Cell::Int(value),
        Ok(ValueRef::Real(value)) => Cell::Real(value),
        Ok(ValueRef::Text(text)) => Cell::Text(text),
        Ok(ValueRef::Blob(blob)) => Cell::Blob(blob),
    }
}

/// The path as SQLite takes it for a name, whatever it begins with: `file:` would be a URI.
fn name(path: &[u8]) -> PathBuf {
    let path = Path::new(OsStr::from_bytes(path));
    if path.is_absolute() { path.to_path_buf() } else { Path::new(".").join(path) }
}

fn flags(access: Access) -> OpenFlags {
    OpenFlags::SQLITE_OPEN_NO_MUTEX
        | match access {
            Access::Read => OpenFlags::SQLITE_OPEN_READ_ONLY,
            Access::Recover => OpenFlags::SQLITE_OPEN_READ_WRITE,
        }
}

fn confine(connection: &mut Connection, leash: &Leash) -> rusqlite::Result<()> {
    connection.busy_timeout(Duration::ZERO)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false)?;
    // The limits on a schema's text, columns and depth stay at SQLite's own: below them, a schema
    // that Swift reads would be "malformed", and malformed is moved.
    connection.set_limit(Limit::SQLITE_LIMIT_LENGTH, VALUE_MAX)?;
    connection.set_limit(Limit::SQLITE_LIMIT_VDBE_OP, PROGRAM_MAX)?;
    connection.set_limit(Limit::SQLITE_LIMIT_ATTACHED, 0)?;
    connection.set_limit(Limit::SQLITE_LIMIT_WORKER_THREADS, 0)?;
    // Swift's connections have it too, so a view that calls it is no damage. It is innocuous: else
    // no view could call it under TRUSTED_SCHEMA=OFF. Not deterministic, as in Swift: an index over
    // it stays an error.
    let flags = FunctionFlags::SQLITE_UTF8 | FunctionFlags::SQLITE_INNOCUOUS;
    connection.create_scalar_function(c"chexor", 3, flags, |arguments| {
        chexor(arguments.get_raw(0), arguments.get_raw(1), arguments.get_raw(2))
    })?;
    let leash = leash.clone();
    connection.progress_handler(STEPS_A_TICK, Some(move || leash.pull()))?;
    connection.pragma_update(None, "temp_store", "MEMORY")?; // a sort leaves no file
    connection.pragma_update(None, "cache_size", -CACHE_KIB)
}

/// Swift's SQL function `chexor(old, name, timestamp)`: `old`, hexadecimal, changed by one row's
/// share of the hash. An error is one of the statement, as in Swift.
fn chexor(old: ValueRef<'_>, name: ValueRef<'_>, at: ValueRef<'_>) -> rusqlite::Result<String> {
    let wrong =
        || rusqlite::Error::UserFunctionError("chexor takes texts, the first in hex".into());
    let (ValueRef::Text(old), ValueRef::Text(name), ValueRef::Text(at)) = (old, name, at) else {
        return Err(wrong());
    };
    let old = std::str::from_utf8(old).ok().and_then(|old| u128::from_str_radix(old, 16).ok());
    Ok(format!("{:032x}", old.ok_or_else(wrong)? ^ sums::chexor(name, at)))
}

/// What an error of SQLite says of the look.
fn ended(error: &rusqlite::Error, leash: &Leash) -> Ended {
    let mut words = leash.words();
    words.clear();
    let sqlite = if let rusqlite::Error::SqlInputError { error, msg, .. } = error {
        words.push_str(msg);
        error.extended_code
    } else {
        words.push_str(&error.to_string());
        error.sqlite_error().map_or(SQLITE_MISUSE, |error| error.extended_code)
    };
    drop(words);
    if sqlite == SQLITE_INTERRUPT && leash.is_used_up() {
        return Ended::Fault(Fault::Endless);
    }
    Ended::Error(Code { sqlite, errno: 0 })
}
