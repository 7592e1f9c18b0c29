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

/// How a lane is, in short: for those who count lanes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum LaneState {
    /// It walks, looks, moves or says.
    Auditing,
    /// It waits for its turn, for a debt to be paid, or for locks.
    Waiting,
    /// Its device has not answered for [`STALLED_AFTER`].
    Stalled,
    /// It waits for a pause to end.
    Paused,
    /// It has nothing to do until the next pass.
    Resting,
}

impl LaneState {
    /// Every state, in the order in which they are counted.
    pub const ALL: [Self; 5] =
        [Self::Auditing, Self::Waiting, Self::Stalled, Self::Paused, Self::Resting];

    /// In a word, which stays.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Auditing => "auditing",
            Self::Waiting => "waiting",
            Self::Stalled => "stalled",
            Self::Paused => "paused",
            Self::Resting => "resting",
        }
    }

    /// The state of a lane that is at this and has been at it for so long, in an auditor that is `paused`
    /// or not.
    #[must_use]
    pub fn of(doing: Doing, span: Duration, paused: bool) -> Self {
        match doing {
            Doing::Paused => Self::Paused,
            Doing::Idle if paused => Self::Paused,
            Doing::Idle => Self::Resting,
            Doing::Rate | Doing::Debt | Doing::Locks => Self::Waiting,
            Doing::Walking | Doing::Looking | Doing::Digging | Doing::Moving
                if STALLED_AFTER <= span =>
            {
                Self::Stalled
            }
            Doing::Walking | Doing::Looking | Doing::Digging | Doing::Moving | Doing::Saying => {
                Self::Auditing
            }
        }
    }
}

impl<const LANES: usize, const DEVICES: usize, const SLOTS: usize> Auditor<LANES, DEVICES, SLOTS> {
    /// On which device a lane works, and what it is at. A lane whose pass has ended without it works on
    /// none of this pass.
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
        (state.device.filter(|_| !state.has_missed()), doing)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lane_is_in_one_state() {
        let (short, long) = (Duration::ZERO, STALLED_AFTER);
        for (doing, span, paused, expected) in [
            (Doing::Looking, short, false, LaneState::Auditing),
            (Doing::Looking, long, false, LaneState::Stalled),
            (Doing::Digging, short, true, LaneState::Auditing), // what is begun is brought to its end
            (Doing::Saying, long, false, LaneState::Auditing),
            (Doing::Rate, long, false, LaneState::Waiting),
            (Doing::Debt, short, false, LaneState::Waiting),
            (Doing::Locks, short, false, LaneState::Waiting),
            (Doing::Paused, long, true, LaneState::Paused),
            (Doing::Idle, long, true, LaneState::Paused),
            (Doing::Idle, long, false, LaneState::Resting),
        ] {
            assert_eq!(LaneState::of(doing, span, paused), expected, "{doing:?} {span:?} {paused}");
        }
    }
}
