//! [`Model`]: an auditor beside a plain account of what it was told, and what must hold of both.
//!
//! Each turn asks one lane and answers it with one of all possible answers. What must hold is
//! asserted at each turn; its words are the assertion's message.
#![allow(clippy::missing_panics_doc, reason = "its words assert, and say why")]

mod events;
mod ledger;
mod steps;
mod whole;

use core::time::Duration;

use martlet_core::audit::{Auditor, Conf, Lane, Mode, Order, Step};
use martlet_core::breaker::Limits;
use martlet_core::due::{DeepConf, Which};
use martlet_core::time::{Mono, Now, Wall};

use self::events::MOVES;
pub use self::events::{EVENTS, answers};
use self::ledger::Ledger;

/// Lanes of the model.
pub const LANES: usize = 2;
/// Devices at most: one less than are offered, so that the table overflows too.
pub const DEVICES: usize = 2;
/// Databases on a lane's shelf at most, so that it overflows too: one locked, one that waits for a deep audit.
pub const SLOTS: usize = 2;

/// The auditor, and the account beside it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Model {
    auditor: Auditor<LANES, DEVICES, SLOTS>,
    ledger: Ledger,
}

/// A configuration for the model: four audits a second.
#[must_use]
pub fn conf(mode: Mode, quarantine: bool) -> Conf {
    let spacing = Duration::from_millis(250);
    let breaker = Limits { databases: MOVES, share: 0 };
    let (interval, deep) = (Duration::from_secs(60), DeepConf::default());
    Conf { mode, interval, spacing, quarantine, breaker, hash: None, deep }
}

/// The same with deep audits of every database, each of which takes ten seconds to pay for.
#[must_use]
pub fn deep(conf: Conf) -> Conf {
    let deep = DeepConf { which: Which::All, bytes_per_second: 100, hold: Duration::ZERO };
    Conf { deep, ..conf }
}

/// The moment so many seconds after the model's start.
#[must_use]
pub fn at(seconds: u64) -> Now {
    Now {
        mono: Mono::from_nanos(1 << 50).after(Duration::from_secs(seconds)),
        wall: Wall::from_micros(1_795_354_724_000_000),
    }
}

impl Model {
    /// A new auditor and an empty account.
    #[must_use]
    pub fn new(conf: &Conf) -> Self {
        let now = at(0);
        Self { auditor: Auditor::new(conf, now, 42), ledger: Ledger::new(conf, now) }
    }

    /// The same before a pass that a restart broke off.
    #[must_use]
    pub fn resumed(self) -> Self {
        let spent = Duration::from_secs(9);
        let mut auditor = self.auditor;
        auditor.resume(self.ledger.now, spent);
        Self { auditor, ledger: Ledger { resumed: true, spent, ..self.ledger } }
    }

    /// Lets time pass.
    pub fn tick(&mut self, span: Duration) {
        self.ledger.now.mono = self.ledger.now.mono.after(span);
    }

    /// Gives an order; afterwards it counts for the account too.
    pub fn order(&mut self, order: Order<'_>) {
        let woken = self.auditor.order(self.ledger.now, order);
        let may_be_late = matches!(order, Order::Stalled(_));
        assert!(woken || may_be_late, "an order wakes every lane");
        self.ledger.ordered(order);
    }

    /// Orders a pause of so long.
    pub fn pause(&mut self, span: Duration) {
        self.order(Order::Pause(self.ledger.now.mono.after(span)));
    }

    /// Audits reported in the pass.
    #[must_use]
    pub const fn audited(&self) -> u64 {
        self.ledger.audited
    }

    /// The events that are answers to what `lane` is asked to do now.
    #[must_use]
    pub fn fitting(&mut self, lane: Lane) -> Vec<usize> {
        let step = self.auditor.poll(lane, self.ledger.now);
        (0..EVENTS.len()).filter(|event| answers(&step, &EVENTS[*event])).collect()
    }

    /// Asks `lane` and leaves it at that for now.
    pub fn ask(&mut self, lane: Lane) {
        let step = self.auditor.poll(lane, self.ledger.now);
        let _ = self.ledger.check_step(lane, &step, false);
        self.ledger.accounts[usize::from(lane.0)].handed(&step, false);
    }

    /// Asks `lane`, checks the step against the account, and answers it with the first of `events`
    /// that fits. Returns until when the lane waits, if it does.
    pub fn turn(&mut self, lane: Lane, events: &[usize]) -> Option<Mono> {
        let since = self.auditor.waiting_since(lane);
        let step = self.auditor.poll(lane, self.ledger.now);
        if matches!(step, Step::Walk(_)) {
            self.ledger.check_waiting(lane, since);
        }
        let event = events.iter().map(|event| EVENTS[*event]).find(|event| answers(&step, event));
        let wait = self.ledger.check_step(lane, &step, event.is_some());
        self.ledger.accounts[usize::from(lane.0)].handed(&step, event.is_some());
        if let Some(event) = event {
            self.ledger.told(lane, &step, &event);
            let _ = self.auditor.handle(lane, self.ledger.now, event);
        }
        wait
    }

    /// Goes from one thing to the next for `span`, each lane answered with the first of `events` that
    /// fits; time leaps when every lane waits. Returns how many passes ended.
    pub fn live(&mut self, span: Duration, events: &[usize]) -> u8 {
        self.live_in(&[Lane(0), Lane(1)], span, events)
    }

    /// The same in these lanes only: another one does not answer.
    pub fn live_in(&mut self, lanes: &[Lane], span: Duration, events: &[usize]) -> u8 {
        let (end, passes) = (self.ledger.now.mono.after(span), self.ledger.passes);
        while self.ledger.now.mono < end {
            let waits = lanes.iter().map(|lane| self.turn(*lane, events).ok_or(())).collect();
            let waits: Result<Vec<Mono>, ()> = waits;
            if let Some(next) = waits.ok().and_then(|waits| waits.into_iter().min()) {
                self.ledger.now.mono = next.min(end);
            }
        }
        self.ledger.passes - passes
    }

    /// The device of `lane` does not answer what it was asked.
    pub fn stall(&mut self, lane: Lane) {
        self.order(Order::Stalled(lane));
    }

    /// When the last pass began.
    #[must_use]
    pub const fn began(&self) -> Option<Mono> {
        self.ledger.began
    }
}
