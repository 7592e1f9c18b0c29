//! Is the device well? Asked before a database is called damaged, since a sick disk makes sound
//! databases look so; Swift quarantines them for it.

use std::fs::File;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::Path;

use martlet_core::path::DbPath;
use rustix::fs::{Advice, OFlags, StatVfsMountFlags, fadvise, statvfs};

use crate::listing::names;

/// Names looked at in search of another file.
const LOOKS_MAX: u32 = 256;
/// Bytes read of it: SQLite's header and more, one sector.
const READ_BYTES: usize = 512;
/// Directories between `containers` and a file.
const DEPTH: u32 = 3;

/// What a device that answered said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Probe {
    /// It is mounted read-only: nothing can be moved on it.
    pub read_only: bool,
    /// Bytes that an ordinary process may still write.
    pub free_bytes: u64,
    /// Files that may still be made; the greatest number where the file system does not count them.
    pub free_files: u64,
    /// Whether another database was there to be read. `false` says nothing against the device.
    pub read: bool,
}

/// Asks the device: its numbers, a listing, and bytes of another file than `besides`, from the disk
/// and not from memory. The errno that says it is not well.
///
/// It opens and closes a database, which would drop locks that SQLite holds on the same file in this
/// process: nobody else may be auditing on this device.
pub fn probe(device: &Path, besides: &DbPath) -> Result<Probe, i32> {
    let errno = |error: io::Error| error.raw_os_error().unwrap_or(0);
    let found = statvfs(device).map_err(rustix::io::Errno::raw_os_error)?;
    names(device).and_then(|mut names| names.next().transpose()).map_err(errno)?;
    let mut looks = LOOKS_MAX;
    let containers = device.join("containers");
    let read = read_another(&containers, DEPTH, besides.as_bytes(), &mut looks).map_err(errno)?;
    Ok(Probe {
        read_only: found.f_flag.contains(StatVfsMountFlags::RDONLY),
        free_bytes: found.f_bavail.saturating_mul(found.f_frsize),
        free_files: if found.f_files == 0 { u64::MAX } else { found.f_favail },
        read,
    })
}

fn read_another(dir: &Path, depth: u32, besides: &[u8], looks: &mut u32) -> io::Result<bool> {
    let found = match names(dir) {
        Err(error) if says_nothing(&error) => return Ok(false),
        found => found?,
    };
    for name in found {
        let path = dir.join(name?);
        let Some(left) = looks.checked_sub(1) else { return Ok(false) };
        *looks = left;
        let read = if let Some(depth) = depth.checked_sub(1) {
            read_another(&path, depth, besides, looks)
        } else if path.as_os_str().as_bytes() != besides {
            read_some(&path)
        } else {
            Ok(false)
        };
        if read? {
            return Ok(true);
        }
    }
    Ok(false)
}

fn read_some(path: &Path) -> io::Result<bool> {
    let flags = (OFlags::NOFOLLOW | OFlags::NONBLOCK).bits().cast_signed();
    let file = match File::options().read(true).custom_flags(flags).open(path) {
        Err(error) if says_nothing(&error) => return Ok(false),
        file => file?,
    };
    if !file.metadata()?.is_file() {
        return Ok(false);
    }
    fadvise(&file, 0, None, Advice::DontNeed)?;
    let mut bytes = [0; READ_BYTES];
    Ok(0 < file.read_at(&mut bytes, 0)?)
}

/// Errors that speak of a name or of us, not of the device: gone since, a link, not ours to read.
fn says_nothing(error: &io::Error) -> bool {
    use io::ErrorKind::{NotADirectory, NotFound, PermissionDenied};
    let link = error.raw_os_error() == Some(rustix::io::Errno::LOOP.raw_os_error());
    let socket = error.raw_os_error() == Some(rustix::io::Errno::NXIO.raw_os_error());
    link || socket || matches!(error.kind(), NotADirectory | NotFound | PermissionDenied)
}
