//! The rate gate: how soon the next database may be examined.
//!
//! Swift's `AbstractRateLimiter` with its default buffer: one over the rate lies between two
//! admissions, and up to five seconds of lost time are caught up in a burst. It is asked after
//! every listed path, also after skipped and failed ones.
use core::time::Duration;

use crate::time::Mono;

/// How far the gate may lag behind before the lost time is forgotten (Swift's `rate_buffer`).
pub const BUFFER: Duration = Duration::from_secs(5);

/// When the next admission is due.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Gate {
    /// Between two admissions; zero: no limit.
    spacing: Duration,
    /// Swift's `running_time`; none before the first admission.
    due: Option<Mono>,
}

impl Gate {
    /// A gate with `spacing` between two admissions; zero never holds anybody up.
    #[must_use]
    pub const fn new(spacing: Duration) -> Self {
        Self { spacing, due: None }
    }

    /// The same gate at another pace: what is owed stays owed.
    #[must_use]
    pub const fn at(self, spacing: Duration) -> Self {
        Self { spacing, due: self.due }
    }

    /// Takes the next admission, asked for at `now`, and says from when it holds: `now` itself if
    /// the gate is open.
    pub fn take(&mut self, now: Mono) -> Mono {
        if self.spacing.is_zero() {
            return now;
        }
        let due = match self.due {
            Some(due) if now.since(due) <= BUFFER => due,
            Some(_) | None => now,
        };
        self.due = Some(due.after(self.spacing));
        due.max(now)
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;
    use std::vec::Vec;

    const fn ms(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    /// Audits that take `costs` each, one after the other: when each is let go on, in ms.
    fn run(spacing: Duration, costs: &[u64]) -> Vec<u64> {
        let mut gate = Gate::new(spacing);
        let mut now = Mono::from_nanos(77_000_000_000);
        let start = now;
        costs
            .iter()
            .map(|cost| {
                now = gate.take(now.after(ms(*cost)));
                u64::try_from(now.since(start).as_millis()).unwrap_or(u64::MAX)
            })
            .collect()
    }

    #[test]
    fn instant_audits_take_one_spacing_each_but_the_first() {
        assert_eq!(run(ms(250), &[0; 20]).last(), Some(&4_750), "20 at 4/s");
        assert_eq!(run(ms(5), &[0; 1_000]).last(), Some(&4_995), "1000 at 200/s");
    }

    #[test]
    fn an_audit_counts_towards_its_own_period() {
        let times = run(ms(250), &[100; 4]);
        assert_eq!(times, [100, 350, 600, 850]);
    }

    #[test]
    fn a_short_stall_is_caught_up_in_a_burst() {
        let mut costs = [0; 20];
        costs[4] = 3_000;
        let times = run(ms(250), &costs);
        let without_sleep = times.windows(2).filter(|pair| pair[0] == pair[1]).count();
        assert_eq!(without_sleep, 11, "12 audits at one moment, the stalled one among them");
        assert_eq!(times.last(), Some(&4_750), "in all no longer than without the stall");
    }

    #[test]
    fn a_long_stall_is_forgotten() {
        let mut costs = [0; 8];
        costs[4] = 6_000;
        let times = run(ms(250), &costs);
        assert_eq!(times, [0, 250, 500, 750, 6_750, 7_000, 7_250, 7_500]);
    }

    #[test]
    fn no_rate_never_waits() {
        assert_eq!(run(Duration::ZERO, &[0, 7, 0]), [0, 7, 7]);
    }

    #[test]
    fn a_new_pace_keeps_what_is_owed() {
        let start = Mono::from_nanos(1);
        let mut gate = Gate::new(ms(1_000));
        assert_eq!(gate.take(start), start);
        let mut gate = gate.at(ms(10));
        assert_eq!(gate.take(start), start.after(ms(1_000)));
        assert_eq!(gate.take(start), start.after(ms(1_010)));
    }
}
