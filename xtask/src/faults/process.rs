//! What happens to the process itself: it is stopped and goes on, its calendar steps both ways,
//! somebody holds a lock for ever.
use std::ffi::OsString;
use std::fs;
use std::path::Path;

use martlet_tests::command::martlet;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use rusqlite::Connection;

use super::night;
use super::node::{Node, said};
use super::pass::Pass;
use super::{Extent, Survived};

/// Containers of each kind.
const EACH: usize = 4;
/// Databases a second, so that it happens in the middle.
const RATE: &str = "100";
/// The library that fakes the calendar, where Debian's `libfaketime` puts it.
const FAKETIME: &str = "/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1";
/// Looks at `/proc` until a process has stopped.
const LOOKS_MAX: u32 = 1_000_000;

/// Does it.
///
/// # Errors
/// What was not survived.
pub(super) fn process(extent: Extent<'_>) -> Result<Vec<Survived>, String> {
    let mut node = Node::new(EACH, "")?;
    let words = node.once(martlet(), &["--rate", RATE]);
    let sound = Pass::read(&night::pass(&words, 0, |_| Ok(()))?);
    let mut wrong = sound.judge(&node, &sound);
    wrong.extend(node.judge()?);
    let mut fired = Vec::new();

    for after in [1, 10, 30] {
        let pass = Pass::read(&night::pass(&words, after, stop_and_go)?);
        wrong.extend(pass.judge(&node, &sound));
        wrong.extend(node.judge()?);
    }
    fired.push(Survived { what: "SIGSTOP and SIGCONT in mid-pass".into(), fired: 3 });

    if Path::new(FAKETIME).exists() {
        let file = node.room().join("calendar");
        for (from, to) in [("+0", "+400d"), ("+0", "-400d"), ("-20000d", "+0"), ("+0", "-20000d")] {
            said(&file, fs::write(&file, from))?;
            let mut faked: Vec<OsString> = vec!["env".into()];
            faked.push(format!("LD_PRELOAD={FAKETIME}").into());
            faked.push(format!("FAKETIME_TIMESTAMP_FILE={}", file.display()).into());
            faked.extend(["FAKETIME_NO_CACHE=1", "DONT_FAKE_MONOTONIC=1"].map(Into::into));
            faked.extend(words.iter().cloned());
            let step = |_| said(&file, fs::write(&file, to));
            let pass = Pass::read(&night::pass(&faked, 10, step)?);
            wrong.extend(pass.judge(&node, &sound));
            wrong.extend(node.judge()?);
        }
        fired.push(Survived { what: "steps of the calendar in mid-pass".into(), fired: 4 });
    } else {
        eprintln!("NOT TRIED: a calendar that steps needs libfaketime");
    }

    if extent.all {
        let path = sound
            .verdicts
            .keys()
            .find(|path| node.held(path).is_some_and(|held| held.kind.name == "plain"));
        let path = path.ok_or("no plain database")?.clone();
        let lock = Connection::open(&path).map_err(|e| format!("{}: {e}", path.display()))?;
        lock.execute_batch("BEGIN EXCLUSIVE").map_err(|e| format!("{}: {e}", path.display()))?;
        let pass = Pass::read(&night::pass(&words, 1, |_| Ok(()))?);
        drop(lock);
        if pass.verdicts.get(&path).map(String::as_str) != Some("busy") {
            wrong.push(format!("locked for ever, and not busy: {}", path.display()));
        }
        wrong.extend(pass.judge(&node, &sound));
        let _journal_that_came_and_went = node.judge()?;
        fired.push(Survived { what: "locks held for ever".into(), fired: 1 });
    }
    if wrong.is_empty() { Ok(fired) } else { Err(wrong.join("\n")) }
}

fn stop_and_go(pid: Pid) -> Result<(), String> {
    let send = |signal| kill(pid, signal).map_err(|e| format!("cannot signal a pass: {e}"));
    send(Signal::SIGSTOP)?;
    let stopped = |_: u32| {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        stat.rsplit_once(") ").is_some_and(|(_, rest)| rest.starts_with('T'))
    };
    let was = (0..LOOKS_MAX).any(stopped);
    send(Signal::SIGCONT)?;
    if was { Ok(()) } else { Err("a pass that does not stop".to_owned()) }
}
