//! A lane: a place where one audit can be in progress, and where that audit stands.
use core::time::Duration;

use super::devices::Device;
use super::shelf::Shelf;
use super::step::Depth;
use crate::path::DbPath;
use crate::quarantine::{Stays, What};
use crate::tally::Window;
use crate::time::Mono;
use crate::verdict::{Counts, Findings, Judged, Verdict};
use crate::walk::{Floor, Trouble};

/// The number of a lane, from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Lane(pub u8);

/// Where the database under audit came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Source {
    /// The walk found it: it is the lane's own path.
    Walk,
    /// It lay on the shelf, in this slot.
    Shelf(u8),
}

/// Where a lane stands. The first three want no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Stage {
    /// Between two databases.
    Next,
    /// The gate is shut until then.
    Gate(Mono),
    /// Nothing to do until then, or until something else changes.
    Rest(Mono),
    /// The pass begins or ends here: the phase's step is this lane's.
    Duty,
    Walk,
    Hit(Floor, Trouble),
    Check(Source),
    /// The stat audit is done, and a deep one may begin once what the last one read is paid for.
    Owed(Source),
    Dig(Source),
    Confirm(Source, Depth),
    /// The breaker of the lane's device tripped at this database.
    Trip(Source),
    Move(Source, What),
    Audited(Source),
    Window(Source),
    /// What is kept over a restart is due.
    Save,
    /// It has left the loop.
    Over,
}

/// A lane whose device does not answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Stalled {
    /// The physical disk below it: nobody else may get stuck there.
    pub(super) disk: u64,
    /// Its pass has ended without it.
    pub(super) missed: bool,
}

/// What became of a database that was to be moved.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Fate {
    /// It stays where it is.
    #[default]
    Left,
    /// It was moved to quarantine.
    Moved,
    /// It stays because the breaker of its device has tripped.
    Held,
    /// It stays for this reason, though its file was seen damaged.
    Kept(Stays),
    /// It could not be moved; the kernel's answer.
    NotMoved(i32),
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct State<const SLOTS: usize> {
    pub(super) stage: Stage,
    /// The step of this stage was handed out and its answer is awaited.
    pub(super) asked: bool,
    /// That answer does not come, and the pass goes on without it.
    pub(super) stalled: Option<Stalled>,
    /// The device this lane works on.
    pub(super) device: Option<Device>,
    /// Its walk has ended.
    pub(super) walked: bool,
    /// What the walk found last.
    pub(super) path: DbPath,
    /// When the database under audit was first looked at.
    pub(super) looked: Mono,
    pub(super) took: Duration,
    pub(super) judged: Judged,
    /// How deep the look went that was judged.
    pub(super) depth: Depth,
    pub(super) fate: Fate,
    /// The window this lane closed and is about to report.
    pub(super) window: Window,
    pub(super) shelf: Shelf<SLOTS>,
}

impl<const SLOTS: usize> State<SLOTS> {
    pub(super) fn new() -> Self {
        Self {
            stage: Stage::Next,
            asked: false,
            stalled: None,
            device: None,
            walked: false,
            path: DbPath::EMPTY,
            looked: Mono::default(),
            took: Duration::ZERO,
            judged: Judged {
                verdict: Verdict::Sound,
                counts: Counts::Neither,
                findings: Findings::new(),
            },
            depth: Depth::Stat,
            fate: Fate::Left,
            window: Window::default(),
            shelf: Shelf::default(),
        }
    }

    /// The path of the database under audit.
    pub(super) fn path_of(&self, source: Source) -> &DbPath {
        match source {
            Source::Walk => &self.path,
            Source::Shelf(slot) => self.shelf.path(slot),
        }
    }

    /// Whether nothing is in progress here that the pass has to wait for, not even a pause.
    pub(super) const fn is_idle(&self) -> bool {
        let rests = matches!(self.stage, Stage::Next | Stage::Rest(_) | Stage::Over);
        self.stalled.is_some() || (rests && self.device.is_none())
    }

    /// Whether the pass of the step that it is at has ended without it.
    pub(super) fn has_missed(&self) -> bool {
        self.stalled.is_some_and(|stalled| stalled.missed)
    }
}
