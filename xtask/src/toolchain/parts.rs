//! What fills the cache folder: each part is made in a temporary folder and renamed when whole.
//!
//! A change here, or of the packages, makes another folder; see [`super::Toolchain::open`].
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

use super::{SEPARATOR, Toolchain, cargo_home, remap, rustup_has, rustup_libraries};
use crate::steps::{Step, output, run};
use crate::target::{Purpose, Target};

/// PyPI's linker and the cargo command that drives it. A new version is tried before it is written here.
const PYPI: [&str; 2] = ["ziglang==0.17.1", "cargo-zigbuild==0.24.0"];

/// Debian's compiler; what it depends on and is not on every system follows from `apt-cache depends`.
const COMPILER: [&str; 3] = ["rustc-web", "libstd-rust-web-dev", "rust-web-src"];
const USER_EMULATOR: &str = "qemu-user-static";
const SYSTEM_EMULATOR: &str = "qemu-system-arm";

/// Cargo asks for every crate of the standard library in one panic strategy; this one crate exists to be
/// the other one, and without it `panic = "abort"` has nothing to link.
const PANIC_SHIM: &str = "#!/bin/sh\n\
    p=\n\
    for a in \"$@\"; do [ \"$p\" = --crate-name ] && [ \"$a\" = panic_abort ] && set -- \"$@\" -Cpanic=abort; p=$a; done\n\
    exec \"$@\"\n";

/// The same for the standard library as [`super::TIME64_FLAG`] for what is built with it.
const TIME64_ENV: (&str, &str) = ("RUST_LIBC_UNSTABLE_MUSL_V1_2_3", "1");

/// Leaves out the tables by which a panic would unwind: an eighth of the binary, which aborts.
pub(super) const NO_UNWIND_TABLES: &str = "-Cforce-unwind-tables=no";

/// How the standard library is built: small, or soon ready.
const SHIPPED: &str = "opt-level = \"z\"\npanic = \"abort\"\n";
const TESTED: &str = "opt-level = 1\n";

impl Toolchain {
    /// A folder that rustc takes as its sysroot for `target`.
    pub(super) fn sysroot(&self, target: Target, purpose: Purpose) -> Result<PathBuf, String> {
        let triple = target.triple();
        let libraries = PathBuf::from("lib/rustlib").join(triple).join("lib");
        if rustup_has(target)? {
            return self.part(&format!("sysroot-rustup-{triple}"), |made| {
                let from = rustup_libraries(target)?;
                copy_libraries(&from, &made.join(&libraries), |name| {
                    name.starts_with("libcore-") || name.starts_with("libcompiler_builtins-")
                })
            });
        }
        let (name, profile, features) = match purpose {
            Purpose::Ship => (format!("sysroot-{triple}"), SHIPPED, "optimize_for_size"),
            Purpose::Test => (format!("sysroot-{triple}-tests"), TESTED, "panic-unwind"),
        };
        self.part(&name, |made| {
            let build = made.join("build");
            let shim = made.join("panic-shim");
            write(&build.join("src/lib.rs"), "#![no_std]\n")?;
            write(
                &build.join("Cargo.toml"),
                &format!(
                    "[package]\nname = \"nothing\"\nversion = \"0.0.0\"\nedition = \"2024\"\n[workspace]\n\
                     [profile.release]\ncodegen-units = 1\n{profile}"
                ),
            )?;
            write(&shim, PANIC_SHIM)?;
            run(Command::new("chmod").arg("+x").arg(&shim))?;
            let mut cargo = Command::new("cargo");
            self.use_debian(&mut cargo)?;
            let mut flags = vec![
                "-Zforce-unstable-if-unmarked".to_owned(),
                remap(&self.debian_rust()?, "/debian"),
                remap(&cargo_home()?, "/cargo"),
            ];
            // Tests are linked without looking into the libraries once more: no bitcode for that.
            let shipped = [NO_UNWIND_TABLES, "-Cembed-bitcode=yes"];
            flags.extend(shipped.into_iter().filter(|_| purpose == Purpose::Ship).map(str::to_owned));
            cargo
                .args(["build", "--quiet", "--release", "--target", triple])
                .arg(format!("-Zbuild-std={}", target.libraries(purpose)))
                .arg(format!("-Zbuild-std-features={features}"))
                .env("RUSTC_BOOTSTRAP", "1")
                .env(TIME64_ENV.0, TIME64_ENV.1)
                .env("RUSTC_WRAPPER", &shim)
                .env("CARGO_ENCODED_RUSTFLAGS", flags.join(SEPARATOR))
                .env("CARGO_TARGET_DIR", build.join("target"))
                .current_dir(&build);
            run(&mut cargo)?;
            let built = build.join("target").join(triple).join("release/deps");
            copy_libraries(&built, &made.join(&libraries), |name| !name.starts_with("libnothing"))?;
            remove(&build)?;
            fs::remove_file(&shim).map_err(|e| format!("cannot remove {}: {e}", shim.display()))
        })
    }

    /// The folder with Debian's compiler and its sources.
    pub(super) fn debian_rust(&self) -> Result<PathBuf, String> {
        self.part("debian-rust", |made| {
            let packages = compiler_packages()?;
            unpack(&packages.iter().map(String::as_str).collect::<Vec<_>>(), made, made)
        })
    }

    /// The folder with the emulators of whole programs.
    pub(super) fn user_emulator(&self) -> Result<PathBuf, String> {
        self.part("qemu-user", |made| {
            let all = made.join("all");
            unpack(&[USER_EMULATOR], made, &all)?;
            // 380 MB of processors that nobody asks for.
            for name in Target::ARM.iter().filter_map(|target| target.emulator()) {
                let from = all.join("usr/bin").join(name);
                fs::rename(&from, made.join(name))
                    .map_err(|e| format!("cannot move {}: {e}", from.display()))?;
            }
            remove(&all)
        })
    }

    /// The folder with zig and `cargo-zigbuild`.
    pub(super) fn zig(&self) -> Result<PathBuf, String> {
        self.part("zig", |made| {
            run(Command::new("python3")
                .args(["-m", "pip", "install", "--quiet", "--no-deps", "--target"])
                .arg(made)
                .args(PYPI))
        })
    }

    /// The folder with the scripts by which `cargo-zigbuild` has zig compile and link for `target`. It writes
    /// them when it needs them, and fails where two do so at once. So they come of a program that does
    /// nothing, built as either purpose will be; and so does the C library, which zig makes for it: once for
    /// programs without symbols, which all of ours are, and once more for any others.
    pub(super) fn wrappers(&self, target: Target, purpose: Purpose) -> Result<PathBuf, String> {
        self.part(&format!("wrappers-{}", target.triple()), |made| {
            let build = made.join("build");
            write(&build.join("src/main.rs"), "fn main() {}\n")?;
            write(
                &build.join("Cargo.toml"),
                "[package]\nname = \"nothing\"\nversion = \"0.0.0\"\nedition = \"2024\"\n[workspace]\n\
                 [profile.release]\npanic = \"abort\"\nstrip = \"symbols\"\n",
            )?;
            let mut cargo = self.cargo_that_keeps(Some(made), target, purpose, Vec::new())?;
            cargo.args(["build", "--quiet", "--release", "--target", target.triple()]);
            run(cargo.env("CARGO_TARGET_DIR", build.join("target")).current_dir(&build))?;
            remove(&build)
        })
    }

    /// The folder `name`, made by `make` in a temporary place and renamed when whole.
    fn part(
        &self,
        name: &str,
        make: impl FnOnce(&Path) -> Result<(), String>,
    ) -> Result<PathBuf, String> {
        let whole = self.root.join(name);
        // Held while the part is made: of two runs at once, one makes it and the other waits.
        let lock_path = self.root.join(format!("{name}.lock"));
        let _lock = File::create(&lock_path)
            .and_then(|file| file.lock().map(|()| file))
            .map_err(|e| format!("cannot lock {}: {e}", lock_path.display()))?;
        if whole.is_dir() {
            return Ok(whole);
        }
        let step = Step::begin(&format!("preparing {name} in {}", self.root.display()));
        let made = tempfile::Builder::new()
            .prefix(&format!("{name}.making-"))
            .tempdir_in(&self.root)
            .map_err(|e| format!("cannot make a folder in {}: {e}", self.root.display()))?;
        make(made.path()).map_err(|e| format!("cannot prepare {name}: {e}"))?;
        let made = made.keep();
        fs::rename(&made, &whole)
            .map_err(|e| format!("cannot rename {} to {}: {e}", made.display(), whole.display()))?;
        step.end("");
        Ok(whole)
    }

    /// The folder with the emulator of whole machines, and the libraries that this system lacks for it.
    pub(super) fn system_emulator_part(&self) -> Result<PathBuf, String> {
        self.part("qemu-system", |made| {
            // What this system lacks, dependencies included; asked of apt, which changes nothing here.
            let args = ["install", "--print-uris", "--no-install-recommends", "-qq", "-y"];
            let lacking = output(Command::new("apt-get").args(args).arg(SYSTEM_EMULATOR))?;
            let mut names: Vec<&str> = lacking
                .lines()
                .filter_map(|line| line.split_whitespace().nth(1)?.split('_').next())
                .filter(|name| name.starts_with("lib") || *name == "qemu-system-common")
                .collect();
            names.push(SYSTEM_EMULATOR);
            unpack(&names, made, made)
        })
    }
}

/// Debian's compiler and those of its dependencies that come with it.
fn compiler_packages() -> Result<Vec<String>, String> {
    let mut apt = Command::new("apt-cache");
    apt.args(["depends", "--recurse", "--no-recommends", "--no-suggests", "--no-conflicts"]);
    apt.args(["--no-breaks", "--no-replaces", "--no-enhances"]);
    let depends = output(apt.args(COMPILER))
        .map_err(|e| format!("{e}\n  (the package lists may be missing: apt-get update)"))?;
    let mut names: Vec<String> = COMPILER.iter().map(ToString::to_string).collect();
    let needed = depends.lines().filter_map(|line| line.trim().strip_prefix("Depends: "));
    names.extend(
        needed
            .filter(|name| name.starts_with("libstd-rust-web") || name.starts_with("libllvm"))
            .map(ToOwned::to_owned),
    );
    names.sort();
    names.dedup();
    Ok(names)
}

/// Name, version, size and checksum of each package, as the system's package lists have them.
pub(super) fn packages_as_named() -> Result<String, String> {
    let mut apt = Command::new("apt-get");
    apt.args(["download", "--print-uris", "-qq"]).args(compiler_packages()?);
    output(apt.args([USER_EMULATOR, SYSTEM_EMULATOR]))
        .map_err(|e| format!("{e}\n  (the package lists may be missing: apt-get update)"))
}

/// Downloads packages into a folder beside `to` inside `made`, and unpacks them over `to`.
fn unpack(packages: &[&str], made: &Path, to: &Path) -> Result<(), String> {
    let folder = made.join("downloaded");
    fs::create_dir_all(&folder).map_err(|e| format!("cannot make {}: {e}", folder.display()))?;
    // apt drops root before it downloads.
    let sandbox = ["-o", "APT::Sandbox::User=root"];
    run(Command::new("apt-get")
        .args(sandbox)
        .args(["download", "-qq"])
        .args(packages)
        .current_dir(&folder))
    .map_err(|e| format!("{e}\n  (the package lists may be old: apt-get update)"))?;
    let entries =
        fs::read_dir(&folder).map_err(|e| format!("cannot list {}: {e}", folder.display()))?;
    for entry in entries {
        let package = entry.map_err(|e| format!("cannot list {}: {e}", folder.display()))?.path();
        run(Command::new("dpkg-deb").arg("-x").arg(&package).arg(to))?;
    }
    remove(&folder)
}

/// Copies the `.rlib` files of `from` whose names are `wanted`.
fn copy_libraries(from: &Path, to: &Path, wanted: impl Fn(&str) -> bool) -> Result<(), String> {
    fs::create_dir_all(to).map_err(|e| format!("cannot make {}: {e}", to.display()))?;
    let entries = fs::read_dir(from).map_err(|e| format!("cannot list {}: {e}", from.display()))?;
    let mut copied = 0;
    for entry in entries {
        let path = entry.map_err(|e| format!("cannot list {}: {e}", from.display()))?.path();
        let Some(name) = path.file_name().and_then(|name| name.to_str()) else { continue };
        if Path::new(name).extension().is_some_and(|ending| ending == "rlib") && wanted(name) {
            fs::copy(&path, to.join(name))
                .map_err(|e| format!("cannot copy {}: {e}", path.display()))?;
            copied += 1;
        }
    }
    if copied == 0 { Err(format!("no libraries in {}", from.display())) } else { Ok(()) }
}

fn write(path: &Path, text: &str) -> Result<(), String> {
    let folder = path.parent().unwrap_or(Path::new("/"));
    fs::create_dir_all(folder)
        .and_then(|()| fs::write(path, text))
        .map_err(|e| format!("cannot write {}: {e}", path.display()))
}

fn remove(folder: &Path) -> Result<(), String> {
    fs::remove_dir_all(folder).map_err(|e| format!("cannot remove {}: {e}", folder.display()))
}
