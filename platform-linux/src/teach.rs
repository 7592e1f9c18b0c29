//! How a [`Schema`] is learnt: SQLite reads a database by Swift's two statements, and its programs
//! for them must be those for the reference, operand by operand.
//!
//! That one comparison stands for reading the view's text, the order of columns, affinities,
//! defaults, indexes, statistics, generated columns and tables without rowid.
use std::fmt::Write as _;
use std::os::fd::OwnedFd;
use std::path::Path;

use martlet_core::page::{PAGE_MAX, Refusal, Roots, Rule, Schema};
use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};

use crate::reader::{offset, read_at};

/// What Swift's auditor asks first (`ContainerBroker._is_deleted`).
const DELETED: &str = "SELECT put_timestamp, delete_timestamp, object_count FROM container_stat";

/// What it asks of a container that is not deleted (`ContainerBroker._do_get_info_query`).
const INFO: &str = "SELECT account, container, created_at, put_timestamp, delete_timestamp, status,
    status_changed_at, object_count, bytes_used, reported_put_timestamp,
    reported_delete_timestamp, reported_object_count, reported_bytes_used, hash, id,
    x_container_sync_point1, x_container_sync_point2, storage_policy_index FROM container_stat";

/// Both, in their order.
const STATEMENTS: [&str; 2] = [DELETED, INFO];

/// The tables and the view those statements read, as the reader's own table of columns has them.
const REFERENCE: &str = "
    CREATE TABLE policy_stat (storage_policy_index INTEGER PRIMARY KEY,
        object_count INTEGER DEFAULT 0, bytes_used INTEGER DEFAULT 0);
    CREATE TABLE container_info (account TEXT, container TEXT, created_at TEXT,
        put_timestamp TEXT DEFAULT '0', delete_timestamp TEXT DEFAULT '0',
        reported_put_timestamp TEXT DEFAULT '0', reported_delete_timestamp TEXT DEFAULT '0',
        reported_object_count INTEGER DEFAULT 0, reported_bytes_used INTEGER DEFAULT 0,
        hash TEXT DEFAULT '00000000000000000000000000000000', id TEXT, status TEXT DEFAULT '',
        status_changed_at TEXT DEFAULT '0', metadata TEXT DEFAULT '',
        x_container_sync_point1 INTEGER DEFAULT -1, x_container_sync_point2 INTEGER DEFAULT -1,
        storage_policy_index INTEGER DEFAULT 0, reconciler_sync_point INTEGER DEFAULT -1);
    CREATE VIEW container_stat AS SELECT i.account, i.container, i.created_at, i.put_timestamp,
        i.delete_timestamp, i.reported_put_timestamp, i.reported_delete_timestamp,
        i.reported_object_count, i.reported_bytes_used, i.hash, i.id, i.status,
        i.status_changed_at, i.metadata, i.x_container_sync_point1, i.x_container_sync_point2,
        i.reconciler_sync_point, i.storage_policy_index,
        coalesce(p.object_count, 0) AS object_count, coalesce(p.bytes_used, 0) AS bytes_used
        FROM container_info i LEFT JOIN policy_stat p
        ON i.storage_policy_index = p.storage_policy_index;";

/// SQLite's steps between two looks at the budget.
const PROGRESS_STEPS: i32 = 1000;

/// Looks at the budget before a hostile view is given up: a million steps. A sound one takes 60.
const PROGRESS_MAX: u32 = 1000;

/// Why a schema was not learnt.
#[derive(Debug)]
pub enum Untaught {
    /// There are enough variants, or too many attempts of this walk came to nothing.
    Full,
    /// The database is not in an ordinary state, or could not be read.
    Rule(Rule),
    /// Its schema pages are not what the reader can keep.
    Refusal(Refusal),
    /// SQLite refused.
    Sqlite(rusqlite::Error),
    /// A statement did not return exactly one row.
    Rows,
    /// SQLite's programs for the statements are not the reference's: a foreign schema.
    Program,
    /// A result column's name differs, be it in case alone: Swift looks names up by their case.
    Names,
    /// The path leads to another file.
    Moved,
}

impl Untaught {
    /// Whether it says nothing of the schema: somebody was at the database just then. Such an attempt ends
    /// before SQLite is asked, so it costs little.
    pub(crate) const fn is_momentary(&self) -> bool {
        match self {
            Self::Rule(rule) => matches!(rule, Rule::Locked | Rule::Journal),
            Self::Moved => true,
            Self::Full
            | Self::Refusal(_)
            | Self::Sqlite(_)
            | Self::Rows
            | Self::Program
            | Self::Names => false,
        }
    }
}

impl From<rusqlite::Error> for Untaught {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sqlite(error)
    }
}

/// Learns the schema of `file`, which `path` leads to. The caller holds SQLite's shared lock on
/// `file` and has seen neither journal nor write-ahead log.
///
/// SQLite's descriptor is closed before the caller's: the other order would drop its locks.
pub(crate) fn learn(file: &OwnedFd, path: &Path, schema: &mut Schema) -> Result<(), Untaught> {
    same_file(file, path)?;
    // Closed before the file is opened: two connections at once would be a pass's peak of memory.
    let reference = Reference::new()?;
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let database = guarded(Connection::open_with_flags(path, flags)?)?;
    for statement in STATEMENTS {
        let mut statement = database.prepare(statement)?;
        let mut rows = statement.query([])?;
        if rows.next()?.is_none() || rows.next()?.is_some() {
            return Err(Untaught::Rows);
        }
    }
    let mut tables = [0; 2];
    for (statement, ours) in STATEMENTS.into_iter().zip(reference.programs) {
        let theirs = Program::of(&database, statement)?;
        if theirs.names != ours.names {
            return Err(Untaught::Names);
        }
        if theirs.steps != ours.steps || theirs.tables.len() != tables.len() {
            return Err(Untaught::Program);
        }
        tables.copy_from_slice(&theirs.tables);
        if ours.tables.first() != Some(&reference.info) {
            tables.reverse();
        }
    }
    let [info, policy] = tables;
    let (entries, highest) =
        database.query_row("SELECT count(*), max(rootpage) FROM sqlite_master", [], |row| {
            Ok((row.get(0)?, row.get(1)?))
        })?;
    let roots = Roots { info, policy, highest, entries };

    let mut buffer = [0; PAGE_MAX];
    let page1 = read_at(file, &mut buffer, 0).map_err(Untaught::Rule)?;
    let read = |number: u32, page: &mut [u8]| {
        let wanted = page.len();
        read_at(file, page, offset(number, wanted)).is_ok_and(|read| read.len() == wanted)
    };
    schema.learn(page1, roots, read).map_err(Untaught::Refusal)?;
    same_file(file, path)
}

/// What SQLite makes of Swift's statements on Swift's own schema.
struct Reference {
    programs: [Program; STATEMENTS.len()],
    /// The root page of `container_info`.
    info: u32,
}

impl Reference {
    fn new() -> Result<Self, rusqlite::Error> {
        let database = guarded(Connection::open_in_memory()?)?;
        database.execute_batch(REFERENCE)?;
        let info = database.query_row(
            "SELECT rootpage FROM sqlite_master WHERE name = 'container_info'",
            [],
            |row| row.get(0),
        )?;
        let [first, second] = STATEMENTS.map(|statement| Program::of(&database, statement));
        Ok(Self { programs: [first?, second?], info })
    }
}

/// What SQLite compiled a statement to.
struct Program {
    names: Vec<String>,
    /// Every opcode and operand, a line a step, those apart that name a root page or a version of the
    /// schema. As one text, since the reference's lies beside an open database.
    steps: String,
    /// The root pages it opens, in its order.
    tables: Vec<u32>,
}

impl Program {
    fn of(database: &Connection, statement: &str) -> Result<Self, rusqlite::Error> {
        let compiled = database.prepare(statement)?;
        let names = compiled.column_names().map(str::to_owned).collect();
        let mut explained = database.prepare(&format!("EXPLAIN {statement}"))?;
        let mut rows = explained.query([])?;
        let (mut steps, mut tables) = (String::new(), Vec::new());
        while let Some(row) = rows.next()? {
            // addr, opcode, p1, p2, p3, p4, p5; the comment is for people.
            let left_out: &[usize] = match row.get_ref(1)?.as_str()? {
                "OpenRead" => {
                    tables.push(row.get(3)?);
                    &[3]
                }
                "Transaction" => &[4, 5],
                _ => &[],
            };
            for column in (0..7).filter(|column| !left_out.contains(column)) {
                // With its type and in quotes, so that no two programs read alike.
                let _ = write!(steps, "{:?} ", row.get_ref(column)?);
            }
            steps.push('\n');
        }
        Ok(Self { names, steps, tables })
    }
}

/// A connection on which a hostile schema can do nothing, and not for ever. The same for both, so
/// that the programs can be compared.
fn guarded(mut database: Connection) -> Result<Connection, rusqlite::Error> {
    database.set_db_config(DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false)?;
    database.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?;
    let mut left = PROGRESS_MAX;
    database.progress_handler(
        PROGRESS_STEPS,
        Some(move || {
            left = left.saturating_sub(1);
            left == 0
        }),
    )?;
    Ok(database)
}

/// Whether `path` leads to the very file that is open.
fn same_file(file: &OwnedFd, path: &Path) -> Result<(), Untaught> {
    let unreadable = |_| Untaught::Rule(Rule::Unreadable);
    let open = rustix::fs::fstat(file).map_err(unreadable)?;
    let named = rustix::fs::stat(path).map_err(unreadable)?;
    if (open.st_dev, open.st_ino) == (named.st_dev, named.st_ino) {
        Ok(())
    } else {
        Err(Untaught::Moved)
    }
}
