//! Being told: what an answer makes of the lane that awaited it.
use super::dig::can_dig;
use super::lane::{Fate, Source, Stage};
use super::step::{Depth, Event, Mode, Second};
use super::{Auditor, Lane, PASS_MIN, Phase};
use crate::breaker::Answer;
use crate::check::Seen;
use crate::deep::{Dug, judge_deep};
use crate::due::Turns;
use crate::path::DbPath;
use crate::place::HashPath;
use crate::quarantine::{self, Stays, What};
use crate::tally::Totals;
use crate::time::Now;
use crate::verdict::{Judged, Verdict, judge};
use crate::walk::{Meaning, Trouble, Walked, meaning};

impl<const LANES: usize, const DEVICES: usize, const SLOTS: usize> Auditor<LANES, DEVICES, SLOTS> {
    /// Takes the answer to `lane`'s last step; one that answers nothing outstanding is ignored.
    /// True: something has changed that other lanes may be waiting for.
    #[must_use]
    pub fn handle(&mut self, lane: Lane, now: Now, event: Event<'_>) -> bool {
        let index = usize::from(lane.0);
        let Some(state) = self.lanes.get(index) else { return false };
        if !state.asked {
            return false;
        }
        if state.has_missed() {
            return self.late(index, now, event);
        }
        let urgent = self.saves.urgent;
        let stage = match (state.stage, event) {
            (Stage::Duty, event) => {
                let Some(stage) = self.on_duty(now, event) else { return false };
                self.stand(index, stage);
                return true;
            }
            (Stage::Walk, Event::Walked(walked)) => self.walked(index, now, walked),
            (Stage::Hit(..), Event::Reported) => Stage::Next,
            (Stage::Save, Event::Saved) => {
                self.stand(index, Stage::Next);
                return true; // a pass does not begin meanwhile
            }
            (Stage::Check(source), Event::Checked(seen)) => self.checked(index, now, source, &seen),
            (Stage::Dig(source), Event::Dug(dug)) => self.dug(index, now, source, dug),
            (Stage::Confirm(source, depth), Event::Confirmed(second)) => {
                self.confirmed(index, now, source, depth, &second)
            }
            (Stage::Move(source, _), Event::Moved(result)) => {
                self.moved(index, now, source, result)
            }
            (Stage::Trip(source), Event::Reported) => {
                // A daemon that is killed and started again must not begin to move anew.
                self.saves.urgent = true;
                self.conclude(index, now, source)
            }
            (Stage::Audited(source), Event::Reported) => self.said(index, now, source),
            (Stage::Window(source), Event::Reported) => self.behind(index, now, source),
            _ => return false,
        };
        self.stand(index, stage);
        // What is to be saved at once any lane may save.
        self.release(index) || (!urgent && self.saves.urgent)
    }

    pub(super) fn stand(&mut self, index: usize, stage: Stage) {
        if let Some(state) = self.lanes.get_mut(index) {
            state.stage = stage;
            state.asked = false;
            state.stalled = None;
        }
    }

    /// The answer to the phase's step; none if it was no answer, or not the whole of it.
    fn on_duty(&mut self, now: Now, event: Event<'_>) -> Option<Stage> {
        self.phase = match (&self.phase, event) {
            (Phase::Beginning, Event::Reported) => {
                self.began = now.mono;
                if self.resumed.is_none() || self.turns == Turns::default() {
                    self.turns = self.turns.next(now.wall, self.conf.interval.max(PASS_MIN));
                }
                self.totals = Totals::default();
                self.crowded = false;
                Phase::Listing { begun: false }
            }
            (Phase::Listing { begun }, Event::Device { disk, past }) => {
                if !begun {
                    self.devices.clear();
                    self.phase = Phase::Listing { begun: true };
                }
                if !self.devices.add(disk, past, self.resumed.is_some()) {
                    self.crowded = true;
                }
                return None;
            }
            (Phase::Listing { begun }, Event::DevicesEnd(result)) => {
                if !begun {
                    self.devices.clear();
                }
                self.devices.shuffle(&mut self.random);
                self.saves.unsaved = true;
                match result {
                    Err(errno) => self.short(Trouble::Errno(errno)),
                    Ok(()) if self.crowded => self.short(Trouble::TooMany),
                    Ok(()) => Phase::Sweeping,
                }
            }
            (Phase::Short(_), Event::Reported) => Phase::Sweeping,
            (Phase::Ending, Event::Reported) => {
                self.resumed = None;
                match self.conf.mode {
                    Mode::Once => Phase::Over,
                    Mode::Forever if self.saves.is_due_at_end(now.mono) => {
                        Phase::Keeping { midway: false }
                    }
                    Mode::Forever => self.rest(),
                }
            }
            (Phase::Keeping { midway }, Event::Saved) => {
                if !self.stopped {
                    self.rest()
                } else if self.saves.unsaved {
                    Phase::Keeping { midway: *midway } // ordered while it was written
                } else {
                    self.left = self.tally.close(now);
                    Phase::Leaving
                }
            }
            (Phase::Leaving, Event::Reported) => Phase::Over,
            _ => return None,
        };
        let goes_on = match self.phase {
            Phase::Listing { .. } | Phase::Short(_) | Phase::Keeping { .. } | Phase::Leaving => {
                true
            }
            Phase::Resting { .. }
            | Phase::Beginning
            | Phase::Sweeping
            | Phase::Ending
            | Phase::Over => false,
        };
        Some(if goes_on { Stage::Duty } else { Stage::Next })
    }

    /// The rest of the interval.
    fn rest(&self) -> Phase {
        Phase::Resting { until: self.began.after(self.conf.interval.max(PASS_MIN)) }
    }

    fn short(&mut self, trouble: Trouble) -> Phase {
        self.totals.skipped = self.totals.skipped.saturating_add(1);
        Phase::Short(trouble)
    }

    fn walked(&mut self, index: usize, now: Now, walked: Walked<'_>) -> Stage {
        let Some(state) = self.lanes.get_mut(index) else { return Stage::Over };
        let Some(device) = state.device else { return Stage::Next };
        match walked {
            Walked::Found(path) => {
                self.devices.found(device);
                state.path.keep(path);
                state.looked = now.mono;
                Stage::Check(Source::Walk)
            }
            Walked::Hit(floor, trouble) => match meaning(floor, trouble) {
                Meaning::Nothing => Stage::Next,
                Meaning::Skipped => {
                    self.devices.skipped(device);
                    self.totals.skipped = self.totals.skipped.saturating_add(1);
                    Stage::Hit(floor, trouble)
                }
            },
            Walked::Going => Stage::Next,
            Walked::End => {
                state.walked = true;
                Stage::Next
            }
        }
    }

    fn judge(&self, path: &DbPath, seen: &Seen<'_>) -> Judged {
        let hash = self.conf.hash.as_ref();
        let hash = hash.map(|hash| HashPath { prefix: &hash.prefix, suffix: &hash.suffix });
        judge(path, seen, hash.as_ref())
    }

    fn checked(&mut self, index: usize, now: Now, source: Source, seen: &Seen<'_>) -> Stage {
        if self.stopped && seen.is_interrupted() {
            return Stage::Next; // its turn comes again; half a look says nothing
        }
        let Some(state) = self.lanes.get(index) else { return Stage::Over };
        let judged = self.judge(state.path_of(source), seen);
        let digs = can_dig(&judged) && self.is_due(state.path_of(source)) && !self.stopped;
        if judged.verdict == Verdict::Busy && self.shelved(index, now, source) {
            return self.after_shelving(now, source);
        }
        let Some(state) = self.lanes.get_mut(index) else { return Stage::Over };
        // What is owed delays deep audits, and no stat audit behind them while there is room.
        let due = self.debt.paid();
        if digs && now.mono < due {
            let waits = match source {
                Source::Walk => state.shelf.owe(&state.path, state.looked, due),
                Source::Shelf(slot) => state.shelf.put_off(slot, due),
            };
            if waits {
                return self.after_shelving(now, source);
            }
        }
        state.judged.clone_from(&judged);
        state.depth = Depth::Stat;
        state.fate = Fate::Left;
        if digs {
            return Stage::Owed(source);
        }
        self.judged(index, now, source, Depth::Stat)
    }

    /// The outcome of one look stands; damage of the file wants a second one.
    pub(super) fn judged(&mut self, index: usize, now: Now, source: Source, depth: Depth) -> Stage {
        let Some(state) = self.lanes.get_mut(index) else { return Stage::Over };
        let damaged = state.judged.findings.iter().any(|finding| finding.code.is_structure());
        if damaged && !self.conf.quarantine {
            state.fate = Fate::Kept(Stays::Off);
        } else if damaged && !self.stopped {
            return Stage::Confirm(source, depth);
        }
        self.conclude(index, now, source)
    }

    /// A database that went to the shelf is behind the lane for now.
    pub(super) fn after_shelving(&mut self, now: Now, source: Source) -> Stage {
        match source {
            Source::Walk => Stage::Gate(self.gate.take(now.mono)),
            Source::Shelf(_) => Stage::Next,
        }
    }

    /// Puts a locked database on the shelf, or back; false if its time is up.
    fn shelved(&mut self, index: usize, now: Now, source: Source) -> bool {
        let Some(state) = self.lanes.get_mut(index) else { return false };
        match source {
            Source::Walk => state.shelf.put(&state.path, state.looked, now.mono),
            Source::Shelf(slot) => state.shelf.again(slot, now.mono),
        }
    }

    fn confirmed(
        &mut self,
        index: usize,
        now: Now,
        source: Source,
        depth: Depth,
        second: &Second<'_>,
    ) -> Stage {
        if let Some(dug) = second.dug {
            self.owe(now, dug);
        }
        let Some(state) = self.lanes.get(index) else { return Stage::Over };
        let interrupted =
            second.seen.is_interrupted() || second.dug.is_some_and(Dug::is_interrupted);
        if !interrupted {
            let again = self.judge(state.path_of(source), &second.seen);
            let dug = second.dug.filter(|_| depth == Depth::Deep && can_dig(&again));
            let mut again = match dug {
                Some(dug) => judge_deep(again, &dug.seen),
                None => again,
            };
            if again.verdict == Verdict::Busy {
                if self.waits_again(index, now, source, dug.is_some()) {
                    return self.after_shelving(now, source);
                }
                if dug.is_some() {
                    again.verdict = Verdict::Unsettled;
                }
            }
            let what = quarantine::what(&again, second.around);
            let Some(state) = self.lanes.get_mut(index) else { return Stage::Over };
            state.judged = again;
            state.depth = if dug.is_some_and(Dug::is_made) { Depth::Deep } else { Depth::Stat };
            match what {
                Ok(what) if !self.stopped => return self.ask_breaker(index, now, source, what),
                Ok(_) => {}
                Err(stays) => state.fate = Fate::Kept(stays),
            }
        }
        self.conclude(index, now, source)
    }

    /// Puts a database on the shelf, or back, that only the second look met locked; false if it had its time.
    fn waits_again(&mut self, index: usize, now: Now, source: Source, deep: bool) -> bool {
        if deep {
            return self.held_up(index, now, source);
        }
        let Some(state) = self.lanes.get_mut(index) else { return false };
        match source {
            Source::Walk => state.shelf.put_back(&state.path, state.looked, now.mono, false),
            Source::Shelf(slot) => state.shelf.again(slot, now.mono),
        }
    }

    /// It is to be moved: what its device's breaker says to that.
    fn ask_breaker(&mut self, index: usize, now: Now, source: Source, what: What) -> Stage {
        let Some(state) = self.lanes.get_mut(index) else { return Stage::Over };
        let answer = state.device.map(|device| self.devices.ask(device, self.conf.breaker));
        match answer {
            Some(Answer::Move) => Stage::Move(source, what),
            Some(Answer::Trips) => {
                state.fate = Fate::Held;
                Stage::Trip(source)
            }
            Some(Answer::Tripped) | None => {
                state.fate = Fate::Held;
                self.conclude(index, now, source)
            }
        }
    }

    fn moved(&mut self, index: usize, now: Now, source: Source, result: Result<(), i32>) -> Stage {
        let Some(state) = self.lanes.get_mut(index) else { return Stage::Over };
        state.fate = match result {
            Ok(()) => Fate::Moved,
            Err(errno) => Fate::NotMoved(errno),
        };
        self.conclude(index, now, source)
    }

    /// The outcome stands; what is left is to say so.
    pub(super) fn conclude(&mut self, index: usize, now: Now, source: Source) -> Stage {
        let Some(state) = self.lanes.get_mut(index) else { return Stage::Over };
        state.took = now.mono.since(state.looked);
        Stage::Audited(source)
    }

    /// Counts what was said, and closes the window if it is full.
    fn said(&mut self, index: usize, now: Now, source: Source) -> Stage {
        let Some(state) = self.lanes.get_mut(index) else { return Stage::Over };
        self.tally.count(state.judged.counts);
        self.totals.count(state.judged.verdict);
        if state.fate == Fate::Moved {
            if let Some(device) = state.device {
                self.devices.moved(device);
            }
            // A daemon that is killed again and again must not have a breaker of its own each time.
            self.saves.urgent = true;
            self.totals.moved = self.totals.moved.saturating_add(1);
        }
        if !self.tally.is_due(now.mono) {
            return self.behind(index, now, source);
        }
        state.window = self.tally.close(now);
        Stage::Window(source)
    }

    /// The audit is behind the lane: each listed path waits at the gate once.
    fn behind(&mut self, index: usize, now: Now, source: Source) -> Stage {
        match source {
            Source::Walk => Stage::Gate(self.gate.take(now.mono)),
            Source::Shelf(slot) => {
                if let Some(state) = self.lanes.get_mut(index) {
                    state.shelf.remove(slot);
                }
                Stage::Next
            }
        }
    }

    /// Lets go of a device that is done, so that another lane may take one of the same disk.
    fn release(&mut self, index: usize) -> bool {
        let Some(state) = self.lanes.get_mut(index) else { return false };
        if state.stage != Stage::Next || !state.walked || !state.shelf.is_empty() {
            return false;
        }
        let Some(device) = state.device.take() else { return false };
        self.devices.done(device);
        true
    }
}
