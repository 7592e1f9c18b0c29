//! What a lane was asked for, without what the step borrows: it is done after the lock is let go of.
use std::time::Duration;

use martlet_core::audit::{Audited, Depth, Device, Ended, Fate, Mode, Report, Step, Tripped};
use martlet_core::path::DbPath;
use martlet_core::quarantine::What;
use martlet_core::tally::Window;
use martlet_core::time::Mono;
use martlet_core::verdict::{Counts, Judged, Verdict};
use martlet_core::walk::{Floor, Trouble};

/// The database that a lane's job is about, kept past the lock: one place a lane, so that it is not
/// moved about with each job.
pub(super) struct Subject {
    pub(super) path: DbPath,
    /// The outcome of its audit.
    judged: Judged,
    /// What is to be said; of an audit what stands beside path and outcome.
    said: Kept,
}

impl Subject {
    /// No database.
    pub(super) const fn none() -> Self {
        let judged = Judged::plain(Verdict::Sound, Counts::Neither);
        Self { path: DbPath::EMPTY, judged, said: Kept::Began(Mode::Once) }
    }

    /// What is to be said.
    pub(super) fn report(&self) -> Report<'_> {
        self.said.report(&self.path, &self.judged)
    }
}

/// What a lane was asked for, kept past the lock; the database that it is for lies apart.
pub(super) enum Job {
    Devices,
    Walk(Device, Option<Mono>),
    Save,
    Check,
    Dig,
    Confirm(Depth),
    Move(What),
    Say((usize, usize)),
}

/// A report, kept past the lock.
enum Kept {
    Began(Mode),
    Hit(Floor, Trouble),
    Tripped(Tripped),
    Audited { device: Device, depth: Depth, took: Duration, fate: Fate },
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
        subject: &mut Subject,
    ) -> Result<Self, Option<Mono>> {
        Ok(match step {
            Step::Devices => Self::Devices,
            Step::Walk(device) => Self::Walk(*device, since),
            Step::Save => Self::Save,
            Step::Check(found) => {
                subject.path.clone_from(found);
                Self::Check
            }
            Step::Dig(found) => {
                subject.path.clone_from(found);
                Self::Dig
            }
            Step::Confirm(found, depth) => {
                subject.path.clone_from(found);
                Self::Confirm(*depth)
            }
            Step::Move(found, what) => {
                subject.path.clone_from(found);
                Self::Move(*what)
            }
            Step::Report(report) => {
                subject.said = Kept::of(report, &mut subject.path, &mut subject.judged);
                Self::Say(progress)
            }
            Step::Wait(until) => return Err(Some(*until)),
            Step::Exit => return Err(None),
        })
    }
}

impl Kept {
    fn of(report: &Report<'_>, kept_path: &mut DbPath, kept: &mut Judged) -> Self {
        match report {
            Report::Began(mode) => Self::Began(*mode),
            Report::Hit(floor, trouble) => Self::Hit(*floor, *trouble),
            Report::Tripped(tripped) => Self::Tripped(*tripped),
            Report::Audited(Audited { path, device, judged, depth, took, fate }) => {
                kept_path.clone_from(path);
                kept.clone_from(judged);
                let (device, depth, took, fate) = (*device, *depth, *took, *fate);
                Self::Audited { device, depth, took, fate }
            }
            Report::Window(window) => Self::Window(*window),
            Report::Ended(ended) => Self::Ended(*ended),
            Report::Leaving(window) => Self::Leaving(*window),
        }
    }

    fn report<'a>(&self, path: &'a DbPath, judged: &'a Judged) -> Report<'a> {
        match self {
            Self::Began(mode) => Report::Began(*mode),
            Self::Hit(floor, trouble) => Report::Hit(*floor, *trouble),
            Self::Tripped(tripped) => Report::Tripped(*tripped),
            Self::Audited { device, depth, took, fate } => {
                let (device, depth, took, fate) = (*device, *depth, *took, *fate);
                Report::Audited(Audited { path, device, judged, depth, took, fate })
            }
            Self::Window(window) => Report::Window(*window),
            Self::Ended(ended) => Report::Ended(*ended),
            Self::Leaving(window) => Report::Leaving(*window),
        }
    }
}
