//! One daemon a conf: a lock on a file named after the conf.
//!
//! The kernel gives the lock back however the daemon ends, so a file that stayed means nothing. Who holds it
//! is asked of the kernel as well: what the file says is for people, and `/proc/locks` leaves locks out that
//! are there while others come and go.
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Seek, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::{error, fmt};

use nix::fcntl::OFlag;
use nix::unistd::geteuid;

use crate::ofd;

/// The right to be the daemon of a conf, held until it is dropped.
#[derive(Debug)]
pub struct Instance {
    locked: File,
    path: PathBuf,
}

impl Drop for Instance {
    fn drop(&mut self) {
        let _closed_in_any_case = ofd::disown(&self.locked);
    }
}

impl Instance {
    /// The locked file. It holds the process's number and a line end.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }
}

/// Why there is no right to be the daemon.
#[derive(Debug)]
pub enum InstanceError {
    /// Another daemon has it; its number, if it had it still when that was asked.
    Running(Option<u32>),
    /// No place took the file: whether there is another daemon cannot be known. Each place and why.
    NoPlace(Vec<(PathBuf, io::Error)>),
}

impl fmt::Display for InstanceError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Running(Some(pid)) => write!(out, "already running as {pid}"),
            Self::Running(None) => out.write_str("already running"),
            Self::NoPlace(places) => {
                out.write_str("cannot make sure that no other daemon runs")?;
                let mut separator = ": ";
                for (place, why) in places {
                    write!(out, "{separator}{}: {why}", place.display())?;
                    separator = "; ";
                }
                Ok(())
            }
        }
    }
}

impl error::Error for InstanceError {}

/// A file renamed or removed under the lock is opened again, so often at most.
const REOPEN_MAX: u32 = 16;

/// Where the file may be, the best place first: `/run/martlet`, the conf's `state_path` if it has
/// one, then what belongs to this user alone.
#[must_use]
pub fn places(state_path: Option<&Path>) -> Vec<PathBuf> {
    let mut places = vec![PathBuf::from("/run/martlet")];
    places.extend(state_path.map(Path::to_owned));
    places.extend(std::env::var_os("XDG_RUNTIME_DIR").map(|own| Path::new(&own).join("martlet")));
    places.push(std::env::temp_dir().join(format!("martlet-{}", geteuid())));
    places
}

/// Takes the right to be the daemon of `conf`, in the first of `places` that can be written to.
///
/// A lock found in a place that can only be read counts as well: root's daemon is in an ordinary
/// user's way. So does one in a later place, where a daemon had to go that may write less. Of two that
/// start at the same moment in two places neither may. Places that are missing are made, for this user
/// alone.
pub fn claim(conf: &Path, places: &[PathBuf]) -> Result<Instance, InstanceError> {
    let name = name(conf);
    let mut refused = Vec::new();
    let mut places = places.iter();
    while let Some(place) = places.next() {
        match claim_in(place, &name) {
            Ok(instance) => {
                // A place that is named twice has this process's own lock.
                let own = inode(&instance.locked);
                let mut others = holders(&name, places.as_slice());
                let other = others.find(|(file, _)| own.is_none() || inode(file) != own);
                return other
                    .map_or(Ok(instance), |(_, pid)| Err(InstanceError::Running(Some(pid))));
            }
            Err(Refusal::Running(pid)) => return Err(InstanceError::Running(pid)),
            Err(Refusal::Place(error)) => refused.push((place.clone(), error)),
        }
    }
    Err(InstanceError::NoPlace(refused))
}

/// The number of the daemon of `conf` that runs, if one does. The lock is looked up and not tried:
/// to hold it for a moment would keep a daemon from starting.
#[must_use]
pub fn holder(conf: &Path, places: &[PathBuf]) -> Option<u32> {
    holders(&name(conf), places).map(|(_, pid)| pid).next()
}

/// The locked files of this name and who holds them, by place. What a stranger may have put there says
/// nothing.
fn holders(name: &str, places: &[PathBuf]) -> impl Iterator<Item = (File, u32)> {
    places.iter().filter_map(move |place| {
        own_among_strangers(place).ok()?;
        let file = open(&place.join(name)).ok()?;
        let pid = ofd::owner(&file).ok()??;
        Some((file, pid))
    })
}

/// Which file it is.
fn inode(file: &File) -> Option<(u64, u64)> {
    file.metadata().ok().map(|it| (it.dev(), it.ino()))
}

/// Opens a lock's file to read it. A FIFO is not waited for, and a link not followed.
fn open(path: &Path) -> io::Result<File> {
    let flags = OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK;
    let file = OpenOptions::new().read(true).custom_flags(flags.bits()).open(path)?;
    if file.metadata()?.is_file() {
        return Ok(file);
    }
    Err(io::Error::other(format!("{} is not a file", path.display())))
}

/// Why one place did not do.
enum Refusal {
    Running(Option<u32>),
    Place(io::Error),
}

impl From<io::Error> for Refusal {
    fn from(error: io::Error) -> Self {
        Self::Place(error)
    }
}

fn claim_in(place: &Path, name: &str) -> Result<Instance, Refusal> {
    let made = DirBuilder::new().recursive(true).mode(0o755).create(place);
    fs::metadata(place).map_err(|missing| made.err().unwrap_or(missing))?;
    own_among_strangers(place)?;
    let path = place.join(name);
    for _ in 0..REOPEN_MAX {
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false).mode(0o644);
        options.custom_flags(OFlag::O_NOFOLLOW.bits());
        let mut file = match options.open(&path) {
            Ok(file) => file,
            Err(error) => {
                let owner = open(&path).ok().and_then(|file| ofd::owner(&file).ok()?);
                return Err(owner.map_or(error.into(), |pid| Refusal::Running(Some(pid))));
            }
        };
        if !ofd::try_own(&file, std::process::id()).map_err(io::Error::from)? {
            return Err(Refusal::Running(ofd::owner(&file).ok().flatten()));
        }
        let (locked, named) = (file.metadata()?, fs::symlink_metadata(&path));
        if named.is_ok_and(|named| named.ino() == locked.ino()) {
            file.set_len(0)?;
            file.rewind()?;
            writeln!(file, "{}", std::process::id())?;
            return Ok(Instance { locked: file, path });
        }
    }
    Err(io::Error::other(format!("{} changes all the time", path.display())).into())
}

/// In a folder like `/tmp` anybody may have put anything under our name.
fn own_among_strangers(place: &Path) -> io::Result<()> {
    const OTHERS_MAY_WRITE: u32 = 0o002;
    let parent = place.parent().filter(|parent| !parent.as_os_str().is_empty());
    let parent = fs::metadata(parent.unwrap_or(Path::new(".")))?;
    let found = fs::symlink_metadata(place)?;
    if parent.mode() & OTHERS_MAY_WRITE == 0
        || found.is_dir() && [0, geteuid().as_raw()].contains(&found.uid())
    {
        return Ok(());
    }
    Err(io::Error::other("it is not a directory of this user's or root's"))
}

/// The file's name: the conf's own for a reader, and a hash of its absolute path, links resolved.
fn name(conf: &Path) -> String {
    let absolute = fs::canonicalize(conf).or_else(|_| std::path::absolute(conf));
    let absolute = absolute.unwrap_or_else(|_| conf.to_owned());
    // FNV-1a: the same in every version, which the standard library's hash does not promise.
    let hash = absolute
        .as_os_str()
        .as_encoded_bytes()
        .iter()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
        });
    let stem = absolute.file_stem().map(|stem| stem.to_string_lossy().into_owned());
    let stem: String = stem.unwrap_or_default().chars().take(32).collect();
    format!("{stem}-{hash:016x}.pid")
}
