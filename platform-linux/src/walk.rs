//! The walk of a device: `containers`, partitions, suffixes, hash directories, `*.db`.
//!
//! Everything is opened once, relative to the directory above, and listed into buffers that are
//! reserved once a lane ([`Walker::new`]): memory depends neither on the tree nor on its names. The
//! path is for saying, the descriptor for doing: from a database found to the next call its hash
//! directory stays open ([`Walker::here`]).
//!
//! Partitions ascend as numbers, names that are none come last; suffixes and hash directories ascend
//! by bytes; files descend, as in Swift. So a [`Position`] says what is done and what is to come.
//! What a trouble means is asked of [`martlet_core::walk::meaning`].

use std::io::Write;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use martlet_core::walk::{Floor, Meaning, Trouble, Walked, meaning};

use crate::devices::DeviceDir;
use crate::listing::{Atime, Buffer, End, Kind, NAME_MAX, end_of, list, open_dir, rewind};
use crate::mount;
use crate::numbers::{NUMBERS, Numbers, plain_number};
use crate::window::{Begin, Bounds, Order, Window};

/// Directories opened or listed in one call of [`Walker::next`] at most: about 10 ms of a warm
/// cache. A tree of empty partitions must not keep a daemon from hearing SIGTERM.
pub const LOOKS_MAX: u32 = 512;

/// Swift's `DATADIR` of containers.
const DATADIR: &[u8] = b"containers";
/// What an audited name ends with, in this case only.
const ENDING: &[u8] = b".db";
/// Bytes reserved for the path: a long one of a device, and one name a floor.
const PATH_BYTES: usize = 4096 + 5 * (NAME_MAX + 1);

/// The floors that are listed, from above.
const FLOORS: [Floor; 4] = [Floor::Datadir, Floor::Partition, Floor::Suffix, Floor::Hash];
/// The last of them.
const HASH: usize = FLOORS.len() - 1;

/// Where a walk is: the names of three directories, empty where it has not gone so deep.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Position<'a> {
    /// The partition's name.
    pub partition: &'a [u8],
    /// The suffix's.
    pub suffix: &'a [u8],
    /// The hash directory's.
    pub hash: &'a [u8],
}

/// How much is held of one directory at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Partition numbers: the span of a window.
    pub numbers: u32,
    /// Names on each floor.
    pub names: Bounds,
}

impl Limits {
    /// What the auditor walks with.
    pub const DEFAULT: Self = Self { numbers: NUMBERS, names: Bounds::DEFAULT };
}

/// One floor's open directory.
#[derive(Debug)]
struct Opened {
    dir: Option<OwnedFd>,
    names: Window,
    /// Bytes of the path up to this directory.
    path_len: usize,
    /// How its listing ends.
    end: End,
    /// An error ended a listing: there will be no other.
    spent: bool,
    /// Every name it has is in the window, not only those wanted.
    whole: bool,
}

/// What comes next in a directory.
enum Next {
    /// A name, which stands at the end of the path.
    Name(Kind),
    /// The window was used up and is filled again.
    Listed,
    /// Filling it again ended in trouble.
    Hit(Trouble),
    Nothing,
}

/// The answer, without what it borrows.
enum Answer {
    Found,
    Hit(Floor, Trouble),
    Going,
    End,
}

/// Walks one device after another, or a tree below one. One a lane.
#[derive(Debug)]
pub struct Walker {
    buffer: Buffer,
    path: Vec<u8>,
    opened: [Opened; FLOORS.len()],
    numbers: Numbers,
    /// Whether the window of numbers is still what is walked on the floor of partitions.
    counting: bool,
    /// Whether all numbers listed were directories, and no links.
    plain: bool,
    /// Names on that floor that are no numbers, in its last listing.
    odd: u32,
    atime: Atime,
    /// The floor that is open at the bottom; `None` before the first and after the last.
    depth: Option<usize>,
    /// The floor it began on.
    top: usize,
    /// Still to be opened, and whether a mount is to be checked first.
    start: Option<bool>,
    /// Bytes of the path up to the device whose mount is checked.
    device_len: usize,
    /// Names of the position to begin at, and how many of them were met; all: done with it.
    resume: [Vec<u8>; HASH],
    met: usize,
    /// The name guessed for the file of the directory that is opened.
    guess: Vec<u8>,
}

/// No position to begin at, or no longer.
const MET: usize = HASH;

impl Walker {
    /// Reserves everything that a walk needs.
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        let opened = |order| Opened {
            dir: None,
            names: Window::new(order, limits.names),
            path_len: 0,
            end: End::Asked,
            spent: false,
            whole: false,
        };
        let up = Order::Ascending;
        Self {
            buffer: Buffer::new(),
            path: Vec::with_capacity(PATH_BYTES),
            opened: [opened(up), opened(up), opened(up), opened(Order::Descending)],
            numbers: Numbers::new(limits.numbers),
            counting: true,
            plain: true,
            odd: 0,
            atime: Atime::Spare,
            depth: None,
            top: 0,
            start: None,
            device_len: 0,
            resume: [const { Vec::new() }; HASH],
            met: MET,
            guess: Vec::with_capacity(NAME_MAX + ENDING.len()),
        }
    }

    /// Begins with a device. What was walked before is closed.
    pub fn begin(&mut self, device: &DeviceDir) {
        self.begin_below(&device.path, Floor::Datadir);
        self.path.push(b'/');
        self.path.extend_from_slice(DATADIR);
        self.check(device);
    }

    /// Begins with one partition of a device, at `path`. A device that must be mounted and is not is hit, as
    /// where all of it is walked.
    pub fn begin_partition(&mut self, device: &DeviceDir, path: &Path) {
        self.begin_below(path, Floor::Partition);
        self.check(device);
    }

    /// Has the mount of the device checked first, if it must be one.
    fn check(&mut self, device: &DeviceDir) {
        self.start = Some(device.mount_check);
        self.device_len = device.path.as_os_str().len();
    }

    /// Begins with a device at the hash directory of `position`, which is walked again, or at what
    /// stands where it stood: no database loses its turn.
    pub fn begin_at(&mut self, device: &DeviceDir, position: Position<'_>) {
        self.begin(device);
        self.met = 0;
        for (kept, name) in
            self.resume.iter_mut().zip([position.partition, position.suffix, position.hash])
        {
            kept.clear();
            kept.extend_from_slice(name.get(..NAME_MAX).unwrap_or(name));
        }
    }

    /// Begins with a directory that is itself `floor`, at any path. Devices are begun with
    /// [`Walker::begin`].
    pub fn begin_below(&mut self, path: &Path, floor: Floor) {
        self.opened.iter_mut().for_each(|opened| opened.dir = None);
        self.depth = None;
        self.top = match floor {
            Floor::Devices | Floor::Device | Floor::Datadir => 0,
            Floor::Partition => 1,
            Floor::Suffix => 2,
            Floor::Hash => HASH,
        };
        self.start = Some(false);
        self.atime = Atime::Spare;
        self.met = MET;
        self.path.clear();
        self.path.extend_from_slice(path.as_os_str().as_bytes());
    }

    /// The next answer. After [`Walked::End`] it stays at the end.
    #[expect(clippy::should_implement_trait, reason = "it lends its path, an Iterator cannot")]
    pub fn next(&mut self) -> Walked<'_> {
        self.next_ahead(&mut |_, _| {})
    }

    /// The next answer; `ahead` is called with each hash directory and the file name that most of
    /// them hold, before it is listed. Who locks that file there has a listing made under the lock,
    /// and needs no other to know that there is no journal.
    pub fn next_ahead(&mut self, ahead: &mut dyn FnMut(BorrowedFd<'_>, &[u8])) -> Walked<'_> {
        match self.answer(ahead) {
            Answer::Found => Walked::Found(&self.path),
            Answer::Hit(floor, trouble) => Walked::Hit(floor, trouble),
            Answer::Going => Walked::Going,
            Answer::End => Walked::End,
        }
    }

    /// The path of the last answer: of the database, or of the directory that was hit.
    #[must_use]
    pub fn path(&self) -> &[u8] {
        &self.path
    }

    /// The directories in which the walk stands.
    #[must_use]
    pub fn position(&self) -> Position<'_> {
        let name = |floor: usize| {
            let above = floor.checked_sub(1).filter(|above| self.top <= *above);
            let open = self.depth.is_some_and(|depth| floor <= depth);
            above.filter(|_| open).map_or(&b""[..], |above| {
                &self.path[self.opened[above].path_len + 1..self.opened[floor].path_len]
            })
        };
        Position { partition: name(1), suffix: name(2), hash: name(HASH) }
    }

    /// How much of the device lies behind: 0 to 1, by the place of partition, suffix and hash
    /// directory among their like. Nothing is counted for it but what was listed anyway.
    #[must_use]
    pub fn share(&self) -> f64 {
        let Some(depth) = self.depth else { return if self.start.is_some() { 0.0 } else { 1.0 } };
        (self.top..=depth.min(HASH - 1)).rev().fold(0.0, |below, floor| {
            let (seen, before) = self.counts(floor);
            ((f64::from(before) + below) / f64::from(seen.max(1))).min(1.0)
        })
    }

    /// The hash directory of the database found last.
    #[must_use]
    pub fn here(&self) -> Option<Here<'_>> {
        let opened = self.depth.filter(|depth| *depth == HASH).map(|depth| &self.opened[depth])?;
        let name = self.path.get(opened.path_len + 1..)?;
        Some(Here { dir: opened.dir.as_ref()?.as_fd(), name, opened })
    }

    fn counts(&self, floor: usize) -> (u32, u32) {
        let (seen, before) = self.opened[floor].names.counts();
        if floor != 0 {
            return (seen, before);
        }
        let (numbers, passed) = self.numbers.counts();
        if self.counting {
            (numbers + self.odd, passed)
        } else {
            (numbers + seen, numbers + before)
        }
    }

    fn answer(&mut self, ahead: &mut dyn FnMut(BorrowedFd<'_>, &[u8])) -> Answer {
        if let Some(mount_check) = self.start.take()
            && let Err((floor, trouble)) = self.begin_top(mount_check, ahead)
            && meaning(floor, trouble) == Meaning::Skipped
        {
            return Answer::Hit(floor, trouble);
        }
        for _ in 0..LOOKS_MAX {
            let Some(depth) = self.depth else { return Answer::End };
            self.path.truncate(self.opened[depth].path_len);
            let (floor, trouble) = match self.take(depth) {
                Next::Name(_) if depth == HASH => return Answer::Found,
                Next::Name(kind) => match self.enter(depth + 1, kind, ahead) {
                    Ok(()) => continue,
                    Err(trouble) => (FLOORS[depth + 1], trouble),
                },
                Next::Listed => continue,
                Next::Hit(trouble) => (FLOORS[depth], trouble),
                Next::Nothing => {
                    self.leave(depth);
                    continue;
                }
            };
            if meaning(floor, trouble) == Meaning::Skipped {
                return Answer::Hit(floor, trouble);
            }
        }
        Answer::Going
    }

    fn begin_top(
        &mut self,
        mount_check: bool,
        ahead: &mut dyn FnMut(BorrowedFd<'_>, &[u8]),
    ) -> Result<(), (Floor, Trouble)> {
        if mount_check {
            let path = Path::new(std::ffi::OsStr::from_bytes(&self.path[..self.device_len]));
            if !mount::look(path).mounted {
                self.path.truncate(self.device_len);
                return Err((Floor::Device, Trouble::NotMounted));
            }
        }
        let floor = FLOORS[self.top];
        let opened = open_dir(rustix::fs::CWD, &self.path, &mut self.atime);
        let dir = opened.map_err(|errno| (floor, Trouble::Errno(errno.raw_os_error())))?;
        let end = end_of(dir.as_fd());
        self.list_new(self.top, dir, end, ahead).map_err(|trouble| (floor, trouble))
    }

    /// Opens the directory that the path names, on the floor `depth`, and lists it.
    fn enter(
        &mut self,
        depth: usize,
        kind: Kind,
        ahead: &mut dyn FnMut(BorrowedFd<'_>, &[u8]),
    ) -> Result<(), Trouble> {
        let above = &self.opened[depth - 1];
        let name = &self.path[above.path_len + 1..];
        // A link may lead to another file system.
        let end = if kind == Kind::Directory { above.end } else { End::Asked };
        self.met = match self.met {
            met if met == depth - 1 && *name == *self.resume[met] => depth,
            _ => MET,
        };
        let at = above.dir.as_ref().map_or(rustix::fs::CWD, AsFd::as_fd);
        let opened = open_dir(at, name, &mut self.atime);
        let dir = opened.map_err(|errno| Trouble::Errno(errno.raw_os_error()))?;
        self.list_new(depth, dir, end, ahead)
    }

    fn list_new(
        &mut self,
        depth: usize,
        dir: OwnedFd,
        end: End,
        ahead: &mut dyn FnMut(BorrowedFd<'_>, &[u8]),
    ) -> Result<(), Trouble> {
        if depth == HASH {
            let above = match depth.checked_sub(1).filter(|above| self.top <= *above) {
                Some(above) => self.opened[above].path_len + 1,
                None => self.path.iter().rposition(|byte| *byte == b'/').map_or(0, |at| at + 1),
            };
            self.guess.clear();
            self.guess.extend_from_slice(&self.path[above..]);
            self.guess.extend_from_slice(ENDING);
            ahead(dir.as_fd(), &self.guess);
        }
        let from = self.resume.get(self.met).filter(|_| self.met == depth);
        let number = from.and_then(|name| plain_number(name));
        if depth == 0 {
            self.counting = from.is_none() || number.is_some();
            self.numbers.begin(number.unwrap_or(0));
        }
        let opened = &mut self.opened[depth];
        let begin = from.filter(|_| number.is_none() || depth != 0);
        opened.names.begin(begin.map_or(Begin::First, |name| Begin::At(name)));
        opened.path_len = self.path.len();
        opened.dir = Some(dir);
        opened.end = end;
        opened.spent = false;
        opened.whole = true;
        self.depth = Some(depth);
        self.list(depth)
    }

    /// Fills the window of an open directory that stands at its first name.
    fn list(&mut self, depth: usize) -> Result<(), Trouble> {
        let Self { opened, buffer, numbers, counting, plain, odd, .. } = self;
        let Opened { dir, names, end, spent, whole, .. } = &mut opened[depth];
        let Some(dir) = dir.as_ref() else { return Ok(()) };
        let listed = if depth == 0 {
            (*plain, *odd) = (true, 0);
            list(dir, buffer, *end, |name, kind| match plain_number(name) {
                _ if !kind.may_be_directory() => {}
                Some(number) if *counting => {
                    *plain &= kind == Kind::Directory;
                    numbers.offer(number);
                }
                Some(_) => {}
                None if *counting => *odd = odd.saturating_add(1),
                None => names.offer(name, kind),
            })
        } else {
            let wanted = |name: &[u8], kind: Kind| match depth {
                // A first listing is kept whole, if it fits: journals and strays are facts too.
                HASH => *whole || name.ends_with(ENDING),
                _ => kind.may_be_directory(),
            };
            list(dir, buffer, *end, |name, kind| {
                if wanted(name, kind) {
                    names.offer(name, kind);
                }
            })
        };
        names.finish();
        *spent = listed.is_err();
        *whole &= listed.is_ok() && !names.is_cut();
        listed
    }

    /// Takes the next name of an open directory onto the path.
    fn take(&mut self, depth: usize) -> Next {
        let opened = &mut self.opened[depth];
        self.path.push(b'/');
        if depth == 0 && self.counting {
            if let Some(number) = self.numbers.take() {
                write!(self.path, "{number}").expect("a vector takes every write");
                return Next::Name(if self.plain { Kind::Directory } else { Kind::Unknown });
            }
            self.path.truncate(opened.path_len);
            if opened.spent {
                return Next::Nothing;
            }
            if !self.numbers.begin_again() {
                if self.odd == 0 {
                    return Next::Nothing;
                }
                self.counting = false;
            }
        } else {
            while let Some((name, kind)) = opened.names.take() {
                if depth != HASH || name.ends_with(ENDING) {
                    self.path.extend_from_slice(name);
                    return Next::Name(kind);
                }
            }
            self.path.truncate(opened.path_len);
            if opened.spent || !opened.names.is_cut() {
                return Next::Nothing;
            }
            opened.names.begin_again();
        }
        let rewound = opened.dir.as_ref().map_or(Ok(()), rewind);
        match rewound.and_then(|()| self.list(depth)) {
            Ok(()) => Next::Listed,
            Err(trouble) => Next::Hit(trouble),
        }
    }

    fn leave(&mut self, depth: usize) {
        self.opened[depth].dir = None;
        self.depth = depth.checked_sub(1).filter(|above| self.top <= *above);
    }
}

/// An open hash directory, between a database found and the walk's next answer.
#[derive(Clone, Copy, Debug)]
pub struct Here<'a> {
    /// Its descriptor: what opens and inspects the database, without its path.
    pub dir: BorrowedFd<'a>,
    /// The name of the database found.
    pub name: &'a [u8],
    opened: &'a Opened,
}

impl<'a> Here<'a> {
    /// The names listed, in descending order, with what the directory says they are.
    pub fn names(self) -> impl Iterator<Item = (&'a [u8], Kind)> {
        self.opened.names.iter()
    }

    /// Whether these are all the names that the directory had.
    #[must_use]
    pub const fn is_complete(self) -> bool {
        self.opened.whole
    }
}
