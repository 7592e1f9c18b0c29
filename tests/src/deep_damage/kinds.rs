//! The kinds of damage that Swift's auditor passes: what is done, and what a deep audit finds.

use std::path::Path;

use super::{INDEX, replace_in, share_child, swap_cells, swap_roots};
use crate::damage::{junk_page, leaf_pages, root_page, zero_page};

/// A kind of damage: its name, the fixture it is done to, what does it, and what is found.
pub(super) type Kind = (&'static str, &'static str, fn(&Path), &'static [&'static str]);

const DESTROYED: &[&str] = &["structure-check"];

#[rustfmt::skip]
pub(super) const PAGES: &[Kind] = &[
    ("object root zeroed", "hundreds", |p| zero_page(p, root_page(p, "object")), DESTROYED),
    ("object root random", "hundreds", |p| junk_page(p, root_page(p, "object")), DESTROYED),
    ("one object leaf random", "hundreds", |p| junk_page(p, leaf_pages(p, root_page(p, "object"))[3]), DESTROYED),
    ("all object leaves zeroed", "hundreds", |p| for leaf in leaf_pages(p, root_page(p, "object")) { zero_page(p, leaf); }, DESTROYED),
    ("an object leaf with two parents", "hundreds", |p| share_child(p, "object"), DESTROYED),
    ("index root zeroed", "hundreds", |p| zero_page(p, root_page(p, INDEX)), DESTROYED),
    ("index root random", "hundreds", |p| junk_page(p, root_page(p, INDEX)), DESTROYED),
    ("one index leaf random", "hundreds", |p| junk_page(p, leaf_pages(p, root_page(p, INDEX))[1]), DESTROYED),
    ("an index leaf with two parents", "hundreds", |p| share_child(p, INDEX), DESTROYED),
    ("shard_range random", "small", |p| junk_page(p, root_page(p, "shard_range")), DESTROYED),
    ("outgoing_sync zeroed", "small", |p| zero_page(p, root_page(p, "outgoing_sync")), DESTROYED),
    ("incoming_sync random", "small", |p| junk_page(p, root_page(p, "incoming_sync")), DESTROYED),
    ("sqlite_sequence random", "small", |p| junk_page(p, root_page(p, "sqlite_sequence")), DESTROYED),
    ("freelist trunk random", "reclaimed", |p| junk_page(p, free_trunk(p)), DESTROYED),
    ("objects of a deleted container destroyed", "deleted", |p| junk_page(p, root_page(p, "object")), DESTROYED),
    ("a name changed in the table", "small", |p| replace_in(p, "object", b"obj-000001", b"obj-0000A1"), &["rows-hash", "rows-index"]),
    ("a name changed in the index", "small", |p| replace_in(p, INDEX, b"obj-000001", b"obj-000011"), &["rows-index"]),
    ("two entries of the index in the wrong order", "small", |p| swap_cells(p, root_page(p, INDEX)), &["rows-index"]),
    ("root pages of container_info and policy_stat swapped", "small", |p| swap_roots(p, "container_info", "policy_stat"), DESTROYED),
];

#[rustfmt::skip]
pub(super) const SQL: &[(&str, &str, &str, &[&str])] = &[
    ("index dropped", "small", "DROP INDEX ix_object_deleted_name", &["rows-index"]),
    ("index over other columns", "small", "DROP INDEX ix_object_deleted_name; CREATE INDEX ix_object_deleted_name ON object (name, deleted)", &["rows-index"]),
    ("index over some rows", "small", "DROP INDEX ix_object_deleted_name; CREATE INDEX ix_object_deleted_name ON object (deleted, name) WHERE deleted = 0", &["rows-index"]),
    ("object table dropped", "small", "DROP TABLE object", &["rows-schema"]),
    ("object is a view", "small", "DROP TABLE object; CREATE VIEW object AS SELECT 1 AS name, 2 AS created_at, 3 AS size, 0 AS deleted", &["rows-schema"]),
    ("triggers dropped", "small", "DROP TRIGGER object_insert_policy_stat; DROP TRIGGER object_delete_policy_stat", &["rows-schema"]),
    ("container_stat lies", "small", "CREATE TABLE lie AS SELECT * FROM container_stat; UPDATE lie SET object_count = 0, bytes_used = 0, hash = '00000000000000000000000000000000'; DROP VIEW container_stat; ALTER TABLE lie RENAME TO container_stat", &["rows-hash", "rows-count", "rows-bytes"]),
    ("policy_stat emptied", "small", "DELETE FROM policy_stat", &["rows-count", "rows-bytes"]),
    ("one of two policies lost", "two-policies", "DELETE FROM policy_stat WHERE storage_policy_index = 0", &["rows-count", "rows-bytes"]),
    ("1000 objects too many", "small", "UPDATE policy_stat SET object_count = object_count + 1000", &["rows-count"]),
    ("3 objects too few", "small", "UPDATE policy_stat SET object_count = object_count - 3", &["rows-count"]),
    ("a count that is a word", "small", "UPDATE policy_stat SET object_count = 'many'", &["rows-count"]),
    ("bytes wrong", "small", "UPDATE policy_stat SET bytes_used = bytes_used + 1", &["rows-bytes"]),
    ("a policy without rows that counts some", "small", "INSERT INTO policy_stat VALUES (7, 2, 0)", &["rows-count"]),
    ("a count in the oldest schema", "old-policies", "UPDATE container_stat SET object_count = object_count + 1", &["rows-count"]),
    ("a hash in the oldest schema", "old-policies", "UPDATE container_stat SET hash = '00000000000000000000000000000001'", &["rows-hash"]),
    ("count zero and deleted while objects live", "small", "UPDATE policy_stat SET object_count = 0; UPDATE container_info SET delete_timestamp = '9999999999.00000'", &["rows-count"]),
    ("deleted while objects live in another policy", "two-policies", "UPDATE policy_stat SET object_count = 0; UPDATE container_info SET delete_timestamp = '9999999999.00000'", &["rows-count", "rows-count"]),
    ("hash wrong", "small", "UPDATE container_info SET hash = '00000000000000000000000000000000'", &["rows-hash"]),
    ("hash no hash", "small", "UPDATE container_info SET hash = NULL", &["rows-hash"]),
    ("metadata no JSON", "small", "UPDATE container_info SET metadata = '{\"X-Container-Read\": [\".r:*\"'", &["rows-metadata"]),
    ("metadata of another shape", "small", "UPDATE container_info SET metadata = '[1]'", &["rows-metadata"]),
    ("a shard range without a container", "root-with-ranges", "DROP TRIGGER shard_range_update; UPDATE shard_range SET name = 'nowhere'", &["rows-shard-range"]),
    ("a shard range upside down", "root-with-ranges", "DROP TRIGGER shard_range_update; UPDATE shard_range SET lower = 'z', upper = 'a'", &["rows-shard-range"]),
];

#[rustfmt::skip]
pub(super) const ROWS: &[(&str, &str, &str, &[&str])] = &[
    ("a row lost", "small", "DELETE FROM object WHERE ROWID = 2", &["rows-hash", "rows-count", "rows-bytes"]),
    ("a tombstone lost", "tombstones", "DELETE FROM object WHERE ROWID = (SELECT min(ROWID) FROM object WHERE deleted = 1)", &["rows-hash"]),
    ("all rows lost", "small", "DELETE FROM object", &["rows-hash", "rows-count", "rows-bytes"]),
    ("created_at changed", "small", "UPDATE object SET created_at = '1.00000' WHERE ROWID = 1", &["rows-hash"]),
    ("size changed", "small", "UPDATE object SET size = size + 1 WHERE ROWID = 1", &["rows-bytes"]),
    ("deleted changed", "small", "UPDATE object SET deleted = 1 WHERE ROWID = 1", &["rows-count"]),
    ("policy changed", "small", "UPDATE object SET storage_policy_index = 1 WHERE ROWID = 1", &["rows-count", "rows-bytes", "rows-count", "rows-bytes"]),
    ("a row twice", "small", "INSERT INTO object (name, created_at, size, deleted) SELECT name, created_at, size, deleted FROM object WHERE ROWID = 1", &["rows-hash", "rows-count", "rows-bytes", "rows-twin"]),
    ("a name that is NULL", "small", "UPDATE object SET name = NULL WHERE ROWID = 1", &["rows-hash", "rows-value"]),
    ("a name that is not UTF-8", "small", "UPDATE object SET name = CAST(x'ff41' AS TEXT) WHERE ROWID = 1", &["rows-hash", "rows-value"]),
    ("a size that is a word", "small", "UPDATE object SET size = 'big' WHERE ROWID = 1", &["rows-bytes", "rows-value"]),
    ("deleted that is 2", "small", "UPDATE object SET deleted = 2 WHERE ROWID = 1", &["rows-count", "rows-value"]),
    // What nothing can see: no sum covers these columns.
    ("etag changed", "small", "UPDATE object SET etag = 'x' WHERE ROWID = 1", &[]),
    ("content type changed", "small", "UPDATE object SET content_type = 'x' WHERE ROWID = 1", &[]),
];

#[rustfmt::skip]
pub(super) const INDEX_ROWS: &[(&str, &str, &[&str])] = &[
    // Hash, counts and bytes stay what they were.
    ("a row that moved to another rowid behind the index", "UPDATE object SET ROWID = ROWID + 1000 WHERE ROWID = 3", &["rows-index"]),
    ("a row lost that the index still has", "DELETE FROM object WHERE ROWID = 3", &["rows-hash", "rows-count", "rows-bytes", "rows-index"]),
];

fn free_trunk(path: &Path) -> usize {
    let bytes = std::fs::read(path).expect("the database can be read");
    let trunk = u32::from_be_bytes(bytes[32..36].try_into().expect("four bytes"));
    usize::try_from(trunk).expect("a page number fits")
}
