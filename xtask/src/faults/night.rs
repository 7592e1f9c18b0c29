//! A pass in whose middle something happens.
use std::ffi::OsString;
use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::Duration;

use martlet_platform_linux::clock;
use nix::unistd::Pid;

/// Longer than any pass here takes: a lock that is held for ever costs 25 s.
const LIMIT: Duration = Duration::from_secs(60);

/// Runs `words`, and `act` once `after` databases are told. It is killed after a minute.
pub(super) fn pass(
    words: &[OsString],
    after: usize,
    act: impl FnOnce(Pid) -> Result<(), String>,
) -> Result<Output, String> {
    let (program, arguments) = words.split_first().ok_or("no words to run")?;
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child: Child =
        command.spawn().map_err(|e| format!("cannot start {}: {e}", program.display()))?;
    let pid = Pid::from_raw(i32::try_from(child.id()).unwrap_or(0));
    let (out, err) = (child.stdout.take(), child.stderr.take());
    let errors = std::thread::spawn(move || {
        let mut bytes = Vec::new();
        let _torn = err.map(|mut err| err.read_to_end(&mut bytes));
        bytes
    });
    let (told, lines) = channel();
    std::thread::spawn(move || {
        let Some(out) = out else { return };
        for line in BufReader::new(out).split(b'\n').map_while(Result::ok) {
            if told.send(line).is_err() {
                return;
            }
        }
    });
    let end = clock::mono().after(LIMIT);
    let (mut stdout, mut seen, mut act) = (Vec::new(), 0, Some(act));
    let mut done = Ok(());
    loop {
        match lines.recv_timeout(end.since(clock::mono())) {
            Ok(line) => {
                stdout.extend(line);
                stdout.push(b'\n');
                seen += 1;
            }
            Err(RecvTimeoutError::Disconnected) => break,
            Err(RecvTimeoutError::Timeout) => {
                let _gone = child.kill();
                break;
            }
        }
        if after <= seen
            && let Some(act) = act.take()
        {
            done = act(pid);
        }
    }
    let status = child.wait().map_err(|e| format!("cannot wait for a pass: {e}"))?;
    let stderr = errors.join().unwrap_or_default();
    done?;
    if act.is_some() {
        return Err(format!("it ended before {after} databases: {seen} told"));
    }
    Ok(Output { status, stdout, stderr })
}
