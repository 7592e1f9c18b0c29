//! The file systems that appliances have: walk, locks and reader on each of them that this kernel and
//! these tools can make.
use super::asked;
use crate::mount::{image, run, unmount, with_own_mounts};
use martlet_core::page::Rule;
use martlet_core::walk::{Floor, Walked};
use martlet_platform_linux::hands::beside;
use martlet_platform_linux::reader::Reader;
use martlet_platform_linux::walk::{Limits, Walker};
use martlet_tests::daemon::PATIENCE;
use martlet_tests::fixtures;
use martlet_tests::tree::Tree;
use rusqlite::Connection;
use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Bytes of an image; the least that XFS can be made in. It is sparse.
const IMAGE_BYTES: u64 = 320 << 20;
/// The fixtures that lie on each file system.
const NAMES: [&str; 3] = ["two-policies", "empty", "big-metadata"];
/// Names beside a database, so many that its directory is listed in several calls.
const STRAYS: u32 = 3000;

fn overlay(dir: &Path, place: &Path) -> Result<(), String> {
    // Its upper directory has to lie on a file system with attributes; tmpfs has them.
    let below = dir.join("below");
    fs::create_dir(&below).expect("made");
    run("mount", &["-t", "tmpfs", "tmpfs"], &below)?;
    for name in ["lower", "upper", "work"] {
        fs::create_dir(below.join(name)).expect("made");
    }
    let at = below.display();
    let layers = format!("lowerdir={at}/lower,upperdir={at}/upper,workdir={at}/work");
    run("mount", &["-t", "overlay", "overlay", "-o", &layers], place)
}

/// What the walk finds below a device, in its order, and what the reader says of each.
fn walk(device: &Path, reader: &mut Reader) -> Vec<(PathBuf, Result<asked::Facts, Rule>)> {
    let mut walker = Walker::new(Limits::DEFAULT);
    walker.begin_below(&device.join("containers"), Floor::Datadir);
    let mut answers = Vec::new();
    loop {
        let mut peek = Err(Rule::Name);
        let path = match walker.next_ahead(&mut |dir, name| peek = reader.open(dir, name)) {
            Walked::Found(path) => PathBuf::from(std::ffi::OsStr::from_bytes(path)),
            Walked::Going => continue,
            Walked::End => return answers,
            Walked::Hit(floor, trouble) => panic!("{floor:?}: {trouble:?}"),
        };
        let here = walker.here().expect("a hash directory");
        let beside = beside(here, walker.position().hash);
        let read = peek.and_then(|peek| reader.read(peek, here.dir, &beside));
        answers.push((path, read.map(|row| asked::facts(&row))));
    }
}

/// The claims, of the file system mounted on `place`.
fn answers_of_sqlite(system: &str, place: &Path) {
    let tree = Tree::at(place);
    let mut reader = Reader::new();
    let mut dbs: Vec<PathBuf> =
        NAMES.iter().map(|name| tree.add("sda", fixtures::named(name)).db()).collect();
    super::teach(&mut reader, dbs[0].parent().expect("a hash directory")).expect("learnt");
    let device = place.join("sda");
    let answers = walk(&device, &mut reader);
    assert_eq!(answers.len(), dbs.len(), "{system}");
    for (path, answer) in &answers {
        assert!(dbs.contains(path), "{system}: {}", path.display());
        assert_eq!(answer.as_ref().ok(), asked::sqlite(path).ok().as_ref(), "{system}: {answer:?}");
        assert!(answer.is_ok(), "{system}: {answer:?}");
    }
    dbs.sort();
    let (db, dir) = (&dbs[0], dbs[0].parent().expect("a hash directory"));
    let of = |reader: &mut Reader| {
        let answers = walk(&device, reader);
        answers.into_iter().find(|(path, _)| path == db).map(|(_, answer)| answer)
    };
    // A writer's lock is seen, and a journal, wherever in a long listing it stands.
    let writer = Connection::open(db).expect("opened");
    writer.busy_timeout(Duration::ZERO).expect("it waits for nobody");
    writer.execute_batch("BEGIN EXCLUSIVE").expect("locked");
    assert_eq!(of(&mut reader), Some(Err(Rule::Locked)), "{system}");
    writer.execute_batch("ROLLBACK").expect("unlocked");
    for number in 0..STRAYS {
        fs::write(dir.join(format!("stray-{number}")), b"").expect("written");
    }
    let journal = PathBuf::from(format!("{}-journal", db.display()));
    fs::write(&journal, b"x").expect("written");
    let left = of(&mut reader).expect("found").expect_err("left to SQLite");
    assert!(matches!(left, Rule::Journal | Rule::Listing), "{system}: {left:?}");
    // And SQLite waits for the reader, whose lock is the descriptor's.
    let open = fs::File::open(dir).expect("opened");
    fs::remove_file(&journal).expect("removed");
    let name = db.file_name().expect("a name").as_bytes();
    let peek = reader.open(std::os::fd::AsFd::as_fd(&open), name).expect("locked");
    let refused = writer.execute_batch("BEGIN EXCLUSIVE").expect_err("somebody reads");
    assert_eq!(refused.sqlite_error_code(), Some(rusqlite::ErrorCode::DatabaseBusy), "{system}");
    drop(peek);
    // A program that another test is starting may have the descriptor for a moment yet.
    writer.busy_timeout(PATIENCE).expect("now it waits");
    writer.execute_batch("BEGIN EXCLUSIVE; ROLLBACK").expect("the lock is gone");
}

#[test]
fn every_file_system_gives_the_answers_of_sqlite() {
    with_own_mounts(|| {
        type Make = fn(&Path, &Path) -> Result<(), String>;
        let systems: [(&str, Make); 5] = [
            ("ext4", |dir, place| image("mkfs.ext4", &["-q"], IMAGE_BYTES, dir, place)),
            ("xfs", |dir, place| image("mkfs.xfs", &["-q"], IMAGE_BYTES, dir, place)),
            ("btrfs", |dir, place| image("mkfs.btrfs", &["-q"], IMAGE_BYTES, dir, place)),
            ("overlay", overlay),
            ("tmpfs", |_, place| run("mount", &["-t", "tmpfs", "tmpfs"], place)),
        ];
        for (name, make) in systems {
            let dir = tempfile::tempdir().expect("a directory");
            let place = dir.path().join("mounted");
            fs::create_dir(&place).expect("made");
            match make(dir.path(), &place) {
                Ok(()) => answers_of_sqlite(name, &place),
                Err(why) => eprintln!("NOT TESTED: {name}: {why}"),
            }
            for mounted in [&place, &dir.path().join("below")] {
                // One that is not mounted is left alone.
                let _ = unmount(mounted);
            }
        }
    });
}
