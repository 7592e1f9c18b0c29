//! Since when each lane has been at its step, and the devices that do not answer.
//!
//! A lane whose device does not answer cannot say so itself: another thread watches, and has the others
//! go on without it.
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use martlet_core::audit::{Auditor, Lane, Order};
use martlet_core::time::Mono;

use super::{DEVICES_MAX, Drive};
use crate::clock;
use crate::deep::{Around, Progress};

/// How long nothing has to be heard until a rest is taken for one.
const SETTLED: Duration = Duration::from_secs(1);

/// What became of a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stall {
    /// It has not answered for so long. One lane waits for it.
    Lasts(Duration),
    /// The same, to a look before a pass or after it: all lanes wait for it.
    HoldsAll(Duration),
    /// It answers again, after so long at least.
    Over(Duration),
}

/// What wakes the lanes and who watches them, and how often it did.
#[derive(Debug, Default)]
pub(super) struct Wake {
    sleepers: Condvar,
    calls: AtomicU64,
}

impl Wake {
    /// Wakes all who wait.
    pub(super) fn all(&self) {
        self.calls.fetch_add(1, Ordering::Relaxed);
        self.sleepers.notify_all();
    }

    /// How often that was done.
    fn calls(&self) -> u64 {
        self.calls.load(Ordering::Relaxed)
    }

    /// Waits as [`clock::wait`] does.
    pub(super) fn wait<'a, T>(&self, guard: MutexGuard<'a, T>, until: Mono) -> MutexGuard<'a, T> {
        clock::wait(&self.sleepers, guard, until)
    }
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

/// The path that is looked at before a pass or after it, and since when: one lane does so, and the others
/// wait for it.
#[derive(Debug, Default)]
pub(super) struct Looks(Mutex<Option<(PathBuf, Mono)>>);

impl Looks {
    pub(super) fn at(&self, path: &Path) {
        self.set(Some((path.to_owned(), clock::mono())));
    }

    pub(super) fn end(&self) {
        self.set(None);
    }

    /// What has been looked at for so long or longer.
    pub(super) fn longer(&self, after: Duration, now: Mono) -> Option<(PathBuf, Mono)> {
        let looks = self.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        looks.filter(|(_, since)| after <= now.since(*since))
    }

    fn set(&self, looks: Option<(PathBuf, Mono)>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = looks;
    }
}

/// Who waits for a device, and since when.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Waits {
    /// The lane that works on it; none if all wait for a look at it.
    lane: Option<Lane>,
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
    /// minute at least, or many times a second. It sleeps so only after a `tick` that nothing came before for
    /// [`SETTLED`], as lanes come to rest after they were woken, and nothing during it, which wakes nobody.
    pub fn watch(&self, after: Duration, hear: &dyn Fn(&Path, Stall), tick: &dyn Fn()) {
        // One a lane at most.
        let mut known: Vec<Waits> = Vec::new();
        let mut settled = true; // nothing has been told yet
        let mut auditor = self.lock();
        while !self.is_stopped() {
            let now = clock::mono();
            // Whoever begins a pass wakes all, before the first device is looked at.
            let looks = self.looks.longer(Duration::ZERO, now).is_some();
            let resting = auditor.rests(now).is_some() && known.is_empty() && !looks;
            let until = match (settled, resting) {
                (false, _) => now.after(SETTLED.min(after / 2)),
                (true, true) => Mono::FAR,
                (true, false) => now.after(after / 2),
            };
            auditor = self.wake.wait(auditor, until);
            let now = clock::mono();
            let (woken, quiet) = (self.wake.calls(), until <= now);
            let stalled = self.stalled(&auditor, after, now);
            drop(auditor);
            tick();
            for Waits { path, since, .. } in known.iter().filter(|it| !stalled.contains(it)) {
                hear(path, Stall::Over(now.since(*since)));
            }
            for Waits { lane, path, since } in stalled.iter().filter(|it| !known.contains(it)) {
                let span = now.since(*since);
                hear(path, lane.map_or(Stall::HoldsAll(span), |_| Stall::Lasts(span)));
            }
            known = stalled;
            auditor = self.lock();
            for Waits { lane, since, .. } in &known {
                if let Some(lane) = lane {
                    self.go_on_without(&mut auditor, *lane, *since);
                }
            }
            settled = quiet && woken == self.wake.calls();
        }
    }

    /// Who has waited for so long.
    fn stalled(
        &self,
        auditor: &Auditor<LANES, DEVICES_MAX>,
        after: Duration,
        now: Mono,
    ) -> Vec<Waits> {
        let lanes = (0..u8::try_from(LANES).unwrap_or(u8::MAX)).map(Lane);
        let stalled = lanes.filter_map(|lane| {
            let (_, doing) = auditor.doing(lane, now);
            let since = self.begun.since(lane)?;
            let stalled = doing.is_of_device() && after <= now.since(since);
            let target = self.walks.of(lane).filter(|_| stalled)?;
            Some(Waits { lane: Some(lane), path: target.path().to_owned(), since })
        });
        let looks = self.looks.longer(after, now);
        let looks = looks.map(|(path, since)| Waits { lane: None, path, since });
        stalled.chain(looks).collect()
    }

    /// Has the other lanes go on without one, if there are others and it is still at the same step.
    fn go_on_without(&self, auditor: &mut Auditor<LANES, DEVICES_MAX>, lane: Lane, since: Mono) {
        let still = 1 < LANES && self.begun.since(lane) == Some(since);
        if still && auditor.order(clock::now(), Order::Stalled(lane)) {
            self.watchdog.give_up(lane);
            self.wake.all();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Ground, PASSES};
    use super::*;
    use crate::devices::DeviceDir;
    use crate::hands::Target;
    use std::cell::Cell;
    use std::sync::mpsc;

    #[test]
    fn what_changes_during_a_tick_is_seen_by_the_next_though_all_is_at_rest() {
        let drive: Drive<2> = Drive::new(&PASSES, Ground::Named(Vec::new()), false, 1);
        let (say, hear) = mpsc::channel();
        let (go, told) = mpsc::channel();
        std::thread::scope(|threads| {
            let drive = &drive;
            threads.spawn(move || {
                // The first is woken, the second comes by itself.
                let ticks = Cell::new(0);
                let tick = || {
                    ticks.set(ticks.get() + 1);
                    say.send(ticks.get()).expect("heard");
                    if ticks.get() < 3 {
                        let _go = told.recv();
                        drive.order(Order::Pause(Mono::FAR));
                    }
                };
                drive.watch(Duration::from_secs(60), &|_, _| {}, &tick);
            });
            while hear.recv_timeout(Duration::from_millis(10)).is_err() {
                drive.order(Order::Resume);
            }
            let next = [2, 3].map(|_| {
                go.send(()).expect("told");
                hear.recv_timeout(Duration::from_secs(30))
            });
            drop(go);
            drive.order(Order::Stop);
            assert_eq!(next, [Ok(2), Ok(3)], "it is seen");
        });
    }

    #[test]
    fn a_look_between_two_passes_that_does_not_come_back_is_named_until_it_does() {
        let path = Path::new("/srv/node/sda");
        let device = DeviceDir { path: path.to_owned(), mount_check: false, disk: 1 };
        let ground = Ground::Named(vec![Target::Device(device)]);
        let drive: Drive<2> = Drive::new(&PASSES, ground, false, 1);
        let (say, hear) = mpsc::channel();
        drive.looks.at(path);
        std::thread::scope(|threads| {
            let (drive, after) = (&drive, Duration::from_millis(10));
            let tell = move |path: &Path, stall| say.send((path.to_owned(), stall)).expect("heard");
            threads.spawn(move || drive.watch(after, &tell, &|| {}));
            let held = hear.recv_timeout(Duration::from_secs(60));
            drive.looks.end();
            let over = hear.recv_timeout(Duration::from_secs(60));
            drive.order(Order::Stop);
            let [held, over] = [held, over].map(|it| it.expect("it is told"));
            assert!(held.0 == path && matches!(held.1, Stall::HoldsAll(_)), "{held:?}");
            assert!(over.0 == path && matches!(over.1, Stall::Over(_)), "{over:?}");
        });
    }
}
