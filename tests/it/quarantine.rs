//! What moves to the quarantine and what stays, on real directories.

use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use martlet_core::path::DbPath;
use martlet_core::quarantine::{Siblings, What};
use martlet_platform_linux::error::Error;
use martlet_platform_linux::probe::probe;
use martlet_platform_linux::quarantine::{
    Identity, Moved, SIBLINGS_MAX, Stamp, quarantine, siblings,
};

/// A device with one hash directory `h`, in which files are made.
struct Device {
    root: tempfile::TempDir,
}

impl Device {
    fn with(files: &[&str]) -> Self {
        let device = Self { root: tempfile::tempdir().expect("a directory") };
        fs::create_dir_all(device.hash("")).expect("made");
        for file in files {
            fs::write(device.hash(file), file).expect("written");
        }
        device
    }

    fn hash(&self, file: &str) -> PathBuf {
        self.root.path().join("containers/5/abc/h").join(file)
    }

    fn away(&self, name: &str) -> PathBuf {
        self.root.path().join("quarantined/containers").join(name)
    }

    fn path(&self, file: &str) -> DbPath {
        DbPath::new(self.hash(file).as_os_str().as_bytes())
    }

    fn seen(&self, file: &str) -> Identity {
        let dir = fs::File::open(self.hash("")).expect("there");
        Identity::at(std::os::fd::AsFd::as_fd(&dir), file.as_bytes()).expect("there")
    }

    fn quarantine(&self, file: &str, what: What) -> Result<Moved, Error> {
        quarantine(&self.path(file), what, self.seen(file))
    }
}

fn names(dir: impl AsRef<Path>) -> Vec<String> {
    let entries = fs::read_dir(dir).expect("a directory");
    let mut names: Vec<_> = entries
        .map(|entry| entry.expect("listed").file_name().into_string().expect("plain"))
        .collect();
    names.sort();
    names
}

#[test]
fn a_hash_directory_goes_where_swift_puts_it_and_its_suffix_stays() {
    let device = Device::with(&["h.db", "h.db-journal", ".lock"]);
    let links = fs::metadata(device.hash("h.db")).expect("there").nlink();
    let moved = device.quarantine("h.db", What::HashDir).expect("moved");
    assert_eq!((moved.from, moved.to), (device.hash("").components().collect(), device.away("h")));
    assert!(moved.unsynced.is_none());
    assert_eq!(names(device.away("h")), [".lock", "h.db", "h.db-journal"]);
    assert_eq!(names(device.root.path().join("containers/5")), ["abc"]);
    assert!(names(device.root.path().join("containers/5/abc")).is_empty());
    assert_eq!(fs::metadata(device.away("h/h.db")).expect("there").nlink(), links);
    let mode = fs::metadata(device.away("")).expect("there").permissions().mode();
    assert_eq!(mode & 0o022, 0, "nobody else may write there");
}

#[test]
fn a_name_that_is_taken_gets_32_hex_digits_and_an_empty_one_is_used() {
    for what in [What::HashDir, What::FileAndSides] {
        let device = Device::with(&["h.db"]);
        fs::create_dir_all(device.away("h")).expect("made");
        let moved = device.quarantine("h.db", what).expect("moved");
        assert_eq!(moved.to, device.away("h"), "{what:?} onto an empty directory");

        fs::create_dir_all(device.hash("")).expect("made");
        fs::write(device.hash("h.db"), b"again").expect("written");
        let moved = device.quarantine("h.db", what).expect("moved");
        let name = moved.to.file_name().expect("a name").to_str().expect("plain");
        let digits = name.strip_prefix("h-").expect("Swift's form");
        assert_eq!(digits.len(), 32);
        assert!(digits.bytes().all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f')), "{digits}");
        assert_eq!(fs::read(device.away("h/h.db")).expect("there"), b"h.db", "the first is kept");
        assert_eq!(fs::read(moved.to.join("h.db")).expect("there"), b"again");
    }
}

#[test]
fn only_the_file_and_its_own_sides_leave_a_directory_with_a_sibling() {
    let all = [
        "h.db",
        "h.db-journal",
        "h.db-wal",
        "h.db-shm",
        "h.db.pending",
        "h.dbx",
        ".lock",
        "zzz.db",
        "zzz.db-journal",
    ];
    let device = Device::with(&all);
    let moved = device.quarantine("h.db", What::FileAndSides).expect("moved");
    assert_eq!((moved.from, moved.to), (device.hash("h.db"), device.away("h")));
    let gone = ["h.db", "h.db-journal", "h.db-shm", "h.db-wal", "h.db.pending"];
    assert_eq!(names(device.away("h")), gone);
    assert_eq!(names(device.hash("")), [".lock", "h.dbx", "zzz.db", "zzz.db-journal"]);

    let device = Device::with(&["h_1.db", "h_1.db-journal", "h_1.db.pending", "zzz.db"]);
    device.quarantine("h_1.db", What::FileAndSides).expect("moved");
    assert_eq!(names(device.away("h")), ["h_1.db", "h_1.db-journal"], "pending is of no epoch");
}

#[test]
fn what_is_no_longer_what_was_judged_stays() {
    for what in [What::HashDir, What::FileAndSides] {
        let device = Device::with(&["h.db"]);
        let seen = device.seen("h.db");
        // The old file lives on under another name, or its inode number could be used again.
        fs::rename(device.hash("h.db"), device.hash("old")).expect("moved");
        fs::write(device.hash("h.db"), b"a replicator's sound copy").expect("written");
        let error = quarantine(&device.path("h.db"), what, seen).expect_err("another file");
        let path = device.hash("h.db");
        let said = format!("cannot quarantine {}: it is not what was judged", path.display());
        assert_eq!(error.to_string(), said);

        let seen = device.seen("h.db");
        let suffix = device.root.path().join("containers/5/abc");
        fs::rename(suffix.join("h"), suffix.join("i")).expect("moved");
        fs::create_dir(suffix.join("h")).expect("made");
        fs::hard_link(suffix.join("i/h.db"), suffix.join("h/h.db")).expect("linked");
        quarantine(&device.path("h.db"), what, seen).expect_err("another directory");

        fs::remove_dir_all(suffix.join("h")).expect("removed");
        fs::rename(suffix.join("i"), suffix.join("h")).expect("moved back");
        fs::remove_file(suffix.join("h/h.db")).expect("removed");
        let error = quarantine(&device.path("h.db"), what, seen).expect_err("gone");
        assert_eq!(error.errno(), 2);
        assert!(names(device.away("")).is_empty(), "nothing was moved");
    }
}

#[test]
fn what_has_changed_or_got_a_neighbour_since_it_was_judged_stays() {
    for what in [What::HashDir, What::FileAndSides] {
        let device = Device::with(&["h.db"]);
        let seen = device.seen("h.db");
        // Another file that got the number of the one that is gone.
        let seen = Identity { file: Stamp { changed: (0, 0), ..seen.file }, ..seen };
        let error = quarantine(&device.path("h.db"), what, seen).expect_err("another file");
        assert!(error.to_string().ends_with("it is not what was judged"), "{error}");
        assert!(names(device.away("")).is_empty(), "nothing was moved");
    }
    for (name, what) in [
        ("zzz.db", What::HashDir),
        ("h_1700000000.00000.db", What::HashDir),
        ("h_1700000000.00000.db", What::FileAndSides),
    ] {
        let device = Device::with(&["h.db"]);
        let seen = device.seen("h.db");
        fs::write(device.hash(name), b"sound").expect("written");
        let error = quarantine(&device.path("h.db"), what, seen).expect_err(name);
        assert!(error.to_string().ends_with("another database has come into it"), "{error}");
        assert_eq!(names(device.hash("")).len(), 2, "{name}");
    }
}

#[test]
fn links_are_followed_to_the_directory_and_nowhere_after() {
    let device = Device::with(&["h.db"]);
    symlink("5", device.root.path().join("containers/6")).expect("linked");
    let path = device.root.path().join("containers/6/abc/h/h.db");
    let seen = device.seen("h.db");
    let path = DbPath::new(path.as_os_str().as_bytes());
    quarantine(&path, What::HashDir, seen).expect("through a linked partition, as in Swift");
    assert_eq!(names(device.away("h")), ["h.db"]);

    let elsewhere = tempfile::tempdir().expect("a directory");
    for link in ["quarantined", "quarantined/containers"] {
        for what in [What::HashDir, What::FileAndSides] {
            let device = Device::with(&["h.db"]);
            let link = device.root.path().join(link);
            fs::create_dir_all(link.parent().expect("a directory")).expect("made");
            symlink(elsewhere.path(), &link).expect("linked");
            let error = device.quarantine("h.db", what).expect_err("a link");
            assert_eq!((error.doing(), error.path()), ("open", &*link));
        }
    }
    for what in [What::HashDir, What::FileAndSides] {
        let device = Device::with(&["h.db"]);
        fs::create_dir_all(device.away("")).expect("made");
        symlink(elsewhere.path(), device.away("h")).expect("linked");
        device.quarantine("h.db", what).expect_err("a link");
        assert_eq!(names(device.hash("")), ["h.db"]);
    }
    assert!(names(elsewhere.path()).is_empty(), "nothing went through");

    let device = Device::with(&["other"]);
    let seen = device.seen("other");
    symlink("other", device.hash("h.db")).expect("linked");
    quarantine(&device.path("h.db"), What::HashDir, seen).expect_err("a linked database");
    assert_eq!(names(device.hash("")), ["h.db", "other"]);
}

#[test]
fn a_linked_database_is_moved_only_while_what_it_leads_to_is_what_was_judged() {
    let changes: [fn(&Path); 4] = [
        |_| (),
        |target| fs::write(target, "mended, where it is").expect("written"),
        |target| {
            // Of the same size, and with the number of the old one, if the disk likes.
            fs::write(target.with_extension("new"), "junk").expect("written");
            fs::rename(target.with_extension("new"), target).expect("replaced");
        },
        |target| fs::remove_file(target).expect("removed"),
    ];
    for (number, change) in changes.into_iter().enumerate() {
        for what in [What::HashDir, What::FileAndSides] {
            let device = Device::with(&[]);
            let target = device.root.path().join("target");
            fs::write(&target, "junk").expect("written");
            symlink(&target, device.hash("h.db")).expect("linked");
            let seen = device.seen("h.db");
            change(&target);
            let moved = quarantine(&device.path("h.db"), what, seen);
            assert_eq!(moved.is_ok(), number == 0, "change {number}: {moved:?}");
            let place = if number == 0 { device.away("h") } else { device.hash("") };
            assert_eq!(names(place), ["h.db"], "change {number}");
            assert_eq!(target.exists(), number != 3, "what it leads to is not moved");
        }
    }
    // One that leads nowhere, and then somewhere.
    let device = Device::with(&[]);
    symlink("../target", device.hash("h.db")).expect("linked");
    let seen = device.seen("h.db");
    assert_eq!(seen.leads_to, None);
    fs::write(device.hash("../target"), "sound").expect("written");
    quarantine(&device.path("h.db"), What::HashDir, seen).expect_err("it leads somewhere");
}

#[test]
fn an_error_leaves_everything_in_its_place() {
    let device = Device::with(&["h.db", "h.db-journal"]);
    fs::write(device.root.path().join("quarantined"), b"").expect("written");
    for what in [What::HashDir, What::FileAndSides] {
        let error = device.quarantine("h.db", what).expect_err("a file is in the way");
        assert_eq!(error.errno(), 20, "{error}");
        assert_eq!(names(device.hash("")), ["h.db", "h.db-journal"]);
    }
    fs::remove_file(device.root.path().join("quarantined")).expect("removed");
    fs::create_dir_all(device.away("")).expect("made");
    fs::write(device.away("h"), b"").expect("written");
    for what in [What::HashDir, What::FileAndSides] {
        let error = device.quarantine("h.db", what).expect_err("a file is in the way");
        assert_eq!(error.errno(), 20, "{error}");
        assert_eq!(names(device.hash("")), ["h.db", "h.db-journal"]);
    }
    let seen = device.seen("h.db");
    for path in ["h.db", "/c/p/s/h/h.db", "/d/c/p/s/../h.db", "c/p/s/h/h.db"] {
        quarantine(&DbPath::new(path.as_bytes()), What::HashDir, seen).expect_err(path);
    }
}

#[test]
fn siblings_are_counted_and_epochs_are_seen_whatever_lies_between_them() {
    let many: Vec<String> = (0..=SIBLINGS_MAX).map(|number| format!("{number}.db")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    let check = |files: &[&str], others, epochs| {
        let device = Device::with(files);
        let found = siblings(&device.path(files[0])).expect("listed");
        assert_eq!(found, Siblings { others, epochs }, "{files:?}");
    };
    check(&["h.db", "h.db-journal", "h.db.pending", ".lock"], 0, false);
    check(&["h_1.db"], 0, false);
    check(&["h.db", "zzz.db"], 1, false);
    check(&["zzz.db", "h.db"], 1, false);
    check(&["h.db", "h_1.db"], 1, true);
    check(&["h_1.db", "h0.db", "h.db"], 2, true);
    check(&["zzz.db", "h0.db", "h.db", "h_1.db"], 3, true);
    // More than are looked at: taken to be epochs, and nothing moves.
    check(&many, u32::try_from(SIBLINGS_MAX).expect("small"), true);
    let gone = siblings(&DbPath::new(b"/nowhere/h.db")).expect_err("no directory");
    assert_eq!(gone.to_string(), "cannot open /nowhere: No such file or directory (os error 2)");
}

#[test]
fn a_probe_reads_another_file_than_the_damaged_one() {
    let device = Device::with(&["h.db", "h.db-journal"]);
    fs::remove_file(device.hash("h.db-journal")).expect("removed");
    let ask = || probe(device.root.path(), &device.path("h.db"));
    let found = ask().expect("a device that is well");
    assert!(!found.read, "there is no other");
    assert!(!found.read_only && 0 < found.free_bytes && 0 < found.free_files);
    nix::unistd::mkfifo(&device.hash("fifo.db"), nix::sys::stat::Mode::S_IRWXU).expect("made");
    symlink("h.db", device.hash("link.db")).expect("linked");
    assert!(!ask().expect("well").read, "neither a FIFO nor a link is read");
    fs::write(device.hash("i.db"), b"bytes").expect("written");
    assert!(ask().expect("well").read);
    assert_eq!(probe(Path::new("/nowhere"), &device.path("h.db")), Err(2));
}
