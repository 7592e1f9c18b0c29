//! A daemon that is let make one pass, and then stopped.
use std::io::{BufRead, BufReader};
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, ChildStderr};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// The end of a pass in the log.
pub(crate) const COMPLETED: &str = "audit pass completed";

/// Reads what the daemon says and stops it at the end of its pass. Whether it was killed before it
/// came to an end, and what it said.
pub(crate) fn watch(
    mut child: Child,
    lines: BufReader<ChildStderr>,
) -> Result<(bool, Vec<String>), String> {
    let mut said = Vec::new();
    let mut pid = None;
    for line in lines.lines().map_while(Result::ok) {
        if let Some((_, number)) = line.split_once("Starting ") {
            pid = number.trim().parse().ok().map(Pid::from_raw);
        }
        if let Some(pid) = pid.filter(|_| line.contains(COMPLETED)) {
            // It may be on its way out: then there is nobody to stop.
            let _gone = kill(pid, Signal::SIGTERM);
        }
        said.push(line);
    }
    let status = child.wait().map_err(|error| format!("cannot wait for strace: {error}"))?;
    // strace ends as what it traced did.
    match (status.code(), status.signal()) {
        (Some(0), _) => Ok((false, said)),
        (_, Some(9)) | (Some(137), _) => Ok((true, said)),
        _ => Err(format!("the daemon ended with {status}: {:?}", said.last())),
    }
}
