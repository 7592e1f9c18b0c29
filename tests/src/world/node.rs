//! The played side of a [`super::World`]: disks, clocks, databases, and the account of what was said.
use std::time::Duration;

use martlet_core::audit::{BUSY_AFTER, Conf, Device, Ended, Report, SAVE_EVERY, Step};
use martlet_core::check::{Cell, Code, Fault, Seen, Stat};
use martlet_core::gate::BUFFER;
use martlet_core::tally::{WINDOW, Window};
use martlet_core::time::{Mono, Now, Wall};
use martlet_core::verdict::{Counts, Verdict};

use super::{Answer, Day, Doing};

/// Devices of the node; the last two are on one disk.
pub(super) const DEVICES: usize = 4;
pub(super) const DISKS: [u64; DEVICES] = [1, 2, 3, 3];
/// Databases on each.
const DATABASES: usize = 1000;
pub(super) const DAY: Duration = Duration::from_secs(86_400);
pub(super) const EIO: i32 = 5;
const CORRUPT: i32 = 11;
const BUSY: i32 = 5;

/// How long a look takes on each device, in milliseconds.
const LOOK_MS: [u64; DEVICES] = [1, 1, 5, 20];
/// The stalls of the month.
pub(super) const STALLS: [Stall; 3] = [(1, 3, 4), (1, 4, 7_200), (3, 9, 600)];
/// The calendar steps at the beginning of a day by so many seconds.
const STEPS: [(u64, i64); 4] =
    [(5, 3_600), (11, -10_800), (15, -1_500_000_000), (16, 1_500_000_000)];
/// A directory of this device cannot be listed on these days.
const UNLISTED: (usize, std::ops::Range<u32>) = (2, 7..9);

/// What a database is, or comes to be on a day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Live,
    Deleted,
    /// Its row is gone.
    NoRow,
    /// Its pages are junk.
    Junk,
}

/// A device does not answer on this day: the device, the day, and for how many seconds.
pub(super) type Stall = (usize, u32, u64);

#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Database {
    pub(super) moved: bool,
    /// Audits reported in this pass.
    audits: u32,
    first_look: Option<Mono>,
    /// Its first report of all.
    pub(super) reported: Option<Mono>,
    /// Others hold its lock until then.
    locked: Mono,
}

/// The disks, and the account of what was said of them.
#[derive(Debug)]
pub(super) struct Node {
    conf: Conf,
    lanes: u64,
    stalls: &'static [Stall],
    /// Something was audited since the last save.
    unsaved: bool,
    pub(super) start: Mono,
    pub(super) databases: Vec<Database>,
    pub(super) paths: Vec<Vec<u8>>,
    /// The next database of each device's walk, and the lane that walks it.
    pub(super) walks: [(usize, Option<usize>); DEVICES],
    /// Lanes that the others go on without, and the disks that they hold.
    stalled: Vec<(usize, u64)>,
    /// Passes that began, the last one's begin, and the end of the one before.
    passes: u64,
    began: Option<Mono>,
    ended: Option<Mono>,
    listed: u64,
    pub(super) counted: u64,
    pub(super) windowed: u64,
    window_closed: Mono,
    pub(super) days: Vec<Day>,
}

impl Node {
    pub(super) fn new(conf: &Conf, start: Mono, lanes: u64, stalls: &'static [Stall]) -> Self {
        let path = |number: usize| {
            let (partition, hash) = (number % 64, format!("{number:032x}"));
            let device = number / DATABASES;
            let dir = format!("/srv/node/d{device}/containers/{partition}/{}", &hash[29..]);
            format!("{dir}/{hash}/{hash}.db").into_bytes()
        };
        Self {
            conf: conf.clone(),
            lanes,
            stalls,
            unsaved: false,
            start,
            databases: vec![Database::default(); DEVICES * DATABASES],
            paths: (0..DEVICES * DATABASES).map(path).collect(),
            walks: [(0, None); DEVICES],
            stalled: Vec::new(),
            passes: 0,
            began: None,
            ended: None,
            listed: 0,
            counted: 0,
            windowed: 0,
            window_closed: start,
            days: Vec::new(),
        }
    }

    pub(super) fn now(&self, mono: Mono) -> Now {
        let today = mono.since(self.start).as_secs() / DAY.as_secs();
        let stepped: i64 = STEPS.iter().filter(|step| step.0 <= today).map(|step| step.1).sum();
        let micros = mono.since(self.start).as_micros() + 1_795_354_724_000_000;
        let micros = i64::try_from(micros).unwrap_or(i64::MAX) + stepped * 1_000_000;
        Now { mono, wall: Wall::from_micros(micros) }
    }

    fn today(&self) -> u32 {
        u32::try_from(self.days.len()).unwrap_or(u32::MAX).saturating_sub(1)
    }

    pub(super) fn day(&mut self) -> &mut Day {
        self.days.last_mut().expect("a day has begun")
    }

    /// Takes a step: what the lane is at from now on.
    pub(super) fn take(&mut self, lane: usize, now: Mono, step: &Step<'_>) -> Doing {
        let works = |millis, answer| Doing::Works(now.after(Duration::from_millis(millis)), answer);
        match step {
            Step::Wait(until) => {
                assert!(now < *until, "a wait lies in the future");
                let kept = self.lanes != 1 || !self.unsaved || *until <= now.after(SAVE_EVERY);
                assert!(kept, "what was found is saved within a minute");
                Doing::Waits(*until)
            }
            Step::Exit => Doing::Left,
            Step::Save => {
                self.unsaved = false;
                self.day().saves += 1;
                works(20, Answer::Saved)
            }
            Step::Devices => works(2, Answer::Devices),
            Step::Walk(Device(device)) => {
                let answer = self.walk(lane, usize::from(*device), now);
                works(0, answer)
            }
            Step::Check(path) => {
                let at = place(path.as_bytes());
                let look = LOOK_MS[at / DATABASES];
                works(look + self.stall(at), Answer::Looked(at))
            }
            Step::Dig(path) => panic!("nobody asked for a deep audit of {path:?}"),
            Step::Confirm(path, _) => works(30, Answer::LookedAgain(place(path.as_bytes()))),
            Step::Move(path, _) => works(10, Answer::Moved(place(path.as_bytes()))),
            Step::Report(report) => {
                self.said(report, now);
                works(0, Answer::Reported)
            }
        }
    }

    /// Milliseconds for which a device does not answer, once on the day of it.
    fn stall(&self, at: usize) -> u64 {
        let (today, device) = (self.today(), at / DATABASES);
        let stalled = self.stalls.iter().find(|it| it.0 == device && it.1 == today);
        let is_first = at % DATABASES == 500 && self.day_passes() == 0;
        stalled.filter(|_| is_first).map_or(0, |it| it.2 * 1000)
    }

    /// The device of a lane that looks at this database is seen not to answer.
    pub(super) fn stalls(&mut self, lane: usize, at: usize) {
        self.stalled.push((lane, DISKS[at / DATABASES]));
    }

    /// A lane has answered.
    pub(super) fn answers(&mut self, lane: usize) {
        self.stalled.retain(|it| it.0 != lane);
    }

    fn holds(&self, device: usize) -> bool {
        self.stalled.iter().any(|it| it.1 == DISKS[device])
    }

    fn day_passes(&self) -> u32 {
        self.days.last().map_or(0, |day| day.passes)
    }

    fn walk(&mut self, lane: usize, device: usize, now: Mono) -> Answer {
        for (other, walk) in self.walks.iter().enumerate() {
            let same = DISKS[other] == DISKS[device] && walk.1.is_some_and(|held| held != lane);
            assert!(!same, "two lanes never work on one physical disk");
        }
        assert!(!self.holds(device), "nobody follows a lane that has stalled");
        let at = self.walks[device].0;
        self.walks[device] = (at + 1, Some(lane));
        if at == 100 && UNLISTED.0 == device && UNLISTED.1.contains(&self.today()) {
            self.walks[device].0 = 101; // database 100 lies below it
            return Answer::Hit;
        }
        let left = (at..DATABASES).find(|at| !self.databases[device * DATABASES + at].moved);
        let Some(found) = left else { return Answer::End(device) };
        self.walks[device].0 = found + 1;
        let found = device * DATABASES + found;
        self.databases[found].first_look = Some(now);
        self.databases[found].locked = now.after(self.lock(found));
        self.listed += 1;
        let span = now.since(self.began.unwrap_or(now)) + BUFFER;
        let budget = span.as_millis() / self.conf.spacing.as_millis();
        assert!(u128::from(self.listed) <= budget + 1 + u128::from(self.lanes), "the gate holds");
        Answer::Found(found)
    }

    /// For how long others hold the lock of a database in this pass.
    fn lock(&self, at: usize) -> Duration {
        let turn = at as u64 * 7919 + self.passes * 104_729;
        Duration::from_secs(match turn % 1999 {
            0 => 40,
            1..=3 => 3,
            _ => 0,
        })
    }

    pub(super) fn look(&self, at: usize, now: Mono) -> Seen<'static> {
        if now < self.databases[at].locked {
            return Seen::Error(Code { sqlite: BUSY, errno: 0 });
        }
        match kind(at, self.today()) {
            Kind::Live => Seen::Row(Stat { count: Cell::Int(3), ..ROW }),
            Kind::Deleted => Seen::Row(Stat { delete: Cell::Text(b"1700000001.00000"), ..ROW }),
            Kind::NoRow => Seen::Fault(Fault::NoRow),
            Kind::Junk => Seen::Error(Code { sqlite: CORRUPT, errno: 0 }),
        }
    }

    fn said(&mut self, report: &Report<'_>, now: Mono) {
        match report {
            Report::Began(_) => self.pass_begins(now),
            Report::Hit(..) => self.day().skipped += 1,
            Report::Tripped(tripped) => panic!("too little is damaged here to trip: {tripped:?}"),
            Report::Audited(audited) => {
                self.unsaved = true;
                let at = place(audited.path.as_bytes());
                let database = &mut self.databases[at];
                database.audits += 1;
                database.reported = database.reported.or(Some(now));
                let waited = now.since(database.first_look.unwrap_or(now));
                let verdict = audited.judged.verdict;
                assert!(verdict != Verdict::Busy || BUSY_AFTER <= waited, "busy after {waited:?}");
                let counts = audited.judged.counts;
                self.counted += u64::from(counts != Counts::Neither);
                let day = self.day();
                day.busy += u32::from(verdict == Verdict::Busy);
                day.counts[match counts {
                    Counts::Passed => 0,
                    Counts::Failed => 1,
                    Counts::Neither => 2,
                }] += 1;
            }
            Report::Window(window) => {
                assert!(WINDOW <= now.since(self.window_closed), "a window lasts an hour");
                self.window_closed = now;
                self.window(*window);
            }
            Report::Leaving(window) => self.window(*window),
            Report::Ended(ended) => self.pass_ends(ended, now),
        }
    }

    fn window(&mut self, window: Window) {
        let counted = window.passed + window.failed;
        self.windowed += counted;
        let day = self.day();
        day.windows[0] += 1;
        day.windows[1] += counted;
    }

    fn pass_begins(&mut self, now: Mono) {
        if let (Some(began), Some(ended)) = (self.began, self.ended) {
            let due = began.after(self.conf.interval).max(ended);
            assert_eq!(now, due, "passes begin an interval apart, or one at the other's end");
        }
        self.began = Some(now);
        self.passes += 1;
        self.listed = 0;
        self.walks = [(0, None); DEVICES];
        self.databases.iter_mut().for_each(|it| it.audits = 0);
    }

    fn pass_ends(&mut self, ended: &Ended, now: Mono) {
        let today = self.today();
        for (at, database) in self.databases.iter().enumerate() {
            let expected = u32::from(!database.moved || 0 < database.audits);
            let unlisted = at == UNLISTED.0 * DATABASES + 100;
            let left = self.holds(at / DATABASES) && database.audits <= 1;
            let left = (unlisted || left) && 0 < ended.totals.skipped;
            let right = database.audits == expected || left;
            assert!(right, "day {today}: database {at} was audited {} times", database.audits);
        }
        self.ended = Some(now);
        let day = self.day();
        day.passes += 1;
        day.incomplete += u32::from(0 < ended.totals.skipped);
        day.moved += u32::try_from(ended.totals.moved).unwrap_or(u32::MAX);
        day.longest = day.longest.max(ended.took.as_secs());
    }
}

/// An empty container's row.
const ROW: Stat<'static> = Stat {
    account: Cell::Text(b"a"),
    container: Cell::Text(b"c"),
    put: Cell::Text(b"1700000000.00000"),
    delete: Cell::Text(b"0"),
    count: Cell::Int(0),
    revived: false,
};

fn kind(at: usize, today: u32) -> Kind {
    let (device, number) = (at / DATABASES, at % DATABASES);
    let since = u32::try_from(device).unwrap_or(0) * 3 + 2;
    match number {
        10..=14 if since <= today => Kind::NoRow,
        20..=21 if since + 4 <= today => Kind::Junk,
        _ if number % 10 == 3 => Kind::Deleted,
        _ => Kind::Live,
    }
}

/// The database that a path was made for.
fn place(path: &[u8]) -> usize {
    let digits = path.len().checked_sub(11).and_then(|start| path.get(start..start + 8));
    let digits = digits.and_then(|it| std::str::from_utf8(it).ok());
    let place = digits.and_then(|it| usize::from_str_radix(it, 16).ok());
    place.expect("the path is the one that was found")
}
