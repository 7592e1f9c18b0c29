//! A lane's hands: they walk, look and move as the core asks, and bring back facts.
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use martlet_core::audit::{Device, Second};
use martlet_core::check::{Cell, Seen};
use martlet_core::path::DbPath;
use martlet_core::quarantine::{Around, Siblings, What};
use martlet_core::walk::{Floor, Walked};

use crate::check::{CheckConf, Checker};
use crate::devices::{DeviceDir, disk_of};
use crate::error::Error;
use crate::probe::probe;
use crate::quarantine::{Identity, Moved, quarantine, siblings};
use crate::roots::Root;
use crate::walk::{Limits, Walker};

/// A device with less room than this is not written to: a rename may need a new directory block.
const FREE_BYTES_MIN: u64 = 1 << 20;
/// Directories from a device to a hash directory's file.
const DEVICE_ABOVE: usize = 5;

/// One thing to walk: a row of the device table.
#[derive(Clone, Debug)]
pub enum Target {
    /// A device of the `devices` directory.
    Device(DeviceDir),
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
                devices.found.into_iter().map(Self::Device).collect()
            }
        })
    }

    /// Its path.
    #[must_use]
    pub fn path(&self) -> &Path {
        match self {
            Self::Device(device) => &device.path,
            Self::Below(path, _) | Self::File(path) => path,
        }
    }

    /// The physical disk below it; all that cannot be found out is one disk.
    #[must_use]
    pub fn disk(&self) -> u64 {
        match self {
            Self::Device(device) => device.disk,
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
    checker: Checker,
    /// The row being walked.
    walking: Option<Device>,
    /// A named file that is yet to be handed out, or was.
    file: Option<PathBuf>,
    handed: bool,
    identity: Option<Identity>,
    moved: Option<Result<Moved, Error>>,
}

impl Hands {
    /// Hands that hold nothing yet.
    #[must_use]
    pub fn new(conf: CheckConf) -> Self {
        Self {
            walker: Walker::new(Limits::DEFAULT),
            checker: Checker::new(conf),
            walking: None,
            file: None,
            handed: false,
            identity: None,
            moved: None,
        }
    }

    /// The next item of the walk of `target`, which stands in row `device`.
    pub fn walk(&mut self, device: Device, target: &Target) -> Walked<'_> {
        if self.walking != Some(device) {
            self.walking = Some(device);
            self.handed = false;
            self.file = None;
            match target {
                Target::Device(dir) => self.walker.begin(dir),
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
        let walked = self.walker.next();
        if walked == Walked::End {
            self.walking = None;
        }
        walked
    }

    /// The row being walked.
    #[must_use]
    pub const fn device(&self) -> Option<Device> {
        self.walking
    }

    /// Looks at a database.
    pub fn check(&mut self, path: &DbPath) -> Seen<'_> {
        self.moved = None;
        self.checker.look(path)
    }

    /// Looks once more, and around.
    pub fn confirm(&mut self, path: &DbPath) -> Second<'_> {
        let said = said(path);
        let before = identity(&said);
        let device_well = said
            .ancestors()
            .nth(DEVICE_ABOVE)
            .and_then(|device| probe(device, path).ok())
            .is_some_and(|found| !found.read_only && FREE_BYTES_MIN <= found.free_bytes);
        let siblings = siblings(path);
        self.identity = before.ok();
        let seen = self.checker.look(path);
        let same = self.identity.is_some() && identity(&said).ok() == self.identity;
        // A directory that cannot be listed may hold a sound neighbour, or another epoch.
        let siblings = siblings.unwrap_or(Siblings { others: 0, epochs: true });
        Second { seen, around: Around { device_well, same, siblings } }
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

    /// The words of SQLite or the kernel for what ended the last look.
    #[must_use]
    pub fn words(&self) -> String {
        self.checker.words()
    }

    /// Where the walk stands: for a trouble, the directory that could not be listed.
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

fn said(path: &DbPath) -> PathBuf {
    PathBuf::from(std::ffi::OsStr::from_bytes(path.as_bytes()))
}

fn identity(path: &Path) -> io::Result<Identity> {
    let dir = std::fs::File::open(path.parent().unwrap_or(Path::new(".")))?;
    let name = path.file_name().unwrap_or_default().as_bytes();
    Ok(Identity::at(std::os::fd::AsFd::as_fd(&dir), name)?)
}
