//! What is learnt of a schema, and what is not.
use super::{asked, look, plain, teach};
use martlet_platform_linux::reader::{LESSONS_MAX, Reader, VARIANTS_MAX};
use martlet_tests::tree::Tree;
use rusqlite::Connection;
use std::path::PathBuf;

/// A plain database to which a statement was done; its directory.
fn altered(statement: &str) -> (Tree, PathBuf, PathBuf) {
    let tree = Tree::new();
    let db = tree.add("sda", plain()).db();
    let open = Connection::open(&db).expect("opened");
    open.execute_batch(statement).unwrap_or_else(|e| panic!("{statement}: {e}"));
    drop(open);
    let dir = db.parent().expect("a hash directory").to_owned();
    (tree, dir, db)
}

/// The view with one thing changed.
fn view(from: &str, to: &str) -> String {
    let sql = "CREATE VIEW container_stat AS SELECT ci.account, ci.container, ci.created_at,
        ci.put_timestamp, ci.delete_timestamp, ci.reported_put_timestamp,
        ci.reported_delete_timestamp, ci.reported_object_count, ci.reported_bytes_used, ci.hash,
        ci.id, ci.status, ci.status_changed_at, ci.metadata, ci.x_container_sync_point1,
        ci.x_container_sync_point2, ci.reconciler_sync_point, ci.storage_policy_index,
        coalesce(ps.object_count, 0) AS object_count, coalesce(ps.bytes_used, 0) AS bytes_used
        FROM container_info ci LEFT JOIN policy_stat ps
        ON ci.storage_policy_index = ps.storage_policy_index";
    assert!(sql.contains(from), "{from}");
    format!("DROP VIEW container_stat; {}", sql.replacen(from, to, 1))
}

#[test]
fn a_schema_is_learnt_only_if_sqlite_runs_the_same_programs_for_it() {
    for (statement, learnt) in [
        (String::new(), true),
        ("VACUUM".to_owned(), true),
        ("CREATE TABLE more (a, b)".to_owned(), true),
        ("CREATE INDEX more ON object (name)".to_owned(), true),
        ("DROP TRIGGER object_update".to_owned(), true),
        ("PRAGMA page_size = 1024; VACUUM".to_owned(), true),
        ("PRAGMA page_size = 2048; VACUUM".to_owned(), true),
        (view("FROM", "FROM"), true),
        (view("ci.account", "'AUTH_lie' AS account"), false),
        (view("coalesce(ps.object_count, 0)", "ps.object_count"), false),
        (view("coalesce(ps.object_count, 0)", "coalesce(ps.object_count, 1)"), false),
        (view("LEFT JOIN", "JOIN"), false),
        (view("ci.put_timestamp", "ci.delete_timestamp AS put_timestamp"), false),
        (view("ci.put_timestamp", "ci.put_timestamp AS Put_timestamp"), false),
        (view("ps.storage_policy_index", "ps.storage_policy_index LIMIT 1"), false),
        ("ALTER TABLE container_info ADD COLUMN extra TEXT".to_owned(), true),
        ("DROP TRIGGER container_stat_update; DROP VIEW container_stat; ALTER TABLE container_info
            DROP COLUMN reconciler_sync_point".to_owned(), false),
        ("ANALYZE".to_owned(), true),
        ("PRAGMA auto_vacuum = 1; VACUUM".to_owned(), false),
        ("PRAGMA page_size = 8192; VACUUM".to_owned(), false),
        ("PRAGMA journal_mode = WAL".to_owned(), false),
        ("DELETE FROM container_info".to_owned(), false),
        ("INSERT INTO container_info (account) VALUES ('b')".to_owned(), false),
    ] {
        let (_tree, dir, db) = altered(&statement);
        let mut reader = Reader::new();
        let lesson = teach(&mut reader, &dir);
        assert_eq!(lesson.is_ok(), learnt, "{statement}: {lesson:?}");
        if let Ok(facts) = look(&mut reader, &dir) {
            assert_eq!(Ok(facts), asked::sqlite(&db), "{statement}");
        }
    }
}

#[test]
fn a_schema_that_runs_over_its_pages_is_kept_whole() {
    let long = format!("CREATE TABLE more (a TEXT DEFAULT '{}')", "m".repeat(4000));
    let (_tree, dir, db) = altered(&long);
    let mut reader = Reader::new();
    teach(&mut reader, &dir).expect("learnt, overflow pages included");
    assert!(look(&mut reader, &dir).is_ok());
    let mut bytes = std::fs::read(&db).expect("read");
    let at = bytes.windows(1000).rposition(|run| run.iter().all(|byte| *byte == b'm'));
    bytes[at.expect("the overflow page") + 500] = b'n';
    std::fs::write(&db, bytes).expect("written");
    assert!(look(&mut reader, &dir).is_err(), "a byte of the schema differs");
}

#[test]
fn variants_and_lessons_are_bounded() {
    let mut reader = Reader::new();
    for number in 0..=VARIANTS_MAX {
        let (_tree, dir, _db) = altered(&format!("CREATE TABLE more{number} (a)"));
        let lesson = teach(&mut reader, &dir);
        assert_eq!(lesson.is_ok(), number < VARIANTS_MAX, "{number}: {lesson:?}");
    }
    assert_eq!(reader.variants(), VARIANTS_MAX);

    let mut reader = Reader::new();
    let (_tree, dir, _db) = altered(&view("LEFT JOIN", "JOIN"));
    let (_sound, ordinary, db) = altered("");
    let journal = db.with_extension("db-journal");
    for _walk in 0..2 {
        reader.begin();
        std::fs::write(&journal, b"of a writer").expect("written");
        for _ in 0..LESSONS_MAX {
            let busy = teach(&mut reader, &ordinary);
            assert_eq!(busy, Err("Rule(Journal)".to_owned()), "that costs no lesson");
            assert_eq!(teach(&mut reader, &dir), Err("Program".to_owned()));
        }
        std::fs::remove_file(&journal).expect("removed");
        assert_eq!(teach(&mut reader, &dir), Err("Full".to_owned()));
        assert_eq!(teach(&mut reader, &ordinary), Err("Full".to_owned()));
    }
    reader.begin();
    assert_eq!(teach(&mut reader, &ordinary), Ok(()), "another walk may learn it");
}
