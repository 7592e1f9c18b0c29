//! `cargo xtask alerts`: what `promtool` says of the metrics that a pass writes, and of the alerts over
//! them. Debian's `prometheus` has the tool; it is unpacked into the cache and not installed.
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use martlet_tests::daemon::{Running, conf};
use martlet_tests::fixtures::named;
use martlet_tests::tree::Tree;

use crate::steps;
use crate::toolchain::cache_home;

const RULES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../bin/dist/martlet.rules.yml");

/// Checks both.
///
/// # Errors
/// What the tool does not like, or why it could not be had.
pub(crate) fn run() -> Result<(), String> {
    let tool = promtool()?;
    steps::run_shown(Command::new(&tool).args(["check", "rules", RULES]))?;

    let dir = tempfile::tempdir().map_err(|e| format!("no temporary directory: {e}"))?;
    let tree = Tree::new();
    let _sound = tree.add("sda", named("small"));
    let file = dir.path().join("martlet.prom");
    let more = format!("metrics_path = {}\n", file.display());
    let mut daemon = Running::start(&conf(dir.path(), tree.devices(), &more));
    daemon.until("audit pass completed");
    let (_, ended, _) = daemon.end();
    if !ended.success() {
        return Err(format!("the daemon ended with {ended}"));
    }
    let metrics = fs::read_to_string(&file).map_err(|e| format!("{}: {e}", file.display()))?;
    let rules = fs::read_to_string(RULES).map_err(|e| format!("{RULES}: {e}"))?;
    let is_name = |letter: char| letter.is_ascii_alphanumeric() || letter == '_';
    for name in ["martlet_lanes", "martlet_breakers_tripped", "martlet_findings_open_by_code"] {
        if !metrics.contains(&format!("# TYPE {name} gauge")) {
            return Err(format!("a pass does not write {name}"));
        }
    }
    for name in rules.split(|letter| !is_name(letter)).filter(|it| it.starts_with("martlet_")) {
        if !metrics.contains(&format!("# TYPE {name} ")) {
            return Err(format!("an alert is over {name}, which nobody writes"));
        }
    }
    let read = File::open(&file).map_err(|e| format!("{}: {e}", file.display()))?;
    let mut check = Command::new(&tool);
    let said = check.args(["check", "metrics"]).stdin(Stdio::from(read)).output();
    let said = said.map_err(|e| format!("cannot run {}: {e}", tool.display()))?;
    let words = String::from_utf8_lossy(&said.stderr);
    // What it would merely have otherwise it says, and ends with 0.
    if !said.status.success() || !words.is_empty() {
        return Err(format!("promtool check metrics: {} {words}", said.status));
    }
    eprintln!("promtool has nothing to say of the metrics");
    Ok(())
}

/// The tool: the system's, or the one in the cache.
fn promtool() -> Result<PathBuf, String> {
    let own = PathBuf::from("promtool");
    if Command::new(&own).arg("--version").output().is_ok_and(|said| said.status.success()) {
        return Ok(own);
    }
    let cache = cache_home()?.join("martlet/prometheus");
    let tool = cache.join("usr/bin/promtool");
    if tool.exists() {
        return Ok(tool);
    }
    fs::create_dir_all(&cache).map_err(|e| format!("cannot make {}: {e}", cache.display()))?;
    steps::run(Command::new("apt-get").args(["download", "prometheus"]).current_dir(&cache))?;
    let package = fs::read_dir(&cache)
        .map_err(|e| format!("cannot list {}: {e}", cache.display()))?
        .flatten()
        .map(|entry| entry.path())
        .find(|path| path.extension().is_some_and(|it| it == "deb"))
        .ok_or("apt-get left no package")?;
    steps::run(Command::new("dpkg").arg("-x").arg(&package).arg(&cache))?;
    if Path::new(&tool).exists() { Ok(tool) } else { Err("the package has no promtool".into()) }
}
