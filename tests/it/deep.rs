//! The deep audit finds what Swift's auditor passes, finds nothing in what Swift's brokers wrote,
//! and gives way to writers. Time is counted in calls, so nothing depends on how fast this runs.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use martlet_core::deep::{DeepSeen, Refusal, judge_deep};
use martlet_core::slice::SLICE;
use martlet_core::time::Mono;
use martlet_core::verdict::{Counts, Judged, Value, Verdict};
use martlet_platform_linux::deep::{Around, look};
use martlet_tests::damage::{
    self, flip, hot_journal, junk_page, leaf_pages, root_page, sql, sql_behind_triggers, zero_page,
};
use martlet_tests::deep_damage::{
    INDEX, replace_in, share_child, sql_behind_index, swap_cells, swap_roots,
};
use martlet_tests::fixtures::{manifest, named};
use martlet_tests::tree::Tree;
use rusqlite::Connection;

const HOLD: Duration = Duration::from_secs(1000);

/// A world in which each look at the clock takes `step`, and `each_wait` runs whenever the audit
/// could wait; it says whether to stop.
fn around(step: Duration, each_wait: impl Fn(Duration) -> bool + Send + Sync + 'static) -> Around {
    let clock = AtomicU64::new(0);
    let step = u64::try_from(step.as_nanos()).expect("a short step");
    let now = move || Mono::from_nanos(clock.fetch_add(step, Ordering::Relaxed));
    Around { now: Arc::new(now), wait: Arc::new(each_wait) }
}

/// A world in which no time passes and nobody interferes.
fn quiet() -> Around {
    around(Duration::ZERO, |_| false)
}

fn sound() -> Judged {
    Judged::plain(Verdict::Sound, Counts::Passed)
}

/// The codes of what a deep audit finds.
fn codes(path: &Path) -> Vec<&'static str> {
    let seen = look(path, HOLD, &quiet());
    let reached_an_end =
        matches!(seen, DeepSeen::Whole(_) | DeepSeen::Broken(_) | DeepSeen::Error(_));
    assert!(reached_an_end, "{}: {seen:?}", path.display());
    judge_deep(sound(), &seen).findings.iter().map(|finding| finding.code.word()).collect()
}

fn spoilt(fixture: &str, spoil: &dyn Fn(&Path)) -> Vec<&'static str> {
    let tree = Tree::new();
    let path = tree.add("sda", named(fixture)).db();
    spoil(&path);
    codes(&path)
}

#[test]
fn what_swifts_brokers_wrote_is_sound() {
    let tree = Tree::new();
    for fixture in &manifest().fixtures {
        for path in tree.add("sda", fixture).databases() {
            let seen = look(&path, HOLD, &quiet());
            assert!(matches!(seen, DeepSeen::Whole(_)), "{}: {seen:?}", fixture.name);
            assert_eq!(judge_deep(sound(), &seen), sound(), "{}: {seen:?}", fixture.name);
        }
    }
}

/// A kind of damage: its name, the fixture it is done to, what does it, and what is found.
type Kind = (&'static str, &'static str, fn(&Path), &'static [&'static str]);

const DESTROYED: &[&str] = &["structure-check"];

#[rustfmt::skip]
const PAGES: &[Kind] = &[
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
const SQL: &[(&str, &str, &str, &[&str])] = &[
    ("index dropped", "small", "DROP INDEX ix_object_deleted_name", &["rows-index"]),
    ("index over other columns", "small", "DROP INDEX ix_object_deleted_name; CREATE INDEX ix_object_deleted_name ON object (name, deleted)", &["rows-index"]),
    ("index over some rows", "small", "DROP INDEX ix_object_deleted_name; CREATE INDEX ix_object_deleted_name ON object (deleted, name) WHERE deleted = 0", &["rows-index"]),
    ("object table dropped", "small", "DROP TABLE object", &["rows-schema"]),
    ("object is a view", "small", "DROP TABLE object; CREATE VIEW object AS SELECT 1 AS name, 2 AS created_at, 3 AS size, 0 AS deleted", &["rows-schema"]),
    ("triggers dropped", "small", "DROP TRIGGER object_insert_policy_stat; DROP TRIGGER object_delete_policy_stat", &["rows-schema"]),
    ("container_stat lies", "small", "DROP VIEW container_stat; CREATE TABLE container_stat AS SELECT 'a' AS account, 'c' AS container, '1' AS put_timestamp, '0' AS delete_timestamp, 0 AS object_count, 0 AS bytes_used, '00000000000000000000000000000000' AS hash, 0 AS storage_policy_index", &["rows-hash", "rows-count", "rows-bytes"]),
    ("container_stat never ends", "small", "DROP VIEW container_stat; CREATE VIEW container_stat AS WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT 0 AS storage_policy_index, count(*) AS object_count, 0 AS bytes_used, '' AS hash FROM n", &[]),
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
const ROWS: &[(&str, &str, &str, &[&str])] = &[
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

fn free_trunk(path: &Path) -> usize {
    let bytes = std::fs::read(path).expect("the database can be read");
    let trunk = u32::from_be_bytes(bytes[32..36].try_into().expect("four bytes"));
    usize::try_from(trunk).expect("a page number fits")
}

#[test]
fn damage_of_pages_is_found() {
    for (name, fixture, spoil, expected) in PAGES {
        assert_eq!(spoilt(fixture, spoil), *expected, "{name}");
    }
}

#[test]
fn damage_of_what_is_stored_is_found() {
    for (name, fixture, script, expected) in SQL {
        assert_eq!(spoilt(fixture, &|path| sql(path, script)), *expected, "{name}");
    }
}

#[test]
fn damage_of_rows_is_found() {
    for (name, fixture, script, expected) in ROWS {
        let found = spoilt(fixture, &|path| sql_behind_triggers(path, script));
        assert_eq!(found, *expected, "{name}");
    }
}

#[test]
fn an_index_that_missed_a_write_is_found_though_all_counts_agree() {
    // The row moves to another rowid: hash, counts and bytes stay what they were.
    let moved = "UPDATE object SET ROWID = ROWID + 1000 WHERE ROWID = 3";
    assert_eq!(spoilt("small", &|path| sql_behind_index(path, moved)), ["rows-index"]);
    let lost = "DELETE FROM object WHERE ROWID = 3";
    let found = spoilt("small", &|path| sql_behind_index(path, lost));
    assert_eq!(found, ["rows-hash", "rows-count", "rows-bytes", "rows-index"]);
}

#[test]
fn a_finding_says_what_the_rows_say() {
    let tree = Tree::new();
    let path = tree.add("sda", named("small")).db();
    sql(&path, "UPDATE policy_stat SET object_count = object_count + 1000");
    let judged = judge_deep(sound(), &look(&path, HOLD, &quiet()));
    assert_eq!(judged.verdict, Verdict::Damaged);
    assert_eq!(judged.counts, Counts::Passed, "Swift passes it");
    assert_eq!(judged.findings[0].expected, Value::Int(5));
    assert_eq!(judged.findings[0].found, Value::Int(1005));
}

#[test]
fn every_byte_of_a_name_or_timestamp_counts() {
    let tree = Tree::new();
    let path = tree.add("sda", named("one")).db();
    let text: String = Connection::open(&path)
        .and_then(|db| db.query_row("SELECT name || created_at FROM object", [], |row| row.get(0)))
        .expect("it has one row");
    let bytes = std::fs::read(&path).expect("it can be read");
    let mut places = bytes.windows(text.len()).enumerate();
    let (start, _) = places.find(|(_, part)| *part == text.as_bytes()).expect("the row is there");
    for at in start..start + text.len() {
        flip(&path, at, 1);
        assert!(codes(&path).contains(&"rows-hash"), "byte {}", at - start);
        flip(&path, at, 1);
    }
    assert_eq!(codes(&path), [""; 0]);
}

#[test]
fn nothing_is_written_beside_or_into_it() {
    let tree = Tree::new();
    let placed = tree.add("sda", named("hundreds"));
    let before = std::fs::read(placed.db()).expect("it can be read");
    assert_eq!(codes(&placed.db()), [""; 0]);
    assert_eq!(std::fs::read(placed.db()).expect("it can be read"), before);
    assert_eq!(std::fs::read_dir(&placed.dir).expect("it can be listed").count(), 1);
}

#[test]
fn any_name_can_be_opened() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    for name in [&b"a b%20?mode=rw#x.db"[..], b"\xff\xfe.db", b"'\"\\\n.db", b"file:x.db"] {
        let path = dir.path().join(OsStr::from_bytes(name));
        std::fs::write(&path, &named("small").newest().bytes).expect("it can be written");
        assert_eq!(codes(&path), [""; 0], "{}", path.display());
    }
}

fn refusal(path: &Path) -> Option<Refusal> {
    match look(path, HOLD, &quiet()) {
        DeepSeen::Not(refusal) => Some(refusal),
        DeepSeen::Whole(_) | DeepSeen::Broken(_) | DeepSeen::Error(_) => None,
    }
}

#[test]
fn what_cannot_be_read_without_writing_is_refused() {
    let tree = Tree::new();
    let path = tree.add("sda", named("small")).db();
    let dir = path.parent().expect("it lies in a directory");
    let put = |name: &str, bytes: &[u8]| -> PathBuf {
        std::fs::write(dir.join(name), bytes).expect("it can be written");
        dir.join(name)
    };
    let whole = std::fs::read(&path).expect("it can be read");
    assert_eq!(refusal(&dir.join("none.db")), Some(Refusal::Gone));
    assert_eq!(refusal(dir), Some(Refusal::NotAFile));
    assert_eq!(refusal(&put("empty.db", b"")), Some(Refusal::NoDatabase));
    assert_eq!(refusal(&put("short.db", &whole[..99])), Some(Refusal::NoDatabase));
    assert_eq!(refusal(&put("other.db", &[b'x'; 4096])), Some(Refusal::NoDatabase));

    let wal = put("wal.db", &whole);
    damage::wal(&wal, "UPDATE container_info SET status = 'x'");
    let names = || std::fs::read_dir(dir).expect("it can be listed").count();
    let before = names();
    assert_eq!(refusal(&wal), Some(Refusal::Wal));
    assert_eq!(names(), before, "no -shm was made");

    let hot = put("hot.db", &whole);
    hot_journal(&hot, "UPDATE container_info SET status = 'x'");
    assert_eq!(refusal(&hot), Some(Refusal::NeedsRecovery));
    assert!(dir.join("hot.db-journal").exists(), "the journal is for others to use");
    let old = put("old.db", &whole);
    put("old.db-journal", &[0; 512]);
    assert_eq!(refusal(&old), None, "a journal that begins with a zero is a left-over");
}

/// A write that succeeds at once or not at all.
fn try_to_write(path: &Path) -> bool {
    let write = || {
        let db = Connection::open(path)?;
        db.busy_timeout(Duration::ZERO)?;
        db.execute_batch("PRAGMA synchronous = OFF; UPDATE container_info SET reported_bytes_used = reported_bytes_used + 1")
    };
    write().is_ok()
}

/// A world in which each look at the clock takes a slice, and a writer writes `writes` times: at the
/// first chance after `rest` slices since the time before.
fn beside_a_writer(path: &Path, writes: u64, rest: u64) -> Around {
    let (path, left, rested) = (path.to_owned(), AtomicU64::new(writes), AtomicU64::new(0));
    around(SLICE, move |_| {
        // Asked twice a slice: while the lock is held, and after it was let go of.
        let is_rested = 2 * rest <= rested.fetch_add(1, Ordering::Relaxed);
        if is_rested && 0 < left.load(Ordering::Relaxed) && try_to_write(&path) {
            left.fetch_sub(1, Ordering::Relaxed);
            rested.store(0, Ordering::Relaxed);
        }
        false
    })
}

#[test]
fn writers_go_first_and_it_starts_again() {
    let never = Duration::ZERO;
    for (writes, rest, hold, tries) in [
        (0, 0, never, Some(1)),
        (1, 0, never, Some(2)),
        (2, 7, never, Some(3)),
        (3, 0, never, Some(4)),
        (4, 7, never, None),
        (4, 7, HOLD, Some(5)),
        (4, 0, HOLD, None), // a stream of writers, who would all wait
    ] {
        let tree = Tree::new();
        let path = tree.add("sda", named("thousand")).db();
        match (look(&path, hold, &beside_a_writer(&path, writes, rest)), tries) {
            (DeepSeen::Whole(deep), Some(tries)) => {
                assert_eq!(deep.tries, tries, "{writes} writes, {rest} slices apart");
                assert_eq!(deep.sums.rows(), 1000, "no row is seen twice");
                let judged = judge_deep(sound(), &DeepSeen::Whole(deep));
                assert_eq!(judged, sound(), "{writes} writes, {rest} slices apart");
            }
            (DeepSeen::Not(Refusal::Unsettled), None) => {}
            (seen, _) => panic!("{writes} writes, {rest} slices apart, hold {hold:?}: {seen:?}"),
        }
    }
}

#[test]
fn the_last_try_ends_when_it_has_held_on_long_enough() {
    let tree = Tree::new();
    let path = tree.add("sda", named("thousand")).db();
    // Of some fifty slices that it needs here. The writer comes every seventh and then waits.
    let seen = look(&path, SLICE * 10, &beside_a_writer(&path, 5, 7));
    assert_eq!(seen, DeepSeen::Not(Refusal::Unsettled));
    assert!(try_to_write(&path), "the lock is free afterwards");
}

#[test]
fn a_write_that_has_not_reached_the_file_is_read_past() {
    let tree = Tree::new();
    let path = tree.add("sda", named("small")).db();
    let writer = Connection::open(&path).expect("it can be opened");
    let begin = "BEGIN IMMEDIATE; UPDATE container_info SET status = 'x'";
    writer.execute_batch(begin).expect("nobody else writes");
    assert_eq!(codes(&path), [""; 0], "a journal that is not synced yet undoes nothing");
}

#[test]
fn a_journal_in_use_is_waited_for_and_not_taken_for_a_hot_one() {
    let tree = Tree::new();
    let path = tree.add("sda", named("small")).db();
    let writer = Connection::open(&path).expect("it can be opened");
    // Without syncs a journal is valid from its first byte on.
    let begin = "PRAGMA synchronous = OFF; BEGIN IMMEDIATE; UPDATE container_info SET status = 'x'";
    writer.execute_batch(begin).expect("nobody else writes");
    assert_eq!(refusal(&path), Some(Refusal::Busy));
    writer.execute_batch("ROLLBACK").expect("it is its own");
    assert_eq!(refusal(&path), None);
}

#[test]
fn a_stop_ends_it_wherever_it_is() {
    let tree = Tree::new();
    let path = tree.add("sda", named("thousand")).db();
    let mut ended = false;
    for after in 0..1000 {
        let left = AtomicU64::new(after);
        let stop = move |_| {
            left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |n| n.checked_sub(1)).is_err()
        };
        match look(&path, HOLD, &around(SLICE / 2, stop)) {
            DeepSeen::Not(Refusal::Stopped) => {}
            DeepSeen::Whole(_) => {
                ended = true;
                break;
            }
            seen @ (DeepSeen::Broken(_) | DeepSeen::Not(_) | DeepSeen::Error(_)) => {
                panic!("stopped after {after}: {seen:?}")
            }
        }
        assert!(try_to_write(&path), "the lock is free after a stop");
    }
    assert!(ended, "it ends before it can be stopped a thousand times");
}
