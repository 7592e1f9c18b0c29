//! What was found wrong and is not mended: in memory, and in a file beside the cursor's.
//!
//! The daemon writes it, at most once a minute, while something changes, and a single pass does where
//! no daemon runs: a lock beside it lets one of them at a time. [`read`] reads it without either. A file of a later major version is set aside by a daemon that does not understand it.
mod bytes;
mod words;

use std::ffi::{OsStr, OsString};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use martlet_core::audit::{Audited, Fate};
use martlet_core::check::Cell;
use martlet_core::cursor::NAME_MAX;
pub use martlet_core::findings::Closed;
use martlet_core::findings::{DeviceKey, Key, Ledger, Noted, Sight};
use martlet_core::time::Wall;
use martlet_core::verdict::{FindingCode, Verdict};

use self::bytes::bytes;
use self::words::Words;
use super::file::Kept;
use crate::clock;
use crate::error::Error;
use crate::quarantine::Moved;

/// Findings kept with all that is known of them: some 300 bytes each, or 2 KiB with the longest names.
pub const FINDINGS_MAX: usize = 512;
/// Findings beyond these of which only the key is kept, 32 bytes each.
const LEFT_OUT_MAX: usize = 2048;

type Book = Ledger<FINDINGS_MAX, LEFT_OUT_MAX>;

/// What was done about a finding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// It was reported, and nothing else was to be done.
    Reported,
    /// The database was moved aside: into this directory, or as this directory.
    Moved(PathBuf),
    /// It was to be moved aside, and was left: `breaker`, a word of
    /// [`Stays`](martlet_core::quarantine::Stays), or why the move failed.
    Left(String),
}

/// One finding, as it is listed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The database, as the audit named it.
    pub path: PathBuf,
    /// The name of its device.
    pub device: OsString,
    /// Its account, as far as it was read; cut after 256 bytes.
    pub account: Option<Vec<u8>>,
    /// Its container, likewise.
    pub container: Option<Vec<u8>>,
    /// The word of the verdict.
    pub verdict: String,
    /// The words of the findings' codes, the gravest first; none but of a damaged or misplaced one.
    pub codes: Vec<String>,
    /// When it was first seen, by this node's clock.
    pub first: Wall,
    /// When it was last seen.
    pub last: Wall,
    /// Audits that saw it.
    pub times: u32,
    /// What was done.
    pub action: Action,
    /// Why and when it was closed; none while it is open.
    pub closed: Option<(Closed, Wall)>,
}

/// Everything that was found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct List {
    /// Findings that are open, those that are not listed among them.
    pub open: u64,
    /// Open ones for which there was no room in the list.
    pub unlisted: u64,
    /// The list, open ones and closed ones, in no order.
    pub findings: Vec<Finding>,
}

/// What comes of it if they cannot be saved.
const LOSS: &str = "findings will be lost at a restart";

#[derive(Debug, Default)]
struct Inner {
    /// None while nothing was found: it is 100 KB, which a sound node need not have.
    book: Option<Box<Book>>,
    /// The pass in progress goes on after a restart.
    resumed: bool,
    /// Of the row of the same number.
    words: Vec<Words>,
}

/// Who writes the file. One has the turn until it is written: an older text never replaces a newer one.
#[derive(Debug, Default)]
struct Writer {
    /// The file tells no more than is known here: it was read, and is no one else's.
    owns: bool,
    /// What was taken to be written was not.
    owes: bool,
}

/// What was found on a node.
#[derive(Debug)]
pub struct Findings {
    /// Never held while the disk is asked.
    inner: Mutex<Inner>,
    /// Locked before what is found.
    writer: Mutex<Writer>,
    /// There is anything that a sound database could close: the usual audit asks no more than this.
    any: AtomicBool,
    file: Option<Kept>,
}

/// What is known of an audit beside what the core says of it.
#[derive(Clone, Copy, Debug)]
pub struct Known<'a> {
    /// The device, as it was named.
    pub device: &'a Path,
    /// Account and container.
    pub names: (Cell<'a>, Cell<'a>),
    /// Where it was moved to, or why it could not be.
    pub moved: Option<&'a Result<Moved, Error>>,
}

impl Findings {
    /// What was found so far under the conf at `conf`, kept in the directory `place`; without one, in
    /// memory only.
    ///
    /// Where a single pass keeps its findings now, these wait until it has ended.
    #[must_use]
    pub fn new(place: Option<&Path>, conf: &Path) -> Self {
        Self::of(place.map(|place| Kept::new(place, conf, ENDING, 0o640)))
    }

    /// The same for a single pass. None: the daemon of this conf, or another pass, keeps them now.
    pub fn of_a_pass(place: &Path, conf: &Path) -> Result<Option<Self>, Error> {
        let file = Kept::new(place, conf, ENDING, 0o640);
        Ok(file.claim()?.then(|| Self::of(Some(file))))
    }

    fn of(file: Option<Kept>) -> Self {
        let inner = file.as_ref().and_then(|file| file.load(Inner::read)).unwrap_or_default();
        let any = AtomicBool::new(!inner.is_empty());
        Self { inner: Mutex::new(inner), writer: Mutex::default(), any, file }
    }

    /// A pass begins, or, `resumed`, goes on that a restart broke off.
    pub fn begin(&self, resumed: bool) {
        let mut inner = self.lock();
        inner.resumed = resumed;
        if let Some(book) = &mut inner.book {
            book.begin(resumed);
        }
    }

    /// Notes an audit.
    pub fn note(&self, audited: &Audited<'_>, known: &Known<'_>) {
        let ordinary = [Verdict::Sound, Verdict::Deleted, Verdict::Vanished];
        if ordinary.contains(&audited.judged.verdict) && !self.any.load(Ordering::Relaxed) {
            return;
        }
        let sight = Sight {
            key: Key::of(audited.path.as_bytes()),
            device: DeviceKey::of(name(known.device)),
            verdict: audited.judged.verdict,
            depth: audited.depth,
            moved: audited.fate == Fate::Moved,
        };
        let Inner { book, resumed, words, .. } = &mut *self.lock();
        let book = book.get_or_insert_with(|| {
            let mut book = Box::<Book>::default();
            book.begin(*resumed);
            book
        });
        let noted = book.note(clock::wall(), &sight);
        self.any.store(!book.is_empty(), Ordering::Relaxed);
        match noted {
            Noted::Nothing | Noted::Closed(_) => {}
            Noted::Opened(row) | Noted::Seen(row) => {
                let new = Words::of(audited, known);
                match words.get_mut(row) {
                    Some(old) => *old = new,
                    None => words.push(new),
                }
            }
            Noted::SeenLessDeep(row) => {
                if let Some(old) = words.get_mut(row) {
                    old.add(Words::of(audited, known));
                }
            }
        }
    }

    /// A device was walked to its end, and nothing on it was passed over.
    pub fn walked(&self, device: &Path) {
        if let Some(book) = &mut self.lock().book {
            book.walked(clock::wall(), DeviceKey::of(name(device)));
        }
    }

    /// Looks whether what was moved aside on this device, which is there, still lies in the quarantine.
    pub fn look_aside(&self, device: &Path) {
        let device = DeviceKey::of(name(device));
        let lie = self.lock().aside(device);
        // What cannot be seen for another reason may still be there.
        let gone = |error: io::Error| error.kind() == io::ErrorKind::NotFound;
        for (row, place) in lie {
            if place.symlink_metadata().is_err_and(gone) {
                self.lock().purged(row, device, &place);
            }
        }
    }

    /// Saves it, if it has changed since. That this cannot be done is said once, until it can be. Whoever
    /// notes or asks meanwhile does not wait for the disk.
    pub fn save(&self) {
        let Some(file) = &self.file else { return };
        let mut writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        if !self.lock().has_changed() && !writer.owes {
            return;
        }
        match file.claim() {
            Ok(true) => self.own(file, &mut writer),
            Ok(false) => return,
            Err(error) => return file.cannot(&error, LOSS),
        }
        let Some(text) = self.lock().take() else { return };
        // What could not be written is still owed.
        writer.owes = !file.save(LOSS, |out| out.write_all(&text));
    }

    /// Adds what the file tells more, the first time: a single pass may have kept its own meanwhile, or the
    /// disk gives what it did not give.
    fn own(&self, file: &Kept, writer: &mut Writer) {
        if std::mem::replace(&mut writer.owns, true) || !file.tells_more() {
            return;
        }
        if let Some(there) = file.again(Inner::read) {
            self.lock().adopt(there);
        }
    }

    /// How many findings are open.
    #[must_use]
    pub fn open(&self) -> u64 {
        self.lock().book.as_ref().map_or(0, |book| book.open())
    }

    /// How many are open, and of these how many have each code, in the order of [`FindingCode::ALL`]: one
    /// may have several, or none.
    #[must_use]
    pub fn open_by_code(&self) -> (u64, [u64; FindingCode::ALL.len()]) {
        let Inner { book: Some(book), words, .. } = &*self.lock() else {
            return (0, [0; FindingCode::ALL.len()]);
        };
        let rows = book.rows().iter().zip(words).filter(|(row, _)| row.closed.is_none());
        let open: Vec<_> = rows.map(|(_, words)| words).collect();
        let count = |code: FindingCode| open.iter().filter(|words| words.has(code)).count() as u64;
        (book.open(), FindingCode::ALL.map(count))
    }

    /// All that is known.
    #[must_use]
    pub fn list(&self) -> List {
        self.lock().list()
    }

    /// The file; none if they are kept in memory only.
    #[must_use]
    pub fn file(&self) -> Option<&Path> {
        self.file.as_ref().map(Kept::path)
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The name under which a device is kept.
fn name(device: &Path) -> &[u8] {
    let name = device.file_name().unwrap_or_default().as_bytes();
    name.get(..NAME_MAX).unwrap_or(name)
}

const ENDING: &str = "findings";

/// What the file of the conf at `conf` in the directory `place` (`state_path`) says; none if there is
/// no such file, since no daemon has found anything under this conf. The file is not changed.
pub fn read(place: &Path, conf: &Path) -> Result<Option<List>, Error> {
    let found = Kept::new(place, conf, ENDING, 0o640).peek(Inner::read)?;
    Ok(found.map(|inner| inner.list()))
}

impl Inner {
    fn adopt(&mut self, there: Self) {
        let (Some(book), Some(other)) = (&mut self.book, there.book) else { return };
        for (row, words) in other.rows().iter().zip(there.words) {
            if book.adopt(*row) {
                self.words.push(words);
            }
        }
        other.left_out().iter().for_each(|it| book.adopt_left_out(*it));
    }

    /// What was moved aside on a device and is open: its row, and where it lies.
    fn aside(&self, device: DeviceKey) -> Vec<(usize, PathBuf)> {
        let place = |row| Some((row, self.place(row, device)?.to_owned()));
        (0..self.words.len()).filter_map(place).collect()
    }

    fn place(&self, row: usize, device: DeviceKey) -> Option<&Path> {
        let found = self.book.as_ref()?.rows().get(row)?;
        let waits = found.moved && found.closed.is_none() && found.device == device;
        let place = Path::new(OsStr::from_bytes(&self.words.get(row)?.action));
        waits.then_some(place)
    }

    /// What was moved to this place is not there any more; meanwhile its row may have become another's.
    fn purged(&mut self, row: usize, device: DeviceKey, place: &Path) {
        if self.place(row, device) == Some(place)
            && let Some(book) = &mut self.book
        {
            book.purged(clock::wall(), row);
        }
    }

    fn has_changed(&self) -> bool {
        self.book.as_ref().is_some_and(|book| book.has_changed())
    }

    /// All of it, to be written: from now on it has not changed.
    fn take(&mut self) -> Option<Vec<u8>> {
        let book = self.book.as_mut()?;
        let _to_be_written = book.take_changed();
        Some(bytes(book, &self.words))
    }

    fn is_empty(&self) -> bool {
        self.book.as_ref().is_none_or(|book| book.is_empty())
    }

    fn list(&self) -> List {
        let Some(book) = &self.book else { return List::default() };
        let rows = book.rows().iter().zip(&self.words);
        List {
            open: book.open(),
            unlisted: book.unlisted(),
            findings: rows.map(|(row, words)| words.finding(row)).collect(),
        }
    }
}
