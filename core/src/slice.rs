//! [`Slice`]: when a deep audit lets go of the lock, so that writers never wait for it long.
//!
//! It reads in slices and lets go between them. If the database has changed while it had let go, it
//! starts again; after [`RESTARTS_MAX`] restarts one last try may hold on, for at most the time the
//! operator allows: only if no try before ran that long without reaching its end, and only beside
//! writers who come now and then. A stream of them would all wait.
use core::time::Duration;

use crate::time::Mono;

/// The longest the lock is held in one piece, the last try apart. A put of a Swift broker waits in
/// steps of 1 to 50 ms for it, so shorter slices would not be noticed.
pub const SLICE: Duration = Duration::from_millis(20);

/// Restarts before the last try. Where three do not help, writers come faster than a whole read.
pub const RESTARTS_MAX: u8 = 3;

/// A try that was left in peace for this long shows that writers come now and then.
pub const PEACE: Duration = Duration::from_millis(100);

/// What to do now, in the middle of reading.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Tick {
    /// Read on.
    Go,
    /// Let go of the lock, take it again, and tell [`Slice::resumed`] what has changed.
    Yield,
    /// Stop reading: the process is to stop, or the last try has taken all the time it may.
    Quit,
}

/// What to do with the lock taken again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Resume {
    /// Read on: nothing has changed.
    Go,
    /// Start again from the beginning, with [`Slice::begin`].
    Restart,
    /// Give up.
    Unsettled,
}

/// The slices of one read that has to see one state of the database from beginning to end.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Slice {
    /// How long a last try may hold on; zero: there is none.
    hold: Duration,
    /// When to let go, or to quit.
    until: Mono,
    /// When the lock was taken.
    taken: Mono,
    /// What this try has taken so far, the time without the lock apart.
    used: Duration,
    /// The most that a try has taken without reaching its end.
    longest: Duration,
    /// Tries begun.
    tries: u8,
}

impl Slice {
    /// Before the first try. `hold` is the longest that a last try may hold the lock.
    #[must_use]
    pub const fn new(hold: Duration) -> Self {
        let never = Mono::from_nanos(0);
        let none = Duration::ZERO;
        Self { hold, until: never, taken: never, used: none, longest: none, tries: 0 }
    }

    /// A try begins at `now`, the lock just taken.
    pub fn begin(&mut self, now: Mono) {
        self.tries = self.tries.saturating_add(1);
        self.used = Duration::ZERO;
        self.taken = now;
        self.until = now.after(if self.is_last() { self.hold } else { SLICE });
    }

    /// The lock is held and it is `now`; `stop`: the process is to stop.
    #[must_use]
    pub fn tick(&self, now: Mono, stop: bool) -> Tick {
        if stop {
            Tick::Quit
        } else if now < self.until {
            Tick::Go
        } else if self.is_last() {
            Tick::Quit
        } else {
            Tick::Yield
        }
    }

    /// The lock has been let go of at `now`.
    pub fn released(&mut self, now: Mono) {
        self.used = self.used.saturating_add(now.since(self.taken));
    }

    /// The lock has been taken again at `now`; `changed`: the database is not as it was.
    #[must_use]
    pub fn resumed(&mut self, now: Mono, changed: bool) -> Resume {
        self.taken = now;
        if !changed {
            self.until = now.after(SLICE);
            return Resume::Go;
        }
        self.longest = self.longest.max(self.used);
        let may_hold = PEACE <= self.longest && self.longest < self.hold;
        if self.tries <= RESTARTS_MAX || (self.tries == LAST - 1 && may_hold) {
            Resume::Restart
        } else {
            Resume::Unsettled
        }
    }

    /// Tries begun so far.
    #[must_use]
    pub const fn tries(&self) -> u8 {
        self.tries
    }

    /// Whether this try holds on.
    #[must_use]
    pub const fn is_last(&self) -> bool {
        LAST <= self.tries
    }
}

/// The try that holds on: the first, its restarts, and then this one.
const LAST: u8 = RESTARTS_MAX + 2;

#[cfg(test)]
mod tests {
    use super::*;

    const fn ms(millis: u64) -> Mono {
        Mono::from_nanos(millis * 1_000_000)
    }

    #[test]
    fn it_lets_go_after_each_slice_and_reads_on_if_nothing_changed() {
        let mut slice = Slice::new(Duration::from_millis(500));
        slice.begin(ms(1000));
        for (now, expected) in [(1000, Tick::Go), (1019, Tick::Go), (1020, Tick::Yield)] {
            assert_eq!(slice.tick(ms(now), false), expected, "at {now}");
        }
        slice.released(ms(1020));
        assert_eq!(slice.resumed(ms(1300), false), Resume::Go);
        assert_eq!(slice.tick(ms(1319), false), Tick::Go, "a slice counts from taking the lock");
        assert_eq!(slice.tick(ms(1320), false), Tick::Yield);
        assert_eq!(slice.tries(), 1);
    }

    #[test]
    fn a_stop_ends_it_in_any_slice() {
        let mut slice = Slice::new(Duration::ZERO);
        slice.begin(ms(0));
        assert_eq!(slice.tick(ms(0), true), Tick::Quit);
        assert_eq!(slice.tick(ms(20), true), Tick::Quit);
    }

    /// Runs tries of `each` ms that all find the database changed, and returns how it ended.
    fn disturbed(hold: u64, each: u64) -> (u8, Resume, Slice) {
        let mut slice = Slice::new(Duration::from_millis(hold));
        let mut now = 0;
        loop {
            slice.begin(ms(now));
            if slice.is_last() {
                return (slice.tries(), Resume::Restart, slice);
            }
            now += each;
            slice.released(ms(now));
            let resume = slice.resumed(ms(now + 5), true);
            if resume != Resume::Restart {
                return (slice.tries(), resume, slice);
            }
            now += 5;
        }
    }

    #[test]
    fn after_three_restarts_a_last_try_holds_on_if_it_can_be_short_enough() {
        for (hold, each, tries, end) in [
            (500, 100, 5, Resume::Restart),
            (500, 499, 5, Resume::Restart),
            (500, 500, 4, Resume::Unsettled), // a try took that long and saw no end
            (500, 99, 4, Resume::Unsettled),  // a stream of writers
            (0, 100, 4, Resume::Unsettled),   // no last try is allowed
        ] {
            let (seen_tries, seen_end, _) = disturbed(hold, each);
            assert_eq!((seen_tries, seen_end), (tries, end), "hold {hold} ms, tries of {each} ms");
        }
    }

    #[test]
    fn the_last_try_never_holds_longer_than_allowed() {
        let (_, _, slice) = disturbed(500, 100);
        assert!(slice.is_last());
        let began = slice.taken;
        let just_before = began.after(Duration::from_millis(499));
        assert_eq!(slice.tick(just_before, false), Tick::Go, "it does not let go in between");
        assert_eq!(slice.tick(began.after(Duration::from_millis(500)), false), Tick::Quit);
    }

    #[test]
    fn time_without_the_lock_is_not_time_used() {
        let mut slice = Slice::new(Duration::from_millis(500));
        let mut now = 0;
        for _ in 0..RESTARTS_MAX {
            slice.begin(ms(now));
            slice.released(ms(now + 20));
            assert_eq!(slice.resumed(ms(now + 5000), false), Resume::Go);
            slice.released(ms(now + 5020));
            assert_eq!(slice.resumed(ms(now + 9000), true), Resume::Restart);
            now += 10_000;
        }
        assert_eq!(slice.longest, Duration::from_millis(40));
    }
}
