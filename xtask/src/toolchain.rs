//! The compilers, linker and emulators that the ARM checks need, made ready in a cache folder.
//!
//! Where rustup has a target's standard library it is used. Elsewhere Debian's packages are
//! downloaded and *unpacked*, never installed: a compiler with its sources, from which the standard
//! library of each target is built once. The linker is zig, from PyPI. Nothing outside
//! `$XDG_CACHE_HOME/martlet` is written, and what lies there can be made again: each part is made in a
//! temporary folder and renamed when whole, so an interrupted run leaves nothing that looks finished.
use std::fs::{self, File};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::steps::{Step, output, run};
use crate::target::Target;

/// PyPI's linker and the cargo command that drives it. A new version is tried before it is written here.
const PYPI: [&str; 2] = ["ziglang==0.17.1", "cargo-zigbuild==0.24.0"];

/// Has the crate `libc`, in the standard library and in what we build, use musl's 64-bit times where a
/// word has 32 bits: without it a clock after January 2038 is an error, and file times wrap around.
const TIME64_ENV: (&str, &str) = ("RUST_LIBC_UNSTABLE_MUSL_V1_2_3", "1");
const TIME64_FLAG: &str = "--cfg=libc_unstable_musl_v1_2";

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

/// The folder with everything in it. Parts are made when first asked for.
pub(crate) struct Toolchain {
    root: PathBuf,
}

impl Toolchain {
    /// The toolchain with everything that `targets` need. Registries are needed here and nowhere later,
    /// so that their failure is told from the code's.
    pub(crate) fn ready(targets: &[Target]) -> Result<Self, String> {
        let prepare = || {
            let toolchain = Self::open()?;
            for target in targets {
                drop(toolchain.cargo(*target, &[])?);
                if *target == Target::BareMetal {
                    drop(toolchain.system_emulator()?);
                }
            }
            Ok(toolchain)
        };
        prepare().map_err(|e: String| format!("ARM NOT CHECKED: {e}"))
    }

    /// Opens the cache folder of this version of the packages and of this file.
    fn open() -> Result<Self, String> {
        let base = cache_home()?.join("martlet");
        let key = key(&packages_as_named()?);
        let root = base.join(format!("cross-{key}"));
        fs::create_dir_all(&root).map_err(|e| format!("cannot make {}: {e}", root.display()))?;
        say_of_others(&base, &root);
        Ok(Self { root })
    }

    /// `cargo` that compiles for `target` with `flags` for rustc and, but for bare metal, links with
    /// zig. The caller adds the subcommand first.
    pub(crate) fn cargo(&self, target: Target, flags: &[String]) -> Result<Command, String> {
        let mut flags = flags.to_vec();
        let mut cargo = match target {
            Target::BareMetal => Command::new("cargo"),
            Target::Aarch64 | Target::Armv7 | Target::Native => {
                let zig = self.zig()?;
                let mut cargo = Command::new(zig.join("bin/cargo-zigbuild"));
                cargo.env("CARGO_ZIGBUILD_ZIG_PATH", zig.join("ziglang/zig"));
                let kept = self.root.join("zig-cache");
                for name in
                    ["ZIG_GLOBAL_CACHE_DIR", "ZIG_LOCAL_CACHE_DIR", "CARGO_ZIGBUILD_CACHE_DIR"]
                {
                    cargo.env(name, &kept);
                }
                // zig brings the start files; rustc would look for its own, which a library built
                // from source does not have.
                flags.push("-Clink-self-contained=no".to_owned());
                flags.push(TIME64_FLAG.to_owned());
                cargo
            }
        };
        if target == Target::BareMetal || !rustup_has(target)? {
            let sysroot = self.sysroot(target)?;
            flags.push(format!("--sysroot={}", sysroot.display()));
        }
        if !rustup_has(target)? {
            self.use_debian(&mut cargo)?;
        }
        // Not RUSTFLAGS from outside: the same code is built whoever asks.
        cargo.env("CARGO_ENCODED_RUSTFLAGS", flags.join("\u{1f}"));
        if let Some(emulator) = target.emulator() {
            cargo.env(target.variable("RUNNER"), self.user_emulator()?.join(emulator));
        }
        Ok(cargo)
    }

    /// `rustc` that compiles for `target`, without cargo.
    pub(crate) fn rustc(&self, target: Target) -> Result<Command, String> {
        let mut rustc = Command::new("rustc");
        if !rustup_has(target)? {
            let root = self.debian_rust()?;
            rustc = Command::new(root.join("usr/bin/rustc"));
            rustc.env("LD_LIBRARY_PATH", root.join("usr/lib/x86_64-linux-gnu"));
        }
        rustc.arg("--sysroot").arg(self.sysroot(target)?).args(["--target", target.triple()]);
        Ok(rustc)
    }

    /// The linker that comes with rustup's compiler.
    #[expect(clippy::unused_self, reason = "it is one of the tools, wherever it lies")]
    pub(crate) fn bare_metal_linker(&self) -> Result<PathBuf, String> {
        let host = output(Command::new("rustc").args(["--print", "host-tuple"]))?;
        let linker = rustup_sysroot()?.join("lib/rustlib").join(host.trim()).join("bin/rust-lld");
        if linker.is_file() {
            Ok(linker)
        } else {
            Err(format!("no {}: a toolchain of rustup's brings it", linker.display()))
        }
    }

    /// The emulator that runs `target`'s programs on this machine; none for the machine's own.
    pub(crate) fn emulator(&self, target: Target) -> Result<Option<PathBuf>, String> {
        target.emulator().map(|name| Ok(self.user_emulator()?.join(name))).transpose()
    }

    /// `qemu-system-arm`, ready to be given a machine and an image.
    pub(crate) fn system_emulator(&self) -> Result<Command, String> {
        let root = self.part("qemu-system", |made| {
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
        })?;
        let libraries = ["usr/lib/x86_64-linux-gnu", "lib/x86_64-linux-gnu"]
            .map(|folder| root.join(folder).display().to_string())
            .join(":");
        let mut qemu = Command::new(root.join("usr/bin/qemu-system-arm"));
        qemu.env("LD_LIBRARY_PATH", libraries).arg("-L").arg(root.join("usr/share/qemu"));
        Ok(qemu)
    }

    /// A folder that rustc takes as its sysroot for `target`.
    fn sysroot(&self, target: Target) -> Result<PathBuf, String> {
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
        self.part(&format!("sysroot-{triple}"), |made| {
            let build = made.join("build");
            let shim = made.join("panic-shim");
            write(&build.join("src/lib.rs"), "#![no_std]\n")?;
            write(
                &build.join("Cargo.toml"),
                "[package]\nname = \"nothing\"\nversion = \"0.0.0\"\nedition = \"2024\"\n[workspace]\n\
                 [profile.release]\nopt-level = \"s\"\ncodegen-units = 1\n",
            )?;
            write(&shim, PANIC_SHIM)?;
            run(Command::new("chmod").arg("+x").arg(&shim))?;
            let mut cargo = Command::new("cargo");
            self.use_debian(&mut cargo)?;
            cargo
                .args(["build", "--quiet", "--release", "--target", triple])
                .arg(format!("-Zbuild-std={}", target.libraries()))
                .env("RUSTC_BOOTSTRAP", "1")
                .env(TIME64_ENV.0, TIME64_ENV.1)
                .env("RUSTC_WRAPPER", &shim)
                .env(
                    "CARGO_ENCODED_RUSTFLAGS",
                    "-Cembed-bitcode=yes\u{1f}-Zforce-unstable-if-unmarked",
                )
                .env("CARGO_TARGET_DIR", build.join("target"))
                .current_dir(&build);
            run(&mut cargo)?;
            let built = build.join("target").join(triple).join("release/deps");
            copy_libraries(&built, &made.join(&libraries), |name| !name.starts_with("libnothing"))?;
            remove(&build)?;
            fs::remove_file(&shim).map_err(|e| format!("cannot remove {}: {e}", shim.display()))
        })
    }

    /// Lets `cargo` use Debian's compiler, unpacked.
    fn use_debian(&self, cargo: &mut Command) -> Result<(), String> {
        let root = self.debian_rust()?;
        cargo
            .env("RUSTC", root.join("usr/bin/rustc"))
            .env("RUSTDOC", root.join("usr/bin/rustdoc"))
            .env("LD_LIBRARY_PATH", root.join("usr/lib/x86_64-linux-gnu"));
        Ok(())
    }

    /// The folder with Debian's compiler and its sources.
    fn debian_rust(&self) -> Result<PathBuf, String> {
        self.part("debian-rust", |made| {
            let packages = compiler_packages()?;
            unpack(&packages.iter().map(String::as_str).collect::<Vec<_>>(), made, made)
        })
    }

    /// The folder with the emulators of whole programs.
    fn user_emulator(&self) -> Result<PathBuf, String> {
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
    fn zig(&self) -> Result<PathBuf, String> {
        self.part("zig", |made| {
            run(Command::new("python3")
                .args(["-m", "pip", "install", "--quiet", "--no-deps", "--target"])
                .arg(made)
                .args(PYPI))
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
}

/// `$XDG_CACHE_HOME`, or `~/.cache`.
pub(crate) fn cache_home() -> Result<PathBuf, String> {
    let given = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from).filter(|p| p.is_absolute());
    given
        .or_else(|| std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".cache")))
        .ok_or_else(|| "neither XDG_CACHE_HOME nor HOME says where a cache may lie".to_owned())
}

fn rustup_sysroot() -> Result<PathBuf, String> {
    Ok(PathBuf::from(output(Command::new("rustc").args(["--print", "sysroot"]))?.trim()))
}

/// Where rustup would have `target`'s libraries.
fn rustup_libraries(target: Target) -> Result<PathBuf, String> {
    Ok(rustup_sysroot()?.join("lib/rustlib").join(target.triple()).join("lib"))
}

fn rustup_has(target: Target) -> Result<bool, String> {
    Ok(rustup_libraries(target)?.is_dir())
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
fn packages_as_named() -> Result<String, String> {
    let mut apt = Command::new("apt-get");
    apt.args(["download", "--print-uris", "-qq"]).args(compiler_packages()?);
    output(apt.args([USER_EMULATOR, SYSTEM_EMULATOR]))
        .map_err(|e| format!("{e}\n  (the package lists may be missing: apt-get update)"))
}

/// A short name for this state of the packages and of this file. A collision costs a stale cache, no more.
fn key(packages: &str) -> String {
    let mut hasher = DefaultHasher::new();
    (packages, PYPI, include_str!("toolchain.rs"), include_str!("target.rs")).hash(&mut hasher);
    format!("{:016x}", hasher.finish())
}

/// Says which caches of other versions lie beside this one: they hold a gigabyte each, and only their
/// owner knows whether another checkout still uses them.
fn say_of_others(base: &Path, mine: &Path) {
    let entries = fs::read_dir(base).into_iter().flatten().flatten();
    for other in entries.map(|entry| entry.path()).filter(|path| path.is_dir() && path != mine) {
        if other.file_name().is_some_and(|name| name.to_string_lossy().starts_with("cross-")) {
            eprintln!("note: {} belongs to another version and may be removed", other.display());
        }
    }
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
