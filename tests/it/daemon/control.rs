//! The commands that ask a running daemon: `martlet status`, `pause`, `resume`, `rearm`.
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use martlet_tests::command::martlet;
use martlet_tests::daemon::{Running, conf};
use martlet_tests::damage;
use martlet_tests::fixtures::named;
use martlet_tests::tree::Tree;
use serde_json::Value;
use tempfile::TempDir;

/// Exit code, and all that was printed.
fn ask(words: &[&str], conf: &Path) -> (Option<i32>, String) {
    let said = Command::new(martlet()).args(words).arg(conf).output().expect("the command runs");
    let all = [&*said.stdout, &said.stderr].concat();
    (said.status.code(), String::from_utf8_lossy(&all).into_owned())
}

fn status(conf: &Path) -> Value {
    let (code, text) = ask(&["status", "--json"], conf);
    assert_eq!(code, Some(0), "{text}");
    serde_json::from_str(&text).unwrap_or_else(|e| panic!("{text}: {e}"))
}

/// A node with one container, and a daemon that rests for an hour after each pass.
fn node(dir: &TempDir, tree: &Tree) -> PathBuf {
    let _sound = tree.add("sda", named("small"));
    conf(dir.path(), tree.devices(), "interval = 3600")
}

#[test]
fn a_pause_outlasts_a_restart_and_ends_when_told() {
    let (dir, tree) = (TempDir::new().expect("a folder"), Tree::new());
    let conf = node(&dir, &tree);
    let (code, text) = ask(&["pause"], &conf);
    assert!(code == Some(1) && text.contains("no daemon runs on"), "{text}");
    assert_eq!(status(&conf)["running"], false);
    let (code, text) = ask(&["status"], &conf);
    assert!(code == Some(0) && text.contains("and left nothing"), "{text}");

    let daemon = Running::start(&conf);
    let state = dir.path().join("state");
    daemon.until_so("it has a socket", |_| find(&state, "sock").is_some());
    let socket = find(&state, "sock").expect("it is there");
    assert_eq!(fs::metadata(&socket).expect("there").permissions().mode() & 0o777, 0o660);
    assert_eq!(ask(&["pause", "--time", "2h"], &conf), (Some(0), "paused for 2 h 0 min\n".into()));
    let now = status(&conf);
    assert!((7190..=7200).contains(&now["paused_seconds"].as_u64().unwrap_or(0)), "{now}");
    assert_eq!(now["pid"].as_u64(), u64::try_from(daemon.pid().as_raw()).ok());
    drop(daemon); // by SIGKILL

    assert_eq!(status(&conf)["running"], false, "its socket is there, and nobody listens");
    let daemon = Running::start(&conf);
    daemon.until_so("it is paused again", |_| status(&conf)["paused_seconds"].is_u64());
    assert_eq!(ask(&["resume"], &conf), (Some(0), "resumed\n".into()));
    assert!(status(&conf)["paused_seconds"].is_null());
    assert!(find(&state, "pause").is_none(), "nothing is left of it");
    let (code, text) = ask(&["pause", "--time", "8d"], &conf);
    assert!(code == Some(1) && text.contains("at most"), "{text}");
    assert_eq!(daemon.end().1.code(), Some(0));
    assert!(!socket.exists(), "it took its socket along");
}

#[test]
fn a_daemon_without_a_socket_is_not_taken_for_none() {
    let (dir, tree) = (TempDir::new().expect("a folder"), Tree::new());
    let _device = tree.device("sda");
    let conf = node(&dir, &tree);
    let none = "no daemon runs on ";
    let (code, said) = ask(&["pause"], &conf);
    assert!(code == Some(1) && said.starts_with(none), "{said}");
    let mut daemon = Running::start(&conf);
    daemon.until_status(": resting: ");
    let socket = find(&dir.path().join("state"), "sock").expect("it keeps one");
    fs::remove_file(socket).expect("removed");
    let (code, said) = ask(&["pause"], &conf);
    assert!(code == Some(1) && said.contains("keeps no socket"), "{said}");
}

#[test]
fn a_daemon_is_asked_where_it_is_and_told_to_move_again() {
    let (dir, tree) = (TempDir::new().expect("a folder"), Tree::new());
    let _sound = tree.add("sda", named("small"));
    let conf = conf(dir.path(), tree.devices(), "interval = 0");
    let mut daemon = Running::start(&conf);
    daemon.until("Container audit pass completed");
    daemon.until_so("it knows its last pass", |_| !status(&conf)["last_pass"].is_null());
    let last = status(&conf);
    assert_eq!(last["last_pass"]["verdicts"]["sound"], 1, "{last}");
    assert_eq!(last["devices"][0]["name"], "sda");
    assert_eq!(last["devices"][0]["breaker"], "armed");
    let (code, text) = ask(&["status"], &conf);
    assert!(code == Some(0) && text.contains("last pass: complete, 1 databases"), "{text}");
    let (code, text) = ask(&["rearm"], &conf);
    assert!(code == Some(0) && text.starts_with("nothing to re-arm"), "{text}");
    let (code, text) = ask(&["rearm", "--device", "sdz"], &conf);
    assert!(code == Some(1) && text.contains("no such device"), "{text}");
    assert_eq!(daemon.end().1.code(), Some(0));
    let (code, text) = ask(&["status"], &conf);
    assert!(code == Some(0) && text.contains("does not run") && text.contains("sda"), "{text}");
}

#[test]
fn what_was_found_is_listed_with_the_command_that_mends_it() {
    let (dir, tree) = (TempDir::new().expect("a folder"), Tree::new());
    let placed = tree.add("sda", named("small"));
    damage::truncate(&placed.db(), 0);
    let conf = conf(dir.path(), tree.devices(), "interval = 0");
    let (code, text) = ask(&["list"], &conf);
    assert!(code == Some(0) && text.starts_with("nothing was found as yet"), "{text}");
    let mut daemon = Running::start(&conf);
    daemon.until("Container audit pass completed");
    let _ended = daemon.end();
    let (code, text) = ask(&["list"], &conf);
    let mends = format!("mv {} {}/sda/quarantined", placed.dir.display(), tree.devices().display());
    for words in ["damaged", "stat-empty-file", "first seen 2", "reported", &mends] {
        assert!(code == Some(2) && text.contains(words), "{words}: {text}");
    }
    let (_, json) = ask(&["list", "--json", "--since", "1h"], &conf);
    let found: Value = serde_json::from_str(&json).unwrap_or_else(|e| panic!("{json}: {e}"));
    assert_eq!(found["codes"][0], "stat-empty-file");
    assert!(found["command"].as_str().is_some_and(|command| command.contains(&mends)));
    let (_, text) = ask(&["status"], &conf);
    assert!(text.contains("1 found and not mended"), "{text}");
}

#[test]
fn a_device_that_is_not_audited_is_told_and_warned_of_once() {
    let (dir, tree) = (TempDir::new().expect("a folder"), Tree::new());
    let placed = tree.add("sda", named("small"));
    let _sound = tree.add("sdb", named("small"));
    let metrics = dir.path().join("martlet.prom");
    let more = format!("interval = 0\nmetrics_path = {}", metrics.display());
    let conf = conf(dir.path(), tree.devices(), &more);
    // A suffix directory that cannot be listed: a link to itself.
    let suffix = placed.dir.parent().expect("a suffix").to_owned();
    fs::rename(&suffix, suffix.with_extension("aside")).expect("renamed");
    std::os::unix::fs::symlink(&suffix, &suffix).expect("a loop");
    let mut daemon = Running::start(&conf);
    let warned = "part of it has not been audited since it is known, for ";
    let line = daemon.until(warned);
    assert!(line.contains("/sda: ") && line.contains("3 passes"), "{line}");
    let now = status(&conf);
    assert_eq!(now["devices"][0]["oldest_audit"]["overdue"], true, "{now}");
    assert_eq!(now["devices"][0]["oldest_audit"]["never"], true, "{now}");
    assert_eq!(now["devices"][1]["oldest_audit"]["overdue"], false, "{now}");
    assert_eq!(now["devices"][1]["oldest_audit"]["passes"], 0, "{now}");
    let (_, text) = ask(&["status"], &conf);
    assert!(text.contains("; audited: not all in ") && text.contains("(overdue)"), "{text}");
    assert!(text.contains("; audited within "), "{text}");
    let one_more = "Container audit pass completed";
    daemon.until(one_more);
    daemon.until(one_more);
    let told = fs::read_to_string(&metrics).expect("metrics");
    for line in [
        "martlet_overdue{device=\"sda\",audit=\"stat\"} 1",
        "martlet_overdue{device=\"sdb\",audit=\"stat\"} 0",
        "martlet_overdue{device=\"sdb\",audit=\"deep\"} 0",
        "martlet_oldest_audit_passes{device=\"sdb\",audit=\"stat\"} 0",
    ] {
        assert!(told.lines().any(|it| it == line), "{line} is not in\n{told}");
    }
    let seconds = "martlet_oldest_audit_seconds{device=\"sda\",audit=\"stat\"} ";
    assert!(told.lines().any(|it| it.starts_with(seconds)), "{told}");
    let (_, status_code, said) = daemon.end();
    assert_eq!(status_code.code(), Some(0));
    let times = said.iter().filter(|line| line.contains(warned)).count();
    assert_eq!(times, 1, "once, and not each pass: {said:#?}");
    let left = status(&conf);
    assert_eq!(left["running"], false);
    assert_eq!(left["devices"][0]["oldest_audit"]["overdue"], true, "{left}");
    assert_eq!(left["devices"][1]["oldest_audit"]["overdue"], false, "{left}");
}

/// The library that fakes the calendar, where Debian's `libfaketime` puts it.
const FAKETIME: &str = "/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1";

#[test]
fn a_calendar_that_steps_both_ways_delays_no_pass_and_changes_no_age() {
    if !Path::new(FAKETIME).exists() {
        eprintln!("NOT TESTED: a calendar that steps needs libfaketime");
        return;
    }
    let (dir, tree) = (TempDir::new().expect("a folder"), Tree::new());
    let _sound = tree.add("sda", named("small"));
    let conf = conf(dir.path(), tree.devices(), "interval = 0");
    let calendar = dir.path().join("calendar");
    let file = calendar.display().to_string();
    let faked = [
        ("LD_PRELOAD", FAKETIME),
        ("FAKETIME_TIMESTAMP_FILE", file.as_str()),
        ("FAKETIME_NO_CACHE", "1"),
        ("DONT_FAKE_MONOTONIC", "1"),
    ];
    // From one to the next within one life, then from one life to the next.
    for steps in [["+0", "+400d", "-20000d"], ["-20000d", "+0", "-400d"], ["+9000d", "+0", "+1d"]] {
        fs::write(&calendar, steps[0]).expect("a calendar");
        let mut daemon = Running::start_in(&conf, &faked);
        daemon.until("Container audit pass completed");
        for step in steps {
            fs::write(&calendar, step).expect("a calendar");
            daemon.until("Container audit pass completed");
            let now = status(&conf);
            let oldest = &now["devices"][0]["oldest_audit"];
            assert!(oldest["seconds"].as_u64().is_some_and(|it| it < 600), "{step}: {now}");
            assert_eq!((&oldest["overdue"], &oldest["never"]), (&false.into(), &false.into()));
            assert_eq!(now["devices"][0]["oldest_deep_audit"]["overdue"], false, "{step}: {now}");
        }
        let (_, ended, said) = daemon.end();
        assert_eq!(ended.code(), Some(0));
        let bad = said.iter().find(|line| line.contains("not been") || line.contains("set aside"));
        assert_eq!(bad, None, "{steps:?}");
    }
}

/// The file with this ending in a directory, if there is one.
fn find(dir: &Path, ending: &str) -> Option<PathBuf> {
    let mut entries = fs::read_dir(dir).ok()?.flatten().map(|entry| entry.path());
    entries.find(|path| path.extension().is_some_and(|it| it == ending))
}
