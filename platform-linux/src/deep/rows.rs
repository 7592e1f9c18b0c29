//! What is read of a database: its structure, its rows and index, what it stores about them.
use std::sync::Mutex;

use martlet_core::check::Cell;
use martlet_core::deep::{Deep, Index, LINE_MAX, Line, Metadata, Table};
use martlet_core::metadata::names_root;
use martlet_core::shard::ShardRow;
use martlet_core::sums::{Row, Sums};
use rusqlite::Connection;
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

/// The authority on structure: `None`, or its first complaint.
///
/// That the index over the objects has more or fewer entries than the table has rows is no matter
/// of structure: the scans see that and more, and mending it needs no replica.
pub(super) fn quick_check(db: &Connection) -> Result<Option<Line>, Stop> {
    let mut statement = db.prepare("PRAGMA quick_check(2)")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let said = match row.get_ref(0)? {
            ValueRef::Text(text) => text,
            ValueRef::Null | ValueRef::Integer(_) | ValueRef::Real(_) | ValueRef::Blob(_) => b"",
        };
        if said == b"ok" || said == ENTRIES_DIFFER {
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
    let mut statement = db.prepare(&scan_table_sql(policy))?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        sums.row(&Row {
            id: id(row.get_ref(0)?),
            name: cell(row.get_ref(1)?),
            created_at: cell(row.get_ref(2)?),
            size: cell(row.get_ref(3)?),
            deleted: cell(row.get_ref(4)?),
            policy: cell(row.get_ref(5)?),
        });
    }
    Ok(())
}

/// What reads the table alone, `policy` being the column or a constant for it.
fn scan_table_sql(policy: &str) -> String {
    format!("SELECT _rowid_, name, created_at, size, deleted, {policy} FROM object NOT INDEXED")
}

/// What reads the index alone, in its own order: it holds all three values.
const SCAN_INDEX: &str =
    "SELECT deleted, name, _rowid_ FROM object INDEXED BY ix_object_deleted_name";

/// One scan of the index; the table is not touched.
fn scan_index(db: &Connection, sums: &mut Sums) -> Result<(), Stop> {
    let mut statement = db.prepare(SCAN_INDEX)?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        sums.entry(cell(row.get_ref(0)?), cell(row.get_ref(1)?), id(row.get_ref(2)?));
    }
    Ok(())
}

fn metadata(db: &Connection) -> Result<Metadata, Stop> {
    for table in ["container_info", "container_stat"] {
        if has_columns(db, table, &["metadata"])? {
            let mut statement = db.prepare(&format!("SELECT metadata FROM {table} LIMIT 1"))?;
            let mut rows = statement.query([])?;
            let Some(row) = rows.next()? else { return Ok(Metadata::Unread) };
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
        assert_eq!(opens(&db, SCAN_INDEX), [INDEX]);
        assert_eq!(opens(&db, &scan_table_sql("storage_policy_index")), ["object"]);
        assert_eq!(index_of_objects(&db).map_err(|_| ()), Ok(Index::Ordinary));
    }
}
