//! Since when each lane has been at its step, and the devices that do not answer.
//!
//! A lane whose device does not answer cannot say so itself: another thread watches, and has the others
//! go on without it.
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use martlet_core::audit::{Auditor, Lane, Order};
use martlet_core::time::Mono;

use super::{DEVICES_MAX, Drive};
use crate::clock;
use crate::deep::{Around, Progress};

/// What became of a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stall {
    /// It has not answered for so long.
    Lasts(Duration),
    /// It answers again, after so long at least.
    Over(Duration),
}

/// When each lane began its step, or its step last came further; in nanoseconds, 0 if it has none.
#[derive(Debug)]
pub(super) struct Begun<const LANES: usize>([AtomicU64; LANES]);

impl<const LANES: usize> Begun<LANES> {
    pub(super) fn new() -> Self {
        Self([const { AtomicU64::new(0) }; LANES])
    }

    pub(super) fn at(&self, lane: Lane, now: Mono) {
        if let Some(begun) = self.0.get(usize::from(lane.0)) {
            begun.store(now.as_nanos(), Ordering::Relaxed);
        }
    }

    pub(super) fn rests(&self, lane: Lane) {
        self.at(lane, Mono::from_nanos(0));
    }

    pub(super) fn since(&self, lane: Lane) -> Option<Mono> {
        let begun = self.0.get(usize::from(lane.0))?.load(Ordering::Relaxed);
        (begun != 0).then_some(Mono::from_nanos(begun))
    }
}

/// A lane that waits for its device, and since when.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Waits {
    lane: Lane,
    path: PathBuf,
    since: Mono,
}

impl<const LANES: usize> Drive<LANES> {
    /// What a lane's deep looks need: a long one feeds the watchdog by what it reads.
    pub(super) fn around(&self, lane: Lane) -> Around {
        let (watchdog, tell) = (Arc::clone(&self.watchdog), Arc::clone(&self.process.tell));
        let begun = Arc::clone(&self.begun);
        let tell = move |progress: Progress| {
            begun.at(lane, clock::mono());
            watchdog.progress(clock::mono());
            tell(progress);
        };
        Around { tell: Arc::new(tell), ..self.process.clone() }
    }

    /// Tells `hear` of each device that has not answered for `after`, and when it answers again,
    /// until the drive is told to stop; the other lanes go on without the one that waits for it. Between
    /// two passes it sleeps as deeply as the lanes. Each time that it wakes it calls `tick`: a few times a
    /// minute at least, or many times a second.
    pub fn watch(&self, after: Duration, hear: &dyn Fn(&Path, Stall), tick: &dyn Fn()) {
        // One a lane at most.
        let mut known: Vec<Waits> = Vec::new();
        let mut auditor = self.lock();
        while !self.is_stopped() {
            let now = clock::mono();
            let resting = auditor.rests(now).is_some() && known.is_empty();
            let until = if resting { Mono::FAR } else { now.after(after / 2) };
            auditor = clock::wait(&self.wake, auditor, until);
            let now = clock::mono();
            let lanes = (0..u8::try_from(LANES).unwrap_or(u8::MAX)).map(Lane);
            let stalled: Vec<Waits> = lanes
                .filter_map(|lane| {
                    let (_, doing) = auditor.doing(lane, now);
                    let since = self.begun.since(lane)?;
                    let stalled = doing.is_of_device() && after <= now.since(since);
                    let target = self.walks.of(lane).filter(|_| stalled)?;
                    Some(Waits { lane, path: target.path().to_owned(), since })
                })
                .collect();
            drop(auditor);
            tick();
            for Waits { path, since, .. } in known.iter().filter(|it| !stalled.contains(it)) {
                hear(path, Stall::Over(now.since(*since)));
            }
            for Waits { path, since, .. } in stalled.iter().filter(|it| !known.contains(it)) {
                hear(path, Stall::Lasts(now.since(*since)));
            }
            known = stalled;
            auditor = self.lock();
            for Waits { lane, since, .. } in &known {
                self.go_on_without(&mut auditor, *lane, *since);
            }
        }
    }

    /// Has the other lanes go on without one, if there are others and it is still at the same step.
    fn go_on_without(&self, auditor: &mut Auditor<LANES, DEVICES_MAX>, lane: Lane, since: Mono) {
        let still = 1 < LANES && self.begun.since(lane) == Some(since);
        if still && auditor.order(clock::now(), Order::Stalled(lane)) {
            self.watchdog.give_up(lane);
            self.wake.notify_all();
        }
    }
}
