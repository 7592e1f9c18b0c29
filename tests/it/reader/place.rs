//! What lies beside a database, what kind of file it is, and who holds its locks.
use super::{asked, fixtures, look, plain, taught, teach};
use martlet_core::page::{Beside, Kind, Rule, Rules};
use martlet_platform_linux::reader::Reader;
use martlet_tests::tree::Tree;
use nix::sys::stat::Mode;
use rusqlite::Connection;
use std::fs;
use std::os::fd::AsFd as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// What puts something in a database's place, or beside it.
type Make = fn(&Path);

/// The database in a hash directory.
fn db_in(dir: &Path) -> PathBuf {
    let hash = dir.file_name().expect("a hash").to_str().expect("a hash");
    dir.join(format!("{hash}.db"))
}

/// What lies beside `HASH.db` under an ending.
fn beside(dir: &Path, ending: &str) -> PathBuf {
    let db = db_in(dir);
    PathBuf::from(format!("{}{ending}", db.display()))
}

#[test]
fn whatever_may_change_the_answer_beside_a_database_leaves_it_to_sqlite() {
    let empty: Make = |path| fs::write(path, b"").expect("written");
    let full: Make = |path| fs::write(path, b"x").expect("written");
    let folder: Make = |path| fs::create_dir(path).expect("made");
    let cases: [(_, Make, _); 12] = [
        ("-journal", full, Some(Rule::Journal)),
        ("-journal", empty, Some(Rule::Journal)),
        ("-journal", folder, Some(Rule::Journal)),
        ("-wal", full, Some(Rule::Wal)),
        ("-wal", empty, Some(Rule::Wal)),
        (".pending", full, Some(Rule::Pending)),
        (".pending", empty, None),
        (".pending", folder, Some(Rule::Pending)),
        (".other.db", full, Some(Rule::Siblings)),
        (".tmp", full, None),
        ("-shm", full, None),
        ("-journal2", full, None),
    ];
    for (ending, make, rule) in cases {
        let (_tree, dir, mut reader) = taught(plain());
        make(&beside(&dir, ending));
        assert_eq!(look(&mut reader, &dir).err(), rule, "{ending}");
    }
    let (_tree, dir, mut reader) = taught(plain());
    fs::write(dir.join("stray.db"), b"x").expect("written");
    assert_eq!(look(&mut reader, &dir).err(), Some(Rule::Siblings));
}

#[test]
fn only_a_regular_file_is_read_and_nothing_holds_the_reader_up() {
    let cases: [(_, Make, _); 5] = [
        ("gone", |db| fs::remove_file(db).expect("removed"), Rule::Unreadable),
        (
            "a directory",
            |db| {
                fs::remove_file(db).expect("removed");
                fs::create_dir(db).expect("made");
            },
            Rule::FileType,
        ),
        (
            "a link",
            |db| {
                let other = db.with_extension("moved");
                fs::rename(db, &other).expect("renamed");
                std::os::unix::fs::symlink(other, db).expect("linked");
            },
            Rule::Unreadable,
        ),
        (
            "a FIFO",
            |db| {
                fs::remove_file(db).expect("removed");
                nix::unistd::mkfifo(db, Mode::S_IRUSR).expect("made");
            },
            Rule::FileType,
        ),
        ("an empty file", |db| fs::write(db, b"").expect("written"), Rule::Page1Short),
    ];
    for (what, make, rule) in cases {
        let (_tree, dir, mut reader) = taught(plain());
        make(&db_in(&dir));
        assert_eq!(look(&mut reader, &dir).err(), Some(rule), "{what}");
    }
}

#[test]
fn a_listing_that_did_not_end_proves_nothing() {
    let hash = b"00ff";
    let names: [(&[u8], Kind); 2] = [(b"00ff.db", Kind::Regular), (b".lock", Kind::Regular)];
    let mut beside = Beside::new(hash);
    for (name, kind) in names {
        beside.note(name, kind);
    }
    assert_eq!(beside.ask(true, true, Rules::ALL), Err(Rule::Listing));
    assert_eq!(beside.ask(true, true, Rules::without(Rule::Listing)), Ok(()));
    beside.end();
    assert_eq!(beside.ask(true, true, Rules::ALL), Ok(()));
    assert_eq!(beside.ask(false, true, Rules::ALL), Err(Rule::FileType));
    assert!(beside.is_own(b"00ff.db"));
    assert!(!beside.is_own(b"00ff_17.0.db") && !beside.is_own(b"00ff.db.pending"));
}

#[test]
fn a_lock_is_met_as_sqlite_would_meet_it() {
    let (_tree, dir, mut reader) = taught(plain());
    let before = look(&mut reader, &dir).expect("answered");
    let writer = Connection::open(db_in(&dir)).expect("opened");
    writer.busy_timeout(Duration::ZERO).expect("it waits for nobody");

    writer.execute_batch("BEGIN IMMEDIATE").expect("RESERVED is held");
    assert_eq!(look(&mut reader, &dir).as_ref(), Ok(&before), "nothing is written so far");
    writer.execute_batch("UPDATE policy_stat SET object_count = 7").expect("in memory");
    assert_eq!(look(&mut reader, &dir).err(), Some(Rule::Journal), "a journal is open");

    let holder = Connection::open(db_in(&dir)).expect("opened");
    holder.execute_batch("BEGIN; SELECT * FROM policy_stat").expect("SHARED is held");
    writer.execute_batch("COMMIT").expect_err("a reader is in the way: PENDING is held");
    assert_eq!(look(&mut reader, &dir).err(), Some(Rule::Journal), "the writer waits");
    holder.execute_batch("ROLLBACK").expect("let go");
    writer.execute_batch("COMMIT").expect("written");
    let after = look(&mut reader, &dir).expect("answered");
    assert_eq!(Ok(after), asked::sqlite(&db_in(&dir)));

    writer.execute_batch("BEGIN EXCLUSIVE").expect("EXCLUSIVE is held");
    assert_eq!(look(&mut reader, &dir).err(), Some(Rule::Locked));
}

#[test]
fn the_reader_takes_no_lock_away_from_sqlite_in_the_same_process() {
    let (_tree, dir, mut reader) = taught(plain());
    let holder = Connection::open(db_in(&dir)).expect("opened");
    holder.execute_batch("BEGIN; SELECT * FROM policy_stat").expect("SHARED is held");
    let open = fs::File::open(&dir).expect("the hash directory opens");
    let name = db_in(&dir);
    let name = name.file_name().expect("a name").as_encoded_bytes();
    let peek = reader.open(open.as_fd(), name).expect("shared locks go together");
    assert_eq!(lock_holders(&db_in(&dir)), 2, "SQLite's lock and the reader's");
    drop(peek);
    // Closing a second descriptor is what drops POSIX locks; the reader must not rely on them.
    holder.execute_batch("ROLLBACK").expect("let go");
    drop(holder);
    assert_eq!(lock_holders(&db_in(&dir)), 0);
}

/// Locks of this process on a file, as the kernel counts them: those of each descriptor. `/proc/locks` leaves
/// some out while others come and go.
fn lock_holders(path: &Path) -> usize {
    let open = fs::read_dir("/proc/self/fd").expect("listed").flatten();
    let ours = open.filter(|it| fs::read_link(it.path()).is_ok_and(|link| link == path));
    ours.map(|it| {
        let said = fs::read_to_string(Path::new("/proc/self/fdinfo").join(it.file_name()));
        said.expect("it stays open").lines().filter(|line| line.starts_with("lock:")).count()
    })
    .sum()
}

#[test]
fn a_database_of_another_owner_is_read_all_the_same() {
    // The first EPERM for O_NOATIME must not cost an answer; as root there is none to be had.
    let tree = Tree::new();
    let mut reader = Reader::new();
    let db = tree.add("sda", fixtures::named("one")).db();
    let dir = db.parent().expect("a hash directory");
    teach(&mut reader, dir).expect("learnt");
    fs::set_permissions(&db, std::os::unix::fs::PermissionsExt::from_mode(0o444)).expect("set");
    assert!(look(&mut reader, dir).is_ok());
}
