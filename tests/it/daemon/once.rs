//! A single pass by command, and what it keeps for `martlet list`.
use std::path::Path;
use std::process::{Command, Output};

use martlet_tests::command::martlet;
use martlet_tests::daemon::{Running, conf};
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
