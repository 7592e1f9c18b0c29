//! The state file: what is kept of a pass over a restart, one file a conf.
//!
//! It is replaced as a whole, by a temporary file that is synced before it takes the name, so a
//! crash leaves the old one or the new one. What cannot be read is set aside and said; a place that
//! cannot be written costs one warning, and the auditor goes on without.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use martlet_core::breaker::Breaker;
use martlet_core::cursor::{Bad, Disk, ENTRY_BYTES, Entry, HEAD_BYTES, Head, Name, Place, sum};
use rustix::fs::{AtFlags, CWD, OFlags, StatxFlags, statx};

use crate::devices::DEVICES_MAX;
use crate::error::Error;
use crate::walk::Position;

/// What was read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Saved {
    /// The pass.
    pub head: Head,
    /// Its devices.
    pub entries: Vec<Entry>,
}

/// Where it is kept.
#[derive(Debug)]
pub struct Store {
    file: PathBuf,
    conf: u64,
    /// It was said that it cannot be written.
    said: AtomicBool,
}

impl Store {
    /// The state of the conf at `conf` in the directory `place`. `fingerprint` is any text that
    /// changes with what the conf says.
    #[must_use]
    pub fn new(place: &Path, conf: &Path, fingerprint: &str) -> Self {
        let absolute = fs::canonicalize(conf).or_else(|_| std::path::absolute(conf));
        let absolute = absolute.unwrap_or_else(|_| conf.to_owned());
        let stem = absolute.file_stem().map(|stem| stem.to_string_lossy().into_owned());
        let stem: String = stem.unwrap_or_default().chars().take(32).collect();
        let whole = sum(0, absolute.as_os_str().as_bytes());
        let file = place.join(format!("{stem}-{whole:016x}.state"));
        Self { file, conf: sum(0, fingerprint.as_bytes()), said: AtomicBool::new(false) }
    }

    /// The file.
    #[must_use]
    pub fn file(&self) -> &Path {
        &self.file
    }

    /// What was saved last; nothing if there is no such file, or none that can be used. Breakers
    /// are armed if the conf has changed since.
    #[must_use]
    pub fn load(&self) -> Saved {
        let mut saved = match self.read() {
            Ok(Ok(saved)) => saved,
            Ok(Err(bad)) => {
                self.set_aside(bad);
                return Saved::default();
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Saved::default(),
            Err(error) => {
                log::warn!("{}", Error::new("read", &self.file, error));
                return Saved::default();
            }
        };
        if saved.head.conf != self.conf {
            saved.entries.iter_mut().for_each(|entry| entry.past.breaker = Breaker::default());
        }
        saved
    }

    fn read(&self) -> io::Result<Result<Saved, Bad>> {
        let mut file = File::open(&self.file)?;
        let mut bytes = [0; HEAD_BYTES];
        if let Err(error) = file.read_exact(&mut bytes) {
            return short(error, Bad::Foreign);
        }
        let head = match Head::decode(&bytes) {
            Ok(head) => head,
            Err(bad) => return Ok(Err(bad)),
        };
        if DEVICES_MAX < usize::try_from(head.entries).unwrap_or(usize::MAX) {
            return Ok(Err(Bad::Torn));
        }
        let mut entries = Vec::new();
        for number in 0..head.entries {
            let mut bytes = [0; ENTRY_BYTES];
            if let Err(error) = file.read_exact(&mut bytes) {
                return short(error, Bad::Torn);
            }
            match Entry::decode(&bytes, number) {
                Ok(entry) => entries.push(entry),
                Err(bad) => return Ok(Err(bad)),
            }
        }
        Ok(Ok(Saved { head, entries }))
    }

    fn set_aside(&self, bad: Bad) {
        let aside = self.file.with_extension("state.bad");
        let file = self.file.display();
        match fs::rename(&self.file, &aside) {
            Ok(()) => log::warn!("{file} is {bad}: set aside as {}", aside.display()),
            Err(error) => {
                log::warn!("{file} is {bad}; {}", Error::new("set aside", &self.file, error));
            }
        }
    }

    /// Saves it. That this cannot be done is said once, until it can be done again.
    pub fn save(&self, saved: &Saved) {
        match self.write(saved) {
            Ok(()) => self.said.store(false, Ordering::Relaxed),
            Err(error) => {
                if !self.said.swap(true, Ordering::Relaxed) {
                    log::warn!("{error}; a restart will begin the pass anew");
                }
            }
        }
    }

    fn write(&self, saved: &Saved) -> Result<(), Error> {
        let place = self.file.parent().unwrap_or(Path::new("."));
        let made = DirBuilder::new().recursive(true).mode(0o755).create(place);
        made.map_err(|error| Error::new("make", place, error))?;
        let new = self.file.with_extension("state.new");
        self.write_new(&new, saved).map_err(|error| Error::new("write", &new, error))?;
        fs::rename(&new, &self.file).map_err(|error| Error::new("replace", &self.file, error))?;
        let synced = File::open(place).and_then(|dir| dir.sync_all());
        synced.map_err(|error| Error::new("sync", place, error))
    }

    fn write_new(&self, new: &Path, saved: &Saved) -> io::Result<()> {
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(true).mode(0o600);
        options.custom_flags(OFlags::NOFOLLOW.bits().cast_signed());
        let mut file = io::BufWriter::new(options.open(new)?);
        let entries = u32::try_from(saved.entries.len()).unwrap_or(u32::MAX);
        file.write_all(&Head { conf: self.conf, entries, ..saved.head }.encode())?;
        for (entry, number) in saved.entries.iter().zip(0..) {
            file.write_all(&entry.encode(number))?;
        }
        file.into_inner()?.sync_all()
    }
}

/// A file that ends too early is `bad`; any other trouble is the disk's.
fn short<T>(error: io::Error, bad: Bad) -> io::Result<Result<T, Bad>> {
    if error.kind() == io::ErrorKind::UnexpectedEof { Ok(Err(bad)) } else { Err(error) }
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
