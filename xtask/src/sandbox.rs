//! `cargo xtask sandbox`: the daemon under what its unit allows, where there is no systemd to run it.
//!
//! `sandbox.py` makes the mounts, the user and the filter of system calls; it says what it does not cover.
use std::process::Command;

use crate::cross;
use crate::target::{Purpose, Target};
use crate::toolchain::Toolchain;

/// Builds the program that is shipped and tries it, on a kernel of today and as on the oldest one.
///
/// # Errors
/// What was not seen in the sandbox.
pub(crate) fn run() -> Result<(), String> {
    let workspace = cross::workspace();
    let toolchain = Toolchain::ready(&[Target::Native], Purpose::Ship)?;
    let program = cross::build(&toolchain, Target::Native)?;
    for kernel in ["new", "old"] {
        eprintln!("as on a kernel that is {kernel}:");
        let mut python = Command::new("python3");
        python.arg(workspace.join("xtask/src/sandbox.py")).arg(&program);
        python.arg(workspace.join("bin/dist/martlet.service"));
        succeed(python.arg(workspace.join("tests/fixtures/small.db.gz")).arg(kernel))?;
    }
    Ok(())
}

fn succeed(command: &mut Command) -> Result<(), String> {
    let name = command.get_program().to_owned();
    match command.status() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("{} ended with {status}", name.display())),
        Err(error) => Err(format!("cannot run {}: {error}", name.display())),
    }
}
