//! What a deep look brings back, and whether one is due.
use super::Auditor;
use super::lane::{Source, Stage};
use super::step::Depth;
use crate::deep::{Dug, judge_deep};
use crate::due::Which;
use crate::path::DbPath;
use crate::time::Now;
use crate::verdict::{Judged, Verdict};

impl<const LANES: usize, const DEVICES: usize, const SLOTS: usize> Auditor<LANES, DEVICES, SLOTS> {
    /// Joins the deep look to the stat audit before it. Writers that hold it up send the database to the
    /// shelf, and the stat audit is made anew; the second time that one stands by itself.
    pub(super) fn dug(&mut self, index: usize, now: Now, source: Source, dug: &Dug) -> Stage {
        self.owe(now, dug);
        if self.stopped && dug.is_interrupted() {
            return Stage::Next;
        }
        let Some(state) = self.lanes.get_mut(index) else { return Stage::Over };
        state.judged = judge_deep(state.judged.clone(), &dug.seen);
        state.depth = if dug.is_made() { Depth::Deep } else { Depth::Stat };
        if state.judged.verdict == Verdict::Busy {
            if self.held_up(index, now, source) {
                return self.after_shelving(now, source);
            }
            let Some(state) = self.lanes.get_mut(index) else { return Stage::Over };
            state.judged.verdict = Verdict::Unsettled;
        }
        self.judged(index, now, source, Depth::Deep)
    }

    /// Puts a database on the shelf, or back, whose deep look writers held up; false the second time.
    pub(super) fn held_up(&mut self, index: usize, now: Now, source: Source) -> bool {
        let Some(state) = self.lanes.get_mut(index) else { return false };
        match source {
            Source::Walk => state.shelf.put_back(&state.path, state.looked, now.mono, true),
            Source::Shelf(slot) => state.shelf.again_held_up(slot, now.mono),
        }
    }

    /// What was read is to be paid for.
    pub(super) fn owe(&mut self, now: Now, dug: &Dug) {
        self.debt.owe(now.mono, dug.read, self.conf.deep.bytes_per_second);
    }

    /// Whether a database gets a deep audit in this pass.
    pub(super) fn is_due(&self, path: &DbPath) -> bool {
        match self.conf.deep.which {
            Which::Never => false,
            Which::All => true,
            Which::Within(within) => self.turns.has(path, within),
        }
    }
}

/// Whether the stat audit left anything to find: the file is there, may be read, and is a database.
pub(super) fn can_dig(judged: &Judged) -> bool {
    match judged.verdict {
        Verdict::Sound | Verdict::Deleted | Verdict::Misplaced => true,
        Verdict::Damaged => !judged.findings.iter().any(|finding| finding.code.is_structure()),
        Verdict::Vanished
        | Verdict::Busy
        | Verdict::Unreadable
        | Verdict::DeviceError
        | Verdict::NeedsRecovery
        | Verdict::Unsettled => false,
    }
}
