//! What a lane was asked for, without what the step borrows: it is done after the lock is let go of.
use std::time::Duration;

use martlet_core::audit::{Audited, Depth, Device, Ended, Fate, Mode, Report, Step, Tripped};
use martlet_core::path::DbPath;
use martlet_core::quarantine::What;
use martlet_core::tally::Window;
use martlet_core::time::Mono;
use martlet_core::verdict::Judged;
use martlet_core::walk::{Floor, Trouble};

/// What a lane was asked for, kept past the lock; the path that it is for lies apart, in one place
/// a lane.
#[expect(clippy::large_enum_variant, reason = "it lies on the stack; a box would be an allocation")]
pub(super) enum Job {
    Devices,
    Walk(Device, Option<Mono>),
    Save,
    Check,
    Dig,
    Confirm(Depth),
    Move(What),
    Say(Kept, (usize, usize)),
}

/// A report, kept past the lock.
#[expect(clippy::large_enum_variant, reason = "it lies on the stack; a box would be an allocation")]
pub(super) enum Kept {
    Began(Mode),
    Hit(Floor, Trouble),
    Tripped(Tripped),
    Audited { device: Device, judged: Judged, depth: Depth, took: Duration, fate: Fate },
    Window(Window),
    Ended(Ended),
    Leaving(Window),
}

impl Job {
    /// The step as a job; else until when to wait, or nothing: it is to leave.
    pub(super) fn of(
        step: &Step<'_>,
        progress: (usize, usize),
        since: Option<Mono>,
        path: &mut DbPath,
    ) -> Result<Self, Option<Mono>> {
        Ok(match step {
            Step::Devices => Self::Devices,
            Step::Walk(device) => Self::Walk(*device, since),
            Step::Save => Self::Save,
            Step::Check(found) => {
                path.clone_from(found);
                Self::Check
            }
            Step::Dig(found) => {
                path.clone_from(found);
                Self::Dig
            }
            Step::Confirm(found, depth) => {
                path.clone_from(found);
                Self::Confirm(*depth)
            }
            Step::Move(found, what) => {
                path.clone_from(found);
                Self::Move(*what)
            }
            Step::Report(report) => Self::Say(Kept::of(report, path), progress),
            Step::Wait(until) => return Err(Some(*until)),
            Step::Exit => return Err(None),
        })
    }
}

impl Kept {
    fn of(report: &Report<'_>, kept: &mut DbPath) -> Self {
        match report {
            Report::Began(mode) => Self::Began(*mode),
            Report::Hit(floor, trouble) => Self::Hit(*floor, *trouble),
            Report::Tripped(tripped) => Self::Tripped(*tripped),
            Report::Audited(Audited { path, device, judged, depth, took, fate }) => {
                kept.clone_from(path);
                let (device, depth, took, fate) = (*device, *depth, *took, *fate);
                Self::Audited { device, judged: (*judged).clone(), depth, took, fate }
            }
            Report::Window(window) => Self::Window(*window),
            Report::Ended(ended) => Self::Ended(*ended),
            Report::Leaving(window) => Self::Leaving(*window),
        }
    }

    pub(super) fn report<'a>(&'a self, path: &'a DbPath) -> Report<'a> {
        match self {
            Self::Began(mode) => Report::Began(*mode),
            Self::Hit(floor, trouble) => Report::Hit(*floor, *trouble),
            Self::Tripped(tripped) => Report::Tripped(*tripped),
            Self::Audited { device, judged, depth, took, fate } => {
                let (device, depth, took, fate) = (*device, *depth, *took, *fate);
                Report::Audited(Audited { path, device, judged, depth, took, fate })
            }
            Self::Window(window) => Report::Window(*window),
            Self::Ended(ended) => Report::Ended(*ended),
            Self::Leaving(window) => Report::Leaving(*window),
        }
    }
}
