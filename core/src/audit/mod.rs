//! The auditor itself: the order of everything else, as a machine that is asked and told.
//!
//! Equivalent to this loop, with each action a [`Step`] and each answer an [`Event`]. With more
//! than one lane, the loop over databases runs once in each of them, on different disks:
//!
//! ```text
//! every interval:                    Report(Began)
//!     Devices                        shuffled; one after the other, or side by side in lanes
//!     for each device:
//!         while Walk finds one:
//!             Check                  locked: onto the shelf, and Check again later
//!             if its turn has come   Wait until the last one is paid for, and Dig
//!             if it is damaged       Confirm, and Move if it still is and the breaker allows it
//!             count it               Report(Audited)
//!             if an hour has passed  Report(Window)
//!             Wait                   while the gate is shut
//!             Save                   at most once a minute, and at once after a move
//!     Report(Ended)
//!     Save                           once the last time was a minute ago, while it waits
//!     Wait until the interval is over, or Exit
//! ```
mod devices;
mod dig;
mod lane;
mod poll;
mod random;
mod shelf;
mod stall;
mod standing;
mod step;
mod tell;

use core::time::Duration;

use self::devices::Devices;
pub use self::devices::{Device, Past};
use self::lane::State;
pub use self::lane::{Fate, Lane};
use self::random::Random;
pub use self::shelf::{BUSY_AFTER, SHELF};
pub use self::standing::{Doing, LaneState, STALLED_AFTER};
pub use self::step::{
    Audited, Conf, Depth, Ended, Event, HASH_END_MAX, HashConf, Mode, Order, Report, Second, Step,
    Tripped,
};
use crate::due::{Debt, Turns};
use crate::gate::Gate;
use crate::tally::{Tally, Totals, Window};
use crate::time::{Mono, Now};
use crate::walk::Trouble;

/// Passes do not begin closer together than this, or an interval of 0 would spin on an empty node.
pub const PASS_MIN: Duration = Duration::from_secs(1);

/// Between two saves, but for the one at a stop, and the one after a move, a trip or a re-arming.
pub const SAVE_EVERY: Duration = Duration::from_secs(60);

/// A pause lasts no longer: one that was forgotten must not end the audits of a node for good.
pub const PAUSE_MAX: Duration = Duration::from_secs(7 * 86_400);

/// Bytes of memory that one lane more may take: mostly the paths that wait on its shelf.
pub const LANE_BYTES_MAX: usize = 16 * 1024;
const _: () = assert!(a_lane() <= LANE_BYTES_MAX, "lanes are made for small machines");

/// Bytes that one lane more takes.
#[must_use]
pub const fn a_lane() -> usize {
    size_of::<Auditor<2, 1>>().saturating_sub(size_of::<Auditor<1, 1>>())
}

/// Where the pass stands.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Phase {
    /// Between two passes.
    Resting { until: Mono },
    /// A lane says that the pass begins.
    Beginning,
    /// A lane has the devices listed; until the first comes, the table is the last pass's.
    Listing { begun: bool },
    /// A lane says that not all devices could be had.
    Short(Trouble),
    /// The lanes are at work.
    Sweeping,
    /// A lane says how the pass ended.
    Ending,
    /// A lane keeps what is to be kept over a restart: in the middle of the pass, or after it.
    Keeping { midway: bool },
    /// A lane says what was counted last.
    Leaving,
    /// Every lane leaves.
    Over,
}

/// When what is kept was kept.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
struct Saves {
    last: Option<Mono>,
    /// Something has changed that a stop would lose.
    unsaved: bool,
    /// It must not be lost at a crash either.
    urgent: bool,
}

impl Saves {
    /// Whether a minute has passed since `began` and the last save.
    fn is_due(&self, began: Mono, now: Mono) -> bool {
        SAVE_EVERY <= now.since(self.last.map_or(began, |last| last.max(began)))
    }

    /// Whether a minute has passed since the last save.
    fn is_due_at_end(&self, now: Mono) -> bool {
        self.last.is_none_or(|last| SAVE_EVERY <= now.since(last))
    }

    /// From when what a pass left unsaved is to be saved between two passes; none if there is nothing.
    fn due_at_rest(&self) -> Option<Mono> {
        let due = self.last.map_or(Mono::from_nanos(0), |last| last.after(SAVE_EVERY));
        self.unsaved.then_some(due)
    }

    fn begin(&mut self, now: Mono) {
        *self = Self { last: Some(now), unsaved: false, urgent: false };
    }
}

/// The auditor: at most `LANES` audits at a time, at most `DEVICES` devices in a pass, at most `SLOTS`
/// databases on a lane's shelf.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Auditor<const LANES: usize, const DEVICES: usize, const SLOTS: usize = SHELF> {
    conf: Conf,
    random: Random,
    phase: Phase,
    stopped: bool,
    /// Nothing is begun before this moment.
    paused: Option<Mono>,
    /// When the pass in progress, or the last one, began.
    began: Mono,
    /// How long the pass took before a restart; none unless it is the resumed one.
    resumed: Option<Duration>,
    saves: Saves,
    gate: Gate,
    /// Whose turns for a deep audit this pass takes.
    turns: Turns,
    /// What deep audits read and is not paid for.
    debt: Debt,
    tally: Tally,
    totals: Totals,
    /// What was counted last, once the lanes have left.
    left: Window,
    /// The pass that a lane is about to report.
    ended: Ended,
    devices: Devices<DEVICES>,
    /// A device found no room in the table.
    crowded: bool,
    lanes: [State<SLOTS>; LANES],
}

impl<const LANES: usize, const DEVICES: usize, const SLOTS: usize> Auditor<LANES, DEVICES, SLOTS> {
    /// An auditor that starts at `start`. `random` is any number; two daemons should differ in it.
    ///
    /// Forever mode rests for a random part of the interval first, so that the nodes of a cluster
    /// do not all begin at once (Swift's `run_forever`).
    #[must_use]
    pub fn new(conf: &Conf, start: Now, random: u64) -> Self {
        let mut random = Random::new(random);
        let until = match conf.mode {
            Mode::Once => start.mono,
            Mode::Forever => start.mono.after(random.part_of(conf.interval)),
        };
        let tally = Tally::new(start);
        let ended = Ended {
            mode: conf.mode,
            took: Duration::ZERO,
            totals: Totals::default(),
            window: tally.so_far(),
        };
        Self {
            conf: conf.clone(),
            random,
            phase: Phase::Resting { until },
            stopped: false,
            paused: None,
            began: start.mono,
            resumed: None,
            saves: Saves::default(),
            gate: Gate::new(conf.spacing),
            turns: Turns::default(),
            debt: Debt::default(),
            tally,
            totals: Totals::default(),
            left: Window::default(),
            ended,
            devices: Devices::default(),
            crowded: false,
            lanes: core::array::from_fn(|_| State::new()),
        }
    }

    /// Has it go on at once with a pass that a restart broke off after `spent`. Devices that the pass
    /// is done with are not walked again. In place: an auditor is too large to be moved about.
    pub fn resume(&mut self, start: Now, spent: Duration) {
        self.phase = Phase::Resting { until: start.mono };
        self.resumed = Some(spent);
    }

    /// How long the pass in progress, or to come, had taken before a restart broke it off; none if that
    /// was not so.
    #[must_use]
    pub const fn resumed(&self) -> Option<Duration> {
        self.resumed
    }

    /// Has it take, after a restart, the turns that come after these, so that no database loses its own.
    /// A pass that goes on has the same turns as before.
    pub const fn follow(&mut self, turns: Turns) {
        self.turns = turns;
    }

    /// Whose turns for a deep audit the pass in progress, or the last one, takes.
    #[must_use]
    pub const fn turns(&self) -> Turns {
        self.turns
    }

    /// By which configuration it goes.
    #[must_use]
    pub const fn conf(&self) -> &Conf {
        &self.conf
    }

    /// Whether the pass in progress, or to come, is one that a restart broke off.
    #[must_use]
    pub const fn is_resumed(&self) -> bool {
        self.resumed.is_some()
    }

    /// How long the pass in progress has taken, restarts left out; none between two passes.
    #[must_use]
    pub fn spent(&self, now: Now) -> Option<Duration> {
        match self.phase {
            Phase::Listing { .. }
            | Phase::Short(_)
            | Phase::Sweeping
            | Phase::Keeping { midway: true } => {
                let before = self.resumed.unwrap_or_default();
                Some(before.saturating_add(now.mono.since(self.began)))
            }
            Phase::Resting { .. }
            | Phase::Beginning
            | Phase::Ending
            | Phase::Keeping { midway: false }
            | Phase::Leaving
            | Phase::Over => None,
        }
    }

    /// Since when a database that this lane has found waits to be audited, if one does: what is
    /// kept of the walk must not lie behind it.
    #[must_use]
    pub fn waiting_since(&self, lane: Lane) -> Option<Mono> {
        self.lanes.get(usize::from(lane.0)).and_then(|state| state.shelf.since())
    }

    /// Takes a word from outside the lanes. True: wake them all, something has changed.
    #[must_use]
    pub fn order(&mut self, now: Now, order: Order<'_>) -> bool {
        match order {
            Order::Stop => self.stopped = true,
            Order::Pause(until) => {
                self.paused = Some(until.min(now.mono.after(PAUSE_MAX)));
            }
            Order::Resume => self.paused = None,
            Order::Stalled(lane) => return self.stalled(lane),
            Order::Rearm(device) => {
                self.devices.rearm(device);
                (self.saves.unsaved, self.saves.urgent) = (true, true);
            }
            Order::Reload(conf) => {
                self.gate = self.gate.clone().at(conf.spacing);
                if let Phase::Resting { until } = &mut self.phase {
                    *until = (*until).min(now.mono.after(conf.interval));
                }
                self.conf = Conf { mode: self.conf.mode, ..conf.clone() };
            }
        }
        true
    }

    /// Until when it is paused, if it is at `now`.
    #[must_use]
    pub fn paused(&self, now: Mono) -> Option<Mono> {
        self.paused.filter(|until| now < *until)
    }

    /// What the pass in progress, or the last one, has come to so far.
    #[must_use]
    pub const fn totals(&self) -> &Totals {
        &self.totals
    }

    /// Devices done and devices in all of the pass in progress.
    #[must_use]
    pub fn progress(&self) -> (usize, usize) {
        self.devices.progress()
    }

    /// What is known of a device of the pass in progress, or of the last one.
    #[must_use]
    pub fn past(&self, device: Device) -> Option<Past> {
        self.devices.past(device)
    }

    /// Where the auditor stands, in a word for a status line.
    #[must_use]
    pub const fn standing(&self) -> &'static str {
        match self.phase {
            Phase::Resting { .. } => "resting",
            Phase::Beginning | Phase::Listing { .. } | Phase::Short(_) => "beginning",
            Phase::Sweeping => "sweeping",
            Phase::Ending | Phase::Keeping { .. } => "ending",
            Phase::Leaving | Phase::Over => "leaving",
        }
    }

    /// Whether no lane but `index` has anything in progress.
    fn others_idle(&self, index: usize) -> bool {
        self.lanes.iter().enumerate().all(|(other, state)| other == index || state.is_idle())
    }
}
