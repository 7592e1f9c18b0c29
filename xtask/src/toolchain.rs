//! The compilers, linker and emulators that the ARM checks need, made ready in a cache folder.
//!
//! Where rustup has a target's standard library it is used. Elsewhere Debian's packages are
//! downloaded and *unpacked*, never installed: a compiler with its sources, from which the standard
//! library of each target is built once. The linker is zig, from PyPI. Nothing outside
//! `$XDG_CACHE_HOME/martlet` is written, and what lies there can be made again: each part is made in a
//! temporary folder and renamed when whole, so an interrupted run leaves nothing that looks finished.
mod parts;

use std::fs;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;

use crate::steps::output;
use crate::target::{Purpose, Target};
use parts::{NO_UNWIND_TABLES, packages_as_named};

/// Has the crate `libc` use musl's 64-bit times where a word has 32 bits: without it a clock after January
/// 2038 is an error, and file times wrap around.
const TIME64_FLAG: &str = "--cfg=libc_unstable_musl_v1_2";

/// SQLite's C in what is shipped: no tables either, and smaller code than `-Os` makes: 609 KB for 723 KB.
/// zig's driver takes `-Oz` for `-Os` unless it stands behind `-Xclang`.
const SMALL_C: &str = "-fno-asynchronous-unwind-tables -fno-unwind-tables -Xclang -Oz";

/// 32-bit ARM's dense instructions, for rustc and for C.
const DENSE: (&str, &str) =
    ("-Ctarget-feature=+thumb-mode", " -Xclang -target-feature -Xclang +thumb-mode");

/// What is seldom used is laid apart from what each pass runs through, which saves memory. Named from the
/// workspace's root, where cargo links the command: no folder of this machine is in the flags.
const SELDOM_APART: &str = "-Clink-arg=-Wl,-T,xtask/src/toolchain/seldom.ld";

/// The folder with everything in it. Parts are made when first asked for.
pub(crate) struct Toolchain {
    root: PathBuf,
}

impl Toolchain {
    /// The toolchain with everything that `targets` need for `purpose`. Registries are needed here and
    /// nowhere later, so that their failure is told from the code's.
    pub(crate) fn ready(targets: &[Target], purpose: Purpose) -> Result<Self, String> {
        let prepare = || {
            let toolchain = Self::open()?;
            // Side by side, one a target: each ends with one crate that takes one processor a while.
            thread::scope(|threads| {
                let make = |target| {
                    drop(toolchain.cargo(target, purpose, &[])?);
                    let is_bare = target == Target::BareMetal;
                    if is_bare { toolchain.system_emulator().map(drop) } else { Ok(()) }
                };
                let all = targets.iter().map(|target| threads.spawn(move || make(*target)));
                let all: Vec<_> = all.collect();
                all.into_iter().try_for_each(|one| one.join().expect("it returns its errors"))
            })?;
            Ok(toolchain)
        };
        prepare().map_err(|e: String| format!("ARM NOT CHECKED: {e}"))
    }

    /// Opens the cache folder of this version of the packages and of the code that fills it.
    fn open() -> Result<Self, String> {
        let base = cache_home()?.join("martlet");
        // Elsewhere than on Debian rustup's libraries may do; a part that needs a package then fails.
        let is_debian = Path::new("/usr/bin/apt-get").exists();
        let key = key(&if is_debian { packages_as_named()? } else { String::new() });
        let root = base.join(format!("cross-{key}"));
        fs::create_dir_all(&root).map_err(|e| format!("cannot make {}: {e}", root.display()))?;
        say_of_others(&base, &root);
        Ok(Self { root })
    }

    /// `cargo` that compiles for `target` with `flags` for rustc and, but for bare metal, links with
    /// zig. The caller adds the subcommand first.
    pub(crate) fn cargo(
        &self,
        target: Target,
        purpose: Purpose,
        flags: &[String],
    ) -> Result<Command, String> {
        let mut flags = flags.to_vec();
        let wrappers = match target {
            Target::BareMetal => None,
            Target::Aarch64 | Target::Armv7 | Target::Native => {
                if purpose == Purpose::Ship {
                    flags.push(SELDOM_APART.to_owned());
                }
                Some(self.wrappers(target, purpose)?)
            }
        };
        self.cargo_that_keeps(wrappers.as_deref(), target, purpose, flags)
    }

    /// The same for any sources. With the folder in which `cargo-zigbuild` keeps the scripts that it writes,
    /// where zig links.
    fn cargo_that_keeps(
        &self,
        wrappers: Option<&Path>,
        target: Target,
        purpose: Purpose,
        mut flags: Vec<String>,
    ) -> Result<Command, String> {
        let mut cargo = match wrappers {
            None => Command::new("cargo"),
            Some(wrappers) => {
                let mut cargo = self.zigbuild(wrappers)?;
                // zig brings the start files; rustc would look for its own, which a library built
                // from source does not have.
                flags.push("-Clink-self-contained=no".to_owned());
                flags.push(TIME64_FLAG.to_owned());
                if purpose == Purpose::Ship {
                    flags.push(NO_UNWIND_TABLES.to_owned());
                    let mut c = SMALL_C.to_owned();
                    if target == Target::Armv7 {
                        flags.push(DENSE.0.to_owned());
                        c.push_str(DENSE.1);
                    }
                    cargo.env(format!("CFLAGS_{}", target.triple().replace('-', "_")), c);
                }
                cargo
            }
        };
        if target == Target::BareMetal || !rustup_has(target)? {
            let sysroot = self.sysroot(target, purpose)?;
            flags.push(format!("--sysroot={}", sysroot.display()));
        }
        if !rustup_has(target)? {
            self.use_debian(&mut cargo)?;
        }
        // Not RUSTFLAGS from outside: the same code is built whoever asks.
        cargo.env("CARGO_ENCODED_RUSTFLAGS", flags.join(SEPARATOR));
        if let Some(emulator) = target.emulator() {
            cargo.env(target.variable("RUNNER"), self.user_emulator()?.join(emulator));
        }
        Ok(cargo)
    }

    /// The cargo command that links with zig, and keeps what zig makes for itself.
    fn zigbuild(&self, wrappers: &Path) -> Result<Command, String> {
        let zig = self.zig()?;
        let mut cargo = Command::new(zig.join("bin/cargo-zigbuild"));
        cargo.env("CARGO_ZIGBUILD_ZIG_PATH", zig.join("ziglang/zig"));
        let kept = self.root.join("zig-cache");
        cargo.env("ZIG_GLOBAL_CACHE_DIR", &kept).env("ZIG_LOCAL_CACHE_DIR", &kept);
        cargo.env("CARGO_ZIGBUILD_CACHE_DIR", wrappers);
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
        rustc
            .arg("--sysroot")
            .arg(self.sysroot(target, Purpose::Ship)?)
            .args(["--target", target.triple()]);
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
        let root = self.system_emulator_part()?;
        let libraries = ["usr/lib/x86_64-linux-gnu", "lib/x86_64-linux-gnu"]
            .map(|folder| root.join(folder).display().to_string())
            .join(":");
        let mut qemu = Command::new(root.join("usr/bin/qemu-system-arm"));
        qemu.env("LD_LIBRARY_PATH", libraries).arg("-L").arg(root.join("usr/share/qemu"));
        Ok(qemu)
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
}

/// `$XDG_CACHE_HOME`, or `~/.cache`.
pub(crate) fn cache_home() -> Result<PathBuf, String> {
    let given = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from).filter(|p| p.is_absolute());
    given
        .or_else(|| std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".cache")))
        .ok_or_else(|| "neither XDG_CACHE_HOME nor HOME says where a cache may lie".to_owned())
}

/// Where cargo keeps the sources of crates: `$CARGO_HOME`, or `~/.cargo`.
pub(crate) fn cargo_home() -> Result<PathBuf, String> {
    let given = std::env::var_os("CARGO_HOME").map(PathBuf::from);
    given
        .or_else(|| std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".cargo")))
        .ok_or_else(|| "neither CARGO_HOME nor HOME says where cargo keeps the crates".to_owned())
}

/// Between two flags for rustc where cargo takes several in one variable.
const SEPARATOR: &str = "\u{1f}";

/// Has rustc write `name` wherever it would write the path of `folder`.
pub(crate) fn remap(folder: &Path, name: &str) -> String {
    // Without a trailing slash, or it would not match.
    let folder: PathBuf = folder.components().collect();
    format!("--remap-path-prefix={}={name}", folder.display())
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

/// A short name for this state of the packages and of the code. A collision costs a stale cache, no more.
fn key(packages: &str) -> String {
    let mut hasher = DefaultHasher::new();
    (packages, include_str!("toolchain/parts.rs"), include_str!("target.rs")).hash(&mut hasher);
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
