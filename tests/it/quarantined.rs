//! What lies in the quarantine, and the way back, through the command and on real directories.
use std::ffi::OsStr;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use martlet_platform_linux::quarantined::{Home, Occupied, home, purge, quarantined, restore};
use martlet_tests::command::martlet;
use martlet_tests::damage;
use martlet_tests::demo::confs;
use martlet_tests::fixtures::named;
use martlet_tests::tree::{Placed, Tree};
use serde_json::Value;
use tempfile::TempDir;

/// A node with three sound containers on one device, so that its part power can be told.
struct Node {
    tree: Tree,
    dir: TempDir,
    conf: PathBuf,
    swift: PathBuf,
}

impl Node {
    fn new() -> Self {
        let (tree, dir) = (Tree::new(), TempDir::new().expect("a folder"));
        for name in ["one", "two", "three"] {
            let _sound = tree.add_as("sda", named("small"), "AUTH_a", name);
        }
        let (conf, swift) = confs(dir.path(), &tree);
        Self { tree, dir, conf, swift }
    }

    /// A container that is in the quarantine under `name`, by Swift's own hand.
    fn moved_by_swift(&self, container: &str, name: impl Fn(&str) -> String) -> (Placed, PathBuf) {
        let placed = self.tree.add_as("sda", named("small"), "AUTH_a", container);
        let to = self.device().join("quarantined/containers").join(name(&placed.stem));
        fs::create_dir_all(to.parent().expect("it has one")).expect("a place");
        fs::rename(&placed.dir, &to).expect("moved");
        (placed, to)
    }

    fn device(&self) -> PathBuf {
        self.tree.devices().join("sda")
    }

    fn run(&self, what: &str, words: &[&OsStr]) -> Output {
        let mut command = Command::new(martlet());
        command.args(["quarantine", what]).arg(&self.conf).args(words);
        if what == "restore" {
            command.arg("--swift-conf").arg(&self.swift);
        }
        command.output().expect("the command runs")
    }
}

fn said(output: &Output) -> (Option<i32>, String) {
    let all = [&*output.stdout, &output.stderr].concat();
    (output.status.code(), String::from_utf8_lossy(&all).into_owned())
}

const UUID: &str = "0123456789abcdef0123456789abcdef";

#[test]
fn what_a_pass_moved_is_listed_shown_and_restored() {
    let node = Node::new();
    let placed = node.tree.add_as("sda", named("small"), "AUTH_a", "hurt");
    damage::write_at(&placed.db(), 0, &damage::junk(100, 7));
    let bytes = fs::read(placed.db()).expect("there");
    let (db, name) = (placed.db(), OsStr::new(&placed.stem));
    let mut once = Command::new(martlet());
    let once = once.args(["once", "-q"]).arg(&node.conf).arg("--swift-conf").arg(&node.swift);
    assert_eq!(once.output().expect("it runs").status.code(), Some(2));
    assert!(!placed.dir.exists(), "it was moved");

    let listed = node.run("list", &["--json".as_ref()]);
    let line: Value = serde_json::from_slice(&listed.stdout).expect("one object");
    assert_eq!(line["hash"].as_str(), name.to_str());
    assert_eq!(line["device"], "sda");
    let (code, text) = said(&node.run("show", &[name]));
    assert_eq!(code, Some(2), "{text}");
    for words in
        ["structure-not-a-database", "nothing is there", "quarantine restore", "It is in the"]
    {
        assert!(text.contains(words), "{words}: {text}");
    }
    // What Swift would fail on goes back only if that is wanted.
    let (code, text) = said(&node.run("restore", &[name]));
    for words in ["structure-not-a-database", "not restored: it is damaged; --force"] {
        assert!(code == Some(1) && text.contains(words) && !db.exists(), "{words}: {text}");
    }
    assert_eq!(said(&node.run("restore", &[name, "--force".as_ref()])).0, Some(0));
    assert_eq!(fs::read(db).expect("it is back"), bytes);
    let (code, text) = said(&node.run("list", &[]));
    assert!(code == Some(0) && text.starts_with("nothing is in the quarantine"), "{text}");
    assert_eq!(said(&node.run("list", &["--json".as_ref()])), (Some(0), String::new()));
    // What lies on a disk that is not there is not nothing.
    let text = fs::read_to_string(&node.conf).expect("the conf");
    fs::write(&node.conf, text.replace("mount_check = false", "mount_check = true"))
        .expect("written");
    let (code, text) = said(&node.run("list", &[]));
    assert!(code == Some(3) && text.contains("sda is not mounted"), "{text}");
}

#[test]
fn what_swift_moved_goes_home_under_either_name() {
    for (container, name) in [("plain", ""), ("again", UUID)] {
        let node = Node::new();
        let suffix = if name.is_empty() { String::new() } else { format!("-{name}") };
        let (placed, away) = node.moved_by_swift(container, |hash| format!("{hash}{suffix}"));
        let (code, text) = said(&node.run("list", &[]));
        assert_eq!(code, Some(0));
        assert!(text.starts_with(&format!("AUTH_a/{container}  {}", away.display())), "{text}");
        let own = format!("AUTH_a/{container}");
        let (code, text) = said(&node.run("restore", &[own.as_ref()]));
        assert_eq!((code, &*text), (Some(0), &*format!("restored {}\n", placed.dir.display())));
        assert!(placed.db().exists() && !away.exists());
    }
}

#[test]
fn nothing_that_is_there_is_touched() {
    type Make = fn(&Path);
    let node = Node::new();
    let (placed, away) = node.moved_by_swift("hurt", str::to_owned);
    let entry = &quarantined(&node.device()).expect("listed")[0];
    let home = home(&node.device(), entry.hash().expect("a hash")).expect("listed").expect("told");
    assert_eq!(home.path(&node.device()), placed.dir);
    let database: Make = |hash| {
        fs::create_dir_all(hash).expect("made");
        fs::write(hash.join("x.db"), "newer").expect("written");
    };
    let file: Make = |hash| fs::write(hash, "a file").expect("written");
    let link: Make = |hash| symlink("/tmp", hash).expect("a link");
    let other: Make = |hash| {
        fs::create_dir_all(hash).expect("made");
        fs::write(hash.join("x.tmp"), "others write").expect("written");
    };
    let linked_suffix: Make = |hash| {
        let suffix = hash.parent().expect("it has one");
        fs::remove_dir_all(suffix).expect("gone");
        symlink("/tmp", suffix).expect("a link");
    };
    for (what, make, is_database) in [
        ("a database", database, true),
        ("a file", file, false),
        ("a link", link, false),
        ("other files", other, false),
        ("a link above", linked_suffix, false),
    ] {
        let suffix = placed.dir.parent().expect("it has one");
        let _absent = fs::remove_file(suffix);
        let _absent = fs::remove_dir_all(suffix);
        fs::create_dir_all(suffix).expect("made");
        make(&placed.dir);
        let refused = restore(entry, &home).expect_err(what);
        assert_eq!(matches!(refused, Occupied::Database(_)), is_database, "{what}: {refused}");
        assert!(away.join(format!("{}.db", placed.stem)).exists(), "{what}: it stays");
        let (code, text) = said(&node.run("restore", &[OsStr::new(&placed.stem)]));
        assert!(code == Some(1) && text.contains("not restored"), "{what}: {text}");
    }
    let suffix = placed.dir.parent().expect("it has one");
    fs::remove_file(suffix).expect("the link");
    fs::create_dir_all(&placed.dir).expect("an empty directory is in nobody's way");
    assert_eq!(restore(entry, &home).expect("restored"), placed.dir);
}

#[test]
fn a_file_of_another_name_and_another_cluster_stay() {
    let node = Node::new();
    let (placed, away) = node.moved_by_swift("hurt", str::to_owned);
    fs::write(&node.swift, "[swift-hash]\nswift_hash_path_suffix = other\n").expect("written");
    let (code, text) = said(&node.run("restore", &[OsStr::new(&placed.stem)]));
    assert!(code == Some(1) && text.contains("swift.conf of its cluster"), "{text}");
    fs::rename(away.join(format!("{}.db", placed.stem)), away.join("x.db")).expect("renamed");
    let entry = &quarantined(&node.device()).expect("listed")[0];
    let home = Home { hash: entry.hash().expect("a hash"), partition: 1 };
    assert!(matches!(restore(entry, &home), Err(Occupied::Misnamed(_))));
}

#[test]
fn without_a_partition_that_tells_it_must_be_named() {
    let node = Node::new();
    let (placed, _away) = node.moved_by_swift("hurt", str::to_owned);
    fs::remove_dir_all(node.device().join("containers")).expect("gone");
    fs::create_dir(node.device().join("containers")).expect("made");
    let (code, text) = said(&node.run("restore", &[OsStr::new(&placed.stem)]));
    assert!(code == Some(1) && text.contains("--partition"), "{text}");
    let to = |partition: &str| {
        said(&node.run("restore", &[&placed.stem, "--partition", partition].map(OsStr::new)))
    };
    let top = u32::from_str_radix(&placed.stem[..8], 16).expect("hex");
    let (code, text) = to(&((top >> 22) ^ 1).to_string());
    assert!(code == Some(1) && text.contains("belongs in no partition"), "{text}");
    let partition = (top >> 22).to_string();
    assert_eq!(to(&partition).0, Some(0));
    let place = node.device().join("containers").join(partition).join(&placed.stem[29..]);
    assert!(place.join(&placed.stem).is_dir());
}

#[test]
fn what_the_other_partitions_say_is_not_gainsaid() {
    let node = Node::new();
    let (placed, away) = node.moved_by_swift("hurt", str::to_owned);
    let words = [&placed.stem, "--partition", "0"].map(OsStr::new);
    let (code, text) = said(&node.run("restore", &words));
    assert!(code == Some(1) && text.contains("as the other partitions"), "{text}");
    assert!(away.is_dir());
}

#[test]
fn links_and_files_in_the_quarantine_are_nobodys() {
    let node = Node::new();
    let (_, away) = node.moved_by_swift("hurt", str::to_owned);
    let place = away.parent().expect("it has one");
    fs::write(place.join("a-file"), "x").expect("written");
    symlink("/tmp", place.join("a-link")).expect("a link");
    fs::create_dir(place.join("by-hand")).expect("made");
    let found = quarantined(&node.device()).expect("listed");
    let names: Vec<_> = found.iter().map(|it| (it.name.clone(), it.hash().is_some())).collect();
    let own = away.file_name().expect("it has one").to_owned();
    let mut expected = vec![(own, true), ("by-hand".into(), false)];
    expected.sort();
    assert_eq!(names, expected);
    fs::rename(place, node.dir.path().join("elsewhere")).expect("moved");
    symlink(node.dir.path().join("elsewhere"), place).expect("a link");
    assert!(quarantined(&node.device()).is_err(), "a link leads out of the device");
    let (code, text) = said(&node.run("list", &[]));
    assert!(code == Some(3) && text.contains("cannot open"), "{text}");
}

#[test]
fn removing_is_asked_for_and_takes_what_was_listed_only() {
    let node = Node::new();
    let (placed, away) = node.moved_by_swift("hurt", str::to_owned);
    for (words, code, part) in [
        (&[][..], 1, "--older-than"),
        (&["--older-than", "1d"], 0, "nothing to remove"),
        (&["--older-than", "soon", "--yes"], 1, "soon"),
        (&["--older-than", "0s"], 1, "--yes"),
        (&["absent", "--yes"], 1, "absent"),
    ] {
        let words: Vec<&OsStr> = words.iter().map(OsStr::new).collect();
        let (ended, text) = said(&node.run("purge", &words));
        assert!(ended == Some(code) && text.contains(part), "{words:?}: {text}");
        assert!(away.is_dir(), "{words:?}");
    }
    let entry = quarantined(&node.device()).expect("listed").remove(0);
    fs::write(away.join("more"), "since it was listed").expect("written");
    assert!(purge(&entry).is_err(), "it is not what was listed");
    let words = [&placed.stem, "--yes", &placed.stem].map(OsStr::new);
    let (code, text) = said(&node.run("purge", &words));
    assert!(code == Some(0) && !away.exists(), "named twice: {text}");
    // What could not be looked at may be as old.
    let text = fs::read_to_string(&node.conf).expect("the conf");
    fs::write(&node.conf, text.replace("mount_check = false", "mount_check = true"))
        .expect("written");
    let (code, text) = said(&node.run("purge", &["--older-than", "0s", "--yes"].map(OsStr::new)));
    assert!(code == Some(3) && text.contains("is not mounted"), "{text}");
}

#[test]
fn lines_that_nobody_takes_are_no_success() {
    let node = Node::new();
    let dirs = ["four", "five"].map(|name| node.moved_by_swift(name, str::to_owned).1);
    let unread = |what: &str, words: &[&OsStr]| {
        let (reader, writer) = std::io::pipe().expect("a pipe");
        drop(reader);
        let mut command = Command::new(martlet());
        command.args(["quarantine", what]).arg(&node.conf).args(words).stdout(writer);
        let (code, said) = said(&command.output().expect("the command runs"));
        assert_eq!((code, &*said), (Some(1), ""), "{what}");
    };
    unread("show", &[dirs[0].as_os_str()]);
    let [yes, older, now] = ["--yes", "--older-than", "0s"].map(OsStr::new);
    unread("purge", &[yes, older, now]);
    assert!(dirs.iter().all(|dir| !dir.exists()), "it is removed for all that");
}
