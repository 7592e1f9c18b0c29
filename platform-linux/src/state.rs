//! The state directory: what outlasts a restart, one file of a kind for each conf.
//!
//! Here is the cursor's; [`findings`] is what was found, [`coverage`] how long ago it was looked for.
pub mod coverage;
pub(crate) mod file;
pub mod findings;

use std::fs::File;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use martlet_core::breaker::Breaker;
use martlet_core::cursor::{Bad, Disk, Entry, Head, Name, Place, sum};
use rustix::fs::{AtFlags, CWD, StatxFlags, statx};

use self::file::{Kept, open, read_entries};
use crate::walk::Position;

/// What was read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Saved {
    /// The pass.
    pub head: Head,
    /// Its devices.
    pub entries: Vec<Entry>,
}

/// Where the cursor is kept.
#[derive(Debug)]
pub struct Store {
    file: Kept,
    conf: u64,
    turn: Mutex<()>,
}

impl Store {
    /// The state of the conf at `conf` in the directory `place`. `fingerprint` is any text that
    /// changes with what the conf says.
    #[must_use]
    pub fn new(place: &Path, conf: &Path, fingerprint: &str) -> Self {
        let file = Kept::new(place, conf, "state", 0o600);
        Self { file, conf: sum(0, fingerprint.as_bytes()), turn: Mutex::new(()) }
    }

    /// The file.
    #[must_use]
    pub fn file(&self) -> &Path {
        self.file.path()
    }

    /// What was saved last; nothing if there is no such file, or none that can be used. Breakers
    /// are armed if the conf has changed since.
    #[must_use]
    pub fn load(&self) -> Saved {
        let mut saved = self.file.load(read).unwrap_or_default();
        if saved.head.conf != self.conf {
            saved.entries.iter_mut().for_each(|entry| entry.past.breaker = Breaker::default());
        }
        saved
    }

    /// What was saved last, for others than the daemon: nothing is set aside, said or changed.
    #[must_use]
    pub fn peek(&self) -> Option<Saved> {
        open(self.file()).and_then(|mut file| read(&mut file)).ok()?.ok()
    }

    /// The turn to save, which one lane has at a time, from what it looks up until it is written: two
    /// would write into one file, or the older of two looks would be written last.
    pub(crate) fn turn(&self) -> MutexGuard<'_, ()> {
        self.turn.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Saves it. That this cannot be done is said once, until it can be done again.
    pub fn save(&self, saved: &Saved) {
        let entries = u32::try_from(saved.entries.len()).unwrap_or(u32::MAX);
        let head = Head { conf: self.conf, entries, ..saved.head };
        self.file.save("a restart will begin the pass anew", |out| {
            out.write_all(&head.encode())?;
            saved.entries.iter().zip(0..).try_for_each(|(it, at)| out.write_all(&it.encode(at)))
        });
    }
}

fn read(file: &mut File) -> io::Result<Result<Saved, Bad>> {
    let read = read_entries(file, Head::decode, |head| head.entries, Entry::decode)?;
    Ok(read.map(|(head, entries)| Saved { head, entries }))
}

/// What a device name stands for; nothing if its `containers` cannot be seen.
#[must_use]
pub fn disk(device: &Path) -> Option<Disk> {
    let wanted = StatxFlags::INO | StatxFlags::BTIME;
    let found = statx(CWD, device.join("containers"), AtFlags::empty(), wanted).ok()?;
    let has_birth = found.stx_mask & StatxFlags::BTIME.bits() != 0;
    let born = found.stx_btime;
    let born = born.tv_sec.saturating_mul(1_000_000_000).saturating_add(born.tv_nsec.into());
    Some(Disk { inode: found.stx_ino, born: if has_birth { born } else { 0 } })
}

/// The name under which a device is kept.
#[must_use]
pub fn name(device: &Path) -> Name {
    let name = device.file_name().unwrap_or_default().as_bytes();
    Name::from_slice(name).unwrap_or_default()
}

/// Where the walk begins that continues at `place`.
#[must_use]
pub fn position(place: &Place) -> Position<'_> {
    let [partition, suffix, hash] = &place.names;
    Position { partition, suffix, hash }
}
