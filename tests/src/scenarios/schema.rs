//! Schemas that are not Swift's, and stat rows that are missing or too many.

use super::{List, Run};
use crate::damage::{page_size, root_page, sql, sql_behind_triggers, truncate, zero_page};

/// A view of today's columns, with one written differently.
fn view_with(column: &str, instead: &str) -> String {
    let columns = [
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
        "metadata",
        "x_container_sync_point1",
        "x_container_sync_point2",
        "reconciler_sync_point",
        "storage_policy_index",
        "object_count",
        "bytes_used",
    ];
    let written = columns.iter().filter_map(|c| match (*c == column, *c) {
        (true, _) if instead.is_empty() => None,
        (true, c) => Some(format!("{instead} AS {c}")),
        (false, c @ ("object_count" | "bytes_used")) => Some(format!("coalesce(ps.{c}, 0) AS {c}")),
        (false, c) => Some(format!("ci.{c} AS {c}")),
    });
    let written = written.collect::<Vec<_>>().join(", ");
    format!(
        "DROP VIEW container_stat; CREATE VIEW container_stat AS SELECT {written} \
         FROM container_info ci LEFT JOIN policy_stat ps \
         ON ci.storage_policy_index = ps.storage_policy_index"
    )
}

#[expect(clippy::too_many_lines, reason = "a table of rows")]
pub(super) fn rows(list: &mut List) {
    let scripts: [(&str, &str); 44] = [
        ("no-row", "DELETE FROM container_info"),
        ("two-rows", "INSERT INTO container_info SELECT * FROM container_info"),
        ("first-row-deleted",
            "UPDATE container_info SET delete_timestamp = '2000000000'; UPDATE policy_stat SET object_count = 0;
             INSERT INTO container_info (account, container, put_timestamp) VALUES ('a', 'c', '1')"),
        ("second-row-deleted",
            "UPDATE policy_stat SET object_count = 0;
             INSERT INTO container_info (account, container, delete_timestamp) VALUES ('a', 'c', '2000000000')"),
        ("no-table-container-info", "DROP TABLE container_info"),
        ("no-table-policy-stat", "DROP TABLE policy_stat"),
        ("no-table-object", "DROP TABLE object"),
        ("no-table-shard-range", "DROP TABLE shard_range"),
        ("no-table-outgoing-sync", "DROP TABLE outgoing_sync"),
        ("no-table-incoming-sync", "DROP TABLE incoming_sync"),
        ("no-view", "DROP VIEW container_stat"),
        ("no-index", "DROP INDEX ix_object_deleted_name"),
        ("no-triggers",
            "DROP TRIGGER object_insert_policy_stat; DROP TRIGGER object_delete_policy_stat;
             DROP TRIGGER object_update; DROP TRIGGER container_stat_update"),
        ("no-policy-row", "DELETE FROM policy_stat"),
        ("policy-row-of-another-policy", "UPDATE policy_stat SET storage_policy_index = 7"),
        ("policy-index-null", "UPDATE container_info SET storage_policy_index = NULL"),
        ("policy-index-text", "UPDATE container_info SET storage_policy_index = 'gold'"),
        ("policy-index-negative", "UPDATE container_info SET storage_policy_index = -1"),
        ("view-lies",
            "DROP VIEW container_stat; CREATE TABLE container_stat AS SELECT * FROM container_info;
             ALTER TABLE container_stat ADD COLUMN object_count INTEGER DEFAULT 12;
             ALTER TABLE container_stat ADD COLUMN bytes_used INTEGER DEFAULT 12"),
        ("view-empty", "DROP VIEW container_stat; CREATE VIEW container_stat AS SELECT * FROM container_info WHERE 0"),
        ("view-of-nothing", "DROP VIEW container_stat; CREATE VIEW container_stat AS SELECT * FROM nowhere"),
        ("view-of-itself", "PRAGMA writable_schema = 1;
             UPDATE sqlite_master SET sql = 'CREATE VIEW container_stat AS SELECT * FROM container_stat' WHERE name = 'container_stat'"),
        ("view-calls-nothing", "DROP VIEW container_stat; CREATE VIEW container_stat AS
             SELECT *, nosuchfunction(1) AS object_count, 0 AS bytes_used FROM container_info"),
        ("view-calls-chexor", "DROP VIEW container_stat; CREATE VIEW container_stat AS
             SELECT *, chexor(hash, 'a', 'b') AS object_count, 0 AS bytes_used FROM container_info"),
        ("view-overflows", "DROP VIEW container_stat; CREATE VIEW container_stat AS
             SELECT *, abs(-9223372036854775807 - 1) AS object_count, 0 AS bytes_used FROM container_info"),
        ("view-burns-time", "DROP VIEW container_stat; CREATE VIEW container_stat AS
             SELECT *, (WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 200000)
             SELECT count(*) FROM n) AS object_count, 0 AS bytes_used FROM container_info"),
        ("view-blob-too-big", "DROP VIEW container_stat; CREATE VIEW container_stat AS
             SELECT *, zeroblob(2000000000) AS object_count, 0 AS bytes_used FROM container_info"),
        ("view-pattern-too-long", "DROP VIEW container_stat; CREATE VIEW container_stat AS
             SELECT *, 'x' LIKE hex(zeroblob(30000)) AS object_count, 0 AS bytes_used FROM container_info"),
        ("schema-of-an-account",
            "DROP VIEW container_stat; DROP TABLE container_info; DROP TABLE object;
             CREATE TABLE container (ROWID INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT);
             CREATE TABLE account_stat (account TEXT, container_count INTEGER, object_count INTEGER);
             INSERT INTO account_stat VALUES ('AUTH_test', 1, 1)"),
        ("schema-with-more", "CREATE TABLE more (a, b); CREATE INDEX more_a ON more (a); ALTER TABLE container_info ADD COLUMN more TEXT"),
        ("schema-with-a-virtual-table", "PRAGMA writable_schema = 1;
             INSERT INTO sqlite_master VALUES ('table', 'v', 'v', 0, 'CREATE VIRTUAL TABLE v USING nosuchmodule(a)')"),
        ("schema-sql-garbage", "PRAGMA writable_schema = 1; UPDATE sqlite_master SET sql = 'CREATE garbage' WHERE name = 'object'"),
        ("schema-sql-null", "PRAGMA writable_schema = 1; UPDATE sqlite_master SET sql = NULL WHERE name = 'object'"),
        ("schema-sql-blob", "PRAGMA writable_schema = 1; UPDATE sqlite_master SET sql = x'00ff' WHERE name = 'object'"),
        ("schema-name-null", "PRAGMA writable_schema = 1; UPDATE sqlite_master SET name = NULL WHERE name = 'incoming_sync'"),
        ("schema-twice", "PRAGMA writable_schema = 1; INSERT INTO sqlite_master SELECT * FROM sqlite_master WHERE name = 'object'"),
        ("schema-root-0", "PRAGMA writable_schema = 1; UPDATE sqlite_master SET rootpage = 0 WHERE name = 'container_info'"),
        ("schema-root-1", "PRAGMA writable_schema = 1; UPDATE sqlite_master SET rootpage = 1 WHERE name = 'container_info'"),
        ("schema-root-beyond", "PRAGMA writable_schema = 1; UPDATE sqlite_master SET rootpage = 9999 WHERE name = 'container_info'"),
        ("schema-root-negative", "PRAGMA writable_schema = 1; UPDATE sqlite_master SET rootpage = -1 WHERE name = 'container_info'"),
        ("schema-root-beyond-object", "PRAGMA writable_schema = 1; UPDATE sqlite_master SET rootpage = 9999 WHERE name = 'object'"),
        ("schema-roots-swapped", "PRAGMA writable_schema = 1;
             UPDATE sqlite_master SET rootpage = rootpage + 1000 WHERE name = 'container_info';
             UPDATE sqlite_master SET rootpage = (SELECT rootpage - 1000 FROM sqlite_master WHERE name = 'container_info') WHERE name = 'policy_stat';
             UPDATE sqlite_master SET rootpage = (SELECT rootpage + 1 FROM sqlite_master WHERE name = 'policy_stat') WHERE name = 'container_info'"),
        ("schema-empty", "PRAGMA writable_schema = 1; DELETE FROM sqlite_master"),
        ("schema-trigger-garbage", "PRAGMA writable_schema = 1; UPDATE sqlite_master SET sql = 'CREATE TRIGGER' WHERE name = 'object_update'"),
    ];
    for (name, script) in scripts {
        list.row(Run::AsRoot, name, move |s| sql(&s.put("small").db(), script));
    }
    let columns = [
        "account",
        "container",
        "created_at",
        "put_timestamp",
        "delete_timestamp",
        "status",
        "object_count",
        "bytes_used",
        "hash",
        "id",
        "x_container_sync_point1",
        "x_container_sync_point2",
        "storage_policy_index",
    ];
    for column in columns {
        list.row(Run::AsRoot, format!("no-column-{column}"), move |s| {
            sql(&s.put("small").db(), &view_with(column, ""));
        });
    }
    list.row(Run::AsRoot, "no-column-metadata", |s| {
        sql(&s.put("small").db(), &view_with("metadata", ""));
    });
    list.row(Run::AsRoot, "no-row-in-old-schema", |s| {
        sql(&s.put("old-policies").db(), "DELETE FROM container_stat");
    });
    list.row(Run::AsRoot, "old-schema-without-hash", |s| {
        let script = "ALTER TABLE container_stat RENAME COLUMN hash TO hush";
        sql_behind_triggers_of_old(&s.put("old-metadata").db(), script);
    });
    list.row(Run::AsRoot, "not-a-swift-database", |s| {
        let db = s.put("small").db();
        truncate(&db, 0);
        sql(&db, "CREATE TABLE diary (day TEXT, words TEXT); INSERT INTO diary VALUES ('monday', 'rain')");
    });
    list.row(Run::AsRoot, "one-page-and-no-table", |s| {
        let db = s.put("small").db();
        truncate(&db, 0);
        sql(&db, "PRAGMA user_version = 3");
    });
    list.row(Run::AsRoot, "one-row-less-than-counted", |s| {
        sql_behind_triggers(&s.put("small").db(), "DELETE FROM object WHERE ROWID = 3");
    });
    list.row(Run::AsRoot, "one-row-twice", |s| {
        let twice = "INSERT INTO object (name, created_at, size) SELECT name, created_at, size FROM object WHERE ROWID = 1";
        sql_behind_triggers(&s.put("small").db(), twice);
    });
    list.row(Run::AsRoot, "object-names-null", |s| {
        sql_behind_triggers(&s.put("small").db(), "UPDATE object SET name = NULL");
    });
    list.row(Run::AsRoot, "object-names-not-utf8", |s| {
        sql_behind_triggers(&s.put("small").db(), "UPDATE object SET name = CAST(x'ff' AS TEXT)");
    });
    list.row(Run::AsRoot, "zero-page-two", |s| {
        let db = s.put("small").db();
        assert!(root_page(&db, "outgoing_sync") < 10 && page_size(&db) == 4096);
        zero_page(&db, 2);
    });
}

/// The triggers of old schemas name the column that is renamed.
fn sql_behind_triggers_of_old(db: &std::path::Path, script: &str) {
    sql(db, &format!("DROP TRIGGER object_insert; DROP TRIGGER object_delete; {script}"));
}
