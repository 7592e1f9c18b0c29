//! The auditor's own time: seconds since it first ran under a conf.
//!
//! While it runs, the monotonic clock counts them. Over a restart the calendar says how long it was
//! off, if both readings can be true; if not, what was stamped before has no age in time any more.
use core::time::Duration;

use crate::time::{Mono, Now, Wall};

/// 2020 began: a calendar before it is that of a board without a clock.
const CALENDAR_FROM: Wall = Wall::from_micros(1_577_836_800_000_000);
/// Longer than this no auditor is off: one of the two readings was wrong.
pub const OFF_MAX: Duration = Duration::from_secs(366 * 86_400);

/// What is kept of it over a restart.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct KeptTime {
    /// Its seconds.
    pub at: u32,
    /// Stamps before have no age in time.
    pub known: u32,
    /// The calendar then.
    pub wall: Wall,
}

/// The auditor's own time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Own {
    base: u32,
    since: Mono,
    known: u32,
}

impl Own {
    /// Begins at `now`, or goes on after what was kept.
    #[must_use]
    pub fn new(kept: Option<KeptTime>, now: Now) -> Self {
        let Some(kept) = kept else { return Self { base: 0, since: now.mono, known: 0 } };
        if let Some(off) = off(kept.wall, now.wall) {
            let base = kept.at.saturating_add(off);
            return Self { base, since: now.mono, known: kept.known };
        }
        // One second more: a stamp of the last one is not of this life.
        let base = kept.at.saturating_add(1);
        Self { base, since: now.mono, known: base }
    }

    /// Its seconds at `now`.
    #[must_use]
    pub fn at(&self, now: Mono) -> u32 {
        let here = now.since(self.since).as_secs();
        self.base.saturating_add(u32::try_from(here).unwrap_or(u32::MAX))
    }

    /// Stamps before this moment have no age in time.
    #[must_use]
    pub const fn known(&self) -> u32 {
        self.known
    }

    /// What is to be kept of it at `now`.
    #[must_use]
    pub fn kept(&self, now: Now) -> KeptTime {
        KeptTime { at: self.at(now.mono), known: self.known, wall: now.wall }
    }
}

/// Seconds from one reading of the calendar to another, if both can be true.
fn off(then: Wall, now: Wall) -> Option<u32> {
    let secs = now.as_secs().checked_sub(then.as_secs())?;
    let secs = u32::try_from(secs).ok()?;
    let is_sane = CALENDAR_FROM <= then && Duration::from_secs(secs.into()) <= OFF_MAX;
    is_sane.then_some(secs)
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: i64 = 86_400;
    const TODAY: i64 = 1_795_354_724;

    fn at(mono: u64, wall: i64) -> Now {
        let mono = Mono::from_nanos(mono * 1_000_000_000);
        Now { mono, wall: Wall::from_micros(wall * 1_000_000) }
    }

    #[test]
    fn it_counts_by_the_clock_that_never_steps() {
        let own = Own::new(None, at(70, TODAY));
        for (mono, seconds) in [(70, 0), (71, 1), (3_670, 3_600), (0, 0)] {
            assert_eq!(own.at(at(mono, 0).mono), seconds, "at {mono}");
        }
        assert_eq!(own.at(Mono::FAR), u32::MAX, "never wraps");
    }

    #[test]
    fn a_restart_adds_what_the_calendar_can_tell() {
        for (then, now, expected) in [
            (TODAY, TODAY + DAY, (1_000 + 86_400, 7)),
            (TODAY, TODAY, (1_000, 7)),
            (TODAY, TODAY - 1, (1_001, 1_001)), // it stepped back
            (TODAY, 40, (1_001, 1_001)),        // 1970 again
            (40, TODAY, (1_001, 1_001)),        // it was 1970
            (40, 90, (1_001, 1_001)),           // 1970 both times: who knows for how long
            (TODAY, TODAY + 400 * DAY, (1_001, 1_001)), // nobody is off for so long
            (i64::MIN / 1_000_000, TODAY, (1_001, 1_001)),
        ] {
            let wall = Wall::from_micros(then * 1_000_000);
            let own = Own::new(Some(KeptTime { at: 1_000, known: 7, wall }), at(5, now));
            let found = (own.at(at(5, 0).mono), own.known());
            assert_eq!(found, expected, "{then} to {now}");
        }
    }
}
