//! The only readings of the clocks, and the only waits on them.
use std::sync::{Condvar, MutexGuard, OnceLock, PoisonError};

use martlet_core::time::{Mono, Now, Wall};
use nix::sys::time::{TimeSpec, TimeValLike as _};
use nix::time::{ClockId, clock_gettime};

/// What the monotonic clock shows at the first reading.
const FIRST: u64 = 1_000_000_000;

/// Both clocks, now. The monotonic one starts near the process's start; the calendar is that of the
/// kernel's last tick, some milliseconds ago, which costs a tenth.
#[must_use]
pub fn now() -> Now {
    Now { mono: mono(), wall: calendar(ClockId::CLOCK_REALTIME_COARSE) }
}

/// Nanoseconds since the first reading in this process, plus one second so that zero lies behind.
#[must_use]
pub fn mono() -> Mono {
    static START: OnceLock<u64> = OnceLock::new();
    let nanos = read(ClockId::CLOCK_MONOTONIC).num_nanoseconds();
    let nanos = u64::try_from(nanos).unwrap_or_default();
    let start = *START.get_or_init(|| nanos);
    Mono::from_nanos(nanos.saturating_sub(start).saturating_add(FIRST))
}

/// Calendar time; a board without a clock battery starts in 1970 or before.
#[must_use]
pub fn wall() -> Wall {
    calendar(ClockId::CLOCK_REALTIME)
}

fn calendar(clock: ClockId) -> Wall {
    Wall::from_micros(read(clock).num_microseconds())
}

#[expect(clippy::disallowed_methods, reason = "the one place that reads clocks")]
fn read(clock: ClockId) -> TimeSpec {
    clock_gettime(clock).expect("every Linux has the clocks read here")
}

/// Waits until `until`, or until `wake` is notified, or for no reason at all.
pub fn wait<'a, T>(wake: &Condvar, guard: MutexGuard<'a, T>, until: Mono) -> MutexGuard<'a, T> {
    if until == Mono::FAR {
        return wake.wait(guard).unwrap_or_else(PoisonError::into_inner);
    }
    let span = until.since(mono());
    wake.wait_timeout(guard, span).unwrap_or_else(PoisonError::into_inner).0
}
