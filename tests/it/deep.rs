//! The deep audit finds what Swift's auditor passes, finds nothing in what Swift's brokers wrote,
//! and gives way to writers. Time is counted in calls, so nothing depends on how fast this runs.

mod beside;
mod drive;
mod hostile;

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use martlet_core::advice::MAKE_INDEX;
use martlet_core::deep::{DeepSeen, Refusal, judge_deep};
use martlet_core::slice::SLICE;
use martlet_core::time::Mono;
use martlet_core::verdict::{Counts, FindingCode, Judged, Value, Verdict};
use martlet_platform_linux::deep::{Around, Progress, TELL_EVERY, look};
use martlet_tests::damage::{self, flip, hot_journal, sql};
use martlet_tests::deep_damage::{every_kind, swift_says};
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
    Around { now: Arc::new(now), wait: Arc::new(each_wait), tell: Arc::new(|_| ()) }
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
    let seen = look(path, HOLD, &quiet()).seen;
    let reached_an_end =
        matches!(seen, DeepSeen::Whole(_) | DeepSeen::Broken(_) | DeepSeen::Error(_));
    assert!(reached_an_end, "{}: {seen:?}", path.display());
    judge_deep(sound(), &seen).findings.iter().map(|finding| finding.code.word()).collect()
}

#[test]
fn what_swifts_brokers_wrote_is_sound() {
    let tree = Tree::new();
    for fixture in &manifest().fixtures {
        for path in tree.add("sda", fixture).databases() {
            let seen = look(&path, HOLD, &quiet()).seen;
            assert!(matches!(seen, DeepSeen::Whole(_)), "{}: {seen:?}", fixture.name);
            assert_eq!(judge_deep(sound(), &seen), sound(), "{}: {seen:?}", fixture.name);
        }
    }
}

#[test]
fn every_kind_of_damage_is_found() {
    every_kind(|name, path, expected| assert_eq!(codes(path), expected, "{name}"));
}

/// Whether a PRAGMA of SQLite's finds anything.
fn complains(path: &Path, pragma: &str) -> bool {
    let said = Connection::open(path).and_then(|db| {
        db.query_row(&format!("PRAGMA {pragma}(1)"), [], |row| row.get::<_, String>(0))
    });
    said.as_deref() != Ok("ok")
}

#[test]
fn the_readme_says_who_finds_what() {
    let readme = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../README.md"));
    let readme = readme.expect("the README can be read");
    let (swift, mut missing) = (swift_says(), String::new());
    every_kind(|name, path, codes| {
        let found = |pragma| if complains(path, pragma) { "found" } else { "–" };
        let (quick, whole) = (found("quick_check"), found("integrity_check"));
        let mut codes = codes.to_vec();
        codes.dedup();
        codes.sort_unstable();
        codes.dedup();
        let codes = if codes.is_empty() { "–".to_owned() } else { codes.join(", ") };
        let swift = match swift.get(name).map(String::as_str) {
            Some("passed") => "–",
            Some("skipped") => "skipped",
            Some("failed") => "found",
            other => panic!("{name}: {other:?}: run cargo xtask deep-swift"),
        };
        let line = format!("| {name} | {swift} | {quick} | {whole} | {codes} |\n");
        if !readme.contains(&line) {
            missing.push_str(&line);
        }
    });
    assert!(missing.is_empty(), "the README lacks these lines:\n{missing}");
}

#[test]
fn the_readme_quotes_what_was_measured() {
    let text = |name| {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../").to_owned() + name;
        std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{path}: {e}"))
    };
    let (readme, measured) = (text("README.md"), text("docs/deep.md"));
    let table: Vec<_> = measured.lines().filter(|line| line.starts_with('|')).collect();
    assert_eq!(table.len(), 5, "a head and three databases");
    for line in table {
        assert!(readme.contains(line), "the README lacks {line}");
    }
}

#[test]
fn a_view_that_never_ends_is_not_waited_for() {
    let tree = Tree::new();
    let path = tree.add("sda", named("small")).db();
    sql(
        &path,
        "DROP VIEW container_stat; CREATE VIEW container_stat AS
         WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n)
         SELECT 0 AS storage_policy_index, count(*) AS object_count, 0 AS bytes_used, '' AS hash
         FROM n",
    );
    assert_eq!(codes(&path), [""; 0], "the stat audit is the one to complain of it");
}

#[test]
fn a_schema_that_sqlite_cannot_read_is_none_of_the_tables_that_swift_reads() {
    let tree = Tree::new();
    let path = tree.add("sda", named("small")).db();
    sql(
        &path,
        "CREATE TABLE other (a); CREATE INDEX odd ON other (a); PRAGMA writable_schema = ON;
         UPDATE sqlite_schema SET sql = 'CREATE INDEX odd ON other (a COLLATE \"foreign\")'
         WHERE name = 'odd'",
    );
    assert_eq!(codes(&path), ["rows-schema"]);
    let judged = judge_deep(sound(), &look(&path, HOLD, &quiet()).seen);
    assert!(!judged.findings.iter().any(|finding| finding.code.is_structure()), "it stays");
}

#[test]
fn a_finding_says_what_the_rows_say() {
    let tree = Tree::new();
    let path = tree.add("sda", named("small")).db();
    sql(&path, "UPDATE policy_stat SET object_count = object_count + 1000");
    let judged = judge_deep(sound(), &look(&path, HOLD, &quiet()).seen);
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
    // No side file of the longest names can have a name.
    let long =
        [247, 248, 251, 252, 255].map(|length| [&[b'x'; 252][..length - 3], b".db"].concat());
    let names = [&b"a b%20?mode=rw#x.db"[..], b"\xff\xfe.db", b"'\"\\\n.db", b"file:x.db"];
    for name in names.into_iter().chain(long.iter().map(Vec::as_slice)) {
        let path = dir.path().join(OsStr::from_bytes(name));
        std::fs::write(&path, &named("small").newest().bytes).expect("it can be written");
        let seen = look(&path, HOLD, &quiet()).seen;
        assert!(matches!(seen, DeepSeen::Whole(_)), "{}: {seen:?}", path.display());
    }
}

fn refusal(path: &Path) -> Option<Refusal> {
    match look(path, HOLD, &quiet()).seen {
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
        let dug = look(&path, hold, &beside_a_writer(&path, writes, rest));
        match (dug.seen, tries) {
            (DeepSeen::Whole(deep), Some(tries)) => {
                assert_eq!(dug.tries, tries, "{writes} writes, {rest} slices apart");
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
    let seen = look(&path, SLICE * 10, &beside_a_writer(&path, 5, 7)).seen;
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
        match look(&path, HOLD, &around(SLICE / 2, stop)).seen {
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

#[test]
fn it_tells_how_far_it_has_come() {
    let tree = Tree::new();
    let path = tree.add("sda", named("thousand")).db();
    let size = std::fs::metadata(&path).expect("it is there").len();
    let told = Arc::new(Mutex::new(Vec::new()));
    let tell = Arc::clone(&told);
    let tell = move |progress: Progress| tell.lock().expect("no panic").push(progress);
    let around = Around { tell: Arc::new(tell), ..around(SLICE, |_| false) };
    assert!(matches!(look(&path, HOLD, &around).seen, DeepSeen::Whole(_)));
    let told = told.lock().expect("no panic").clone();
    let last = told.last().expect("it tells at its end");
    assert_eq!(last.all, 2 * size, "once for the structure, once for the rows");
    // Whatever SQLite still has in its page cache is not read again.
    assert!(size <= last.read && last.read < 3 * size, "{last:?} of {size} bytes");
    let mut before = Progress { read: 0, all: 0, took: Duration::ZERO };
    for now in &told {
        assert!(before.read <= now.read, "{told:?}");
        // Each look at the clock takes a slice here: a few of them between two tellings.
        assert!(now.took < before.took + TELL_EVERY + SLICE * 4, "{told:?}");
        before = *now;
    }
}

#[test]
fn an_index_made_anew_mends_what_it_is_said_to_mend() {
    let mended = |path: &Path| {
        assert_eq!(codes(path), ["rows-index"], "{}", path.display());
        assert!(FindingCode::RowsIndex.advice().next.contains(MAKE_INDEX));
        sql(path, MAKE_INDEX);
        codes(path).is_empty()
    };
    let mut tried = 0;
    every_kind(|name, path, codes| {
        if codes == ["rows-index"] {
            assert!(mended(path), "{name}");
            tried += 1;
        }
    });
    assert_eq!(tried, 6, "a name, an order, a rowid; dropped, other columns, some rows");
}
