//! [`World`]: a node whose time leaps from one thing that happens to the next.
//!
//! The auditor is the real one; disks, clocks and databases are played. What must hold is asserted
//! as it happens; what a day came to is kept in a [`Day`].
mod node;

use std::time::Duration;

use martlet_core::audit::{Auditor, Conf, Event, Lane, Mode, Order, Past, STALLED_AFTER, Second};
use martlet_core::breaker::Limits;
use martlet_core::due::DeepConf;
use martlet_core::quarantine::{Around, Siblings};
use martlet_core::time::Mono;
use martlet_core::walk::{Floor, Trouble, Walked};

use self::node::{DAY, DEVICES, DISKS, EIO, Node, STALLS};

/// What a lane is at.
#[derive(Clone, Copy, Debug)]
enum Doing {
    Free,
    Waits(Mono),
    /// An answer comes at that time.
    Works(Mono, Answer),
    /// It was told to leave.
    Left,
}

#[derive(Clone, Copy, Debug)]
enum Answer {
    Devices,
    Found(usize),
    Hit,
    End(usize),
    Looked(usize),
    LookedAgain(usize),
    Moved(usize),
    Reported,
    Saved,
}

/// What one day came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Day {
    /// Passes that ended.
    pub passes: u32,
    /// Seconds of the longest of them.
    pub longest: u64,
    /// Databases that passed, failed, and did neither.
    pub counts: [u32; 3],
    /// Of those that failed: how many for a lock.
    pub busy: u32,
    /// Databases moved to quarantine.
    pub moved: u32,
    /// Moves that the disk refused.
    pub refused: u32,
    /// Directories passed over.
    pub skipped: u32,
    /// Passes that said that they left something out.
    pub incomplete: u32,
    /// Times that what is kept over a restart was saved.
    pub saves: u32,
    /// Hourly windows, and all that they counted.
    pub windows: [u64; 2],
}

/// The node and its auditor.
#[derive(Debug)]
pub struct World<const LANES: usize> {
    auditor: Auditor<LANES, DEVICES>,
    lanes: [Doing; LANES],
    /// When somebody sees that a lane's device does not answer, if that lasts so long.
    seen: [Option<Mono>; LANES],
    mono: Mono,
    node: Node,
}

impl<const LANES: usize> Default for World<LANES> {
    fn default() -> Self {
        Self::new()
    }
}

impl<const LANES: usize> World<LANES> {
    /// A node that is switched on now: one audit a second, a pass every twelve hours.
    #[must_use]
    pub fn new() -> Self {
        Self::with(&STALLS)
    }

    /// When each device's databases were reported first, from the start, in order: of a day on which
    /// this device does not answer for so many seconds; all answer if it is none.
    #[must_use]
    pub fn first_reports(stall: &'static [(usize, u32, u64)]) -> Vec<Vec<Duration>> {
        let mut world = Self::with(stall);
        world.turn_all();
        world.node.days.push(Day::default());
        let end = world.node.start.after(DAY);
        while let Some(next) = world.next().filter(|next| *next <= end) {
            world.leap(next);
        }
        let start = world.node.start;
        let databases = world.node.databases.chunks(world.node.databases.len() / DEVICES);
        let times = |it: &[node::Database]| {
            let times = it.iter().filter_map(|database| database.reported);
            let mut times: Vec<_> = times.map(|at| at.since(start)).collect();
            times.sort_unstable();
            times
        };
        databases.map(times).collect()
    }

    /// The same node with these stalls: a device, a day, and for how many seconds it does not answer then.
    #[must_use]
    pub fn with(stalls: &'static [(usize, u32, u64)]) -> Self {
        let conf = Conf {
            mode: Mode::Forever,
            interval: Duration::from_secs(12 * 3600),
            spacing: Duration::from_secs(1),
            quarantine: true,
            breaker: Limits { databases: 16, share: 10_000 },
            hash: None,
            deep: DeepConf::default(),
        };
        let mono = Mono::from_nanos(1 << 40);
        let node = Node::new(&conf, mono, LANES as u64, stalls);
        let auditor = Auditor::new(&conf, node.now(mono), 7);
        Self { auditor, lanes: [Doing::Free; LANES], seen: [None; LANES], mono, node }
    }

    /// Lets so many days pass, then stops it. Returns what each came to.
    #[must_use]
    pub fn run(mut self, days: u32) -> Vec<Day> {
        self.turn_all();
        for day in 1..=days {
            let end = self.node.start.after(DAY * day);
            self.node.days.push(Day::default());
            while let Some(next) = self.next().filter(|next| *next <= end) {
                self.leap(next);
            }
        }
        assert!(self.auditor.order(self.node.now(self.mono), Order::Stop), "an order wakes all");
        self.wake();
        self.turn_all();
        while let Some(next) = self.next() {
            self.leap(next);
        }
        assert_eq!(self.node.windowed, self.node.counted, "the windows sum up to all audits");
        self.node.days
    }

    /// When something happens next; none once every lane has left.
    fn next(&self) -> Option<Mono> {
        let times = self.lanes.iter().filter_map(|lane| match lane {
            Doing::Waits(at) | Doing::Works(at, _) => Some(*at),
            Doing::Free | Doing::Left => None,
        });
        let next = times.chain(self.seen.iter().flatten().copied()).min()?;
        assert!(next < Mono::FAR, "every lane waits for another");
        Some(next)
    }

    fn leap(&mut self, to: Mono) {
        assert!(self.mono < to, "a wait lies in the future");
        self.mono = to;
        self.see();
        self.turn_all();
    }

    /// Has the others go on without a lane whose device is seen not to answer.
    fn see(&mut self) {
        for lane in 0..LANES {
            if self.seen[lane].take_if(|at| *at <= self.mono).is_some()
                && let Doing::Works(_, Answer::Looked(at)) = self.lanes[lane]
                && self.auditor.order(self.node.now(self.mono), Order::Stalled(number(lane)))
            {
                self.node.stalls(lane, at);
                self.wake();
            }
        }
    }

    /// Every lane does what it can do without time passing.
    fn turn_all(&mut self) {
        let mut turned = true;
        while turned {
            turned = false;
            for lane in 0..LANES {
                turned |= self.turn(lane);
            }
        }
    }

    fn turn(&mut self, lane: usize) -> bool {
        match self.lanes[lane] {
            Doing::Waits(until) if until <= self.mono => self.lanes[lane] = Doing::Free,
            Doing::Works(at, answer) if at <= self.mono => {
                self.lanes[lane] = Doing::Free;
                self.seen[lane] = None;
                self.tell(lane, answer);
                self.node.answers(lane);
            }
            Doing::Free => {
                let now = self.node.now(self.mono);
                let step = self.auditor.poll(number(lane), now);
                self.lanes[lane] = self.node.take(lane, now.mono, &step);
                let seen = now.mono.after(STALLED_AFTER);
                let lasts = matches!(self.lanes[lane], Doing::Works(until, _) if seen < until);
                self.seen[lane] = Some(seen).filter(|_| lasts && 1 < LANES);
            }
            Doing::Waits(_) | Doing::Works(..) | Doing::Left => return false,
        }
        true
    }

    fn tell(&mut self, lane: usize, answer: Answer) {
        let now = self.node.now(self.mono);
        let (auditor, node) = (&mut self.auditor, &mut self.node);
        let mut woken = false;
        let mut say = |event: Event<'_>| woken |= auditor.handle(number(lane), now, event);
        match answer {
            Answer::Devices => {
                for disk in DISKS {
                    say(Event::Device { disk, past: Past::default() });
                }
                say(Event::DevicesEnd(Ok(())));
            }
            Answer::Found(at) => say(Event::Walked(Walked::Found(&node.paths[at]))),
            Answer::Hit => {
                say(Event::Walked(Walked::Hit(Floor::Suffix, Trouble::Errno(EIO))));
            }
            Answer::End(device) => {
                node.walks[device].1 = None;
                say(Event::Walked(Walked::End));
            }
            Answer::Looked(at) => say(Event::Checked(node.look(at, now.mono))),
            Answer::LookedAgain(at) => {
                let siblings = Siblings { others: 0, epochs: false };
                let around = Around { device_well: true, same: true, siblings };
                say(Event::Confirmed(Second { seen: node.look(at, now.mono), dug: None, around }));
            }
            Answer::Moved(at) => {
                // The disk refuses the very first time.
                let refused = node.days.iter().all(|day| day.refused == 0);
                node.day().refused += u32::from(refused);
                node.databases[at].moved = !refused;
                say(Event::Moved(if refused { Err(EIO) } else { Ok(()) }));
            }
            Answer::Reported => say(Event::Reported),
            Answer::Saved => say(Event::Saved),
        }
        if woken {
            self.wake();
        }
    }

    /// Only what the auditor calls worth waking for wakes a lane before its time.
    fn wake(&mut self) {
        for lane in &mut self.lanes {
            if let Doing::Waits(_) = lane {
                *lane = Doing::Free;
            }
        }
    }
}

fn number(lane: usize) -> Lane {
    Lane(u8::try_from(lane).unwrap_or(u8::MAX))
}
