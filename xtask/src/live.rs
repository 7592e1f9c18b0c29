//! Swift's brokers at work while Martlet makes its passes: no sound database fails, no writer gets
//! an error, and in the end every database is sound for SQLite and for Swift.

use martlet_tests::auditor::Room;
use martlet_tests::comparison::{in_namespace, martlet_link};
use serde_json::{Value, json};

use crate::swift_venv::SwiftVenv;

const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/src/swift/live.py");
/// Passes that have to fall in the time in which all writers are at work.
const PASSES: u64 = 20;

/// Lets them work for half a minute.
///
/// # Errors
/// What went wrong.
pub(crate) fn run() -> Result<(), String> {
    let venv = SwiftVenv::prepare()?;
    let room = Room::new();
    std::fs::remove_dir(room.recon()).map_err(|e| format!("cannot remove the recon cache: {e}"))?;
    let link = martlet_link(&room);
    let said = in_namespace(&room)
        .arg(venv.program("python"))
        .arg(SCRIPT)
        .arg(room.path())
        .arg(link)
        .output()
        .map_err(|e| format!("cannot run {SCRIPT}: {e}"))?;
    let words = String::from_utf8_lossy(&said.stdout);
    let seen: Value = serde_json::from_str(&words).map_err(|e| {
        format!("live.py says no JSON ({e}):\n{words}{}", String::from_utf8_lossy(&said.stderr))
    })?;
    let nothing = json!([]);
    let passes = seen["passes beside all writers"].as_u64().unwrap_or(0);
    let good = seen["audit"] == nothing
        && seen["writers"] == nothing
        && seen["exit"] == json!([0, 0, 0, 0])
        && PASSES <= passes
        && seen["audits passed"] != json!(0);
    eprintln!("live: {seen}");
    if good {
        Ok(())
    } else {
        Err("Martlet disturbs writers, or misjudges what they write".to_owned())
    }
}
