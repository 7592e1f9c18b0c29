//! Timestamps, counts and names in the stat row.

use super::{List, Run};
use crate::damage::sql;

/// What `put_timestamp` and `delete_timestamp` say in an empty container; the words are SQL.
const PAIRS: [(&str, &str, &str); 46] = [
    ("put-garbage", "'garbage'", "'1'"),
    ("delete-garbage", "'1'", "'garbage'"),
    ("put-empty", "''", "'1'"),
    ("delete-empty", "'1'", "''"),
    ("put-null", "NULL", "'1'"),
    ("delete-null", "'1'", "NULL"),
    ("both-null", "NULL", "NULL"),
    ("both-zero", "'0'", "'0'"),
    ("equal", "'1700000000.00000'", "'1700000000.00000'"),
    ("deleted-by-a-hair", "'1700000000.00001'", "'1700000000.00002'"),
    ("deleted-within-rounding", "'1700000000.000001'", "'1700000000.000004'"),
    ("deleted-over-rounding", "'1700000000.000004'", "'1700000000.000006'"),
    ("deleted-by-offset", "'1700000000.00000'", "'1700000000.00000_0000000000000001'"),
    ("put-by-offset", "'1700000000.00000_0000000000000002'", "'1700000000.00000_0000000000000001'"),
    ("offset-short", "'1'", "'2_1'"),
    ("offset-zero", "'2'", "'2_0'"),
    ("offset-not-hex", "'1'", "'2_g'"),
    ("offset-empty", "'1'", "'2_'"),
    ("offset-twice", "'1'", "'2_1_1'"),
    ("offset-sixteen", "'2'", "'2_ffffffffffffffff'"),
    ("offset-seventeen", "'1'", "'2_1ffffffffffffffff'"),
    ("offset-upper-case", "'2'", "'2_AB'"),
    ("offset-negative", "'1'", "'2_-1'"),
    ("space-around", "' 1 '", "' 2 '"),
    ("plus", "'+1'", "'+2'"),
    ("exponent", "'1.7e9'", "'1.8e9'"),
    ("underscore-in-number", "'1_000'", "'2'"),
    ("digits-of-another-script", "'\u{661}'", "'\u{662}'"),
    ("minus", "'-1'", "'1'"),
    ("minus-zero", "'-0.0'", "'1'"),
    ("minus-a-little", "'-0.000001'", "'1'"),
    ("ten-digits", "'1'", "'9999999999.99999'"),
    ("eleven-digits", "'1'", "'10000000000'"),
    ("eleven-digits-by-rounding", "'1'", "'9999999999.999996'"),
    ("nan", "'1'", "'nan'"),
    ("infinite", "'1'", "'inf'"),
    ("infinite-by-size", "'1'", "'1e999'"),
    ("hexadecimal", "'1'", "'0x10'"),
    ("real-value", "CAST(1.5 AS REAL)", "CAST(2.5 AS REAL)"),
    ("blob-ascii", "x'31'", "x'32'"),
    ("blob-not-ascii", "x'31'", "x'ff'"),
    ("text-not-utf8", "'1'", "CAST(x'32ff' AS TEXT)"),
    ("nul-in-text", "'1'", "CAST(x'320033' AS TEXT)"),
    ("newline-after", "'1' || char(10)", "'2' || char(10)"),
    ("no-break-space", "'1'", "char(160) || '2'"),
    ("long-fraction", "'1.0'", "'1.00000500000000000000000000000000000000000000000000000001'"),
];

/// What `object_count` says in a container that was deleted; the words are SQL.
const COUNTS: [(&str, &str); 14] = [
    ("null", "NULL"),
    ("empty", "''"),
    ("text-zero", "'0'"),
    ("text-zeroes", "'00'"),
    ("real-zero", "0.0"),
    ("negative", "-3"),
    ("word", "'many'"),
    ("blob-zero", "x'30'"),
    ("half", "0.5"),
    ("great", "9223372036854775807"),
    ("blob-empty", "x''"),
    ("text-real-zero", "'0.0'"),
    ("one", "1"),
    ("not-utf8", "CAST(x'ff' AS TEXT)"),
];

/// What a column of the row of a container with objects says.
const VALUES: [(&str, &str); 22] = [
    ("put-garbage-with-objects", "put_timestamp = 'garbage'"),
    ("delete-garbage-with-objects", "delete_timestamp = 'garbage'"),
    ("put-in-the-future-with-objects", "put_timestamp = '9000000000'"),
    ("delete-not-utf8-with-objects", "delete_timestamp = CAST(x'ff' AS TEXT)"),
    ("account-null", "account = NULL"),
    ("container-null", "container = NULL"),
    ("account-of-another", "account = 'AUTH_other'"),
    ("container-of-another", "container = 'other'"),
    ("account-not-utf8", "account = CAST(x'ff' AS TEXT)"),
    ("container-not-utf8", "container = CAST(x'c328' AS TEXT)"),
    ("container-blob", "container = x'ff'"),
    ("container-surrogate", "container = CAST(x'eda080' AS TEXT)"),
    ("container-nul", "container = CAST(x'610062' AS TEXT)"),
    ("container-slash", "container = 'a/b'"),
    ("id-not-utf8", "id = CAST(x'ff' AS TEXT)"),
    ("status-not-utf8", "status = CAST(x'ff' AS TEXT)"),
    ("hash-wrong", "hash = '00000000000000000000000000000bad'"),
    ("hash-not-utf8", "hash = CAST(x'80' AS TEXT)"),
    ("metadata-not-utf8", "metadata = CAST(x'80' AS TEXT)"),
    ("metadata-garbage", "metadata = '{not json'"),
    ("sync-point-text", "x_container_sync_point1 = 'far'"),
    ("status-deleted-only", "status = 'DELETED'"),
];

pub(super) fn rows(list: &mut List) {
    for (name, put, delete) in PAIRS {
        list.row(Run::AsRoot, format!("stamp-{name}"), move |s| {
            let set = format!(
                "UPDATE container_info SET put_timestamp = {put}, delete_timestamp = {delete}"
            );
            sql(&s.put("empty").db(), &set);
        });
    }
    // Timestamps as numbers: only a column without TEXT affinity can hold them.
    for (name, put, delete) in [
        ("integer", "1", "2"),
        ("real", "1.5", "2.5"),
        ("integer-great", "1", "10000000000"),
        ("integer-negative", "-1", "2"),
        ("boolean", "1", "1 = 1"),
    ] {
        list.row(Run::AsRoot, format!("stamp-number-{name}"), move |s| {
            let db = s.put("deleted-never-used").db();
            sql(
                &db,
                &format!(
                "DROP VIEW container_stat; CREATE VIEW container_stat AS SELECT account, container,
                 created_at, {put} AS put_timestamp, {delete} AS delete_timestamp, status,
                 status_changed_at, 0 AS object_count, 0 AS bytes_used, reported_put_timestamp,
                 reported_delete_timestamp, reported_object_count, reported_bytes_used, hash, id,
                 x_container_sync_point1, x_container_sync_point2, storage_policy_index
                 FROM container_info"),
            );
        });
    }
    for (name, count) in COUNTS {
        list.row(Run::AsRoot, format!("count-{name}"), move |s| {
            let db = s.put("deleted-never-used").db();
            sql(&db, &format!("UPDATE policy_stat SET object_count = {count}"));
        });
    }
    for (name, set) in VALUES {
        list.row(Run::AsRoot, name, move |s| {
            sql(&s.put("small").db(), &format!("UPDATE container_info SET {set}"));
        });
    }
    for (name, set) in [
        ("count-more-than-rows", "object_count = object_count + 1000"),
        ("count-less-than-rows", "object_count = object_count - 3"),
        ("count-of-objects-word", "object_count = 'many'"),
        ("bytes-wrong", "bytes_used = 1"),
        ("bytes-word", "bytes_used = 'many'"),
        ("bytes-not-utf8", "bytes_used = CAST(x'ff' AS TEXT)"),
    ] {
        list.row(Run::AsRoot, name, move |s| {
            sql(&s.put("small").db(), &format!("UPDATE policy_stat SET {set}"));
        });
    }
    list.row(Run::AsRoot, "count-zero-with-objects-and-deleted", |s| {
        let db = s.put("small").db();
        sql(&db, "UPDATE policy_stat SET object_count = 0; UPDATE container_info SET delete_timestamp = '2000000000'");
    });
    list.row(Run::AsRoot, "deleted-objects-in-other-policy", |s| {
        let db = s.put("two-policies").db();
        sql(
            &db,
            "UPDATE policy_stat SET object_count = 0 WHERE storage_policy_index = 1;
                  UPDATE container_info SET delete_timestamp = '2000000000'",
        );
    });
    list.row(Run::AsRoot, "deleted-and-name-not-utf8", |s| {
        sql(&s.put("deleted").db(), "UPDATE container_info SET container = CAST(x'ff' AS TEXT)");
    });
    list.row(Run::AsRoot, "deleted-and-metadata-garbage", |s| {
        sql(&s.put("deleted").db(), "UPDATE container_info SET metadata = '{'");
    });
}
