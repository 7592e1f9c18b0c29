//! When the service manager's watchdog is fed: by progress, never by a timer of its own.
//!
//! A lane that has ended a step feeds it, and a lane that rests feeds it while no lane is in the middle
//! of a step, but for lanes that the others go on without: a service manager could not end these either.
//! So a disk that never answers starves it if the other lanes have nothing left to do before they go on
//! without it, or if no lane is left; and a node that rests for half an hour wakes for nothing else.
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use martlet_core::audit::Lane;
use martlet_core::time::Mono;

use crate::drive::LANES_MAX;

const _: () = assert!(LANES_MAX <= 32, "the lanes that are busy are bits of a word");

/// Feeds the watchdog of whoever started the daemon, if there is one.
#[derive(Default)]
pub struct Watchdog {
    watch: Option<Watch>,
}

struct Watch {
    period: Duration,
    feed: Box<dyn Fn() + Send + Sync>,
    state: Mutex<State>,
}

struct State {
    /// Lanes in the middle of a step, as bits.
    busy: u32,
    fed: Mono,
}

impl fmt::Debug for Watchdog {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let period = self.watch.as_ref().map(|watch| watch.period);
        out.debug_struct("Watchdog").field("period", &period).finish_non_exhaustive()
    }
}

impl Watchdog {
    /// Calls `feed` once a `period`, from `now` on, as long as there is progress.
    #[must_use]
    pub fn new(period: Duration, now: Mono, feed: impl Fn() + Send + Sync + 'static) -> Self {
        let state = Mutex::new(State { busy: 0, fed: now });
        Self { watch: Some(Watch { period, feed: Box::new(feed), state }) }
    }

    /// A lane begins a step.
    pub(crate) fn begin(&self, lane: Lane) {
        if let Some(watch) = &self.watch {
            watch.lock().busy |= bit(lane);
        }
    }

    /// A lane has ended a step.
    pub(crate) fn end(&self, lane: Lane, now: Mono) {
        if let Some(watch) = &self.watch {
            let mut state = watch.lock();
            state.busy &= !bit(lane);
            watch.feed_if_due(&mut state, now);
        }
    }

    /// The others go on without a lane that is in the middle of a step.
    pub(crate) fn give_up(&self, lane: Lane) {
        if let Some(watch) = &self.watch {
            watch.lock().busy &= !bit(lane);
        }
    }

    /// A step that may last longer than the watchdog's patience has come a bit further.
    pub fn progress(&self, now: Mono) {
        if let Some(watch) = &self.watch {
            watch.feed_if_due(&mut watch.lock(), now);
        }
    }

    /// A lane has nothing to do at `now`. Until when it may rest without a look at the watchdog.
    pub(crate) fn rest(&self, now: Mono) -> Mono {
        let Some(watch) = &self.watch else {
            return Mono::FAR;
        };
        let mut state = watch.lock();
        if state.busy == 0 {
            watch.feed_if_due(&mut state, now);
        }
        let due = state.fed.after(watch.period);
        // Whoever is busy feeds an overdue watchdog as soon as its step ends.
        if now < due { due } else { now.after(watch.period) }
    }
}

fn bit(lane: Lane) -> u32 {
    1_u32.checked_shl(lane.0.into()).unwrap_or(0)
}

impl Watch {
    fn feed_if_due(&self, state: &mut State, now: Mono) {
        if state.fed.after(self.period) <= now {
            state.fed = now;
            (self.feed)();
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    const PERIOD: Duration = Duration::from_secs(60);

    fn at(secs: u64) -> Mono {
        Mono::from_nanos(0).after(Duration::from_secs(secs))
    }

    fn watchdog() -> (Watchdog, impl Fn() -> usize) {
        let fed = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&fed);
        let feed = move || {
            counted.fetch_add(1, Ordering::Relaxed);
        };
        (Watchdog::new(PERIOD, at(0), feed), move || fed.load(Ordering::Relaxed))
    }

    #[test]
    fn a_rest_is_fed_once_a_period_and_wakes_for_nothing_else() {
        let (watchdog, fed) = watchdog();
        let mut now = at(0);
        let mut wakes = 0;
        while now < at(1800) {
            now = watchdog.rest(now);
            wakes += 1;
        }
        watchdog.rest(now);
        assert_eq!((wakes, fed()), (30, 30));
    }

    #[test]
    fn steps_feed_it_when_it_is_due_and_not_more_often() {
        let (watchdog, fed) = watchdog();
        for second in 0..600 {
            watchdog.begin(Lane(0));
            watchdog.end(Lane(0), at(second));
        }
        assert_eq!(fed(), 9, "at 60, 120 … 540 seconds");
    }

    #[test]
    fn a_step_that_never_ends_starves_it_though_others_rest() {
        let (watchdog, fed) = watchdog();
        watchdog.begin(Lane(1));
        let mut now = at(0);
        while now < at(3600) {
            let next = watchdog.rest(now);
            assert!(now.after(Duration::from_secs(59)) < next, "a resting lane must not spin");
            now = next;
        }
        assert_eq!(fed(), 0);
        watchdog.end(Lane(1), now);
        assert_eq!(fed(), 1, "it answered after all");
    }

    #[test]
    fn a_lane_that_the_others_go_on_without_does_not_starve_it() {
        let (watchdog, fed) = watchdog();
        watchdog.begin(Lane(1));
        watchdog.give_up(Lane(1));
        let mut now = at(0);
        while now < at(1800) {
            now = watchdog.rest(now);
        }
        watchdog.rest(now);
        assert_eq!(fed(), 30);
        watchdog.begin(Lane(0));
        watchdog.end(Lane(1), at(1800));
        watchdog.rest(at(1900));
        assert_eq!(fed(), 30, "its answer says nothing of lane 0, which is busy");
    }

    #[test]
    fn a_stuck_lane_does_not_starve_it_while_another_gets_on() {
        let (watchdog, fed) = watchdog();
        watchdog.begin(Lane(0));
        for second in [100, 200, 300] {
            watchdog.begin(Lane(31));
            watchdog.end(Lane(31), at(second));
        }
        assert_eq!(fed(), 3);
    }

    #[test]
    fn a_long_step_feeds_it_by_what_it_gets_done() {
        let (watchdog, fed) = watchdog();
        watchdog.begin(Lane(0));
        (0..=600).for_each(|second| watchdog.progress(at(second)));
        assert_eq!(fed(), 10);
    }

    #[test]
    fn without_one_nothing_is_waited_for() {
        let watchdog = Watchdog::default();
        watchdog.begin(Lane(0));
        watchdog.end(Lane(0), at(1));
        assert_eq!(watchdog.rest(at(2)), Mono::FAR);
    }
}
