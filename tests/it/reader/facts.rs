//! What the reader says of databases that nobody touched.
use super::{asked, fixtures, look, teach};
use martlet_core::page::Rule;
use martlet_platform_linux::reader::Reader;
use martlet_tests::tree::Tree;
use std::io::Read as _;

/// The fixtures that are left to SQLite, and by which rule.
fn left(name: &str) -> Option<Rule> {
    match name {
        // Their `container_stat` is a table, from before storage policies.
        "old-metadata" | "old-sync-points" | "old-policies" | "old-policies-deleted" => {
            Some(Rule::SchemaRoot)
        }
        "sharding" | "sharding-misplaced" | "sharding-deleted" | "pending-sharding" => {
            Some(Rule::Siblings)
        }
        // Their only database has an epoch in its name.
        "sharded" | "sharded-wide" | "sharded-cleaved" | "sharded-deleted" | "collapsed"
        | "stale-epoch" | "shard-sharded" | "old-reported" | "old-tombstones" => {
            Some(Rule::Unreadable)
        }
        "pending-empty" => None,
        pending if pending.starts_with("pending-") => Some(Rule::Pending),
        _ => None,
    }
}

#[test]
fn what_the_reader_answers_is_what_sqlite_and_swift_answer() {
    let tree = Tree::new();
    let mut reader = Reader::new();
    let mut answered = 0;
    for fixture in &fixtures::manifest().fixtures {
        let db = tree.add("sda", fixture).db();
        let dir = db.parent().expect("a hash directory");
        let mut answer = look(&mut reader, dir);
        if answer.as_ref().is_err_and(|rule| rule.is_schema()) && teach(&mut reader, dir).is_ok() {
            answer = look(&mut reader, dir);
        }
        assert_eq!(answer.as_ref().err().copied(), left(&fixture.name), "{}", fixture.name);
        let Ok(facts) = answer else { continue };
        answered += 1;
        assert_eq!(Ok(&facts), asked::sqlite(&db).as_ref(), "{}", fixture.name);
        let swift = &fixture.swift["info"];
        for (index, key) in asked::KEYS.iter().enumerate() {
            let said = match swift[key].as_str() {
                Some(text) => asked::Stored::text(text),
                None => asked::Stored::Int(swift[key].as_i64().expect("a text or a number")),
            };
            assert_eq!(facts[index], said, "{}: {key}", fixture.name);
        }
    }
    assert!(25 <= answered, "the reader answers for most: {answered}");
    assert_eq!(reader.variants(), 2, "today's schema, and one without the newest columns");
}

#[test]
fn a_long_row_is_followed_to_its_end() {
    let (_tree, dir, mut reader) = super::taught(fixtures::named("big-metadata"));
    let file = std::fs::read_dir(&dir).expect("listed").next().expect("a file").expect("a name");
    let mut image = super::image(&file.path());
    for bytes in [4000, 4061, 4062, 8000, 8154, 30_000, 64_000] {
        image.set(13, asked::Stored::Text(vec![b'm'; bytes]));
        std::fs::write(file.path(), &image.bytes).expect("written");
        let facts = look(&mut reader, &dir);
        assert_eq!(facts.as_ref().ok(), asked::sqlite(&file.path()).as_ref().ok(), "{bytes} bytes");
        assert!(facts.is_ok(), "{bytes} bytes: {facts:?}");
    }
    image.set(13, asked::Stored::Text(vec![b'm'; 70_000]));
    std::fs::write(file.path(), &image.bytes).expect("written");
    assert_eq!(look(&mut reader, &dir), Err(Rule::OverflowLong));
}

#[test]
fn an_unknown_schema_is_left_until_it_is_taught() {
    let tree = Tree::new();
    let db = tree.add("sda", super::plain()).db();
    let dir = db.parent().expect("a hash directory");
    let mut reader = Reader::new();
    assert_eq!(look(&mut reader, dir), Err(Rule::SchemaRoot));
    teach(&mut reader, dir).expect("an ordinary schema is learnt");
    assert!(look(&mut reader, dir).is_ok());
}

/// Databases from before storage policies that Swift's broker migrated when it merged a pending file,
/// the second of them in pages of 1 KiB as SQLite made them before 2016.
const MIGRATED: [(&str, &[u8]); 2] =
    [("4096", include_bytes!("migrated.db.gz")), ("1024", include_bytes!("migrated-1024.db.gz"))];

#[test]
fn what_swift_migrated_is_answered_once_it_is_taught() {
    let mut reader = Reader::new();
    for (page_size, packed) in MIGRATED {
        let mut bytes = Vec::new();
        flate2::read::GzDecoder::new(packed).read_to_end(&mut bytes).expect("unpacked");
        let tree = Tree::new();
        let db = tree.add("sda", super::plain()).db();
        std::fs::write(&db, &bytes).expect("written");
        let dir = db.parent().expect("a hash directory");
        teach(&mut reader, dir).unwrap_or_else(|why| panic!("{page_size}: {why}"));
        let mut long = super::image(&db);
        for metadata in [0, 400, 900, 1500, 5000, 20_000] {
            long.set(13, asked::Stored::Text(vec![b'm'; metadata]));
            std::fs::write(&db, &long.bytes).expect("written");
            let answer = look(&mut reader, dir);
            assert!(answer.is_ok(), "{page_size}, {metadata}: {answer:?}");
            assert_eq!(answer.ok(), asked::sqlite(&db).ok(), "{page_size}, {metadata}");
        }
    }
    assert_eq!(reader.variants(), 2);
}
