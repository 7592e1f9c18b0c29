//! Every system call of a pass fails in turn.
//!
//! A pass without faults is written down, call by call. Calls that do the same are one *place*: the
//! same call, the same how manieth of its name since the pass came to it, at the same kind of container, or at the same file
//! of the rest. Of each place one call is failed, at another of the twenty containers each time,
//! with each error. What the loader and Rust's runtime do before `main`, and the thread that waits for
//! signals, are left out: nothing of Martlet's runs there yet, or it waits.
use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::time::Duration;

use martlet_tests::command::martlet;

use super::node::Node;
use super::pass::Pass;
use super::{Extent, Survived};
use crate::strace::{self, Call, Fault};

/// The errors.
const ERRORS: [&str; 7] = ["EIO", "ENOSPC", "EACCES", "EINTR", "ENOMEM", "EMFILE", "ESTALE"];
/// Containers of each kind; in CI fewer, so that a pass is short.
const EACH: usize = 20;
const EACH_OF_SHARE: usize = 4;
/// A pass under `strace` takes two seconds at most, and 25 more if a lock seems to be held.
const LIMIT: Duration = Duration::from_secs(90);
/// Runs side by side.
const THREADS: usize = 2;
/// In CI one place of so many is failed, with one error.
const SHARE: usize = 13;
/// Things that went wrong that are shown.
const SHOWN_MAX: usize = 40;
/// The first call of `main`: it blocks the signals that the daemon waits for.
const MAIN_BEGINS: &str = "rt_sigprocmask(SIG_BLOCK, [HUP INT USR1 TERM]";
/// What ends the process cannot fail.
const NEVER: [&str; 3] = ["exit_group", "exit", "rt_sigreturn"];

/// One place, and the numbers of the calls that are made there.
#[derive(Debug)]
struct Place {
    at: String,
    call: String,
    nth: Vec<usize>,
}

/// One way to run a pass.
const WAYS: [(&str, &[&str]); 2] = [("stat", &[]), ("deep", &["--deep"])];

/// Fails them.
///
/// # Errors
/// What was not survived.
pub(super) fn run(extent: Extent) -> Result<Vec<Survived>, String> {
    WAYS.iter().map(|(name, words)| way(name, words, extent)).collect()
}

fn way(name: &str, words: &[&str], extent: Extent) -> Result<Survived, String> {
    let mut nodes = Vec::new();
    let each = if extent == Extent::All { EACH } else { EACH_OF_SHARE };
    for _ in 0..THREADS {
        nodes.push(Node::new(each, "bytes_per_second = 0\n")?);
    }
    let Some(first) = nodes.first_mut() else { return Err("no node".to_owned()) };
    let (calls, output) = strace::trace(&first.once(martlet(), words), LIMIT)?;
    let sound = Pass::read(&output);
    let mut wrong = first.judge()?;
    wrong.extend(sound.judge(first, &sound));
    if !wrong.is_empty() {
        return Err(format!("a pass without faults: {}", wrong.join("\n")));
    }
    let places = places(&calls, first);
    let mut faults = Vec::new();
    for (row, place) in places.iter().enumerate() {
        for (turn, error) in ERRORS.into_iter().enumerate() {
            if place.call == "brk" && error != "ENOMEM" {
                continue; // it knows no other
            }
            if extent == Extent::Share && (row % SHARE != 0 || turn != row / SHARE % ERRORS.len()) {
                continue;
            }
            let nth = place.nth[(row * ERRORS.len() + turn) % place.nth.len()];
            let fault = Fault { call: place.call.clone(), nth, error };
            faults.push((place, fault));
        }
    }
    eprintln!(
        "{name}: {} calls in {} places over {} databases; {} runs",
        calls.len(),
        places.len(),
        sound.verdicts.len(),
        faults.len()
    );
    let mut table = Table::default();
    let told: Vec<Result<Table, String>> = std::thread::scope(|threads| {
        let sound = &sound;
        let faults = &faults;
        let run = |(turn, node): (usize, &mut Node)| {
            let node_faults = faults.iter().skip(turn).step_by(THREADS);
            fail(node, words, sound, node_faults)
        };
        let running: Vec<_> =
            nodes.iter_mut().enumerate().map(|it| threads.spawn(move || run(it))).collect();
        running.into_iter().map(|it| it.join().unwrap_or_else(|_| Err("a panic".into()))).collect()
    });
    for part in told {
        table.add(part?);
    }
    table.print(name);
    if !table.wrong.is_empty() {
        let all = table.wrong.len();
        table.wrong.truncate(SHOWN_MAX);
        return Err(format!("{all} faults not survived:\n{}", table.wrong.join("\n")));
    }
    Ok(Survived { what: format!("system calls, {name} pass"), fired: table.fired() })
}

/// Runs a pass for each fault.
fn fail<'a>(
    node: &mut Node,
    words: &[&str],
    sound: &Pass,
    faults: impl Iterator<Item = &'a (&'a Place, Fault)>,
) -> Result<Table, String> {
    let mut table = Table::default();
    let sound = sound.moved_to(node);
    for (place, fault) in faults {
        let out = tempfile::NamedTempFile::new().map_err(|e| format!("no temporary file: {e}"))?;
        let words = node.once(martlet(), words);
        let mut command = strace::command(&words, Some(fault), out.path(), LIMIT);
        let output = strace::finish(strace::start(&mut command)?)?;
        let fired = strace::fired(out.path())?;
        let pass = Pass::read(&output);
        let mut wrong = node.judge()?;
        let refused = place.at.starts_with("start") && pass.refused();
        if !refused {
            wrong.extend(pass.judge(node, &sound));
        }
        let row = table.rows.entry((fault.call.clone(), fault.error)).or_default();
        if !fired.is_empty() {
            row.fired += 1;
            row.absorbed += usize::from(pass.is_as(&sound));
        }
        let line = fired.first().map_or("not fired", String::as_str);
        if let Some(first) = wrong.first() {
            let more = wrong.len() - 1;
            let at = &place.at;
            table.wrong.push(format!("{fault} at {at}: {first}; {more} more\n    {line}"));
        }
    }
    Ok(table)
}

/// The places of a pass over `node`, in the order in which they come first.
fn places(calls: &[Call], node: &Node) -> Vec<Place> {
    let main = calls.first().map_or(0, |call| call.thread);
    let mut rows: HashMap<(String, String), usize> = HashMap::new();
    let mut places: Vec<Place> = Vec::new();
    let mut counts: HashMap<String, usize> = HashMap::new();
    let mut last = (String::from("start"), PathBuf::new());
    let mut begun = false;
    for call in calls.iter().filter(|call| call.thread == main) {
        begun |= call.line.starts_with(MAIN_BEGINS);
        if !begun || NEVER.contains(&call.name.as_str()) {
            continue;
        }
        if let Some(found) = place(&call.line, node, &last.0).filter(|found| *found != last) {
            counts.clear();
            last = found;
        }
        let ordinal = counts.entry(call.name.clone()).or_default();
        *ordinal += 1;
        let at = format!("{}, {} {ordinal}", last.0, call.name);
        let row = *rows.entry((at.clone(), call.name.clone())).or_insert_with(|| {
            places.push(Place { at, call: call.name.clone(), nth: Vec::new() });
            places.len() - 1
        });
        places[row].nth.push(call.nth);
    }
    places
}

/// What a line's first path is, in words, and that which is counted anew; none if it has no path.
fn place(line: &str, node: &Node, last: &str) -> Option<(String, PathBuf)> {
    // `AT_FDCWD</the/working/directory>` is no path of the call.
    let (_, line) = line.split_once('(')?;
    let line = line
        .split_once("AT_FDCWD<")
        .map_or(line, |(_, rest)| rest.split_once('>').map_or(rest, |(_, rest)| rest));
    let path = Path::new(line.split(['<', '>', '"']).find(|part| part.starts_with('/'))?);
    let Ok(below) = path.strip_prefix(node.devices()) else {
        // Where the pass has not begun, or a file of the rest is at work.
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let stage = if last.starts_with("start") { "start" } else { "pass" };
        let kind = if name.starts_with("tmp") { "temporary" } else { &*name };
        return Some((format!("{stage} {kind}"), PathBuf::from(kind)));
    };
    if let Some(held) = node.held(path) {
        return Some((held.kind.name.to_owned(), held.dir.clone()));
    }
    Some((format!("walk {}", below.components().count()), path.to_owned()))
}

/// How many faults fired for each call and error, and what went wrong.
#[derive(Debug, Default)]
struct Table {
    rows: BTreeMap<(String, &'static str), Row>,
    wrong: Vec<String>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Row {
    fired: usize,
    /// Nothing came of it.
    absorbed: usize,
}

impl Table {
    fn add(&mut self, other: Self) {
        for (key, row) in other.rows {
            let own = self.rows.entry(key).or_default();
            own.fired += row.fired;
            own.absorbed += row.absorbed;
        }
        self.wrong.extend(other.wrong);
    }

    fn fired(&self) -> usize {
        self.rows.values().map(|row| row.fired).sum()
    }

    /// A line a call, a column an error: how many fired, and of how many nothing came.
    #[expect(clippy::print_stdout, reason = "a command prints its result")]
    fn print(&self, name: &str) {
        println!("{name:<20}{}", ERRORS.map(|error| format!("{error:>9}")).concat());
        let mut calls: Vec<&str> = self.rows.keys().map(|(call, _)| call.as_str()).collect();
        calls.dedup();
        for call in calls {
            let cells = ERRORS.map(|error| {
                let row = self.rows.get(&(call.to_owned(), error)).copied().unwrap_or_default();
                format!("{:>9}", format!("{}/{}", row.absorbed, row.fired))
            });
            println!("{call:<20}{}", cells.concat());
        }
        println!("(absorbed without a trace / fired; {} fired in all)", self.fired());
    }
}
