//! `cargo xtask footprint [size | memory BINARY]`: size, memory and wake-ups against their budgets, in one
//! table; or size alone, or the memory of a binary that is there.
//!
//! Memory is that of a static build for this machine's processor: an emulator's own memory hides that of
//! what it runs. A figure is the high-water mark that the kernel keeps (`VmHWM` in proc(5)).
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use martlet_core::audit::{LANE_BYTES_MAX, a_lane};

use crate::cross;
use crate::nodes::{self, Node};
use crate::steps::Step;
use crate::target::{Purpose, Target};
use crate::toolchain::Toolchain;

/// The budgets: bytes of a binary, KiB of a pass and of a deep audit. A lane's is core's own.
const BINARY_MAX: u64 = 1_500_000;
const PASS_MAX: u64 = 2 * 1024;
const DEEP_MAX: u64 = 3 * 1024;

/// Databases of the large pass, and of the one that goes by SQLite alone.
const MANY: usize = 10_000;
const BY_SQLITE: usize = 1_000;

/// Databases of the largest pass, and KiB that a larger pass may need more than the large one.
const MILLION: usize = 1_000_000;
const FLAT: u64 = 64;

/// Between two looks at a running process; what it takes after the last one is not seen.
const LOOK_EVERY: Duration = Duration::from_millis(1);
/// A pass or an audit that takes longer is stopped: 1 ms a look. A pass has so many for each of its
/// databases besides: on a cold disk each directory is read alone.
const LOOKS_MAX: usize = 300_000;
const LOOKS_EACH: usize = 5;

/// How long a daemon is given to come to rest, and how long it is then watched.
const SETTLE: Duration = Duration::from_secs(3);
const WATCH: Duration = Duration::from_secs(6);

/// One line of the table.
struct Figure {
    what: String,
    unit: &'static str,
    budget: u64,
    /// The figure, or why there is none.
    found: Result<u64, String>,
}

/// Measures everything and prints the table; an error if anything is over its budget.
pub(crate) fn run() -> Result<(), String> {
    let toolchain =
        Toolchain::ready(&[Target::Aarch64, Target::Armv7, Target::Native], Purpose::Ship)?;
    let mut figures = Vec::new();
    let native = cross::build(&toolchain, Target::Native)?;
    figures.extend(memory(&native));
    figures.push(Figure {
        what: format!("wake-ups of an idle daemon in {} s", WATCH.as_secs()),
        unit: "",
        budget: 0,
        found: wake_ups(&native),
    });
    figures.extend(sizes(&toolchain));
    table(&figures)
}

/// The same of what needs no measuring: bytes of the binaries and of core's state.
pub(crate) fn size() -> Result<(), String> {
    table(&sizes(&Toolchain::ready(&Target::ARM, Purpose::Ship)?))
}

/// The memory of a binary of this machine's own processor.
pub(crate) fn memory_of(binary: &str) -> Result<(), String> {
    table(&memory(Path::new(binary)))
}

fn sizes(toolchain: &Toolchain) -> Vec<Figure> {
    let binary = |target: Target| Figure {
        what: format!("static binary, {}", target.triple()),
        unit: "bytes",
        budget: BINARY_MAX,
        found: cross::build(toolchain, target).and_then(|binary| length(&binary)),
    };
    std::iter::once(lane()).chain(Target::ARM.map(binary)).collect()
}

/// Measures the peak memory of passes over ten thousand, a hundred thousand and a million databases;
/// an error if the larger ones take more than the first.
pub(crate) fn million() -> Result<(), String> {
    let toolchain = Toolchain::ready(&[Target::Native], Purpose::Ship)?;
    let native = cross::build(&toolchain, Target::Native)?;
    let many = pass(&native, "copies of some", MANY, Node::of_copies)?;
    let line = |count, budget, found| Figure {
        what: format!("peak memory, {count} databases"),
        unit: "KiB",
        budget,
        found,
    };
    let mut figures = vec![line(MANY, PASS_MAX, Ok(many))];
    for count in [MANY * 10, MILLION] {
        let found = pass(&native, "copies of some", count, Node::of_copies);
        figures.push(line(count, many.saturating_add(FLAT), found));
    }
    table(&figures)
}

fn length(path: &Path) -> Result<u64, String> {
    let data = fs::metadata(path);
    data.map(|data| data.len()).map_err(|e| format!("cannot look at {}: {e}", path.display()))
}

/// What one lane more costs the core. A device costs little beside it, and both are never on the heap.
fn lane() -> Figure {
    let bytes = |count: usize| u64::try_from(count).map_err(|e| e.to_string());
    Figure {
        what: "core's state, a lane".to_owned(),
        unit: "bytes",
        budget: bytes(LANE_BYTES_MAX).unwrap_or_default(),
        found: bytes(a_lane()),
    }
}

fn memory(binary: &Path) -> Vec<Figure> {
    let line = |what: String, budget, found| Figure { what, unit: "KiB", budget, found };
    vec![
        line(
            format!("peak memory, {MANY} databases"),
            PASS_MAX,
            pass(binary, "copies of one", MANY, Node::of_copies),
        ),
        line(
            format!("peak memory, {BY_SQLITE} databases by SQLite"),
            PASS_MAX,
            pass(binary, "each with a schema of its own", BY_SQLITE, Node::of_strangers),
        ),
        line(
            "peak memory, deep audit of a large database".to_owned(),
            DEEP_MAX,
            deep_audit(binary),
        ),
    ]
}

/// The peak of a deep audit, in KiB; an error unless it came to a verdict.
fn deep_audit(binary: &Path) -> Result<u64, String> {
    let step = Step::begin("deep audit of a large database");
    let large = nodes::large()?;
    let path = large.database();
    let mut command = Command::new(binary);
    let (found, said) = peak(command.args(["check", "--deep", "--json"]).arg(&path), LOOKS_MAX)?;
    if !said.contains("\"verdict\"") {
        let first = said.lines().next().unwrap_or("nothing");
        return Err(format!("no verdict on {}; it said {first}", path.display()));
    }
    step.end(&format!("{} bytes", length(&path)?));
    Ok(found)
}

/// The peak of one pass over a node, in KiB; an error unless each of its databases was audited.
fn pass(
    binary: &Path,
    what: &str,
    count: usize,
    make: fn(usize) -> Result<Node, String>,
) -> Result<u64, String> {
    let making = Step::begin(&format!("making {count} databases, {what}"));
    let node = make(count)?;
    making.end("");
    let step = Step::begin("one pass over them");
    let looks = LOOKS_MAX.saturating_add(count.saturating_mul(LOOKS_EACH));
    let mut command = Command::new(binary);
    let (found, said) = peak(command.args(["once", "--json"]).arg(node.conf()), looks)?;
    // Whether they are misplaced depends on this machine's swift.conf; their rows were read.
    let audited = said.lines().filter(|line| line.contains("\"counts\":\"passed\"")).count();
    if audited != count {
        let first = said.lines().next().unwrap_or("nothing");
        return Err(format!("{audited} of {count} databases passed; it said {first}"));
    }
    step.end("");
    Ok(found)
}

/// Runs `command`: its peak memory in KiB, and what it printed. It has the time of so many looks.
fn peak(command: &mut Command, looks: usize) -> Result<(u64, String), String> {
    let folder = tempfile::tempdir().map_err(|e| format!("cannot make a temporary folder: {e}"))?;
    let path = folder.path().join("said");
    let said =
        fs::File::create(&path).map_err(|e| format!("cannot write {}: {e}", path.display()))?;
    let mut child = start(command.stdout(said))?;
    let mut peak = 0;
    for _ in 0..looks {
        // None between its last moment and our noticing.
        peak = number(child.id(), "status", "VmHWM:").unwrap_or(peak).max(peak);
        if child.try_wait().map_err(|e| format!("cannot wait for the command: {e}"))?.is_some() {
            let said = fs::read(&path);
            let said = said.map_err(|e| format!("cannot read {}: {e}", path.display()))?;
            return Ok((peak, String::from_utf8_lossy(&said).into_owned()));
        }
        pause(LOOK_EVERY);
    }
    end(child)?;
    Err(format!("{} did not end", command.get_program().display()))
}

/// How often the threads of an idle daemon run: each time one goes back to sleep the kernel counts it.
fn wake_ups(binary: &Path) -> Result<u64, String> {
    let node = Node::of_copies(1)?;
    let step = Step::begin("watching an idle daemon");
    let child = start(Command::new(binary).arg("run").arg(node.conf()).stdout(Stdio::null()))?;
    pause(SETTLE);
    let before = switches(child.id());
    pause(WATCH);
    let after = switches(child.id());
    end(child)?;
    let (before, after) = (before?, after?);
    step.end("");
    Ok(after.saturating_sub(before))
}

/// How often all threads of a process have been switched away from.
fn switches(process: u32) -> Result<u64, String> {
    let folder = PathBuf::from(format!("/proc/{process}/task"));
    let entries = fs::read_dir(&folder)
        .map_err(|e| format!("cannot list {}: the daemon has ended: {e}", folder.display()))?;
    let mut sum = 0;
    for entry in entries {
        let entry = entry.map_err(|e| format!("cannot list {}: {e}", folder.display()))?;
        let file = format!("task/{}/status", entry.file_name().display());
        for key in ["voluntary_ctxt_switches:", "nonvoluntary_ctxt_switches:"] {
            sum += number(process, &file, key)
                .ok_or_else(|| format!("no {key} in /proc/{process}/{file}"))?;
        }
    }
    Ok(sum)
}

/// The number after `key` in a file of `/proc/PROCESS`.
fn number(process: u32, file: &str, key: &str) -> Option<u64> {
    let text = fs::read_to_string(format!("/proc/{process}/{file}")).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix(key))?;
    line.split_whitespace().next()?.parse().ok()
}

fn start(command: &mut Command) -> Result<Child, String> {
    command
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .map_err(|e| format!("cannot start {}: {e}", command.get_program().display()))
}

fn end(mut child: Child) -> Result<(), String> {
    child
        .kill()
        .and_then(|()| child.wait())
        .map(|_| ())
        .map_err(|e| format!("cannot end the daemon: {e}"))
}

fn pause(span: Duration) {
    let (_never, inbox) = mpsc::channel::<()>();
    // Nobody sends: this is how long it takes to time out.
    let _ = inbox.recv_timeout(span);
}

#[expect(clippy::print_stdout, reason = "the table is this command's answer")]
fn table(figures: &[Figure]) -> Result<(), String> {
    println!("{:<52} {:>10} {:>10}", "", "budget", "found");
    let mut over = 0;
    for Figure { what, unit, budget, found } in figures {
        let is_over = !matches!(found, Ok(found) if found <= budget);
        over += usize::from(is_over);
        let mark = if is_over { "  OVER" } else { "" };
        match found {
            Ok(found) => println!("{what:<52} {budget:>10} {found:>10} {unit}{mark}"),
            Err(why) => println!("{what:<52} {budget:>10}       NONE: {why}"),
        }
    }
    if over == 0 { Ok(()) } else { Err(format!("{over} of {} over budget", figures.len())) }
}
