//! Swift's own tools, `swift-init`, the recon middleware and `swift-recon`, with Martlet as with
//! Swift's auditor; a statsd sink hears the same names, and a shared recon cache loses no key.
//!
//! Each of the two runs in a mount namespace with an `/etc/swift` and a `/run` of its own.

use std::process::Command;
use std::thread;

use martlet_tests::auditor::Room;
use martlet_tests::comparison::martlet_link;
use martlet_tests::fixtures::named;
use serde_json::Value;

use crate::swift_venv::SwiftVenv;

const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/src/swift/tools.py");

/// `/etc` gets a writable layer, so that there is an `/etc/swift` and all else stays.
const NAMESPACE: &str = "mount -t tmpfs none \"$1\"; mkdir \"$1/upper\" \"$1/work\"
mount -t overlay overlay -o lowerdir=/etc,upperdir=\"$1/upper\",workdir=\"$1/work\" /etc
mount -t tmpfs none /run; shift; exec \"$@\"";

/// Runs the tools with one auditor and then with the other.
///
/// # Errors
/// What is not the same with both, or what could not be done.
pub(crate) fn run() -> Result<(), String> {
    let venv = SwiftVenv::prepare()?;
    let (ours, swift) = thread::scope(|scope| {
        let swift = scope.spawn(|| try_with(&venv, false));
        (try_with(&venv, true), swift.join().expect("it returns what went wrong"))
    });
    let (ours, swift) = (ours?, swift?);
    let keys = swift.as_object().into_iter().flat_map(|o| o.keys());
    let differs = keys.filter(|key| swift[key.as_str()] != ours[key.as_str()]);
    let lines: Vec<String> = differs
        .map(|key| format!("{key}\n  Swift   {}\n  Martlet {}", swift[key], ours[key]))
        .collect();
    if !lines.is_empty() {
        return Err(format!("Swift's tools see another auditor:\n{}", lines.join("\n")));
    }
    if swift["recon beside others"]["lost"] != serde_json::json!([]) {
        return Err(format!("the recon cache lost keys: {}", swift["recon beside others"]));
    }
    eprintln!("swift-init, recon, statsd: the same with both");
    Ok(())
}

fn try_with(venv: &SwiftVenv, ours: bool) -> Result<Value, String> {
    let room = Room::new();
    for name in ["small", "sharded", "deleted", "two-policies"] {
        let _placed = room.tree.add("sda", named(name));
    }
    let bin = venv.program("swift-init");
    let bin = bin.parent().map(|dir| dir.display().to_string()).unwrap_or_default();
    let search = if ours {
        let _link = martlet_link(&room);
        format!("{}:{bin}:/usr/sbin:/usr/bin:/sbin:/bin", room.path().display())
    } else {
        format!("{bin}:/usr/sbin:/usr/bin:/sbin:/bin")
    };
    let mounts = room.path().join("mounts");
    std::fs::create_dir(&mounts).map_err(|e| format!("cannot make {}: {e}", mounts.display()))?;
    std::fs::remove_dir(room.recon()).map_err(|e| format!("cannot remove the recon cache: {e}"))?;
    let said = Command::new("unshare")
        .args(["--mount", "--propagation", "private", "sh", "-ec", NAMESPACE, "sh"])
        .arg(&mounts)
        .arg(venv.program("python"))
        .arg(SCRIPT)
        .arg(room.path())
        .arg(&search)
        .env("PATH", &search)
        .output()
        .map_err(|e| format!("cannot run unshare: {e}"))?;
    let words = String::from_utf8_lossy(&said.stdout);
    serde_json::from_str(&words).map_err(|e| {
        let which = if ours { "Martlet" } else { "Swift" };
        let error = String::from_utf8_lossy(&said.stderr);
        format!("tools.py with {which} says no JSON ({e}):\n{words}{error}")
    })
}
