//! Devices that are walked whole, in part, and not at all; and the bytes that are kept of them.
extern crate std;
use super::*;
use crate::cursor::{Bad, Disk, Name};
use crate::path::DbPath;
use crate::time::{Mono, Now, Wall};
use std::vec::Vec;

const DAY: u32 = 86_400;
const WANTED: Wanted = Wanted { interval: Duration::from_secs(1_800), deep: None };

const fn moment(ended: u32, at: u32) -> Moment {
    Moment { ended, at, known: 0 }
}

/// What happens in a pass.
enum Met {
    /// A database in the part of this digit.
    Sound(u8),
    Bad(u8, Verdict),
    Hit(Floor),
}

/// The parts that a pass over all sixteen digits leaves out, where `met` happens at the digit 5.
fn left_out(met: &[Met]) -> Vec<u8> {
    let mut coverage = Coverage::new(moment(0, 10));
    let all = b"0123456789abcdef";
    for digit in &all[..6] {
        coverage.audited(&[*digit], Verdict::Sound, || 20);
    }
    for met in met {
        match met {
            Met::Sound(digit) => coverage.audited(&[*digit], Verdict::Sound, || 20),
            Met::Bad(digit, verdict) => coverage.audited(&[*digit], *verdict, || 20),
            Met::Hit(floor) => coverage.hit(*floor),
        }
    }
    for digit in &all[8..] {
        coverage.audited(&[*digit], Verdict::Sound, || 20);
    }
    coverage.ended(moment(1, 30), 1, Turns::default(), WANTED);
    all.iter().zip(coverage.stat).filter(|it| it.1.is_none()).map(|it| *it.0).collect()
}

#[test]
fn a_part_counts_only_if_nothing_in_it_was_left_out() {
    for (what, met, expected) in [
        ("nothing", &[][..], &b""[..]),
        ("a locked one", &[Met::Bad(b'5', Verdict::Busy)], b"5"),
        ("unreadable", &[Met::Bad(b'6', Verdict::Unreadable)], b"6"),
        ("a disk that fails", &[Met::Bad(b'6', Verdict::DeviceError)], b"6"),
        ("a journal", &[Met::Bad(b'6', Verdict::NeedsRecovery)], b"6"),
        ("damaged", &[Met::Bad(b'6', Verdict::Damaged)], b""),
        ("gone", &[Met::Bad(b'6', Verdict::Vanished)], b""),
        ("deleted", &[Met::Bad(b'6', Verdict::Deleted)], b""),
        ("misplaced", &[Met::Bad(b'f', Verdict::Misplaced)], b""),
        ("only the deep audit", &[Met::Bad(b'6', Verdict::Unsettled)], b""),
        ("a partition up to the next database", &[Met::Hit(Floor::Partition)], b"5678"),
        ("a suffix", &[Met::Hit(Floor::Suffix), Met::Sound(b'6')], b"56"),
        ("one of the same part closes no gap", &[Met::Hit(Floor::Hash), Met::Sound(b'5')], b"5678"),
        ("nor does one from the shelf", &[Met::Hit(Floor::Hash), Met::Sound(b'2')], b"25678"),
        ("the device", &[Met::Hit(Floor::Device)], b"0123456789abcdef"),
        ("what it holds", &[Met::Hit(Floor::Datadir)], b"0123456789abcdef"),
        ("all devices", &[Met::Hit(Floor::Devices)], b""),
        ("an odd name", &[Met::Bad(b'x', Verdict::Sound)], b""),
        ("an odd name, locked", &[Met::Bad(b'x', Verdict::Busy)], b"5"),
    ] {
        assert_eq!(left_out(met), expected, "{what}");
    }
}

#[test]
fn a_hit_after_the_last_database_leaves_out_the_rest() {
    let mut coverage = Coverage::new(moment(0, 0));
    coverage.audited(b"c", Verdict::Sound, || 1);
    coverage.hit(Floor::Partition);
    coverage.ended(moment(1, 9), 1, Turns::default(), WANTED);
    let known: Vec<bool> = coverage.stat.iter().map(Option::is_some).collect();
    assert_eq!(known, [[true; 12].as_slice(), &[false; 4]].concat());
}

#[test]
fn an_age_is_that_of_the_part_that_has_waited_longest() {
    let mut coverage = Coverage::new(moment(3, 100));
    let oldest = |it: &Coverage, now| it.oldest(Kind::Stat, now, WANTED);
    let told =
        |passes, age, never| Some(Oldest { passes, age: Some(Duration::from_secs(age)), never });
    assert_eq!(oldest(&coverage, moment(3, 100)), told(0, 0, true), "first seen now");
    assert_eq!(oldest(&coverage, moment(5, 160)), told(2, 60, true), "never audited since");
    coverage.begin(moment(5, 160));
    coverage.audited(b"00", Verdict::Sound, || 170);
    coverage.audited(b"7f", Verdict::Sound, || 180);
    coverage.ended(moment(6, 200), 6, Turns::default(), WANTED);
    assert_eq!(oldest(&coverage, moment(6, 200)), told(0, 40, false), "since the pass began");
    coverage.begin(moment(6, 300));
    coverage.audited(b"00", Verdict::Sound, || 310);
    coverage.audited(b"7f", Verdict::Busy, || 320);
    coverage.ended(moment(7, 330), 7, Turns::default(), WANTED);
    assert_eq!(oldest(&coverage, moment(7, 400)), told(1, 220, false), "7 was audited at 180");
    let late = Moment { known: 181, ..moment(7, 400) };
    assert_eq!(oldest(&coverage, late), Some(Oldest { passes: 1, age: None, never: false }));
    assert_eq!(coverage.oldest(Kind::Deep, late, WANTED), None, "none is wanted");
}

#[test]
fn too_long_is_three_passes_or_a_week_or_more() {
    let days = |days: u32| Duration::from_secs((days * DAY).into());
    let hourly = Wanted { interval: days(1) / 24, deep: Some(days(7)) };
    let weekly = Wanted { interval: days(7), deep: Some(days(1)) };
    let blind = None;
    for (kind, wanted, passes, age, overdue) in [
        (Kind::Stat, hourly, 2, Some(days(6)), false),
        (Kind::Stat, hourly, 3, Some(days(0)), true),
        (Kind::Stat, hourly, 0, Some(days(7)), true),
        (Kind::Stat, weekly, 2, Some(days(20)), false),
        (Kind::Stat, weekly, 2, Some(days(21)), true),
        (Kind::Stat, hourly, 2, blind, false),
        (Kind::Stat, hourly, 3, blind, true),
        (Kind::Deep, hourly, 900, Some(days(13)), false),
        (Kind::Deep, hourly, 0, Some(days(14)), true),
        (Kind::Deep, weekly, 9, Some(days(6)), false),
        (Kind::Deep, weekly, 9, Some(days(7)), true),
        (Kind::Deep, hourly, 335, blind, false),
        (Kind::Deep, hourly, 336, blind, true),
        (Kind::Deep, WANTED, u32::MAX, Some(Duration::MAX), false),
    ] {
        let oldest = Oldest { passes, age, never: false };
        assert_eq!(oldest.is_overdue(kind, wanted), overdue, "{kind:?} {wanted:?} {oldest:?}");
    }
}

#[test]
fn it_is_said_once_until_it_was_well() {
    let mut coverage = Coverage::new(moment(0, 0));
    let mut said = Vec::new();
    for (pass, hit) in (1..12).zip([1, 1, 1, 1, 1, 0, 0, 1, 1, 1, 1]) {
        let at = pass * 60;
        if hit == 1 {
            coverage.hit(Floor::Device);
        }
        coverage.ended(moment(pass, at), pass, Turns::default(), WANTED);
        said.push(coverage.newly_overdue(moment(pass, at), WANTED).count());
        assert_eq!(coverage.newly_overdue(moment(pass, at), WANTED).count(), 0, "pass {pass}");
    }
    assert_eq!(said, [0, 0, 1, 0, 0, 0, 0, 0, 0, 1, 0]);
}

fn entry() -> Entry {
    let stamp = |n| Some(Stamp { pass: n, at: n * 7 });
    let coverage = Coverage {
        first: Stamp { pass: 1, at: 2 },
        stat: core::array::from_fn(|n| if n == 3 { None } else { stamp(4) }),
        deep: core::array::from_fn(|n| if n == 5 { stamp(u32::MAX / 8) } else { None }),
        walk: Walk {
            began: 9,
            entered: core::array::from_fn(|n| (n % 2 == 0).then_some(0)),
            spoiled: 0x8001,
            shallow: true,
            reach: 11,
            gap: true,
        },
        run: Run { turns: Turns::of([-5, 6, i64::MIN]), at: 77 },
        within: Duration::from_secs(604_800),
        said: [false, true],
    };
    let name = Name::from_slice(b"sda").unwrap_or_default();
    Entry { name, disk: Disk { inode: 131, born: -5 }, coverage }
}

#[test]
fn what_was_written_is_read_back_and_no_byte_changes_unseen() {
    for entry in [entry(), Entry::default()] {
        assert_eq!(Entry::decode(&entry.encode(9), 9), Ok(entry));
    }
    let time = KeptTime { at: 5, known: 3, wall: Wall::from_micros(-1) };
    let turns = Turns::of([1, 2, 3]);
    let spent = Some(Duration::from_nanos(u64::MAX));
    let head = Head { entries: 12, pass: 4, ended: true, spent, time, turns, away: 2 };
    assert_eq!(Head::decode(&head.encode()), Ok(head));
    for place in 0..ENTRY_BYTES {
        let mut bytes = entry().encode(3);
        bytes[place] ^= 0x10;
        assert_eq!(Entry::decode(&bytes, 3), Err(Bad::Torn), "byte {place} of the entry");
    }
    for place in 0..HEAD_BYTES {
        let mut bytes = head.encode();
        bytes[place] ^= 0x10;
        assert!(Head::decode(&bytes).is_err(), "byte {place} of the head");
    }
    assert_eq!(Entry::decode(&entry().encode(3), 2), Err(Bad::Torn), "of another place");
    assert_eq!(Head::decode(&[0; HEAD_BYTES]), Err(Bad::Foreign));
    let mut newer = head.encode();
    newer[8] = 9;
    assert_eq!(Head::decode(&newer), Err(Bad::Newer(9)));
}

/// Any numbers, the same each time.
struct Draw(u64);

impl Draw {
    fn below(&mut self, bound: u32) -> u32 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        u32::try_from((self.0 >> 20) % u64::from(bound)).unwrap_or(0)
    }

    fn one_in(&mut self, many: u32) -> bool {
        self.below(many) == 0
    }
}

/// A database, and when it was last audited by the auditor's own time: by stat, and by deep audit.
struct Database {
    path: DbPath,
    hash: std::string::String,
    audited: [u32; 2],
}

/// A device that is walked again and again, while the calendar steps.
struct Device {
    databases: Vec<Database>,
    now: Now,
    own: Own,
    ended: u32,
    turns: Turns,
    coverage: Coverage,
    draw: Draw,
}

const WEEKLY: Wanted =
    Wanted { interval: Duration::from_secs(3_600), deep: Some(Duration::from_secs(604_800)) };

impl Device {
    fn new(seed: u64) -> Self {
        let mut draw = Draw(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
        let databases = (0..40 + draw.below(40)).map(|n| {
            let hash = std::format!("{:08x}{n:024x}", n.wrapping_mul(0x0333_3333));
            let path = DbPath::new(std::format!("/d/{hash}/{hash}.db").as_bytes());
            Database { path, hash, audited: [0; 2] }
        });
        let mut databases: Vec<_> = databases.collect();
        databases.sort_by(|one, other| one.hash.cmp(&other.hash));
        let wall = Wall::from_micros(1_795_354_724_000_000);
        let now = Now { mono: Mono::from_nanos(1 << 50), wall };
        let own = Own::new(None, now);
        let coverage = Coverage::new(Moment::default());
        Self { databases, now, own, ended: 0, turns: Turns::default(), coverage, draw }
    }

    fn moment(&self) -> Moment {
        Moment { ended: self.ended, at: self.own.at(self.now.mono), known: self.own.known() }
    }

    fn passes_time(&mut self, most: u32) {
        let span = Duration::from_secs(self.draw.below(most).into());
        self.now.mono = self.now.mono.after(span);
        let micros = i64::try_from(span.as_micros()).unwrap_or(0);
        self.now.wall = Wall::from_micros(self.now.wall.as_micros().saturating_add(micros));
    }

    /// The calendar steps by up to a week in either direction.
    fn steps(&mut self) {
        let by = i64::from(self.draw.below(2 * 604_800)) - 604_800;
        self.now.wall = Wall::from_micros(self.now.wall.as_micros() + by * 1_000_000);
    }

    /// The auditor is off for a while, and its calendar may be another afterwards.
    fn restarts(&mut self, off: u32) {
        let kept = self.own.kept(self.now);
        self.passes_time(off);
        // What is added cannot be more than what the calendar shows.
        self.own = Own::new(Some(kept), self.now);
    }

    fn audit(&mut self, number: usize, verdict: Verdict) {
        let at = self.moment().at;
        let database = &mut self.databases[number];
        let done = !matches!(verdict, Verdict::Busy | Verdict::Unreadable);
        let due = self.turns.has(&database.path, WEEKLY.deep.unwrap_or_default());
        if done {
            database.audited[0] = at;
        }
        if done && due && verdict != Verdict::Unsettled {
            database.audited[1] = at;
        }
        self.coverage.audited(database.hash.as_bytes(), verdict, || at);
    }

    /// No database has waited longer than what is told, and what is told can be.
    fn assert_true(&self, what: &str) {
        let now = self.moment();
        for (kind, place) in [(Kind::Stat, 0), (Kind::Deep, 1)] {
            let oldest = self.coverage.oldest(kind, now, WEEKLY).expect("both are wanted");
            assert!(oldest.passes <= now.ended, "{what}: more passes than there were: {oldest:?}");
            let Some(age) = oldest.age else { continue };
            let first = Duration::from_secs(now.at.into());
            assert!(age <= first, "{what}: {kind:?} older than the first audit: {oldest:?}");
            for database in &self.databases {
                let waited = Duration::from_secs((now.at - database.audited[place]).into());
                assert!(waited <= age, "{what}: {kind:?} of {} {waited:?} {age:?}", database.hash);
            }
        }
    }

    /// One pass; things go wrong if `trouble` is set.
    fn pass(&mut self, trouble: bool) {
        self.turns = self.turns.next(self.now.wall, WEEKLY.interval);
        let began = self.moment();
        self.coverage.begin(began);
        let mut number = 0;
        let mut shelf = Vec::new();
        let mut saved = (self.coverage, 0);
        while number < self.databases.len() {
            self.passes_time(300);
            let luck = if trouble { self.draw.below(120) } else { 119 };
            match luck {
                0 => {
                    self.coverage.hit(Floor::Suffix);
                    number += usize::try_from(self.draw.below(9)).unwrap_or(0);
                    continue;
                }
                1 => self.audit(number, Verdict::Busy),
                2 => self.audit(number, Verdict::Unsettled),
                3 => shelf.push(number),
                4 => self.steps(),
                5 => {
                    // Killed: what was saved last goes on where it stood.
                    self.coverage = saved.0;
                    number = saved.1;
                    shelf.clear();
                    self.restarts(3_000);
                    continue;
                }
                _ => self.audit(number, Verdict::Sound),
            }
            number += usize::from(luck != 4);
            if 2 < shelf.len() || (!shelf.is_empty() && self.draw.one_in(3)) {
                let verdict = if self.draw.one_in(3) { Verdict::Busy } else { Verdict::Sound };
                self.audit(shelf.remove(0), verdict);
            }
            if shelf.is_empty() {
                self.assert_true("on the way");
                if self.draw.one_in(5) {
                    saved = (self.coverage, number);
                }
            }
        }
        for number in shelf {
            self.audit(number, Verdict::Sound);
        }
        let pass = self.ended + 1;
        self.ended = pass;
        self.coverage.ended(self.moment(), pass, self.turns, WEEKLY);
        self.assert_true("after the pass");
        self.passes_time(4_000);
    }
}

#[test]
fn no_database_has_waited_longer_than_is_told_whatever_happens() {
    for seed in 1..40 {
        let mut device = Device::new(seed);
        for pass in 0..150 {
            device.pass(pass % 50 < 25);
            if device.draw.one_in(30) {
                device.restarts(DAY);
            }
        }
        device.assert_true("in the end");
        let oldest = device.coverage.oldest(Kind::Stat, device.moment(), WEEKLY);
        assert_eq!(oldest.map(|it| it.passes), Some(0), "what goes well is seen to be well");
    }
}

#[test]
fn a_quiet_device_is_told_to_be_well() {
    let mut device = Device::new(7);
    for _ in 0..220 {
        device.pass(false);
    }
    let now = device.moment();
    let stat = device.coverage.oldest(Kind::Stat, now, WEEKLY).expect("wanted");
    assert!(!stat.never && stat.age < Some(Duration::from_secs((DAY).into())), "{stat:?}");
    let deep = device.coverage.oldest(Kind::Deep, now, WEEKLY).expect("wanted");
    assert!(!deep.never && deep.age < Some(Duration::from_secs((9 * DAY).into())), "{deep:?}");
    assert!(!deep.is_overdue(Kind::Deep, WEEKLY), "{deep:?}");
}
