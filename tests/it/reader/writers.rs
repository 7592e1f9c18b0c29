//! A writer that is killed again and again: no answer is ever torn.
use super::{asked, plain, taught};
use martlet_core::page::Rule;
use martlet_tests::asked::{Facts, Stored};
use martlet_tests::command::myself;
use martlet_tests::mutate::Dice;
use rusqlite::Connection;
use std::io::{Read as _, Write as _};
use std::path::PathBuf;
use std::process::Stdio;

/// Writers killed in a plain run; `MARTLET_KILLS` asks for more.
const KILLS: u64 = 40;

/// Looks at the database while one writer lives, at most.
const LOOKS_MAX: usize = 200;

/// Names the database for [`a_writer_writes_whole_transactions`] when it runs as the writer.
const DATABASE: &str = "MARTLET_WRITER_DATABASE";

/// Transaction `number`: pages of both tables and of others say `number`, or none does.
fn write(db: &Connection, number: i64) -> rusqlite::Result<()> {
    db.execute_batch(&format!(
        "BEGIN IMMEDIATE;
         UPDATE container_info SET x_container_sync_point1 = {number};
         UPDATE policy_stat SET object_count = {number}, bytes_used = {number};
         CREATE TABLE IF NOT EXISTS more (a);
         INSERT INTO more SELECT randomblob(2000) FROM sqlite_master LIMIT {};
         DELETE FROM more WHERE rowid < {number} * 9 - 100;
         UPDATE container_info SET x_container_sync_point2 = {number};
         COMMIT;",
        number % 12
    ))
}

/// The three places in which a transaction leaves its number.
fn numbers(facts: &Facts) -> [&Stored; 3] {
    [&facts[13], &facts[14], &facts[16]]
}

#[test]
fn a_writer_writes_whole_transactions() {
    let endless = std::env::var_os(DATABASE);
    // The writer that is to be killed has its database; else it is one of this test's own.
    let own = endless.is_none().then(|| taught(plain()));
    let path = match (&endless, &own) {
        (None, Some((_, dir, _))) => {
            dir.join(dir.file_name().expect("a hash")).with_extension("db")
        }
        (path, _) => PathBuf::from(path.as_ref().expect("a database to write to")),
    };
    let db = Connection::open(&path).expect("opened");
    // A cache of few pages spills into the file before the commit.
    db.execute_batch("PRAGMA cache_size = 4; PRAGMA synchronous = OFF").expect("set");
    let last = if endless.is_some() { i64::MAX } else { 5 };
    let mut told = false;
    for number in 1..last {
        let written = write(&db, number);
        assert!(written.is_ok() || endless.is_some(), "{written:?}");
        if written.is_err() {
            let _ = db.execute_batch("ROLLBACK"); // the reader was in the way
        } else if endless.is_some() && !std::mem::replace(&mut told, true) {
            std::io::stderr().write_all(b".").expect("the parent listens");
        }
    }
    assert_eq!(numbers(&asked::sqlite(&path).expect("a row")), [&Stored::Int(4); 3]);
}

#[test]
fn no_answer_is_torn_however_the_writer_dies() {
    let (_tree, dir, mut reader) = taught(plain());
    let path = dir.join(dir.file_name().expect("a hash")).with_extension("db");
    let db = Connection::open(&path).expect("opened");
    write(&db, 1).expect("written");
    drop(db);
    super::teach(&mut reader, &dir).expect("one table more");

    let kills = std::env::var("MARTLET_KILLS").map_or(KILLS, |text| text.parse().expect("kills"));
    let (mut answers, mut journals, mut busy) = (0, 0, 0);
    for kill in 0..kills {
        let mut writer = myself()
            .args(["--exact", "reader::writers::a_writer_writes_whole_transactions"])
            .env(DATABASE, &path)
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("a writer");
        let mut look = || {
            let answer = super::look(&mut reader, &dir);
            match &answer {
                Ok(facts) => {
                    let [one, two, count] = numbers(facts);
                    assert!(one == two && two == count, "torn: {facts:?}");
                    answers += 1;
                }
                Err(Rule::Journal) => journals += 1,
                Err(_) => busy += 1,
            }
            answer
        };
        let mut dice = Dice::new(kill);
        let stderr = writer.stderr.as_mut().expect("a pipe");
        stderr.read_exact(&mut [0]).expect("the writer has written");
        for _ in 0..dice.below(LOOKS_MAX) {
            let _ = look();
        }
        writer.kill().expect("killed");
        writer.wait().expect("it is gone");

        let left = look();
        let db = Connection::open(&path).expect("opened");
        db.query_row("SELECT count(*) FROM more", [], |row| row.get::<_, i64>(0))
            .expect("SQLite recovers");
        let recovered = asked::sqlite(&path).expect("a row");
        assert!(left.is_err() || left.as_ref() == Ok(&recovered), "{left:?}, {recovered:?}");
        // A journal into which nothing was written stays until the next transaction.
        let metadata = format!("UPDATE container_info SET metadata = 'kill {kill}'");
        db.execute_batch(&metadata).expect("written");
        drop(db);
        assert_eq!(look(), Ok(recovered), "nobody writes");
    }
    assert!(kills <= answers, "each recovered database is answered for: {answers}");
    if std::env::var_os("MARTLET_KILLS").is_some() {
        let said = format!("{kills} kills, {answers} answers, {journals} journals, {busy} busy\n");
        std::io::stderr().write_all(said.as_bytes()).expect("said");
    }
}
