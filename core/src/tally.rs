//! What was counted: Swift's hourly window, and the totals of a pass.
use core::time::Duration;

use crate::time::{Mono, Now, Wall};
use crate::verdict::{Counts, Verdict};

/// How long a window lasts (Swift's `logging_interval`, which no option changes).
pub const WINDOW: Duration = Duration::from_secs(3600);

/// The window in progress: what was counted since the last report.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Tally {
    since: Now,
    passed: u64,
    failed: u64,
}

/// A window that was closed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Window {
    /// When it began.
    pub since: Wall,
    /// Databases that passed in it.
    pub passed: u64,
    /// Databases that failed in it.
    pub failed: u64,
}

impl Tally {
    /// A window that begins at `now`.
    #[must_use]
    pub const fn new(now: Now) -> Self {
        Self { since: now, passed: 0, failed: 0 }
    }

    /// Counts one audit.
    pub fn count(&mut self, counts: Counts) {
        match counts {
            Counts::Passed => self.passed = self.passed.saturating_add(1),
            Counts::Failed => self.failed = self.failed.saturating_add(1),
            Counts::Neither => {}
        }
    }

    /// Whether the window is full. Swift asks only after an audit, so an idle night has no report.
    #[must_use]
    pub fn is_due(&self, now: Mono) -> bool {
        WINDOW <= now.since(self.since.mono)
    }

    /// Closes the window and begins the next.
    pub fn close(&mut self, now: Now) -> Window {
        let closed = self.so_far();
        *self = Self::new(now);
        closed
    }

    /// The window as it would be if it were closed.
    #[must_use]
    pub const fn so_far(&self) -> Window {
        Window { since: self.since.wall, passed: self.passed, failed: self.failed }
    }
}

/// What one pass has come to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Totals {
    verdicts: [u64; Verdict::ALL.len()],
    /// Directories and devices that were passed over.
    pub skipped: u64,
    /// Databases moved to quarantine.
    pub moved: u64,
}

impl Totals {
    /// Counts one audit.
    pub fn count(&mut self, verdict: Verdict) {
        if let Some(count) = self.verdicts.get_mut(verdict.index()) {
            *count = count.saturating_add(1);
        }
    }

    /// How many audits ended in `verdict`.
    #[must_use]
    pub fn of(&self, verdict: Verdict) -> u64 {
        self.verdicts.get(verdict.index()).copied().unwrap_or(0)
    }

    /// How many databases were looked at.
    #[must_use]
    pub fn audited(&self) -> u64 {
        self.verdicts.iter().fold(0, |sum, count| sum.saturating_add(*count))
    }

    /// Whether damage was found, or a database where it does not belong.
    #[must_use]
    pub fn has_damage(&self) -> bool {
        0 < self.of(Verdict::Damaged) || 0 < self.of(Verdict::Misplaced)
    }

    /// Whether something was to be audited and was not, or could not be judged.
    #[must_use]
    pub fn is_incomplete(&self) -> bool {
        0 < self.skipped
            || [
                Verdict::Busy,
                Verdict::Unreadable,
                Verdict::DeviceError,
                Verdict::NeedsRecovery,
                Verdict::Unsettled,
            ]
            .iter()
            .any(|verdict| 0 < self.of(*verdict))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(secs: u64) -> Now {
        let wall = Wall::from_micros(i64::try_from(secs).unwrap_or(0) * 1_000_000);
        Now { mono: Mono::from_nanos(secs * 1_000_000_000), wall }
    }

    #[test]
    fn a_window_is_due_after_an_hour_and_starts_anew() {
        let mut tally = Tally::new(at(100));
        tally.count(Counts::Passed);
        tally.count(Counts::Failed);
        tally.count(Counts::Neither);
        assert!(!tally.is_due(at(3_699).mono));
        assert!(tally.is_due(at(3_700).mono));
        let closed = tally.close(at(4_000));
        assert_eq!(closed, Window { since: at(100).wall, passed: 1, failed: 1 });
        assert_eq!(tally.so_far(), Window { since: at(4_000).wall, passed: 0, failed: 0 });
        assert!(!tally.is_due(at(7_599).mono));
    }

    #[test]
    fn totals_keep_verdicts_apart() {
        let mut totals = Totals::default();
        for verdict in Verdict::ALL {
            totals.count(verdict);
        }
        totals.count(Verdict::Sound);
        assert_eq!(totals.of(Verdict::Sound), 2);
        assert_eq!(totals.of(Verdict::Unsettled), 1);
        assert_eq!(totals.audited(), 11);
    }

    #[test]
    fn damage_and_incompleteness_are_told_apart() {
        let with = |verdict| {
            let mut totals = Totals::default();
            totals.count(verdict);
            (totals.has_damage(), totals.is_incomplete())
        };
        for verdict in Verdict::ALL {
            let expected = match verdict {
                Verdict::Sound | Verdict::Deleted | Verdict::Vanished => (false, false),
                Verdict::Damaged | Verdict::Misplaced => (true, false),
                Verdict::Busy
                | Verdict::Unreadable
                | Verdict::DeviceError
                | Verdict::NeedsRecovery
                | Verdict::Unsettled => (false, true),
            };
            assert_eq!(with(verdict), expected, "{}", verdict.word());
        }
    }
}
