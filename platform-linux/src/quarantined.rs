//! What lies in the quarantine of a device, whoever put it there: `DEVICE/quarantined/containers/HASH`,
//! or `HASH-` and 32 hex digits (`quarantine_db`).
//!
//! No link is followed below the device, so nothing here can lead out of the quarantine.
mod restore;

use std::ffi::{OsStr, OsString};
use std::fs;
use std::os::fd::AsRawFd;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

use martlet_core::place::{hex, spelt};
use martlet_core::time::Wall;
use rustix::fs::{AtFlags, FileType, statat};
use rustix::io::Errno;

pub use self::restore::{Home, Occupied, home, may_restore, restore};
use crate::error::Error;
use crate::listing::{Buffer, End, Kind, list};
use crate::quarantine::{Dir, cause};

/// Directories of one device's quarantine that are looked at.
pub const ENTRIES_MAX: usize = 65_536;
/// Names in one of them that are looked at: Swift has some ten at most.
const NAMES_MAX: usize = 1024;

/// One directory of a quarantine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Quarantined {
    /// The device.
    pub device: PathBuf,
    /// `HASH`, or `HASH-` and 32 hex digits; any other name was given by hand.
    pub name: OsString,
    /// When it was moved here, or last renamed: the time of its inode's last change.
    pub since: Wall,
    /// The names of its databases, in order.
    pub databases: Vec<OsString>,
    /// Bytes of its files.
    pub bytes: u64,
    /// Why it could not be looked into, so that its databases are not known.
    pub unseen: Option<String>,
}

impl Quarantined {
    /// Its path.
    #[must_use]
    pub fn path(&self) -> PathBuf {
        place(&self.device).join(&self.name)
    }

    /// The hash of the container, as the directory's name has it; none if it is no such name.
    #[must_use]
    pub fn hash(&self) -> Option<[u8; 16]> {
        let name = self.name.as_bytes();
        let (name, more) = name.split_at_checked(32)?;
        let sum = spelt(name).filter(|sum| hex(*sum) == name)?;
        let is_swifts = match more.split_first() {
            None => true,
            Some((b'-', more)) => spelt(more).is_some(),
            Some(_) => false,
        };
        is_swifts.then_some(sum)
    }
}

/// The directory of a device's quarantined containers.
fn place(device: &Path) -> PathBuf {
    device.join("quarantined").join("containers")
}

/// What lies in the quarantine of a device, in order of name; nothing if it has none.
pub fn quarantined(device: &Path) -> Result<Vec<Quarantined>, Error> {
    let Some(dir) = open(device)? else { return Ok(Vec::new()) };
    let mut names = Vec::new();
    list(&dir.fd, &mut Buffer::new(), End::Asked, |name, kind| {
        if matches!(kind, Kind::Directory | Kind::Unknown) && names.len() <= ENTRIES_MAX {
            names.push(OsString::from_vec(name.to_vec()));
        }
    })
    .map_err(|trouble| Error::new("list", &dir.path, cause(trouble)))?;
    if ENTRIES_MAX < names.len() {
        let why = std::io::Error::other(format!("more than {ENTRIES_MAX} directories"));
        return Err(Error::new("list", &dir.path, why));
    }
    names.sort_unstable();
    let mut found = Vec::new();
    for name in names {
        match entry(device, &dir, name) {
            Ok(entry) => found.extend(entry),
            // Somebody took it away meanwhile.
            Err(error) if error.errno() == Errno::NOENT.raw_os_error() => {}
            Err(error) => return Err(error),
        }
    }
    Ok(found)
}

/// The directory of a device's quarantined containers; none if there is none.
fn open(device: &Path) -> Result<Option<Dir>, Error> {
    let mut dir = match Dir::open(device) {
        // A file in the devices directory is no device.
        Err(error) if error.errno() == Errno::NOTDIR.raw_os_error() => return Ok(None),
        opened => opened?,
    };
    for name in ["quarantined", "containers"] {
        dir = match dir.below(Path::new(name)) {
            Err(error) if error.errno() == Errno::NOENT.raw_os_error() => return Ok(None),
            opened => opened?,
        };
    }
    Ok(Some(dir))
}

/// What is to be said of one name; nothing if it is not a directory.
fn entry(device: &Path, place: &Dir, name: OsString) -> Result<Option<Quarantined>, Error> {
    let path = place.path.join(&name);
    let found = statat(&place.fd, &*name, AtFlags::SYMLINK_NOFOLLOW)
        .map_err(|errno| Error::new("inspect", &path, errno))?;
    if FileType::from_raw_mode(found.st_mode) != FileType::Directory {
        return Ok(None);
    }
    let micros = i64::try_from(found.st_ctime_nsec).unwrap_or(0) / 1000;
    let since = Wall::from_micros(found.st_ctime.saturating_mul(1_000_000).saturating_add(micros));
    let device = device.to_owned();
    let (databases, bytes, unseen) = match inside(place, &name) {
        Ok((databases, bytes)) => (databases, bytes, None),
        Err(error) if error.errno() == Errno::NOENT.raw_os_error() => return Ok(None),
        // A disk that cannot read one of them hides no other.
        Err(error) => (Vec::new(), 0, Some(error.to_string())),
    };
    Ok(Some(Quarantined { device, name, since, databases, bytes, unseen }))
}

/// The names of the databases in one directory, and the bytes of its files.
fn inside(place: &Dir, name: &OsStr) -> Result<(Vec<OsString>, u64), Error> {
    let dir = place.below(Path::new(name))?;
    let (mut databases, mut bytes, mut names) = (Vec::new(), 0_u64, 0);
    list(&dir.fd, &mut Buffer::new(), End::Asked, |file, _| {
        names += 1;
        if NAMES_MAX < names {
            return;
        }
        if let Ok(found) = statat(&dir.fd, file, AtFlags::SYMLINK_NOFOLLOW) {
            bytes = bytes.saturating_add(u64::try_from(found.st_size).unwrap_or(0));
        }
        if file.ends_with(b".db") {
            databases.push(OsString::from_vec(file.to_vec()));
        }
    })
    .map_err(|trouble| Error::new("list", &dir.path, cause(trouble)))?;
    databases.sort_unstable();
    Ok((databases, bytes))
}

/// Removes it for good, if it still is what was listed.
pub fn purge(entry: &Quarantined) -> Result<(), Error> {
    let place = still_there(entry)?;
    remove(&place, &entry.name)?;
    place.sync()
}

/// The quarantine that it lies in, open, if it still is what was listed.
fn still_there(entry: &Quarantined) -> Result<Dir, Error> {
    let path = entry.path();
    let gone = || Error::new("remove", &path, Errno::NOENT);
    let place = open(&entry.device)?.ok_or_else(gone)?;
    let found = self::entry(&entry.device, &place, entry.name.clone())?.ok_or_else(gone)?;
    if found == *entry {
        return Ok(place);
    }
    let why = std::io::Error::other("it is not what was listed");
    Err(Error::new("remove", &path, why))
}

/// Removes one name of the quarantine that is open. By its path it could be another's by then: a
/// directory above may have become a link since. Below it no link is followed, whenever one is put
/// there.
fn remove(place: &Dir, name: &OsStr) -> Result<(), Error> {
    let open = Path::new("/proc/self/fd").join(place.fd.as_raw_fd().to_string());
    fs::remove_dir_all(open.join(name))
        .map_err(|error| Error::new("remove", &place.path.join(name), error))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    #[test]
    fn a_link_put_above_what_is_removed_is_not_followed() {
        for swapped in ["quarantined", "quarantined/containers"] {
            let root = tempfile::tempdir().expect("a directory");
            let (device, other) = (root.path().join("sda"), root.path().join("other"));
            for place in [&device, &other] {
                fs::create_dir_all(place.join("quarantined/containers/h/deep")).expect("made");
                fs::write(place.join("quarantined/containers/h/h.db"), "x").expect("written");
            }
            let entry = quarantined(&device).expect("listed").remove(0);
            let place = still_there(&entry).expect("as it was listed");
            let away = root.path().join("away");
            fs::rename(device.join(swapped), &away).expect("moved");
            symlink(other.join(swapped), device.join(swapped)).expect("a link");
            remove(&place, &entry.name).expect("removed");
            let others = other.join("quarantined/containers/h");
            assert!(others.join("h.db").exists() && others.join("deep").exists(), "{swapped}");
            let rest = away.join("containers/h");
            assert!(!rest.exists() && !away.join("h").exists(), "{swapped}");
        }
    }
}
