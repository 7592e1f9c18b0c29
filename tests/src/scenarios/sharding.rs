//! Sharding containers and their remains: several files a directory, shard ranges, epochs.

use super::{List, Run};
use crate::damage::{append, put_file};
use crate::damage::{
    junk_page, read, root_page, sql, sql_behind_triggers, truncate, write_at, zero_page,
};

/// What is done to the shard ranges of a sharded root that was deleted, its shards empty.
const RANGES: [(&str, &str); 22] = [
    ("state-40", "UPDATE shard_range SET state = 40, object_count = 5"),
    ("state-30", "UPDATE shard_range SET state = 30, object_count = 5 WHERE name LIKE '.shards%'"),
    ("state-50", "UPDATE shard_range SET state = 50, object_count = 5 WHERE name LIKE '.shards%'"),
    ("state-60", "UPDATE shard_range SET state = 60, object_count = 5 WHERE name LIKE '.shards%'"),
    ("state-70", "UPDATE shard_range SET state = 70, object_count = 5 WHERE name LIKE '.shards%'"),
    ("state-80", "UPDATE shard_range SET state = 80, object_count = 5 WHERE name LIKE '.shards%'"),
    ("state-99-of-another", "UPDATE shard_range SET state = 99 WHERE name LIKE '.shards%'"),
    ("state-99-of-own", "UPDATE shard_range SET state = 99 WHERE name NOT LIKE '.shards%'"),
    ("state-null-of-own", "UPDATE shard_range SET state = NULL WHERE name NOT LIKE '.shards%'"),
    ("state-text-of-own", "UPDATE shard_range SET state = 'active' WHERE name NOT LIKE '.shards%'"),
    ("count-null", "UPDATE shard_range SET object_count = NULL WHERE name LIKE '.shards%'"),
    ("count-word", "UPDATE shard_range SET object_count = 'many' WHERE name LIKE '.shards%'"),
    ("count-negative", "UPDATE shard_range SET object_count = -1 WHERE name LIKE '.shards%'"),
    ("count-real", "UPDATE shard_range SET object_count = 0.5 WHERE name LIKE '.shards%'"),
    (
        "count-negative-of-own",
        "UPDATE shard_range SET object_count = -1 WHERE name NOT LIKE '.shards%'",
    ),
    (
        "bounds-reversed-of-own",
        "UPDATE shard_range SET lower = 'z', upper = 'a' WHERE name NOT LIKE '.shards%'",
    ),
    (
        "timestamp-garbage-of-own",
        "UPDATE shard_range SET timestamp = 'garbage' WHERE name NOT LIKE '.shards%'",
    ),
    (
        "timestamp-null-of-own",
        "UPDATE shard_range SET timestamp = NULL WHERE name NOT LIKE '.shards%'",
    ),
    (
        "epoch-garbage-of-own",
        "UPDATE shard_range SET epoch = 'garbage' WHERE name NOT LIKE '.shards%'",
    ),
    ("epoch-null-of-own", "UPDATE shard_range SET epoch = NULL WHERE name NOT LIKE '.shards%'"),
    (
        "epoch-of-another-time",
        "UPDATE shard_range SET epoch = '1700000000.00000' WHERE name NOT LIKE '.shards%'",
    ),
    ("own-deleted", "UPDATE shard_range SET deleted = 1 WHERE name NOT LIKE '.shards%'"),
];

/// What is done to the file of a sharded root with objects.
const SHARDED: [(&str, &str); 19] = [
    ("no-own-range", "DELETE FROM shard_range WHERE name NOT LIKE '.shards%'"),
    ("no-other-range", "DELETE FROM shard_range WHERE name LIKE '.shards%'"),
    ("others-deleted", "UPDATE shard_range SET deleted = 1 WHERE name LIKE '.shards%'"),
    ("own-range-twice", "INSERT INTO shard_range (name, timestamp, lower, upper, meta_timestamp, state, state_timestamp)
        SELECT name, timestamp, lower, upper, meta_timestamp, state, state_timestamp FROM shard_range WHERE name NOT LIKE '.shards%'"),
    ("name-null", "UPDATE shard_range SET name = NULL WHERE name LIKE '.shards%'"),
    ("name-not-utf8", "UPDATE shard_range SET name = CAST(x'ff' AS TEXT) WHERE name LIKE '.shards%'"),
    ("bounds-not-utf8", "UPDATE shard_range SET lower = CAST(x'ff' AS TEXT) WHERE name NOT LIKE '.shards%'"),
    ("metadata-garbage", "UPDATE container_info SET metadata = '{not json'"),
    ("metadata-list", "UPDATE container_info SET metadata = '[1, 2]'"),
    ("metadata-number", "UPDATE container_info SET metadata = '7'"),
    ("metadata-null", "UPDATE container_info SET metadata = NULL"),
    ("metadata-values-not-pairs", "UPDATE container_info SET metadata = '{\"X-Container-Sysmeta-Shard-Root\": 5}'"),
    ("metadata-root-itself", "UPDATE container_info SET metadata = '{\"X-Container-Sysmeta-Shard-Root\": [\"AUTH_test/c-sharded\", \"1\"]}'"),
    ("metadata-root-another", "UPDATE container_info SET metadata = '{\"X-Container-Sysmeta-Shard-Quoted-Root\": [\"AUTH_test/c%2Dother\", \"1\"]}'"),
    ("metadata-root-empty", "UPDATE container_info SET metadata = '{\"X-Container-Sysmeta-Shard-Root\": [\"\", \"1\"]}'"),
    ("metadata-not-utf8", "UPDATE container_info SET metadata = CAST(x'7b2261223aff7d' AS TEXT)"),
    ("name-of-another", "UPDATE container_info SET container = 'other'"),
    ("no-row", "DELETE FROM container_info"),
    ("no-policy-row", "DELETE FROM policy_stat"),
];

#[expect(clippy::too_many_lines, reason = "a table of rows")]
pub(super) fn rows(list: &mut List) {
    for (name, script) in RANGES {
        list.row(Run::AsRoot, format!("sharded-deleted-{name}"), move |s| {
            sql_behind_triggers(&s.put("sharded-deleted").db(), script);
        });
    }
    for (name, script) in SHARDED {
        list.row(Run::AsRoot, format!("sharded-{name}"), move |s| {
            sql_behind_triggers(&s.put("sharded").db(), script);
        });
    }
    list.row(Run::AsRoot, "sharded-no-view", |s| {
        sql(&s.put("sharded").db(), "DROP VIEW container_stat");
    });
    list.row(Run::AsRoot, "sharded-no-table", |s| {
        sql(&s.put("sharded").db(), "DROP TABLE shard_range");
    });
    list.row(Run::AsRoot, "sharded-ranges-junk", |s| {
        let db = s.put("sharded").db();
        junk_page(&db, root_page(&db, "shard_range"));
    });
    list.row(Run::AsRoot, "sharded-without-epoch-in-name", |s| {
        let placed = s.put("sharded");
        std::fs::rename(placed.db(), placed.file(".db")).expect("it is renamed");
    });
    list.row(Run::AsRoot, "collapsed-deleted", |s| {
        sql(
            &s.put("collapsed").db(),
            "UPDATE policy_stat SET object_count = 0;
            UPDATE container_info SET delete_timestamp = '2000000000'",
        );
    });

    list.row(Run::AsRoot, "fresh-no-row", |s| {
        sql(&s.put("sharding").db(), "DELETE FROM container_info");
    });
    list.row(Run::Alone, "retiring-no-row", |s| {
        sql(&s.put("sharding").retiring(), "DELETE FROM container_info");
    })
    .loops = true;
    list.row(Run::AsRoot, "fresh-empty-file", |s| truncate(&s.put("sharding").db(), 0));
    list.row(Run::AsRoot, "retiring-empty-file", |s| truncate(&s.put("sharding").retiring(), 0));
    list.row(Run::AsRoot, "fresh-junk", |s| {
        write_at(&s.put("sharding").db(), 0, &crate::damage::junk(53_248, 2));
    });
    list.row(Run::AsRoot, "retiring-junk", |s| {
        write_at(&s.put("sharding").retiring(), 0, &crate::damage::junk(53_248, 3));
    });
    list.row(Run::AsRoot, "both-junk", |s| {
        let placed = s.put("sharding");
        write_at(&placed.db(), 0, &crate::damage::junk(53_248, 4));
        write_at(&placed.retiring(), 0, &crate::damage::junk(53_248, 5));
    });
    list.row(Run::AsRoot, "fresh-info-zero", |s| {
        let db = s.put("sharding").db();
        zero_page(&db, root_page(&db, "container_info"));
    });
    list.row(Run::AsRoot, "retiring-info-zero", |s| {
        let db = s.put("sharding").retiring();
        zero_page(&db, root_page(&db, "container_info"));
    });
    list.row(Run::AsRoot, "retiring-objects-junk", |s| {
        let db = s.put("sharding").retiring();
        junk_page(&db, root_page(&db, "object"));
    });
    list.row(Run::AsRoot, "retiring-no-view", |s| {
        sql(&s.put("sharding").retiring(), "DROP VIEW container_stat");
    });
    list.row(Run::AsRoot, "fresh-deleted-retiring-full", |s| {
        sql(&s.put("sharding").db(), "UPDATE container_info SET delete_timestamp = '2000000000'");
    });
    list.row(Run::AsRoot, "retiring-deleted-and-empty", |s| {
        let placed = s.put("sharding");
        sql(
            &placed.retiring(),
            "UPDATE policy_stat SET object_count = 0;
            UPDATE container_info SET delete_timestamp = '2000000000'",
        );
    });
    list.row(Run::AsRoot, "both-deleted-and-empty", |s| {
        let placed = s.put("sharding");
        for db in placed.databases() {
            sql(
                &db,
                "UPDATE policy_stat SET object_count = 0;
                UPDATE container_info SET delete_timestamp = '2000000000'",
            );
        }
    });
    list.row(Run::AsRoot, "sharding-name-not-utf8-in-retiring", |s| {
        sql(
            &s.put("sharding").retiring(),
            "UPDATE container_info SET container = CAST(x'ff' AS TEXT)",
        );
    });
    list.row(Run::AsRoot, "three-epochs", |s| {
        let placed = s.put("sharding");
        put_file(&placed.file("_1750000000.00000.db"), &read(&placed.retiring()));
    });
    list.row(Run::AsRoot, "three-epochs-oldest-junk", |s| {
        let placed = s.put("sharding");
        let fresh = read(&placed.db());
        write_at(&placed.retiring(), 0, &crate::damage::junk(53_248, 6));
        put_file(&placed.file("_1750000000.00000.db"), &fresh);
    });
    list.row(Run::AsRoot, "epoch-is-no-timestamp", |s| {
        let placed = s.put("small");
        std::fs::rename(placed.db(), placed.file("_soon.db")).expect("it is renamed");
    });
    list.row(Run::AsRoot, "epoch-is-empty", |s| {
        let placed = s.put("small");
        std::fs::rename(placed.db(), placed.file("_.db")).expect("it is renamed");
    });
    list.row(Run::AsRoot, "two-epochs-no-plain", |s| {
        let placed = s.put("sharding");
        std::fs::rename(placed.retiring(), placed.file("_1750000000.00000.db"))
            .expect("it is renamed");
    });
    list.row(Run::AsRoot, "epoch-twice-in-name", |s| {
        let placed = s.put("sharded");
        std::fs::rename(placed.db(), placed.file("_1_2.db")).expect("it is renamed");
    });
    list.row(Run::AsRoot, "sound-beside-empty-epoch", |s| {
        let placed = s.put("small");
        put_file(&placed.file("_1770000000.00000.db"), b"");
    });
    list.row(Run::AsRoot, "sound-beside-text-epoch", |s| {
        let placed = s.put("small");
        let other = placed.file("_1770000000.00000.db");
        put_file(&other, b"");
        append(&other, &b"these are only words\n".repeat(9));
    });
    list.row(Run::AsRoot, "sound-beside-directory-epoch", |s| {
        crate::damage::put_dir(&s.put("small").file("_1770000000.00000.db"));
    });
    list.row(Run::AsRoot, "sharding-dangling-retiring", |s| {
        let retiring = s.put("sharding").retiring();
        std::fs::remove_file(&retiring).expect("it is removed");
        crate::damage::link(&retiring, "nowhere".as_ref());
    });
}
