//! A conf that hangs when it is opened, as on a file system whose server is gone: it keeps nobody
//! from ending what reads it.
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use martlet_platform_linux::clock;
use martlet_tests::command::martlet;
use martlet_tests::daemon::{PATIENCE, Running, conf};
use martlet_tests::fixtures::manifest;
use martlet_tests::tree::Tree;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tempfile::TempDir;

/// What starts a command with SIGINT as it is by default: whoever runs the tests in the background has
/// it ignored, and children inherit that.
const BY_DEFAULT: [&str; 2] = ["env", "--default-signal=INT,TERM"];

/// Tracing a process, each time it opens `file`: the kernel begins ten minutes later.
struct Slow {
    strace: Child,
    log: PathBuf,
}

impl Slow {
    /// None, and a word on it, where there is no strace.
    fn new(file: &Path, log: PathBuf, traced: &[&str]) -> Option<Self> {
        let mut strace = Command::new("strace");
        strace.args(["-f", "-q", "-e", "trace=open,openat"]);
        strace.args(["-e", "inject=open,openat:delay_enter=600s", "-P"]).arg(file);
        strace.arg("-o").arg(&log).args(traced).stdin(Stdio::null());
        match strace.stdout(Stdio::null()).stderr(Stdio::null()).spawn() {
            Ok(strace) => Some(Self { strace, log }),
            Err(why) => {
                eprintln!("NOT TESTED: to make a file slow needs strace: {why}");
                None
            }
        }
    }

    /// Waits until the file is being opened, and returns the thread that does it.
    fn opener(&self) -> Pid {
        let end = clock::mono().after(PATIENCE);
        loop {
            let log = fs::read_to_string(&self.log).unwrap_or_default();
            let thread = log.split_once(' ').and_then(|(thread, _)| thread.parse().ok());
            if let Some(thread) = thread {
                return Pid::from_raw(thread);
            }
            assert!(clock::mono() < end, "nobody opens the file");
            std::thread::yield_now();
        }
    }
}

impl Drop for Slow {
    fn drop(&mut self) {
        let _gone = self.strace.kill();
        let _waited = self.strace.wait();
    }
}

#[test]
fn a_reload_that_hangs_keeps_no_signal_waiting() {
    let (tree, dir) = (Tree::new(), TempDir::new().expect("a folder"));
    let path = conf(dir.path(), tree.devices(), "interval = 100000");
    let mut daemon = Running::start(&path);
    daemon.until_status(": resting: ");
    let pid = daemon.pid().to_string();
    let Some(slow) = Slow::new(&path, dir.path().join("trace"), &["-p", &pid]) else { return };
    daemon.until_so("each of its threads is traced", |it| {
        let threads = fs::read_dir(format!("/proc/{}/task", it.pid())).expect("it runs");
        threads.flatten().all(|thread| {
            let status = fs::read_to_string(thread.path().join("status"));
            status.is_ok_and(|status| !status.contains("TracerPid:\t0\n"))
        })
    });
    daemon.send(Signal::SIGHUP);
    let _hangs = slow.opener();
    daemon.until_status(": resting: ");
    daemon.send(Signal::SIGHUP);
    daemon.until_status(": resting: ");
    daemon.send(Signal::SIGTERM);
    daemon.until("Exited ");
    // It has left; strace does not let go of the thread that it holds.
    daemon.until_so("all but that thread is gone", |it| {
        let status = fs::read_to_string(format!("/proc/{}/status", it.pid()));
        status.is_ok_and(|status| status.contains("State:\tZ"))
    });
    drop(slow);
    let (_, status, said) = daemon.end();
    assert_eq!(status.code(), Some(0), "{said:#?}");
}

#[test]
fn whoever_reads_a_conf_at_its_start_can_be_ended_at_once() {
    const ENDING: [Signal; 2] = [Signal::SIGTERM, Signal::SIGINT];
    let (tree, dir) = (Tree::new(), TempDir::new().expect("a folder"));
    let placed = tree.add("sda", &manifest().fixtures[0]);
    let path = conf(dir.path(), tree.devices(), "");
    let (program, db) = (martlet(), placed.db());
    let text = |path: &Path| path.to_str().expect("text").to_owned();
    let (program, file, db) = (text(program), text(&path), text(&db));
    for (row, words) in [
        &["conf", &file][..],
        &["once", &file],
        &["run", &file],
        &["check", "--swift-conf", &file, &db],
    ]
    .into_iter()
    .enumerate()
    {
        let log = dir.path().join(format!("trace-{row}"));
        let words = [&BY_DEFAULT, &[program.as_str()][..], words].concat();
        let Some(slow) = Slow::new(&path, log, &words) else { return };
        let opener = slow.opener();
        // A signal that is not blocked and has its default action ends a process that waits.
        let status = fs::read_to_string(format!("/proc/{opener}/status")).expect("it waits");
        let mask = |name: &str| -> u64 {
            let line = status.lines().find_map(|line| line.strip_prefix(name));
            u64::from_str_radix(line.expect("a mask").trim(), 16).expect("a number")
        };
        for signal in ENDING {
            let bit = 1 << (signal as u32 - 1);
            let kept = (mask("SigBlk:") | mask("SigIgn:") | mask("SigCgt:")) & bit;
            assert_eq!(kept, 0, "{words:?} does not end at {signal}");
        }
        kill(opener, Signal::SIGKILL).expect("it waits");
    }
}

#[test]
fn whoever_types_paths_can_end_it() {
    for signal in [Signal::SIGINT, Signal::SIGTERM] {
        let mut command = Command::new(BY_DEFAULT[0]);
        command.arg(BY_DEFAULT[1]).arg(martlet()).args(["check", "-"]).stdin(Stdio::piped());
        command.stdout(Stdio::null()).stderr(Stdio::null());
        let mut child = command.spawn().expect("the command starts");
        let pid = Pid::from_raw(i32::try_from(child.id()).expect("a PID"));
        let end = clock::mono().after(PATIENCE);
        let status = || fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
        let waits =
            |status: &str| status.contains("Name:\tmartlet\n") && status.contains("State:\tS");
        while !waits(&status()) {
            assert!(clock::mono() < end, "it never waits: {}", status());
            std::thread::yield_now();
        }
        kill(pid, signal).expect("it reads");
        let status = child.wait().expect("it ends");
        assert_eq!(std::os::unix::process::ExitStatusExt::signal(&status), Some(signal as i32));
    }
}
