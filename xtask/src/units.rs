//! `cargo xtask units`: systemd's own judgement of the units in `bin/dist`.
//!
//! They are verified in a root of their own, so neither Martlet nor Swift need be installed, and what
//! systemd warns of is an error. Their exposure must stay low, although they may use the network.
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use crate::dist::{DROP_INS, UNITS};

/// The most that `systemd-analyze security` may say, in tenths.
const EXPOSURE_MAX_TENTHS: u32 = 15;
/// What the units run, as they name it.
const PROGRAMS: [&str; 4] = [
    "usr/bin/martlet",
    "usr/bin/swift-container-auditor",
    "usr/lib/martlet/swift-container-auditor",
    "bin/kill",
];
/// Where this system keeps its own units.
const SYSTEM_UNITS: &str = "/usr/lib/systemd/system";
/// Debian's unit, as far as the drop-in touches it.
const SWIFTS_UNIT: &str = "[Service]
User=swift
ExecStart=/usr/bin/swift-container-auditor /etc/swift/container-server.conf
";

/// What a daemon's unit says and a single pass's does not, or otherwise.
const OF_ITS_OWN: [&str; 11] = [
    "Type",
    "NotifyAccess",
    "ExecStart",
    "ExecReload",
    "Restart",
    "RestartSec",
    "WatchdogSec",
    "TimeoutStopSec",
    "SuccessExitStatus",
    "RuntimeDirectory",
    "RuntimeDirectoryPreserve",
];

/// Verifies and judges.
///
/// # Errors
/// What systemd complained of, or that it is not here.
pub(crate) fn run() -> Result<(), String> {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).with_file_name("bin").join("dist");
    for service in UNITS.iter().filter(|unit| unit.ends_with(".service")) {
        judge(&source.join(service))?;
    }
    confined_alike(&source)?;
    let root = tempfile::tempdir().map_err(|e| format!("cannot make a temporary folder: {e}"))?;
    let units = root.path().join("etc/systemd/system");
    furnish(root.path(), &units)?;
    for name in UNITS.iter().chain(&DROP_INS) {
        let to = units.join(name);
        make_parent(&to)?;
        fs::copy(source.join(name), &to)
            .map_err(|e| format!("cannot copy {name} to {}: {e}", to.display()))?;
    }
    let swifts = ["swift-container-auditor.service", "swift-container-auditor@1.service"];
    for name in UNITS.iter().chain(&swifts) {
        verify(root.path(), name)?;
    }
    // The command is worth nothing if it would let anything pass.
    write(&units.join("planted.service"), "[Service]\nExecStart=/nowhere\nReadWritePath=/x\n")?;
    match verify(root.path(), "planted.service") {
        Err(_) => {}
        Ok(()) => return Err("systemd-analyze verify took a unit that is wrong".to_owned()),
    }
    eprintln!("verified, with a planted mistake seen");
    Ok(())
}

/// The sandbox is tried with the daemon's unit; the single pass has the same.
fn confined_alike(source: &Path) -> Result<(), String> {
    let confines = |name: &str| -> Result<Vec<String>, String> {
        let path = source.join(name);
        let text = fs::read_to_string(&path)
            .map_err(|e| format!("cannot read {}: {e}", path.display()))?;
        let service = text.split("[Service]").nth(1).unwrap_or_default();
        let service = service.split("\n[").next().unwrap_or_default();
        let lines = service.lines().filter(|line| line.contains('=') && !line.starts_with('#'));
        let confines = lines.filter(|line| {
            let key = line.split('=').next().unwrap_or_default();
            !OF_ITS_OWN.contains(&key)
        });
        Ok(confines.map(ToOwned::to_owned).collect())
    };
    let [daemon, once] = [confines("martlet.service")?, confines("martlet-once.service")?];
    let differs = daemon.iter().filter(|line| !once.contains(line));
    let differs: Vec<_> =
        differs.chain(once.iter().filter(|line| !daemon.contains(line))).collect();
    if daemon.is_empty() || !differs.is_empty() {
        return Err(format!("martlet.service and martlet-once.service differ: {differs:?}"));
    }
    Ok(())
}

/// `systemd-analyze security`: the one number of its last line.
fn judge(unit: &Path) -> Result<(), String> {
    let threshold = format!("--threshold={EXPOSURE_MAX_TENTHS}");
    let output = analyze(&["security", "--offline=true", "--no-pager", &threshold], unit)?;
    let said = String::from_utf8_lossy(&output.stdout);
    let last = said.lines().last().unwrap_or_default().trim().to_owned();
    if !output.status.success() || !last.contains("Overall exposure level") {
        let wrong = String::from_utf8_lossy(&output.stderr);
        return Err(format!("{}: {last} {}", unit.display(), wrong.trim()));
    }
    eprintln!("{last}");
    Ok(())
}

fn verify(root: &Path, unit: &str) -> Result<(), String> {
    let root = format!("--root={}", root.display());
    let output = analyze(&["verify", "--man=no", &root], Path::new(unit))?;
    let said = String::from_utf8_lossy(&output.stderr);
    if output.status.success() && said.trim().is_empty() {
        return Ok(());
    }
    Err(format!("{unit}: {}", said.trim()))
}

fn analyze(words: &[&str], unit: &Path) -> Result<Output, String> {
    Command::new("systemd-analyze")
        .args(words)
        .arg(unit)
        .output()
        .map_err(|e| format!("cannot run systemd-analyze (package systemd): {e}"))
}

/// The system's own units, programs to run, and Swift's unit.
fn furnish(root: &Path, units: &Path) -> Result<(), String> {
    let system = root.join("usr/lib/systemd/system");
    make_parent(&system)?;
    // A copy: links among them would lead out of the root.
    let copied = Command::new("cp").args(["--archive", SYSTEM_UNITS]).arg(&system).status();
    let copied = copied.map_err(|e| format!("cannot run cp: {e}"))?;
    if !copied.success() {
        return Err(format!("cannot copy {SYSTEM_UNITS}: cp ended with {copied}"));
    }
    for program in PROGRAMS {
        let path = root.join(program);
        write(&path, "#!/bin/sh\n")?;
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755))
            .map_err(|e| format!("cannot make {} executable: {e}", path.display()))?;
    }
    for name in ["swift-container-auditor.service", "swift-container-auditor@.service"] {
        write(&units.join(name), SWIFTS_UNIT)?;
    }
    Ok(())
}

fn write(path: &Path, text: &str) -> Result<(), String> {
    make_parent(path)?;
    fs::write(path, text).map_err(|e| format!("cannot write {}: {e}", path.display()))
}

fn make_parent(path: &Path) -> Result<(), String> {
    let parent = path.parent().map(PathBuf::from).unwrap_or_default();
    fs::create_dir_all(&parent).map_err(|e| format!("cannot make {}: {e}", parent.display()))
}
