//! What each rule about place and locks is for: what the reader would say of a database without it.
use super::{asked, fixtures, teach};
use asked::Stored;
use martlet_core::check::{Cell, Seen, Stat};
use martlet_core::page::{Beside, Kind, Rule, Rules, Schema};
use martlet_core::path::DbPath;
use martlet_platform_linux::check::{CheckConf, Checker};
use martlet_platform_linux::reader::Reader;
use martlet_tests::damage::{hot_journal, wal};
use martlet_tests::tree::Tree;
use rusqlite::Connection;
use std::os::fd::AsFd as _;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

/// What the reader answers without a rule, beside what SQLite and Swift's other files make of it.
#[derive(Debug, PartialEq)]
enum Alone {
    /// Other facts.
    Wrong,
    /// The same: here nothing else goes wrong.
    Right,
    /// Another rule stops it.
    Backed(Rule),
}

/// What a verdict is made of: timestamps, the count that decides, whether an update revives it.
type Told = (Vec<u8>, Vec<u8>, i64, bool);

fn told(stat: &Stat<'_>) -> Told {
    let text = |cell: Cell<'_>| {
        let Cell::Text(text) = cell else { panic!("{cell:?} is no timestamp of Swift's") };
        text.to_vec()
    };
    let Cell::Int(count) = stat.count else { panic!("{:?} is no count", stat.count) };
    (text(stat.put), text(stat.delete), count, stat.revived)
}

/// What SQLite reads of a database, with what lies beside it. It may recover.
fn whole(db: &Path) -> Told {
    let mut checker =
        Checker::new(CheckConf { may_recover: true, stop: std::sync::Arc::default() });
    let seen = checker.look(&DbPath::new(db.as_os_str().as_bytes()));
    let Seen::Row(stat) = seen else { panic!("{}: {seen:?}", db.display()) };
    told(&stat)
}

/// What the reader would say of the file `db` by these rules, which were kept before its bytes were read.
fn bytes(db: &Path, schemas: &[Schema], rules: Rules) -> Result<Told, Rule> {
    let bytes = std::fs::read(db).expect("the database is read");
    let facts = asked::reader(&bytes, schemas, rules)?;
    let cell = |stored: &Stored| {
        let Stored::Text(text) = stored else { panic!("{stored:?} is no timestamp of Swift's") };
        text.clone()
    };
    let Stored::Int(count) = facts[16] else { panic!("{:?} is no count", facts[16]) };
    Ok((cell(&facts[3]), cell(&facts[4]), count, false))
}

/// What a listing of the directory of `db` shows, but for the names that end with `hidden`.
fn listed(db: &Path, hidden: Option<&str>, rules: Rules) -> Result<(), Rule> {
    let dir = db.parent().expect("a hash directory");
    let hash = dir.file_name().expect("a name").as_bytes();
    let mut beside = Beside::new(hash);
    for entry in std::fs::read_dir(dir).expect("listed") {
        let name = entry.expect("a name").file_name();
        if hidden.is_none_or(|hidden| !name.as_bytes().ends_with(hidden.as_bytes())) {
            beside.note(name.as_bytes(), Kind::Regular);
        }
    }
    if hidden.is_none() {
        beside.end();
    }
    beside.ask(true, false, rules)
}

fn schema(db: &Path) -> Vec<Schema> {
    let bytes = std::fs::read(db).expect("the database is read");
    vec![asked::schema(&bytes, asked::roots(db))]
}

/// The answer without `rule`, against what the whole look says afterwards.
fn alone(db: &Path, hidden: Option<&str>, schemas: &[Schema], rule: Rule) -> Alone {
    assert_eq!(listed(db, hidden, Rules::ALL), Err(rule), "{rule:?} is what stops this");
    let rules = Rules::without(rule);
    let without = listed(db, hidden, rules).and_then(|()| bytes(db, schemas, rules));
    match without {
        Err(other) => Alone::Backed(other),
        Ok(told) if told == whole(db) => Alone::Right,
        Ok(_) => Alone::Wrong,
    }
}

/// A fixture in a tree of its own: its first file, and the schema that it is read by.
fn placed(name: &str) -> (Tree, PathBuf, Vec<Schema>) {
    let tree = Tree::new();
    let db = tree.add("sda", fixtures::named(name)).db();
    let schemas = schema(&db);
    (tree, db, schemas)
}

#[test]
fn each_rule_about_what_lies_beside_stops_what_it_is_for() {
    let count = "UPDATE policy_stat SET object_count = 7";

    let (_tree, db, schemas) = placed("two-policies");
    hot_journal(&db, count);
    assert_eq!(alone(&db, None, &schemas, Rule::Journal), Alone::Wrong);

    // The listing ended before the journal's name came.
    let (_tree, db, schemas) = placed("two-policies");
    hot_journal(&db, count);
    assert_eq!(alone(&db, Some("-journal"), &schemas, Rule::Listing), Alone::Wrong);

    let (_tree, db, schemas) = placed("two-policies");
    wal(&db, count);
    let backed = Alone::Backed(Rule::FormatVersion);
    assert_eq!(alone(&db, None, &schemas, Rule::Wal), backed);

    let (_tree, db, schemas) = placed("pending-revives");
    assert_eq!(alone(&db, None, &schemas, Rule::Pending), Alone::Wrong);

    // Each file is judged by its own row; which of them is newest is SQLite's path to find out.
    let tree = Tree::new();
    let sharding = tree.add("sda", fixtures::named("sharding"));
    let (retiring, schemas) = (sharding.retiring(), schema(&sharding.retiring()));
    assert_eq!(alone(&retiring, None, &schemas, Rule::Siblings), Alone::Right);
}

#[test]
fn a_name_with_an_epoch_is_not_read_by_its_own_row() {
    let tree = Tree::new();
    for (name, other) in [("sharding", true), ("sharded", true), ("stale-epoch", false)] {
        let db = tree.add("sda", fixtures::named(name)).db();
        let hash = db.parent().and_then(Path::file_name).expect("a hash").as_bytes();
        let file = db.file_name().expect("a name").as_bytes();
        assert!(!Beside::new(hash).is_own(file), "{name}: the rule");
        let own = bytes(&db, &schema(&db), Rules::ALL).expect("its bytes are ordinary");
        assert_eq!(own != whole(&db), other, "{name}: its own row says something else");
    }
}

#[test]
fn without_the_lock_what_was_never_committed_is_read() {
    let (_tree, db, schemas) = placed("thousand");
    let dir = db.parent().expect("a hash directory");
    let before = whole(&db);
    let mut reader = Reader::new();
    teach(&mut reader, dir).expect("learnt");

    // A writer that keeps its journal in memory, and has more dirty pages than memory for them.
    let writer = Connection::open(&db).expect("opened");
    let begun = "PRAGMA journal_mode = MEMORY; PRAGMA cache_size = 1; PRAGMA cache_spill = 1;
        BEGIN EXCLUSIVE; UPDATE policy_stat SET object_count = 7;
        SELECT count(*) FROM object WHERE etag = '' AND name = created_at;";
    writer.execute_batch(begun).expect("written, in part");

    let open = std::fs::File::open(dir).expect("the hash directory opens");
    let name = db.file_name().expect("a name").as_bytes();
    assert_eq!(reader.open(open.as_fd(), name).err(), Some(Rule::Locked));
    let without = listed(&db, None, Rules::ALL).and_then(|()| bytes(&db, &schemas, Rules::ALL));
    assert_eq!(without.map(|told| told.2), Ok(7), "nothing but the lock tells");
    writer.execute_batch("ROLLBACK").expect("rolled back");
    assert_eq!(whole(&db), before);
    assert_ne!(before.2, 7);
}
