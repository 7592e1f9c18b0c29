//! A lane's hands: they walk, look and move as the core asks, and bring back facts.
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use martlet_core::audit::{Depth, Device, Second};
use martlet_core::check::{Cell, Seen};
use martlet_core::cursor::Place;
use martlet_core::deep::{DeepSeen, Dug};
use martlet_core::page::{self, Beside};
use martlet_core::path::DbPath;
use martlet_core::quarantine::{Around, Siblings, What};
use martlet_core::walk::{Floor, Walked};

use crate::check::{CheckConf, Checker};
use crate::deep;
use crate::devices::{DeviceDir, disk_of};
use crate::error::Error;
use crate::listing::Kind;
use crate::probe::probe;
use crate::quarantine::{Identity, Moved, quarantine, siblings};
use crate::reader::{Peek, Reader};
use crate::roots::Root;
use crate::state::position;
use crate::walk::{Here, Limits, Position, Walker};

/// A device with less room than this is not written to: a rename may need a new directory block.
const FREE_BYTES_MIN: u64 = 1 << 20;
/// Files that can still be made on it: `quarantined`, `containers`, and a name in there.
const FREE_FILES_MIN: u64 = 3;
/// Directories from a device to a hash directory's file.
const DEVICE_ABOVE: usize = 5;

/// One thing to walk: a row of the device table.
#[derive(Clone, Debug)]
pub enum Target {
    /// A device of the `devices` directory.
    Device(DeviceDir),
    /// One partition of a device, at this path.
    Partition(DeviceDir, PathBuf),
    /// A tree that a caller named, and the floor it stands on.
    Below(PathBuf, Floor),
    /// A file that a caller named.
    File(PathBuf),
}

impl Target {
    /// What lies at a path that a caller named. A directory of devices is one target a device.
    pub fn at(path: &Path) -> Result<Vec<Self>, Error> {
        Ok(match crate::roots::root(path)? {
            Root::File => vec![Self::File(path.to_owned())],
            Root::Below(floor) => vec![Self::Below(path.to_owned(), floor)],
            Root::Device => vec![Self::Device(DeviceDir::new(path.to_owned(), false))],
            Root::Devices => {
                let devices = crate::devices::devices(path, false)?;
                devices.into_iter().map(Self::Device).collect()
            }
        })
    }

    /// Its path.
    #[must_use]
    pub fn path(&self) -> &Path {
        match self {
            Self::Device(device) => &device.path,
            Self::Partition(_, path) | Self::Below(path, _) | Self::File(path) => path,
        }
    }

    /// The device that it is, if it is one.
    #[must_use]
    pub const fn as_device(&self) -> Option<&DeviceDir> {
        match self {
            Self::Device(device) => Some(device),
            Self::Partition(..) | Self::Below(..) | Self::File(_) => None,
        }
    }

    /// The device that it lies on, as far as the path says; else the path itself.
    #[must_use]
    pub fn device(&self) -> &Path {
        let above = match self {
            Self::Partition(device, _) => return &device.path,
            Self::Device(_) | Self::Below(_, Floor::Devices | Floor::Device) => 0,
            Self::Below(_, Floor::Datadir) => 1,
            Self::Below(_, Floor::Partition) => 2,
            Self::Below(_, Floor::Suffix) => 3,
            Self::Below(_, Floor::Hash) => 4,
            Self::File(_) => DEVICE_ABOVE,
        };
        self.path().ancestors().nth(above).unwrap_or(self.path())
    }

    /// The physical disk below it; all that cannot be found out is one disk.
    #[must_use]
    pub fn disk(&self) -> u64 {
        match self {
            Self::Device(device) | Self::Partition(device, _) => device.disk,
            Self::Below(path, _) | Self::File(path) => {
                use std::os::unix::fs::MetadataExt;
                std::fs::metadata(path).map_or(0, |found| disk_of(Path::new("/sys"), found.dev()))
            }
        }
    }
}

/// What a lane works with. Everything is reserved once.
#[derive(Debug)]
pub struct Hands {
    walker: Walker,
    reader: Reader,
    checker: Checker,
    /// The database that the directory of the last walk may hold, locked before that was listed.
    peek: Option<Peek>,
    process: deep::Around,
    /// What the last deep look brought back, if the database looked at last had one.
    dug: Option<Dug>,
    /// The row being walked.
    walking: Option<Device>,
    /// A named file that is yet to be handed out, or was.
    file: Option<PathBuf>,
    handed: bool,
    identity: Option<Identity>,
    moved: Option<Result<Moved, Error>>,
}

impl Hands {
    /// Hands that hold nothing yet. `process` is what a deep look needs around it.
    #[must_use]
    pub fn new(conf: CheckConf, process: deep::Around) -> Self {
        Self {
            walker: Walker::new(Limits::DEFAULT),
            process,
            dug: None,
            reader: Reader::new(),
            checker: Checker::new(conf),
            peek: None,
            walking: None,
            file: None,
            handed: false,
            identity: None,
            moved: None,
        }
    }

    /// The next item of the walk of `target`, which stands in row `device`. A walk that begins does
    /// so at `from`.
    pub fn walk(&mut self, device: Device, target: &Target, from: &Place) -> Walked<'_> {
        self.let_go();
        if self.walking != Some(device) {
            self.walking = Some(device);
            self.handed = false;
            self.file = None;
            self.reader.begin();
            match target {
                Target::Device(dir) if from.is_start() => self.walker.begin(dir),
                Target::Device(dir) => self.walker.begin_at(dir, position(from)),
                Target::Partition(dir, path) => self.walker.begin_partition(dir, path),
                Target::Below(path, floor) => self.walker.begin_below(path, *floor),
                Target::File(path) => self.file = Some(path.clone()),
            }
        }
        if let Some(file) = &self.file {
            if std::mem::replace(&mut self.handed, true) {
                self.walking = None;
                return Walked::End;
            }
            return Walked::Found(file.as_os_str().as_bytes());
        }
        let Self { walker, reader, peek, .. } = self;
        let walked = walker.next_ahead(&mut |dir, name| *peek = reader.open(dir, name).ok());
        if walked == Walked::End {
            self.walking = None;
        }
        walked
    }

    /// Where the walk stands: every database before it was handed out.
    #[must_use]
    pub fn stands(&self) -> Place {
        let Position { partition, suffix, hash } = self.walker.position();
        Place::new([partition, suffix, hash])
    }

    /// The row being walked.
    #[must_use]
    pub const fn device(&self) -> Option<Device> {
        self.walking
    }

    /// Ends a walk that is not wanted any more: the next one begins anew, on a row of the same number too.
    pub fn end_walk(&mut self) {
        self.let_go();
        self.walking = None;
    }

    /// Lets go of the lock that is held from a database found to its look. Nothing may be waited for
    /// under it.
    pub fn let_go(&mut self) {
        self.peek = None;
    }

    /// Looks at a database: by its pages if it is the one just found and is ordinary, else through
    /// SQLite, which gets to it only when the reader has closed it.
    pub fn check(&mut self, path: &DbPath) -> Seen<'_> {
        self.moved = None;
        self.dug = None;
        let peek = self.peek.take();
        let found = self.file.is_none() && path.is_whole() && self.walker.path() == path.as_bytes();
        let here = self.walker.here().filter(|_| found);
        let (Some(peek), Some(here)) = (peek, here) else { return self.checker.look(path) };
        let hash = self.walker.position().hash;
        if here.name.strip_suffix(b".db") != Some(hash) {
            drop(peek);
            return self.checker.look(path);
        }
        let read = self.reader.read(peek, here.dir, &beside(here, hash)).map(|row| row.stat());
        let left = match read {
            Ok(stat) => return self.checker.take(&stat),
            Err(rule) => rule,
        };
        let seen = self.checker.look(path);
        if left.is_schema() && matches!(seen, Seen::Row(_)) {
            // A schema that is not learnt is asked of SQLite each time: slower, and nothing else.
            let path = said(path);
            if let Err(why) = self.reader.teach(here.dir, hash, &path) {
                log::trace!("not learnt from {}: {why:?}", path.display());
            }
        }
        seen
    }

    /// Looks deeply at a database. The last try may hold a lock for `hold`.
    pub fn dig(&mut self, path: &DbPath, hold: Duration) -> &Dug {
        self.dug.insert(deep::look(&said(path), hold, &self.process))
    }

    /// Looks once more, as deeply as before, and around.
    pub fn confirm(&mut self, path: &DbPath, depth: Depth, hold: Duration) -> Second<'_> {
        let said = said(path);
        let before = identity(&said);
        let device_well = said
            .ancestors()
            .nth(DEVICE_ABOVE)
            .and_then(|device| probe(device, path).ok())
            .is_some_and(|found| {
                !found.read_only
                    && FREE_BYTES_MIN <= found.free_bytes
                    && FREE_FILES_MIN <= found.free_files
            });
        let siblings = siblings(path);
        self.identity = before.ok();
        self.dug = None;
        if depth == Depth::Deep {
            self.dig(path, hold);
        }
        let seen = self.checker.look(path);
        let same = self.identity.is_some() && identity(&said).ok() == self.identity;
        // A directory that cannot be listed may hold a sound neighbour, or another epoch.
        let siblings = siblings.unwrap_or(Siblings { others: 0, epochs: true });
        Second { seen, dug: self.dug.as_ref(), around: Around { device_well, same, siblings } }
    }

    /// Moves it, if it still is what was looked at.
    pub fn move_away(&mut self, path: &DbPath, what: What) -> Result<(), i32> {
        let moved = match self.identity.take() {
            Some(identity) => quarantine(path, what, identity),
            None => Err(Error::new("find again", &said(path), io::ErrorKind::NotFound)),
        };
        let answer = moved.as_ref().map(|_| ()).map_err(Error::errno);
        self.moved = Some(moved);
        answer
    }

    /// What became of the last move, of the database looked at last.
    #[must_use]
    pub const fn moved(&self) -> Option<&Result<Moved, Error>> {
        self.moved.as_ref()
    }

    /// Account and container of the database looked at last, as far as they were read.
    #[must_use]
    pub fn names(&self) -> (Cell<'_>, Cell<'_>) {
        self.checker.names()
    }

    /// Whether the last look was a deep one.
    #[must_use]
    pub const fn has_dug(&self) -> bool {
        self.dug.is_some()
    }

    /// The words of SQLite or the kernel for what the last look found or what ended it.
    #[must_use]
    pub fn words(&self) -> String {
        match self.dug.as_ref().map(|dug| &dug.seen) {
            Some(DeepSeen::Broken(line)) => String::from_utf8_lossy(line).into_owned(),
            Some(DeepSeen::Error(code)) => deep::words(*code),
            Some(DeepSeen::Whole(_) | DeepSeen::Not(_)) | None => self.checker.words(),
        }
    }

    /// The retiring file that ended the last look, if it was not the database itself.
    #[must_use]
    pub fn retiring(&self) -> Option<&[u8]> {
        self.checker.retiring()
    }

    /// Where the walk stands: the database found last; for a trouble, the directory that could not be listed.
    #[must_use]
    pub fn place(&self) -> &[u8] {
        self.walker.path()
    }

    /// How much of the device in progress lies behind, 0 to 1.
    #[must_use]
    pub fn share(&self) -> f64 {
        match (&self.file, self.walking) {
            (Some(_), _) => f64::from(u8::from(self.handed)),
            (None, Some(_)) => self.walker.share(),
            (None, None) => 1.0,
        }
    }
}

/// What was listed of a hash directory, as far as it matters to the reader.
#[must_use]
pub fn beside<'a>(here: Here<'_>, hash: &'a [u8]) -> Beside<'a> {
    let mut beside = Beside::new(hash);
    for (name, kind) in here.names() {
        beside.note(
            name,
            match kind {
                Kind::File => page::Kind::Regular,
                Kind::Directory | Kind::Link | Kind::Other => page::Kind::Other,
                Kind::Unknown => page::Kind::Unknown,
            },
        );
    }
    if here.is_complete() {
        beside.end();
    }
    beside
}

fn said(path: &DbPath) -> PathBuf {
    PathBuf::from(std::ffi::OsStr::from_bytes(path.as_bytes()))
}

fn identity(path: &Path) -> io::Result<Identity> {
    let dir = std::fs::File::open(path.parent().unwrap_or(Path::new(".")))?;
    let name = path.file_name().unwrap_or_default().as_bytes();
    Ok(Identity::at(std::os::fd::AsFd::as_fd(&dir), name)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reader::{LESSONS_MAX, Untaught};
    use std::os::fd::AsFd;
    use std::sync::{Arc, atomic::AtomicBool};

    #[test]
    fn each_walk_has_its_lessons() {
        let place = tempfile::tempdir().expect("a directory");
        let path = place.path().join("a.db");
        std::fs::write(&path, "no database").expect("written");
        let dir = std::fs::File::open(place.path()).expect("opened");
        let stop = Arc::new(AtomicBool::new(false));
        let conf = CheckConf { may_recover: false, stop: Arc::clone(&stop) };
        let mut hands = Hands::new(conf, deep::Around::of(stop));
        let target = Target::Below(place.path().to_owned(), Floor::Hash);
        for _pass in 0..2 {
            let _item = hands.walk(Device(0), &target, &Place::default());
            for _ in 0..LESSONS_MAX {
                let lesson = hands.reader.teach(dir.as_fd(), b"a", &path);
                assert!(!matches!(lesson, Ok(()) | Err(Untaught::Full)), "{lesson:?}");
            }
            let _item = hands.walk(Device(0), &target, &Place::default());
            let lesson = hands.reader.teach(dir.as_fd(), b"a", &path);
            assert!(matches!(lesson, Err(Untaught::Full)), "the same walk: {lesson:?}");
            hands.end_walk();
        }
    }
}
