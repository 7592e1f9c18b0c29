//! [`martlet`]: the command itself, built once a process and run as an operator runs it; [`myself`]: the test.
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// The command that this source tree builds, in the profile of whoever asks; or `MARTLET_COMMAND`, where
/// that names one: a test for another processor cannot build it.
///
/// # Panics
/// If cargo cannot build it: its words are on stderr.
#[must_use]
pub fn martlet() -> &'static Path {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| build().unwrap_or_else(|why| panic!("{why}")))
}

/// The test's own program, to be started once more with other words: by the emulator that
/// `MARTLET_EMULATOR` names, where the kernel cannot start what is for another processor.
///
/// # Panics
/// If the program cannot be found.
#[must_use]
pub fn myself() -> Command {
    let own = std::env::current_exe().expect("the own program");
    let Some(emulator) = std::env::var_os("MARTLET_EMULATOR") else { return Command::new(own) };
    let mut command = Command::new(emulator);
    command.arg(own);
    command
}

/// Builds it; another package's test has no path to it at compile time.
fn build() -> Result<PathBuf, String> {
    if let Some(given) = std::env::var_os("MARTLET_COMMAND") {
        return Ok(given.into());
    }
    let own = std::env::current_exe().map_err(|e| format!("cannot find the own program: {e}"))?;
    // `target/PROFILE/xtask`, or `target/PROFILE/deps/it-HASH`.
    let mut dir = own.parent().unwrap_or(Path::new("/"));
    if dir.ends_with("deps") {
        dir = dir.parent().unwrap_or(Path::new("/"));
    }
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command.args(["build", "--quiet", "--package", "martlet", "--target-dir"]);
    command.arg(dir.parent().unwrap_or(dir)).current_dir(env!("CARGO_MANIFEST_DIR"));
    if dir.ends_with("release") {
        command.arg("--release");
    }
    let status = command.status().map_err(|e| format!("cannot run cargo: {e}"))?;
    if !status.success() {
        return Err(format!("cannot build the command: cargo ended with {status}"));
    }
    Ok(dir.join("martlet"))
}
