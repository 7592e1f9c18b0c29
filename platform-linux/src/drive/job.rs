//! What a lane was asked for, without what the step borrows: it is done after the lock is let go of.
use std::time::Duration;

use martlet_core::audit::{Audited, Depth, Device, Ended, Fate, Mode, Report, Step, Tripped};
use martlet_core::path::DbPath;
use martlet_core::quarantine::What;
use martlet_core::tally::Window;
use martlet_core::time::Mono;
use martlet_core::verdict::Judged;
use martlet_core::walk::{Floor, Trouble};

/// What a lane was asked for, kept past the lock.
#[expect(clippy::large_enum_variant, reason = "it lies on the stack; a box would be an allocation")]
pub(super) enum Job {
    Devices,
    Walk(Device, Option<Mono>),
    Save,
    Check(DbPath),
    Dig(DbPath),
    Confirm(DbPath, Depth),
    Move(DbPath, What),
    Say(Kept, (usize, usize)),
}

/// A report, kept past the lock.
#[expect(clippy::large_enum_variant, reason = "it lies on the stack; a box would be an allocation")]
pub(super) enum Kept {
    Began(Mode),
    Hit(Floor, Trouble),
    Tripped(Tripped),
    Audited(DbPath, Judged, Duration, Fate),
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
    ) -> Result<Self, Option<Mono>> {
        Ok(match step {
            Step::Devices => Self::Devices,
            Step::Walk(device) => Self::Walk(*device, since),
            Step::Save => Self::Save,
            Step::Check(path) => Self::Check((*path).clone()),
            Step::Dig(path) => Self::Dig((*path).clone()),
            Step::Confirm(path, depth) => Self::Confirm((*path).clone(), *depth),
            Step::Move(path, what) => Self::Move((*path).clone(), *what),
            Step::Report(report) => Self::Say(Kept::of(report), progress),
            Step::Wait(until) => return Err(Some(*until)),
            Step::Exit => return Err(None),
        })
    }
}

impl Kept {
    pub(super) fn of(report: &Report<'_>) -> Self {
        match report {
            Report::Began(mode) => Self::Began(*mode),
            Report::Hit(floor, trouble) => Self::Hit(*floor, *trouble),
            Report::Tripped(tripped) => Self::Tripped(*tripped),
            Report::Audited(Audited { path, judged, took, fate }) => {
                Self::Audited((*path).clone(), (*judged).clone(), *took, *fate)
            }
            Report::Window(window) => Self::Window(*window),
            Report::Ended(ended) => Self::Ended(*ended),
            Report::Leaving(window) => Self::Leaving(*window),
        }
    }

    pub(super) fn report(&self) -> Report<'_> {
        match self {
            Self::Began(mode) => Report::Began(*mode),
            Self::Hit(floor, trouble) => Report::Hit(*floor, *trouble),
            Self::Tripped(tripped) => Report::Tripped(*tripped),
            Self::Audited(path, judged, took, fate) => {
                Report::Audited(Audited { path, judged, took: *took, fate: *fate })
            }
            Self::Window(window) => Report::Window(*window),
            Self::Ended(ended) => Report::Ended(*ended),
            Self::Leaving(window) => Report::Leaving(*window),
        }
    }
}
