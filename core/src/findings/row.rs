//! One finding: which database it is about, and what is known of it beside its words.
use crate::audit::Depth;
use crate::cursor::sum;
use crate::time::Wall;
use crate::verdict::Verdict;

/// Which database a finding is about: a sum over its path. That two of a node's share one is less
/// likely than a disk that lies.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Key(pub(super) u64);

impl Key {
    /// The key of the database at `path`.
    #[must_use]
    pub fn of(path: &[u8]) -> Self {
        Self(sum(0, path))
    }
}

/// Which device it lies on: a sum over the device's name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct DeviceKey(pub(super) u64);

impl DeviceKey {
    /// The key of the device of this name.
    #[must_use]
    pub fn of(name: &[u8]) -> Self {
        Self(sum(1, name))
    }
}

/// What one audit saw.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sight {
    /// Where.
    pub key: Key,
    /// On which device.
    pub device: DeviceKey,
    /// The outcome.
    pub verdict: Verdict,
    /// How deep the look went.
    pub depth: Depth,
    /// Whether the database was moved aside for it.
    pub moved: bool,
}

/// Why a finding is open no more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Closed {
    /// An audit of its path found nothing wrong.
    Sound,
    /// The container was deleted.
    Deleted,
    /// There is no database at its path any more; or, of one that was moved, none in the quarantine.
    Vanished,
}

impl Closed {
    /// Every reason.
    pub const ALL: [Self; 3] = [Self::Sound, Self::Deleted, Self::Vanished];

    /// The reason in a word, stable across versions.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Sound => "sound",
            Self::Deleted => "deleted",
            Self::Vanished => "vanished",
        }
    }
}

/// A finding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Row {
    /// Of which database.
    pub key: Key,
    /// On which device.
    pub device: DeviceKey,
    /// How deep the audit went that found it; one less deep does not close it.
    pub depth: Depth,
    /// When it was first seen.
    pub first: Wall,
    /// When it was last seen.
    pub last: Wall,
    /// Audits that saw it.
    pub times: u32,
    /// The number of the pass that last met the path, whatever it saw.
    pub pass: u32,
    /// The database was moved aside: the path awaits a sound copy.
    pub moved: bool,
    /// It is in order, but for its name or its place.
    pub misplaced: bool,
    /// Why and when it was closed, if it is.
    pub closed: Option<(Closed, Wall)>,
}

impl Row {
    pub(super) fn new(now: Wall, pass: u32, sight: &Sight) -> Self {
        let Sight { key, device, depth, moved, verdict } = *sight;
        let (first, last, times) = (now, now, 1);
        let misplaced = matches!(verdict, Verdict::Misplaced);
        Self { key, device, depth, first, last, times, pass, moved, misplaced, closed: None }
    }

    /// Whether a look of this depth can tell that it is mended. Where the database was moved from
    /// lies another file, if any.
    pub(super) fn is_reached_by(&self, depth: Depth) -> bool {
        self.moved || self.depth == Depth::Stat || depth == Depth::Deep
    }
}

/// A finding that had to be left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct LeftOut {
    /// Of which database.
    pub key: Key,
    /// On which device.
    pub device: DeviceKey,
    /// The number of the pass that last met it.
    pub pass: u32,
    /// How deep the audit went that found it.
    pub depth: Depth,
}

/// What became of what an audit saw. The number is that of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Noted {
    /// No row is concerned.
    Nothing,
    /// This row is a new finding, or another one than it was: its words are the new ones.
    Opened(usize),
    /// It was seen again: its words are the new ones.
    Seen(usize),
    /// It was seen again by a less deep look: what that saw adds to its words.
    SeenLessDeep(usize),
    /// It is closed.
    Closed(usize),
}

/// What a verdict says of a finding.
pub(super) enum Meaning {
    /// There is one.
    Wrong,
    /// There is none.
    Well(Closed),
    /// Others were at it: nothing was learnt.
    Unknown,
}

pub(super) const fn meaning(verdict: Verdict) -> Meaning {
    match verdict {
        Verdict::Damaged
        | Verdict::Misplaced
        | Verdict::Unreadable
        | Verdict::DeviceError
        | Verdict::NeedsRecovery => Meaning::Wrong,
        Verdict::Sound => Meaning::Well(Closed::Sound),
        Verdict::Deleted => Meaning::Well(Closed::Deleted),
        Verdict::Vanished => Meaning::Well(Closed::Vanished),
        Verdict::Busy | Verdict::Unsettled => Meaning::Unknown,
    }
}
