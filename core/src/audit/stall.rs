//! A lane whose device does not answer: the others go on without it.
//!
//! The lane itself waits for its answer. Nobody takes a device of the same disk meanwhile, and the pass
//! ends without those that are left, as one that has passed them over. What the lane answers after that
//! is of a pass that is over: it counts nothing, and the database has its turn in the next one.
use super::lane::{Stage, Stalled};
use super::{Auditor, Event, Lane};
use crate::time::Now;

impl<const LANES: usize, const DEVICES: usize, const SLOTS: usize> Auditor<LANES, DEVICES, SLOTS> {
    /// Goes on without `lane`, if that is at something of its device that may be left: what moves or
    /// says is waited for. False if nothing has changed.
    pub(super) fn stalled(&mut self, lane: Lane) -> bool {
        let Some(state) = self.lanes.get_mut(usize::from(lane.0)) else { return false };
        let looks = matches!(
            state.stage,
            Stage::Walk | Stage::Check(_) | Stage::Dig(_) | Stage::Confirm(..)
        );
        if !state.asked || !looks || state.stalled.is_some() {
            return false;
        }
        let disk = state.device.and_then(|device| self.devices.disk(device));
        state.stalled = disk.map(|disk| Stalled { disk, missed: false });
        state.stalled.is_some()
    }

    /// Whether the others go on without this lane.
    #[must_use]
    pub fn is_stalled(&self, lane: Lane) -> bool {
        self.lanes.get(usize::from(lane.0)).is_some_and(|state| state.stalled.is_some())
    }

    /// The pass is over for those who do not answer.
    pub(super) fn miss(&mut self) {
        for stalled in self.lanes.iter_mut().filter_map(|state| state.stalled.as_mut()) {
            stalled.missed = true;
        }
    }

    /// The answer of a lane that has missed the end of its pass. What it read is paid for.
    pub(super) fn late(&mut self, index: usize, now: Now, event: Event<'_>) -> bool {
        let Some(state) = self.lanes.get_mut(index) else { return false };
        let dug = match (state.stage, event) {
            (Stage::Walk, Event::Walked(_)) | (Stage::Check(_), Event::Checked(_)) => None,
            (Stage::Dig(_), Event::Dug(dug)) => Some(dug),
            (Stage::Confirm(..), Event::Confirmed(second)) => second.dug,
            _ => return false,
        };
        state.device = None;
        state.shelf.clear();
        self.stand(index, Stage::Next);
        if let Some(dug) = dug {
            self.owe(now, dug);
        }
        true
    }
}
