//! [`Ledger`]: the plain account of what an auditor was told.
use core::time::Duration;

use martlet_core::audit::{Conf, Depth, Device, Event, Lane, Order, PAUSE_MAX, Step};
use martlet_core::breaker::Breaker;
use martlet_core::check::Seen;
use martlet_core::gate::BUFFER;
use martlet_core::time::{Mono, Now};
use martlet_core::walk::Walked;

use super::events::{DUG_BROKEN, LOOKS, begins};
use super::{DEVICES, LANES};

/// A lane whose device does not answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Stalled {
    pub(super) disk: u64,
    /// The pass of what it is at is over.
    pub(super) missed: bool,
}

/// What the account keeps of a lane.
#[expect(clippy::struct_excessive_bools, reason = "each is one fact of what was told")]
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Account {
    pub(super) device: Option<Device>,
    /// When each database that was found and not yet reported was first looked at.
    pub(super) open: Vec<Mono>,
    /// When the first of them was met locked.
    pub(super) locked: Option<Mono>,
    /// When the last look, or move, was answered, until the audit is reported.
    pub(super) answered: Option<Mono>,
    /// The last look said damage.
    pub(super) damaged: bool,
    /// The second look said so too, on a device that is well.
    pub(super) confirmed: bool,
    /// The move was asked for while the configuration allowed it.
    pub(super) allowed: bool,
    /// The step handed out was answered by a move.
    pub(super) moved: bool,
    /// The trip of the device's breaker is being said.
    pub(super) tripping: bool,
    /// The end of the pass is being said.
    pub(super) ending: bool,
    /// It was asked to save.
    pub(super) saving: bool,
    pub(super) walked: bool,
    /// A look, a move or a walk was handed out and is not answered.
    pub(super) begun: bool,
    /// What was handed out is a walk or a look, which the others can go on without.
    pub(super) looks: bool,
    /// They do.
    pub(super) stalled: Option<Stalled>,
    /// The second look found nothing wrong.
    pub(super) cleared: bool,
    /// Until when it waits, if that is what it does and a time was named.
    pub(super) waits: Option<Mono>,
    /// The window that is to be reported next.
    pub(super) closed: Option<(u64, u64)>,
}

impl Account {
    /// A look met it so at `now`.
    fn met(&mut self, seen: &Seen<'_>, now: Mono) {
        if *seen == LOOKS[3] {
            self.locked = self.locked.or(Some(now));
        }
    }

    /// A step was handed out, and was `answered` at once or not yet.
    pub(super) fn handed(&mut self, step: &Step<'_>, answered: bool) {
        self.begun = begins(step) && !answered;
        self.looks = self.begun && !matches!(step, Step::Move(..));
    }
}

/// What was told.
#[expect(clippy::struct_excessive_bools, reason = "each is one fact of what was told")]
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Ledger {
    pub(super) now: Now,
    pub(super) conf: Conf,
    pub(super) accounts: [Account; LANES],
    pub(super) disks: Vec<u64>,
    /// The breaker of each of them: what was told of it.
    pub(super) breakers: Vec<Breaker>,
    pub(super) ended: Vec<Device>,
    pub(super) stopped: bool,
    /// When the pause ends, if one was ordered.
    pub(super) paused: Option<Mono>,
    /// Passed and failed since the window began.
    pub(super) window: (u64, u64),
    pub(super) window_began: Mono,
    /// Databases listed since the rate began to hold, and when that was.
    pub(super) listed: u64,
    pub(super) rate_began: Mono,
    /// Audits reported in the pass.
    pub(super) audited: u64,
    pub(super) began: Option<Mono>,
    pub(super) sweeping: bool,
    /// The pass is one that a restart broke off.
    pub(super) resumed: bool,
    /// What the pass had taken before that.
    pub(super) spent: Duration,
    /// There is something that a stop would lose.
    pub(super) unsaved: bool,
    /// When it was last asked to save.
    pub(super) saved: Option<Mono>,
    /// A breaker tripped since.
    pub(super) urgent: bool,
    /// Passes that ended.
    pub(super) passes: u8,
}

impl Ledger {
    /// An empty account of an auditor that starts at `now`.
    pub(super) fn new(conf: &Conf, now: Now) -> Self {
        Self {
            now,
            accounts: Default::default(),
            disks: Vec::new(),
            breakers: Vec::new(),
            ended: Vec::new(),
            stopped: false,
            paused: None,
            window: (0, 0),
            window_began: now.mono,
            listed: 0,
            rate_began: now.mono,
            audited: 0,
            began: None,
            sweeping: false,
            resumed: false,
            spent: Duration::ZERO,
            unsaved: false,
            saved: None,
            urgent: false,
            passes: 0,
            conf: conf.clone(),
        }
    }

    /// Takes a word from outside the lanes.
    pub(super) fn ordered(&mut self, order: Order<'_>) {
        // A word wakes whoever waits: until when is not known before it is asked again.
        self.accounts.iter_mut().for_each(|account| account.waits = None);
        match order {
            Order::Stop => self.stopped = true,
            Order::Pause(until) => {
                self.paused = Some(until.min(self.now.mono.after(PAUSE_MAX)));
            }
            Order::Resume => self.paused = None,
            Order::Stalled(lane) => self.stall(lane),
            Order::Rearm(device) => {
                self.unsaved |= !self.stopped;
                self.urgent = true;
                if let Some(breaker) = self.breakers.get_mut(usize::from(device.0)) {
                    *breaker = Breaker::default();
                }
            }
            Order::Reload(conf) => {
                self.conf = Conf { mode: self.conf.mode, ..conf.clone() };
                self.listed = 0;
                self.rate_began = self.now.mono;
            }
        }
    }

    fn stall(&mut self, lane: Lane) {
        let Some(account) = self.accounts.get_mut(usize::from(lane.0)) else { return };
        let disk = account.device.and_then(|held| self.disks.get(usize::from(held.0)));
        if account.begun && account.looks && account.stalled.is_none() {
            account.stalled = disk.map(|disk| Stalled { disk: *disk, missed: false });
        }
    }

    /// The pass is over for those who do not answer: what they found has its turn in the next one.
    pub(super) fn miss(&mut self) {
        for account in &mut self.accounts {
            if let Some(Stalled { disk, .. }) = account.stalled {
                let (begun, looks) = (account.begun, account.looks);
                let stalled = Some(Stalled { disk, missed: true });
                *account = Account { begun, looks, stalled, ..Account::default() };
            }
        }
    }

    /// Whether a lane that does not answer holds this disk.
    pub(super) fn is_held(&self, disk: u64) -> bool {
        self.accounts.iter().filter_map(|it| it.stalled).any(|it| it.disk == disk)
    }

    /// Takes the answer that `lane` gives to `step`.
    pub(super) fn told(&mut self, lane: Lane, step: &Step<'_>, event: &Event<'_>) {
        let account = &mut self.accounts[usize::from(lane.0)];
        if account.stalled.take().is_some_and(|it| it.missed) {
            return; // of a pass that is over: it counts nothing
        }
        if matches!(step, Step::Check(_) | Step::Dig(_) | Step::Confirm(..) | Step::Move(..)) {
            account.answered = Some(self.now.mono);
        }
        match (step, event) {
            (Step::Devices, Event::Device { disk, past }) if self.disks.len() < DEVICES => {
                self.disks.push(*disk);
                if self.resumed && past.done {
                    let row = u16::try_from(self.breakers.len()).unwrap_or(u16::MAX);
                    self.ended.push(Device(row));
                }
                let new = past.breaker.next_pass();
                self.breakers.push(if self.resumed { past.breaker } else { new });
            }
            (Step::Devices, Event::DevicesEnd(_)) => {
                self.unsaved = true;
            }
            (Step::Walk(device), Event::Walked(walked)) => {
                account.device = Some(*device);
                match walked {
                    Walked::Found(_) => {
                        account.open.push(self.now.mono);
                        self.listed += 1;
                        // The gate forgives what was lost of 5 seconds.
                        let span = self.now.mono.since(self.rate_began) + BUFFER;
                        let budget = span.as_millis() / self.conf.spacing.as_millis();
                        let budget = u64::try_from(budget).unwrap_or(u64::MAX);
                        let budget = budget + 1 + u64::try_from(LANES).unwrap_or(0);
                        assert!(self.listed <= budget, "the gate holds: {}", self.listed);
                    }
                    Walked::End => {
                        self.ended.push(*device);
                        account.walked = true;
                    }
                    Walked::Hit(..) | Walked::Going => {}
                }
            }
            (Step::Check(_), Event::Checked(seen)) => {
                account.damaged = *seen == LOOKS[4];
                account.met(seen, self.now.mono);
                if *seen == LOOKS[5] && self.stopped {
                    account.open.pop();
                }
            }
            (Step::Dig(_), Event::Dug(dug)) => {
                account.damaged = dug.seen == DUG_BROKEN.seen;
                if dug.is_interrupted() && self.stopped {
                    account.open.pop();
                }
            }
            (Step::Confirm(_, depth), Event::Confirmed(second)) => {
                account.met(&second.seen, self.now.mono);
                let deep = *depth == Depth::Deep && second.dug == Some(&DUG_BROKEN);
                let damaged = second.seen == LOOKS[4] || deep;
                account.confirmed = damaged && second.around.device_well;
                account.cleared = second.seen == LOOKS[0] && *depth == Depth::Stat;
            }
            (Step::Move(..), Event::Moved(result)) => {
                account.moved = result.is_ok();
                if let Some(device) = account.device.filter(|_| account.moved) {
                    self.breakers[usize::from(device.0)].count();
                }
            }
            _ => {}
        }
        if account.open.is_empty() {
            account.locked = None;
        }
        if account.walked && account.open.is_empty() {
            account.device = None;
            account.walked = false;
        }
    }
}
