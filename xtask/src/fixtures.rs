//! `cargo xtask fixtures`: Swift's own brokers write `tests/fixtures` anew.
//!
//! The same versions of Swift and SQLite give the same bytes; a difference is theirs.

use std::process::Command;

use crate::swift_venv::SwiftVenv;

const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/src/swift/fixtures.py");

/// Writes the fixtures and says where.
///
/// # Errors
/// One line: what could not be done and why.
pub(crate) fn run() -> Result<(), String> {
    let python = SwiftVenv::prepare()?.program("python");
    let out = martlet_tests::fixtures::DIR;
    let status = Command::new(&python)
        .args([SCRIPT, out])
        .env("PYTHONHASHSEED", "0") // sets of strings keep their order
        .status()
        .map_err(|e| format!("cannot run {}: {e}", python.display()))?;
    if !status.success() {
        return Err(format!("cannot make the fixtures: {SCRIPT} ended with {status}"));
    }
    eprintln!("wrote {out}");
    Ok(())
}
