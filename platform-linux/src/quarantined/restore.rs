//! The way back: from the quarantine to where the container belongs on the same device.
//!
//! Nothing is ever overwritten: a directory can take no other place than that of an empty one, as the
//! kernel has it, and what is there already is looked for before.
use std::fmt;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use martlet_core::partition::{Votes, partition};
use martlet_core::path::split_file_name;
use martlet_core::place::{hex, spelt};
use rustix::fs::{AtFlags, RenameFlags, fstat, renameat, renameat_with, statat};
use rustix::io::Errno;
use rustix::process::geteuid;

use super::{Quarantined, open};
use crate::error::Error;
use crate::listing::{Buffer, End, list};
use crate::quarantine::{Dir, cause};

/// Partitions that are looked into for the ring's part power.
const PARTITIONS_MAX: usize = 64;

/// Where a container belongs on its device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Home {
    /// The hash.
    pub hash: [u8; 16],
    /// The partition.
    pub partition: u32,
}

impl Home {
    /// The names from the partition down.
    fn names(&self) -> [String; 3] {
        let hash = String::from_utf8_lossy(&hex(self.hash)).into_owned();
        let suffix = hash.get(29..).unwrap_or_default().to_owned();
        [self.partition.to_string(), suffix, hash]
    }

    /// The hash directory on this device.
    #[must_use]
    pub fn path(&self, device: &Path) -> PathBuf {
        let mut path = device.join("containers");
        path.extend(self.names());
        path
    }
}

/// Why something cannot go home.
#[derive(Debug)]
pub enum Occupied {
    /// A database lives there: its path.
    Database(PathBuf),
    /// Something else is there.
    Other(PathBuf),
    /// No file in the quarantine is named after the hash, so nobody would read it there.
    Misnamed(PathBuf),
    /// It could not be done.
    Failed(Error),
}

impl From<Error> for Occupied {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

impl fmt::Display for Occupied {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Database(path) => write!(
                out,
                "a database lives there: {}; it is newer than what is in the quarantine, or \
                 Swift's replicator brought it",
                path.display()
            ),
            Self::Other(path) => write!(out, "{} is in the way", path.display()),
            Self::Misnamed(path) => write!(
                out,
                "no database in {} is named after its hash, so Swift would not read it",
                path.display()
            ),
            Self::Failed(error) => error.fmt(out),
        }
    }
}

/// Where `hash` belongs on a device, told by the partitions that the device has; none if these do
/// not say it.
pub fn home(device: &Path, hash: [u8; 16]) -> Result<Option<Home>, Error> {
    let containers = match Dir::open(device)?.below(Path::new("containers")) {
        Err(error) if error.errno() == Errno::NOENT.raw_os_error() => return Ok(None),
        opened => opened?,
    };
    let mut votes = Votes::default();
    let mut looked = 0;
    for partition in names(&containers)? {
        let number = partition.to_str().and_then(|name| name.parse::<u32>().ok());
        let Some(number) = number.filter(|number| 0 < *number) else { continue };
        if PARTITIONS_MAX <= looked {
            break;
        }
        looked += 1;
        // A partition that cannot be listed has no vote; the pass says why it cannot be.
        let Ok(dir) = containers.below(&partition) else { continue };
        for suffix in names(&dir).unwrap_or_default() {
            let Ok(dir) = dir.below(&suffix) else { continue };
            let hashes = names(&dir).unwrap_or_default();
            let hashes = hashes.iter().filter_map(|name| spelt(name.as_os_str().as_bytes()));
            hashes.for_each(|hash| votes.note(hash, number));
        }
    }
    let home = |power| Home { hash, partition: partition(hash, power) };
    Ok(votes.power().map(home))
}

fn names(dir: &Dir) -> Result<Vec<PathBuf>, Error> {
    let mut names = Vec::new();
    list(&dir.fd, &mut Buffer::new(), End::Asked, |name, _| {
        names.push(PathBuf::from(std::ffi::OsStr::from_bytes(name)));
    })
    .map_err(|trouble| Error::new("list", &dir.path, cause(trouble)))?;
    names.sort_unstable();
    Ok(names)
}

/// Whether it could go home as things stand: its file is named after the hash, and nothing is there.
pub fn may_restore(entry: &Quarantined, home: &Home) -> Result<(), Occupied> {
    let _named = named(entry, home)?;
    let [partition, suffix, hash] = home.names();
    let mut to = Dir::open(&entry.device)?;
    for name in ["containers", &partition, &suffix] {
        to = match to.below(Path::new(name)) {
            Err(error) if error.errno() == Errno::NOENT.raw_os_error() => return Ok(()),
            opened => opened?,
        };
    }
    must_be_free(&to, Path::new(&hash))
}

/// The quarantine, and the directory in it, if that has a file named after the hash.
fn named(entry: &Quarantined, home: &Home) -> Result<(Dir, Dir), Occupied> {
    let from = open(&entry.device)?.ok_or_else(|| gone(entry))?;
    let here = from.below(Path::new(&entry.name))?;
    let hash = hex(home.hash);
    let is_named = |name: &PathBuf| split_file_name(name.as_os_str().as_bytes()).0 == hash;
    let inside = names(&here)?;
    if !inside.iter().any(|name| name.extension().is_some_and(|it| it == "db") && is_named(name)) {
        return Err(Occupied::Misnamed(here.path));
    }
    Ok((from, here))
}

/// Moves it home. Nothing may be there but an empty directory, and no link is followed. Returns the
/// hash directory.
pub fn restore(entry: &Quarantined, home: &Home) -> Result<PathBuf, Occupied> {
    let (from, here) = named(entry, home)?;
    let [partition, suffix, hash] = home.names();
    let device = Dir::open(&entry.device)?;
    let mut to = device.below(Path::new("containers"))?;
    for name in [&partition, &suffix] {
        to = made(&to, Path::new(name), &here)?;
    }
    must_be_free(&to, Path::new(&hash))?;
    let name = Path::new(&entry.name);
    let moved = renameat_with(&from.fd, name, &to.fd, &*hash, RenameFlags::NOREPLACE);
    let moved = match moved {
        // An empty directory is there, which alone a directory replaces; or the file system does
        // not know the flag, and the same holds.
        Err(Errno::EXIST | Errno::INVAL) => renameat(&from.fd, name, &to.fd, &*hash),
        moved => moved,
    };
    let path = to.path.join(&hash);
    moved.map_err(|errno| match errno {
        Errno::EXIST | Errno::NOTEMPTY | Errno::NOTDIR => Occupied::Other(path.clone()),
        errno => Occupied::Failed(Error::new("restore", &here.path, errno)),
    })?;
    to.sync()?;
    from.sync()?;
    Ok(path)
}

fn gone(entry: &Quarantined) -> Error {
    Error::new("restore", &entry.path(), Errno::NOENT)
}

/// A directory in `dir`, made for the owner of what comes home if it is not there.
fn made(dir: &Dir, name: &Path, like: &Dir) -> Result<Dir, Error> {
    match dir.below(name) {
        Err(error) if error.errno() == Errno::NOENT.raw_os_error() => {}
        opened => return opened,
    }
    let made = dir.make(name)?;
    if geteuid().is_root() {
        // Root's own directory would keep Swift from writing there.
        let owner = fstat(&like.fd).map_err(|errno| Error::new("inspect", &like.path, errno))?;
        let (user, group) = (rustix::fs::Uid::from_raw(owner.st_uid), owner.st_gid);
        let group = rustix::fs::Gid::from_raw(group);
        rustix::fs::fchown(&made.fd, Some(user), Some(group))
            .map_err(|errno| Error::new("give away", &made.path, errno))?;
    }
    Ok(made)
}

/// Nothing but an empty directory may stand there.
fn must_be_free(suffix: &Dir, hash: &Path) -> Result<(), Occupied> {
    let path = suffix.path.join(hash);
    match statat(&suffix.fd, hash, AtFlags::SYMLINK_NOFOLLOW) {
        Err(Errno::NOENT) => return Ok(()),
        Err(errno) => return Err(Error::new("inspect", &path, errno).into()),
        Ok(_) => {}
    }
    let Ok(dir) = suffix.below(hash) else { return Err(Occupied::Other(path)) };
    let inside = names(&dir)?;
    let database = inside.iter().find(|name| name.extension().is_some_and(|it| it == "db"));
    match (database, inside.first()) {
        (Some(name), _) => Err(Occupied::Database(path.join(name))),
        (None, Some(name)) => Err(Occupied::Other(path.join(name))),
        (None, None) => Ok(()),
    }
}
