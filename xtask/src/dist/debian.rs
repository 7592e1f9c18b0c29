//! A Debian with its own `swift-container` and systemd in it, made once and kept in the user's cache.
//!
//! debootstrap makes it. Nothing is ever started in there, and nothing is written to it later: who tries
//! something in it lays a layer of memory over it.
use std::fs::{self, File};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::path::{Path, PathBuf};
use std::process::Command;

use super::done;
use crate::swift_venv::cache;

const SUITE: &str = "bookworm";
/// Installed by apt, with all that they depend on: a storage node as Debian has it.
const PACKAGES: &str = "swift-container systemd";
/// What is done in the new root. A program of this name that ends with 101 keeps packages from starting
/// daemons (Debian policy 9.3.3).
const MAKE: &str = "printf '#!/bin/sh\\nexit 101\\n' > usr/sbin/policy-rc.d
chmod 755 usr/sbin/policy-rc.d
export PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C DEBIAN_FRONTEND=noninteractive
chroot . apt-get update --quiet
chroot . apt-get install --quiet --yes --no-install-recommends $1
rm -rf var/lib/apt/lists var/cache/apt/*.bin
mkdir -p var/lib/apt/lists run/systemd/system";

/// The folder that holds it. Needs root and Debian's archive the first time.
///
/// # Errors
/// What could not be done, and why.
pub(super) fn root() -> Result<PathBuf, String> {
    let base = cache()?;
    fs::create_dir_all(&base).map_err(|e| format!("cannot make {}: {e}", base.display()))?;
    // A new version of Swift's package, or of what is done here, makes it anew.
    let mut apt = Command::new("apt-get");
    let named = done(apt.args(["download", "--print-uris", "-qq", "swift-container"]))
        .map_err(|e| format!("{e}\n  (the package lists may be missing: apt-get update)"))?;
    let mut hasher = DefaultHasher::new();
    (named, SUITE, PACKAGES, MAKE).hash(&mut hasher);
    let name = format!("debian-{:016x}", hasher.finish());
    let whole = base.join(&name);
    // Of two runs at once, one makes it and the other waits.
    let lock = base.join(format!("{name}.lock"));
    let _lock = File::create(&lock)
        .and_then(|file| file.lock().map(|()| file))
        .map_err(|e| format!("cannot lock {}: {e}", lock.display()))?;
    if whole.is_dir() {
        return Ok(whole);
    }
    eprintln!("making {} (once; takes two minutes)", whole.display());
    let made = tempfile::Builder::new()
        .prefix(&format!("{name}.making-"))
        .tempdir_in(&base)
        .map_err(|e| format!("cannot make a folder in {}: {e}", base.display()))?;
    let root = made.path().join("root");
    done(Command::new("debootstrap").args(["--variant=minbase", SUITE]).arg(&root))?;
    let mut sh = Command::new("sh");
    done(sh.args(["-ec", MAKE, "sh", PACKAGES]).current_dir(&root))?;
    rename(&root, &whole)?;
    Ok(whole)
}

fn rename(from: &Path, to: &Path) -> Result<(), String> {
    fs::rename(from, to)
        .map_err(|e| format!("cannot rename {} to {}: {e}", from.display(), to.display()))
}
