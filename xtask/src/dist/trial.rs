//! `cargo xtask dist try`: package and tarball on a Debian node of their own, beside Debian's Swift.
//!
//! What an operator types is taken from README and `docs/operations.md`, to the letter. systemd does not
//! run in there: its tools read the units, and what they say it would start is started by hand.
use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::Command;

use super::{DEBIAN_VERSION, debian, done, workspace};

/// Lays a layer of memory over the root `$1`, puts the archives of `$2` in it, and does there what standard
/// input says. All of it goes away with the process.
const ROOM: &str = "mount -t tmpfs room /mnt
mkdir /mnt/upper /mnt/work /mnt/node
mount -t overlay node -o lowerdir=\"$1\",upperdir=/mnt/upper,workdir=/mnt/work /mnt/node
cp \"$2\"/*_amd64.deb \"$2\"/*-amd64.tar.gz \"$2\"/SHA256SUMS /mnt/node/opt/
mount -t proc proc /mnt/node/proc
mount --bind /dev /mnt/node/dev
exec chroot /mnt/node env -i HOME=/opt LC_ALL=C.UTF-8 SYSTEMD_OFFLINE=1 \\
    PATH=/usr/sbin:/usr/bin:/sbin:/bin sh -e";

/// Lets Debian's Swift make a container's database in its place on the device `sda`.
const MAKE: &str = r#"
import os
from swift.common.utils import hash_path, validate_configuration
from swift.container.backend import ContainerBroker
validate_configuration()
name = hash_path("account", "container")
folder = f"/srv/node/sda/containers/{int(name[:4], 16)}/{name[-3:]}/{name}"
os.makedirs(folder)
ContainerBroker(f"{folder}/{name}.db", account="account", container="container").initialize("1700000000.00000", 0)
"#;

/// What the lines below share. `starts` is what systemd would start for Swift's unit; `audits` does so for
/// one pass, as the unit's user. `files` are the names of all files that a package may leave behind.
const WORDS: &str = r#"
starts() { systemd-analyze cat-config systemd/system/swift-container-auditor.service | sed -n 's/^ExecStart=//p' | tail -n 1; }
audits() { setpriv --reuid=swift --regid=swift --init-groups $(starts) once -v >/opt/said 2>&1; grep -q 'audit "once" mode completed' /opt/said; }
files() { find / -xdev \( -path /proc -o -path /opt -o -path /tmp -o -path /var/log -o -path /var/lib/dpkg \) -prune -o -print | LC_ALL=C sort; }
by() { case $(starts) in "$1 "*) ;; *) starts; return 1 ;; esac; }
sed -i 's/^# mount_check = true/mount_check = false/' /etc/swift/container-server.conf
python3 -c "$MAKE"
chown -R swift:swift /srv/node
install -d -o swift -g swift /var/cache/swift
cd /opt
"#;

/// Swift's program, and Martlet under Swift's name.
const SWIFTS: &str = "/usr/bin/swift-container-auditor";
const OURS: &str = "/usr/lib/martlet/swift-container-auditor";
/// The database in the room.
const DATABASE: &str = "/srv/node/sda/containers/*/*/*/*.db";

/// Checks the packages that are there with lintian, then tries amd64's. Needs root, debootstrap and lintian.
pub(super) fn run(folder: &Path) -> Result<(), String> {
    for arch in ["amd64", "arm64", "armhf"] {
        let package = folder.join(format!("martlet_{DEBIAN_VERSION}_{arch}.deb"));
        if arch == "amd64" || package.exists() {
            let mut lintian = Command::new("lintian");
            lintian.args(["--fail-on=error,warning", "--allow-root"]);
            done(lintian.arg(&package))?;
            eprintln!("lintian: nothing against {}", package.display());
        }
    }
    let workspace = workspace();
    let script = script(&read(&workspace, "README.md")?, &read(&workspace, "docs/operations.md")?)?;
    let made = tempfile::tempdir().map_err(|e| format!("cannot make a folder: {e}"))?;
    let file = made.path().join("script");
    fs::write(&file, script).map_err(|e| format!("cannot write {}: {e}", file.display()))?;
    let script =
        fs::File::open(&file).map_err(|e| format!("cannot open {}: {e}", file.display()))?;
    let mut room = Command::new("unshare");
    room.args(["--mount", "--propagation", "private", "sh", "-ec", ROOM, "sh"]);
    room.arg(debian::root()?).arg(folder);
    let said = room.stdin(script).output().map_err(|e| format!("cannot run unshare: {e}"))?;
    let (seen, wrong) =
        (String::from_utf8_lossy(&said.stdout), String::from_utf8_lossy(&said.stderr));
    eprint!("{seen}");
    if said.status.success() {
        return Ok(());
    }
    let last = seen.lines().last().unwrap_or("the first of all");
    Err(format!("the step after this one failed: {last}\n{}", wrong.trim()))
}

/// All that is done in the room, in order: lines for the shell, and a claim that is printed if they succeed.
fn script(readme: &str, operations: &str) -> Result<String, String> {
    let install = block(readme, "Installing changes nothing")?;
    let (install, switch) =
        install.split_once('\n').ok_or("the README's switch has one line only")?;
    let back = block(readme, "To go back")?;
    let unpack = block(operations, "Elsewhere, from the tarball")?;
    let remove = block(operations, "To remove what came from the tarball")?;
    let look = block(operations, "Then look before you switch")?;
    let by = |program: &str| format!("by {program}; audits");
    let next = format!(
        "dpkg-deb -R martlet_{DEBIAN_VERSION}_amd64.deb next; \
         sed -i 's/^Version: .*/&.1/' next/DEBIAN/control; dpkg-deb -b next next.deb; dpkg -i next.deb"
    );
    let verify = "dpkg --verify swift-container".to_owned();
    let same = "files > after; diff before after".to_owned();
    let steps: [(String, &str); 21] = [
        (by(SWIFTS), "Swift's unit starts Swift's auditor, and it audits"),
        ("files > before".to_owned(), "all files are counted"),
        (install.to_owned(), "the package installs, by the README's line"),
        (verify.clone(), "Swift's files are as they were"),
        (by(SWIFTS), "Swift's unit starts Swift's auditor still"),
        ("! find /etc/systemd -name '*martlet*' | grep .".to_owned(), "nothing is enabled"),
        (look, "it looks at the node before the switch, by the manual's lines"),
        (format!("martlet check {DATABASE}"), "it audits one file"),
        (switch.to_owned(), "it is switched on, by the README's lines"),
        (by(OURS), "Swift's unit starts Martlet, and it audits"),
        (next, "it is upgraded"),
        (by(OURS), "the upgrade keeps the switch"),
        (back, "it is switched off, by the README's lines"),
        (by(SWIFTS), "Swift's unit starts Swift's auditor again, and it audits"),
        (switch.to_owned(), "it is switched on again"),
        ("mkdir /var/lib/martlet; dpkg -r martlet".to_owned(), "it is removed while switched on"),
        (
            format!("{}; test -d /var/lib/martlet", by(SWIFTS)),
            "that gives Swift back, and keeps the state",
        ),
        (format!("dpkg -P martlet; {verify}; {same}"), "purging it leaves no file behind"),
        (format!("{unpack}; {}", by(SWIFTS)), "the tarball installs, by the manual's lines"),
        (format!("martlet check {DATABASE}; {switch}; {}", by(OURS)), "it can be switched on too"),
        (
            format!(
                "rm /etc/systemd/system/swift-container-auditor*.d/martlet.conf; {remove}; {verify}; {}",
                by(SWIFTS)
            ),
            "and goes away again",
        ),
    ];
    let mut script = format!("MAKE='{MAKE}'\n{WORDS}");
    for (lines, claim) in steps {
        // A shell of its own ends at the first line that fails, and its output is shown only then.
        write!(
            script,
            "set +e\n(set -e\n{lines}\n) >/opt/out 2>&1\ngot=$?\nset -e\n\
             [ $got = 0 ] || {{ cat /opt/out /opt/said >&2; exit 1; }}\necho \"{claim}\"\n"
        )
        .map_err(|e| e.to_string())?;
    }
    Ok(script)
}

/// The indented lines that follow the line which begins with `phrase`.
fn block(text: &str, phrase: &str) -> Result<String, String> {
    let mut lines = text.lines().skip_while(|line| !line.starts_with(phrase));
    let block: Vec<_> = lines
        .by_ref()
        .skip_while(|line| !line.starts_with("    "))
        .map_while(|line| line.strip_prefix("    "))
        .collect();
    if block.is_empty() {
        return Err(format!("no command follows {phrase:?}"));
    }
    Ok(block.join("\n"))
}

fn read(workspace: &Path, name: &str) -> Result<String, String> {
    let path = workspace.join(name);
    fs::read_to_string(&path).map_err(|e| format!("cannot read {}: {e}", path.display()))
}
