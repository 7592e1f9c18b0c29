//! Where an auditor stands, for those who ask from outside. Asking changes nothing.
use core::time::Duration;

use super::lane::Stage;
use super::{Auditor, Device, Lane, Phase};
use crate::time::Mono;

/// A step on a device that has lasted so long: the device does not answer. Linux gives a disk 30 s for
/// a command, and tries again.
pub const STALLED_AFTER: Duration = Duration::from_secs(60);

/// What a lane is at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Doing {
    /// It has nothing to do.
    Idle,
    /// It walks the tree.
    Walking,
    /// It looks at a database.
    Looking,
    /// It looks deeply at one.
    Digging,
    /// It moves one to the quarantine.
    Moving,
    /// It says or keeps what was found.
    Saying,
    /// It waits for its turn by `containers_per_second`.
    Rate,
    /// It waits until the last deep audit is paid for by `bytes_per_second`.
    Debt,
    /// It waits for locks that others hold, or to try again.
    Locks,
    /// It waits for a pause to end.
    Paused,
}

impl Doing {
    /// Whether it is a step that a device answers, and nobody else.
    #[must_use]
    pub const fn is_of_device(self) -> bool {
        match self {
            Self::Walking | Self::Looking | Self::Digging | Self::Moving => true,
            Self::Idle | Self::Saying | Self::Rate | Self::Debt | Self::Locks | Self::Paused => {
                false
            }
        }
    }

    /// In words, for people.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::Idle => "idle",
            Self::Walking => "walking",
            Self::Looking => "auditing",
            Self::Digging => "deep audit",
            Self::Moving => "moving a database",
            Self::Saying => "reporting",
            Self::Rate => "held by containers_per_second",
            Self::Debt => "held by bytes_per_second",
            Self::Locks => "waiting for locked databases",
            Self::Paused => "paused",
        }
    }
}

impl<const LANES: usize, const DEVICES: usize> Auditor<LANES, DEVICES> {
    /// On which device a lane works, and what it is at.
    #[must_use]
    pub fn doing(&self, lane: Lane, now: Mono) -> (Option<Device>, Doing) {
        let Some(state) = self.lanes.get(usize::from(lane.0)) else { return (None, Doing::Idle) };
        let paused = self.paused(now).is_some();
        let doing = match state.stage {
            Stage::Gate(_) => Doing::Rate,
            Stage::Owed(_) | Stage::Rest(_) if paused => Doing::Paused,
            Stage::Owed(_) => Doing::Debt,
            Stage::Rest(_) if state.device.is_some() => Doing::Locks,
            Stage::Next | Stage::Rest(_) | Stage::Over => Doing::Idle,
            Stage::Walk => Doing::Walking,
            Stage::Check(_) | Stage::Confirm(..) => Doing::Looking,
            Stage::Dig(_) => Doing::Digging,
            Stage::Move(..) => Doing::Moving,
            Stage::Duty
            | Stage::Hit(..)
            | Stage::Trip(_)
            | Stage::Audited(_)
            | Stage::Window(_)
            | Stage::Save => Doing::Saying,
        };
        (state.device, doing)
    }

    /// How long this process has been at the pass in progress; none between two passes.
    #[must_use]
    pub fn here(&self, now: Mono) -> Option<Duration> {
        match self.phase {
            Phase::Short(_) | Phase::Sweeping | Phase::Ending => Some(now.since(self.began)),
            Phase::Resting { .. }
            | Phase::Beginning
            | Phase::Listing { .. }
            | Phase::Keeping { .. }
            | Phase::Leaving
            | Phase::Over => None,
        }
    }

    /// How long until the next pass begins, if the auditor rests between two.
    #[must_use]
    pub fn rests(&self, now: Mono) -> Option<Duration> {
        match self.phase {
            Phase::Resting { until } => Some(until.since(now)),
            Phase::Beginning
            | Phase::Listing { .. }
            | Phase::Short(_)
            | Phase::Sweeping
            | Phase::Ending
            | Phase::Keeping { .. }
            | Phase::Leaving
            | Phase::Over => None,
        }
    }
}
