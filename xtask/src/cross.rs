//! `cargo xtask cross build|test [TRIPLE]`: the static ARM binaries, and the tests under emulation.
//!
//! The emulator translates each program and hands its system calls to this machine's kernel. So page
//! reader, SQLite, paths and arithmetic are tested as ARM runs them; times and memory are not ARM's, and
//! what asks the kernel about the process itself sees the emulator. [`LEFT_OUT`] says which tests those are.
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::steps::{Step, output, run as run_quietly, run_shown};
use crate::target::Target;
use crate::toolchain::Toolchain;

const USAGE: &str = "usage: cargo xtask cross build|test [TRIPLE]";

/// Tests that are not run under emulation: a part of their names, and why.
const LEFT_OUT: &[(&str, &str)] = &[
    ("every::", "the order of steps has no processor in it, and all states take minutes to visit"),
    ("daemonise::priorities_are_taken", "the emulator makes up most of /proc/self/stat"),
];

/// The command's binary in a target folder.
const BINARY: &str = "martlet";

/// Runs the command with its arguments.
pub(crate) fn run(args: &[&str]) -> Result<(), String> {
    let (order, targets) = match args {
        [order] => (*order, Target::ARM.to_vec()),
        [order, triple] => {
            let named = Target::ARM.into_iter().find(|target| target.triple() == *triple);
            (*order, vec![named.ok_or_else(|| format!("{triple} is none of the ARM targets"))?])
        }
        _ => return Err(USAGE.to_owned()),
    };
    let toolchain = Toolchain::ready(&targets)?;
    for target in targets {
        match order {
            "build" => drop(build(&toolchain, target)?),
            "test" => test(&toolchain, target)?,
            _ => return Err(USAGE.to_owned()),
        }
    }
    Ok(())
}

/// Builds the static release binary for `target`, and sees that it is one.
pub(crate) fn build(toolchain: &Toolchain, target: Target) -> Result<PathBuf, String> {
    build_in(&workspace(), toolchain, target)
}

/// The same of another checkout. No folder of this machine is named in the binary.
pub(crate) fn build_in(
    workspace: &Path,
    toolchain: &Toolchain,
    target: Target,
) -> Result<PathBuf, String> {
    let triple = target.triple();
    let step = Step::begin(&format!("building {triple}"));
    let workspace = workspace.components().collect::<PathBuf>();
    let folder = workspace.join("target/cross");
    let remaps = [(cargo_home()?, "/cargo"), (workspace.clone(), "/martlet")]
        .map(|(from, to)| format!("--remap-path-prefix={}={to}", from.display()));
    let mut cargo = toolchain.cargo(target, &remaps)?;
    cargo.args(["build", "--quiet", "--locked", "--release", "--package", "martlet"]);
    cargo.args(["--target", triple, "--target-dir"]).arg(&folder).current_dir(&workspace);
    run_quietly(&mut cargo)?;
    let binary = folder.join(triple).join("release").join(BINARY);
    let bytes = fs::read(&binary).map_err(|e| format!("cannot read {}: {e}", binary.display()))?;
    match interpreter(&bytes) {
        None => return Err(format!("{} is no ELF file", binary.display())),
        Some(true) => return Err(format!("{} is not static", binary.display())),
        Some(false) => step.end(&format!("{}, {} bytes, static", binary.display(), bytes.len())),
    }
    Ok(binary)
}

/// Where cargo keeps the crates.
fn cargo_home() -> Result<PathBuf, String> {
    let given = std::env::var_os("CARGO_HOME").map(PathBuf::from);
    given
        .or_else(|| std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".cargo")))
        .ok_or_else(|| "neither CARGO_HOME nor HOME says where cargo keeps the crates".to_owned())
}

/// Runs the tests for `target` under its emulator.
fn test(toolchain: &Toolchain, target: Target) -> Result<(), String> {
    let triple = target.triple();
    let emulator = toolchain.emulator(target)?.ok_or("no emulator for this target")?;
    let step = Step::begin(&format!("building the tests for {triple}"));
    let mut cargo = toolchain.cargo(target, &[])?;
    cargo.args(["test", "--no-run", "--quiet", "--locked", "--message-format=json"]);
    cargo.args(["--target", triple, "--target-dir"]).arg(target_folder());
    cargo.args(["--workspace", "--exclude", "xtask", "--lib", "--bins", "--tests"]);
    let (tests, programs) = built(&output(cargo.current_dir(workspace()))?)?;
    step.end(&format!("{} programs", tests.len()));
    for program in &programs {
        let_the_kernel_start(program, &emulator)?;
    }
    for (name, why) in LEFT_OUT {
        eprintln!("left out under emulation: {name}: {why}");
    }
    let mut failed = Vec::new();
    for Test { program, folder } in &tests {
        let step = Step::begin(&format!("{triple}: {}", program.display()));
        let mut command = Command::new(&emulator);
        command.arg(program).args(LEFT_OUT.iter().flat_map(|(name, _)| ["--skip", name]));
        match run_shown(command.current_dir(folder)) {
            Ok(()) => step.end(""),
            Err(error) => failed.push(error),
        }
    }
    if failed.is_empty() { Ok(()) } else { Err(failed.join("\n")) }
}

/// A program of tests, and the folder cargo would run it in.
struct Test {
    program: PathBuf,
    folder: PathBuf,
}

/// What cargo built, from its messages: programs of tests, and the programs that they start.
fn built(messages: &str) -> Result<(Vec<Test>, Vec<PathBuf>), String> {
    let (mut tests, mut programs) = (Vec::new(), Vec::new());
    for line in messages.lines() {
        let message: Value = serde_json::from_str(line)
            .map_err(|e| format!("cargo's message is no JSON: {e}: {line}"))?;
        let Some(program) = message["executable"].as_str().map(PathBuf::from) else { continue };
        let manifest = message["manifest_path"].as_str().map(Path::new).and_then(Path::parent);
        let folder = manifest.ok_or_else(|| format!("no manifest_path in {line}"))?.to_owned();
        if message["profile"]["test"].as_bool() == Some(true) {
            tests.push(Test { program, folder });
        } else {
            programs.push(program);
        }
    }
    if tests.is_empty() { Err("cargo built no tests".to_owned()) } else { Ok((tests, programs)) }
}

/// Puts a starter in `program`'s place and the program beside it: a test starts its programs through the
/// kernel, which does not know the emulator. Cargo puts the program back when it builds it again.
fn let_the_kernel_start(program: &Path, emulator: &Path) -> Result<(), String> {
    let bytes = fs::read(program).map_err(|e| format!("cannot read {}: {e}", program.display()))?;
    if interpreter(&bytes).is_none() {
        return Ok(()); // a starter, from the last time
    }
    let emulated = program.with_extension("emulated");
    let words = [emulator, &emulated].map(|path| format!("'{}'", path.display()));
    let text = format!("#!/bin/sh\nexec {} -0 \"$0\" {} \"$@\"\n", words[0], words[1]);
    fs::rename(program, &emulated)
        .and_then(|()| fs::write(program, text))
        .and_then(|()| fs::set_permissions(program, fs::Permissions::from_mode(0o755)))
        .map_err(|e| format!("cannot put a starter in the place of {}: {e}", program.display()))
}

/// Apart from the folder of the developer's own builds: another compiler fills it.
fn target_folder() -> PathBuf {
    workspace().join("target/cross")
}

/// The workspace's folder. Cargo reads `.cargo/config.toml`, and SQLite's flags in it, from here.
pub(crate) fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).with_file_name("")
}

/// The program header type that names a dynamic loader (ELF specification, "Program header").
const PT_INTERP: u32 = 3;

/// Whether a little-endian ELF file asks for a dynamic loader; none if it is no such file.
fn interpreter(file: &[u8]) -> Option<bool> {
    let word = |at: usize, len: usize| {
        let bytes = file.get(at..at.checked_add(len)?)?;
        Some(bytes.iter().rev().fold(0_u64, |word, byte| (word << 8) | u64::from(*byte)))
    };
    if file.get(..4)? != b"\x7fELF" {
        return None;
    }
    let (headers, size_at) = match file.get(4)? {
        1 => (word(0x1c, 4)?, 0x2a),
        2 => (word(0x20, 8)?, 0x36),
        _ => return None,
    };
    let headers = usize::try_from(headers).ok()?;
    let size = usize::try_from(word(size_at, 2)?).ok()?;
    let count = usize::try_from(word(size_at.checked_add(2)?, 2)?).ok()?;
    let mut asks = false;
    for number in 0..count {
        let at = headers.checked_add(number.checked_mul(size)?)?;
        asks |= word(at, 4)? == u64::from(PT_INTERP);
    }
    Some(asks)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dynamic_program_is_told_from_a_static_one() {
        let program = |kinds: &[u8]| {
            let mut file = vec![0; 64];
            file[..5].copy_from_slice(b"\x7fELF\x02");
            file[0x20] = 64;
            file[0x36] = 56;
            file[0x38] = u8::try_from(kinds.len()).expect("few");
            for kind in kinds {
                file.push(*kind);
                file.extend([0; 55]);
            }
            file
        };
        assert_eq!(interpreter(&program(&[1, 1])), Some(false));
        assert_eq!(interpreter(&program(&[1, 3, 1])), Some(true));
        assert_eq!(interpreter(&program(&[1, 3])[..100]), None, "cut short");
        assert_eq!(interpreter(b"#!/bin/sh\n"), None);
        let own = std::env::current_exe().and_then(fs::read).expect("a test can read itself");
        assert_eq!(interpreter(&own), Some(true), "a test on the host is linked dynamically");
    }
}
