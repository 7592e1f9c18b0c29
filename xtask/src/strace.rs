//! A program under `strace`: which system calls a run makes, in order, and a run in which one of
//! them goes wrong.
//!
//! [`calls`] counts the calls of a run by name; [`Fault`] names one of them, by its number among the
//! calls of that name in its thread, and says which error it gives. `strace` counts for each thread by itself, so does [`calls`]; a program with one
//! working thread makes the same calls in the same order each time.
use std::collections::HashMap;
use std::ffi::OsString;
use std::fmt;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

/// One system call of a run.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    /// The thread that made it.
    pub(crate) thread: u32,
    /// Its name, as `strace` says it.
    pub(crate) name: String,
    /// The how manieth of this name it is in its thread, from 1.
    pub(crate) nth: usize,
    /// The whole line, descriptors with their paths (`strace -y`).
    pub(crate) line: String,
}

/// One call that goes wrong.
#[derive(Clone, Debug)]
pub(crate) struct Fault {
    /// Its name.
    pub(crate) call: String,
    /// Its number among the calls of that name in its thread, from 1.
    pub(crate) nth: usize,
    /// It is not made and gives this error, by the name of `errno(3)`.
    pub(crate) error: &'static str,
}

impl fmt::Display for Fault {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { call, nth, error } = self;
        write!(out, "{call} {nth} {error}")
    }
}

/// The program and arguments of `words` under `strace`, which writes to `out`. It is killed after
/// `limit`, and all that it has started with it.
///
/// Without a fault every call is written. With one, only the calls of that name are: all others run
/// at full speed.
pub(crate) fn command(
    words: &[OsString],
    fault: Option<&Fault>,
    out: &Path,
    limit: Duration,
) -> Command {
    let mut command = Command::new("timeout");
    command.arg("--signal=KILL").arg(limit.as_secs().max(1).to_string());
    command.args(["strace", "-f", "-s", "64", "-o"]).arg(out);
    if let Some(Fault { call, nth, error }) = fault {
        // brk(2) has no error: it leaves the break where it is, and says where that is.
        let harm = if call == "brk" { "retval=0".to_owned() } else { format!("error={error}") };
        command.arg("--seccomp-bpf").args(["-e", &format!("trace={call}")]);
        command.args(["-e", &format!("inject={call}:{harm}:when={nth}")]);
    } else {
        command.arg("-y");
    }
    command.arg("--").args(words);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// The calls that `strace` wrote to `out`, in order.
pub(crate) fn calls(out: &Path) -> Result<Vec<Call>, String> {
    let text = std::fs::read(out).map_err(|e| format!("cannot read {}: {e}", out.display()))?;
    let text = String::from_utf8_lossy(&text);
    let mut counts: HashMap<(u32, String), usize> = HashMap::new();
    let mut calls = Vec::new();
    for line in text.lines() {
        let Some((thread, rest)) = line.split_once(' ') else { continue };
        let Ok(thread) = thread.parse() else { continue };
        let rest = rest.trim_start();
        let Some((name, _)) = rest.split_once('(') else { continue };
        // `<... close resumed>)`, `+++ exited with 0 +++`, `--- SIGTERM {…} ---`: no call begins.
        if !name.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '_') {
            continue;
        }
        let nth = counts.entry((thread, name.to_owned())).or_default();
        *nth += 1;
        calls.push(Call { thread, name: name.to_owned(), nth: *nth, line: rest.to_owned() });
    }
    Ok(calls)
}

/// The lines of the calls that `strace` was told to spoil and did.
pub(crate) fn fired(out: &Path) -> Result<Vec<String>, String> {
    let text = std::fs::read(out).map_err(|e| format!("cannot read {}: {e}", out.display()))?;
    let text = String::from_utf8_lossy(&text);
    let spoilt = |line: &&str| line.ends_with("(INJECTED)");
    Ok(text.lines().filter(spoilt).map(str::to_owned).collect())
}

/// Runs `words` under `strace` to its end and returns all its calls, and what it said.
pub(crate) fn trace(words: &[OsString], limit: Duration) -> Result<(Vec<Call>, Output), String> {
    let out = tempfile::NamedTempFile::new().map_err(|e| format!("no temporary file: {e}"))?;
    let output = finish(start(&mut command(words, None, out.path(), limit))?)?;
    Ok((calls(out.path())?, output))
}

/// Starts what [`command`] made.
pub(crate) fn start(command: &mut Command) -> Result<Child, String> {
    command.spawn().map_err(|e| format!("cannot start strace: {e}"))
}

/// Waits for its end.
pub(crate) fn finish(child: Child) -> Result<Output, String> {
    child.wait_with_output().map_err(|e| format!("cannot wait for strace: {e}"))
}
