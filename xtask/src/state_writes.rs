//! `cargo xtask state-writes`: what the daemon writes to `state_path` for one save, as `strace` sees
//! it, and how many saves there are on a day, as the simulated month counts them.
use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};

use martlet_tests::command::martlet;
use martlet_tests::daemon::conf;
use martlet_tests::damage;
use martlet_tests::fixtures::named;
use martlet_tests::tree::Tree;
use martlet_tests::world::World;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::steps::Step;

/// Devices of the node: the file of places has a row for each.
const DEVICES: u32 = 12;
/// The end of a pass in the log.
const COMPLETED: &str = "audit pass completed";
/// Saves on a day of a node whose pass never ends: one a minute.
const BUSY: u64 = 86_400 / martlet_core::audit::SAVE_EVERY.as_secs();

/// Measures it.
///
/// # Errors
/// Why it could not be measured.
pub(crate) fn run() -> Result<(), String> {
    let step = Step::begin("one save under strace");
    let (calls, saves, bytes) = of_a_save()?;
    step.end("");
    let each = |count: u64| count / saves;
    let simulated = World::<1>::new().run(2);
    let rests = simulated.last().map_or(0, |day| u64::from(day.saves));
    eprintln!("{DEVICES} devices, {saves} saves watched; each, with one finding that is new:");
    for (call, count) in &calls {
        eprintln!("{:8} {call}", each(*count));
    }
    eprintln!("{:8} bytes written", each(bytes));
    let day = |what: &str, times: u64| {
        let of = |name: &str| each(calls.get(name).copied().unwrap_or(0)) * times;
        eprintln!(
            "{what}: {times} saves a day; at most {} fsync, {} rename, {} KiB",
            of("fsync"),
            of("rename"),
            each(bytes) * times / 1024
        );
    };
    day("a pass that never ends", BUSY);
    day("two passes of an hour a day", rests);
    eprintln!("at rest, once what the last pass found is kept: none");
    Ok(())
}

/// Calls on files of the state directory, the saves they were made for, and the bytes written.
fn of_a_save() -> Result<(BTreeMap<String, u64>, u64, u64), String> {
    let (tree, dir) = (Tree::new(), tempfile::tempdir().map_err(|e| e.to_string())?);
    for number in 0..DEVICES {
        let placed = tree.add(&format!("sd{number:02}"), named("small"));
        if number == 0 {
            damage::put_file(&placed.db(), &[b'x'; 4096]);
        }
    }
    let conf = conf(dir.path(), tree.devices(), "quarantine = false");
    let log = dir.path().join("calls");
    let mut strace = Command::new("strace");
    strace.args(["-f", "-qq", "-y", "-e", "trace=write,fsync,fdatasync,rename,renameat,renameat2"]);
    strace.arg("-o").arg(&log).arg(martlet()).arg("run").arg(&conf).arg("-v");
    strace.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
    let mut child = strace.spawn().map_err(|error| format!("cannot start strace: {error}"))?;
    let lines = BufReader::new(child.stderr.take().ok_or("strace has no stderr")?).lines();
    let (mut passes, mut daemon) = (0, None);
    for line in lines.map_while(Result::ok) {
        if let Some((_, pid)) = line.split_once("Starting ") {
            daemon = pid.trim().parse().ok().map(Pid::from_raw);
        }
        passes += u32::from(line.contains(COMPLETED));
        // The first pass saves; what the second one has to be kept is saved at the stop.
        if let Some(pid) = daemon.filter(|_| passes == 2) {
            kill(pid, Signal::SIGTERM).map_err(|error| format!("cannot end it: {error}"))?;
            daemon = None;
        }
    }
    child.wait().map_err(|error| format!("cannot wait for strace: {error}"))?;
    let text = fs::read_to_string(&log).map_err(|error| format!("no record of calls: {error}"))?;
    let kept = dir.path().join("state").display().to_string();
    let (mut calls, mut bytes) = (BTreeMap::new(), 0);
    for line in text.lines().filter(|line| line.contains(&kept)) {
        let call = line.split_once(' ').map_or("", |(_, call)| call.trim_start());
        let name = call.split('(').next().unwrap_or_default().to_owned();
        if name == "write" {
            let result = line.rsplit_once("= ").map_or("", |(_, result)| result);
            bytes += result.trim().parse::<u64>().unwrap_or(0);
        }
        *calls.entry(name).or_insert(0) += 1;
    }
    let saves =
        text.lines().filter(|line| line.contains("rename") && line.contains(".state\"")).count();
    match u64::try_from(saves) {
        Ok(saves) if 0 < saves => Ok((calls, saves, bytes)),
        _ => Err(format!("nothing was saved: {text}")),
    }
}
