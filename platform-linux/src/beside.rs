//! What lies at a database's name and beside it, before SQLite is asked: its type, size and first
//! bytes, the other epochs' files, a journal or write-ahead log, pending updates.
use crate::listing::names;
use crate::ofd;
use crate::sqlite::Access;
use martlet_core::check::{Code, Ended, Fault};
use martlet_core::path::split_file_name;
use nix::libc;
use std::ffi::OsStr;
use std::fs::{File, Metadata, OpenOptions};
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{FileExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::Path;

/// Entries of a hash directory looked at; Swift lets a handful be there.
const ENTRIES_MAX: usize = 65_536;
/// Where in the header SQLite says which version may read the file, and which means a
/// write-ahead log (file format § 1.3.3).
const READ_VERSION: usize = 19;
const WAL: u8 = 2;
const HEADER: usize = 100;
const SQLITE_IOERR: i32 = 10;
const SQLITE_CANTOPEN: i32 = 14;
const SQLITE_IOERR_READ: i32 = 266;

/// Which file a name stood for: device and inode.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Identity(u64, u64);

impl Identity {
    fn of(found: &Metadata) -> Self {
        Self(found.dev(), found.ino())
    }

    /// Whether `path` still names this file.
    pub(crate) fn is_at(self, path: &[u8]) -> bool {
        std::fs::metadata(native(path)).is_ok_and(|found| Self::of(&found) == self)
    }
}

/// Looks at the file at `path` without SQLite: whether it is a database at all, and how it is to be
/// opened.
pub(crate) fn inspect(path: &[u8], may_recover: bool) -> Result<(Identity, Access), Ended> {
    // The type comes first: opening a FIFO or a device can block or do harm.
    let found = std::fs::metadata(native(path)).map_err(|error| missing(&error, 0))?;
    regular(&found)?;
    let file = open(path).map_err(|error| missing(&error, SQLITE_CANTOPEN))?;
    let found = file.metadata().map_err(|error| missing(&error, SQLITE_IOERR))?;
    regular(&found)?;
    if found.len() == 0 {
        return Err(Ended::Fault(Fault::Empty));
    }
    let mut header = [0; HEADER];
    let read = file
        .read_at(&mut header, 0)
        .map_err(|error| Ended::Error(code(&error, SQLITE_IOERR_READ)))?;
    let is_wal = READ_VERSION < read && header[READ_VERSION] == WAL;
    let needs_recovery = is_wal || exists(path, b"-wal")? || has_hot_journal(path, &file)?;
    let access = match (needs_recovery, may_recover) {
        (false, _) => Access::Read,
        (true, true) => Access::Recover,
        (true, false) => return Err(Ended::Fault(Fault::NeedsRecovery)),
    };
    Ok((Identity::of(&found), access))
}

/// SQLite's own rule (`hasHotJournal` of its pager): a journal that begins with something, and no
/// writer alive that holds the lock of one.
fn has_hot_journal(path: &[u8], file: &File) -> Result<bool, Ended> {
    if !exists(path, b"-journal")? {
        return Ok(false);
    }
    let is_begun = match open(&beside(path, b"-journal")) {
        Ok(journal) => {
            is_begun(&journal).map_err(|error| Ended::Error(code(&error, SQLITE_IOERR_READ)))?
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => false,
        // It cannot be told, so it is, and SQLite is to say what it makes of it.
        Err(_) => true,
    };
    // Where it cannot be asked, nobody holds it.
    Ok(is_begun && !ofd::is_reserved(file).unwrap_or(false))
}

/// Whether a journal begins with something: one that is empty or begins with a zero is a left-over.
pub(crate) fn is_begun(journal: &File) -> io::Result<bool> {
    if !journal.metadata()?.is_file() {
        return Err(io::Error::from_raw_os_error(libc::EISDIR));
    }
    let mut first = [0];
    Ok(journal.read_at(&mut first, 0)? == 1 && first != [0])
}

/// Whether an error of a side file means that there is none. A name too long with its ending names
/// no file, and SQLite sees none.
pub(crate) fn is_absent(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(libc::ENOENT | libc::ENAMETOOLONG))
}

/// Whether a side file is there; one that is no file stops the look.
fn exists(path: &[u8], ending: &[u8]) -> Result<bool, Ended> {
    match std::fs::metadata(native(&beside(path, ending))) {
        Ok(found) if found.is_file() => Ok(true),
        Ok(_) => Err(Ended::Error(Code { sqlite: SQLITE_IOERR, errno: libc::EISDIR })),
        Err(error) if is_absent(&error) => Ok(false),
        Err(error) => Err(Ended::Error(code(&error, SQLITE_CANTOPEN))),
    }
}

fn regular(found: &Metadata) -> Result<(), Ended> {
    if found.is_file() { Ok(()) } else { Err(Ended::Fault(Fault::NotAFile)) }
}

fn missing(error: &io::Error, sqlite: i32) -> Ended {
    match error.raw_os_error() {
        Some(libc::ENOENT | libc::ENOTDIR | libc::ELOOP) => Ended::Gone,
        _ => Ended::Error(code(error, sqlite)),
    }
}

fn code(error: &io::Error, sqlite: i32) -> Code {
    Code { sqlite, errno: error.raw_os_error().unwrap_or_default() }
}

/// Opens a file for reading, blocking on nothing.
pub(crate) fn open(path: &[u8]) -> io::Result<File> {
    OpenOptions::new().read(true).custom_flags(libc::O_NONBLOCK).open(native(path))
}

/// `path` with `ending` behind it.
pub(crate) fn beside(path: &[u8], ending: &[u8]) -> Vec<u8> {
    [path, ending].concat()
}

/// A path's bytes as the standard library takes them.
pub(crate) fn native(path: &[u8]) -> &Path {
    Path::new(OsStr::from_bytes(path))
}

/// What one database is among the files of its container (`get_db_files`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Kin {
    /// The only file of its container, or not named as one.
    Only,
    /// The newest of several; the path is that of the second newest, which is retiring.
    Newest(Vec<u8>),
    /// Not the newest.
    Older,
}

/// Finds the other files of the container that `path` belongs to.
pub(crate) fn kin(path: &[u8]) -> Result<Kin, Ended> {
    let (directory, own) = split(path);
    if !is_counted(own) {
        return Ok(Kin::Only);
    }
    let (stem, _) = split_file_name(own);
    let cannot_list = |error: &io::Error| missing(error, SQLITE_CANTOPEN);
    let listing = names(if directory.is_empty() { Path::new(".") } else { native(directory) })
        .map_err(|error| cannot_list(&error))?;
    let mut older: Option<Vec<u8>> = None;
    for entry in listing.take(ENTRIES_MAX) {
        let entry = entry.map_err(|error| cannot_list(&error))?;
        let name = entry.as_bytes();
        if !is_counted(name) || split_file_name(name).0 != stem {
            continue;
        }
        if own < name {
            return Ok(Kin::Older);
        }
        if name < own && older.as_deref().is_none_or(|older| older < name) {
            older = Some(name.to_vec());
        }
    }
    Ok(older.map_or(Kin::Only, |name| Kin::Newest([directory, &name].concat())))
}

/// The pending file of `path`'s container: `H.db.pending`, whatever the epoch.
pub(crate) fn pending(path: &[u8]) -> Vec<u8> {
    let (directory, own) = split(path);
    let stem = if is_counted(own) { split_file_name(own).0 } else { own };
    let ending: &[u8] = if is_counted(own) { b".db.pending" } else { b".pending" };
    [directory, stem, ending].concat()
}

/// Whether a pending file is there, of whatever type. A device that does not say leaves it open: what
/// is pending may make a deleted container one that is not.
pub(crate) fn has_pending(path: &[u8]) -> Result<bool, Ended> {
    match std::fs::metadata(native(&pending(path))) {
        Ok(_) => Ok(true),
        // What these keep from Martlet they keep from Swift.
        Err(error)
            if matches!(
                error.raw_os_error(),
                Some(libc::ENOENT | libc::ENOTDIR | libc::ELOOP | libc::ENAMETOOLONG)
            ) =>
        {
            Ok(false)
        }
        Err(error) => Err(Ended::Error(code(&error, SQLITE_CANTOPEN))),
    }
}

/// Directory, its slash included, and file.
fn split(path: &[u8]) -> (&[u8], &[u8]) {
    let at = path.iter().rposition(|byte| *byte == b'/').map_or(0, |at| at + 1);
    path.split_at(at)
}

/// Whether Python's `splitext` finds the ending `.db`: dots alone before it are part of the name.
fn is_counted(name: &[u8]) -> bool {
    name.strip_suffix(b".db").is_some_and(|rest| rest.iter().any(|byte| *byte != b'.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dots_alone_are_no_name() {
        for (name, expected) in [
            ("a.db", true),
            ("_.db", true),
            (".db", false),
            ("..db", false),
            (".a.db", true),
            ("a.DB", false),
        ] {
            assert_eq!(is_counted(name.as_bytes()), expected, "{name}");
        }
    }

    #[test]
    fn pending_updates_have_no_epoch_in_their_name() {
        assert_eq!(pending(b"/x/a.db"), b"/x/a.db.pending");
        assert_eq!(pending(b"/x/a_17.0.db"), b"/x/a.db.pending");
        assert_eq!(pending(b"a_1_2.db"), b"a.db.pending");
        assert_eq!(pending(b"/x/.db"), b"/x/.db.pending");
    }

    #[test]
    fn the_newest_file_has_the_last_name() -> io::Result<()> {
        let directory = tempfile::tempdir()?;
        let at = |name: &str| directory.path().join(name).as_os_str().as_bytes().to_vec();
        for name in ["h.db", "h_2.db", "h_10.db", "g_9.db", "h_3.db.pending", "h.db-journal"] {
            std::fs::write(directory.path().join(name), "")?;
        }
        assert_eq!(kin(&at("h_2.db")), Ok(Kin::Newest(at("h_10.db"))), "names sort as text");
        assert_eq!(kin(&at("h_10.db")), Ok(Kin::Older));
        assert_eq!(kin(&at("h.db")), Ok(Kin::Older));
        assert_eq!(kin(&at("g_9.db")), Ok(Kin::Only));
        assert_eq!(kin(&at("h_3.db")), Ok(Kin::Newest(at("h_2.db"))), "also if it went since");
        assert_eq!(kin(&at("none/h.db")), Err(Ended::Gone));
        Ok(())
    }
}
