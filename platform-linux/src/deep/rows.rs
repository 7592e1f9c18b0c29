//! What is read of a database: its structure, its rows and index, what it stores about them.
use std::sync::{Arc, Mutex, PoisonError};

use martlet_core::check::Cell;
use martlet_core::deep::{Deep, Index, LINE_MAX, Line, Metadata, Table};
use martlet_core::metadata::names_root;
use martlet_core::shard::ShardRow;
use martlet_core::sums::{Row, Sums};
use rusqlite::Connection;
use rusqlite::functions::{Aggregate, Context, FunctionFlags};
use rusqlite::types::ValueRef;

use super::Stop;
use super::held::{Held, lock};
use super::schema::{has_column, has_columns, has_triggers, index_of_objects, object_table};

/// Looks at the clock that a view may take: a view of Swift's takes none.
const VIEW_TICKS: u32 = 400;

/// Rows of `policy_stat` and of the containers' own tables that are read: far more than are told
/// apart.
const STORED_MAX: usize = 64;

/// `SQLITE_ERROR`: the statement does not fit the schema.
const SQLITE_ERROR: i32 = 1;

/// `SQLITE_TOOBIG`: a value that bounded memory does not hold.
const SQLITE_TOOBIG: i32 = 18;

/// The authority on structure: `None`, or its first complaint.
///
/// That the index over the objects has more or fewer entries than the table has rows is no matter
/// of structure: the scans see that and more, and mending it needs no replica. No more is a value that
/// its column does not allow in a table that is not Swift's.
pub(super) fn quick_check(db: &Connection) -> Result<Option<Line>, Stop> {
    let mut statement = db.prepare("PRAGMA quick_check(16)")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let said = match row.get_ref(0)? {
            ValueRef::Text(text) => text,
            ValueRef::Null | ValueRef::Integer(_) | ValueRef::Real(_) | ValueRef::Blob(_) => b"",
        };
        if said == b"ok" || said == ENTRIES_DIFFER || is_of_a_value(said) {
            continue;
        }
        // Its first line can be a heading: "*** in database main ***".
        let mut lines = said.split(|byte| *byte == b'\n');
        let line = lines.find(|line| !line.starts_with(b"***")).unwrap_or(said);
        return Ok(Some(line.iter().copied().take(LINE_MAX).collect()));
    }
    Ok(None)
}

/// What `quick_check` says of an index with another number of entries than the table has rows. It
/// has no codes; should its words ever change, the file counts as broken, and a test says so.
const ENTRIES_DIFFER: &[u8] = b"wrong # of entries in index ix_object_deleted_name";

/// Tables that Swift makes: what breaks their rules is damage (`ContainerBroker`, `DatabaseBroker`).
const SWIFTS: [&[u8]; 6] = [
    b"object",
    b"container_info",
    b"policy_stat",
    b"shard_range",
    b"outgoing_sync",
    b"incoming_sync",
];

/// Whether `quick_check` says it of a value that `NOT NULL` or the type of a `STRICT` column forbids in
/// somebody else's table: "NULL value in t.c", "non-INT value in t.c". It says what is wrong with pages
/// before any of these.
fn is_of_a_value(said: &[u8]) -> bool {
    const IN: &[u8] = b" value in ";
    let kind = said.split(|byte| *byte == b' ').next().unwrap_or(b"");
    let known = matches!(kind, b"NULL" | b"NUMERIC" | b"TEXT") || kind.starts_with(b"non-");
    let column = said.get(kind.len()..).and_then(|rest| rest.strip_prefix(IN));
    let table = column.and_then(|column| column.split(|byte| *byte == b'.').next());
    known && table.is_some_and(|table| !SWIFTS.contains(&table))
}

/// The rows, the index, and what the database says of them.
pub(super) fn read(db: &Connection, held: &Mutex<Held>) -> Result<Deep, Stop> {
    let mut sums = Sums::new();
    let object = object_table(db)?;
    let index = index_of_objects(db)?;
    let mut triggers = false;
    if object == Table::Ordinary {
        stored(db, held, &mut sums)?;
        scan_table(db, &mut sums)?;
        if index == Index::Ordinary {
            scan_index(db, &mut sums)?;
        }
        triggers = has_triggers(db)?;
    }
    let metadata = metadata(db)?;
    let strange_ranges = strange_ranges(db)?;
    Ok(Deep { object, index, triggers, sums, metadata, strange_ranges })
}

/// Stored hashes and counts: of `container_info`, `policy_stat`, and as Swift reads them.
fn stored(db: &Connection, held: &Mutex<Held>, sums: &mut Sums) -> Result<(), Stop> {
    if has_columns(db, "container_info", &["hash"])? {
        let mut statement = db.prepare("SELECT hash FROM container_info LIMIT 1")?;
        let mut rows = statement.query([])?;
        if let Some(row) = rows.next()? {
            sums.stored_hash(cell(row.get_ref(0)?));
        }
    }
    if has_columns(db, "policy_stat", &["object_count", "bytes_used"])? {
        let mut statement = db.prepare(&format!(
            "SELECT storage_policy_index, object_count, bytes_used FROM policy_stat LIMIT {STORED_MAX}"
        ))?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            if let ValueRef::Integer(policy) = row.get_ref(0)? {
                sums.stored_policy(policy, cell(row.get_ref(1)?), cell(row.get_ref(2)?));
            }
        }
    }
    lock(held).ticks_left = Some(VIEW_TICKS);
    let said = container_says(db, sums);
    let mut held = lock(held);
    held.ticks_left = None;
    match said {
        // The stat audit judges a container_stat that cannot be read.
        Err(Stop::Error(code)) if code.sqlite & 0xff == SQLITE_ERROR => Ok(()),
        Err(_) if matches!(held.stop, Some(Stop::Costly)) => {
            held.stop = None;
            Ok(())
        }
        said => said,
    }
}

fn container_says(db: &Connection, sums: &mut Sums) -> Result<(), Stop> {
    let policy = if has_column(db, "container_stat", "storage_policy_index")? {
        "storage_policy_index"
    } else {
        "0"
    };
    let mut statement = db.prepare(&format!(
        "SELECT {policy}, object_count, bytes_used, hash FROM container_stat LIMIT 1"
    ))?;
    let mut rows = statement.query([])?;
    if let Some(row) = rows.next()? {
        if let ValueRef::Integer(policy) = row.get_ref(0)? {
            sums.said(policy, cell(row.get_ref(1)?), cell(row.get_ref(2)?));
        }
        sums.stored_hash(cell(row.get_ref(3)?));
    }
    Ok(())
}

/// One scan of the table, in the order of its rowids.
fn scan_table(db: &Connection, sums: &mut Sums) -> Result<(), Stop> {
    let policy = if has_column(db, "object", "storage_policy_index")? {
        "storage_policy_index"
    } else {
        "0"
    };
    pour(db, sums, &scan_table_sql(policy), 6, |sums, values| {
        sums.row(&Row {
            id: id(values.get_raw(0)),
            name: cell(values.get_raw(1)),
            created_at: cell(values.get_raw(2)),
            size: cell(values.get_raw(3)),
            deleted: cell(values.get_raw(4)),
            policy: cell(values.get_raw(5)),
        });
    })
}

/// What reads the table alone, `policy` being the column or a constant for it.
fn scan_table_sql(policy: &str) -> String {
    format!(
        "SELECT pour(_rowid_, name, created_at, size, deleted, {policy}) FROM object NOT INDEXED"
    )
}

/// What reads the index alone, in its own order: it holds all three values.
const SCAN_INDEX: &str =
    "SELECT pour(deleted, name, _rowid_) FROM object INDEXED BY ix_object_deleted_name";

/// One scan of the index; the table is not touched.
fn scan_index(db: &Connection, sums: &mut Sums) -> Result<(), Stop> {
    pour(db, sums, SCAN_INDEX, 3, |sums, values| {
        sums.entry(cell(values.get_raw(0)), cell(values.get_raw(1)), id(values.get_raw(2)));
    })
}

/// Runs `sql` with an aggregate `pour` of `arguments` values, by which each row is added to `sums`.
///
/// An aggregate sees the values where SQLite has them; a statement that is asked for row after row
/// takes a good part more time.
fn pour(
    db: &Connection,
    sums: &mut Sums,
    sql: &str,
    arguments: i32,
    add: fn(&mut Sums, &Context<'_>),
) -> Result<(), Stop> {
    let poured = Arc::new(Mutex::new(std::mem::take(sums)));
    let pour = Pour { sums: Arc::clone(&poured), add };
    // Never called from the schema of a database that may be hostile.
    let flags = FunctionFlags::SQLITE_UTF8 | FunctionFlags::SQLITE_DIRECTONLY;
    db.create_aggregate_function(c"pour", arguments, flags, pour)?;
    db.query_row(sql, [], |_| Ok(()))?;
    *sums = std::mem::take(&mut *poured.lock().unwrap_or_else(PoisonError::into_inner));
    Ok(())
}

/// The aggregate `pour`. The sums lie with SQLite while rows come, so that no row takes a lock.
struct Pour {
    sums: Arc<Mutex<Sums>>,
    add: fn(&mut Sums, &Context<'_>),
}

impl Aggregate<Sums, Option<i64>> for Pour {
    /// Before the first row; not called if there is none.
    fn init(&self, _: &mut Context<'_>) -> rusqlite::Result<Sums> {
        Ok(std::mem::take(&mut *self.sums.lock().unwrap_or_else(PoisonError::into_inner)))
    }

    fn step(&self, values: &mut Context<'_>, sums: &mut Sums) -> rusqlite::Result<()> {
        (self.add)(sums, values);
        Ok(())
    }

    fn finalize(&self, _: &mut Context<'_>, sums: Option<Sums>) -> rusqlite::Result<Option<i64>> {
        if let Some(sums) = sums {
            *self.sums.lock().unwrap_or_else(PoisonError::into_inner) = sums;
        }
        Ok(None)
    }
}

fn metadata(db: &Connection) -> Result<Metadata, Stop> {
    for table in ["container_info", "container_stat"] {
        if has_columns(db, table, &["metadata"])? {
            let mut statement = db.prepare(&format!("SELECT metadata FROM {table} LIMIT 1"))?;
            let mut rows = statement.query([])?;
            let row = match rows.next().map_err(Stop::from) {
                Ok(Some(row)) => row,
                Ok(None) => return Ok(Metadata::Unread),
                Err(Stop::Error(code)) if code.sqlite & 0xff == SQLITE_TOOBIG => {
                    return Ok(Metadata::Unread);
                }
                Err(stop) => return Err(stop),
            };
            let text = cell(row.get_ref(0)?);
            // Any path will do: what is asked is whether Swift can read the text at all.
            let is_sane = names_root(text, b"account/container").is_ok();
            return Ok(if is_sane { Metadata::Sane } else { Metadata::Strange });
        }
    }
    Ok(Metadata::Unread)
}

fn strange_ranges(db: &Connection) -> Result<u64, Stop> {
    const COLUMNS: [&str; 11] = [
        "name",
        "timestamp",
        "lower",
        "upper",
        "object_count",
        "bytes_used",
        "meta_timestamp",
        "deleted",
        "state",
        "state_timestamp",
        "epoch",
    ];
    if !has_columns(db, "shard_range", &COLUMNS)? {
        return Ok(0);
    }
    let tombstones = if has_column(db, "shard_range", "tombstones")? { "tombstones" } else { "-1" };
    let columns = COLUMNS.join(", ");
    let sql = format!("SELECT {columns}, {tombstones} FROM shard_range NOT INDEXED");
    let mut statement = db.prepare(&sql)?;
    let mut rows = statement.query([])?;
    let mut strange = 0;
    while let Some(row) = rows.next()? {
        let range = ShardRow {
            name: cell(row.get_ref(0)?),
            timestamp: cell(row.get_ref(1)?),
            lower: cell(row.get_ref(2)?),
            upper: cell(row.get_ref(3)?),
            object_count: cell(row.get_ref(4)?),
            bytes_used: cell(row.get_ref(5)?),
            meta_timestamp: cell(row.get_ref(6)?),
            deleted: cell(row.get_ref(7)?),
            state: cell(row.get_ref(8)?),
            state_timestamp: cell(row.get_ref(9)?),
            epoch: cell(row.get_ref(10)?),
            tombstones: cell(row.get_ref(11)?),
        };
        strange += u64::from(range.read().is_none());
    }
    Ok(strange)
}

fn cell(value: ValueRef<'_>) -> Cell<'_> {
    match value {
        ValueRef::Null => Cell::Null,
        ValueRef::Integer(value) => Cell::Int(value),
        ValueRef::Real(value) => Cell::Real(value),
        ValueRef::Text(text) => Cell::Text(text),
        ValueRef::Blob(blob) => Cell::Blob(blob),
    }
}

/// A rowid; 0 where a foreign column of that name holds something else.
fn id(value: ValueRef<'_>) -> i64 {
    if let ValueRef::Integer(id) = value { id } else { 0 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::deep::schema::INDEX;

    /// The b-trees that a statement opens, by the names in the schema.
    fn opens(db: &Connection, sql: &str) -> Vec<String> {
        let mut statement = db.prepare(&format!("EXPLAIN {sql}")).expect("it can be compiled");
        let mut rows = statement.query([]).expect("it can be explained");
        let mut names = Vec::new();
        while let Some(row) = rows.next().expect("it can be explained") {
            let (opcode, root): (String, i64) =
                (row.get("opcode").expect("text"), row.get("p2").expect("integer"));
            if opcode == "OpenRead" {
                let find = "SELECT name FROM sqlite_schema WHERE rootpage = ?1";
                names.push(db.query_row(find, [root], |row| row.get(0)).expect("a known root"));
            }
        }
        names
    }

    #[test]
    fn each_scan_reads_one_tree_and_no_other() {
        let db = Connection::open_in_memory().expect("memory");
        db.execute_batch(
            "CREATE TABLE object (ROWID INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT,
                 created_at TEXT, size INTEGER, content_type TEXT, etag TEXT,
                 deleted INTEGER DEFAULT 0, storage_policy_index INTEGER DEFAULT 0);
             CREATE INDEX ix_object_deleted_name ON object (deleted, name);",
        )
        .expect("Swift's schema");
        let mut sums = Sums::new();
        // Makes the function known, of both numbers of arguments.
        scan_table(&db, &mut sums).and_then(|()| scan_index(&db, &mut sums)).expect("no rows");
        assert_eq!(opens(&db, SCAN_INDEX), [INDEX]);
        assert_eq!(opens(&db, &scan_table_sql("storage_policy_index")), ["object"]);
        assert_eq!(index_of_objects(&db).map_err(|_| ()), Ok(Index::Ordinary));
    }
}
