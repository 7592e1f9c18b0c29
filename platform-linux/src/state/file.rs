//! One file of the state directory: replaced as a whole, or set aside.
//!
//! A temporary file is synced before it takes the name, so a crash leaves the old file or the new
//! one. A place that cannot be written costs one warning, and the auditor goes on without. What could
//! not be read is not replaced but set aside: the next who asks the disk may get it.
use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

use martlet_core::cursor::{Bad, sum};
use martlet_core::event::Event;
use rustix::fs::OFlags;
use rustix::io::Errno;

use crate::devices::DEVICES_MAX;
use crate::error::Error;
use crate::event::say;

/// Characters of a conf's name that stand in the name of its files, for people.
const STEM_MAX: usize = 32;

/// What follows the name of a file that was set aside, the last one first: enough for a spoilt file
/// each of a few versions, and bounded where each start spoils one.
const ASIDE: [&str; 4] = [".bad", ".bad.1", ".bad.2", ".bad.3"];

/// Tries to read a file that the disk does not give.
const READS: u32 = 3;

/// How a file here is opened to be written: a link is not followed, nor a FIFO waited for.
const NO_LINK_NO_WAIT: OFlags = OFlags::NOFOLLOW.union(OFlags::NONBLOCK);

/// Its inode, and when that was last changed.
type Stamp = (u64, i64, i64);

/// A file of the state directory.
#[derive(Debug)]
pub(super) struct Kept {
    path: PathBuf,
    mode: u32,
    /// It was said that it cannot be written.
    said: AtomicBool,
    /// It is there and could not be read.
    unread: AtomicBool,
    /// Which file it was when it was loaded, if there was one.
    loaded: OnceLock<Option<Stamp>>,
    /// Locked by the one who writes it, where more than one might.
    claimed: OnceLock<File>,
}

impl Drop for Kept {
    /// A process that this one is about to start has the descriptor too until it is another program: it must
    /// not hold the lock.
    fn drop(&mut self) {
        if let Some(file) = self.claimed.get() {
            let _closed_in_any_case = file.unlock();
        }
    }
}

impl Kept {
    /// The file of the conf at `conf` in the directory `place` that ends with `ending`.
    pub(super) fn new(place: &Path, conf: &Path, ending: &str, mode: u32) -> Self {
        let absolute = fs::canonicalize(conf).or_else(|_| std::path::absolute(conf));
        let absolute = absolute.unwrap_or_else(|_| conf.to_owned());
        let stem = absolute.file_stem().map(|stem| stem.to_string_lossy().into_owned());
        let stem: String = stem.unwrap_or_default().chars().take(STEM_MAX).collect();
        let whole = sum(0, absolute.as_os_str().as_bytes());
        let path = place.join(format!("{stem}-{whole:016x}.{ending}"));
        let [said, unread] = [(); 2].map(|()| AtomicBool::new(false));
        let (loaded, claimed) = (OnceLock::new(), OnceLock::new());
        Self { path, mode, said, unread, loaded, claimed }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Takes the right to write it, by a lock on a file beside it, and keeps it until the end of the
    /// process. False: another process has it.
    pub(super) fn claim(&self) -> Result<bool, Error> {
        if self.claimed.get().is_some() {
            return Ok(true);
        }
        self.make_place()?;
        let path = self.beside(".lock");
        let failed = |error| Error::new("lock", &path, error);
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(false).mode(self.mode);
        options.custom_flags(NO_LINK_NO_WAIT.bits().cast_signed());
        let file = options.open(&path).map_err(failed)?;
        match file.try_lock() {
            // Whoever was quicker has it for this process too.
            Ok(()) => Ok(self.claimed.set(file).is_ok() || self.claimed.get().is_some()),
            Err(TryLockError::WouldBlock) => Ok(false),
            Err(TryLockError::Error(error)) => Err(failed(error)),
        }
    }

    /// What `read` makes of the file: nothing if there is none, or none that can be used. That is
    /// said, and what is `Bad` is set aside.
    pub(super) fn load<T>(
        &self,
        read: impl Fn(&mut File) -> io::Result<Result<T, Bad>>,
    ) -> Option<T> {
        let _first = self.loaded.set(self.stamp());
        for left in (0..READS).rev() {
            match open(&self.path).and_then(|mut file| read(&mut file)) {
                Ok(Ok(found)) => return Some(found),
                Ok(Err(bad)) => {
                    self.set_aside(bad);
                    return None;
                }
                Err(error) if error.kind() == io::ErrorKind::NotFound => return None,
                Err(_) if 0 < left => {}
                Err(error) => {
                    let error = Error::new("read", &self.path, error);
                    say(Event::StateUnreadable, format_args!("{error}"));
                    self.unread.store(true, Ordering::Relaxed);
                }
            }
        }
        None
    }

    /// Whether another has written it since it was loaded, or it could not be read then.
    pub(super) fn tells_more(&self) -> bool {
        self.is_unread() || self.loaded.get() != Some(&self.stamp())
    }

    fn stamp(&self) -> Option<Stamp> {
        let found = fs::metadata(&self.path).ok()?;
        Some((found.ino(), found.ctime(), found.ctime_nsec()))
    }

    fn is_unread(&self) -> bool {
        self.unread.load(Ordering::Relaxed)
    }

    /// The same as [`Kept::load`], later: once, and without a word if the disk still does not give it.
    pub(super) fn again<T>(
        &self,
        read: impl Fn(&mut File) -> io::Result<Result<T, Bad>>,
    ) -> Option<T> {
        let found = open(&self.path).and_then(|mut file| read(&mut file)).ok()?.ok()?;
        self.unread.store(false, Ordering::Relaxed);
        Some(found)
    }

    /// The same for others than who writes it: none if there is no file, and nothing is set aside.
    pub(super) fn peek<T>(
        &self,
        read: impl FnOnce(&mut File) -> io::Result<Result<T, Bad>>,
    ) -> Result<Option<T>, Error> {
        let failed = |error| Error::new("read", &self.path, error);
        let mut file = match open(&self.path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(failed(error)),
        };
        match read(&mut file).map_err(failed)? {
            Ok(found) => Ok(Some(found)),
            Err(bad) => Err(failed(io::Error::new(io::ErrorKind::InvalidData, bad.to_string()))),
        }
    }

    fn set_aside(&self, bad: Bad) {
        let file = self.path.display();
        match self.rename_aside() {
            Ok(aside) => {
                let aside = aside.display();
                say(Event::StateSetAside, format_args!("{file} is {bad}: set aside as {aside}"));
            }
            Err(error) => {
                say(Event::StateUnreadable, format_args!("{file} is {bad}; {error}"));
            }
        }
    }

    /// Sets it aside as `.bad`. What was set aside before goes one further, to `.bad.1` and on, and the
    /// oldest gives way: two spoilt files in a row are kept for who is to find out why.
    fn rename_aside(&self) -> Result<PathBuf, Error> {
        let names = ASIDE.map(|ending| self.beside(ending));
        for pair in names.windows(2).rev() {
            let [newer, older] = pair else { continue };
            match fs::rename(newer, older) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    return Err(Error::new("set aside", newer, error));
                }
                Ok(()) | Err(_) => {}
            }
        }
        let [newest, ..] = names;
        fs::rename(&self.path, &newest)
            .map_err(|error| Error::new("set aside", &self.path, error))?;
        Ok(newest)
    }

    /// Replaces it by what `write` writes. That this cannot be done is said once, with what comes of
    /// it, until it can be done again. True if it was done.
    pub(super) fn save(
        &self,
        loss: &str,
        write: impl FnOnce(&mut dyn Write) -> io::Result<()>,
    ) -> bool {
        match self.replace(write) {
            Ok(()) => {
                self.said.store(false, Ordering::Relaxed);
                true
            }
            Err(error) => {
                self.cannot(&error, loss);
                false
            }
        }
    }

    /// Says that it cannot be written, with what comes of it, once.
    pub(super) fn cannot(&self, error: &Error, loss: &str) {
        if !self.said.swap(true, Ordering::Relaxed) {
            say(Event::StateUnwritten, format_args!("{error}; {loss}"));
        }
    }

    fn make_place(&self) -> Result<&Path, Error> {
        let place = self.path.parent().unwrap_or(Path::new("."));
        let made = DirBuilder::new().recursive(true).mode(0o755).create(place);
        made.map_err(|error| Error::new("make", place, error))?;
        Ok(place)
    }

    fn replace(&self, write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> Result<(), Error> {
        let place = self.make_place()?;
        let new = self.beside(".new");
        self.write_new(&new, write).map_err(|error| Error::new("write", &new, error))?;
        self.make_way()?;
        fs::rename(&new, &self.path).map_err(|error| Error::new("replace", &self.path, error))?;
        let synced = File::open(place).and_then(|dir| dir.sync_all());
        synced.map_err(|error| Error::new("sync", place, error))
    }

    /// What could not be read when this began is set aside before another takes its name. That this process
    /// was short of something says nothing against it: then it is waited for.
    fn make_way(&self) -> Result<(), Error> {
        if !self.is_unread() || self.path.symlink_metadata().is_err() {
            return Ok(());
        }
        let mut first = [0];
        match open(&self.path).and_then(|mut file| io::Read::read(&mut file, &mut first)) {
            Err(error) if is_shortage(&error) => return Err(Error::new("read", &self.path, error)),
            Ok(_) | Err(_) => {}
        }
        let aside = self.rename_aside()?;
        self.unread.store(false, Ordering::Relaxed);
        let (file, aside) = (self.path.display(), aside.display());
        let words = format_args!("{file} could not be read: set aside as {aside}");
        say(Event::StateSetAside, words);
        Ok(())
    }

    fn write_new(
        &self,
        new: &Path,
        write: impl FnOnce(&mut dyn Write) -> io::Result<()>,
    ) -> io::Result<()> {
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(true).mode(self.mode);
        options.custom_flags(NO_LINK_NO_WAIT.bits().cast_signed());
        let mut file = io::BufWriter::new(options.open(new)?);
        write(&mut file)?;
        file.into_inner()?.sync_all()
    }

    fn beside(&self, ending: &str) -> PathBuf {
        let mut name = self.path.clone().into_os_string();
        name.push(ending);
        name.into()
    }
}

/// Opens it to be read. What is no file would be waited for.
pub(crate) fn open(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    let file = options.read(true).custom_flags(OFlags::NONBLOCK.bits().cast_signed()).open(path)?;
    if file.metadata()?.is_file() { Ok(file) } else { Err(io::Error::other("it is no file")) }
}

/// Whether the process lacked something, and not the disk.
fn is_shortage(error: &io::Error) -> bool {
    let short = [Errno::MFILE, Errno::NFILE, Errno::NOMEM, Errno::INTR, Errno::AGAIN];
    error.raw_os_error().is_some_and(|it| short.iter().any(|errno| errno.raw_os_error() == it))
}

/// Reads a file of a head and of the entries that it counts, [`DEVICES_MAX`] at most.
pub(super) fn read_entries<H, E, const HEAD: usize, const ENTRY: usize>(
    file: &mut File,
    head: impl FnOnce(&[u8; HEAD]) -> Result<H, Bad>,
    count: impl FnOnce(&H) -> u32,
    entry: impl Fn(&[u8; ENTRY], u32) -> Result<E, Bad>,
) -> io::Result<Result<(H, Vec<E>), Bad>> {
    let mut file = io::BufReader::new(file);
    let mut bytes = [0; HEAD];
    if let Err(bad) = read_whole(&mut file, &mut bytes, Bad::Foreign)? {
        return Ok(Err(bad));
    }
    let head = match head(&bytes) {
        Ok(head) => head,
        Err(bad) => return Ok(Err(bad)),
    };
    let count = count(&head);
    if DEVICES_MAX < usize::try_from(count).unwrap_or(usize::MAX) {
        return Ok(Err(Bad::Torn));
    }
    let mut entries = Vec::new();
    for number in 0..count {
        let mut bytes = [0; ENTRY];
        if let Err(bad) = read_whole(&mut file, &mut bytes, Bad::Torn)? {
            return Ok(Err(bad));
        }
        match entry(&bytes, number) {
            Ok(entry) => entries.push(entry),
            Err(bad) => return Ok(Err(bad)),
        }
    }
    Ok(Ok((head, entries)))
}

/// Reads as much as `bytes` has room for: a file that ends before is `bad`, any other trouble is
/// the disk's.
pub(super) fn read_whole(
    file: &mut impl io::Read,
    bytes: &mut [u8],
    bad: Bad,
) -> io::Result<Result<(), Bad>> {
    match file.read_exact(bytes) {
        Ok(()) => Ok(Ok(())),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(Err(bad)),
        Err(error) => Err(error),
    }
}
