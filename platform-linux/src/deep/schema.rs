//! What the schema of a database is, against the one that Swift makes.
use martlet_core::deep::{Index, Table};
use rusqlite::Connection;

use super::Stop;

pub(super) fn object_table(db: &Connection) -> Result<Table, Stop> {
    let mut statement = db.prepare("SELECT 1 FROM sqlite_schema WHERE name = 'object'")?;
    if !statement.exists([])? {
        return Ok(Table::Missing);
    }
    let is_ordinary = has_columns(db, "object", &["name", "created_at", "size", "deleted"])?;
    Ok(if is_ordinary { Table::Ordinary } else { Table::Foreign })
}

/// Whether `table` is an ordinary table, not a view and with rowids, and has these columns.
pub(super) fn has_columns(db: &Connection, table: &str, columns: &[&str]) -> Result<bool, Stop> {
    let mut kinds = db.prepare(
        "SELECT 1 FROM pragma_table_list(?1) WHERE schema = 'main' AND type = 'table' AND wr = 0",
    )?;
    if !kinds.exists([table])? {
        return Ok(false);
    }
    for column in columns {
        if !has_column(db, table, column)? {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Whether a table or view has a column.
pub(super) fn has_column(db: &Connection, table: &str, column: &str) -> Result<bool, Stop> {
    let mut statement = db.prepare("SELECT 1 FROM pragma_table_info(?1) WHERE name = ?2")?;
    Ok(statement.exists([table, column])?)
}

pub(super) fn index_of_objects(db: &Connection) -> Result<Index, Stop> {
    let mut statement = db.prepare("SELECT name, partial FROM pragma_index_list('object')")?;
    let mut rows = statement.query([])?;
    let mut found = Index::Missing;
    while let Some(row) = rows.next()? {
        if row.get_ref(0)?.as_bytes() != Ok(INDEX.as_bytes()) {
            if found == Index::Missing {
                found = Index::Older;
            }
        } else if row.get::<_, i64>(1)? == 0 && has_index_columns(db)? {
            found = Index::Ordinary;
        } else {
            return Ok(Index::Foreign);
        }
    }
    Ok(found)
}

pub(super) const INDEX: &str = "ix_object_deleted_name";

/// Whether the index is over `deleted` and `name`, ascending, byte by byte, and nothing else.
fn has_index_columns(db: &Connection) -> Result<bool, Stop> {
    let mut statement = db.prepare(
        "SELECT group_concat(coalesce(name, cid) || ' ' || \"desc\" || ' ' || coll || ' ' || key)
         FROM (SELECT * FROM pragma_index_xinfo(?1) ORDER BY seqno)",
    )?;
    let columns: Option<String> = statement.query_row([INDEX], |row| row.get(0))?;
    Ok(columns.as_deref() == Some("deleted 0 BINARY 1,name 0 BINARY 1,-1 0 BINARY 0"))
}

/// Whether the triggers that keep hash and counts, and the one against updates, are there: those
/// of today's schema, or those from before storage policies.
pub(super) fn has_triggers(db: &Connection) -> Result<bool, Stop> {
    let mut statement = db.prepare(
        "SELECT count(*) FROM sqlite_schema WHERE type = 'trigger' AND tbl_name = 'object'
         AND name IN ('object_update', ?1, ?2)",
    )?;
    for names in [
        ["object_insert_policy_stat", "object_delete_policy_stat"],
        ["object_insert", "object_delete"],
    ] {
        if statement.query_row(names, |row| row.get::<_, i64>(0))? == 3 {
            return Ok(true);
        }
    }
    Ok(false)
}
