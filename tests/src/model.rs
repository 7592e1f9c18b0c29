//! [`Model`]: an auditor beside a plain account of what it was told, and what must hold of both.
//!
//! Each turn asks one lane and answers it with one of all possible answers. What must hold is
//! asserted at each turn; its words are the assertion's message.
use core::time::Duration;

use martlet_core::audit::{
    Auditor, BUSY_AFTER, Conf, Depth, Device, Event, Fate, Lane, Mode, Order, Past, Report,
    SAVE_EVERY, Second, Step,
};
use martlet_core::breaker::{Breaker, Limits};
use martlet_core::check::{Cell, Code, Fault, Seen, Stat};
use martlet_core::deep::{Deep, DeepSeen, Dug, Index, Line, Metadata, Refusal, Table};
use martlet_core::due::{DeepConf, Which};
use martlet_core::gate::BUFFER;
use martlet_core::quarantine::{Around, Siblings};
use martlet_core::sums::Sums;
use martlet_core::tally::WINDOW;
use martlet_core::time::{Mono, Now, Wall};
use martlet_core::verdict::{Counts, Verdict};
use martlet_core::walk::{ENOENT, Floor, Trouble, Walked};

/// Lanes of the model.
pub const LANES: usize = 2;
/// Devices at most: one less than are offered, so that the table overflows too.
pub const DEVICES: usize = 2;

const PATH: &[u8] = b"/srv/node/sda/containers/7/abc/0000000000000000000000000000dabc/\
0000000000000000000000000000dabc.db";
const CORRUPT: i32 = 11;
const INTERRUPT: i32 = 9;
const BUSY: i32 = 5;
const EIO: i32 = 5;

/// A row of an ordinary container.
const LIVE: Stat<'static> = Stat {
    account: Cell::Text(b"a"),
    container: Cell::Text(b"c"),
    put: Cell::Text(b"1700000000.00000"),
    delete: Cell::Text(b"0"),
    count: Cell::Int(1),
    revived: false,
};
const ALONE: Siblings = Siblings { others: 0, epochs: false };
const WELL: Around = Around { device_well: true, same: true, siblings: ALONE };

const CROWDED: Around = Around { siblings: Siblings { others: 1, epochs: false }, ..WELL };

const fn error(sqlite: i32, errno: i32) -> Seen<'static> {
    Seen::Error(Code { sqlite, errno })
}

/// What a look may bring back, a kind each.
const LOOKS: [Seen<'static>; 6] = [
    Seen::Row(LIVE),
    Seen::Gone,
    Seen::Fault(Fault::NoRow),
    error(BUSY, 0),
    error(CORRUPT, 0),
    error(INTERRUPT, 0),
];

/// Databases that a pass of the model may move of a device.
const MOVES: u32 = 1;

const NEW: Past = Past {
    done: false,
    skipped: false,
    found: 0,
    databases: None,
    breaker: Breaker { moved: 0, tripped: false },
};

/// A device whose breaker tripped, in the pass before a restart or in one that it was done with.
const TRIPPED: Past = Past { done: true, breaker: Breaker { moved: MOVES, tripped: true }, ..NEW };

const WHOLE: Deep = Deep {
    object: Table::Ordinary,
    index: Index::Ordinary,
    triggers: true,
    sums: Sums::new(),
    metadata: Metadata::Sane,
    strange_ranges: 0,
};

const fn dug(seen: DeepSeen) -> Dug {
    Dug { seen, read: 1000, tries: 1 }
}

static DUG_SOUND: Dug = dug(DeepSeen::Whole(WHOLE));
static DUG_BROKEN: Dug = dug(DeepSeen::Broken(Line::new()));
static DUG_BUSY: Dug = dug(DeepSeen::Not(Refusal::Busy));
static DUG_STOPPED: Dug = dug(DeepSeen::Not(Refusal::Stopped));

const fn second(seen: Seen<'static>, around: Around) -> Event<'static> {
    Event::Confirmed(Second { seen, dug: None, around })
}

/// Every event there is, in each of its kinds.
pub static EVENTS: [Event<'static>; 33] = [
    Event::Device { disk: 1, past: NEW },
    Event::Device { disk: 2, past: NEW },
    Event::DevicesEnd(Ok(())),
    Event::DevicesEnd(Err(EIO)),
    Event::Walked(Walked::Found(PATH)),
    Event::Walked(Walked::Hit(Floor::Hash, Trouble::Errno(EIO))),
    Event::Walked(Walked::Hit(Floor::Hash, Trouble::Errno(ENOENT))),
    Event::Walked(Walked::End),
    Event::Checked(LOOKS[0]),
    Event::Checked(LOOKS[1]),
    Event::Checked(LOOKS[2]),
    Event::Checked(LOOKS[3]),
    Event::Checked(LOOKS[4]),
    Event::Checked(LOOKS[5]),
    second(LOOKS[0], WELL),
    second(LOOKS[3], WELL),
    second(LOOKS[4], WELL),
    second(LOOKS[4], Around { device_well: false, ..WELL }),
    second(LOOKS[4], CROWDED),
    second(LOOKS[5], WELL),
    Event::Moved(Ok(())),
    Event::Moved(Err(EIO)),
    Event::Reported,
    Event::Walked(Walked::Hit(Floor::Device, Trouble::NotMounted)),
    Event::Checked(error(10, EIO)),
    Event::Walked(Walked::Going),
    Event::Device { disk: 1, past: TRIPPED },
    Event::Dug(&DUG_SOUND),
    Event::Dug(&DUG_BROKEN),
    Event::Dug(&DUG_BUSY),
    Event::Dug(&DUG_STOPPED),
    Event::Confirmed(Second { seen: LOOKS[0], dug: Some(&DUG_BROKEN), around: WELL }),
    Event::Saved,
];

/// Whether `event` is an answer to `step`.
#[must_use]
pub fn answers(step: &Step<'_>, event: &Event<'_>) -> bool {
    matches!(
        (step, event),
        (Step::Devices, Event::Device { .. } | Event::DevicesEnd(_))
            | (Step::Walk(_), Event::Walked(_))
            | (Step::Check(_), Event::Checked(_))
            | (Step::Dig(_), Event::Dug(_))
            | (Step::Confirm(..), Event::Confirmed(_))
            | (Step::Move(..), Event::Moved(_))
            | (Step::Report(_), Event::Reported)
            | (Step::Save, Event::Saved)
    )
}

/// Whether `step` has the platform walk, look or move.
const fn begins(step: &Step<'_>) -> bool {
    matches!(
        step,
        Step::Walk(_) | Step::Check(_) | Step::Dig(_) | Step::Confirm(..) | Step::Move(..)
    )
}

/// What the account keeps of a lane.
#[expect(clippy::struct_excessive_bools, reason = "each is one fact of what was told")]
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
struct Account {
    device: Option<Device>,
    /// When each database that was found and not yet reported was first looked at.
    open: Vec<Mono>,
    /// The last look said damage.
    damaged: bool,
    /// The second look said so too, on a device that is well.
    confirmed: bool,
    /// The move was asked for while the configuration allowed it.
    allowed: bool,
    /// The step handed out was answered by a move.
    moved: bool,
    /// The trip of the device's breaker is being said.
    tripping: bool,
    /// It was asked to save.
    saving: bool,
    walked: bool,
    /// A look, a move or a walk was handed out and is not answered.
    begun: bool,
    /// The second look found nothing wrong.
    cleared: bool,
    /// The window that is to be reported next.
    closed: Option<(u64, u64)>,
}

/// What was told and what must hold of it.
#[expect(clippy::struct_excessive_bools, reason = "each is one fact of what was told")]
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Ledger {
    now: Now,
    conf: Conf,
    accounts: [Account; LANES],
    disks: Vec<u64>,
    /// The breaker of each of them: what was told of it.
    breakers: Vec<Breaker>,
    ended: Vec<Device>,
    stopped: bool,
    /// Passed and failed since the window began.
    window: (u64, u64),
    window_began: Mono,
    /// Databases listed since the rate began to hold, and when that was.
    listed: u64,
    rate_began: Mono,
    /// Audits reported in the pass.
    audited: u64,
    began: Option<Mono>,
    sweeping: bool,
    /// The pass is one that a restart broke off.
    resumed: bool,
    /// There is something that a stop would lose.
    unsaved: bool,
    /// When it was last asked to save.
    saved: Option<Mono>,
    /// A breaker tripped since.
    urgent: bool,
    /// Passes that ended.
    passes: u8,
}

/// The auditor, and the account beside it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Model {
    auditor: Auditor<LANES, DEVICES>,
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
        let ledger = Ledger {
            now,
            accounts: Default::default(),
            disks: Vec::new(),
            breakers: Vec::new(),
            ended: Vec::new(),
            stopped: false,
            window: (0, 0),
            window_began: now.mono,
            listed: 0,
            rate_began: now.mono,
            audited: 0,
            began: None,
            sweeping: false,
            resumed: false,
            unsaved: false,
            saved: None,
            urgent: false,
            passes: 0,
            conf: conf.clone(),
        };
        Self { auditor: Auditor::new(conf, now, 42), ledger }
    }

    /// The same before a pass that a restart broke off.
    #[must_use]
    pub fn resumed(self) -> Self {
        let auditor = self.auditor.resumed(self.ledger.now, Duration::from_secs(9));
        Self { auditor, ledger: Ledger { resumed: true, ..self.ledger } }
    }

    /// Lets time pass.
    pub fn tick(&mut self, span: Duration) {
        self.ledger.now.mono = self.ledger.now.mono.after(span);
    }

    /// Gives an order; afterwards it counts for the account too.
    pub fn order(&mut self, order: Order<'_>) {
        let woken = self.auditor.order(self.ledger.now, order);
        assert!(woken, "an order wakes every lane");
        match order {
            Order::Stop => self.ledger.stopped = true,
            Order::Rearm(device) => {
                self.ledger.unsaved |= !self.ledger.stopped;
                if let Some(breaker) = self.ledger.breakers.get_mut(usize::from(device.0)) {
                    *breaker = Breaker::default();
                }
            }
            Order::Reload(conf) => {
                self.ledger.conf = Conf { mode: self.ledger.conf.mode, ..conf.clone() };
                self.ledger.listed = 0;
                self.ledger.rate_began = self.ledger.now.mono;
            }
        }
    }

    /// The events that are answers to what `lane` is asked to do now.
    #[must_use]
    pub fn fitting(&mut self, lane: Lane) -> Vec<usize> {
        let step = self.auditor.poll(lane, self.ledger.now);
        (0..EVENTS.len()).filter(|event| answers(&step, &EVENTS[*event])).collect()
    }

    /// Every event that answers nothing outstanding must change nothing, and asking twice neither.
    pub fn assert_strays_are_ignored(&self) {
        let now = self.ledger.now;
        let mut asked = self.auditor.clone();
        for lane in [Lane(0), Lane(1), Lane(200)] {
            let step = asked.poll(lane, now);
            let fitting: Vec<_> = EVENTS.iter().map(|event| answers(&step, event)).collect();
            let step = format!("{step:?}");
            let before = asked.clone();
            for (event, fits) in EVENTS.iter().zip(&fitting) {
                assert!(
                    *fits || !asked.handle(lane, now, *event),
                    "a stray {event:?} wakes nobody"
                );
            }
            assert_eq!(asked, before, "an event that answers nothing changes nothing");
            assert_eq!(
                step,
                format!("{:?}", asked.poll(lane, now)),
                "asked twice, it says the same"
            );
            assert_eq!(asked, before, "asking twice changes nothing");
            // One whole answer is enough: what follows it unasked does not depend on which it was.
            let whole = EVENTS.iter().zip(&fitting);
            let mut whole =
                whole.filter(|(it, fits)| **fits && !matches!(it, Event::Device { .. }));
            if let Some((event, _)) = whole.next() {
                let mut answered = before.clone();
                let _ = answered.handle(lane, now, *event);
                let once = answered.clone();
                for stray in &EVENTS {
                    let _ = answered.handle(lane, now, *stray);
                }
                assert_eq!(answered, once, "one answer to {event:?}, and no second unasked");
            }
        }
    }

    /// Asks `lane` and leaves it at that for now.
    pub fn ask(&mut self, lane: Lane) {
        let step = self.auditor.poll(lane, self.ledger.now);
        let _ = self.ledger.check_step(lane, &step, false);
        self.ledger.accounts[usize::from(lane.0)].begun = begins(&step);
    }

    /// Asks `lane`, checks the step against the account, and answers it with the first of `events`
    /// that fits. Returns until when the lane waits, if it does.
    pub fn turn(&mut self, lane: Lane, events: &[usize]) -> Option<Mono> {
        let step = self.auditor.poll(lane, self.ledger.now);
        let event = events.iter().map(|event| EVENTS[*event]).find(|event| answers(&step, event));
        let wait = self.ledger.check_step(lane, &step, event.is_some());
        self.ledger.accounts[usize::from(lane.0)].begun = begins(&step) && event.is_none();
        if let Some(event) = event {
            self.ledger.check_answer(lane, &step, &event);
            let _ = self.auditor.handle(lane, self.ledger.now, event);
        }
        wait
    }

    /// Whatever `lane` is answered: a lane that waits goes on waiting, unless all are woken.
    pub fn assert_nobody_oversleeps(&self, lane: Lane) {
        let now = self.ledger.now;
        let other = Lane(1 - lane.0);
        let mut before = self.auditor.clone();
        let Step::Wait(until) = before.poll(other, now) else { return };
        let step = before.poll(lane, now);
        let fitting = EVENTS.map(|event| answers(&step, &event));
        for (event, _) in EVENTS.iter().zip(fitting).filter(|(_, fits)| *fits) {
            let mut after = before.clone();
            if !after.handle(lane, now, *event) {
                let then = after.poll(other, now);
                let waits_on = matches!(then, Step::Wait(then) if until <= then);
                assert!(waits_on, "{event:?} wakes nobody, and a lane waits");
            }
        }
    }

    /// Goes from one thing to the next for `span`, each lane answered with the first of `events` that
    /// fits; time leaps when every lane waits. Returns how many passes ended.
    pub fn live(&mut self, span: Duration, events: &[usize]) -> u8 {
        let (end, passes) = (self.ledger.now.mono.after(span), self.ledger.passes);
        while self.ledger.now.mono < end {
            let waits = [Lane(0), Lane(1)].map(|lane| self.turn(lane, events));
            if let [Some(one), Some(two)] = waits {
                self.ledger.now.mono = one.min(two).min(end);
            }
        }
        self.ledger.passes - passes
    }

    /// When the last pass began.
    #[must_use]
    pub const fn began(&self) -> Option<Mono> {
        self.ledger.began
    }

    /// Told to stop, every lane leaves within a few turns, whatever it is at.
    pub fn assert_it_can_be_stopped(&self) {
        const ENDINGS: [usize; 9] = [22, 20, 19, 13, 30, 7, 2, 0, 32];
        let mut model = self.clone();
        let now = model.ledger.now;
        let before = [0, 1].map(|lane: usize| self.ledger.accounts[lane].begun);
        model.order(Order::Stop);
        let mut left = 0;
        for round in 0..12 {
            left = 0;
            for (lane, before) in [Lane(0), Lane(1)].into_iter().zip(before) {
                let step = model.auditor.poll(lane, now);
                left += usize::from(step == Step::Exit);
                let new = begins(&step) && !(before && round == 0);
                assert!(!new, "told to stop, it begins nothing new: {step:?}");
                let _ = model.turn(lane, &ENDINGS);
            }
        }
        assert_eq!(left, LANES, "told to stop, every lane leaves");
    }

    /// Left alone with sound databases, the pass ends: nothing waits for nothing.
    pub fn assert_it_goes_on(&self) {
        const SOUND: [usize; 8] = [2, 7, 8, 14, 20, 22, 27, 32];
        let mut model = self.clone();
        let passes = model.ledger.passes;
        for _ in 0..200 {
            let mut next = Mono::FAR;
            let mut waiting = 0;
            for lane in [Lane(0), Lane(1)] {
                if let Some(until) = model.turn(lane, &SOUND) {
                    next = next.min(until);
                    waiting += 1;
                }
            }
            let left = [Lane(0), Lane(1)]
                .into_iter()
                .all(|lane| model.auditor.poll(lane, model.ledger.now) == Step::Exit);
            if passes < model.ledger.passes || left {
                return;
            }
            if waiting == LANES {
                assert!(next < Mono::FAR, "every lane waits for another: {:?}", model.auditor);
                model.ledger.now.mono = next;
            }
        }
        panic!("a pass of sound databases never ends");
    }
}

impl Ledger {
    fn check_step(&mut self, lane: Lane, step: &Step<'_>, taken: bool) -> Option<Mono> {
        let place = usize::from(lane.0);
        match step {
            Step::Wait(until) => {
                assert!(self.now.mono < *until, "a wait lies in the future");
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
                assert!(self.unsaved || self.stopped, "there is nothing to save");
                let account = &mut self.accounts[place];
                if !account.saving {
                    let since = self.saved.map(|at| self.now.mono.since(at));
                    let soon = since.is_some_and(|since| since < SAVE_EVERY);
                    assert!(!soon || self.urgent || self.stopped, "saved after {since:?}");
                    (self.saved, self.urgent) = (Some(self.now.mono), false);
                }
                account.saving = !taken;
                if taken && (self.stopped || !self.sweeping) {
                    self.unsaved = false;
                }
            }
            Step::Walk(device) => {
                let disk = self.disks.get(usize::from(device.0));
                for (other, account) in self.accounts.iter().enumerate() {
                    let theirs =
                        account.device.and_then(|held| self.disks.get(usize::from(held.0)));
                    assert!(
                        other == place || theirs.is_none() || theirs != disk,
                        "two lanes never work on one physical disk"
                    );
                }
                assert!(!self.ended.contains(device), "a device is walked once in a pass");
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
                    self.urgent = true;
                }
                account.tripping = !taken;
            }
            Report::Audited(audited) => {
                let account = &mut self.accounts[place];
                assert!(!account.open.is_empty(), "reported what nobody found");
                let verdict = audited.judged.verdict;
                let first = account.open.iter().min().copied().unwrap_or(self.now.mono);
                if verdict == Verdict::Busy && !account.damaged {
                    let waited = self.now.mono.since(first);
                    assert!(BUSY_AFTER <= waited, "called busy after {waited:?}");
                }
                assert_eq!(audited.fate == Fate::Moved, account.moved, "a move is told as it was");
                let cleared = !account.cleared || verdict == Verdict::Sound;
                assert!(cleared, "the second look counts, not the first");
                if taken {
                    self.audited += 1;
                    let looked = self.now.mono; // one of the open ones; which one is its affair
                    let done = account
                        .open
                        .iter()
                        .position(|at| *at == looked || looked.since(*at) == audited.took);
                    account.open.remove(done.unwrap_or(0));
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
                    account.moved = false;
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
                let said = (window.passed, window.failed);
                assert_eq!(said, self.window, "the last window says what was counted in it");
            }
            Report::Ended(ended) => {
                assert!(self.accounts.iter().all(|it| it.open.is_empty()), "ended too early");
                let all = self.disks.len();
                assert!(self.ended.len() == all || self.stopped, "a device was not walked");
                assert_eq!(
                    (ended.window.passed, ended.window.failed),
                    self.window,
                    "the window so far"
                );
                assert_eq!(ended.totals.audited(), self.audited, "the totals are the pass's own");
                if taken {
                    self.passes = self.passes.saturating_add(1);
                    self.resumed = false;
                    self.sweeping = false;
                }
            }
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

    fn check_answer(&mut self, lane: Lane, step: &Step<'_>, event: &Event<'_>) {
        let account = &mut self.accounts[usize::from(lane.0)];
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
        if account.walked && account.open.is_empty() {
            account.device = None;
            account.walked = false;
        }
    }
}
