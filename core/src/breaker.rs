//! The breaker: how many databases of one device a pass may move before it stops moving.
//!
//! Many damaged databases on one disk speak of the disk, the controller or the kernel, not of the
//! databases. A tripped breaker moves nothing more on its device, in later passes neither, until
//! an operator re-arms it; auditing goes on.

/// Databases that the share never forbids: on a small device one percent is less than one.
pub const SHARE_MIN: u64 = 3;
/// The whole of a share.
const MILLION: u64 = 1_000_000;

/// What one pass may move of one device.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Limits {
    /// Databases at most (`quarantine_limit`); 0: none.
    pub databases: u32,
    /// Parts per million of the device's databases at most, or [`SHARE_MIN`] of them if that is
    /// more (`quarantine_share`).
    pub share: u32,
}

impl Limits {
    /// What is allowed on a device that holds so many databases.
    #[must_use]
    pub fn allowed(self, databases: u64) -> u64 {
        let share = databases.saturating_mul(u64::from(self.share)) / MILLION;
        share.max(SHARE_MIN).min(u64::from(self.databases))
    }
}

/// Whether one more database may be moved.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Answer {
    /// It may.
    Move,
    /// It may not, and nothing more from here on: this is to be said once.
    Trips,
    /// It may not, as was said.
    Tripped,
}

/// The breaker of one device.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Breaker {
    /// Databases moved in this pass.
    pub moved: u32,
    /// Whether it has tripped and was not re-armed.
    pub tripped: bool,
}

impl Breaker {
    /// Asks for one more move on a device that holds so many databases.
    pub fn ask(&mut self, limits: Limits, databases: u64) -> Answer {
        if self.tripped {
            return Answer::Tripped;
        }
        if u64::from(self.moved) < limits.allowed(databases) {
            return Answer::Move;
        }
        self.tripped = true;
        Answer::Trips
    }

    /// Counts a move that was made.
    pub fn count(&mut self) {
        self.moved = self.moved.saturating_add(1);
    }

    /// The breaker at the beginning of the next pass: what it moved is forgotten, that it tripped
    /// is not.
    #[must_use]
    pub const fn next_pass(self) -> Self {
        Self { moved: 0, tripped: self.tripped }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DEFAULT: Limits = Limits { databases: 16, share: 10_000 };

    #[test]
    fn the_smaller_of_limit_and_share_holds() {
        for (limit, share, databases, allowed) in [
            (16, 10_000, 0, 3),
            (16, 10_000, 399, 3),
            (16, 10_000, 400, 4),
            (16, 10_000, 1_599, 15),
            (16, 10_000, 1_000_000, 16),
            (2, 10_000, 1_000_000, 2),
            (0, 10_000, 1_000_000, 0),
            (16, 0, 1_000_000, 3),
            (u32::MAX, 1_000_000, 700, 700),
            (u32::MAX, 1_000_000, u64::MAX, u64::from(u32::MAX)),
        ] {
            let limits = Limits { databases: limit, share };
            assert_eq!(limits.allowed(databases), allowed, "{limits:?} of {databases}");
        }
    }

    #[test]
    fn it_trips_once_and_stays_so_over_passes() {
        let mut breaker = Breaker::default();
        for _ in 0..3 {
            assert_eq!(breaker.ask(DEFAULT, 100), Answer::Move);
            breaker.count();
        }
        assert_eq!(breaker.ask(DEFAULT, 100), Answer::Trips);
        assert_eq!(breaker.ask(DEFAULT, 1_000_000), Answer::Tripped, "a larger device neither");
        let mut next = breaker.next_pass();
        assert_eq!(next.ask(DEFAULT, 100), Answer::Tripped);
        assert_eq!(next.moved, 0);
    }

    #[test]
    fn a_pass_forgets_what_the_last_one_moved() {
        let mut breaker = Breaker { moved: 3, tripped: false };
        assert_eq!(breaker.next_pass().ask(DEFAULT, 100), Answer::Move);
        assert_eq!(breaker.ask(DEFAULT, 100), Answer::Trips);
    }
}
