//! Moves a damaged database out of the tree, into Swift's place:
//! `DEVICE/quarantined/containers/HASH`, or `HASH-` and 32 hex digits where that is taken
//! (`DatabaseBroker.quarantine`).
//!
//! More careful than Swift in four ways: what is moved must still be what was judged, by inode, size and
//! time of change, with what a linked database leads to, and have no new neighbour; no link is followed to
//! or in the quarantine; a move can be only the database and its own side files; and the directories are
//! synced, so that a power cut does not bring the damage back.
use std::fs::File;
use std::io::{self, Read};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Component, Path, PathBuf};

use martlet_core::path::{DbPath, split_file_name};
use martlet_core::quarantine::{Siblings, What};
use martlet_core::walk::Trouble;
use rustix::fs::{
    AtFlags, Mode, OFlags, RenameFlags, fstat, fsync, mkdirat, openat, renameat, renameat_with,
    statat, unlinkat,
};
use rustix::io::Errno;

use crate::error::Error;
use crate::listing::{Buffer, End, list};

/// Databases looked at in one hash directory at most. With more of them nothing is moved.
pub const SIBLINGS_MAX: usize = 64;
/// What SQLite and Swift keep beside a database, by what follows its name. The database goes last:
/// one left behind without its journal is found again; a journal left behind without its database
/// would be played back into the sound copy that a replicator puts there.
const SIDES: [&[u8]; 4] = [b"-journal", b"-wal", b"-shm", PENDING];
/// Swift's pending file, of the name without an epoch only.
const PENDING: &[u8] = b".pending";

/// Which file in which directory was judged: device and inode numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Identity {
    /// What has the database's name: a link is itself.
    pub file: Stamp,
    /// What the name leads to, which is what was read; none if it leads nowhere.
    pub leads_to: Option<Stamp>,
    /// Its hash directory.
    pub dir: (u64, u64),
}

/// One file at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamp {
    /// Device and inode.
    pub number: (u64, u64),
    /// When it was last changed: a file that has come since may have the number of one that is gone.
    pub changed: (i64, i64),
    /// Its bytes: two changes can fall into one tick of the kernel's clock.
    pub size: i64,
}

impl Stamp {
    fn at(dir: BorrowedFd<'_>, name: &[u8], flags: AtFlags) -> Result<Self, Errno> {
        let found = statat(dir, name, flags)?;
        let changed = (found.st_ctime, i64::try_from(found.st_ctime_nsec).unwrap_or(0));
        Ok(Self { number: (found.st_dev, found.st_ino), changed, size: found.st_size })
    }
}

impl Identity {
    /// The database `name` in the open hash directory `dir`.
    pub fn at(dir: BorrowedFd<'_>, name: &[u8]) -> Result<Self, Errno> {
        let here = fstat(dir)?;
        let file = Stamp::at(dir, name, AtFlags::SYMLINK_NOFOLLOW)?;
        let leads_to = match Stamp::at(dir, name, AtFlags::empty()) {
            Ok(found) => Some(found),
            Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP) => None,
            Err(errno) => return Err(errno),
        };
        Ok(Self { file, leads_to, dir: (here.st_dev, here.st_ino) })
    }
}

/// What was moved, and where to.
#[derive(Debug)]
pub struct Moved {
    /// The hash directory, or the database.
    pub from: PathBuf,
    /// The directory that it became, or that it lies in.
    pub to: PathBuf,
    /// The move was made; that it outlasts a power cut could not be ensured.
    pub unsynced: Option<Error>,
}

/// An open directory and its path, for saying.
#[derive(Debug)]
pub(crate) struct Dir {
    pub(crate) fd: OwnedFd,
    pub(crate) path: PathBuf,
}

impl Dir {
    pub(crate) fn open(path: &Path) -> Result<Self, Error> {
        Self::open_at(rustix::fs::CWD, path, OFlags::empty())
            .map(|fd| Self { fd, path: path.to_owned() })
            .map_err(|errno| Error::new("open", path, errno))
    }

    fn open_at(at: BorrowedFd<'_>, name: &Path, flags: OFlags) -> Result<OwnedFd, Errno> {
        let flags = flags | OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        openat(at, name, flags, Mode::empty())
    }

    /// Opens a directory in it, never through a link.
    pub(crate) fn below(&self, name: &Path) -> Result<Self, Error> {
        let path = self.path.join(name);
        match Self::open_at(self.fd.as_fd(), name, OFlags::NOFOLLOW) {
            Ok(fd) => Ok(Self { fd, path }),
            Err(errno) => Err(Error::new("open", &path, errno)),
        }
    }

    /// Makes a directory, which may be there already, and opens it: never through a link.
    pub(crate) fn make(&self, name: &Path) -> Result<Self, Error> {
        match mkdirat(&self.fd, name, Mode::from_raw_mode(0o755)) {
            Ok(()) => self.sync()?,
            Err(Errno::EXIST) => {}
            Err(errno) => return Err(Error::new("make", &self.path.join(name), errno)),
        }
        self.below(name)
    }

    pub(crate) fn is_empty(&self) -> Result<bool, Error> {
        let mut empty = true;
        list(&self.fd, &mut Buffer::new(), End::Asked, |_, _| empty = false)
            .map_err(|trouble| Error::new("list", &self.path, cause(trouble)))?;
        Ok(empty)
    }

    pub(crate) fn sync(&self) -> Result<(), Error> {
        fsync(&self.fd).map_err(|errno| Error::new("sync", &self.path, errno))
    }
}

/// The parts of a path that say where its quarantine is: the device stands four directories above
/// the hash directory, as the path is written.
struct Parts<'a> {
    device: &'a Path,
    suffix: &'a Path,
    hash: &'a Path,
    file: &'a Path,
}

fn parts(path: &Path) -> Option<Parts<'_>> {
    let (dir, file) = (path.parent()?, Path::new(path.file_name()?));
    let (suffix, hash) = (dir.parent()?, Path::new(dir.file_name()?));
    let device = suffix.parent()?.parent()?.parent()?;
    let mut names = path.components().rev().take(5);
    let plain = names.all(|name| matches!(name, Component::Normal(_)));
    (plain && !device.as_os_str().is_empty()).then_some(Parts { device, suffix, hash, file })
}

/// Moves the database at `path`, or its whole hash directory, if both are still what was `seen`.
/// Links on the way to the hash directory are followed, as in Swift, and a linked hash directory stays. Of
/// a linked database the link is moved, if what it leads to, which stays, is still what was judged.
pub fn quarantine(path: &DbPath, what: What, seen: Identity) -> Result<Moved, Error> {
    let said = Path::new(std::ffi::OsStr::from_bytes(path.as_bytes()));
    let Some(parts) = parts(said).filter(|_| path.is_whole()) else {
        return Err(Error::new("find the device of", said, Errno::INVAL));
    };
    let suffix = Dir::open(parts.suffix)?;
    let hash = suffix.below(parts.hash)?;
    let device = Dir::open(parts.device)?;
    let target = device.make(Path::new("quarantined"))?.make(Path::new("containers"))?;
    match what {
        What::HashDir => move_dir(&suffix, &hash, &target, &parts, seen),
        What::FileAndSides => move_files(&hash, &target, &parts, seen),
    }
}

fn move_dir(
    suffix: &Dir,
    hash: &Dir,
    target: &Dir,
    parts: &Parts<'_>,
    seen: Identity,
) -> Result<Moved, Error> {
    let mut name = parts.hash.to_owned();
    let still = || {
        let place = statat(&suffix.fd, parts.hash, AtFlags::SYMLINK_NOFOLLOW)
            .map_err(|errno| Error::new("quarantine", &hash.path, errno))?;
        let same = (place.st_dev, place.st_ino) == seen.dir;
        if !same {
            return Err(replaced(&hash.path));
        }
        must_be_alone(hash, parts.file, |beside| beside.others == 0)?;
        must_be(hash, parts.file, seen)
    };
    still()?;
    let mut renamed = renameat(&suffix.fd, parts.hash, &target.fd, &name);
    if let Err(Errno::EXIST | Errno::NOTEMPTY) = renamed {
        name = another_name(parts.hash)?;
        still()?;
        renamed = renameat(&suffix.fd, parts.hash, &target.fd, &name);
    }
    renamed.map_err(|errno| Error::new("quarantine", &hash.path, errno))?;
    let unsynced = target.sync().and_then(|()| suffix.sync()).err();
    Ok(Moved { from: hash.path.clone(), to: target.path.join(name), unsynced })
}

fn move_files(hash: &Dir, target: &Dir, parts: &Parts<'_>, seen: Identity) -> Result<Moved, Error> {
    must_be_alone(hash, parts.file, |beside| !beside.epochs)?;
    must_be(hash, parts.file, seen)?;
    let into = match mkdirat(&target.fd, parts.hash, Mode::from_raw_mode(0o755)) {
        Ok(()) => target.below(parts.hash)?,
        // As a rename would: an empty directory is taken, anything else has its name to itself.
        Err(Errno::EXIST) => match target.below(parts.hash)? {
            empty if empty.is_empty()? => empty,
            _ => target.make(&another_name(parts.hash)?)?,
        },
        Err(errno) => return Err(Error::new("make", &target.path.join(parts.hash), errno)),
    };
    let db = parts.file.as_os_str().as_bytes();
    let (_, epoch) = split_file_name(db);
    let sides = SIDES.into_iter().filter(|side| epoch.is_none() || *side != PENDING);
    let mut moved: Vec<Vec<u8>> = Vec::with_capacity(SIDES.len());
    for name in sides.map(|side| [db, side].concat()).chain([db.to_vec()]) {
        let renamed = if name == db { must_be(hash, parts.file, seen) } else { Ok(()) };
        let renamed = renamed.and_then(|()| match renameat(&hash.fd, &*name, &into.fd, &*name) {
            Err(Errno::NOENT | Errno::NAMETOOLONG) if name != db => Ok(false),
            Err(errno) => Err(Error::new("quarantine", &join(&hash.path, &name), errno)),
            Ok(()) => Ok(true),
        });
        match renamed {
            Ok(true) => moved.push(name),
            Ok(false) => {}
            Err(error) => {
                let same = must_be(hash, parts.file, seen).is_ok();
                if !put_back(hash, &into, &moved, same)? {
                    return Err(error);
                }
                unlinkat(&target.fd, into.path.file_name().unwrap_or_default(), AtFlags::REMOVEDIR)
                    .map_err(|errno| Error::new("remove", &into.path, errno))?;
                return Err(error);
            }
        }
    }
    let unsynced = into.sync().and_then(|()| target.sync()).and_then(|()| hash.sync()).err();
    Ok(Moved { from: join(&hash.path, db), to: into.path, unsynced })
}

/// Puts back what was moved; true if all of it was. Beside a file that has taken the database's name
/// meanwhile a journal would be played back into it: then only what is pending for the container goes
/// back. Nothing is put over what has come since.
fn put_back(hash: &Dir, into: &Dir, moved: &[Vec<u8>], same: bool) -> Result<bool, Error> {
    let mut all = true;
    for name in moved.iter().rev() {
        if !same && !name.ends_with(PENDING) {
            all = false;
            continue;
        }
        match back(hash, into, name) {
            Ok(()) => {}
            Err(Errno::EXIST) => all = false,
            Err(errno) => return Err(Error::new("put back", &join(&into.path, name), errno)),
        }
    }
    Ok(all)
}

fn back(hash: &Dir, into: &Dir, name: &[u8]) -> Result<(), Errno> {
    match renameat_with(&into.fd, name, &hash.fd, name, RenameFlags::NOREPLACE) {
        // A file system that cannot promise it.
        Err(Errno::INVAL | Errno::NOSYS) => {
            match statat(&hash.fd, name, AtFlags::SYMLINK_NOFOLLOW) {
                Err(Errno::NOENT) => renameat(&into.fd, name, &hash.fd, name),
                Ok(_) => Err(Errno::EXIST),
                Err(errno) => Err(errno),
            }
        }
        renamed => renamed,
    }
}

/// The last look before a rename: is the file in this directory what was judged?
fn must_be(hash: &Dir, file: &Path, seen: Identity) -> Result<(), Error> {
    let path = || hash.path.join(file);
    let found = Identity::at(hash.fd.as_fd(), file.as_os_str().as_bytes())
        .map_err(|errno| Error::new("quarantine", &path(), errno))?;
    if found == seen { Ok(()) } else { Err(replaced(&path())) }
}

/// A deep look takes its time: what has come into the directory meanwhile may be sound, or an epoch.
fn must_be_alone(dir: &Dir, file: &Path, alone: fn(&Siblings) -> bool) -> Result<(), Error> {
    if alone(&beside(dir, file)?) {
        return Ok(());
    }
    let cause = io::Error::other("another database has come into it");
    Err(Error::new("quarantine", &dir.path, cause))
}

fn replaced(path: &Path) -> Error {
    Error::new("quarantine", path, io::Error::other("it is not what was judged"))
}

/// `HASH-` and 32 hex digits, as Swift's `uuid4().hex`.
fn another_name(hash: &Path) -> Result<PathBuf, Error> {
    let source = Path::new("/dev/urandom");
    let mut random = [0; 16];
    File::open(source)
        .and_then(|mut file| file.read_exact(&mut random))
        .map_err(|error| Error::new("read", source, error))?;
    let mut name = hash.as_os_str().to_owned();
    name.push(format!("-{:032x}", u128::from_be_bytes(random)));
    Ok(name.into())
}

fn join(dir: &Path, name: &[u8]) -> PathBuf {
    dir.join(std::ffi::OsStr::from_bytes(name))
}

/// What lies beside the database at `path`, for [`martlet_core::quarantine::what`].
pub fn siblings(path: &DbPath) -> Result<Siblings, Error> {
    let said = Path::new(std::ffi::OsStr::from_bytes(path.as_bytes()));
    let dir = said.parent().unwrap_or(said);
    beside(&Dir::open(dir)?, Path::new(said.file_name().unwrap_or_default()))
}

fn beside(dir: &Dir, own: &Path) -> Result<Siblings, Error> {
    let own = own.as_os_str().as_bytes();
    let mut names: Vec<Vec<u8>> = vec![own.to_vec()];
    list(&dir.fd, &mut Buffer::new(), End::Asked, |name, _| {
        if name.ends_with(b".db") && name != own && names.len() <= SIBLINGS_MAX {
            names.push(name.to_vec());
        }
    })
    .map_err(|trouble| Error::new("list", &dir.path, cause(trouble)))?;
    let others = u32::try_from(names.len() - 1).unwrap_or(u32::MAX);
    let mut stems: Vec<&[u8]> = names.iter().map(|name| split_file_name(name).0).collect();
    stems.sort_unstable();
    let epochs = SIBLINGS_MAX < names.len() || stems.windows(2).any(|pair| pair[0] == pair[1]);
    Ok(Siblings { others, epochs })
}

pub(crate) fn cause(trouble: Trouble) -> io::Error {
    match trouble {
        Trouble::Errno(errno) => io::Error::from_raw_os_error(errno),
        Trouble::NotMounted | Trouble::TooMany => io::Error::other("too many names"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    /// What lies in the hash directory and in the quarantine after `moved` was put back.
    fn put(there: &[&str], same: bool) -> (bool, Vec<String>, Vec<String>) {
        let root = tempfile::tempdir().expect("a directory");
        let moved = ["h.db-journal", "h.db-wal", "h.db.pending"];
        let dir = |name: &str, files: &[&str]| {
            let path = root.path().join(name);
            fs::create_dir(&path).expect("made");
            for file in files {
                fs::write(path.join(file), name).expect("written");
            }
            Dir::open(&path).expect("there")
        };
        let (hash, into) = (dir("hash", there), dir("into", &moved));
        let moved = moved.map(|name| name.as_bytes().to_vec());
        let all = put_back(&hash, &into, &moved, same).expect("no trouble");
        let names = |dir: &Dir| {
            let mut names: Vec<_> = fs::read_dir(&dir.path)
                .expect("listed")
                .map(|it| {
                    let it = it.expect("an entry");
                    let by = fs::read_to_string(it.path()).expect("read");
                    format!("{} of {by}", it.file_name().to_string_lossy())
                })
                .collect();
            names.sort();
            names
        };
        (all, names(&hash), names(&into))
    }

    #[test]
    fn what_was_moved_before_an_error_goes_back_and_no_journal_to_another_database() {
        let (all, hash, into) = put(&["h.db"], true);
        assert_eq!((all, hash.len(), into.len()), (true, 4, 0), "{hash:?}");
        // A replicator has put a sound copy there.
        let (all, hash, into) = put(&["h.db"], false);
        assert_eq!(
            (all, hash),
            (false, vec!["h.db of hash".into(), "h.db.pending of into".into()])
        );
        assert_eq!(into, ["h.db-journal of into", "h.db-wal of into"]);
        let (all, hash, into) = put(&["h.db", "h.db-journal", "h.db.pending"], true);
        let stays =
            ["h.db of hash", "h.db-journal of hash", "h.db-wal of into", "h.db.pending of hash"];
        assert_eq!((all, into.len()), (false, 2), "nothing is put over what has come since");
        assert_eq!(hash, stays);
    }
}
