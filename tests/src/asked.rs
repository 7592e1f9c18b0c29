//! The same question asked in two ways: of the core's page reader, and of SQLite.

use std::path::Path;

use martlet_core::check::Cell;
use martlet_core::page::{Found, Head, PAGE_MAX, PAYLOAD_MAX, Roots, Row, Rule, Rules, Schema};
use rusqlite::types::ValueRef;
use rusqlite::{Connection, OpenFlags};

pub use crate::image::Stored;

/// Swift's first statement (`ContainerBroker._is_deleted`).
const DELETED: &str = "SELECT put_timestamp, delete_timestamp, object_count FROM container_stat";

/// Swift's second one (`ContainerBroker._do_get_info_query`), in the stored order of columns.
const INFO: &str = "SELECT account, container, created_at, put_timestamp, delete_timestamp,
    reported_put_timestamp, reported_delete_timestamp, reported_object_count, reported_bytes_used,
    hash, id, status, status_changed_at, x_container_sync_point1, x_container_sync_point2,
    storage_policy_index, object_count, bytes_used FROM container_stat";

/// The names of the facts, in their order.
pub const KEYS: [&str; 18] = [
    "account",
    "container",
    "created_at",
    "put_timestamp",
    "delete_timestamp",
    "reported_put_timestamp",
    "reported_delete_timestamp",
    "reported_object_count",
    "reported_bytes_used",
    "hash",
    "id",
    "status",
    "status_changed_at",
    "x_container_sync_point1",
    "x_container_sync_point2",
    "storage_policy_index",
    "object_count",
    "bytes_used",
];

/// The columns of `container_info` that Swift does not select.
const UNSELECTED: [usize; 2] = [13, 17];

/// The 18 values of Swift's second statement, in the order of [`INFO`].
pub type Facts = Vec<Stored>;

/// The values of a row that the reader answered with.
#[must_use]
pub fn facts(row: &Row<'_>) -> Facts {
    let info = row.info().into_iter().enumerate();
    let selected = info.filter(|(index, _)| !UNSELECTED.contains(index));
    let mut facts: Facts = selected.map(|(_, cell)| stored(cell)).collect();
    facts.extend([Stored::Int(row.count), Stored::Int(row.bytes)]);
    facts
}

fn stored(cell: Cell<'_>) -> Stored {
    match cell {
        Cell::Null => Stored::Null,
        Cell::Int(number) => Stored::Int(number),
        Cell::Real(number) => Stored::Real(number),
        Cell::Text(bytes) => Stored::Text(bytes.to_vec()),
        Cell::Blob(bytes) => Stored::Blob(bytes.to_vec()),
    }
}

/// The core's answer to the bytes of a file.
pub fn reader(bytes: &[u8], schemas: &[Schema], rules: Rules) -> Result<Facts, Rule> {
    let page1 = &bytes[..bytes.len().min(PAGE_MAX)];
    let head = Head::new(page1, bytes.len() as u64, schemas, rules)?;
    let size = head.schema().page_size();
    let page = |number: u32, count: usize| {
        let start = number.checked_sub(1).map_or(usize::MAX, |before| before as usize * size);
        let end = start.saturating_add(count * size).min(bytes.len());
        bytes.get(start..end).ok_or(Rule::Unreadable)
    };
    let mut pages = Vec::new();
    for run in head.schema().runs() {
        pages.extend(page(run.first, run.pages as usize)?);
    }
    let mut buffer = vec![0; PAYLOAD_MAX];
    match head.row(&pages, rules)? {
        Found::Row(row) => Ok(facts(&row)),
        Found::Long(long) => {
            let mut chain = long.chain(&mut buffer, rules)?;
            while let Some((next, _)) = chain.wanted() {
                chain.take(page(next, 1)?, rules)?;
            }
            Ok(facts(&head.long_row(&pages, chain, rules)?))
        }
    }
}

/// SQLite's answer to both statements, stepped as Python steps them, with the texts decoded.
pub fn sqlite(path: &Path) -> Result<Facts, String> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let database = Connection::open_with_flags(path, flags).map_err(|e| e.to_string())?;
    let first = only_row(&database, DELETED)?;
    let facts = only_row(&database, INFO)?;
    if first != [facts[3].clone(), facts[4].clone(), facts[16].clone()] {
        return Err("the statements disagree".to_owned());
    }
    Ok(facts)
}

fn only_row(database: &Connection, statement: &str) -> Result<Facts, String> {
    let mut statement = database.prepare(statement).map_err(|e| e.to_string())?;
    let columns = statement.column_count();
    let mut rows = statement.query([]).map_err(|e| e.to_string())?;
    let row = rows.next().map_err(|e| e.to_string())?.ok_or("no row")?;
    let facts = (0..columns).map(|column| {
        Ok(match row.get_ref(column).map_err(|e| e.to_string())? {
            ValueRef::Null => Stored::Null,
            ValueRef::Integer(number) => Stored::Int(number),
            ValueRef::Real(number) => Stored::Real(number),
            ValueRef::Text(text) => {
                std::str::from_utf8(text).map_err(|e| e.to_string())?;
                Stored::Text(text.to_vec())
            }
            ValueRef::Blob(bytes) => Stored::Blob(bytes.to_vec()),
        })
    });
    let facts = facts.collect::<Result<_, String>>()?;
    // Python looks for a second row before it hands out the first.
    rows.next().map_err(|e| e.to_string())?;
    Ok(facts)
}

/// What SQLite says of where the tables are.
///
/// # Panics
/// If it is not a container database.
#[must_use]
pub fn roots(path: &Path) -> Roots {
    let database =
        Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY).expect("a database");
    let ask = |what: &str| {
        database
            .query_row(&format!("SELECT {what} FROM sqlite_master"), [], |row| row.get(0))
            .expect("a row")
    };
    Roots {
        info: ask("max(rootpage) FILTER (WHERE name = 'container_info')"),
        policy: ask("max(rootpage) FILTER (WHERE name = 'policy_stat')"),
        highest: ask("max(rootpage)"),
        entries: ask("count(*)"),
    }
}

/// The schema of a database, learnt from its bytes.
///
/// # Panics
/// If the reader cannot keep it.
#[must_use]
pub fn schema(bytes: &[u8], roots: Roots) -> Schema {
    let page1 = &bytes[..bytes.len().min(PAGE_MAX)];
    let read = |number: u32, page: &mut [u8]| {
        let start = (number as usize - 1) * page.len();
        bytes.get(start..start + page.len()).map(|found| page.copy_from_slice(found)).is_some()
    };
    let mut schema = Schema::EMPTY;
    schema.learn(page1, roots, read).unwrap_or_else(|refusal| panic!("{refusal:?}"));
    schema
}
