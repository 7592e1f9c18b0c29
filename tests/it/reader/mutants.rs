//! Spoilt databases: whenever the reader answers, SQLite gives the same facts.
use super::{asked, fixtures, image, look, teach};
use martlet_core::page::Rule;
use martlet_platform_linux::reader::Reader;
use martlet_tests::mutate::{self, Dice};
use martlet_tests::tree::Tree;
use std::io::Write as _;
use std::path::Path;

/// Mutants of a plain run; `MARTLET_MUTANTS` asks for more.
const MUTANTS: u64 = 20_000;

/// Of so many mutants one that the reader leaves is shown to SQLite, too, for the share answered.
const SAMPLE: u64 = 8;

/// The databases that are spoilt.
const SEEDS: [&str; 6] =
    ["two-policies", "empty", "deleted", "hundreds", "big-metadata", "old-shard-ranges"];

/// A number from the environment.
fn asked_for(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).map_or(otherwise, |text| text.parse().expect(name))
}

#[test]
fn whenever_the_reader_answers_sqlite_gives_the_same_facts() {
    let (answered, sound) = run();
    assert!(sound <= 3 * answered, "a third of what SQLite calls sound: {answered} of {sound}");
    if std::env::var_os("MARTLET_MUTANTS").is_some() {
        let said = format!("{answered} answered, about {sound} sound for SQLite\n");
        std::io::stderr().write_all(said.as_bytes()).expect("said");
    }
}

/// Mutants answered, and an estimate of those that SQLite calls sound.
fn run() -> (u64, u64) {
    // In memory, if there is such a place: each mutant is written out.
    let memory = Path::new("/dev/shm");
    let place = if memory.is_dir() { memory.to_owned() } else { std::env::temp_dir() };
    let place = tempfile::tempdir_in(place).expect("a temporary directory");
    let tree = Tree::at(place.path());
    let mut reader = Reader::new();
    let seeds: Vec<_> = SEEDS
        .iter()
        .map(|name| {
            let db = tree.add("sda", fixtures::named(name)).db();
            let image = image(&db);
            // Twice the same schema is learnt once.
            let dir = db.parent().expect("a hash directory").to_owned();
            if look(&mut reader, &dir).is_err_and(Rule::is_schema) {
                teach(&mut reader, &dir).expect("the seeds are ordinary");
            }
            (*name, db, dir, image)
        })
        .collect();
    let first = asked_for("MARTLET_SEED", 0);
    let (mut answered, mut sound) = (0, 0);
    for number in first..first + asked_for("MARTLET_MUTANTS", MUTANTS) {
        let mut dice = Dice::new(number);
        let (name, db, dir, image) = dice.pick(&seeds);
        let mut image = image.clone();
        let ways = mutate::spoil(&mut image, &mut dice);
        std::fs::write(&db, &image.bytes).expect("written");
        match look(&mut reader, &dir) {
            Ok(facts) => {
                let sqlite = asked::sqlite(&db);
                assert_eq!(sqlite.as_ref(), Ok(&facts), "{name}, number {number}: {ways:?}");
                answered += 1;
                sound += 1;
            }
            Err(_) if number % SAMPLE == 0 => {
                if asked::sqlite(&db).is_ok() {
                    sound += SAMPLE;
                }
                // SQLite makes them beside a database that says it has a write-ahead log.
                for side in ["db-wal", "db-shm"] {
                    let _ = std::fs::remove_file(db.with_extension(side));
                }
            }
            Err(_) => {}
        }
    }
    (answered, sound)
}
