//! What a single pass goes over: the devices of a conf or a part of them, or paths that were typed.
use std::ffi::OsStr;
use std::fs;
use std::io::{self, Read as _};
use std::os::unix::ffi::OsStrExt;
use std::path::{self, Component, Path, PathBuf};

use martlet_platform_linux::conf::Settings;
use martlet_platform_linux::devices::{DeviceDir, devices};
use martlet_platform_linux::drive::{DEVICES_MAX, Ground};
use martlet_platform_linux::error::Error;
use martlet_platform_linux::hands::Target;
use martlet_platform_linux::logging::Shown;
use martlet_platform_linux::mount;

/// Paths read from stdin at most: rows of the device table.
const PATHS_MAX: usize = DEVICES_MAX;
/// Bytes read from stdin at most: so many paths of the length that the kernel takes.
const STDIN_MAX: u64 = PATHS_MAX as u64 * 4096;

/// The devices of the conf, or what the filters leave of them. One that matches nothing is an error.
pub(super) fn ground(
    settings: &Settings,
    wanted: &[PathBuf],
    partitions: &[PathBuf],
) -> Result<Ground, String> {
    let (root, mount_check) = (Path::new("/").join(&settings.devices), settings.mount_check);
    if wanted.is_empty() && partitions.is_empty() {
        return Ok(Ground::Devices { root, mount_check });
    }
    let mut found = devices(&root, mount_check).map_err(|error| error.to_string())?;
    let is = |device: &DeviceDir, name: &Path| device.path.file_name() == Some(name.as_os_str());
    for name in wanted {
        if !found.iter().any(|device| is(device, name)) {
            let (name, root) = (shown(name), root.display());
            return Err(format!("--device {name}: there is no such device in {root}"));
        }
    }
    found.retain(|device| wanted.is_empty() || wanted.iter().any(|name| is(device, name)));
    if partitions.is_empty() {
        return Ok(Ground::Named(found.into_iter().map(Target::Device).collect()));
    }
    let away = |device: &DeviceDir| mount_check && !mount::look(&device.path).mounted;
    let (away, there): (Vec<_>, Vec<_>) = found.into_iter().partition(away);
    // What is not mounted is told of as in a pass over all: it may have any partition.
    let mut targets: Vec<_> = away.into_iter().map(Target::Device).collect();
    let whole = targets.is_empty();
    for (at, name) in partitions.iter().enumerate() {
        if name.file_name() != Some(name.as_os_str()) {
            return Err(format!("--partition {}: not the name of a partition", shown(name)));
        }
        if partitions[..at].contains(name) {
            continue;
        }
        let before = targets.len();
        targets.extend(there.iter().filter_map(|device| partition(device, name)));
        if whole && targets.len() == before {
            let (name, root) = (shown(name), root.display());
            return Err(format!("--partition {name}: no device of {root} has it"));
        }
    }
    Ok(Ground::Named(targets))
}

/// The partition of this name on a device, if it has one. One that cannot be inspected is there: the walk
/// tells why it is passed over.
fn partition(device: &DeviceDir, name: &Path) -> Option<Target> {
    let path = device.path.join("containers").join(name);
    let is_there = match fs::metadata(&path) {
        Ok(found) => found.is_dir(),
        Err(error) => {
            !matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
        }
    };
    is_there.then(|| Target::Partition(device.clone(), path))
}

/// A name as it was typed.
fn shown(name: &Path) -> Shown<'_> {
    Shown(name.as_os_str().as_bytes())
}

/// The paths asked for; `-` stands for those on stdin, a line each.
pub(super) fn paths(asked: &[PathBuf]) -> Result<Vec<PathBuf>, String> {
    let mut paths = Vec::new();
    for path in asked {
        if path != Path::new("-") {
            paths.push(path.clone());
            continue;
        }
        let mut lines = Vec::new();
        let mut stdin = io::stdin().lock().take(STDIN_MAX + 1);
        let read = stdin.read_to_end(&mut lines);
        read.map_err(|error| format!("cannot read paths from stdin: {error}"))?;
        if stdin.limit() == 0 {
            return Err(format!("check: more than {STDIN_MAX} bytes of paths on stdin"));
        }
        let lines = lines.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
        paths.extend(lines.map(|line| PathBuf::from(OsStr::from_bytes(line))));
    }
    if paths.iter().any(|path| path.as_os_str().is_empty()) {
        return Err("check: a PATH is empty".to_owned());
    }
    if paths.is_empty() {
        return Err("check: no PATH to audit".to_owned());
    }
    if PATHS_MAX < paths.len() {
        return Err(format!("check: more than {PATHS_MAX} paths; name a tree above them"));
    }
    paths.iter().map(|path| whole(path)).collect()
}

/// The path from `/` on, since its names say where a database lies: without `.`, a slash at its end or two
/// of them. What has `..` in it can only be told with its links resolved.
fn whole(path: &Path) -> Result<PathBuf, String> {
    let whole = if path.components().any(|it| it == Component::ParentDir) {
        fs::canonicalize(path).map_err(|error| Error::new("find", path, error).to_string())?
    } else {
        let named = path::absolute(path);
        named.map_err(|error| Error::new("find", path, error).to_string())?
    };
    Ok(whole.components().collect())
}
