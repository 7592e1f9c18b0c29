//! `cargo xtask sandbox`: the daemon under what its unit allows, where there is no systemd to run it.
//!
//! `sandbox.py` makes the mounts, the user and the filter of system calls; it says what it does not cover.
use std::path::Path;
use std::process::Command;

/// Builds the daemon and tries it.
///
/// # Errors
/// What was not seen in the sandbox.
pub(crate) fn run() -> Result<(), String> {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).with_file_name("");
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    let target = workspace.join("target");
    cargo.args(["build", "--quiet", "--package", "martlet", "--target-dir"]).arg(&target);
    succeed(cargo.current_dir(&workspace))?;
    let mut python = Command::new("python3");
    python.arg(workspace.join("xtask/src/sandbox.py")).arg(target.join("debug/martlet"));
    python.arg(workspace.join("bin/dist/martlet.service"));
    succeed(python.arg(workspace.join("tests/fixtures/small.db.gz")))
}

fn succeed(command: &mut Command) -> Result<(), String> {
    let name = command.get_program().to_owned();
    match command.status() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("{} ended with {status}", name.display())),
        Err(error) => Err(format!("cannot run {}: {error}", name.display())),
    }
}
