//! What is installed where: the one tree that tarball and Debian package hold.
use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;
use std::process::Command;

use super::{Arch, DEBIAN_VERSION, DROP_INS, MANUALS, UNITS, crates, done, make_parent};

const DOC: &str = "usr/share/doc/martlet";
const SHARE: &str = "usr/share/martlet";
const UNIT_FOLDER: &str = "usr/lib/systemd/system";
/// What people read beside the manuals.
/// Each at its place in the sources, so that they find one another.
const PAGES: [&str; 9] = [
    "README.md",
    "ARCHITECTURE.md",
    "docs/operations.md",
    "docs/appliance.md",
    "docs/captures.md",
    "docs/bench.md",
    "docs/bench.svg",
    "docs/deep.md",
    "LICENSE",
];

/// Who answers for the package: whoever ships it puts their own name here.
const MAINTAINER: &str = "Martlet authors <martlet@martlet.invalid>";

/// A tree in the making.
pub(super) struct Tree<'a> {
    pub(super) workspace: &'a Path,
    pub(super) root: &'a Path,
    pub(super) arch: Arch,
    pub(super) binary: &'a Path,
    /// The time of everything in it, in seconds since 1970.
    pub(super) when: &'a str,
}

impl Tree<'_> {
    /// Everything but Debian's own files.
    pub(super) fn lay_out(&self) -> Result<(), String> {
        let dist = self.workspace.join("bin/dist");
        self.copy(self.binary, "usr/bin/martlet", 0o755)?;
        let link = self.root.join("usr/lib/martlet/swift-container-auditor");
        make_parent(&link)?;
        symlink("../../bin/martlet", &link)
            .map_err(|e| format!("cannot link {}: {e}", link.display()))?;
        for unit in UNITS {
            self.copy(&dist.join(unit), &format!("{UNIT_FOLDER}/{unit}"), 0o644)?;
        }
        for drop_in in DROP_INS {
            self.copy(&dist.join(drop_in), &format!("{SHARE}/{drop_in}"), 0o644)?;
        }
        let sample = "container-auditor.conf-sample";
        self.copy(&dist.join(sample), &format!("{SHARE}/{sample}"), 0o644)?;
        let alerts = "martlet.rules.yml";
        self.copy(&dist.join(alerts), &format!("{SHARE}/{alerts}"), 0o644)?;
        for manual in MANUALS {
            let section = manual.rsplit('.').next().unwrap_or_default();
            let to = format!("usr/share/man/man{section}/{manual}");
            self.copy(&dist.join(manual), &to, 0o644)?;
            self.shorten(&to)?;
        }
        for page in PAGES {
            // On Debian the licence is a common one, named in the file copyright.
            self.copy(&self.workspace.join(page), &format!("{DOC}/{page}"), 0o644)?;
        }
        self.copy(&dist.join("debian/copyright"), &format!("{DOC}/copyright"), 0o644)?;
        let crates = crates::list(self.workspace, self.arch)?;
        self.write(&format!("{DOC}/crates.txt"), crates.as_bytes(), 0o644)?;
        self.shorten(&format!("{DOC}/crates.txt"))?;
        self.copy(&self.workspace.join("CHANGELOG.md"), &format!("{DOC}/changelog"), 0o644)?;
        self.shorten(&format!("{DOC}/changelog"))?;
        open_folders(self.root)
    }

    /// Debian's own files, and what its policy wants otherwise.
    pub(super) fn add_control(&self) -> Result<(), String> {
        let licence = self.root.join(DOC).join("LICENSE");
        fs::remove_file(&licence)
            .map_err(|e| format!("cannot remove {}: {e}", licence.display()))?;
        let dist = self.workspace.join("bin/dist/debian");
        for script in ["postinst", "prerm", "postrm"] {
            self.copy(&dist.join(script), &format!("DEBIAN/{script}"), 0o755)?;
        }
        let mut date = Command::new("date");
        let date = date.args(["--utc", "--rfc-email", "--date", &format!("@{}", self.when)]);
        let date = done(date.env("LC_ALL", "C"))?;
        let changes = format!(
            "martlet ({DEBIAN_VERSION}) unstable; urgency=medium\n\n  * See changelog.gz.\n\n \
             -- {MAINTAINER}  {date}"
        );
        let changelog = format!("{DOC}/changelog.Debian");
        self.write(&changelog, changes.as_bytes(), 0o644)?;
        self.shorten(&changelog)?;
        let overrides = "usr/share/lintian/overrides/martlet";
        self.copy(&dist.join("lintian-overrides"), overrides, 0o644)?;
        let control = format!(
            "Package: martlet\nVersion: {DEBIAN_VERSION}\nArchitecture: {}\n\
             Maintainer: {MAINTAINER}\n\
             Section: net\nPriority: optional\nEnhances: swift-container\n\
             Description: auditor of OpenStack Swift's container databases\n \
             Martlet audits the container databases of a Swift storage node. It takes\n \
             the place of swift-container-auditor: same conf, log lines, recon keys,\n \
             statsd names and signals, at a small part of its memory and time.\n .\n \
             Installing it changes nothing: Swift's own auditor runs on until the\n \
             operator switches.\n",
            self.arch.debian
        );
        self.write("DEBIAN/control", control.as_bytes(), 0o644)?;
        let list = "find usr -type f -print0 | LC_ALL=C sort -z | xargs -0 md5sum";
        let sums = done(Command::new("sh").args(["-c", list]).current_dir(self.root))?;
        self.write("DEBIAN/md5sums", sums.as_bytes(), 0o644)?;
        open_folders(self.root)
    }

    fn copy(&self, from: &Path, to: &str, mode: u32) -> Result<(), String> {
        self.write(to, &read(from)?, mode)
    }

    fn write(&self, to: &str, bytes: &[u8], mode: u32) -> Result<(), String> {
        let path = self.root.join(to);
        make_parent(&path)?;
        fs::write(&path, bytes)
            .and_then(|()| fs::set_permissions(&path, fs::Permissions::from_mode(mode)))
            .map_err(|e| format!("cannot write {}: {e}", path.display()))
    }

    /// Compresses a file, without its name and time.
    fn shorten(&self, path: &str) -> Result<(), String> {
        done(Command::new("gzip").arg("-9n").arg(self.root.join(path))).map(drop)
    }
}

/// Folders that everybody may enter, whatever the umask.
fn open_folders(folder: &Path) -> Result<(), String> {
    let wrong = |e| format!("cannot open {}: {e}", folder.display());
    fs::set_permissions(folder, fs::Permissions::from_mode(0o755)).map_err(wrong)?;
    for entry in fs::read_dir(folder).map_err(wrong)? {
        let entry = entry.map_err(wrong)?;
        if entry.file_type().map_err(wrong)?.is_dir() {
            open_folders(&entry.path())?;
        }
    }
    Ok(())
}

fn read(path: &Path) -> Result<Vec<u8>, String> {
    fs::read(path).map_err(|e| format!("cannot read {}: {e}", path.display()))
}
