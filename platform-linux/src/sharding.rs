//! The queries about a sharded container: its own shard range, others, its metadata, and the sum
//! that stands for its object count (`ContainerBroker._get_alternate_object_stats`).
use crate::sqlite::{Database, cell};
use martlet_core::check::{Cell, Code, Ended, Fault};
use martlet_core::metadata;
use martlet_core::shard::{self, ShardRange, ShardRow};
use rusqlite::Row;

/// `reported` and `tombstones` came later; Swift reads older tables with these in their place.
const OWN: [&str; 4] = [
    "SELECT name, timestamp, lower, upper, object_count, bytes_used, meta_timestamp, deleted, state, \
     state_timestamp, epoch, reported, tombstones FROM shard_range WHERE name = ? LIMIT 1",
    "SELECT name, timestamp, lower, upper, object_count, bytes_used, meta_timestamp, deleted, state, \
     state_timestamp, epoch, reported, -1 FROM shard_range WHERE name = ? LIMIT 1",
    "SELECT name, timestamp, lower, upper, object_count, bytes_used, meta_timestamp, deleted, state, \
     state_timestamp, epoch, 0, -1 FROM shard_range WHERE name = ? LIMIT 1",
    "SELECT name, timestamp, lower, upper, object_count, bytes_used, meta_timestamp, deleted, state, \
     state_timestamp, epoch, 0, tombstones FROM shard_range WHERE name = ? LIMIT 1",
];
const TABLE: &str = "SELECT 1 FROM sqlite_master WHERE name = 'shard_range' COLLATE NOCASE";
const OTHERS: &str = "SELECT 1 FROM shard_range WHERE deleted = 0 AND name != ? LIMIT 1";
const METADATA: &str = "SELECT metadata FROM container_stat";
/// Active, sharding and shrinking ranges are those that hold objects.
const USAGE: &str = "SELECT COALESCE(SUM(bytes_used), 0), COALESCE(SUM(object_count), 0) \
     FROM shard_range WHERE state IN (40, 60, 50) AND deleted = 0 AND name != ?";

const SQLITE_ERROR: i32 = 1;

/// Shows `keep` the object count that stands for the row's own, if one does: that of a sharded root.
/// `path` is `account/container`, `epoch` the file's.
pub(crate) fn usage(
    database: &Database,
    epoch: &[u8],
    path: &str,
    keep: impl FnOnce(Cell<'_>),
) -> Result<(), Ended> {
    let Some(own) = own_range(database, path)? else {
        // Swift makes up a range over everything, which cannot be named after no container.
        return if shard::is_path(path.as_bytes()) { Ok(()) } else { Err(BAD_RANGE) };
    };
    let is_epoch = shard::is_epoch(epoch, own.epoch).map_err(|_| BAD_RANGE)?;
    if !is_epoch || !has_others(database, path)? {
        return Ok(());
    }
    let is_root = match root(database, path)? {
        Some(named) => named,
        None => !own.deleted,
    };
    if !is_root {
        return Ok(());
    }
    let mut statement = database.prepare(USAGE)?;
    let mut keep = Some(keep);
    let found = database.first_row(&mut statement, [path], |row| {
        if let Some(keep) = keep.take() {
            keep(cell(row, 1));
        }
    })?;
    if found { Ok(()) } else { Err(BAD_RANGE) }
}

const BAD_RANGE: Ended = Ended::Fault(Fault::ShardRange);

fn own_range(database: &Database, path: &str) -> Result<Option<ShardRange>, Ended> {
    for sql in OWN {
        let mut statement = match database.prepare(sql) {
            Err(Ended::Fault(Fault::Schema)) => continue,
            other => other?,
        };
        let mut own = None;
        let found =
            database.first_row(&mut statement, [path], |row| own = shard_row(row).read())?;
        return if found { own.map(Some).ok_or(BAD_RANGE) } else { Ok(None) };
    }
    // No form of the query fits: fine if there is no table at all, in databases older than it.
    let mut statement = database.prepare(TABLE)?;
    let is_there = database.first_row(&mut statement, [], |_| {})?;
    if is_there { Err(Ended::Fault(Fault::Schema)) } else { Ok(None) }
}

fn shard_row<'a>(row: &'a Row<'_>) -> ShardRow<'a> {
    ShardRow {
        name: cell(row, 0),
        timestamp: cell(row, 1),
        lower: cell(row, 2),
        upper: cell(row, 3),
        object_count: cell(row, 4),
        bytes_used: cell(row, 5),
        meta_timestamp: cell(row, 6),
        deleted: cell(row, 7),
        state: cell(row, 8),
        state_timestamp: cell(row, 9),
        epoch: cell(row, 10),
        tombstones: cell(row, 12),
    }
}

fn has_others(database: &Database, path: &str) -> Result<bool, Ended> {
    let mut statement = database.prepare(OTHERS)?;
    database.first_row(&mut statement, [path], |_| {})
}

/// Whether the metadata name this container as the root, if they name any.
fn root(database: &Database, path: &str) -> Result<Option<bool>, Ended> {
    let mut statement = match database.prepare(METADATA) {
        // Databases from before the column have none.
        Err(Ended::Fault(Fault::Schema)) => return Ok(None),
        other => other?,
    };
    let mut named = Ok(None);
    let found = database.first_row(&mut statement, [], |row| {
        named = metadata::names_root(cell(row, 0), path.as_bytes());
    })?;
    if !found {
        return Err(Ended::Fault(Fault::NoRow));
    }
    named.map_err(|_| Ended::Fault(Fault::Metadata))
}

/// What the newest file's audit makes of what it saw of the retiring one: a moment's trouble is its
/// own too, damage is the other file's.
pub(crate) fn of_retiring(ended: Ended) -> Ended {
    match ended {
        Ended::Error(Code { sqlite, .. }) if matches!(sqlite & 0xff, SQLITE_ERROR | 11 | 26) => {
            Ended::Fault(Fault::Retiring)
        }
        Ended::Error(_) | Ended::Fault(Fault::NeedsRecovery | Fault::Retiring) => ended,
        Ended::Gone | Ended::Fault(_) => Ended::Fault(Fault::Retiring),
    }
}
