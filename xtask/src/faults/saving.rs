//! The daemon's state, findings, recon cache and metrics while the calls that read and write them
//! fail: each once, and each kind for as long as the daemon runs.
//!
//! After each fault: the pass is whole, the daemon ends well, what it could not keep is said once, every
//! file is the old one or the new one, and the next daemon reads all of it without a word.
use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use martlet_platform_linux::state::{Store, findings};
use martlet_tests::command::martlet;
use martlet_tests::daemon;

use super::node::{Node, said};
use super::{Extent, Survived};
use crate::one_pass::{COMPLETED, watch};
use crate::strace::{self, Call, Fault};

/// The errors.
const ERRORS: [&str; 8] =
    ["EIO", "ENOSPC", "EACCES", "EROFS", "EINTR", "ENOMEM", "EMFILE", "ESTALE"];
/// A daemon ends its pass, and ends when told, in a second or two.
const LIMIT: Duration = Duration::from_secs(60);
/// In CI one call of so many is failed, with one error.
const SHARE: usize = 5;
/// The calls that fail for as long as the daemon runs.
const LASTING: [&str; 6] = ["openat", "write", "fsync", "rename", "mkdir", "read"];
/// What a complaint has in it.
const CANNOT: [&str; 2] = ["cannot ", RECON];
const RECON: &str = "Exception dumping recon cache";

/// Fails them.
///
/// # Errors
/// What was not survived.
pub(super) fn saving(extent: Extent<'_>) -> Result<Vec<Survived>, String> {
    let mut place = Place::new()?;
    // A first run makes what a second one reads.
    let mut wrong = Vec::new();
    let mut calls = Vec::new();
    for from in [From::Nothing, From::Kept] {
        place.note();
        let (made, lines) = place.record()?;
        place.databases = place.databases.max(audits(&lines));
        wrong.extend(place.judge(&lines, None)?);
        calls.extend(made.into_iter().map(|call| (from, call)));
    }
    if !wrong.is_empty() {
        return Err(format!("without a fault: {}", wrong.join("\n")));
    }
    place.keep()?;
    let mut seen = BTreeSet::new();
    calls.retain(|(from, call)| {
        place.is_kept(call) && seen.insert((*from, call.name.clone(), call.nth))
    });
    let (mut once, mut lasting) = (0, 0);
    for (row, (from, call)) in calls.iter().enumerate() {
        for (turn, error) in ERRORS.into_iter().enumerate() {
            if extent.all || row % SHARE == 0 && turn == row / SHARE % ERRORS.len() {
                let fault = Fault { call: call.name.clone(), nth: call.nth, error };
                let (fired, faults) = place.fail(&fault, *from)?;
                once += usize::from(fired);
                let at = place.short(&call.line);
                wrong.extend(faults.into_iter().map(|it| format!("{fault} at {at}: {it}")));
            }
        }
    }
    for (row, call) in LASTING.into_iter().enumerate() {
        // No kernel interrupts a call for ever, and whoever calls tries again.
        let errors = ERRORS.into_iter().filter(|error| *error != "EINTR");
        for (turn, error) in errors.enumerate() {
            if extent.all || turn == row {
                let faults = place.fail_for_ever(call, error)?;
                lasting += 1;
                wrong.extend(faults.into_iter().map(|it| format!("each {call} {error}: {it}")));
            }
        }
    }
    if !wrong.is_empty() {
        return Err(wrong.join("\n"));
    }
    let what = "failing calls on state, findings, recon cache and metrics";
    Ok(vec![
        Survived { what: what.into(), fired: once },
        Survived { what: format!("{what}, for as long as the daemon runs"), fired: lasting },
    ])
}

/// What a run finds of those before it. A call of the one has another number in the other.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum From {
    Nothing,
    Kept,
}

/// A node, its daemon's conf, and what the daemon keeps.
struct Place {
    node: Node,
    conf: PathBuf,
    databases: usize,
    /// The files of the state directory, as a daemon left them that nothing befell.
    kept: Vec<(PathBuf, Vec<u8>)>,
    /// The inodes of the files before a run; each save makes another.
    inodes: Vec<Option<u64>>,
}

impl Place {
    fn new() -> Result<Self, String> {
        let node = Node::new(1, "")?;
        let metrics = node.room().join("martlet.prom");
        let more = format!("quarantine_limit = 100\nmetrics_path = {}", metrics.display());
        let conf = daemon::conf(node.room(), node.devices(), &more);
        Ok(Self { node, conf, databases: 0, kept: Vec::new(), inodes: Vec::new() })
    }

    fn state(&self) -> PathBuf {
        self.node.room().join("state")
    }

    fn metrics(&self) -> PathBuf {
        self.node.room().join("martlet.prom")
    }

    /// What is saved anew in each run.
    fn files(&self) -> [PathBuf; 4] {
        let state = Store::new(&self.state(), &self.conf, "").file().to_owned();
        let findings = state.with_extension("findings");
        [state, findings, self.node.recon(), self.metrics()]
    }

    /// Notes what is there.
    fn note(&mut self) {
        self.inodes = self.now();
    }

    fn now(&self) -> Vec<Option<u64>> {
        let inode = |path: &PathBuf| fs::metadata(path).ok().map(|found| found.ino());
        self.files().iter().map(inode).collect()
    }

    fn words(&self) -> Vec<OsString> {
        vec![martlet().into(), "run".into(), self.conf.clone().into(), "-v".into()]
    }

    /// Whether it is made on one of the files that the daemon keeps.
    fn is_kept(&self, call: &Call) -> bool {
        let room = self.node.room().to_string_lossy().into_owned();
        let below = call.line.match_indices(&*room).any(|(at, _)| {
            let rest = call.line.get(at + room.len()..).unwrap_or_default();
            ["/state", "/container.recon", "/martlet.prom", "/tmp"]
                .iter()
                .any(|name| rest.starts_with(name))
        });
        below && !call.line.starts_with("sendto(")
    }

    fn short(&self, line: &str) -> String {
        line.replace(&*self.node.room().to_string_lossy(), "").chars().take(100).collect()
    }

    /// The calls of the main thread in a run without faults, and what the daemon said.
    fn record(&self) -> Result<(Vec<Call>, Vec<String>), String> {
        let (calls, lines) = run(|out| strace::command(&self.words(), None, out, LIMIT))?;
        let mut calls = strace::calls(calls.path())?;
        let main = calls.first().map_or(0, |call| call.thread);
        calls.retain(|call| call.thread == main);
        Ok((calls, lines?))
    }

    /// Keeps what a sound run left, and how many databases it audited.
    fn keep(&mut self) -> Result<(), String> {
        for entry in said(&self.state(), fs::read_dir(self.state()))?.flatten() {
            if entry.file_type().is_ok_and(|it| it.is_file()) {
                self.kept.push((entry.path(), said(&entry.path(), fs::read(entry.path()))?));
            }
        }
        Ok(())
    }

    /// Puts it back, or takes it away.
    fn reset(&mut self, from: From) -> Result<(), String> {
        let _absent = fs::remove_dir_all(self.state());
        if from == From::Kept {
            said(&self.state(), fs::create_dir_all(self.state()))?;
            for (path, bytes) in &self.kept {
                said(path, fs::write(path, bytes))?;
            }
        } else {
            let _absent = fs::remove_file(self.metrics());
        }
        self.note();
        Ok(())
    }

    /// Whether the fault fired, and what was not survived.
    fn fail(&mut self, fault: &Fault, from: From) -> Result<(bool, Vec<String>), String> {
        self.reset(from)?;
        let (out, lines) = run(|out| strace::command(&self.words(), Some(fault), out, LIMIT))?;
        let fired = !strace::fired(out.path())?.is_empty();
        Ok((fired, self.judge_all(lines, &fault.call)?))
    }

    /// The same with every call of that name on any of the files.
    fn fail_for_ever(&mut self, call: &str, error: &str) -> Result<Vec<String>, String> {
        self.reset(From::Kept)?;
        let store = Store::new(&self.state(), &self.conf, "");
        let mut paths = vec![self.state(), self.node.recon(), self.metrics()];
        for ending in ["state", "findings", "pause"] {
            let path = store.file().with_extension(ending);
            paths.push(path.with_extension(format!("{ending}.new")));
            paths.push(path);
        }
        let (_, lines) = run(|out| {
            let mut command = Command::new("timeout");
            command.arg("--signal=KILL").arg(LIMIT.as_secs().to_string());
            command.args(["strace", "-f", "-o"]).arg(out);
            command.args(["-e", &format!("trace={call}")]);
            command.args(["-e", &format!("inject={call}:error={error}")]);
            command.args(paths.iter().flat_map(|path| [OsString::from("-P"), path.into()]));
            command.arg("--").args(self.words());
            command.stdin(std::process::Stdio::null()).stdout(std::process::Stdio::null());
            command.stderr(std::process::Stdio::piped());
            command
        })?;
        self.judge_all(lines, call)
    }

    /// What is wrong with a run in which `call` failed, and with the next daemon.
    fn judge_all(
        &mut self,
        lines: Result<Vec<String>, String>,
        call: &str,
    ) -> Result<Vec<String>, String> {
        let mut wrong = match lines {
            Ok(lines) => self.judge(&lines, Some(call))?,
            Err(why) => vec![why],
        };
        self.note();
        let plain = |_: &Path| {
            let words = self.words();
            let mut command = Command::new(martlet());
            command.args(words.iter().skip(1)).stdin(std::process::Stdio::null());
            command.stdout(std::process::Stdio::null()).stderr(std::process::Stdio::piped());
            command
        };
        // Where the end of the pass could not be saved, the next daemon goes on in the middle of it.
        let store = Store::new(&self.state(), &self.conf, "");
        let midway = store.peek().is_some_and(|saved| saved.head.pass.is_some());
        let all = self.databases;
        match run(plain)?.1 {
            Ok(lines) => {
                self.databases = if midway { 0 } else { all };
                let after = self.judge(&lines, None);
                self.databases = all;
                let after = after?;
                wrong.extend(after.into_iter().map(|it| format!("the next daemon: {it}")));
            }
            Err(why) => wrong.push(format!("the next daemon: {why}")),
        }
        Ok(wrong)
    }

    /// What is wrong with what a daemon said and left. `call` is what failed.
    fn judge(&mut self, lines: &[String], call: Option<&str>) -> Result<Vec<String>, String> {
        let mut wrong = Vec::new();
        let audited = audits(lines);
        if audited < self.databases || !lines.iter().any(|line| line.contains(COMPLETED)) {
            wrong.push(format!("{audited} of {} audited", self.databases));
        }
        wrong.extend(lines.iter().filter(|line| line.contains("panicked")).cloned());
        let room = self.node.room().to_string_lossy().into_owned();
        let devices = self.node.devices().to_string_lossy().into_owned();
        let about = |line: &&String| line.contains(&*room) && !line.contains(&*devices);
        let complaints: Vec<&String> = lines
            .iter()
            .filter(about)
            .filter(|line| CANNOT.iter().any(|it| line.contains(it)))
            .collect();
        // Of the recon cache Swift too complains each time.
        let own = complaints.iter().filter(|line| !line.contains(RECON));
        let mut distinct = BTreeSet::new();
        if !own.clone().all(|line| distinct.insert(*line)) {
            wrong.push(format!("said more than once: {:?}", own.collect::<Vec<_>>()));
        }
        if call.is_none() && !complaints.is_empty() {
            wrong.push(format!("complains: {complaints:?}"));
        }
        // What the disk does not give is to be set aside, and nothing else.
        let unread = matches!(call, Some("read" | "openat"));
        let is_due = |line: &&String| unread && line.contains("could not be read: set aside");
        let aside = lines.iter().filter(|line| line.contains("set aside"));
        wrong.extend(aside.filter(|line| !is_due(line)).cloned());
        let store = Store::new(&self.state(), &self.conf, "");
        let found = findings::read(&self.state(), &self.conf).map_err(|e| e.to_string());
        let unsaid = |path: &&PathBuf| {
            let place = path.parent().unwrap_or(path).to_string_lossy();
            !complaints.iter().any(|line| line.contains(&*place))
        };
        let now = self.now();
        let stale =
            now.iter().zip(&self.inodes).map(|(now, before)| now.is_none() || now == before);
        let files = self.files();
        let stale = files.iter().zip(stale).filter_map(|(file, stale)| stale.then_some(file));
        wrong.extend(
            stale
                .filter(unsaid)
                .map(|file| format!("not saved, and not a word: {}", file.display())),
        );
        if store.file().exists() && store.peek().is_none() {
            wrong.push("the state is not valid".to_owned());
        }
        match found {
            Ok(Some(list)) if call.is_none() && list.open == 0 => {
                wrong.push("no finding is kept".to_owned());
            }
            Ok(None) if call.is_none() => wrong.push("no findings are kept".to_owned()),
            Err(why) => wrong.push(why),
            Ok(_) => {}
        }
        if let Ok(text) = fs::read_to_string(self.metrics())
            && !(text.starts_with("# HELP") && text.ends_with('\n'))
        {
            wrong.push(format!("half a file of metrics: {text:?}"));
        }
        wrong.extend(self.node.judge()?);
        Ok(wrong)
    }
}

/// How many databases were audited, by what the daemon said.
fn audits(lines: &[String]) -> usize {
    let said = ["Audit passed for ", "Could not get container info "];
    lines.iter().filter(|line| said.iter().any(|it| line.contains(it))).count()
}

/// Runs a daemon for one pass.
fn run(
    command: impl FnOnce(&Path) -> Command,
) -> Result<(tempfile::NamedTempFile, Result<Vec<String>, String>), String> {
    let out = tempfile::NamedTempFile::new().map_err(|e| format!("no temporary file: {e}"))?;
    let mut child = strace::start(&mut command(out.path()))?;
    let stderr = child.stderr.take().ok_or("a daemon without stderr")?;
    let lines = watch(child, std::io::BufReader::new(stderr));
    let lines = lines.and_then(|(killed, lines)| {
        if killed { Err(format!("hangs after {:?}", lines.last())) } else { Ok(lines) }
    });
    Ok((out, lines))
}
