//! Every system call of a pass fails in turn.
//!
//! A pass without faults is written down, call by call. Calls that do the same are one *place*: the
//! same call, the same how manieth of its name for a container, at a container of the same kind, at
//! the same floor above it or at the same file of the rest. Of each place one call is failed, at another of the
//! containers each time, with each error: what is left out are repeats. What the loader and Rust's
//! runtime do before `main`, and the thread that waits for signals, are left out: nothing of
//! Martlet's runs there yet, or it waits.
//!
//! Where all of it is tried, each kind has passes of its own over twenty containers, and what a pass
//! does before the first and after the last container is tried with the first kind.
use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use martlet_tests::command::martlet;

use super::node::{KINDS, Kind, Node};
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
/// Runs side by side; where all of it is tried, many wait for a lock that only seems to be held.
const THREADS: usize = 6;
const THREADS_OF_SHARE: usize = 2;
/// Nothing keeps a damaged one in its place.
const MOVES_ALL: &str = "quarantine_share = 100%\n";
/// Runs between two words on how far it has come.
const WORD_EVERY: usize = 500;
/// In CI one place of so many is failed, with one error.
const SHARE: usize = 13;
/// Things that went wrong that are shown.
const SHOWN_MAX: usize = 40;
/// The first call of `main`: it blocks the signals that the daemon waits for.
const MAIN_BEGINS: &str = "rt_sigprocmask(SIG_BLOCK, [HUP INT USR1 TERM]";
/// What ends the process cannot fail; and the kernel has no such error for a wake between threads, of
/// which one that is lost would stop any program.
const NEVER: [&str; 4] = ["exit_group", "exit", "rt_sigreturn", "futex"];

/// One place, and the numbers of the calls that are made there.
#[derive(Debug)]
struct Place {
    at: String,
    call: String,
    nth: Vec<usize>,
}

/// One way to run a pass.
const WAYS: [(&str, &[&str]); 2] = [("stat", &[]), ("deep", &["--deep"])];

/// Fails them, or only those of the way and with the error that `extent` names.
///
/// # Errors
/// What was not survived.
pub(super) fn run(extent: Extent<'_>) -> Result<Vec<Survived>, String> {
    let ways = WAYS.iter().filter(|(name, _)| extent.part.is_none_or(|part| part.0 == *name));
    let done: Vec<_> =
        ways.map(|(name, words)| way(name, words, extent)).collect::<Result<_, _>>()?;
    if done.is_empty() { Err("no such pass; there are stat and deep".to_owned()) } else { Ok(done) }
}

fn way(name: &str, words: &[&str], extent: Extent<'_>) -> Result<Survived, String> {
    let mut table = Table::default();
    // A pass over one kind is short enough for a run a place and error.
    let size = if extent.all { 1 } else { KINDS.len() };
    for (number, kinds) in KINDS.chunks(size).enumerate() {
        table.add(group(name, words, extent, (kinds, number == 0))?);
    }
    if table.rows.is_empty() {
        return Err(format!("no such error; there are {}", ERRORS.join(", ")));
    }
    table.print(name);
    if !table.wrong.is_empty() {
        let all = table.wrong.len();
        table.wrong.truncate(SHOWN_MAX);
        return Err(format!("{all} faults not survived:\n{}", table.wrong.join("\n")));
    }
    Ok(Survived { what: format!("system calls, {name} pass"), fired: table.fired() })
}

/// A pass over containers of some kinds; what it does before the first and after the last is tried with
/// the first of all groups.
fn group(
    name: &str,
    words: &[&str],
    extent: Extent<'_>,
    (kinds, is_first): (&'static [Kind], bool),
) -> Result<Table, String> {
    let (each, threads) =
        if extent.all { (EACH, THREADS) } else { (EACH_OF_SHARE, THREADS_OF_SHARE) };
    let more = if extent.all { MOVES_ALL } else { "" };
    let more = format!("bytes_per_second = 0\n{more}");
    let mut nodes = Vec::new();
    for _ in 0..threads {
        nodes.push(Node::of(kinds, each, &more, |_| Ok(()))?);
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
        if !is_first && (place.at.starts_with("start") || place.at.starts_with("pass")) {
            continue;
        }
        for (turn, error) in ERRORS.into_iter().enumerate() {
            if place.call == "brk" && error != "ENOMEM" {
                continue; // it knows no other
            }
            let is_asked = match extent.part {
                Some((_, asked)) => asked == error,
                None => extent.all || row % SHARE == 0 && turn == row / SHARE % ERRORS.len(),
            };
            if !is_asked {
                continue;
            }
            let nth = place.nth[(row * ERRORS.len() + turn) % place.nth.len()];
            let fault = Fault { call: place.call.clone(), nth, error };
            faults.push((place, fault));
        }
    }
    let kinds = if let [kind] = kinds { kind.name } else { "of each kind" };
    eprintln!(
        "{name}, {kinds}: {} calls in {} places over {} databases; {} runs",
        calls.len(),
        places.len(),
        sound.verdicts.len(),
        faults.len()
    );
    let (mut table, next) = (Table::default(), AtomicUsize::new(0));
    let told: Vec<Result<Table, String>> = std::thread::scope(|threads| {
        let (sound, faults, next) = (&sound, &faults, &next);
        let run = |node: &mut Node| fail(node, words, sound, faults, next);
        let running: Vec<_> =
            nodes.iter_mut().map(|node| threads.spawn(move || run(node))).collect();
        running.into_iter().map(|it| it.join().unwrap_or_else(|_| Err("a panic".into()))).collect()
    });
    for part in told {
        table.add(part?);
    }
    Ok(table)
}

/// Runs a pass for each fault that nobody has taken yet.
fn fail(
    node: &mut Node,
    words: &[&str],
    sound: &Pass,
    faults: &[(&Place, Fault)],
    next: &AtomicUsize,
) -> Result<Table, String> {
    let mut table = Table::default();
    let sound = sound.moved_to(node);
    loop {
        let turn = next.fetch_add(1, Ordering::Relaxed);
        let Some((place, fault)) = faults.get(turn) else { return Ok(table) };
        if turn % WORD_EVERY == WORD_EVERY - 1 {
            eprintln!("{} of {} runs", turn + 1, faults.len());
        }
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
            let wrong = format!("{fault} at {at}: {first}; {more} more\n    {line}");
            eprintln!("NOT SURVIVED: {wrong}");
            table.wrong.push(wrong);
        }
    }
}

/// The places of a pass over `node`, in the order in which they come first.
fn places(calls: &[Call], node: &Node) -> Vec<Place> {
    let main = calls.first().map_or(0, |call| call.thread);
    let mut rows: HashMap<(String, String), usize> = HashMap::new();
    let mut places: Vec<Place> = Vec::new();
    // By the container at work and what it is made at, however often the pass comes back to that.
    let mut counts: HashMap<(PathBuf, PathBuf, String), usize> = HashMap::new();
    let mut last = (String::from("start"), PathBuf::new());
    let mut work = PathBuf::new();
    let mut begun = false;
    for call in calls.iter().filter(|call| call.thread == main) {
        begun |= call.line.starts_with(MAIN_BEGINS);
        if !begun || NEVER.contains(&call.name.as_str()) {
            continue;
        }
        if let Some(found) = place(&call.line, node, &last.0) {
            last = found;
            if node.held(&last.1).is_some() {
                work.clone_from(&last.1);
            }
        }
        let ordinal = counts.entry((work.clone(), last.1.clone(), call.name.clone())).or_default();
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
