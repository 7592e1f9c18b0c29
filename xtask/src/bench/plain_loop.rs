//! `bench-loop DEVICES`: what a rewrite would cost that opens each database and asks SQLite.

use std::fs;
use std::path::Path;

use rusqlite::{Connection, OpenFlags};

/// What Swift asks first, and what it asks of a container that is not deleted.
const STATEMENTS: [&str; 2] = [
    "SELECT put_timestamp, delete_timestamp, object_count FROM container_stat",
    "SELECT account, container, created_at, put_timestamp, delete_timestamp, status,
        status_changed_at, object_count, bytes_used, reported_put_timestamp,
        reported_delete_timestamp, reported_object_count, reported_bytes_used, hash, id,
        x_container_sync_point1, x_container_sync_point2, storage_policy_index
        FROM container_stat",
];
/// Floors from the devices down to the databases.
const FLOORS: u32 = 6;

/// Asks every database of every device.
///
/// # Errors
/// One line: what could not be done and why.
#[expect(clippy::print_stdout, reason = "a command prints its result")]
pub(crate) fn run(devices: &str) -> Result<(), String> {
    let mut asked = 0_u32;
    below(Path::new(devices), FLOORS, &mut asked)?;
    println!("{asked}");
    Ok(())
}

fn below(path: &Path, floors: u32, asked: &mut u32) -> Result<(), String> {
    let cannot = |e: &dyn std::fmt::Display| format!("cannot read {}: {e}", path.display());
    for entry in fs::read_dir(path).map_err(|e| cannot(&e))? {
        let path = entry.map_err(|e| cannot(&e))?.path();
        if floors == 1 && path.extension().is_some_and(|ending| ending == "db") {
            ask(&path).map_err(|e| format!("cannot ask {}: {e}", path.display()))?;
            *asked += 1;
        } else if 1 < floors && path.is_dir() {
            below(&path, floors - 1, asked)?;
        }
    }
    Ok(())
}

fn ask(path: &Path) -> rusqlite::Result<()> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let database = Connection::open_with_flags(path, flags)?;
    for statement in STATEMENTS {
        let mut statement = database.prepare(statement)?;
        let mut rows = statement.query([])?;
        while rows.next()?.is_some() {}
    }
    Ok(())
}
