//! Full disks under the recon cache, the metrics, the state, stdout and stderr.
use std::fs::{self, File};
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use martlet_platform_linux::state::Store;
use martlet_tests::command::martlet;
use martlet_tests::daemon::{self, Running};

use super::node::{Node, said};
use super::pass::Pass;
use super::{Extent, Survived};
use crate::steps;

/// Containers of each kind.
const EACH: usize = 2;
/// A file of this size fills the disk.
const DISK: &str = "size=16k";

/// Fills them.
///
/// # Errors
/// What was not survived.
pub(super) fn disks(_: Extent<'_>) -> Result<Vec<Survived>, String> {
    let full = tempfile::tempdir().map_err(|e| format!("no temporary directory: {e}"))?;
    let at = full.path();
    steps::run(Command::new("mount").args(["-t", "tmpfs", "-o", DISK, "none"]).arg(at))?;
    let old = at.join("container.recon");
    said(&old, fs::write(&old, "{\"foreign\": 1}\n"))?;
    fill(&at.join("filler"))?;
    let more = format!("recon_cache_path = {}\n", at.display());
    let mut node = Node::on(EACH, &more, |_| Ok(()))?;
    let words = node.once(martlet(), &[]);
    let (program, arguments) = words.split_first().ok_or("no words")?;
    let once = |out: Stdio, err: Stdio| {
        let child = Command::new(program).args(arguments).stdout(out).stderr(err).spawn();
        child.and_then(std::process::Child::wait_with_output).map_err(|e| format!("a pass: {e}"))
    };
    let no_room = || said(Path::new("/dev/full"), File::options().write(true).open("/dev/full"));

    let sound = Pass::read(&once(Stdio::piped(), Stdio::piped())?);
    let mut wrong = sound.judge(&node, &sound);
    wrong.extend(node.judge()?);
    if !sound.says("Exception dumping recon cache: ") {
        wrong.push("nothing said of the recon cache".to_owned());
    }
    if fs::read_to_string(&old).ok().as_deref() != Some("{\"foreign\": 1}\n") {
        wrong.push(format!("the recon cache changed on a full disk: {:?}", fs::read(&old)));
    }
    let silent = Pass::read(&once(Stdio::piped(), no_room()?.into())?);
    if !silent.is_as(&sound) {
        wrong.push("with a full disk under stderr the pass says something else".to_owned());
    }
    wrong.extend(node.judge()?);

    let metrics = at.join("martlet.prom");
    let more = format!("state_path = {}\nmetrics_path = {}", at.display(), metrics.display());
    let dir = tempfile::tempdir().map_err(|e| format!("no temporary directory: {e}"))?;
    let conf = daemon::conf(dir.path(), node.devices(), &more);
    let mut running = Running::start(&conf);
    let _line = running.until("Container audit pass completed");
    let (_, status, lines) = running.end();
    if !status.success() {
        wrong.push(format!("the daemon ended with {status}: {:?}", lines.last()));
    }
    for path in [Store::new(at, &conf, "").file(), metrics.as_path()] {
        if path.exists() {
            wrong.push(format!("half a file on a full disk: {}", path.display()));
        }
    }
    // The cursor is not kept without the coverage, which is tried first.
    for word in [".coverage", ".findings", "martlet.prom"] {
        if !lines.iter().any(|line| line.contains(word)) {
            wrong.push(format!("the daemon said nothing of {word}"));
        }
    }
    wrong.extend(node.judge()?);
    steps::run(Command::new("umount").arg("-l").arg(at))?;
    if wrong.is_empty() {
        let what = "full disks under recon cache, stderr, state and metrics".to_owned();
        Ok(vec![Survived { what, fired: 4 }])
    } else {
        Err(wrong.join("\n"))
    }
}

/// Writes until there is no room.
fn fill(path: &Path) -> Result<(), String> {
    let mut file = said(path, File::create(path))?;
    let block = [0; 512];
    while file.write_all(&block).is_ok() {}
    Ok(())
}
