//! What must hold of each step that is handed out, by the account of what was told before.
use core::time::Duration;

use martlet_core::audit::{BUSY_AFTER, Device, Ended, Fate, Lane, Mode, Report, SAVE_EVERY, Step};
use martlet_core::tally::WINDOW;
use martlet_core::time::Mono;
use martlet_core::verdict::{Counts, Verdict};

use super::events::{MOVES, PATH};
use super::ledger::Ledger;

impl Ledger {
    /// Checks a step that is handed to `lane`; `taken`: it is answered at once. Returns until when the
    /// lane waits, if it does.
    pub(super) fn check_step(&mut self, lane: Lane, step: &Step<'_>, taken: bool) -> Option<Mono> {
        let place = usize::from(lane.0);
        self.accounts[place].waits = None;
        if self.accounts[place].stalled.is_some_and(|it| it.missed) {
            assert!(self.accounts[place].begun, "a late answer is dropped, and the lane goes on");
            return None;
        }
        let paused = self.paused.is_some_and(|until| self.now.mono < until);
        if paused && !self.accounts[place].begun {
            let work = matches!(step, Step::Walk(_) | Step::Dig(_));
            assert!(!work || self.stopped, "begun in a pause: {step:?}");
        }
        match step {
            Step::Wait(until) => {
                assert!(self.now.mono < *until, "a wait lies in the future");
                let rests = !self.sweeping && self.began.is_some() && *until < Mono::FAR;
                if rests && self.unsaved && !paused && self.conf.mode == Mode::Forever {
                    assert!(!self.urgent, "a move, a trip and a re-arming are saved at once");
                    let within = *until <= self.now.mono.after(SAVE_EVERY);
                    assert!(within, "what a pass has left unsaved is saved within a minute");
                }
                self.accounts[place].waits = Some(*until).filter(|until| *until < Mono::FAR);
                return Some(*until);
            }
            Step::Exit => {
                assert!(self.stopped || self.conf.mode == Mode::Once, "nobody told it to leave");
                assert!(self.stopped || self.passes == 1, "it left before the pass had ended");
                assert!(!self.unsaved || self.conf.mode == Mode::Once, "it left without saving");
                return Some(Mono::FAR);
            }
            Step::Save => {
                assert_eq!(self.conf.mode, Mode::Forever, "a single pass keeps nothing");
                let account = &mut self.accounts[place];
                let saving = account.saving;
                if !saving && self.stopped {
                    self.miss();
                }
                if !saving {
                    assert!(self.unsaved || self.stopped, "there is nothing to save");
                    let since = self.saved.map(|at| self.now.mono.since(at));
                    let soon = since.is_some_and(|since| since < SAVE_EVERY);
                    assert!(!soon || self.urgent || self.stopped, "saved after {since:?}");
                    (self.saved, self.urgent) = (Some(self.now.mono), false);
                    // What changes while it is written is saved later.
                    self.unsaved &= !self.stopped && self.sweeping;
                }
                self.accounts[place].saving = !taken;
            }
            Step::Walk(device) => {
                let late = self.urgent && self.conf.mode == Mode::Forever;
                let began = self.accounts[place].begun || self.stopped;
                assert!(!late || began, "a move, a trip and a re-arming are saved before all else");
                let disk = self.disks.get(usize::from(device.0));
                for (other, account) in self.accounts.iter().enumerate() {
                    let held = account.stalled.as_ref().map(|it| &it.disk);
                    let theirs = account
                        .device
                        .and_then(|held| self.disks.get(usize::from(held.0)))
                        .or(held);
                    assert!(
                        other == place || theirs.is_none() || theirs != disk,
                        "two lanes never work on one physical disk"
                    );
                }
                assert!(!self.ended.contains(device), "a device is walked once in a pass");
                self.accounts[place].device = Some(*device);
            }
            Step::Check(path) | Step::Dig(path) | Step::Confirm(path, _) => {
                assert_eq!(path.as_bytes(), PATH, "the path is the one that was found");
                let open = !self.accounts[place].open.is_empty();
                assert!(open, "a database is looked at only until it is reported");
            }
            Step::Move(..) => {
                let account = &mut self.accounts[place];
                assert!(account.damaged && account.confirmed, "moved without two looks");
                account.allowed |= self.conf.quarantine;
                assert!(account.allowed, "moved against the configuration");
                let breaker = account.device.map(|it| self.breakers[usize::from(it.0)]);
                let held = breaker.is_none_or(|it| it.tripped || MOVES <= it.moved);
                assert!(!held, "moved against the breaker: {breaker:?}");
            }
            Step::Report(report) => self.check_report(place, report, taken),
            Step::Devices => {}
        }
        None
    }

    /// `lane` walks on; the oldest of those that it has found and put back waits `since` then.
    pub(super) fn check_waiting(&self, lane: Lane, since: Option<Mono>) {
        let account = &self.accounts[usize::from(lane.0)];
        let none = account.open.is_empty() || account.stalled.is_some();
        let past = since.is_some_and(|since| since <= self.now.mono);
        assert!(none || past, "what waits has waited since it was found, not {since:?}");
    }

    fn check_report(&mut self, place: usize, report: &Report<'_>, taken: bool) {
        match report {
            Report::Tripped(tripped) => {
                let account = &mut self.accounts[place];
                let breaker = &mut self.breakers[usize::from(tripped.device.0)];
                assert_eq!(account.device, Some(tripped.device), "each lane trips its own device");
                assert!(account.confirmed, "tripped by what is not to be moved");
                if !account.tripping {
                    assert!(!breaker.tripped, "a trip is said once");
                    assert_eq!(breaker.moved, MOVES, "tripped before the limit");
                    breaker.tripped = true;
                }
                self.urgent |= taken;
                account.tripping = !taken;
            }
            Report::Audited(audited) => {
                let account = &mut self.accounts[place];
                assert!(!account.open.is_empty(), "reported what nobody found");
                let verdict = audited.judged.verdict;
                if verdict == Verdict::Busy {
                    let waited = self.now.mono.since(account.locked.unwrap_or(self.now.mono));
                    assert!(BUSY_AFTER <= waited, "called busy after {waited:?}");
                }
                assert_eq!(audited.fate == Fate::Moved, account.moved, "a move is told as it was");
                let cleared = !account.cleared || verdict == Verdict::Sound;
                assert!(cleared, "the second look counts, not the first");
                if taken {
                    self.audited += 1;
                    // One of those found: the one that took so long until its last answer. Where the
                    // answer went by, the newest: none is then taken for older than it is.
                    let until = account.answered.take().unwrap_or(self.now.mono);
                    let done = account.open.iter().position(|at| until.since(*at) == audited.took);
                    account.open.remove(done.unwrap_or(account.open.len() - 1));
                    match audited.judged.counts {
                        Counts::Passed => self.window.0 += 1,
                        Counts::Failed => self.window.1 += 1,
                        Counts::Neither => {}
                    }
                    if WINDOW <= self.now.mono.since(self.window_began) {
                        account.closed = Some(std::mem::take(&mut self.window));
                        self.window_began = self.now.mono;
                    }
                    account.damaged = false;
                    account.cleared = false;
                    account.confirmed = false;
                    account.allowed = false;
                    self.urgent |= std::mem::take(&mut account.moved);
                }
            }
            Report::Window(window) => {
                let said = Some((window.passed, window.failed));
                let account = &mut self.accounts[place];
                assert_eq!(said, account.closed, "a full window says what was counted in it");
                if taken {
                    account.closed = None;
                }
            }
            Report::Leaving(window) => {
                assert!(self.stopped, "nobody told it to leave");
                self.miss();
                let said = (window.passed, window.failed);
                assert_eq!(said, self.window, "the last window says what was counted in it");
            }
            Report::Ended(ended) => self.check_ended(place, ended, taken),
            Report::Began(_) => {
                assert!(!self.sweeping, "a pass begins after the last one ended");
                if taken {
                    self.sweeping = true;
                    self.audited = 0;
                    self.began = Some(self.now.mono);
                    self.disks.clear();
                    self.breakers.clear();
                    self.ended.clear();
                }
            }
            Report::Hit(..) => {}
        }
    }

    fn check_ended(&mut self, place: usize, ended: &Ended, taken: bool) {
        let open = self.accounts.iter().filter(|it| it.stalled.is_none());
        assert!(open.map(|it| it.open.len()).sum::<usize>() == 0, "ended too early");
        self.miss();
        // A lane that waits for a pause to end is at no gate.
        let others = self.accounts.iter().filter_map(|it| it.waits);
        let mut others = others.filter(|until| Some(*until) != self.paused);
        let waited = others.all(|until| until <= self.now.mono) || self.stopped;
        assert!(waited, "a pass lasts until every lane is through the gate");
        let took = self.began.map(|began| self.spent + self.now.mono.since(began));
        let account = &mut self.accounts[place];
        let again = account.ending;
        assert!(
            again || took == Some(ended.took),
            "a pass took {took:?}, restarts left out: {:?}",
            ended.took
        );
        account.ending = !taken;
        let devices = (0..).map(Device).zip(&self.disks);
        let mut left = devices.filter(|(device, _)| !self.ended.contains(device));
        let missed = left.clone().count();
        let held = left.all(|(_, disk)| self.is_held(*disk));
        assert!(held || again || self.stopped, "a device was not walked");
        let skipped = ended.totals.skipped;
        assert!(u64::try_from(missed).is_ok_and(|it| it <= skipped), "it says what it left out");
        assert_eq!((ended.window.passed, ended.window.failed), self.window, "the window so far");
        assert_eq!(ended.totals.audited(), self.audited, "the totals are the pass's own");
        if taken {
            self.passes = self.passes.saturating_add(1);
            self.resumed = false;
            self.spent = Duration::ZERO;
            self.sweeping = false;
        }
    }
}
