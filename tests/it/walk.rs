//! The walk on real directories: order, windows, hostile names, and trouble in every place.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use martlet_core::walk::{Floor, Trouble, Walked};
use martlet_platform_linux::devices::{DeviceDir, devices};
use martlet_platform_linux::listing::{Kind, NAME_MAX};
use martlet_platform_linux::roots::{Root, root};
use martlet_platform_linux::walk::{Limits, Position, Walker};
use martlet_platform_linux::window::Bounds;
use nix::sys::stat::Mode;

/// Small enough that every directory of these trees is listed several times.
const SMALL: Limits = Limits { numbers: 3, names: Bounds { names: 2, bytes: 2 * NAME_MAX } };
/// Answers of one walk at most: a walk that does not end is a failure.
const ANSWERS_MAX: usize = 200_000;

const EACCES: i32 = 13;
const ENOTDIR: i32 = 20;
const ELOOP: i32 = 40;

/// A devices directory with one device.
struct Tree {
    root: tempfile::TempDir,
}

impl Tree {
    fn new() -> Self {
        let root = tempfile::tempdir().expect("a directory");
        fs::set_permissions(root.path(), fs::Permissions::from_mode(0o755)).expect("opened to all");
        fs::create_dir_all(root.path().join("sda/containers")).expect("made");
        Self { root }
    }

    fn with(paths: &[&str]) -> Self {
        let tree = Self::new();
        for path in paths {
            tree.file(path);
        }
        tree
    }

    /// Makes a file below `containers`.
    fn file(&self, path: impl AsRef<Path>) {
        let path = self.at(path);
        fs::create_dir_all(path.parent().expect("a directory")).expect("made");
        fs::write(path, b"").expect("written");
    }

    fn at(&self, path: impl AsRef<Path>) -> PathBuf {
        self.root.path().join("sda/containers").join(path)
    }

    fn device(&self) -> DeviceDir {
        DeviceDir::new(self.root.path().join("sda"), false)
    }

    fn walk(&self, limits: Limits) -> Seen {
        let mut walker = Walker::new(limits);
        walker.begin(&self.device());
        self.rest(&mut walker)
    }

    /// Walks on to the end. Paths are told from `containers` on.
    fn rest(&self, walker: &mut Walker) -> Seen {
        let mut seen = Seen::default();
        for _ in 0..ANSWERS_MAX {
            let hit = match walker.next() {
                Walked::Found(path) => {
                    seen.found.push(self.told(path));
                    continue;
                }
                Walked::Going => continue,
                Walked::End => return seen,
                Walked::Hit(floor, trouble) => (floor, trouble),
            };
            seen.hits.push((hit.0, hit.1, self.told(walker.path())));
        }
        panic!("the walk did not end");
    }

    fn told(&self, path: &[u8]) -> PathBuf {
        let path = PathBuf::from(std::ffi::OsString::from_vec(path.to_vec()));
        path.strip_prefix(self.at("")).map(Path::to_owned).unwrap_or(path)
    }
}

#[derive(Debug, Default, PartialEq)]
struct Seen {
    found: Vec<PathBuf>,
    hits: Vec<(Floor, Trouble, PathBuf)>,
}

impl Seen {
    /// What was found; nothing may have been hit.
    fn found_only(&self) -> Vec<&str> {
        assert_eq!(self.hits, [], "nothing was in the way");
        self.found()
    }

    fn found(&self) -> Vec<&str> {
        self.found.iter().map(|path| path.to_str().expect("plain names")).collect()
    }
}

/// Runs `deed` as a user who owns nothing here: in a thread of its own, if this is root.
fn as_nobody(deed: impl FnOnce() + Send) {
    std::thread::scope(|scope| {
        scope.spawn(|| {
            if nix::unistd::geteuid().is_root() {
                nix::unistd::setfsgid(65_534.into());
                nix::unistd::setfsuid(65_534.into());
            }
            deed();
        });
    });
}

#[test]
fn partitions_ascend_as_numbers_suffixes_and_hashes_as_bytes_and_files_descend() {
    let expected = [
        "0/abc/h/h.db",
        "1/abc/h/h.db",
        "9/abc/h/h.db",
        "10/00b/a/a.db",
        "10/00b/b/b_2.db",
        "10/00b/b/b_1.db",
        "10/00b/b/b.db",
        "10/00c/a/z.db",
        "10/00c/a/_.db",
        "10/00c/a/.db",
        "1021/abc/h/h.db",
        "70000/abc/h/h.db",
        "4294967295/abc/h/h.db",
        "-1/abc/h/h.db",
        ".hidden/abc/h/h.db",
        "007/abc/h/h.db",
        "4294967296/abc/h/h.db",
        "tmp/abc/h/h.db",
    ];
    let tree = Tree::with(&expected);
    tree.file("10/00b/b/b.db.pending");
    tree.file("10/00b/b/b.DB");
    for limits in [Limits::DEFAULT, SMALL] {
        let seen = tree.walk(limits);
        assert_eq!(seen.found_only(), expected, "{limits:?}");
    }
}

#[test]
fn a_walk_begins_again_where_it_was_and_its_share_only_grows() {
    let tree = Tree::new();
    for path in ["2/a/x", "2/b/x", "2/b/y", "30/a/x", "30/a/y", "30/c/z", "odd/a/x", "pdd/q/r"] {
        tree.file(Path::new(path).join("1.db"));
        tree.file(Path::new(path).join("2.db"));
    }
    for limits in [Limits::DEFAULT, SMALL] {
        let whole = tree.walk(limits).found;
        let (mut walker, mut last, mut at) = (Walker::new(limits), 0.0, 0);
        walker.begin(&tree.device());
        while let Walked::Found(path) = walker.next() {
            let path = tree.told(path);
            let share = walker.share();
            assert!(last <= share && share < 1.0, "{share} after {last} at {path:?}");
            last = share;
            // The hash directory is walked again from its first file.
            let first =
                whole.iter().position(|of| of.parent() == path.parent()).expect("it is there");
            let mut again = Walker::new(limits);
            again.begin_at(&tree.device(), walker.position());
            assert_eq!(tree.rest(&mut again).found, whole[first..], "from {path:?}");
            at += 1;
        }
        assert_eq!((at, walker.share().to_bits()), (whole.len(), 1.0_f64.to_bits()));
    }
}

#[test]
fn a_position_that_is_gone_begins_at_what_follows_its_place() {
    let tree =
        Tree::with(&["1/a/x/f.db", "3/a/x/f.db", "3/c/x/f.db", "3/c/z/f.db", "odd/a/x/f.db"]);
    let check = |partition: &str, suffix: &str, hash: &str, first: Option<&str>| {
        let (partition, suffix, hash) = (partition.as_bytes(), suffix.as_bytes(), hash.as_bytes());
        let mut walker = Walker::new(SMALL);
        walker.begin_at(&tree.device(), Position { partition, suffix, hash });
        assert_eq!(tree.rest(&mut walker).found().first().copied(), first);
    };
    check("1", "a", "x", Some("1/a/x/f.db"));
    check("1", "a", "y", Some("3/a/x/f.db"));
    check("2", "z", "z", Some("3/a/x/f.db"));
    check("3", "b", "z", Some("3/c/x/f.db"));
    check("3", "c", "y", Some("3/c/z/f.db"));
    check("4", "a", "x", Some("odd/a/x/f.db"));
    check("odd", "a", "x", Some("odd/a/x/f.db"));
    check("zzz", "a", "x", None);
    check("", "", "", Some("odd/a/x/f.db"));
}

#[test]
fn names_are_any_bytes_and_a_db_of_any_type_is_found() {
    let tree = Tree::new();
    let long = "n".repeat(NAME_MAX);
    let names: [&[u8]; 6] =
        [b"\xff\xfe", b"new\nline", b" ", b"%s?", "\u{e9}".as_bytes(), long.as_bytes()];
    let mut expected = BTreeSet::new();
    for name in names {
        let name = Path::new(std::ffi::OsStr::from_bytes(name));
        let path = name.join(name).join(name).join("x.db");
        tree.file(&path);
        expected.insert(path);
    }
    let odd = tree.at("5/abc/odd");
    fs::create_dir_all(odd.join("dir.db")).expect("made");
    nix::unistd::mkfifo(&odd.join("fifo.db"), Mode::S_IRWXU).expect("made");
    symlink("nowhere", odd.join("dangling.db")).expect("linked");
    symlink("loop.db", odd.join("loop.db")).expect("linked");
    for name in ["dir.db", "fifo.db", "dangling.db", "loop.db"] {
        expected.insert(Path::new("5/abc/odd").join(name));
    }
    for limits in [Limits::DEFAULT, SMALL] {
        let seen = tree.walk(limits);
        assert_eq!(seen.hits, []);
        assert_eq!(seen.found.len(), expected.len());
        assert_eq!(seen.found.into_iter().collect::<BTreeSet<_>>(), expected);
    }
}

#[test]
fn a_file_or_a_fifo_where_a_directory_was_expected_is_nothing() {
    let tree = Tree::with(&["3/abc/h/h.db"]);
    for dir in ["", "3", "3/abc"] {
        fs::write(tree.at(dir).join("1"), b"").expect("written");
        nix::unistd::mkfifo(&tree.at(dir).join("2"), Mode::S_IRWXU).expect("made");
        symlink("1", tree.at(dir).join("4")).expect("linked");
        symlink("2", tree.at(dir).join("5")).expect("linked");
        symlink("nowhere", tree.at(dir).join("6")).expect("linked");
    }
    let seen = tree.walk(Limits::DEFAULT);
    assert_eq!(seen.found_only(), ["3/abc/h/h.db"]);
}

#[test]
fn links_are_followed_and_a_loop_of_them_is_one_hit() {
    let tree = Tree::with(&["1/abc/h/h.db", "9/abc/h/h.db"]);
    symlink("1", tree.at("2")).expect("linked");
    symlink("../1/abc", tree.at("9/abd")).expect("linked");
    symlink("h", tree.at("9/abc/i")).expect("linked");
    for dir in ["", "9", "9/abc"] {
        symlink("5", tree.at(dir).join("5")).expect("linked");
    }
    let seen = tree.walk(Limits::DEFAULT);
    let expected = ["1/abc/h/h.db", "2/abc/h/h.db", "9/abc/h/h.db", "9/abc/i/h.db", "9/abd/h/h.db"];
    assert_eq!(seen.found(), expected);
    let hit = |floor, path: &str| (floor, Trouble::Errno(ELOOP), PathBuf::from(path));
    let hits = [hit(Floor::Partition, "5"), hit(Floor::Suffix, "9/5"), hit(Floor::Hash, "9/abc/5")];
    assert_eq!(seen.hits, hits);
}

#[test]
fn a_directory_that_may_not_be_listed_is_said_and_the_walk_goes_on_beside_it() {
    let tree = Tree::new();
    let locked = ["2", "3/b", "3/c/y"];
    for path in ["1/a/x", "2/a/x", "3/a/x", "3/b/x", "3/c/x", "3/c/y", "3/c/z", "4/a/x"] {
        tree.file(Path::new(path).join("f.db"));
    }
    let mode = |path: &str, mode| {
        fs::set_permissions(tree.at(path), fs::Permissions::from_mode(mode)).expect("changed");
    };
    let hit = |floor, path: &str| (floor, Trouble::Errno(EACCES), PathBuf::from(path));
    for path in locked {
        mode(path, 0);
    }
    as_nobody(|| {
        let seen = tree.walk(Limits::DEFAULT);
        let found = ["1/a/x/f.db", "3/a/x/f.db", "3/c/x/f.db", "3/c/z/f.db", "4/a/x/f.db"];
        assert_eq!(seen.found(), found);
        let hits =
            [hit(Floor::Partition, "2"), hit(Floor::Suffix, "3/b"), hit(Floor::Hash, "3/c/y")];
        assert_eq!(seen.hits, hits);
    });
    mode("", 0);
    as_nobody(|| {
        let seen = tree.walk(Limits::DEFAULT);
        assert_eq!(seen, Seen { found: vec![], hits: vec![hit(Floor::Datadir, "")] });
    });
    mode("", 0o755);
    for path in locked {
        mode(path, 0o755);
    }
}

#[test]
fn a_device_may_lack_containers_be_a_file_or_be_missing() {
    let tree = Tree::new();
    fs::remove_dir(tree.at("")).expect("removed");
    assert_eq!(tree.walk(Limits::DEFAULT), Seen::default(), "no containers: nothing, as in Swift");

    let device = tree.root.path().join("sda");
    let containers = (Floor::Datadir, Trouble::Errno(ENOTDIR), PathBuf::new());
    fs::remove_dir(&device).expect("removed");
    fs::write(&device, b"").expect("written");
    assert_eq!(tree.walk(Limits::DEFAULT).hits, [containers]);

    for path in ["sda", "missing"] {
        let device = tree.root.path().join(path);
        let mut walker = Walker::new(Limits::DEFAULT);
        let unmounted = DeviceDir::new(device.clone(), true);
        walker.begin(&unmounted);
        let hits = [(Floor::Device, Trouble::NotMounted, device)];
        assert_eq!(tree.rest(&mut walker).hits, hits);
        walker.begin_partition(&unmounted, &unmounted.path.join("containers/7"));
        assert_eq!(tree.rest(&mut walker).hits, hits, "a part of it");
    }
}

#[test]
fn what_vanishes_under_the_walk_is_nothing() {
    for limits in [Limits::DEFAULT, SMALL] {
        let paths = ["1/a/x/f.db", "1/a/y/f.db", "1/b/x/f.db", "2/a/x/f.db", "3/a/x/f.db"];
        let tree = Tree::with(&paths);
        let mut walker = Walker::new(limits);
        walker.begin(&tree.device());
        assert!(matches!(walker.next(), Walked::Found(_)));
        for gone in ["1/a", "1/b", "2"] {
            fs::remove_dir_all(tree.at(gone)).expect("removed");
        }
        let seen = tree.rest(&mut walker);
        assert_eq!(seen.found_only(), ["3/a/x/f.db"], "{limits:?}");
    }
}

#[test]
fn a_hash_directory_of_many_more_files_than_fit_is_walked_in_order() {
    const FILES: u32 = 20_000;
    let tree = Tree::with(&["1/a/h/000000.db", "1/a/h/h.db-journal", "1/a/i/i.db"]);
    for number in 1..FILES {
        fs::File::create(tree.at(format!("1/a/h/{number:06}.db"))).expect("made");
    }
    let mut walker = Walker::new(Limits::DEFAULT);
    walker.begin(&tree.device());
    for number in (0..FILES).rev() {
        let found = loop {
            match walker.next() {
                Walked::Going => {}
                Walked::Found(path) => break path,
                other @ (Walked::Hit(..) | Walked::End) => panic!("{other:?} at {number}"),
            }
        };
        assert!(found.ends_with(format!("/{number:06}.db").as_bytes()));
        if number % 1000 == 0 {
            let here = walker.here().expect("it stands there");
            assert!(!here.is_complete() && here.names().count() <= Limits::DEFAULT.names.names);
        }
    }
    assert_eq!(tree.rest(&mut walker).found(), ["1/a/i/i.db"]);
}

#[test]
fn many_empty_directories_do_not_hold_the_walk_in_one_call() {
    let tree = Tree::with(&["4000/a/h/h.db"]);
    for number in 0..1000 {
        fs::create_dir(tree.at(number.to_string())).expect("made");
    }
    let mut walker = Walker::new(Limits::DEFAULT);
    walker.begin(&tree.device());
    assert_eq!(walker.next(), Walked::Going);
    assert_eq!(tree.rest(&mut walker).found(), ["4000/a/h/h.db"]);
}

#[test]
fn between_found_and_the_next_call_the_hash_directory_is_at_hand() {
    let tree = Tree::with(&["1/a/h/h.db", "1/a/h/h_1.db", "1/a/h/h.db-journal", "1/a/h/.lock"]);
    fs::create_dir(tree.at("1/a/h/dir")).expect("made");
    let mut walker = Walker::new(Limits::DEFAULT);
    walker.begin(&tree.device());
    assert!(walker.here().is_none());
    for name in ["h_1.db", "h.db"] {
        assert!(matches!(walker.next(), Walked::Found(_)));
        let here = walker.here().expect("it stands there");
        assert_eq!(here.name, name.as_bytes());
        assert!(here.is_complete());
        let names: Vec<_> = here.names().collect();
        let expected: [(&[u8], Kind); 5] = [
            (b"h_1.db", Kind::File),
            (b"h.db-journal", Kind::File),
            (b"h.db", Kind::File),
            (b"dir", Kind::Directory),
            (b".lock", Kind::File),
        ];
        assert_eq!(names, expected);
        let stat = nix::sys::stat::fstatat(here.dir, name, nix::fcntl::AtFlags::empty());
        assert!(stat.is_ok(), "the descriptor leads to {name}");
    }
    assert_eq!(walker.next(), Walked::End);
    assert!(walker.here().is_none());
}

#[test]
fn a_file_opened_ahead_is_opened_before_its_directory_is_listed() {
    let tree = Tree::with(&["1/a/h/h.db", "1/a/i/j.db"]);
    let mut walker = Walker::new(Limits::DEFAULT);
    let mut guesses = Vec::new();
    walker.begin(&tree.device());
    let mut found = 0;
    let mut next = |walker: &mut Walker| {
        let answer = walker.next_ahead(&mut |dir, name| {
            guesses.push(name.to_vec());
            // What a dying writer does while we wait for the lock.
            let flags = nix::fcntl::OFlag::O_CREAT;
            nix::fcntl::openat(dir, "late-journal", flags, Mode::S_IRWXU).expect("made");
        });
        matches!(answer, Walked::Found(_))
    };
    while next(&mut walker) {
        let here = walker.here().expect("it stands there");
        assert!(here.names().any(|(name, _)| name == b"late-journal"));
        found += 1;
    }
    assert_eq!((found, guesses), (2, vec![b"h.db".to_vec(), b"i.db".to_vec()]));
}

#[test]
fn a_path_is_known_by_its_shape_and_walked_from_its_floor() {
    let tree = Tree::with(&["1/abc/h/h.db", "1/abd/i/i.db", "2/abc/h/h.db"]);
    let copy = tempfile::tempdir().expect("a directory");
    let nameless = copy.path().join("copied");
    fs::rename(tree.at(""), &nameless).expect("moved");
    let check = |path: &Path, expected: Root, databases: &[&str]| {
        assert_eq!(root(path).expect("a known shape"), expected, "{path:?}");
        let mut walker = Walker::new(Limits::DEFAULT);
        match expected {
            Root::Below(floor) => walker.begin_below(path, floor),
            Root::Device => walker.begin(&DeviceDir::new(path.to_owned(), false)),
            Root::File | Root::Devices => return,
        }
        let seen = tree.rest(&mut walker);
        let found: Vec<_> = databases.iter().map(|name| path.join(name)).collect();
        let told: Vec<_> =
            found.iter().map(|path| tree.told(path.as_os_str().as_bytes())).collect();
        assert_eq!((seen.found, seen.hits), (told, vec![]), "{path:?}");
    };
    let all = ["1/abc/h/h.db", "1/abd/i/i.db", "2/abc/h/h.db"];
    check(&nameless, Root::Below(Floor::Datadir), &all);
    check(&nameless.join("1"), Root::Below(Floor::Partition), &["abc/h/h.db", "abd/i/i.db"]);
    check(&nameless.join("1/abc"), Root::Below(Floor::Suffix), &["h/h.db"]);
    check(&nameless.join("1/abc/h"), Root::Below(Floor::Hash), &["h.db"]);
    check(&nameless.join("1/abc/h/h.db"), Root::File, &[]);
    fs::rename(&nameless, tree.at("")).expect("moved back");
    check(tree.root.path(), Root::Devices, &[]);
    check(
        &tree.root.path().join("sda"),
        Root::Device,
        &all.map(|name| format!("containers/{name}")).each_ref().map(String::as_str),
    );
    check(&tree.at(""), Root::Below(Floor::Datadir), &all);
    fs::create_dir_all(tree.at("7/empty")).expect("made");
    check(&tree.at("7/empty"), Root::Below(Floor::Suffix), &[]);

    let missing = tree.at("nothing");
    let error = root(&missing).expect_err("nothing there").to_string();
    assert!(error.starts_with(&format!("cannot find {}: ", missing.display())), "{error}");
    let error = root(copy.path()).expect_err("an empty directory").to_string();
    assert!(error.starts_with("cannot find databases below "), "{error}");
}

#[test]
fn devices_are_listed_whatever_they_are_and_a_missing_directory_is_an_error() {
    let tree = Tree::new();
    fs::write(tree.root.path().join("file"), b"").expect("written");
    let listed = devices(tree.root.path(), true).expect("it is there");
    let names: BTreeSet<_> = listed.iter().map(|device| device.path.clone()).collect();
    assert_eq!(names, ["file", "sda"].map(|name| tree.root.path().join(name)).into());
    let disks: BTreeSet<_> = listed.iter().map(|device| device.disk).collect();
    assert_eq!(disks.len(), 1, "both lie on one disk: {disks:?}");
    let error = devices(&tree.at("missing"), true).expect_err("not there").to_string();
    assert!(error.starts_with("cannot list /") && error.ends_with("(os error 2)"), "{error}");
}
