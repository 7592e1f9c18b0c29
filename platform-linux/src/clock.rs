//! The only readings of the clocks, and the only waits on them.
use std::sync::{Condvar, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use martlet_core::time::{Mono, Now, Wall};

/// Both clocks, now. The monotonic one starts near the process's start.
#[must_use]
pub fn now() -> Now {
    Now { mono: mono(), wall: wall() }
}

/// Nanoseconds since the first reading in this process, plus one second so that zero lies behind.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "the one place that reads the monotonic clock")]
pub fn mono() -> Mono {
    static START: std::sync::OnceLock<Instant> = std::sync::OnceLock::new();
    let start = START.get_or_init(Instant::now);
    Mono::from_nanos(1_000_000_000).after(start.elapsed())
}

/// Calendar time; a board without a clock battery starts in 1970 or before.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "the one place that reads the calendar")]
pub fn wall() -> Wall {
    let micros = |span: Duration| i64::try_from(span.as_micros()).unwrap_or(i64::MAX);
    Wall::from_micros(match SystemTime::now().duration_since(SystemTime::UNIX_EPOCH) {
        Ok(since) => micros(since),
        Err(before) => micros(before.duration()).saturating_neg(),
    })
}

/// Waits until `until`, or until `wake` is notified, or for no reason at all.
pub fn wait<'a, T>(wake: &Condvar, guard: MutexGuard<'a, T>, until: Mono) -> MutexGuard<'a, T> {
    if until == Mono::FAR {
        return wake.wait(guard).unwrap_or_else(PoisonError::into_inner);
    }
    let span = until.since(mono());
    wake.wait_timeout(guard, span).unwrap_or_else(PoisonError::into_inner).0
}
