//! `cargo xtask cross build|test|core [TRIPLE]`: the static ARM binaries, and the tests under emulation.
//!
//! `test` runs all of them, `core` those of the core alone, which need neither SQLite nor the command.
//! The emulator translates each program and hands its system calls to this machine's kernel. So page
//! reader, SQLite, paths and arithmetic are tested as ARM runs them; times and memory are not ARM's, and
//! what asks the kernel about the process itself sees the emulator. [`LEFT_OUT`] says which tests those are.
use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;

use serde_json::Value;

use crate::steps::{Step, output, run as run_quietly, run_shown};
use crate::target::{Purpose, Target};
use crate::toolchain::{Toolchain, cargo_home, remap};

const USAGE: &str = "usage: cargo xtask cross build|test|core [TRIPLE]";

/// Tests that are not run under emulation: a part of their names, and why.
const LEFT_OUT: &[(&str, &str)] = &[
    ("no_two_scenarios_are_the_same", "what is built for tests has no processor in it"),
    ("tidy::", "the habits of the sources have no processor in them"),
    ("daemonise::priorities_are_taken", "the emulator makes up most of /proc/self/stat"),
    (
        "daemon::hang::",
        "strace and /proc/PID/status see the emulator's calls, name and signal masks",
    ),
];

/// What takes the emulator too long as often as it is done elsewhere: whom to tell, and how often it is
/// enough. Each is the same code over and over, and the first of them meet all of it.
const FEWER: [(&str, &str); 5] = [
    ("MARTLET_MUTANTS", "1000"), // of 20,000
    ("MARTLET_KILLS", "10"),     // of 40, each of them a start of the emulator
    ("MARTLET_CONFS", "500"),    // of 4,000
    ("MARTLET_DAYS", "9"),       // of 30, with a stall, damage and a step of the calendar
    ("MARTLET_SCENARIOS", "4"),  // each fourth of those that start the command for themselves
];

/// Where flash is short: 90 KB less of a 64-bit program.
const SMALLER_ON_ARM: [&str; 2] = [
    "profile.release.package.martlet-platform-linux.opt-level=\"z\"",
    "profile.release.package.martlet-core.opt-level=\"s\"",
];

/// Built sooner without names for a debugger, and linked with the C library that shipped programs have. What is
/// tested is optimised a little, which the emulator repays. Tests are not: 13 s for 64, and 122 s for 103 to run
/// them. SQLite is not either: 2 s for 20, and no test asks much of it.
const TEST_PROFILE: [&str; 5] = [
    "profile.dev.debug=0",
    "profile.dev.strip=\"symbols\"",
    "profile.dev.package.martlet-core.opt-level=1",
    "profile.dev.package.martlet-platform-linux.opt-level=1",
    "profile.dev.package.martlet-tests.opt-level=0",
];

/// What cargo is asked for: every test, and the programs that tests start. Not those of the model: the order
/// of steps has no processor in it, and all states take minutes to visit.
const ALL: [&str; 2] = [
    "test --no-run --workspace --exclude xtask --exclude martlet-model --lib --bins --tests",
    "build --package martlet --bins",
];

/// The core's own tests, which start none and need no SQLite.
const CORE: [&str; 1] = ["test --no-run --package martlet-core --lib"];

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
    match order {
        "build" => {
            let toolchain = Toolchain::ready(&targets, Purpose::Ship)?;
            targets.into_iter().try_for_each(|target| build(&toolchain, target).map(drop))
        }
        "test" => test(&Toolchain::ready(&targets, Purpose::Test)?, &targets, &ALL),
        "core" => test(&Toolchain::ready(&targets, Purpose::Test)?, &targets, &CORE),
        _ => Err(USAGE.to_owned()),
    }
}

/// Builds the static release binary for `target`, and sees that it is one.
pub(crate) fn build(toolchain: &Toolchain, target: Target) -> Result<PathBuf, String> {
    build_in(&workspace(), toolchain, target)
}

/// The same of another checkout. No folder of this machine is named in the binary. Cargo names the checkout's
/// sources from its root; that it does is looked at and not asked for, as other people's crates would be built
/// anew wherever the checkout lies elsewhere.
pub(crate) fn build_in(
    workspace: &Path,
    toolchain: &Toolchain,
    target: Target,
) -> Result<PathBuf, String> {
    let triple = target.triple();
    let step = Step::begin(&format!("building {triple}"));
    let workspace = workspace.components().collect::<PathBuf>();
    let folder = workspace.join("target/cross");
    let home = cargo_home()?;
    let mut cargo = toolchain.cargo(target, Purpose::Ship, &[remap(&home, "/cargo")])?;
    cargo.args(["build", "--quiet", "--locked", "--release", "--package", "martlet"]);
    cargo.args(["--target", triple, "--target-dir"]).arg(&folder).current_dir(&workspace);
    if Target::ARM.contains(&target) {
        cargo.args(SMALLER_ON_ARM.iter().flat_map(|setting| ["--config", setting]));
    }
    run_quietly(&mut cargo)?;
    let binary = folder.join(triple).join("release").join(BINARY);
    let bytes = fs::read(&binary).map_err(|e| format!("cannot read {}: {e}", binary.display()))?;
    // A short one, such as `/src`, also stands in the paths that the standard library has of itself.
    for named in [&workspace, &home].into_iter().filter(|it| 2 < it.components().count()) {
        let text = named.as_os_str().as_bytes();
        if bytes.windows(text.len()).any(|window| window == text) {
            return Err(format!("{} names {}", binary.display(), named.display()));
        }
    }
    match interpreter(&bytes) {
        None => return Err(format!("{} is no ELF file", binary.display())),
        Some(true) => return Err(format!("{} is not static", binary.display())),
        Some(false) => step.end(&format!("{}, {} bytes, static", binary.display(), bytes.len())),
    }
    Ok(binary)
}

/// Runs the tests for each target under its emulator, while those for the next one are built.
fn test(toolchain: &Toolchain, targets: &[Target], orders: &[&str]) -> Result<(), String> {
    for (name, why) in LEFT_OUT {
        eprintln!("left out under emulation: {name}: {why}");
    }
    thread::scope(|threads| {
        let mut runs = Vec::new();
        for target in targets {
            let built = build_tests(toolchain, *target, orders)?;
            if orders == ALL {
                built.knows_what_is_left_out()?;
            }
            runs.push(threads.spawn(move || built.run()));
        }
        let failed = runs.into_iter().map(|run| run.join().expect("it returns its errors"));
        let failed: Vec<String> = failed.filter_map(Result::err).collect();
        if failed.is_empty() { Ok(()) } else { Err(failed.join("\n")) }
    })
}

/// Has cargo build for `target` what `orders` ask for.
fn build_tests(toolchain: &Toolchain, target: Target, orders: &[&str]) -> Result<Built, String> {
    let triple = target.triple();
    let emulator = toolchain.emulator(target)?.ok_or("no emulator for this target")?;
    let step = Step::begin(&format!("building the tests for {triple}"));
    let mut built = Built { target, emulator, tests: Vec::new(), programs: Vec::new() };
    for words in orders {
        let mut cargo = toolchain.cargo(target, Purpose::Test, &[])?;
        cargo.args(words.split(' '));
        cargo.args(["--quiet", "--locked", "--message-format=json", "--target", triple]);
        cargo.arg("--target-dir").arg(target_folder());
        for setting in TEST_PROFILE {
            cargo.args(["--config", setting]);
        }
        cargo.env("CARGO_INCREMENTAL", "0");
        built.take(&output(cargo.current_dir(workspace()))?)?;
    }
    for program in &built.programs {
        let_the_kernel_start(program, &built.emulator)?;
    }
    step.end(&format!("{} programs", built.tests.len()));
    Ok(built)
}

/// What cargo built of the tests for a target.
struct Built {
    target: Target,
    emulator: PathBuf,
    tests: Vec<Test>,
    /// What tests start, the command among them.
    programs: Vec<PathBuf>,
}

impl Built {
    /// Takes in cargo's messages: programs of tests, and the programs that they start.
    fn take(&mut self, messages: &str) -> Result<(), String> {
        for line in messages.lines() {
            let message: Value = serde_json::from_str(line)
                .map_err(|e| format!("cargo's message is no JSON: {e}: {line}"))?;
            let Some(program) = message["executable"].as_str().map(PathBuf::from) else { continue };
            let manifest = message["manifest_path"].as_str().map(Path::new).and_then(Path::parent);
            let folder = manifest.ok_or_else(|| format!("no manifest_path in {line}"))?.to_owned();
            if message["profile"]["test"].as_bool() == Some(true) {
                self.tests.push(Test { program, folder });
            } else if !self.programs.contains(&program) {
                self.programs.push(program);
            }
        }
        if self.tests.is_empty() { Err("cargo built no tests".to_owned()) } else { Ok(()) }
    }

    /// A test that has another name now would run under emulation, or what is said of it be untrue.
    fn knows_what_is_left_out(&self) -> Result<(), String> {
        let mut names = String::new();
        for Test { program, .. } in &self.tests {
            names.push_str(&output(Command::new(&self.emulator).arg(program).arg("--list"))?);
        }
        match LEFT_OUT.iter().find(|(name, _)| !names.contains(name)) {
            None => Ok(()),
            Some((name, _)) => Err(format!("{name} is left out, and no test is called so")),
        }
    }

    /// Runs all of them; an error names those that failed.
    fn run(&self) -> Result<(), String> {
        let command = self.programs.iter().find(|program| program.ends_with(BINARY));
        let mut failed = Vec::new();
        for Test { program, folder } in &self.tests {
            let step = Step::begin(&format!("{}: {}", self.target.triple(), program.display()));
            let mut test = Command::new(&self.emulator);
            test.arg(program).args(LEFT_OUT.iter().flat_map(|(name, _)| ["--skip", name]));
            test.envs(command.map(|command| ("MARTLET_COMMAND", command))).envs(FEWER);
            test.env("MARTLET_EMULATOR", &self.emulator);
            test.current_dir(folder);
            match run_shown(&mut test) {
                Ok(()) => step.end(""),
                Err(error) => failed.push(error),
            }
        }
        if failed.is_empty() { Ok(()) } else { Err(failed.join("\n")) }
    }
}

/// A program of tests, and the folder cargo would run it in.
struct Test {
    program: PathBuf,
    folder: PathBuf,
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
