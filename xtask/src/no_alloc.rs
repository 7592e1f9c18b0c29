//! `cargo xtask no-alloc`: the release library of core names no allocator, and the same look finds
//! one in a library that has it.
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The source tree.
const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");
/// What a library names that allocates: the functions behind `Box` and `Vec`, and C's own.
const ALLOCATORS: [&str; 7] = [
    "__rust_alloc",
    "__rust_realloc",
    "__rust_dealloc",
    "exchange_malloc",
    " malloc",
    " realloc",
    " free",
];
/// A library that allocates.
const CONTROL: &str = "#![no_std]\nextern crate alloc;\n\
    #[inline(never)]\n\
    pub fn boxed(byte: u8) -> alloc::boxed::Box<[u8]> { alloc::vec![byte; 9].into_boxed_slice() }\n";

/// Builds core and looks.
///
/// # Errors
/// One line: an allocator's name, or what could not be done.
pub(crate) fn run() -> Result<(), String> {
    let dir = tempfile::tempdir().map_err(|e| format!("no temporary directory: {e}"))?;
    let source = dir.path().join("control.rs");
    fs::write(&source, CONTROL).map_err(|e| format!("cannot write the control: {e}"))?;
    let control = dir.path().join("libcontrol.rlib");
    let mut rustc = Command::new(std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into()));
    rustc
        .args(["--edition=2024", "--crate-type=rlib", "-O", "-Cembed-bitcode=no", "-o"])
        .arg(&control)
        .arg(&source);
    said(&mut rustc)?;
    if allocators(&control)?.is_empty() {
        return Err("the look finds no allocator where there is one: it proves nothing".to_owned());
    }
    let core = build(dir.path())?;
    let found = allocators(&core)?;
    if let Some(line) = found.first() {
        return Err(format!("{} names an allocator: {line}", core.display()));
    }
    eprintln!("core names no allocator; the control does");
    Ok(())
}

/// Core's release library, as objects: what is kept for LTO is not for `nm` to read.
fn build(target: &Path) -> Result<PathBuf, String> {
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.args(["build", "--quiet", "--offline", "--release", "--package=martlet-core"]);
    cargo.args(["--config=profile.release.lto=\"off\"", "--config=profile.release.strip=false"]);
    cargo.arg("--target-dir").arg(target.join("target")).current_dir(ROOT);
    said(&mut cargo)?;
    Ok(target.join("target/release/libmartlet_core.rlib"))
}

/// The lines of `nm` that name an allocator.
fn allocators(library: &Path) -> Result<Vec<String>, String> {
    let symbols = said(Command::new("nm").arg(library))?;
    let any = symbols.lines().any(|line| line.contains(" T "));
    if !any {
        return Err(format!("nm shows no function of {}", library.display()));
    }
    let names = |line: &&str| ALLOCATORS.iter().any(|name| line.contains(name));
    Ok(symbols.lines().filter(names).map(str::to_owned).collect())
}

fn said(command: &mut Command) -> Result<String, String> {
    let name = command.get_program().to_string_lossy().into_owned();
    let said = command.output().map_err(|e| format!("cannot run {name}: {e}"))?;
    if said.status.success() {
        return Ok(String::from_utf8_lossy(&said.stdout).into_owned());
    }
    let words = String::from_utf8_lossy(&said.stderr);
    Err(format!("{name}: {}", words.lines().next().unwrap_or("it says nothing")))
}
