//! The devices of a pass: how they are listed, and what of them is kept over a restart.
use std::collections::HashMap;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use martlet_core::audit::{Conf, Device, Event, Lane, Past, Report};
use martlet_core::coverage::Wanted;
use martlet_core::cursor::{self, Disk, Entry, Head, Place};
use martlet_core::due::Which;
use martlet_core::event;
use martlet_core::report::Overdue;
use martlet_core::time::Mono;
use martlet_core::walk::Floor;

use super::{Drive, Ground, Turn};
use crate::clock;
use crate::devices::{DeviceDir, devices_again};
use crate::event::say_of;
use crate::hands::{Hands, Target};
use crate::logging::Name;
use crate::state::coverage::Coverages;
use crate::state::findings::{Findings, Known};
use crate::state::{self, Saved, Store};

/// How far a device has come.
#[derive(Clone, Debug, Default)]
pub(super) struct Mark {
    pub(super) disk: Option<Disk>,
    /// No database before it waits on the shelf.
    pub(super) sure: Place,
    /// How much of it lies behind, in parts of a million.
    pub(super) share: u32,
    /// Where the walk stood at a moment, to be sure once all that waited then is done.
    next: Place,
    next_at: Mono,
}

impl Mark {
    /// The walk stands at `here`; what the lane has found and not audited waits `since` then.
    pub(super) fn pass(&mut self, here: Place, now: Mono, since: Option<Mono>) {
        match since {
            None => {
                self.sure = here.clone();
                (self.next, self.next_at) = (here, now);
            }
            Some(since) if self.next_at < since => {
                self.sure = std::mem::replace(&mut self.next, here);
                self.next_at = now;
            }
            Some(_) => {}
        }
    }
}

impl<const LANES: usize> Drive<LANES> {
    /// The same auditor, which keeps its place in `store`, and goes on where that says it was.
    #[must_use]
    pub fn keeping(self, store: Store) -> Self {
        let saved = store.load();
        if let Some(spent) = saved.head.pass {
            self.lock().resume(clock::now(), spent);
        }
        Self { saved: Mutex::new(saved.entries), store: Some(store), ..self }
    }

    /// The same, which moves nothing of a device whose breaker has tripped for the auditor that keeps its
    /// place in `store`. Nothing is kept there.
    #[must_use]
    pub fn heeding(self, store: &Store) -> Self {
        let mut heeded = store.peek().map(|saved| saved.entries).unwrap_or_default();
        heeded.retain(|entry| entry.past.breaker.tripped);
        Self { heeded, ..self }
    }

    /// Whether another's breaker has tripped on this device, and not on another disk under its name.
    fn heeds(&self, device: &Path) -> bool {
        let name = state::name(device);
        let kept = self.heeded.iter().find(|entry| entry.name == name);
        kept.is_some_and(|entry| entry.now(state::disk(device)).0.breaker.tripped)
    }

    /// The same, keeping what it finds.
    #[must_use]
    pub fn finding(self, findings: Arc<Findings>) -> Self {
        Self { findings: Some(findings), ..self }
    }

    /// The same, noting what it covers. After [`Drive::keeping`]: the two go on together.
    #[must_use]
    pub fn covering(self, coverage: Arc<Coverages>) -> Self {
        let mut auditor = self.lock();
        let turns = coverage.resume(auditor.resumed());
        auditor.follow(turns);
        drop(auditor);
        Self { coverage: Some(coverage), ..self }
    }

    /// Saves what is kept of each device; nothing if there was none.
    pub(super) fn save(&self) {
        if let Some(findings) = &self.findings {
            findings.save();
        }
        let Some(store) = &self.store else { return };
        let _turn = store.turn();
        let targets = self.targets();
        let (head, entries, turns) = {
            let auditor = self.lock();
            let kept = self.kept();
            let listed = targets.iter().zip(kept.iter()).zip(0..).filter_map(|(it, row)| {
                let (target, mark) = it;
                Some(Entry {
                    name: state::name(target.path()),
                    disk: mark.disk.unwrap_or_default(),
                    past: auditor.past(Device(row))?,
                    place: mark.sure.clone(),
                })
            });
            let entries: Vec<Entry> = listed.chain(self.away().iter().cloned()).collect();
            // Before it has begun, a pass that goes on has taken as long as it had.
            let pass = auditor.spent(clock::now()).or_else(|| auditor.resumed());
            (Head { pass, ..Head::default() }, entries, auditor.turns())
        };
        if entries.is_empty() {
            return;
        }
        if let Some(coverage) = &self.coverage {
            say_overdue(coverage, &targets);
        }
        drop(targets); // a pass that begins would wait for them, and all who ask behind it
        let covers = self.coverage.as_ref().is_none_or(|it| it.save(head.pass, turns));
        if covers {
            store.save(&Saved { head, entries });
        }
    }

    /// What is kept of devices that are not listed.
    pub(super) fn away(&self) -> MutexGuard<'_, Vec<Entry>> {
        self.saved.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes what is said: among the findings, and for the coverage.
    pub(super) fn note(&self, report: &Report<'_>, targets: &[Arc<Target>], hands: &Hands) {
        self.cover(report, targets, hands);
        let Some(findings) = &self.findings else { return };
        match report {
            Report::Began(_) => findings.begin(self.lock().is_resumed()),
            Report::Audited(audited) => {
                let target = targets.get(usize::from(audited.device.0));
                let device = target.map_or(Path::new(""), |it| it.device());
                let known = Known { device, names: hands.names(), moved: hands.moved() };
                findings.note(audited, &known);
            }
            Report::Ended(_)
            | Report::Hit(..)
            | Report::Tripped(_)
            | Report::Window(_)
            | Report::Leaving(_) => {}
        }
    }

    fn cover(&self, report: &Report<'_>, targets: &[Arc<Target>], hands: &Hands) {
        let Some(coverage) = &self.coverage else { return };
        match report {
            Report::Began(_) => coverage.begin(self.lock().is_resumed()),
            Report::Audited(audited) => {
                coverage.audited(audited.device, audited.path, audited.judged.verdict);
            }
            Report::Hit(floor, _) => {
                if let Some(device) = hands.device() {
                    coverage.hit(device, *floor);
                }
            }
            Report::Ended(_) => {
                for (device, past) in self.pasts() {
                    if !past.done {
                        coverage.hit(device, Floor::Device);
                    }
                }
                coverage.ended(self.lock().turns());
                say_overdue(coverage, targets);
            }
            Report::Tripped(_) | Report::Window(_) | Report::Leaving(_) => {}
        }
    }

    /// A pass has ended: tells which devices were seen whole. One that is away may look like an empty one.
    /// No lock is held while it is looked at.
    pub(super) fn whole(&self, findings: &Findings) {
        let targets = self.targets().clone();
        let held = self.held(&targets);
        for (target, (_, past)) in targets.iter().zip(self.pasts()) {
            // A part of a device is not all of it, and a disk that does not answer is not asked.
            let Some(device) = target.as_device() else { continue };
            let is_held = held.iter().any(|it| Arc::ptr_eq(it, target));
            if !past.done || is_held {
                continue;
            }
            self.looks.at(target.path());
            if !device.is_there() {
                continue;
            }
            if !past.skipped {
                findings.walked(target.path());
            }
            findings.look_aside(target.path());
        }
        self.looks.end();
    }

    /// What is known of each device of the pass.
    fn pasts(&self) -> Vec<(Device, Past)> {
        let auditor = self.lock();
        (0..).map(Device).map_while(|it| Some((it, auditor.past(it)?))).collect()
    }

    /// Those on a disk from which a lane does not come back: whoever looks into one may not come back
    /// either.
    fn held(&self, targets: &[Arc<Target>]) -> Vec<Arc<Target>> {
        let disk = |it: &Target| it.as_device().map(|device| device.disk);
        let auditor = self.lock();
        let lanes = (0..u8::try_from(LANES).unwrap_or(u8::MAX)).map(Lane);
        let stalled = lanes.filter(|lane| auditor.is_stalled(*lane));
        let disks: Vec<u64> =
            stalled.filter_map(|lane| self.walks.of(lane)).filter_map(|it| disk(&it)).collect();
        let held = targets.iter().filter(|it| disk(it).is_some_and(|it| disks.contains(&it)));
        held.cloned().collect()
    }

    pub(super) fn list_devices(&self, lane: Lane) -> Turn<'_, LANES> {
        let held = self.held(&self.targets());
        let known: Vec<&DeviceDir> = held.iter().filter_map(|it| it.as_device()).collect();
        let (targets, result) = match &self.ground {
            Ground::Named(targets) => (targets.clone(), Ok(())),
            Ground::Devices { root, mount_check } => {
                match devices_again(root, *mount_check, &known, &|path| self.looks.at(path)) {
                    Ok(found) => (found.into_iter().map(Target::Device).collect(), Ok(())),
                    Err(error) => (Vec::new(), Err(error.errno())),
                }
            }
        };
        let targets: Vec<Arc<Target>> = targets.into_iter().map(Arc::new).collect();
        let disks: Vec<(u64, Option<Disk>, bool)> = targets
            .iter()
            .map(|it| {
                let is_held = known.iter().any(|known| known.path == it.path());
                if is_held {
                    return (it.disk(), None, false);
                }
                self.looks.at(it.path());
                let disk = self.store.as_ref().and_then(|_| state::disk(it.path()));
                (it.disk(), disk, self.heeds(it.device()))
            })
            .collect();
        self.looks.end();
        let mut listed = self.targets.write().unwrap_or_else(PoisonError::into_inner);
        let mut auditor = self.lock();
        let mut kept = self.kept();
        let mut known: HashMap<cursor::Name, Entry> = std::mem::take(&mut *self.away())
            .into_iter()
            .map(|entry| (entry.name.clone(), entry))
            .collect();
        for ((target, mark), row) in listed.iter().zip(kept.iter()).zip(0..) {
            let Some(past) = auditor.past(Device(row)) else { continue };
            let (name, disk) = (state::name(target.path()), mark.disk.unwrap_or_default());
            known.insert(name.clone(), Entry { name, disk, past, place: Place::default() });
        }
        kept.clear();
        let mut covered = Vec::new();
        let (now, resumed) = (clock::now(), auditor.is_resumed());
        for (target, (number, found, heeds)) in targets.iter().zip(disks) {
            let entry = known.remove(&state::name(target.path())).unwrap_or_default();
            let (mut past, place) = entry.now(found);
            past.breaker.tripped |= heeds;
            let sure = if resumed { place } else { Place::default() };
            let disk = found.or(Some(entry.disk));
            covered.push((state::name(target.path()), found, past.done || !sure.is_start()));
            kept.push(Mark { disk, sure, ..Mark::default() });
            let _ = auditor.handle(lane, now, Event::Device { disk: number, past });
        }
        *self.away() = away(known.into_values(), resumed);
        if let Some(coverage) = &self.coverage {
            let covered = covered.into_iter().take(super::DEVICES_MAX);
            coverage.list(covered.map(|(name, disk, midway)| (name, disk, midway && resumed)));
        }
        *listed = targets;
        if auditor.handle(lane, now, Event::DevicesEnd(result)) {
            self.wake.all();
        }
        Turn { auditor, now }
    }
}

/// What is kept of devices that are not there, or could not be listed: as many as could be there, first
/// those that nothing may be moved from.
fn away(known: impl Iterator<Item = Entry>, resumed: bool) -> Vec<Entry> {
    let mut away: Vec<Entry> = known.map(|entry| entry.away(resumed)).collect();
    away.sort_by(|one, other| {
        let rank = |it: &Entry| !it.past.breaker.tripped;
        rank(one).cmp(&rank(other)).then_with(|| one.name.cmp(&other.name))
    });
    away.truncate(super::DEVICES_MAX);
    away
}

/// What a configuration asks for, as far as it is about how often.
#[must_use]
pub fn wanted(conf: &Conf) -> Wanted {
    let deep = match conf.deep.which {
        Which::Within(within) => Some(within),
        Which::Never | Which::All => None,
    };
    Wanted { interval: conf.interval, deep }
}

/// Says what has become overdue, once.
fn say_overdue(coverage: &Coverages, targets: &[Arc<Target>]) {
    for (device, kind, oldest) in coverage.newly_overdue() {
        let device = targets.get(usize::from(device.0)).map_or(Path::new(""), |it| it.path());
        let device = Name(device.as_os_str().as_bytes()).to_string();
        let words = format_args!("{device}: {}", Overdue(kind, oldest));
        say_of(event::Event::DeviceOverdue, &[("device", device.as_str())], words);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc;
    use std::time::Duration;

    #[test]
    fn who_saves_looks_only_when_its_turn_has_come() {
        let place = tempfile::tempdir().expect("a directory");
        let store = || Store::new(place.path(), Path::new("/etc/swift/a.conf"), "");
        let sda = cursor::Name::from_slice(b"sda").expect("short");
        let entries = vec![Entry { name: sda, ..Entry::default() }];
        store().save(&Saved { entries, ..Saved::default() });
        let ground = Ground::Named(Vec::new());
        let drive: Drive<1> = Drive::new(&super::super::PASSES, ground, false, 1).keeping(store());
        let (say, hear) = mpsc::channel();
        std::thread::scope(|threads| {
            let turn = drive.store.as_ref().map(Store::turn);
            threads.spawn(|| {
                drive.save();
                say.send(()).expect("heard");
            });
            hear.recv_timeout(Duration::from_millis(100)).expect_err("another has the turn");
            for entry in drive.away().iter_mut() {
                entry.past.breaker.tripped = true;
            }
            drop(turn);
            hear.recv().expect("it has its turn");
        });
        let kept = store().peek().expect("a whole file");
        assert!(kept.entries.iter().all(|entry| entry.past.breaker.tripped), "{kept:?}");
    }

    #[test]
    fn what_waits_on_the_shelf_is_never_behind_the_place_that_is_kept() {
        let at = |name: u64| Place::new([name.to_string().as_bytes(), b"", b""]);
        let moment = |second: u64| Mono::from_nanos(second * 1_000_000_000);
        let mut mark = Mark::default();
        // The place at each second, since when the oldest waits, and the place that is sure then.
        for (second, since, sure) in [
            (1, None, 1),
            (2, Some(1), 1), // found locked at 1
            (3, Some(1), 1),
            (4, Some(3), 1), // that one is done; another was found at 3
            (5, Some(3), 1),
            (6, Some(5), 4), // done too: all that was found up to 4 is
            (7, None, 7),
            (8, Some(7), 7),
        ] {
            mark.pass(at(second), moment(second), since.map(moment));
            assert_eq!(mark.sure, at(sure), "at {second}");
        }
    }
}
