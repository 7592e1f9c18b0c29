//! A single pass by command, and what it keeps for `martlet list`.
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;
use std::process::{Command, Output};

use martlet_tests::command::martlet;
use martlet_tests::daemon::{Running, conf, in_own_etc};
use martlet_tests::damage;
use martlet_tests::fixtures::named;
use martlet_tests::tree::Tree;
use serde_json::Value;
use tempfile::TempDir;

fn run(words: &[&str], conf: &Path) -> Output {
    Command::new(martlet()).args(words).arg(conf).output().expect("the command runs")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// The paths that are listed.
fn listed(conf: &Path) -> Vec<String> {
    let said = run(&["list", "--json"], conf);
    let path = |line: &str| {
        let object: Value = serde_json::from_str(line).expect("an object");
        object["path"].as_str().expect("a path").to_owned()
    };
    text(&said.stdout).lines().map(path).collect()
}

#[test]
fn what_a_single_pass_found_is_listed_until_it_is_mended() {
    let (tree, dir) = (Tree::new(), TempDir::new().expect("a folder"));
    let placed = tree.add("sda", named("small"));
    let (db, whole) = (placed.db(), std::fs::read(placed.db()).expect("there"));
    let conf = conf(dir.path(), tree.devices(), "quarantine = false\nlog_level = INFO");
    damage::cut(&db, 4096);
    let list = run(&["list"], &conf);
    assert!(text(&list.stdout).starts_with("nothing was found as yet"), "{}", text(&list.stdout));

    assert_eq!(run(&["once", "-q", "--dry-run"], &conf).status.code(), Some(2));
    assert!(listed(&conf).is_empty(), "a dry run keeps nothing");
    assert_eq!(run(&["once", "-q"], &conf).status.code(), Some(2));
    assert_eq!(listed(&conf), [db.to_str().expect("text")]);
    assert_eq!(run(&["list"], &conf).status.code(), Some(2));
    let status = text(&run(&["status"], &conf).stdout);
    assert!(status.contains("1 found and not mended: martlet list "), "{status}");

    std::fs::write(&db, whole).expect("mended");
    assert_eq!(run(&["once", "-q"], &conf).status.code(), Some(0));
    let list = run(&["list"], &conf);
    assert_eq!(text(&list.stdout), "nothing that is not mended\n");
    assert_eq!(list.status.code(), Some(0));
}

#[test]
fn a_single_pass_beside_the_daemon_leaves_findings_to_it_and_says_so() {
    let (tree, dir) = (Tree::new(), TempDir::new().expect("a folder"));
    let placed = tree.add("sda", named("small"));
    damage::cut(&placed.db(), 4096);
    let conf = conf(dir.path(), tree.devices(), "quarantine = false\nlog_level = INFO");
    let daemon = Running::start(&conf);
    daemon.until_so("it keeps what it found", |_| !listed(&conf).is_empty());
    let said = run(&["once", "-q"], &conf);
    assert_eq!(said.status.code(), Some(2));
    let log = text(&said.stderr);
    assert!(
        log.contains("nothing is kept for martlet list: the daemon of this conf runs"),
        "{log}"
    );
    let (_, status, _) = daemon.end();
    assert!(status.success());
}

#[test]
fn a_partition_of_a_device_that_is_not_mounted_is_skipped_and_not_audited() {
    let (tree, dir) = (Tree::new(), TempDir::new().expect("a folder"));
    let placed = tree.add_as("sda", named("small"), "AUTH_a", "one");
    let left = tree.add_as("sdb", named("small"), "AUTH_a", "one");
    let name = |path: &Path| path.file_name().expect("a name").to_str().expect("text").to_owned();
    let partition = name(placed.dir.ancestors().nth(2).expect("it lies in one"));
    std::fs::write(tree.devices().join("sda/.ismount"), "").expect("Swift's stub for a mount");
    let conf = conf(dir.path(), tree.devices(), "mount_check = true\nlog_level = INFO");
    let once = |more: &[&str]| {
        let words = [&["once", "--json", "--partition", &*partition], more].concat();
        let said = run(&words, &conf);
        (said.status.code(), text(&said.stdout), text(&said.stderr))
    };
    // What lies under the mount point of sdb is no disk's. Twice the same is once.
    let (code, found, said) = once(&["--partition", &partition]);
    assert_eq!(code, Some(3), "{said}");
    assert!(said.contains("1  skipped: 1 not mounted"), "{said}");
    assert_eq!(found.lines().count(), 1, "{found}");
    assert!(found.contains(placed.db().to_str().expect("text")), "{found}");
    let (code, found, said) = once(&["--device", "sdb", "--partition", "99999999"]);
    assert_eq!((code, &*found), (Some(3), ""), "it may have any partition: {said}");
    std::fs::write(tree.devices().join("sdb/.ismount"), "").expect("it is mounted");
    assert_eq!(once(&[]).0, Some(0));
    // A partition that cannot be inspected: its name leads round in a circle.
    let partition_of_left = left.dir.ancestors().nth(2).expect("it lies in one");
    std::fs::remove_dir_all(partition_of_left).expect("removed");
    assert_eq!(once(&[]).0, Some(0), "a device may have nothing of a partition");
    std::os::unix::fs::symlink(&partition, partition_of_left).expect("a link to itself");
    let (code, _, said) = once(&[]);
    assert!(code == Some(3) && said.contains("1  skipped: 1 "), "{said}");
}

#[test]
fn devices_and_partitions_are_named_by_any_bytes() {
    let (tree, dir) = (Tree::new(), TempDir::new().expect("a folder"));
    let _other = tree.add_as("sda", named("small"), "AUTH_a", "one");
    let placed = tree.add_as("sdb", named("small"), "AUTH_a", "one");
    let (device, part) = (OsStr::from_bytes(b"sd\xe9"), OsStr::from_bytes(b"7\xff"));
    let named = tree.devices().join(device);
    std::fs::rename(tree.devices().join("sdb"), &named).expect("a new name");
    let below = placed.dir.strip_prefix(tree.devices().join("sdb")).expect("it lies there");
    let partition = named.join(below.ancestors().nth(2).expect("it lies in one"));
    std::fs::rename(&partition, partition.with_file_name(part)).expect("a new name");
    let conf = conf(dir.path(), tree.devices(), "log_level = INFO");
    let once = |words: &[&OsStr]| {
        let mut command = Command::new(martlet());
        let said = command.args(["once", "--json", "-q"]).args(words).arg(&conf).output();
        let said = said.expect("the command runs");
        (said.status.code(), text(&said.stdout).lines().count(), text(&said.stderr))
    };
    for words in [
        &[OsStr::new("--device"), device][..],
        &[OsStr::new("--partition"), part],
        &[OsStr::new("--device"), device, OsStr::new("--partition"), part],
    ] {
        let (code, found, said) = once(words);
        assert_eq!((code, found), (Some(0), 1), "{words:?}: {said}");
    }
    let no_partition = OsStr::from_bytes(b"\xff");
    let (code, _, said) = once(&[OsStr::new("--partition"), no_partition]);
    assert!(code == Some(1) && said.contains("has it"), "{said}");
    for no_name in ["", ".", "..", "a/b", "7/"] {
        let (code, _, said) = once(&[OsStr::new("--partition"), OsStr::new(no_name)]);
        assert!(code == Some(1) && said.contains("not the name of a partition"), "{said}");
    }
}

#[test]
fn a_single_pass_moves_nothing_where_the_daemons_breaker_has_tripped() {
    let (tree, dir) = (Tree::new(), TempDir::new().expect("a folder"));
    let hurt = |device: &str, name: &str| {
        let placed = tree.add_as(device, named("small"), "AUTH_a", name);
        damage::write_at(&placed.db(), 0, &damage::junk(100, 7));
        placed.dir
    };
    // Three may be moved of so small a device.
    let dirs = ["one", "two", "three", "four", "five"].map(|name| hurt("sda", name));
    let left = || dirs.iter().filter(|it| it.exists()).count();
    let conf = conf(dir.path(), tree.devices(), "interval = 0\nlog_level = INFO");
    let mut daemon = Running::start(&conf);
    daemon.until("Container audit pass completed");
    assert_eq!((daemon.end().1.code(), left()), (Some(0), 2));
    let other = hurt("sdb", "six");
    let partition = dirs.iter().find(|it| it.exists()).and_then(|it| it.ancestors().nth(2));
    let partition = partition.and_then(Path::file_name).and_then(OsStr::to_str).expect("text");
    for words in [&["once", "--partition", partition][..], &["once"]] {
        let said = run(words, &conf);
        assert_eq!((said.status.code(), left()), (Some(2), 2), "{words:?}");
        let said = text(&said.stderr);
        assert_eq!(said.matches("nothing more is moved on ").count(), 1, "{said}");
    }
    assert!(!other.exists(), "another device has its own breaker");
    let swift = dir.path().join("swift-container-auditor");
    std::os::unix::fs::symlink(martlet(), &swift).expect("a link");
    if let Some(mut own) = in_own_etc(dir.path(), &swift) {
        let ended = own.arg(&conf).arg("once").status().expect("it runs");
        assert_eq!((ended.code(), left()), (Some(0), 2));
    }
    std::fs::remove_dir_all(dir.path().join("state")).expect("what the daemon kept");
    assert_eq!((run(&["once", "-q"], &conf).status.code(), left()), (Some(2), 0));
}

#[test]
fn a_single_pass_beside_a_daemon_that_found_nothing_leaves_its_metrics() {
    let (tree, dir) = (Tree::new(), TempDir::new().expect("a folder"));
    let _sound = tree.add("sda", named("small"));
    let file = dir.path().join("martlet.prom");
    for state in [dir.path().join("state").display().to_string(), String::new()] {
        // Before its first pass a daemon writes none: whatever is there is not its own.
        let more = format!("interval = 100000\nmetrics_path = {}", file.display());
        let conf = conf(dir.path(), tree.devices(), &format!("{more}\nstate_path = {state}"));
        let mut daemon = Running::start(&conf);
        daemon.until_status(": resting: ");
        let pass = |more: &[&str]| {
            let said = run(&[&["once", "-q"], more].concat(), &conf);
            assert_eq!(said.status.code(), Some(0), "{}", text(&said.stderr));
            file.exists()
        };
        let written = pass(&[]).then(|| std::fs::read_to_string(&file));
        assert!(written.is_none(), "the file is the daemon's: {written:?}");
        assert!(daemon.end().1.success());
        let _its_last_words = std::fs::remove_file(&file);
        assert!(!pass(&["--dry-run"]), "a dry run is nobody's pass");
        assert!(pass(&[]), "alone it writes its own");
        std::fs::remove_file(&file).expect("it is there");
    }
}

#[test]
fn a_place_that_takes_no_findings_costs_one_line() {
    let (tree, dir) = (Tree::new(), TempDir::new().expect("a folder"));
    let _sound = tree.add("sda", named("small"));
    let conf = conf(dir.path(), tree.devices(), "state_path = /proc/no\nlog_level = INFO");
    let said = run(&["once", "-q"], &conf);
    assert_eq!(said.status.code(), Some(0));
    let log = text(&said.stderr);
    let lines: Vec<_> = log.lines().filter(|line| line.contains("martlet list")).collect();
    assert!(matches!(lines[..], [line] if line.contains("/proc/no")), "{log}");
}
