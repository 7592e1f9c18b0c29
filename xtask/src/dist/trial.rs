//! `cargo xtask dist try`: the Debian package in a Debian of its own, beside Debian's `swift-container`.
//!
//! debootstrap makes the root. Swift's packages are unpacked without the Python libraries they depend on:
//! what counts is that files, units and scripts do not collide. systemd does not run in there.
use std::path::Path;
use std::process::Command;

use super::{DEBIAN_VERSION, done};

/// What is done in the root, in order: a claim, and the shell line that shows it.
const STEPS: [(&str, &str); 12] = [
    (
        "Swift's packages are there",
        "dpkg --force-depends -i /swift*.deb >/dev/null 2>&1 || dpkg -l swift-container | grep -q '^i'",
    ),
    ("it installs", "dpkg -i /martlet.deb"),
    ("Swift's auditor is as it was", "dpkg --verify swift-container"),
    ("the program runs", "martlet --help >/dev/null"),
    ("the link runs", "/usr/lib/martlet/swift-container-auditor --help | grep -q Usage"),
    ("nothing is enabled", "! find /etc/systemd -name '*martlet*' | grep -q ."),
    (
        "one copy switches",
        "cp -r /usr/share/martlet/swift-container-auditor*.d /etc/systemd/system/",
    ),
    ("it installs over itself", "dpkg -i /martlet.deb"),
    (
        "an upgrade keeps the switch",
        "test -e /etc/systemd/system/swift-container-auditor.service.d/martlet.conf",
    ),
    (
        "removing it gives Swift back",
        "mkdir -p /var/lib/martlet && dpkg -r martlet && ! test -e /etc/systemd/system/swift-container-auditor.service.d/martlet.conf",
    ),
    (
        "purging it leaves nothing",
        "dpkg -P martlet && ! find / -xdev -path /proc -prune -o -name '*martlet*' -print | grep -v '^/martlet.deb$' | grep .",
    ),
    ("Swift's auditor is as it was in the end", "dpkg --verify swift-container"),
];

/// Checks the package with lintian, then tries it. Needs root, debootstrap and lintian.
pub(super) fn run(folder: &Path) -> Result<(), String> {
    let package = folder.join(format!("martlet_{DEBIAN_VERSION}_amd64.deb"));
    let mut lintian = Command::new("lintian");
    done(lintian.args(["--fail-on=error", "--allow-root"]).arg(&package))?;
    eprintln!("lintian: no errors");
    let made = tempfile::tempdir().map_err(|e| format!("cannot make a folder: {e}"))?;
    let root = made.path().join("root");
    let mut debootstrap = Command::new("debootstrap");
    debootstrap.args(["--variant=minbase", "--include=init-system-helpers,adduser", "bookworm"]);
    done(debootstrap.arg(&root))?;
    let mut apt = Command::new("apt-get");
    done(apt.args(["download", "-q", "swift", "swift-container"]).current_dir(&root))?;
    std::fs::copy(&package, root.join("martlet.deb"))
        .map_err(|e| format!("cannot copy {}: {e}", package.display()))?;
    steps(&root)
}

fn steps(root: &Path) -> Result<(), String> {
    for (claim, line) in STEPS {
        let mut chroot = Command::new("chroot");
        chroot.arg(root).args(["sh", "-ec", line]).env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin");
        done(&mut chroot).map_err(|said| format!("not so: {claim}: {said}"))?;
        eprintln!("{claim}");
    }
    Ok(())
}
