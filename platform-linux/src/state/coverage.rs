//! How long ago the devices were audited: in memory, and in a file beside the cursor's.
//!
//! It is saved with the cursor, and before it: a place in a device is never kept without what is known
//! of the way there. A cursor that was kept with another coverage is trusted, and the coverage of the
//! pass in progress is not.
use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use martlet_core::audit::Device;
use martlet_core::coverage::{Coverage, Entry, Head, Kind, Moment, Oldest, Own, Wanted};
use martlet_core::cursor::{Bad, Disk, Name};
use martlet_core::due::Turns;
use martlet_core::path::DbPath;
use martlet_core::time::Now;
use martlet_core::verdict::Verdict;
use martlet_core::walk::Floor;

use super::file::{Kept, read_entries};
use crate::clock;
use crate::devices::DEVICES_MAX;
use crate::error::Error;

const ENDING: &str = "coverage";

/// The ages of one device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ages {
    /// Its name.
    pub name: Name,
    /// Of its stat audits.
    pub stat: Age,
    /// Of its deep ones; none if the conf wants none.
    pub deep: Option<Age>,
}

/// The oldest audit of a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Age {
    /// Which it is.
    pub oldest: Oldest,
    /// Whether that is too long ago.
    pub overdue: bool,
}

#[derive(Debug)]
struct Inner {
    own: Own,
    pass: u32,
    ended: bool,
    spent: Option<Duration>,
    turns: Turns,
    wanted: Wanted,
    rows: Vec<Entry>,
    /// Of devices that the last pass did not find, or could not list: they may come back.
    away: Vec<Entry>,
}

impl Inner {
    fn each(&mut self, deed: impl Fn(&mut Coverage)) {
        self.rows.iter_mut().chain(&mut self.away).for_each(|row| deed(&mut row.coverage));
    }

    fn moment(&self, now: Now) -> Moment {
        let ended = self.pass.saturating_sub(u32::from(!self.ended));
        Moment { ended, at: self.own.at(now.mono), known: self.own.known() }
    }

    fn of(read: Option<(Head, Vec<Entry>)>, now: Now) -> Self {
        let own = Own::new(read.as_ref().map(|(head, _)| head.time), now);
        let (head, mut rows) = read.unwrap_or_default();
        let away = usize::try_from(head.away).unwrap_or(usize::MAX);
        let away = rows.split_off(rows.len().saturating_sub(away));
        // Before the first pass there is none in progress.
        let ended = head.ended || head.pass == 0;
        let Head { pass, spent, turns, .. } = head;
        Self { own, pass, ended, spent, turns, wanted: Wanted::default(), rows, away }
    }

    /// All of it, as it stands in the file.
    fn bytes(&self, spent: Option<Duration>, turns: Turns, now: Now) -> Vec<u8> {
        let count = |rows: usize| u32::try_from(rows).unwrap_or(u32::MAX);
        let head = Head {
            entries: count(self.rows.len() + self.away.len()),
            pass: self.pass,
            ended: self.ended,
            spent,
            time: self.own.kept(now),
            turns,
            away: count(self.away.len()),
        };
        let mut bytes = Vec::from(head.encode());
        for (row, number) in self.rows.iter().chain(&self.away).zip(0..) {
            bytes.extend_from_slice(&row.encode(number));
        }
        bytes
    }

    fn ages(&self, now: Now) -> Vec<Ages> {
        let (now, wanted) = (self.moment(now), self.wanted);
        let rows = self.rows.iter().filter_map(|row| {
            let age = |kind| {
                let oldest = row.coverage.oldest(kind, now, wanted)?;
                Some(Age { oldest, overdue: oldest.is_overdue(kind, wanted) })
            };
            Some(Ages { name: row.name.clone(), stat: age(Kind::Stat)?, deep: age(Kind::Deep) })
        });
        rows.collect()
    }
}

/// The coverage of a node.
#[derive(Debug)]
pub struct Coverages {
    /// Never held while the disk is asked: each audit takes it.
    inner: Mutex<Inner>,
    file: Option<Kept>,
}

impl Coverages {
    /// What was covered so far under the conf at `conf`, kept in the directory `place`; without one,
    /// in memory only. `wanted` is what the conf asks for.
    #[must_use]
    pub fn new(place: Option<&Path>, conf: &Path, wanted: Wanted) -> Self {
        let file = place.map(|place| Kept::new(place, conf, ENDING, 0o600));
        let read = file.as_ref().and_then(|file| file.load(read));
        let inner = Inner { wanted, ..Inner::of(read, clock::now()) };
        Self { inner: Mutex::new(inner), file }
    }

    /// Goes on with the pass that a restart broke off after `spent`, or with none. Returns the turns for
    /// deep audits that were taken last.
    #[must_use]
    pub fn resume(&self, spent: Option<Duration>) -> Turns {
        let mut inner = self.lock();
        if spent.is_some() && inner.spent != spent {
            inner.each(|coverage| coverage.hit(Floor::Device));
        }
        inner.turns
    }

    /// From now on the conf asks for this.
    pub fn reload(&self, wanted: Wanted) {
        self.lock().wanted = wanted;
    }

    /// A pass begins, or, `resumed`, goes on that a restart broke off.
    pub fn begin(&self, resumed: bool) {
        let mut inner = self.lock();
        if resumed && !inner.ended {
            return;
        }
        // The cursor is of a pass that this says has ended: what is passed over now was audited then.
        let again = resumed && inner.pass != 0;
        if !again {
            inner.pass = inner.pass.saturating_add(1);
        }
        inner.ended = false;
        let now = inner.moment(clock::now());
        inner.each(|coverage| {
            coverage.begin(now);
            if again {
                coverage.hit(Floor::Device);
            }
        });
    }

    /// The devices of the pass: their names, what these stand for, if that can be seen, and whether the
    /// pass goes on in the middle of them.
    pub fn list(&self, devices: impl Iterator<Item = (Name, Option<Disk>, bool)>) {
        let mut inner = self.lock();
        let now = inner.moment(clock::now());
        let mut before = [std::mem::take(&mut inner.rows), std::mem::take(&mut inner.away)];
        inner.rows = devices
            .map(|(name, disk, midway)| {
                let is_it = |row: &Entry| row.name == name && disk.is_none_or(|it| it == row.disk);
                for known in &mut before {
                    if let Some(found) = known.iter().position(is_it) {
                        let mut row = known.swap_remove(found);
                        // An empty directory stands where the disk was.
                        if disk.is_none() && row.disk != Disk::default() {
                            row.coverage.hit(Floor::Device);
                        }
                        return row;
                    }
                }
                let mut coverage = Coverage::new(now);
                if midway {
                    coverage.hit(Floor::Device);
                }
                Entry { name, disk: disk.unwrap_or_default(), coverage }
            })
            .collect();
        let room = DEVICES_MAX.saturating_sub(inner.rows.len());
        inner.away = before.into_iter().flatten().take(room).collect();
    }

    /// A database of a device was audited.
    pub fn audited(&self, device: Device, path: &DbPath, verdict: Verdict) {
        let mut inner = self.lock();
        let Inner { own, rows, .. } = &mut *inner;
        if let Some(row) = rows.get_mut(usize::from(device.0)) {
            row.coverage.audited(path.place().hash, verdict, || own.at(clock::mono()));
        }
    }

    /// Something of a device was passed over.
    pub fn hit(&self, device: Device, floor: Floor) {
        if let Some(row) = self.lock().rows.get_mut(usize::from(device.0)) {
            row.coverage.hit(floor);
        }
    }

    /// The pass has ended; it took these turns.
    pub fn ended(&self, turns: Turns) {
        let inner = &mut *self.lock();
        inner.ended = true;
        let now = inner.moment(clock::now());
        for row in &mut inner.rows {
            row.coverage.ended(now, inner.pass, turns, inner.wanted);
        }
    }

    /// What has become overdue since this was asked last.
    #[must_use]
    pub fn newly_overdue(&self) -> Vec<(Device, Kind, Oldest)> {
        let inner = &mut *self.lock();
        let (now, wanted) = (inner.moment(clock::now()), inner.wanted);
        let rows = inner.rows.iter_mut().zip(0..).flat_map(|(row, number)| {
            let late = row.coverage.newly_overdue(now, wanted);
            late.map(move |(kind, oldest)| (Device(number), kind, oldest))
        });
        rows.collect()
    }

    /// The ages of each device.
    #[must_use]
    pub fn ages(&self) -> Vec<Ages> {
        self.lock().ages(clock::now())
    }

    /// Saves it, beside a cursor that says `spent` of the pass in progress. `turns` are those of the
    /// pass. False if it could not be saved, which is said once, until it can be. One saves at a time, and
    /// whoever audits or asks meanwhile does not wait for the disk.
    pub fn save(&self, spent: Option<Duration>, turns: Turns) -> bool {
        let Some(file) = &self.file else { return true };
        let text = self.lock().bytes(spent, turns, clock::now());
        file.save("a restart will begin the pass anew", |out| out.write_all(&text))
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The ages that the file of the conf at `conf` in the directory `place` tells now; none if there is no
/// such file. The file is not changed.
pub fn ages(place: &Path, conf: &Path, wanted: Wanted) -> Result<Option<Vec<Ages>>, Error> {
    let found = Kept::new(place, conf, ENDING, 0o600).peek(read)?;
    let now = clock::now();
    Ok(found.map(|found| Inner { wanted, ..Inner::of(Some(found), now) }.ages(now)))
}

fn read(file: &mut File) -> io::Result<Result<(Head, Vec<Entry>), Bad>> {
    read_entries(file, Head::decode, |head| head.entries, Entry::decode)
}
