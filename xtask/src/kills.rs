//! `cargo xtask kills [KILLS]`: the daemon is killed at one system call after another of a pass, and
//! started again. After each kill every file is valid, no database is lost, and none has waited
//! longer than one pass.
//!
//! First a pass is recorded with `strace`. Every rename, sync, and write of state, recon cache and
//! quarantine is a place to be killed at, and each other kind of call at least once. Every second
//! kill falls into a pass that a stop broke off before.
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::BufReader;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use martlet_core::coverage::{Oldest, Wanted};
use martlet_platform_linux::state::coverage;
use martlet_platform_linux::state::findings::{self, Action};
use martlet_tests::command::martlet;
use martlet_tests::daemon::{Running, conf};
use martlet_tests::fixtures::named;

use crate::one_pass::{COMPLETED, watch};
use crate::steps::Step;
use crate::strace;

/// Kills that are tried, if no number is given; some come too late for their call.
pub(crate) const KILLS: usize = 240;
/// Databases of the node: each eighth is empty, each eighth is quarantined, the others are sound.
const DATABASES: u32 = 33;
/// Audits before the stop that every second kill comes after.
const BEFORE: usize = 9;
/// Calls by which a file comes, goes or is made to last.
const LASTING: [&str; 12] = [
    "rename",
    "renameat",
    "renameat2",
    "fsync",
    "fdatasync",
    "mkdir",
    "mkdirat",
    "unlink",
    "unlinkat",
    "ftruncate",
    "flock",
    "rmdir",
];
/// By such parts of its number a call is looked for sooner that did not come.
const PARTS: usize = 16;
/// A node, its conf and its state, in one place: a database's directory keeps its inode from one
/// kill to the next, or each restart would meet another disk.
struct Node {
    dir: tempfile::TempDir,
    conf: PathBuf,
    databases: Vec<(PathBuf, Vec<u8>)>,
}

/// A place to be killed at: the call, and the how manieth of its kind.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Place {
    call: String,
    number: usize,
}

/// Kills so many times.
///
/// # Errors
/// What was not valid after a kill, or why nothing could be tried.
pub(crate) fn run(kills: usize) -> Result<(), String> {
    let step = Step::begin("martlet killed at system calls");
    let node = Node::new();
    node.stop_midway()?;
    let midway = node.keep_state()?;
    node.reset(None)?;
    let places = choose(&node.record()?, kills);
    let mut killed: BTreeMap<&str, usize> = BTreeMap::new();
    let mut missed = 0;
    for (at, place) in places.iter().enumerate() {
        let before = (at % 2 == 1).then_some(&midway);
        node.reset(before)?;
        let earlier = before.map(|it| it.seen.clone()).unwrap_or_default();
        let said = |why| format!("killed at {} {}: {why}", place.call, place.number);
        // A pass is not the same to the call twice: threads, and how many bytes a read brings. What
        // comes to its end before the call is killed at an earlier one of the kind.
        let mut seen = node.kill_at(place, earlier.clone()).map_err(said)?;
        for part in [1, PARTS / 2, PARTS] {
            if seen.is_none() {
                missed += 1;
                node.reset(before)?;
                let number = (place.number - place.number * part / PARTS).max(1);
                let sooner = Place { call: place.call.clone(), number };
                seen = node.kill_at(&sooner, earlier.clone()).map_err(said)?;
            }
        }
        let seen = seen.ok_or_else(|| said("it never comes".to_owned()))?;
        node.start_again(seen, &earlier).map_err(said)?;
        *killed.entry(&place.call).or_default() += 1;
    }
    let total: usize = killed.values().sum();
    for (call, times) in &killed {
        eprintln!("{times:5} {call}");
    }
    eprintln!("{total:5} kills; {missed} passes more came to their end before the call");
    step.end(&format!("{total} kills, all files valid, no database waited longer than a pass"));
    Ok(())
}

/// The state of a pass that a stop broke off, and the databases that it had audited.
struct Midway {
    files: Vec<(PathBuf, Vec<u8>)>,
    seen: BTreeSet<PathBuf>,
}

impl Node {
    fn new() -> Self {
        let dir = tempfile::Builder::new().prefix("martlet-kills-").tempdir();
        let dir = dir.expect("a temporary directory");
        let devices = dir.path().join("node");
        let sound = &named("small").newest().bytes;
        let mut databases = Vec::new();
        for number in 0..DATABASES {
            let bytes = match number % 8 {
                0 => Vec::new(),
                4 => format!("{number:04}").repeat(1024).into_bytes(),
                _ => sound.clone(),
            };
            let name = format!("{:032x}", u64::from(number) * 0x9e37_79b9_7f4a);
            let device = devices.join(if number % 3 == 0 { "sdb" } else { "sda" });
            let hash = device.join("containers").join(number.to_string());
            let hash = hash.join(&name[29..]).join(&name);
            databases.push((hash.join(format!("{name}.db")), bytes));
        }
        let more = "quarantine_limit = 100\nquarantine_share = 100";
        let conf = conf(dir.path(), &devices, more);
        let node = Self { dir, conf, databases };
        node.fill().expect("a node");
        node
    }

    fn fill(&self) -> std::io::Result<()> {
        for (path, bytes) in &self.databases {
            fs::create_dir_all(path.parent().unwrap_or(path))?;
            fs::write(path, bytes)?;
        }
        Ok(())
    }

    fn state(&self) -> PathBuf {
        self.dir.path().join("state")
    }

    /// Puts everything back as it was before the first run, or before the stop in the middle.
    fn reset(&self, midway: Option<&Midway>) -> Result<(), String> {
        let said = |error: std::io::Error| format!("cannot put the node back: {error}");
        for device in ["sda", "sdb"] {
            remove(&self.dir.path().join("node").join(device).join("quarantined"))?;
        }
        self.fill().map_err(said)?;
        remove(&self.state())?;
        for name in ["container.recon", "container.recon.lock"] {
            let _absent = fs::remove_file(self.dir.path().join(name));
        }
        fs::create_dir_all(self.state()).map_err(said)?;
        for (path, bytes) in midway.map(|it| it.files.as_slice()).unwrap_or_default() {
            fs::write(path, bytes).map_err(said)?;
        }
        Ok(())
    }

    /// Runs the daemon slowly and stops it in the middle of a pass.
    fn stop_midway(&self) -> Result<(), String> {
        let fast = fs::read_to_string(&self.conf).map_err(|it| it.to_string())?;
        let slow = fast.replace("containers_per_second = 0", "containers_per_second = 50");
        fs::write(&self.conf, slow).map_err(|it| it.to_string())?;
        let mut daemon = Running::start(&self.conf);
        for _ in 0..BEFORE {
            daemon.until("Audit passed for");
        }
        let (_, status, said) = daemon.end();
        fs::write(&self.conf, fast).map_err(|it| it.to_string())?;
        let seen: Vec<String> = audited(&said).iter().map(|it| it.display().to_string()).collect();
        fs::write(self.dir.path().join("seen"), seen.join("\n")).map_err(|it| it.to_string())?;
        if status.success() { Ok(()) } else { Err(format!("the daemon ended with {status}")) }
    }

    fn keep_state(&self) -> Result<Midway, String> {
        let said = |error: std::io::Error| format!("cannot keep the state: {error}");
        let mut files = Vec::new();
        for entry in fs::read_dir(self.state()).map_err(said)? {
            let path = entry.map_err(said)?.path();
            let kinds = ["state", "findings", "coverage"];
            if path.extension().is_some_and(|it| kinds.iter().any(|kind| it == *kind)) {
                let bytes = fs::read(&path).map_err(said)?;
                files.push((path, bytes));
            }
        }
        let seen = fs::read_to_string(self.dir.path().join("seen")).map_err(said)?;
        Ok(Midway { files, seen: seen.lines().map(PathBuf::from).collect() })
    }

    /// Records the calls of the main thread in a run of one pass and a stop.
    fn record(&self) -> Result<Vec<(Place, bool)>, String> {
        let log = self.dir.path().join("calls");
        let (child, lines) = self.strace(&["-y", "-o"], &log, &[])?;
        let _said = watch(child, lines)?;
        let calls = strace::calls(&log)?;
        let main = calls.first().map_or(0, |call| call.thread);
        let kept = self.dir.path().display().to_string();
        // The first call is strace's own, which starts the daemon.
        let own = calls.into_iter().filter(|call| call.thread == main && call.name != "execve");
        let places = own.map(|call| {
            // A write of a file that is to last: of the state directory or the recon cache.
            let first = call.line.split([',', ')']).next().unwrap_or_default();
            let lasts = call.name == "write" && first.contains(&kept);
            let lasts = lasts || LASTING.contains(&call.name.as_str());
            (Place { call: call.name, number: call.nth }, lasts)
        });
        Ok(places.collect())
    }

    /// Starts the daemon under `strace`, following its threads; its stderr is to be read.
    fn strace(
        &self,
        words: &[&str],
        log: &Path,
        more: &[String],
    ) -> Result<(Child, BufReader<std::process::ChildStderr>), String> {
        let mut strace = Command::new("strace");
        strace.args(["-f", "-qq"]).args(words).arg(log).args(more);
        strace.arg(martlet()).arg("run").arg(&self.conf).arg("-v");
        strace.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = strace.spawn().map_err(|error| format!("cannot start strace: {error}"))?;
        let stderr = child.stderr.take().ok_or("strace has no stderr")?;
        Ok((child, BufReader::new(stderr)))
    }

    /// Runs until the kill; what had been audited by then. None if the call never came.
    fn kill_at(
        &self,
        place: &Place,
        mut seen: BTreeSet<PathBuf>,
    ) -> Result<Option<BTreeSet<PathBuf>>, String> {
        let Place { call, number } = place;
        let inject = format!("inject={call}:signal=SIGKILL:when={number}");
        let more = ["-e".to_owned(), format!("trace={call}"), "-e".to_owned(), inject];
        let (child, lines) = self.strace(&["-o"], Path::new("/dev/null"), &more)?;
        let (was_killed, said) = watch(child, lines)?;
        seen.extend(audited(&said));
        Ok(was_killed.then_some(seen))
    }

    /// Every file is valid, and the pass after a restart leaves nobody out.
    fn start_again(
        &self,
        mut seen: BTreeSet<PathBuf>,
        earlier: &BTreeSet<PathBuf>,
    ) -> Result<(), String> {
        findings::read(&self.state(), &self.conf).map_err(|error| error.to_string())?;
        self.ages()?;
        let recon = self.dir.path().join("container.recon");
        // Swift too makes it empty, to lock it, before anything is in it, and reads that as nothing.
        if let Some(text) = fs::read_to_string(&recon).ok().filter(|text| !text.is_empty()) {
            let read: Result<serde_json::Value, _> = serde_json::from_str(&text);
            read.map_err(|error| format!("the recon cache is no JSON: {error}: {text:?}"))?;
        }
        let aside = self.nothing_is_lost()?;
        let mut daemon = Running::start(&self.conf);
        daemon.until(COMPLETED);
        let (_, status, said) = daemon.end();
        if let Some(line) = said.iter().find(|it| it.contains("set aside")) {
            return Err(line.clone());
        }
        seen.extend(audited(&said));
        // One that was moved aside has been audited, whether or not its line came out.
        let waited =
            self.databases.iter().find(|it| !seen.contains(&it.0) && !aside.contains(&it.0));
        if let Some((path, _)) = waited {
            return Err(format!("{} was audited neither before nor after", path.display()));
        }
        let aside = self.nothing_is_lost()?;
        let listed =
            findings::read(&self.state(), &self.conf).map_err(|error| error.to_string())?;
        let listed = listed.ok_or("no findings were kept")?;
        let is_listed = |path: &PathBuf| {
            let mut all = listed.findings.iter();
            all.any(|it| it.path == *path && it.closed.is_none() && it.action == Action::Reported)
        };
        let empty = self.databases.iter().filter(|it| it.1.is_empty());
        if let Some((path, _)) = empty.clone().find(|it| !is_listed(&it.0)) {
            return Err(format!("{} is not among the findings", path.display()));
        }
        let damaged = self.databases.iter().filter(|it| it.1.starts_with(b"00"));
        if let Some((path, _)) =
            damaged.clone().find(|it| !aside.contains(&it.0) && !earlier.contains(&it.0))
        {
            return Err(format!("{} was not moved aside", path.display()));
        }
        for ages in self.ages()?.ok_or("no coverage was kept")? {
            // A device whose way was lost is told as such, and the next pass is whole.
            let Oldest { passes, never, .. } = ages.stat.oldest;
            if passes != 0 && !never {
                return Err(format!("a device was left out: {ages:?}"));
            }
        }
        if status.success() { Ok(()) } else { Err(format!("the daemon ended with {status}")) }
    }

    fn ages(&self) -> Result<Option<Vec<coverage::Ages>>, String> {
        let ages = coverage::ages(&self.state(), &self.conf, Wanted::default());
        ages.map_err(|error| error.to_string())
    }

    /// Every database is, whole, at its place or in the quarantine, and not at both; those that
    /// were moved.
    fn nothing_is_lost(&self) -> Result<BTreeSet<PathBuf>, String> {
        let mut aside = BTreeSet::new();
        for (path, bytes) in &self.databases {
            let file = path.file_name().unwrap_or_default();
            let device = path.ancestors().nth(5).unwrap_or(path);
            let place = device.join("quarantined/containers");
            let place = place.join(path.parent().and_then(Path::file_name).unwrap_or_default());
            let found = [path.clone(), place.join(file)].map(|it| fs::read(it).ok());
            match found {
                [Some(here), None] if here == *bytes => {}
                [None, Some(there)] if there == *bytes => {
                    aside.insert(path.clone());
                }
                _ => return Err(format!("{} is not what it was: {found:?}", path.display())),
            }
        }
        Ok(aside)
    }
}

/// Places to be killed at, at most so many: those that last first, one of each kind, then the rest,
/// evenly.
fn choose(places: &[(Place, bool)], kills: usize) -> Vec<Place> {
    let lasting: Vec<&Place> = places.iter().filter(|it| it.1).map(|it| &it.0).collect();
    let firsts = places.iter().filter(|it| !it.1 && it.0.number == 1).map(|it| &it.0);
    let firsts: Vec<&Place> = firsts.collect();
    let rest = places.iter().filter(|it| !it.1 && it.0.number != 1).map(|it| &it.0);
    let rest: Vec<&Place> = rest.collect();
    let mut chosen: BTreeSet<Place> = BTreeSet::new();
    for group in [lasting, firsts, rest] {
        let room = kills.saturating_sub(chosen.len());
        let step = group.len().div_ceil(room.max(1)).max(1);
        chosen.extend(group.into_iter().step_by(step).take(room).cloned());
    }
    chosen.into_iter().collect()
}

/// The databases that lines of the log say were audited.
fn audited(lines: &[String]) -> BTreeSet<PathBuf> {
    let path = |line: &String| {
        let passed = line.split_once("Audit passed for ").map(|it| it.1);
        let failed = line.split_once("Could not get container info ");
        let failed = failed.and_then(|it| it.1.split_once(": ")).map(|it| it.0);
        passed.or(failed).map(PathBuf::from)
    };
    lines.iter().filter_map(path).collect()
}

fn remove(path: &Path) -> Result<(), String> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(format!("cannot remove {}: {error}", path.display()))
        }
        Ok(()) | Err(_) => Ok(()),
    }
}
