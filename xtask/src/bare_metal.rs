//! `cargo xtask bare-metal`: the core's checks on an emulated Cortex-M3.
//!
//! The core is compiled against a sysroot that holds nothing but `core`, so an allocator cannot
//! creep in with it or with what it depends on. Whether the image would be caught failing is seen each time:
//! it is run again with a planted failure and with a planted panic, and `alloc` is seen to be missing.
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::steps::{Step, output, run as run_quietly};
use crate::target::{Purpose, Target};
use crate::toolchain::Toolchain;

/// The emulated board. Of its memory the image uses 256 KiB for code and 256 KiB for its stack.
const MACHINE: &str = "mps2-an385";

/// The image takes well under a second; one that hangs is stopped after this long.
const RUN_SECONDS_MAX: &str = "60";

/// What `plant` must do to the image: its exit status, and what it says last.
struct Control {
    plant: &'static str,
    status: i32,
    says: &'static str,
}

const CONTROLS: [Control; 2] = [
    Control { plant: "plant-failure", status: 1, says: " passed, 1 failed" },
    Control { plant: "plant-panic", status: 101, says: "a planted panic" },
];

/// Builds the image, runs it, and runs the controls.
pub(crate) fn run() -> Result<(), String> {
    let toolchain = Toolchain::ready(&[Target::BareMetal], Purpose::Ship)?;
    alloc_is_missing(&toolchain)?;
    let image = build(&toolchain)?;
    let (code, said) = emulate(&toolchain, &image, "")?;
    eprint!("{said}");
    let closing = said.trim_end().lines().last().unwrap_or_default();
    let all_passed = closing.ends_with(" passed, 0 failed") && !closing.starts_with("0 ");
    if code != Some(0) || !all_passed {
        return Err(format!("bare metal: {closing} (exit status {code:?})"));
    }
    for Control { plant, status, says } in CONTROLS {
        let (code, said) = emulate(&toolchain, &image, plant)?;
        let last = said.trim_end().lines().last().unwrap_or_default();
        if code != Some(status) || !last.ends_with(says) {
            return Err(format!(
                "the image with a {plant} ended with {code:?} and {last:?}, not with {status} and {says:?}: \
                 a real failure would go unseen"
            ));
        }
    }
    eprintln!("controls: alloc missing, a planted failure and a planted panic seen");
    #[expect(clippy::print_stdout, reason = "the closing line is this command's answer")]
    {
        println!("bare metal: {closing}");
    }
    Ok(())
}

/// Sees that `alloc` cannot be linked to, and that nothing else is in the way of compiling.
fn alloc_is_missing(toolchain: &Toolchain) -> Result<(), String> {
    let folder = tempfile::tempdir().map_err(|e| format!("cannot make a temporary folder: {e}"))?;
    let compile = |text: &str| {
        let source = folder.path().join("probe.rs");
        std::fs::write(&source, text)
            .map_err(|e| format!("cannot write {}: {e}", source.display()))?;
        let mut rustc = toolchain.rustc(Target::BareMetal)?;
        rustc.args(["--edition=2024", "--crate-type=lib", "--emit=metadata", "--out-dir"]);
        output(rustc.arg(folder.path()).arg(&source))
    };
    compile("#![no_std]\n")?;
    match compile("#![no_std]\nextern crate alloc;\n") {
        Err(error) if error.contains("E0463") => Ok(()),
        Err(error) => Err(format!("the probe for alloc failed for another reason: {error}")),
        Ok(_) => Err("the sysroot has an alloc: that the core uses none is not proven".to_owned()),
    }
}

fn build(toolchain: &Toolchain) -> Result<PathBuf, String> {
    let step = Step::begin("building the image");
    let home = Path::new(env!("CARGO_MANIFEST_DIR")).with_file_name("bare-metal");
    let flags = [
        format!("-Clinker={}", toolchain.bare_metal_linker()?.display()),
        "-Clinker-flavor=ld.lld".to_owned(),
        format!("-Clink-arg=-T{}", home.join("link.x").display()),
    ];
    let target_dir = home.with_file_name("target").join("bare-metal");
    let triple = Target::BareMetal.triple();
    let mut cargo = toolchain.cargo(Target::BareMetal, Purpose::Ship, &flags)?;
    cargo.args(["build", "--quiet", "--locked", "--release", "--target", triple, "--target-dir"]);
    run_quietly(cargo.arg(&target_dir).current_dir(&home))?;
    step.end("");
    Ok(target_dir.join(triple).join("release/martlet-bare-metal"))
}

/// Runs the image with `order` on its command line: its exit status, and what it said.
fn emulate(
    toolchain: &Toolchain,
    image: &Path,
    order: &str,
) -> Result<(Option<i32>, String), String> {
    let qemu = toolchain.system_emulator()?;
    let mut command = Command::new("timeout");
    command.arg(RUN_SECONDS_MAX).arg(qemu.get_program()).args(qemu.get_args());
    command.envs(qemu.get_envs().filter_map(|(name, value)| Some((name, value?))));
    command.args(["-M", MACHINE, "-nographic", "-semihosting-config"]);
    command.arg(format!("enable=on,target=native,arg=image,arg={order}"));
    let done = command
        .arg("-kernel")
        .arg(image)
        .stdin(Stdio::null())
        .output()
        .map_err(|e| format!("cannot run {} under qemu: {e}", image.display()))?;
    // qemu's console for semihosting is standard error.
    Ok((done.status.code(), String::from_utf8_lossy(&done.stderr).into_owned()))
}
