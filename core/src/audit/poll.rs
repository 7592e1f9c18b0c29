//! Asking: which step a lane is to take, and how it comes to it.
use super::lane::{Source, Stage};
use super::step::{Audited, Mode, Report, Step, Tripped};
use super::{Auditor, Lane, Phase};
use crate::time::{Mono, Now};
use crate::walk::Floor;

impl<const LANES: usize, const DEVICES: usize, const SLOTS: usize> Auditor<LANES, DEVICES, SLOTS> {
    /// What `lane` is to do next. Asked again before it was answered, it says the same again.
    pub fn poll(&mut self, lane: Lane, now: Now) -> Step<'_> {
        let index = usize::from(lane.0);
        self.settle(index, now);
        self.hand_out(index, now)
    }

    /// Moves on until the lane stands at something that takes time.
    fn settle(&mut self, index: usize, now: Now) {
        let Some(state) = self.lanes.get(index) else { return };
        if state.asked {
            return;
        }
        let next = match state.stage {
            Stage::Next | Stage::Rest(_) => self.next(index, now),
            Stage::Gate(until) if until <= now.mono || self.stopped => self.next(index, now),
            Stage::Duty if self.stopped && !self.has_last_word() => self.next(index, now),
            Stage::Walk | Stage::Check(_) | Stage::Owed(_) | Stage::Dig(_) | Stage::Save
                if self.stopped =>
            {
                self.next(index, now)
            }
            Stage::Walk if self.paused(now.mono).is_some() => self.next(index, now),
            Stage::Dig(source) if self.paused(now.mono).is_some() => Stage::Owed(source),
            Stage::Owed(source) if self.dig_from(now.mono) <= now.mono => Stage::Dig(source),
            Stage::Confirm(source, _) | Stage::Move(source, _)
                if self.stopped || !self.conf.quarantine =>
            {
                self.conclude(index, now, source)
            }
            Stage::Trip(source) if !self.is_tripped(index) => self.conclude(index, now, source),
            stage @ (Stage::Gate(_)
            | Stage::Duty
            | Stage::Walk
            | Stage::Hit(..)
            | Stage::Check(_)
            | Stage::Owed(_)
            | Stage::Dig(_)
            | Stage::Confirm(..)
            | Stage::Trip(_)
            | Stage::Move(..)
            | Stage::Audited(_)
            | Stage::Window(_)
            | Stage::Save
            | Stage::Over) => stage,
        };
        if next == Stage::Duty && matches!(self.phase, Phase::Keeping { .. }) {
            // What changes while it is written is saved later.
            self.saves.begin(now.mono);
        }
        let Some(state) = self.lanes.get_mut(index) else { return };
        if let Stage::Check(Source::Shelf(slot)) = next {
            state.looked = state.shelf.first_try(slot).unwrap_or(now.mono);
        }
        state.stage = next;
    }

    /// Whether the breaker of the lane's device has tripped, and was not re-armed since.
    fn is_tripped(&self, index: usize) -> bool {
        let device = self.lanes.get(index).and_then(|state| state.device);
        device.and_then(|it| self.devices.past(it)).is_some_and(|past| past.breaker.tripped)
    }

    /// From when a deep look may begin: once the last one is paid for, and no pause holds it up.
    fn dig_from(&self, now: Mono) -> Mono {
        self.paused(now).map_or(self.debt.paid(), |until| until.max(self.debt.paid()))
    }

    /// Whether the phase's report is due even when told to stop.
    fn has_last_word(&self) -> bool {
        matches!(self.phase, Phase::Ending | Phase::Keeping { .. } | Phase::Leaving)
    }

    /// What a lane does that has nothing in progress.
    fn next(&mut self, index: usize, now: Now) -> Stage {
        if self.stopped {
            return self.leave(index, now);
        }
        let keeps = self.conf.mode == Mode::Forever;
        if keeps
            && self.saves.urgent
            && matches!(self.phase, Phase::Resting { .. } | Phase::Sweeping)
        {
            return self.save(now);
        }
        if let Some(until) = self.paused(now.mono) {
            return Stage::Rest(until);
        }
        let Some(state) = self.lanes.get(index) else { return Stage::Over };
        if state.device.is_some() {
            if keeps && self.saves.is_due(self.began, now.mono) {
                return self.save(now);
            }
            if let Some(slot) = state.shelf.ready(now.mono) {
                return Stage::Check(Source::Shelf(slot));
            }
            if !state.walked && !state.shelf.is_full() {
                return Stage::Walk;
            }
            return Stage::Rest(state.shelf.due().unwrap_or(now.mono));
        }
        match self.phase {
            Phase::Resting { until } if now.mono < until => match self.saves.due_at_rest() {
                Some(due) if due <= now.mono && keeps => self.save(now),
                Some(due) if keeps => Stage::Rest(until.min(due)),
                Some(_) | None => Stage::Rest(until),
            },
            Phase::Resting { .. } => {
                if !self.others_idle(index) {
                    return Stage::Rest(Mono::FAR);
                }
                self.phase = Phase::Beginning;
                Stage::Duty
            }
            Phase::Beginning
            | Phase::Listing { .. }
            | Phase::Short(_)
            | Phase::Ending
            | Phase::Keeping { .. }
            | Phase::Leaving => Stage::Rest(Mono::FAR),
            Phase::Sweeping => self.next_device(index, now),
            Phase::Over => Stage::Over,
        }
    }

    /// Keeps what is known now. Lanes that are at work make it old again at once.
    fn save(&mut self, now: Now) -> Stage {
        self.saves.begin(now.mono);
        self.saves.unsaved = !matches!(self.phase, Phase::Resting { .. });
        Stage::Save
    }

    /// Takes a device, or ends the pass if there is none left and nobody at work, or at one that does
    /// not answer.
    fn next_device(&mut self, index: usize, now: Now) -> Stage {
        let lanes = &self.lanes;
        let held = |disk| lanes.iter().filter_map(|it| it.stalled).any(|it| it.disk == disk);
        if let Some(device) = self.devices.take(held) {
            if let Some(state) = self.lanes.get_mut(index) {
                state.device = Some(device);
                state.walked = false;
            }
            return Stage::Walk;
        }
        // A lane lets go of its device only when it is through the gate after the last database.
        if !self.devices.all_done(held) {
            return Stage::Rest(Mono::FAR);
        }
        self.totals.skipped = self.totals.skipped.saturating_add(self.devices.end());
        self.miss();
        self.ended.took =
            self.resumed.unwrap_or_default().saturating_add(now.mono.since(self.began));
        self.ended.totals = self.totals;
        self.ended.window = self.tally.so_far();
        self.phase = Phase::Ending;
        Stage::Duty
    }

    /// Leaves a lane that was told to stop; the last one says what was counted.
    fn leave(&mut self, index: usize, now: Now) -> Stage {
        if let Some(state) = self.lanes.get_mut(index) {
            state.device = None;
            state.shelf.clear();
        }
        match self.phase {
            Phase::Over => Stage::Over,
            Phase::Keeping { .. } | Phase::Leaving | Phase::Ending => Stage::Rest(Mono::FAR),
            Phase::Resting { .. }
            | Phase::Beginning
            | Phase::Listing { .. }
            | Phase::Short(_)
            | Phase::Sweeping => {
                if !self.others_idle(index) {
                    return Stage::Rest(Mono::FAR);
                }
                self.miss();
                if self.conf.mode == Mode::Forever && self.saves.unsaved {
                    self.phase = Phase::Keeping {
                        midway: matches!(self.phase, Phase::Short(_) | Phase::Sweeping),
                    };
                } else {
                    self.left = self.tally.close(now);
                    self.phase = Phase::Leaving;
                }
                Stage::Duty
            }
        }
    }

    /// The step of the stage a lane stands at; from here on its answer is awaited.
    fn hand_out(&mut self, index: usize, now: Now) -> Step<'_> {
        let dig_from = self.dig_from(now.mono);
        let Some(state) = self.lanes.get_mut(index) else { return Step::Exit };
        state.asked =
            !matches!(state.stage, Stage::Gate(_) | Stage::Rest(_) | Stage::Owed(_) | Stage::Over);
        let state = &*state;
        match (state.stage, state.device) {
            (Stage::Next | Stage::Over, _)
            | (Stage::Walk | Stage::Trip(_) | Stage::Audited(_), None) => Step::Exit,
            (Stage::Gate(until) | Stage::Rest(until), _) => Step::Wait(until),
            (Stage::Duty, _) => match self.phase {
                Phase::Beginning => Step::Report(Report::Began(self.conf.mode)),
                Phase::Listing { .. } => Step::Devices,
                Phase::Short(trouble) => Step::Report(Report::Hit(Floor::Devices, trouble)),
                Phase::Ending => Step::Report(Report::Ended(self.ended)),
                Phase::Keeping { .. } => Step::Save,
                Phase::Leaving => Step::Report(Report::Leaving(self.left)),
                Phase::Resting { .. } | Phase::Sweeping | Phase::Over => Step::Exit,
            },
            (Stage::Walk, Some(device)) => Step::Walk(device),
            (Stage::Save, _) => Step::Save,
            (Stage::Hit(floor, trouble), _) => Step::Report(Report::Hit(floor, trouble)),
            (Stage::Check(source), _) => Step::Check(state.path_of(source)),
            (Stage::Owed(_), _) => Step::Wait(dig_from),
            (Stage::Dig(source), _) => Step::Dig(state.path_of(source)),
            (Stage::Confirm(source, depth), _) => Step::Confirm(state.path_of(source), depth),
            (Stage::Trip(_), Some(device)) => {
                let moved = self.devices.past(device).map_or(0, |past| past.breaker.moved);
                Step::Report(Report::Tripped(Tripped { device, moved }))
            }
            (Stage::Move(source, what), _) => Step::Move(state.path_of(source), what),
            (Stage::Audited(source), Some(device)) => Step::Report(Report::Audited(Audited {
                path: state.path_of(source),
                device,
                judged: &state.judged,
                depth: state.depth,
                took: state.took,
                fate: state.fate,
            })),
            (Stage::Window(_), _) => Step::Report(Report::Window(state.window)),
        }
    }
}
