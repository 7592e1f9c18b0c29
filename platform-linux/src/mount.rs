//! Is this directory a mount point, and may it be written to?
//!
//! `statvfs` is asked first and says read-only. It cannot say "mounted": two file systems may have
//! the same identifier (a cloned disk), and a directory on the root file system has a good answer
//! too. What decides is Swift's own `ismount`: the device number against that of `..`.

use std::path::Path;

use rustix::fs::{FileType, Stat, StatVfsMountFlags, lstat, stat, statvfs};

/// What was seen at a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mount {
    /// What Swift's `ismount` says. Any error is "no", as there.
    pub mounted: bool,
    /// Whether its file system is mounted read-only, or the errno of `statvfs`.
    pub read_only: Result<bool, i32>,
}

/// Looks at `path`, which need not exist.
#[must_use]
pub fn look(path: &Path) -> Mount {
    let read_only = match statvfs(path) {
        Ok(found) => Ok(found.f_flag.contains(StatVfsMountFlags::RDONLY)),
        Err(errno) => Err(errno.raw_os_error()),
    };
    Mount { mounted: is_mount(path).unwrap_or(false), read_only }
}

/// Swift's `ismount_raw`: a link counts by its stub alone; a directory when its device is not that
/// of `..`, when it is its own `..` (the root), or when it holds the stub.
fn is_mount(path: &Path) -> rustix::io::Result<bool> {
    let here = lstat(path)?;
    if kind(&here) == FileType::Symlink {
        return Ok(has_stub(path));
    }
    let above = lstat(path.join(".."))?;
    Ok(here.st_dev != above.st_dev || here.st_ino == above.st_ino || has_stub(path))
}

/// Swift's stub for containers, where device numbers say nothing: a file `.ismount`.
fn has_stub(path: &Path) -> bool {
    stat(path.join(".ismount")).is_ok_and(|found| kind(&found) == FileType::RegularFile)
}

fn kind(found: &Stat) -> FileType {
    FileType::from_raw_mode(found.st_mode)
}
