//! `cargo xtask dist [ARCH...]`: a tarball and a Debian package for each processor, the same to the
//! byte whoever makes them, wherever and whenever; and their SHA256SUMS.
//!
//! `dpkg-deb` makes the package from the tree that the tarball holds. `cargo-deb` would be one more
//! program to fetch, and neither makes a tarball nor promises the same bytes.
mod crates;
mod debian;
mod tree;
mod trial;
mod twice;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use tree::Tree;

use crate::cross;
use crate::target::{Purpose, Target};
use crate::toolchain::Toolchain;

/// The units, as they are named in `bin/dist`.
pub(crate) const UNITS: [&str; 3] =
    ["martlet.service", "martlet-once.service", "martlet-once.timer"];
/// What is copied to systemd's folder where it is wanted.
pub(crate) const DROP_INS: [&str; 4] = [
    "martlet.service.d/devices.conf",
    "martlet-once.service.d/devices.conf",
    "swift-container-auditor.service.d/martlet.conf",
    "swift-container-auditor@.service.d/martlet.conf",
];
const MANUALS: [&str; 2] = ["martlet.1", "martlet-options.5"];

/// A processor, in Debian's words and in ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Arch {
    debian: &'static str,
    target: Target,
}

const AMD64: Arch = Arch { debian: "amd64", target: Target::Native };
const ARCHES: [Arch; 3] = [
    AMD64,
    Arch { debian: "arm64", target: Target::Aarch64 },
    Arch { debian: "armhf", target: Target::Armv7 },
];

/// Makes what is asked for; `try` installs it beside Swift, `twice` makes it two times and compares.
pub(crate) fn run(words: &[&str]) -> Result<(), String> {
    match words {
        ["try"] => trial::run(&folder(&workspace())),
        ["twice"] => twice::run(),
        ["in", workspace] => make(Path::new(workspace), &[AMD64]),
        [] => make(&workspace(), &ARCHES),
        named => {
            let find = |name: &&str| {
                let found = ARCHES.into_iter().find(|arch| arch.debian == *name);
                found.ok_or_else(|| format!("{name} is none of amd64, arm64, armhf"))
            };
            make(&workspace(), &named.iter().map(find).collect::<Result<Vec<_>, _>>()?)
        }
    }
}

/// The workspace's folder.
fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).with_file_name("")
}

/// Where the archives go.
fn folder(workspace: &Path) -> PathBuf {
    workspace.join("target/dist")
}

fn make(workspace: &Path, arches: &[Arch]) -> Result<(), String> {
    let out = folder(workspace);
    let when = when(workspace)?;
    let toolchain =
        Toolchain::ready(&arches.iter().map(|it| it.target).collect::<Vec<_>>(), Purpose::Ship)?;
    let mut made = Vec::new();
    for arch in arches {
        let binary = cross::build_in(workspace, &toolchain, arch.target)?;
        let staging = tempfile::tempdir().map_err(|e| format!("cannot make a folder: {e}"))?;
        let stem = format!("martlet-{VERSION}-linux-{}", arch.debian);
        let root = staging.path().join(&stem);
        let tree = Tree { workspace, root: &root, arch: *arch, binary: &binary, when: &when };
        tree.lay_out()?;
        let tarball = format!("{stem}.tar.gz");
        tar(staging.path(), &stem, &when, &out.join(&tarball))?;
        tree.add_control()?;
        let package = format!("martlet_{DEBIAN_VERSION}_{}.deb", arch.debian);
        deb(&root, &when, &out.join(&package))?;
        made.extend([tarball, package]);
    }
    made.sort();
    let sums = done(Command::new("sha256sum").args(&made).current_dir(&out))?;
    let file = out.join("SHA256SUMS");
    fs::write(&file, &sums).map_err(|e| format!("cannot write {}: {e}", file.display()))?;
    eprint!("{}:\n{sums}", out.display());
    Ok(())
}

const VERSION: &str = env!("CARGO_PKG_VERSION");
/// The same, and the packaging's own number.
const DEBIAN_VERSION: &str = concat!(env!("CARGO_PKG_VERSION"), "-1");

/// The time in all archives: `SOURCE_DATE_EPOCH`, or the last commit's.
fn when(workspace: &Path) -> Result<String, String> {
    if let Ok(when) = std::env::var("SOURCE_DATE_EPOCH") {
        return Ok(when);
    }
    let mut git = Command::new("git");
    let said = done(git.args(["log", "-1", "--format=%ct"]).current_dir(workspace))?;
    Ok(said.trim().to_owned())
}

fn tar(folder: &Path, name: &str, when: &str, to: &Path) -> Result<(), String> {
    make_parent(to)?;
    let mut tar = Command::new("tar");
    tar.args(["--create", "--sort=name", "--format=gnu", "--owner=0", "--group=0"]);
    tar.args(["--numeric-owner", "--use-compress-program=gzip -9n"]);
    tar.arg(format!("--mtime=@{when}")).arg("--file").arg(to);
    done(tar.arg("--directory").arg(folder).arg(name)).map(drop)
}

fn deb(root: &Path, when: &str, to: &Path) -> Result<(), String> {
    let mut deb = Command::new("dpkg-deb");
    // One thread: how many there are must not show in the bytes.
    deb.args(["--root-owner-group", "-Zxz", "--threads-max=1", "--build"]).arg(root).arg(to);
    done(deb.env("SOURCE_DATE_EPOCH", when)).map(drop)
}

/// Runs a command that should succeed; what it printed.
fn done(command: &mut Command) -> Result<String, String> {
    let name = command.get_program().to_owned();
    let output = command.output().map_err(|e| format!("cannot run {}: {e}", name.display()))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let said = [output.stdout, output.stderr].concat();
    Err(format!("{}: {} {}", name.display(), output.status, String::from_utf8_lossy(&said).trim()))
}

fn make_parent(path: &Path) -> Result<(), String> {
    let parent = path.parent().map(Path::to_owned).unwrap_or_default();
    fs::create_dir_all(&parent).map_err(|e| format!("cannot make {}: {e}", parent.display()))
}
