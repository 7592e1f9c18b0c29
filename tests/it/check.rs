//! What a look at a real database brings back, and what it means.
use martlet_core::check::{Cell, Code, Fault, Seen};
use martlet_core::path::DbPath;
use martlet_core::place::HashPath;
use martlet_core::verdict::{Counts, Judged, judge};
use martlet_platform_linux::check::{CheckConf, Checker};
use martlet_tests::damage;
use martlet_tests::fixtures::{manifest, named};
use martlet_tests::tree::{Placed, Tree};
use rusqlite::Connection;
use std::collections::BTreeMap;
use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

fn checker(may_recover: bool) -> Checker {
    Checker::new(CheckConf { may_recover, stop: Arc::default() })
}

fn path(path: &Path) -> DbPath {
    DbPath::new(path.as_os_str().as_bytes())
}

fn hash() -> HashPath<'static> {
    HashPath {
        prefix: manifest().hash_path_prefix.as_bytes(),
        suffix: manifest().hash_path_suffix.as_bytes(),
    }
}

/// Verdict, count and finding codes in one line, as the daemon would have them.
fn daemon(file: &Path) -> String {
    let (path, mut checker) = (path(file), checker(true));
    say(&judge(&path, &checker.look(&path), Some(&hash())))
}

/// The same of a command that may not recover anything.
fn command(file: &Path) -> String {
    let (path, mut checker) = (path(file), checker(false));
    say(&judge(&path, &checker.look(&path), Some(&hash())))
}

fn say(judged: &Judged) -> String {
    let mut line = format!("{} {:?}", judged.verdict.word(), judged.counts);
    for finding in &judged.findings {
        line += " ";
        line += finding.code.word();
    }
    line
}

/// Every file of a directory and what it holds.
fn content(dir: &Path) -> BTreeMap<std::ffi::OsString, Vec<u8>> {
    let entries = fs::read_dir(dir).expect("a hash directory can be listed");
    entries
        .map(|entry| entry.expect("an entry can be read"))
        .filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_file()))
        .map(|entry| (entry.file_name(), fs::read(entry.path()).expect("a file can be read")))
        .collect()
}

/// What the daemon says of the newest file of a fixture after `spoil`, which must stay as it is.
fn spoilt(fixture: &str, spoil: impl FnOnce(&Placed)) -> String {
    let tree = Tree::new();
    let placed = tree.add("sda", named(fixture));
    spoil(&placed);
    let before = content(&placed.dir);
    let said = daemon(&placed.db());
    assert_eq!(content(&placed.dir), before, "{fixture}: nothing is written, made or removed");
    said
}

#[test]
fn every_fixture_counts_as_swift_counted_it() {
    let mut checker = checker(false);
    for fixture in &manifest().fixtures {
        let tree = Tree::new();
        let placed = tree.add("sda", fixture);
        let before = content(&placed.dir);
        let path = path(&placed.db());
        let seen = checker.look(&path);
        let judged = judge(&path, &seen, Some(&hash()));
        let expected = match fixture.is_deleted() {
            Some(true) => Counts::Neither,
            Some(false) => Counts::Passed,
            None => Counts::Failed,
        };
        assert_eq!(judged.counts, expected, "{}: {seen:?}", fixture.name);
        // Swift has merged what was pending before it counted; and a deleted container's count is
        // not in what it recorded.
        let is_pending = placed.pending().exists();
        if let (Seen::Row(stat), Some(count), false) = (seen, fixture.object_count(), is_pending) {
            assert_eq!(stat.count, Cell::Int(count), "{}", fixture.name);
        }
        assert_eq!(content(&placed.dir), before, "{}: nothing is touched", fixture.name);
    }
}

#[test]
fn the_retiring_file_is_judged_by_its_own_row() {
    let tree = Tree::new();
    let placed = tree.add("sda", named("sharding"));
    assert_eq!(daemon(&placed.retiring()), "sound Passed");
    damage::truncate(&placed.retiring(), 0);
    assert_eq!(daemon(&placed.retiring()), "damaged Failed stat-empty-file");
    assert_eq!(daemon(&placed.db()), "unreadable Failed", "its count cannot be had");
}

#[test]
fn a_newest_file_is_never_blamed_for_the_retiring_one() {
    for (spoil, retiring) in [
        (damage::junk_page as fn(&Path, usize), "damaged Failed structure-not-a-database"),
        (damage::zero_page, "damaged Failed structure-not-a-database"),
    ] {
        let tree = Tree::new();
        let placed = tree.add("sda", named("sharding"));
        spoil(&placed.retiring(), 1);
        assert_eq!(daemon(&placed.retiring()), retiring);
        assert_eq!(daemon(&placed.db()), "unreadable Failed");
    }
    let no_row = spoilt("sharding", |placed| {
        damage::sql_behind_triggers(&placed.retiring(), "DELETE FROM container_info");
    });
    assert_eq!(no_row, "unreadable Failed", "Swift never returns from this one");
}

#[test]
fn damage_is_what_swift_finds() {
    let schema =
        |script: &'static str| move |p: &Placed| damage::sql_behind_triggers(&p.db(), script);
    let rows: [(&str, String); 17] = [
        (
            "damaged Failed structure-not-a-database",
            spoilt("small", |p| damage::zero_page(&p.db(), 1)),
        ),
        (
            "damaged Failed structure-not-a-database",
            spoilt("small", |p| damage::junk_page(&p.db(), 1)),
        ),
        (
            "damaged Failed structure-corrupt",
            spoilt("small", |p| {
                let page = damage::root_page(&p.db(), "container_info");
                damage::zero_page(&p.db(), page);
            }),
        ),
        ("damaged Failed structure-corrupt", spoilt("small", |p| damage::cut(&p.db(), 4096))),
        ("damaged Failed stat-empty-file", spoilt("small", |p| damage::truncate(&p.db(), 0))),
        ("damaged Failed stat-row-missing", spoilt("small", schema("DELETE FROM container_info"))),
        (
            "damaged Failed stat-schema",
            spoilt("small", |p| damage::sql(&p.db(), "DROP VIEW container_stat")),
        ),
        (
            "damaged Failed stat-schema",
            spoilt("small", |p| damage::sql(&p.db(), "DROP TABLE container_info")),
        ),
        (
            "damaged Failed stat-not-utf8",
            spoilt("small", schema("UPDATE container_info SET status = CAST(x'ff' AS TEXT)")),
        ),
        (
            "damaged Failed stat-timestamp",
            spoilt("empty", schema("UPDATE container_info SET put_timestamp = 'junk'")),
        ),
        (
            "sound Passed",
            spoilt("small", schema("UPDATE container_info SET put_timestamp = 'junk'")),
        ),
        (
            "deleted Neither",
            spoilt("deleted", schema("UPDATE container_info SET status = CAST(x'ff' AS TEXT)")),
        ),
        (
            "misplaced Passed place-hash",
            spoilt("small", schema("UPDATE container_info SET container = NULL")),
        ),
        (
            "damaged Failed stat-shard-range",
            spoilt("sharded", schema("UPDATE shard_range SET state = 99 WHERE epoch IS NOT NULL")),
        ),
        (
            "damaged Failed stat-metadata",
            spoilt("sharded", schema("UPDATE container_info SET metadata = '{'")),
        ),
        ("sound Passed", spoilt("small", schema("UPDATE container_info SET metadata = '{'"))),
        // What Swift's auditor never looks at.
        ("sound Passed", spoilt("small", |p| damage::sql(&p.db(), "DROP TABLE object"))),
    ];
    for (at, (expected, said)) in rows.iter().enumerate() {
        assert_eq!(said, expected, "row {at}");
    }
}

#[test]
fn a_second_row_is_stepped_to() {
    // Nobody reads the second row's text, which is not UTF-8; but a page that holds it must be one.
    let tree = Tree::new();
    let placed = tree.add("sda", named("small"));
    let rows = "INSERT INTO container_info SELECT * FROM container_info;
        UPDATE container_info SET status = CAST(x'ff' AS TEXT) WHERE rowid = 2";
    damage::sql_behind_triggers(&placed.db(), rows);
    assert_eq!(daemon(&placed.db()), "sound Passed");
    let fill = "UPDATE container_info SET status = '', metadata = hex(zeroblob(1750))";
    damage::sql_behind_triggers(&placed.db(), fill);
    let root = damage::root_page(&placed.db(), "container_info");
    let leaves = damage::leaf_pages(&placed.db(), root);
    assert_eq!(leaves.len(), 2, "a row a page");
    let sound = fs::read(placed.db()).expect("a database");
    for leaf in leaves {
        assert_eq!(daemon(&placed.db()), "sound Passed");
        damage::zero_page(&placed.db(), leaf);
        assert_eq!(daemon(&placed.db()), "damaged Failed structure-corrupt", "page {leaf}");
        fs::write(placed.db(), &sound).expect("a database");
    }
}

#[test]
fn what_is_no_file_is_never_opened() {
    type Make = fn(&Path);
    let link = |path: &Path| damage::link(path, Path::new("/nowhere/at/all"));
    let ring = |path: &Path| damage::link(path, path);
    let directory = |path: &Path| fs::create_dir(path).expect("a directory");
    for (make, expected) in [
        (damage::fifo as Make, "unreadable Failed"),
        (damage::socket, "unreadable Failed"),
        (directory, "unreadable Failed"),
        (link, "vanished Neither"),
        (ring, "vanished Neither"),
    ] {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let file = dir.path().join("x.db");
        make(&file);
        assert_eq!(daemon(&file), expected);
    }
    assert_eq!(daemon(Path::new("/nowhere/x.db")), "vanished Neither");
    let long = format!("/{}/x.db", "y".repeat(600));
    assert_eq!(daemon(Path::new(&long)), "unreadable Failed");
}

#[test]
fn a_lock_is_an_answer() {
    let tree = Tree::new();
    let placed = tree.add("sda", named("small"));
    let writer = Connection::open(placed.db()).expect("the fixture opens");
    writer.execute_batch("BEGIN IMMEDIATE").expect("nobody else writes");
    assert_eq!(daemon(&placed.db()), "sound Passed", "a writer may prepare");
    writer.execute_batch("ROLLBACK; BEGIN EXCLUSIVE").expect("nobody reads");
    assert_eq!(daemon(&placed.db()), "busy Failed");
    assert_eq!(command(&placed.db()), "busy Failed");
    writer.execute_batch("ROLLBACK").expect("it was begun");
    let sharding = tree.add("sda", named("sharding"));
    let writer = Connection::open(sharding.retiring()).expect("the fixture opens");
    writer.execute_batch("BEGIN EXCLUSIVE").expect("nobody reads");
    assert_eq!(daemon(&sharding.db()), "busy Failed", "it waits for the retiring file");
}

const CHANGE: &str = "UPDATE container_info SET account = 'changed'";

#[test]
fn only_a_daemon_recovers_a_hot_journal() {
    let tree = Tree::new();
    let placed = tree.add("sda", named("small"));
    damage::hot_journal(&placed.db(), CHANGE);
    let before = content(&placed.dir);
    assert_eq!(command(&placed.db()), "needs-recovery Neither");
    assert_eq!(content(&placed.dir), before, "a command touches nothing");
    assert_eq!(daemon(&placed.db()), "sound Passed", "the change is undone");
    assert_eq!(content(&placed.dir).len(), 1, "the journal is gone");
}

#[test]
fn a_journal_without_a_beginning_is_not_hot() {
    for journal in [&b""[..], &[0; 512]] {
        let said = spoilt("small", |placed| {
            fs::write(placed.file(".db-journal"), journal).expect("a journal");
        });
        assert_eq!(said, "sound Passed");
    }
    let said = spoilt("small", |placed| {
        fs::create_dir(placed.file(".db-journal")).expect("a directory");
    });
    assert_eq!(said, "unreadable Failed", "Swift moves the whole directory away");
}

#[test]
fn a_write_ahead_log_is_recovered_and_stays() {
    let tree = Tree::new();
    let placed = tree.add("sda", named("small"));
    damage::wal(&placed.db(), "UPDATE container_info SET put_timestamp = '1760000077.00000'");
    let before = content(&placed.dir);
    assert_eq!(command(&placed.db()), "needs-recovery Neither");
    assert_eq!(content(&placed.dir), before, "a command touches nothing");
    let (path, mut checker) = (path(&placed.db()), checker(true));
    let Seen::Row(stat) = checker.look(&path) else { panic!("the log can be read") };
    assert_eq!(stat.put, Cell::Text(b"1760000077.00000"), "what the log says counts");
    let after = content(&placed.dir);
    assert_eq!(after.len(), 1, "neither log nor index is left");
    assert!(after.values().all(|bytes| bytes[18..20] == [2, 2]), "the mode stays");
}

#[test]
fn a_schema_that_burns_time_ends() {
    let burn = "DROP VIEW container_stat; CREATE VIEW container_stat AS
        WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1000000000000)
        SELECT '1' AS put_timestamp, '2' AS delete_timestamp, sum(i) AS object_count FROM n";
    let tree = Tree::new();
    let placed = tree.add("sda", named("small"));
    damage::sql_behind_triggers(&placed.db(), burn);
    assert_eq!(daemon(&placed.db()), "damaged Failed stat-schema");
    let stop = Arc::new(AtomicBool::new(true));
    let mut stopped = Checker::new(CheckConf { may_recover: true, stop });
    let interrupted = Seen::Error(Code { sqlite: 9, errno: 0 });
    assert_eq!(stopped.look(&path(&placed.db())), interrupted, "at once when told to stop");
}

#[test]
fn what_is_pending_is_read_as_swift_would_merge_it() {
    let replaced = |bytes: &'static [u8]| {
        move |placed: &Placed| fs::write(placed.pending(), bytes).expect("a pending file")
    };
    for (expected, said) in [
        ("sound Passed", spoilt("pending-revives", |_| {})),
        ("deleted Neither", spoilt("pending-revives", replaced(b""))),
        ("deleted Neither", spoilt("pending-revives", replaced(b":not a pickle:gAI="))),
        ("damaged Failed stat-pending", spoilt("pending-poison", |_| {})),
        (
            "unreadable Failed",
            spoilt("small", |placed| {
                fs::create_dir(placed.pending()).expect("a directory");
                fs::write(placed.pending().join("x"), "").expect("a file in it");
            }),
        ),
        // Swift asks for its size first, which is 0.
        ("sound Passed", spoilt("small", |placed| damage::fifo(&placed.pending()))),
    ] {
        assert_eq!(said, expected);
    }
}

#[test]
fn a_database_is_sound_only_where_it_belongs() {
    let tree = Tree::new();
    let small = named("small");
    let partition = small.partition.to_string();
    let (suffix, other) = (&small.hash[29..], &named("one").hash);
    for (at, stem, expected) in [
        ([&*partition, suffix, &small.hash], &small.hash, "sound Passed"),
        (["0", suffix, &small.hash], &small.hash, "sound Passed"),
        (["4294967295", suffix, &small.hash], &small.hash, "misplaced Passed place-partition"),
        ([&*partition, "fff", &small.hash], &small.hash, "misplaced Passed place-suffix"),
        ([&*partition, suffix, other], &small.hash, "misplaced Passed place-hash"),
        ([&*partition, suffix, &small.hash], other, "misplaced Passed place-file"),
    ] {
        let placed = tree.add_at("sda", small, at, stem);
        assert_eq!(daemon(&placed.db()), expected, "{at:?} {stem}");
        fs::remove_dir_all(&placed.dir).expect("it was just made");
    }
}

#[test]
fn names_can_be_told_after_an_error_too() {
    let tree = Tree::new();
    let placed = tree.add("sda", named("sharded"));
    damage::sql_behind_triggers(&placed.db(), "UPDATE container_info SET metadata = '{'");
    let (path, mut checker) = (path(&placed.db()), checker(true));
    assert_eq!(checker.look(&path), Seen::Fault(Fault::Metadata));
    let fixture = named("sharded");
    let (account, container) = (fixture.account.as_bytes(), fixture.container.as_bytes());
    assert_eq!(checker.names(), (Cell::Text(account), Cell::Text(container)));
    assert_eq!(checker.look(&DbPath::new(b"/nowhere/x.db")), Seen::Gone);
    assert_eq!(checker.names(), (Cell::Null, Cell::Null), "of the last look only");
}
