//! The log as JSON: one object an event, each with its code.
use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::process::Command;

use martlet_tests::command::martlet;
use martlet_tests::daemon::{Running, conf};
use martlet_tests::damage;
use martlet_tests::fixtures::named;
use martlet_tests::tree::Tree;
use serde_json::Value;
use tempfile::TempDir;

/// The objects of a log, a line each.
fn objects(lines: &str) -> Vec<Value> {
    let object = |line| serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}"));
    lines.lines().map(object).collect()
}

/// The one event of this code.
fn event<'a>(objects: &'a [Value], code: &str) -> &'a Value {
    let found = objects.iter().find(|object| object["event"] == code);
    found.unwrap_or_else(|| panic!("no {code} in {objects:#?}"))
}

#[test]
fn each_line_of_a_daemons_log_is_an_object_with_a_code() {
    let (tree, dir) = (Tree::new(), TempDir::new().expect("a folder"));
    let _sound = tree.add("sda", named("small"));
    let placed = tree.add("sda", named("two-policies"));
    let db = placed.db();
    damage::cut(&db, 4096);
    let path = conf(dir.path(), tree.devices(), "log_format = json");
    let mut daemon = Running::start(&path);
    daemon.until("\"pass-completed\"");
    let _status = daemon.status();
    let (_, status, lines) = daemon.end();
    assert!(status.success());
    let objects = objects(&lines.join("\n"));
    for object in &objects {
        assert!(object["event"].is_string() && object["message"].is_string(), "{object}");
        assert!(0 < object["time"].as_i64().expect("a time"), "{object}");
    }
    let codes = ["starting", "pass-begun", "audit-passed", "pass-completed", "status", "stopping"];
    for code in codes {
        let _there = event(&objects, code);
    }
    let failed = event(&objects, "audit-failed");
    assert!(failed.get("path").is_some() && failed.get("account").is_none(), "{failed}");
    let moved = event(&objects, "quarantined");
    assert_eq!((&moved["path"], &moved["device"]), (&db.to_str().into(), &"sda".into()));
    assert_eq!((&moved["level"], &moved["verdict"]), (&"error".into(), &"damaged".into()));
    assert!(moved["findings"].as_str().is_some_and(|it| it.contains("structure-")), "{moved}");
    assert!(moved["to"].as_str().is_some_and(|it| it.contains("/quarantined/")), "{moved}");
}

#[test]
fn a_move_is_said_with_each_byte_of_its_path() {
    for format in ["text", "json"] {
        let (tree, dir) = (Tree::new(), TempDir::new().expect("a folder"));
        let placed = tree.add("sda", named("small"));
        damage::cut(&placed.db(), 4096);
        let device = tree.devices().join(OsStr::from_bytes(b"sd\xff"));
        fs::rename(tree.devices().join("sda"), device).expect("renamed");
        let path = conf(dir.path(), tree.devices(), &format!("log_format = {format}"));
        let mut daemon = Running::start(&path);
        daemon.until("Quarantined");
        let (_, status, lines) = daemon.end();
        assert!(status.success());
        let line = lines.iter().find(|line| line.contains("Quarantined ")).expect("it is said");
        let device = format!("{}/sd#377", tree.devices().display());
        let to = format!("{device}/quarantined/containers/{}", placed.stem);
        assert!(line.contains(&format!("Quarantined {device}/containers/")), "{line}");
        assert!(line.contains(&format!(" to {to} due to")), "{line}");
        if format == "json" {
            assert_eq!(event(&objects(line), "quarantined")["to"], *to, "{line}");
        }
    }
}

#[test]
fn the_metrics_say_what_is_open_and_what_the_lanes_are_at() {
    let (tree, dir) = (Tree::new(), TempDir::new().expect("a folder"));
    let placed = tree.add("sda", named("small"));
    damage::cut(&placed.db(), 4096);
    let file = dir.path().join("martlet.prom");
    let more = format!("metrics_path = {}\nlanes = 2\nquarantine = false\n", file.display());
    let path = conf(dir.path(), tree.devices(), &more);
    let has =
        |text: &str, wanted: &[&str]| wanted.iter().all(|it| text.lines().any(|line| line == *it));
    // A pass by hand, then a daemon that is paused.
    let once = Command::new(martlet()).args(["once", "-q"]).arg(&path).output().expect("it runs");
    assert_eq!(once.status.code(), Some(2));
    let text = std::fs::read_to_string(&file).expect("a pass writes them");
    let open = ["martlet_findings_open 1", "martlet_findings_open_by_code{code=\"rows-hash\"} 0"];
    assert!(has(&text, &open), "{text}");
    assert!(text.contains("martlet_findings_open_by_code{code=\"structure-"), "{text}");
    assert!(!text.contains(tree.devices().to_str().expect("text")), "no path: {text}");

    let mut daemon = Running::start(&path);
    daemon.until("Begin container audit pass.");
    let paused = Command::new(martlet()).arg("pause").arg(&path).output().expect("it runs");
    assert!(paused.status.success(), "{paused:?}");
    let paused = ["martlet_lanes{state=\"paused\"} 2", "martlet_lanes{state=\"auditing\"} 0"];
    daemon.until_so("the metrics say that it is paused", |_| {
        has(&std::fs::read_to_string(&file).unwrap_or_default(), &paused)
    });
    let (_, status, _) = daemon.end();
    assert!(status.success());
}

#[test]
fn a_single_pass_logs_as_the_conf_says_too() {
    let (tree, dir) = (Tree::new(), TempDir::new().expect("a folder"));
    let placed = tree.add("sda", named("small"));
    damage::cut(&placed.db(), 4096);
    let path = conf(dir.path(), tree.devices(), "log_format = json\nlog_level = INFO");
    let said = Command::new(martlet()).args(["once", "-q"]).arg(&path).output().expect("it runs");
    let objects = objects(&String::from_utf8(said.stderr).expect("text"));
    let _moved = event(&objects, "quarantined");
    assert!(objects.iter().all(|object| object["event"].is_string()), "{objects:#?}");
}
