//! [`Reader`]: asks an ordinary database by its pages, in a few system calls and no allocation.
//!
//! The order is the one that is safe: open, SQLite's shared lock, *then* the listing of the
//! directory, then the reads, then close. Nothing is tried twice. Whatever is not ordinary is left to
//! SQLite, with the reader's descriptor closed: closing it later would drop the locks of a SQLite
//! connection to the same file, and its own lock would keep SQLite from recovering a journal.
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;

use martlet_core::page::{
    Beside, Found, Head, Kind, PAGE_MAX, PAYLOAD_MAX, Row, Rule, Rules, Schema,
};
use rustix::fs::{Advice, AtFlags, FileType, Mode, OFlags, SeekFrom};
use rustix::io::Errno;

use crate::ofd;
use crate::teach;
pub use crate::teach::Untaught;

/// Variants of the schema kept, of 17 KiB each. A tree that has seen several releases of Swift has two to
/// four.
pub const VARIANTS_MAX: usize = 6;

/// Attempts at teaching in a walk that may come to nothing, so that a tree of strangers costs little.
pub const LESSONS_MAX: u32 = 64;

/// Overflow pages read at once: the chain of a row written in one piece lies in a row.
const CHAIN_RUN: usize = 4;

/// Bytes of a file's name at most (`NAME_MAX`).
const NAME_MAX: usize = 255;

/// A database that is open and under SQLite's shared lock, until it is dropped.
#[derive(Debug)]
pub struct Peek(OwnedFd);

/// The buffers and the learnt schemas of one lane.
#[derive(Debug)]
pub struct Reader {
    /// The one that fitted last stands first.
    variants: Vec<Box<Schema>>,
    /// Failed attempts left in this walk.
    lessons: u32,
    page1: Box<[u8]>,
    /// As many bytes as the variant with the most asks for.
    pages: Vec<u8>,
    /// Made when the first row that runs over is met.
    long: Option<Long>,
    /// Cleared by the first EPERM: only a file's owner may leave its access time alone.
    no_atime: bool,
}

/// Where a row that runs over is put together.
#[derive(Debug)]
struct Long {
    /// Overflow pages, as they are read.
    run: Box<[u8]>,
    payload: Box<[u8]>,
}

impl Long {
    fn new() -> Self {
        let bytes = |count: usize| vec![0; count].into_boxed_slice();
        Self { run: bytes(PAGE_MAX * CHAIN_RUN), payload: bytes(PAYLOAD_MAX) }
    }
}

impl Default for Reader {
    fn default() -> Self {
        Self::new()
    }
}

impl Reader {
    /// A reader that knows no schema: it leaves the first database to SQLite.
    #[must_use]
    pub fn new() -> Self {
        Self {
            variants: Vec::with_capacity(VARIANTS_MAX),
            lessons: LESSONS_MAX,
            page1: vec![0; PAGE_MAX].into_boxed_slice(),
            pages: Vec::new(),
            long: None,
            no_atime: true,
        }
    }

    /// Opens the file `name` in `dir`, of which the directory's name is all that tells, and takes
    /// SQLite's shared lock. The directory is to be listed after this, and the lock to be let go
    /// before anything is waited for.
    pub fn open(&mut self, dir: BorrowedFd<'_>, name: &[u8]) -> Result<Peek, Rule> {
        let file = self.open_quietly(dir, name).map_err(|_| Rule::Unreadable)?;
        lock_shared(&file)?;
        Ok(Peek(file))
    }

    /// Reads the row of the database under `peek`, whose directory `dir` was listed into `beside`
    /// since; closes it in any case.
    pub fn read(
        &mut self,
        peek: Peek,
        dir: BorrowedFd<'_>,
        beside: &Beside<'_>,
    ) -> Result<Row<'_>, Rule> {
        let file = peek.0;
        let regular = match beside.own() {
            Some(Kind::Regular) => true,
            Some(Kind::Unknown) => is_regular(&file),
            Some(Kind::Other) | None => false,
        };
        let empty_pending = !beside.has_pending() || is_empty(dir, beside);
        beside.ask(regular, empty_pending, Rules::ALL)?;

        // Without it the kernel reads ahead from the start of a file, about as much as is asked for.
        // What cannot be advised is read all the same.
        let _unheard = rustix::fs::fadvise(&file, 0, None, Advice::Random);
        let page1 = read_at(&file, &mut self.page1, 0)?;
        let bytes = rustix::fs::seek(&file, SeekFrom::End(0)).map_err(|_| Rule::Unreadable)?;
        let schemas = self.variants.iter().map(AsRef::as_ref);
        let head = Head::new(page1, bytes, schemas, Rules::ALL)?;

        let size = head.schema().page_size();
        let mut filled = 0;
        for run in head.schema().runs() {
            let end = filled + pages(run.pages) * size;
            let buffer = self.pages.get_mut(filled..end).ok_or(Rule::SchemaPage)?;
            let wanted = buffer.len();
            if read_at(&file, buffer, offset(run.first, size))?.len() < wanted {
                return Err(Rule::Unreadable);
            }
            filled = end;
        }
        let pages = &self.pages[..filled];
        let row = match head.row(pages, Rules::ALL)? {
            Found::Row(row) => row,
            Found::Long(long) => {
                let Long { run, payload } = self.long.get_or_insert_with(Long::new);
                let mut chain = long.chain(payload, Rules::ALL)?;
                while let Some((first, count)) = chain.wanted() {
                    let buffer = &mut run[..count.min(CHAIN_RUN) * size];
                    let mut expected = first;
                    for page in read_at(&file, buffer, offset(first, size))?.chunks_exact(size) {
                        // The chain turned elsewhere, or has come to its end.
                        if chain.wanted().is_none_or(|(next, _)| next != expected) {
                            break;
                        }
                        chain.take(page, Rules::ALL)?;
                        expected += 1;
                    }
                    if expected == first {
                        return Err(Rule::Unreadable);
                    }
                }
                head.long_row(pages, chain, Rules::ALL)?
            }
        };
        Ok(row)
    }

    /// Learns the schema of `HASH.db` in `dir`, the directory named `hash`; `path` leads there, too.
    /// To be asked when SQLite has just read the row of a database that [`Reader::read`] left by a
    /// rule of the schema ([`Rule::is_schema`]), and has closed it.
    pub fn teach(&mut self, dir: BorrowedFd<'_>, hash: &[u8], path: &Path) -> Result<(), Untaught> {
        if VARIANTS_MAX <= self.variants.len() || self.lessons == 0 {
            return Err(Untaught::Full);
        }
        let taught = self.learn(dir, hash, path);
        if taught.as_ref().is_err_and(|why| !why.is_momentary()) {
            self.lessons -= 1;
        }
        taught
    }

    /// A walk begins, with as many lessons as any: what the last one met may be gone, and a release of Swift
    /// brings a schema that is worth them.
    pub fn begin(&mut self) {
        self.lessons = LESSONS_MAX;
    }

    fn learn(&mut self, dir: BorrowedFd<'_>, hash: &[u8], path: &Path) -> Result<(), Untaught> {
        let name = Name::new(hash, b".db").ok_or(Untaught::Rule(Rule::Name))?;
        let peek = self.open(dir, name.as_bytes()).map_err(Untaught::Rule)?;
        for side in [&b".db-journal"[..], b".db-wal"] {
            let name = Name::new(hash, side).ok_or(Untaught::Rule(Rule::Name))?;
            match rustix::fs::statat(dir, name.as_bytes(), AtFlags::SYMLINK_NOFOLLOW) {
                Err(Errno::NOENT) => {}
                _ => return Err(Untaught::Rule(Rule::Journal)),
            }
        }
        let mut schema = Box::new(Schema::EMPTY);
        teach::learn(&peek.0, path, &mut schema)?;
        self.pages.resize(self.pages.len().max(schema.run_bytes()), 0);
        self.variants.insert(0, schema);
        Ok(())
    }

    /// How many variants it knows.
    #[must_use]
    pub fn variants(&self) -> usize {
        self.variants.len()
    }

    /// Opens a file for reading, not its link, without waiting for the other end of a FIFO.
    fn open_quietly(&mut self, dir: BorrowedFd<'_>, name: &[u8]) -> rustix::io::Result<OwnedFd> {
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        if self.no_atime {
            match rustix::fs::openat(dir, name, flags | OFlags::NOATIME, Mode::empty()) {
                Err(Errno::PERM) => self.no_atime = false,
                opened => return opened,
            }
        }
        rustix::fs::openat(dir, name, flags, Mode::empty())
    }
}

/// A file's name on the stack.
struct Name {
    bytes: [u8; NAME_MAX],
    used: usize,
}

impl Name {
    /// `stem` and `ending`; `None` if no file can have so long a name.
    fn new(stem: &[u8], ending: &[u8]) -> Option<Self> {
        let mut name = Self { bytes: [0; NAME_MAX], used: stem.len() + ending.len() };
        name.bytes.get_mut(..stem.len())?.copy_from_slice(stem);
        name.bytes.get_mut(stem.len()..name.used)?.copy_from_slice(ending);
        Some(name)
    }

    fn as_bytes(&self) -> &[u8] {
        &self.bytes[..self.used]
    }
}

/// Takes SQLite's shared lock, now or not at all. It belongs to the descriptor and goes with it.
fn lock_shared(file: &OwnedFd) -> Result<(), Rule> {
    match ofd::try_shared_alone(file) {
        Ok(true) => Ok(()),
        Ok(false) => Err(Rule::Locked),
        Err(_) => Err(Rule::Unreadable),
    }
}

/// What could be read from `offset` on, up to the end of the file.
pub(crate) fn read_at<'b>(
    file: &OwnedFd,
    buffer: &'b mut [u8],
    offset: u64,
) -> Result<&'b [u8], Rule> {
    let count = rustix::io::pread(file, &mut *buffer, offset).map_err(|_| Rule::Unreadable)?;
    Ok(&buffer[..count])
}

/// Where page `number` starts in the file.
pub(crate) fn offset(number: u32, page_size: usize) -> u64 {
    u64::from(number.saturating_sub(1)) * page_size as u64
}

/// A number of pages as a number of things in memory.
fn pages(count: u32) -> usize {
    usize::try_from(count).unwrap_or(usize::MAX / PAGE_MAX)
}

/// Whether an open file is a regular one, for file systems whose directories do not say.
fn is_regular(file: &OwnedFd) -> bool {
    rustix::fs::fstat(file.as_fd())
        .is_ok_and(|stat| FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile)
}

/// Whether the pending file is regular and empty: then Swift has nothing to merge.
fn is_empty(dir: BorrowedFd<'_>, beside: &Beside<'_>) -> bool {
    let Some(name) = Name::new(beside.hash(), b".db.pending") else { return false };
    rustix::fs::statat(dir, name.as_bytes(), AtFlags::SYMLINK_NOFOLLOW).is_ok_and(|stat| {
        stat.st_size == 0 && FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile
    })
}
