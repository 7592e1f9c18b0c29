//! Under Swift's name: its lines and exit codes, and what a daemon does with signals and company.
use std::fs;
use std::path::PathBuf;
use std::process::Command;

use martlet_platform_linux::state::findings::Findings;
use martlet_tests::command::martlet;
use martlet_tests::daemon::{Running, conf, in_own_etc};
use martlet_tests::fixtures::{manifest, named};
use martlet_tests::tree::Tree;
use nix::sys::signal::Signal;
use tempfile::TempDir;

const NAME: &str = "swift-container-auditor";

/// Exit code, stdout, and stderr with numbers of the process and seconds as words.
fn run(mut command: Command) -> (Option<i32>, String, String) {
    let child = command.output().expect("the command runs");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let stderr = text(&child.stderr);
    let lines = stderr.lines().map(|line| {
        let words = line.split(' ').map(|word| {
            let is_number = !word.is_empty() && word.bytes().all(|it| it.is_ascii_digit());
            let seconds = word.strip_suffix('s').and_then(|it| it.split_once('.'));
            let is_seconds = seconds.is_some_and(|(whole, part)| {
                whole.parse::<u32>().is_ok() && part.len() == 2 && part.parse::<u8>().is_ok()
            });
            if is_number {
                "PID"
            } else if is_seconds {
                "SECONDS"
            } else {
                word
            }
        });
        words.collect::<Vec<_>>().join(" ") + "\n"
    });
    (child.status.code(), text(&child.stdout), lines.collect())
}

/// The link that gives the command Swift's face.
fn link(dir: &TempDir) -> PathBuf {
    let link = dir.path().join(NAME);
    if !link.exists() {
        std::os::unix::fs::symlink(martlet(), &link).expect("a link");
    }
    link
}

#[test]
fn a_healthy_tree_is_told_line_for_line_as_swift_does() {
    let (tree, dir) = (Tree::new(), TempDir::new().expect("a folder"));
    for fixture in manifest().fixtures.iter().filter(|it| it.is_deleted().is_some()) {
        let _placed = tree.add("sda", fixture);
    }
    let conf = conf(dir.path(), tree.devices(), "log_level = INFO\ninterval = 1800");
    let Some(mut command) = in_own_etc(dir.path(), &link(&dir)) else { return };
    command.arg(&conf).args(["once", "-v"]);
    let expected = "container-auditor: Starting PID\n\
        container-auditor: Begin container audit \"once\" mode\n\
        container-auditor: Container audit \"once\" mode completed: SECONDS\n\
        container-auditor: Exited PID\n";
    assert_eq!(run(command), (Some(0), String::new(), expected.to_owned()));
    let recon = fs::read_to_string(dir.path().join("container.recon")).expect("a recon cache");
    assert!(recon.starts_with(r#"{"container_auditor_pass_completed": "#), "{recon}");
    assert_eq!(recon.matches(':').count(), 1, "an hour has not passed: {recon}");
}

#[test]
fn without_verbose_nothing_is_printed() {
    let (tree, dir) = (Tree::new(), TempDir::new().expect("a folder"));
    let conf = conf(dir.path(), tree.devices(), "");
    let Some(mut command) = in_own_etc(dir.path(), &link(&dir)) else { return };
    command.arg(&conf).arg("--once");
    assert_eq!(run(command), (Some(0), String::new(), String::new()));
}

#[test]
fn what_swift_refuses_to_start_with_ends_with_1() {
    let (tree, dir) = (Tree::new(), TempDir::new().expect("a folder"));
    let absent = dir.path().join("absent");
    for (more, words) in [
        ("interval = abc", "interval = abc"),
        ("containers_per_second = abc", "containers_per_second = abc"),
    ] {
        let conf = conf(dir.path(), tree.devices(), more);
        let mut command = Command::new(link(&dir));
        command.arg(&conf);
        let (code, stdout, stderr) = run(command);
        assert_eq!((code, &*stdout), (Some(1), ""), "{more}");
        assert!(stderr.contains(words), "{more}: {stderr}");
    }
    let mut command = Command::new(link(&dir));
    command.arg(&absent);
    let said =
        format!("Usage: {NAME} CONFIG [options]\n\nError: unable to locate {}\n", absent.display());
    assert_eq!(run(command), (Some(1), said, String::new()));
    let mut command = Command::new(link(&dir));
    command.arg("--bogus");
    let said =
        format!("Usage: {NAME} CONFIG [options]\n\n{NAME}: error: no such option: --bogus\n");
    assert_eq!(run(command), (Some(2), String::new(), said));
}

#[test]
fn a_pass_without_devices_is_no_success() {
    let dir = TempDir::new().expect("a folder");
    let conf = conf(dir.path(), &dir.path().join("absent"), "log_level = INFO");
    let Some(mut command) = in_own_etc(dir.path(), &link(&dir)) else { return };
    command.arg(&conf).args(["once", "-v"]);
    let (code, _, stderr) = run(command);
    assert_eq!(code, Some(1), "{stderr}");
    assert!(stderr.contains("Skipping "), "{stderr}");
}

#[test]
fn a_user_whom_nobody_knows_is_no_start() {
    let dir = TempDir::new().expect("a folder");
    let conf = conf(dir.path(), dir.path(), "user = nobody-of-that-name");
    let Some(mut command) = in_own_etc(dir.path(), &link(&dir)) else { return };
    command.arg(&conf);
    let (code, _, stderr) = run(command);
    assert_eq!(code, Some(1));
    assert!(stderr.contains("nobody-of-that-name"), "{stderr}");
}

#[test]
fn a_second_daemon_of_a_conf_does_not_start() {
    let (tree, dir) = (Tree::new(), TempDir::new().expect("a folder"));
    let conf = conf(dir.path(), tree.devices(), "interval = 100000");
    let mut first = Running::start(&conf);
    first.until_status(": resting: ");
    let mut second = Command::new(martlet());
    second.arg("run").arg(&conf);
    let second = second.output().expect("the command runs");
    let said = String::from_utf8_lossy(&second.stderr);
    assert_eq!(second.status.code(), Some(1), "{said}");
    assert_eq!(said.trim_end(), format!("already running as {}", first.pid()));
    let (_, status, _) = first.end();
    assert!(status.success());
    let mut third = Running::start(&conf);
    third.until_status(": resting: ");
}

#[test]
fn a_single_pass_leaves_the_metrics_to_who_keeps_the_findings() {
    let (tree, dir) = (Tree::new(), TempDir::new().expect("a folder"));
    let _sound = tree.add("sda", named("small"));
    let file = dir.path().join("martlet.prom");
    let more = format!("metrics_path = {}", file.display());
    let conf = conf(dir.path(), tree.devices(), &more);
    let Some(mut pass) = in_own_etc(dir.path(), &link(&dir)) else { return };
    pass.arg(&conf).arg("once");
    let other = Findings::of_a_pass(&dir.path().join("state"), &conf).expect("a place");
    let other = other.expect("nobody else keeps them");
    assert!(pass.status().expect("it runs").success());
    assert!(!file.exists(), "the file is the other's");
    drop(other);
    assert!(pass.status().expect("it runs").success());
    assert!(file.exists(), "alone it writes its own");
}

#[test]
fn a_reload_takes_a_good_conf_and_leaves_a_bad_one() {
    let (tree, dir) = (Tree::new(), TempDir::new().expect("a folder"));
    let path = conf(dir.path(), tree.devices(), "interval = 100000");
    let mut daemon = Running::start(&path);
    daemon.until_status(": resting: ");
    let before = fs::read_to_string(&path).expect("the conf");
    fs::write(&path, before.replace("interval = 100000", "interval = often")).expect("a bad conf");
    daemon.send(Signal::SIGHUP);
    let said = daemon.until("Conf not reloaded: ");
    assert!(said.contains("interval = often"), "{said}");
    daemon.until_status(": resting: ");
    // The new interval holds for the rest in progress, and what the log is like for its next line. Lanes and
    // metrics need a restart.
    let more = "interval = 0\nlanes = 2\nlog_statsd_metric_prefix = x";
    let more = format!("{more}\nlog_name = other\nlog_max_line_length = 500");
    let _same_path = conf(dir.path(), tree.devices(), &more);
    daemon.send(Signal::SIGHUP);
    daemon.until("Conf reloaded");
    let late = daemon.until("These options need a restart: ");
    assert!(late.starts_with("other: "), "{late}");
    assert!(late.ends_with(": log_statsd_metric_prefix, lanes"), "{late}");
    daemon.until("Begin container audit pass.");
}
