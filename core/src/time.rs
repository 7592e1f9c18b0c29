//! Two clocks that cannot be mixed up: [`Mono`] for arithmetic, [`Wall`] for people.
//!
//! Swift counts pauses and periods on the wall clock, so that a step of it holds or hurries the
//! auditor; here only [`Mono`] decides when something is due.
use core::time::Duration;

/// A moment on a clock that never steps: nanoseconds since an origin of the platform's choice.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Mono(u64);

impl Mono {
    /// The end of time, 584 years after the origin: a wait that something else must end.
    pub const FAR: Self = Self(u64::MAX);

    /// The moment `nanos` after the origin.
    #[must_use]
    pub const fn from_nanos(nanos: u64) -> Self {
        Self(nanos)
    }

    /// Nanoseconds since the origin.
    #[must_use]
    pub const fn as_nanos(self) -> u64 {
        self.0
    }

    /// The moment `span` later; the end of time (584 years) if that is too far.
    #[must_use]
    pub fn after(self, span: Duration) -> Self {
        Self(self.0.saturating_add(nanos(span)))
    }

    /// How long ago `earlier` was; zero if it is yet to come.
    #[must_use]
    pub const fn since(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }
}

/// A span in nanoseconds, 584 years at most.
fn nanos(span: Duration) -> u64 {
    u64::try_from(span.as_nanos()).unwrap_or(u64::MAX)
}

/// A moment of calendar time: microseconds since 1970, UTC. It may step in either direction.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Wall(i64);

impl Wall {
    /// The moment `micros` after (or, negative, before) 1970 began.
    #[must_use]
    pub const fn from_micros(micros: i64) -> Self {
        Self(micros)
    }

    /// Microseconds since 1970 began.
    #[must_use]
    pub const fn as_micros(self) -> i64 {
        self.0
    }

    /// Whole seconds since 1970 began, rounded down.
    #[must_use]
    pub const fn as_secs(self) -> i64 {
        self.0.div_euclid(1_000_000)
    }
}

/// Both clocks, read together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Now {
    /// For arithmetic.
    pub mono: Mono,
    /// For people.
    pub wall: Wall,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_never_wraps() {
        let end = Mono::from_nanos(u64::MAX);
        assert_eq!(end.after(Duration::MAX), end, "later than the end is the end");
        assert_eq!(Mono::default().since(end), Duration::ZERO, "the future is zero ago");
        assert_eq!(end.since(Mono::from_nanos(u64::MAX - 7)), Duration::from_nanos(7));
    }

    #[test]
    fn seconds_before_1970_round_down() {
        assert_eq!(Wall::from_micros(-1).as_secs(), -1);
        assert_eq!(Wall::from_micros(1_999_999).as_secs(), 1);
    }
}
