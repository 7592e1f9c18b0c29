//! When a database is due for a deep audit, and when the next one may be made.
//!
//! Deep audits read whole files, so they are spread: each database has its moment within the
//! interval, given by its hash, and what one audit has read is paid for before the next begins.
//! Nothing is remembered for it: a restart, or a pass that takes long, loses no database's turn.
use core::time::Duration;

use crate::path::DbPath;
use crate::time::{Mono, Wall};

/// Which databases get a deep audit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Which {
    /// None.
    #[default]
    Never,
    /// All of them, at once.
    All,
    /// Each once within this time.
    Within(Duration),
}

/// How deep audits are made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct DeepConf {
    /// Of which databases.
    pub which: Which,
    /// Bytes a second that they read on average; 0: no limit.
    pub bytes_per_second: u64,
    /// How long the last try of one may hold the lock; zero: there is no last try.
    pub hold: Duration,
}

/// The stretch of time whose turns one pass takes: from the beginning of the pass before to its own. It
/// follows the calendar, and goes on where it was when that steps back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Turns {
    from: Wall,
    to: Wall,
    /// Microseconds by which it is ahead of the calendar.
    ahead: i64,
}

impl Turns {
    /// The turns of a pass that begins at `now`, after those of `self`. The first pass, and one
    /// after a clock that stepped back, takes the turns of one `interval`.
    #[must_use]
    pub fn next(self, now: Wall, interval: Duration) -> Self {
        let interval = i64::try_from(interval.as_micros()).unwrap_or(i64::MAX);
        let now = now.as_micros();
        let here = now.saturating_add(self.ahead);
        if self == Self::default() {
            let from = Wall::from_micros(now.saturating_sub(interval));
            return Self { from, to: Wall::from_micros(now), ahead: 0 };
        }
        if self.to.as_micros() <= here {
            return Self { from: self.to, to: Wall::from_micros(here), ahead: self.ahead };
        }
        let to = self.to.as_micros().saturating_add(interval);
        Self { from: self.to, to: Wall::from_micros(to), ahead: to.saturating_sub(now) }
    }

    /// These turns and those of the next pass as one stretch; none if they do not follow each other.
    #[must_use]
    pub fn joined(self, next: Self) -> Option<Self> {
        let follows = self != Self::default() && self.to == next.from;
        follows.then_some(Self { from: self.from, ..next })
    }

    /// The empty stretch at the end of these turns.
    #[must_use]
    pub const fn none_after(self) -> Self {
        Self { from: self.to, ..self }
    }

    /// Whether `last`, the end of these turns, brought one of sixteen parts of the cycle to its end, and
    /// the whole of that part lies in these turns: then, how long before their end its first turn was.
    #[must_use]
    pub fn part_taken(self, part: u8, within: Duration, last: Self) -> Option<Duration> {
        const PARTS: i64 = 16;
        let cycle = i64::try_from(within.as_micros()).unwrap_or(i64::MAX).max(1);
        let taken = last.to.as_micros().saturating_sub(last.from.as_micros());
        if cycle <= taken {
            return Some(within);
        }
        let edge = |part: i64| {
            let whole = (cycle / PARTS).saturating_mul(part);
            whole.saturating_add((cycle % PARTS).saturating_mul(part) / PARTS)
        };
        let (begin, end) = (edge(part.into()), edge(i64::from(part).saturating_add(1)));
        let to = self.to.as_micros();
        let ended = to.saturating_sub(to.saturating_sub(end).rem_euclid(cycle));
        let began = ended.saturating_sub(end.saturating_sub(begin));
        let is_whole = last.from.as_micros() < ended && self.from.as_micros() < began;
        let ago = u64::try_from(to.saturating_sub(began)).ok()?;
        is_whole.then_some(Duration::from_micros(ago))
    }

    /// As numbers, to be kept over a restart.
    #[must_use]
    pub const fn numbers(self) -> [i64; 3] {
        [self.from.as_micros(), self.to.as_micros(), self.ahead]
    }

    /// From what [`Turns::numbers`] gave.
    #[must_use]
    pub const fn of([from, to, ahead]: [i64; 3]) -> Self {
        Self { from: Wall::from_micros(from), to: Wall::from_micros(to), ahead }
    }

    /// Whether the turn of `path` lies in this stretch, each database having one every `within`.
    #[must_use]
    pub fn has(self, path: &DbPath, within: Duration) -> bool {
        let within = i64::try_from(within.as_micros()).unwrap_or(i64::MAX).max(1);
        let turn = turn(path).rem_euclid(within);
        let cycle = |at: Wall| at.as_micros().saturating_sub(turn).div_euclid(within);
        cycle(self.from) < cycle(self.to)
    }
}

/// A number that databases differ in: of the name, so that it is the same wherever it lies (FNV-1a).
fn turn(path: &DbPath) -> i64 {
    let step = |sum: u64, byte: &u8| (sum ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
    path.file().iter().fold(0xcbf2_9ce4_8422_2325, step).rotate_left(17).cast_signed()
}

/// What deep audits have read and is not paid for yet.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Debt {
    paid: Mono,
}

impl Debt {
    /// Takes on what was read by `now`, to be paid at this many bytes a second; 0 costs nothing.
    pub fn owe(&mut self, now: Mono, bytes: u64, per_second: u64) {
        let Some(seconds) = bytes.checked_div(per_second) else { return };
        let rest = bytes.checked_rem(per_second).unwrap_or(0);
        let nanos = u128::from(rest).saturating_mul(1_000_000_000);
        let nanos = nanos.checked_div(u128::from(per_second)).unwrap_or(0);
        let span = Duration::from_secs(seconds)
            .saturating_add(Duration::from_nanos(u64::try_from(nanos).unwrap_or(0)));
        self.paid = self.paid.max(now).after(span);
    }

    /// From when on the next deep audit may begin.
    #[must_use]
    pub const fn paid(&self) -> Mono {
        self.paid
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;
    use std::vec::Vec;

    const HOUR: Duration = Duration::from_secs(3600);
    const WEEK: Duration = Duration::from_secs(604_800);

    fn wall(hours: i64) -> Wall {
        Wall::from_micros(1_795_354_724_000_000 + hours * 3_600_000_000)
    }

    fn paths() -> Vec<DbPath> {
        (0..500).map(|n| DbPath::new(std::format!("/d/{n:032x}.db").as_bytes())).collect()
    }

    #[test]
    fn each_database_has_one_turn_a_week_whatever_the_passes_take() {
        let paths = paths();
        let mut counts = std::vec![0; paths.len()];
        let mut turns = Turns::default().next(wall(0), HOUR);
        let mut hour = 0;
        let mut most = 0;
        while hour < 4 * 168 {
            hour += [1, 1, 5, 2, 30][usize::try_from(hour).unwrap_or(0) % 5];
            turns = turns.next(wall(hour.min(4 * 168)), HOUR);
            let due: Vec<_> = (0..paths.len()).filter(|n| turns.has(&paths[*n], WEEK)).collect();
            most = most.max(due.len());
            for n in due {
                counts[n] += 1;
            }
        }
        assert!(counts.iter().all(|count| *count == 4), "four weeks, four turns: {counts:?}");
        assert!(most < 150, "{most} of 500 at once: they are not spread");
    }

    #[test]
    fn a_first_pass_takes_the_turns_of_one_interval() {
        let turns = Turns::default().next(wall(0), HOUR);
        let due = paths().iter().filter(|path| turns.has(path, WEEK)).count();
        assert!((1..12).contains(&due), "{due} of 500, where about 3 are due");
        let all = Turns::default().next(wall(0), WEEK);
        assert!(paths().iter().all(|path| all.has(path, WEEK)));
        assert!(paths().iter().all(|path| all.has(path, Duration::ZERO)), "no time at all: always");
    }

    #[test]
    fn a_clock_that_steps_back_takes_no_turn_twice_and_loses_none() {
        let late = Turns::default().next(wall(1000), HOUR);
        let back = late.next(wall(0), HOUR);
        assert_eq!((back.from, back.to), (wall(1000), wall(1001)));
        let on = back.next(wall(2), HOUR);
        assert_eq!((on.from, on.to), (wall(1001), wall(1003)));
        assert_eq!(Turns::of(on.numbers()), on, "and it goes on over a restart");
    }

    #[test]
    fn turns_join_only_where_one_follows_the_other() {
        let first = Turns::default().next(wall(0), HOUR);
        let second = first.next(wall(5), HOUR);
        let both = first.joined(second).expect("they follow");
        assert_eq!((both.from, both.to), (wall(-1), wall(5)));
        assert_eq!(second.joined(first), None);
        assert_eq!(Turns::default().joined(first), None);
        assert_eq!(first.none_after().joined(second), Some(second));
    }

    #[test]
    fn a_part_of_the_cycle_is_taken_once_all_its_turns_are() {
        // Sixteen hours, so that a part is an hour; the calendar's zero is a multiple of it.
        let cycle = 16 * HOUR;
        let hour = |n: i64| Wall::from_micros(n * 3_600_000_000);
        let turns = |from: i64, to: i64| Turns { from: hour(from), to: hour(to), ahead: 0 };
        let run = turns(-1, 3);
        for (part, last, expected) in [
            (0, turns(0, 3), Some(3)),
            (1, turns(0, 3), Some(2)),
            (2, turns(0, 3), Some(1)),
            (3, turns(0, 3), None),       // it has but begun
            (15, turns(0, 3), None),      // it ended before the last pass
            (15, turns(-1, 3), None),     // its first turn is not among them
            (0, turns(1, 3), None),       // an earlier pass ended it
            (9, turns(-13, 3), Some(16)), // the last pass took the whole cycle
        ] {
            let found = run.part_taken(part, cycle, last);
            let expected = expected.map(|hours: u32| hours * HOUR);
            assert_eq!(found, expected, "part {part} of {last:?}");
        }
    }

    #[test]
    fn what_was_read_is_paid_for_before_the_next() {
        let at = |seconds: u64| Mono::from_nanos(seconds * 1_000_000_000);
        let mut debt = Debt::default();
        for (now, bytes, per_second, paid) in [
            (10, 500, 0, 0), // no limit
            (10, 500, 100, 15),
            (12, 150, 100, 16), // and a half, on top of what is owed
            (100, 0, 100, 100), // long paid
        ] {
            debt.owe(at(now), bytes, per_second);
            assert_eq!(debt.paid().as_nanos() / 1_000_000_000, paid, "{bytes} bytes at {now}");
        }
        debt.owe(at(100), u64::MAX, 1);
        assert_eq!(debt.paid(), Mono::from_nanos(u64::MAX), "never, not a wrapped moment");
    }
}
