//! Directories, read into buffers of our own: nothing is allocated for a directory or a name.
//!
//! The names come from `rustix`'s `RawDir`, which reads `getdents64` into a slice that it is given.
//! `nix`'s `Dir` goes through the C library's `DIR`: 32 KiB allocated for every directory, and
//! `d_off`, by which the end of an ext4 directory is known without asking twice, is not shown. The
//! standard library's `ReadDir` allocates the same and every name besides. Neither lists a
//! descriptor that the caller goes on using.

use std::ffi::{OsStr, OsString};
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use martlet_core::walk::Trouble;
use rustix::fs::{CWD, Dir, FileType, Mode, OFlags, RawDir, openat};
use rustix::io::{Errno, retry_on_intr};

/// Bytes asked of the kernel at once. One buffer serves every floor, since a listing is read to its
/// end before the next begins; only `containers` is ever large enough to fill it, and then a call for
/// each 500 of its partitions is nothing beside their databases.
pub const BUFFER_BYTES: usize = 16 * 1024;
/// Bytes in a name at most, on any Linux file system.
pub const NAME_MAX: usize = 255;
/// Names in a directory at most. Nothing real has as many: it ends a listing that would not end.
pub const NAMES_MAX: u32 = 1 << 28;
/// Times that a listing is taken up again after a signal.
const INTERRUPTED_MAX: u32 = 64;
/// Where ext4 puts the position of a directory read to its end, in a process of 64 bits. No hash of
/// a name maps to it, and neither a full buffer nor an error sets it.
const EXT4_END: u64 = 0x7fff_ffff_ffff_ffff;

/// The buffer of one lane's listings.
#[derive(Debug)]
pub struct Buffer(Box<[MaybeUninit<u8>]>);

impl Buffer {
    /// [`BUFFER_BYTES`], of which only what is used is ever backed by memory.
    #[must_use]
    pub fn new() -> Self {
        Self(Box::new_uninit_slice(BUFFER_BYTES))
    }
}

impl Default for Buffer {
    fn default() -> Self {
        Self::new()
    }
}

/// What a directory says that a name is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A directory.
    Directory,
    /// A regular file.
    File,
    /// A symbolic link.
    Link,
    /// A FIFO, a socket or a device.
    Other,
    /// The file system does not say (`DT_UNKNOWN`).
    Unknown,
}

impl Kind {
    /// The kind of a listed or inspected file.
    #[must_use]
    pub const fn of(found: FileType) -> Self {
        match found {
            FileType::Directory => Self::Directory,
            FileType::RegularFile => Self::File,
            FileType::Symlink => Self::Link,
            FileType::Fifo
            | FileType::Socket
            | FileType::CharacterDevice
            | FileType::BlockDevice => Self::Other,
            FileType::Unknown => Self::Unknown,
        }
    }

    /// Whether opening it as a directory may succeed. Links are followed, as Swift does.
    #[must_use]
    pub const fn may_be_directory(self) -> bool {
        matches!(self, Self::Directory | Self::Link | Self::Unknown)
    }
}

/// Whether access times are left alone: until the kernel says that the directory is not ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Atime {
    /// Ask for `O_NOATIME`.
    Spare,
    /// Only the owner may ask, and we are not.
    Touch,
}

/// Opens the directory `name` below `at`, following links. A FIFO or a file is ENOTDIR at once.
pub fn open_dir(at: BorrowedFd<'_>, name: &[u8], atime: &mut Atime) -> Result<OwnedFd, Errno> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    if *atime == Atime::Spare {
        match openat(at, name, flags | OFlags::NOATIME, Mode::empty()) {
            Err(Errno::PERM) => *atime = Atime::Touch,
            opened => return opened,
        }
    }
    openat(at, name, flags, Mode::empty())
}

/// Where a listing ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// When the kernel says so: right on every file system.
    Asked,
    /// When ext4's last position says so, which saves the last call; otherwise as above.
    Ext4,
}

/// Whether a directory that lies on the file system of `dir` may be listed with [`End::Ext4`].
#[must_use]
pub fn end_of(dir: BorrowedFd<'_>) -> End {
    const EXT4_SUPER_MAGIC: u64 = 0xef53;
    let ext4 = cfg!(target_pointer_width = "64")
        && rustix::fs::fstatfs(dir)
            .is_ok_and(|found| u64::try_from(found.f_type) == Ok(EXT4_SUPER_MAGIC));
    if ext4 { End::Ext4 } else { End::Asked }
}

/// Gives every name in `dir` but `.` and `..` to `each`, from where the descriptor stands. Names
/// given before an error stay given.
pub fn list(
    dir: impl AsFd,
    buffer: &mut Buffer,
    end: End,
    mut each: impl FnMut(&[u8], Kind),
) -> Result<(), Trouble> {
    let mut raw = RawDir::new(dir, &mut buffer.0);
    let mut interrupted = 0;
    for _ in 0..NAMES_MAX {
        let position = match raw.next() {
            None => return Ok(()),
            Some(Err(Errno::INTR)) if interrupted < INTERRUPTED_MAX => {
                interrupted += 1;
                continue;
            }
            Some(Err(errno)) => return Err(Trouble::Errno(errno.raw_os_error())),
            Some(Ok(entry)) => {
                let name = entry.file_name().to_bytes();
                if name != b"." && name != b".." {
                    each(name, Kind::of(entry.file_type()));
                }
                entry.next_entry_cookie()
            }
        };
        if end == End::Ext4 && position == EXT4_END && raw.is_buffer_empty() {
            return Ok(());
        }
    }
    Err(Trouble::TooMany)
}

/// The names in `dir` but `.` and `..`, one after the other, for whoever looks at few and keeps none.
///
/// The standard library's `ReadDir` panics if closing the directory fails, as it may on a disk that
/// is dying or a server that is gone; this does not ask what closing said.
pub fn names(dir: &Path) -> io::Result<impl Iterator<Item = io::Result<OsString>>> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let opened = retry_on_intr(|| openat(CWD, dir, flags, Mode::empty()))?;
    Ok(Dir::new(opened)?.filter_map(|entry| match entry {
        Ok(entry) => {
            let name = entry.file_name().to_bytes();
            (name != b"." && name != b"..").then(|| Ok(OsStr::from_bytes(name).to_owned()))
        }
        Err(errno) => Some(Err(errno.into())),
    }))
}

/// Puts `dir` back to its first name.
pub fn rewind(dir: impl AsFd) -> Result<(), Trouble> {
    match rustix::fs::seek(dir, rustix::fs::SeekFrom::Start(0)) {
        Ok(_) => Ok(()),
        Err(errno) => Err(Trouble::Errno(errno.raw_os_error())),
    }
}
