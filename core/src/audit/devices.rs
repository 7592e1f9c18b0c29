//! The devices of one pass: which are done, and which no lane may take now.
use heapless::Vec;

use super::random::Random;
use crate::breaker::{Answer, Breaker, Limits};

/// A row of the pass's device table. Its name stays with the platform.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Device(pub u16);

/// What is known of a device from before: of the pass in progress, and of earlier ones. The
/// platform keeps it by the device's name and hands it back when the devices are listed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Past {
    /// It was walked to its end in the pass in progress.
    pub done: bool,
    /// Something on it was passed over in the pass in progress.
    pub skipped: bool,
    /// Databases found on it in the pass in progress; what is walked again after a restart counts
    /// again.
    pub found: u64,
    /// Databases that its last complete walk found; none if there was no such walk.
    pub databases: Option<u64>,
    /// Its breaker.
    pub breaker: Breaker,
}

impl Past {
    /// What a new pass begins with.
    #[must_use]
    pub const fn next_pass(self) -> Self {
        let Self { databases, breaker, .. } = self;
        Self { done: false, skipped: false, found: 0, databases, breaker: breaker.next_pass() }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum State {
    Waiting,
    Taken,
    Done,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Row {
    device: Device,
    /// The physical disk below it, as the platform reports it.
    disk: u64,
    state: State,
    past: Past,
}

/// The table, in the order in which devices are taken.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Devices<const MAX: usize> {
    rows: Vec<Row, MAX>,
}

impl<const MAX: usize> Devices<MAX> {
    /// Adds the next device; false if there is no room for it. `resumed`: the pass that its past
    /// speaks of goes on; else a new one begins.
    pub(super) fn add(&mut self, disk: u64, past: Past, resumed: bool) -> bool {
        let Ok(number) = u16::try_from(self.rows.len()) else { return false };
        let past = if resumed { past } else { past.next_pass() };
        let state = if past.done { State::Done } else { State::Waiting };
        self.rows.push(Row { device: Device(number), disk, state, past }).is_ok()
    }

    pub(super) fn clear(&mut self) {
        self.rows.clear();
    }

    /// Puts them into random order, as Swift does, so that no device is always the last.
    pub(super) fn shuffle(&mut self, random: &mut Random) {
        for left in (1..self.rows.len()).rev() {
            let bound = u64::try_from(left).unwrap_or(0).saturating_add(1);
            let other = usize::try_from(random.below(bound)).unwrap_or(0);
            self.rows.swap(left, other);
        }
    }

    /// Takes the first waiting device whose disk nobody is working on, and which is not `held` by a lane
    /// that stalled.
    pub(super) fn take(&mut self, held: impl Fn(u64) -> bool) -> Option<Device> {
        let free = self.rows.iter().position(|row| {
            row.state == State::Waiting
                && !held(row.disk)
                && !self
                    .rows
                    .iter()
                    .any(|other| other.state == State::Taken && other.disk == row.disk)
        })?;
        let row = self.rows.get_mut(free)?;
        row.state = State::Taken;
        Some(row.device)
    }

    /// The device was walked to its end. If nothing on it was passed over, its databases are known.
    pub(super) fn done(&mut self, device: Device) {
        let Some(row) = self.row(device) else { return };
        row.state = State::Done;
        row.past.done = true;
        if !row.past.skipped {
            row.past.databases = Some(row.past.found);
        }
    }

    /// A database was found on it.
    pub(super) fn found(&mut self, device: Device) {
        let Some(row) = self.row(device) else { return };
        row.past.found = row.past.found.saturating_add(1);
    }

    /// Something on it was passed over.
    pub(super) fn skipped(&mut self, device: Device) {
        if let Some(row) = self.row(device) {
            row.past.skipped = true;
        }
    }

    /// Whether one more of its databases may be moved. It holds as many as its last complete walk
    /// found, or as were found so far if that is more: on an unknown device the share grows with
    /// the walk.
    pub(super) fn ask(&mut self, device: Device, limits: Limits) -> Answer {
        let Some(row) = self.row(device) else { return Answer::Tripped };
        let databases = row.past.databases.unwrap_or(0).max(row.past.found);
        row.past.breaker.ask(limits, databases)
    }

    /// One of its databases was moved.
    pub(super) fn moved(&mut self, device: Device) {
        if let Some(row) = self.row(device) {
            row.past.breaker.count();
        }
    }

    /// Re-arms its breaker.
    pub(super) fn rearm(&mut self, device: Device) {
        if let Some(row) = self.row(device) {
            row.past.breaker = Breaker::default();
        }
    }

    /// What is known of it by now.
    pub(super) fn past(&self, device: Device) -> Option<Past> {
        self.rows.iter().find(|row| row.device == device).map(|row| row.past)
    }

    /// The physical disk below it.
    pub(super) fn disk(&self, device: Device) -> Option<u64> {
        self.rows.iter().find(|row| row.device == device).map(|row| row.disk)
    }

    fn row(&mut self, device: Device) -> Option<&mut Row> {
        self.rows.iter_mut().find(|row| row.device == device)
    }

    /// Whether all are done, but for those whose disk is `held` by a lane that stalled.
    pub(super) fn all_done(&self, held: impl Fn(u64) -> bool) -> bool {
        self.rows.iter().all(|row| row.state == State::Done || held(row.disk))
    }

    /// The pass ends: those that are not done were passed over. Returns how many.
    pub(super) fn end(&mut self) -> u64 {
        let mut missed: u64 = 0;
        for row in self.rows.iter_mut().filter(|row| row.state != State::Done) {
            row.past.skipped = true;
            missed = missed.saturating_add(1);
        }
        missed
    }

    /// How many are done, and how many there are.
    pub(super) fn progress(&self) -> (usize, usize) {
        (self.rows.iter().filter(|row| row.state == State::Done).count(), self.rows.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NEW: Past = Past {
        done: false,
        skipped: false,
        found: 0,
        databases: None,
        breaker: Breaker { moved: 0, tripped: false },
    };
    const ONE_PERCENT: Limits = Limits { databases: 16, share: 10_000 };

    /// No lane has stalled.
    fn nobody(_disk: u64) -> bool {
        false
    }

    /// The answer for one more of a device of which so many were moved.
    fn ask(databases: Option<u64>, found: u64, moved: u32) -> Answer {
        let mut devices = Devices::<1>::default();
        let breaker = Breaker { moved, tripped: false };
        assert!(devices.add(1, Past { found, databases, breaker, ..NEW }, true));
        devices.ask(Device(0), ONE_PERCENT)
    }

    #[test]
    fn the_share_is_of_the_last_complete_walk_or_of_what_was_found_since() {
        assert_eq!(ask(Some(1_000), 10, 9), Answer::Move);
        assert_eq!(ask(Some(1_000), 10, 10), Answer::Trips);
        assert_eq!(ask(None, 10, 3), Answer::Trips);
        assert_eq!(ask(None, 500, 4), Answer::Move);
        assert_eq!(ask(Some(10), 500, 4), Answer::Move, "it has grown since");
    }

    #[test]
    fn only_a_complete_walk_says_how_many_there_are() {
        let mut devices = Devices::<1>::default();
        assert!(devices.add(1, Past { databases: Some(7), ..NEW }, false));
        devices.found(Device(0));
        devices.skipped(Device(0));
        devices.done(Device(0));
        assert_eq!(devices.past(Device(0)).and_then(|past| past.databases), Some(7));
        devices.clear();
        assert!(devices.add(1, Past { databases: Some(7), ..NEW }, false));
        devices.found(Device(0));
        devices.done(Device(0));
        assert_eq!(devices.past(Device(0)).and_then(|past| past.databases), Some(1));
    }

    #[test]
    fn a_resumed_pass_goes_on_and_a_new_one_begins_anew() {
        let breaker = Breaker { moved: 2, tripped: true };
        let past = Past { done: true, skipped: true, found: 9, databases: Some(9), breaker };
        let mut devices = Devices::<1>::default();
        assert!(devices.add(1, past, true));
        assert!(devices.all_done(nobody) && devices.past(Device(0)) == Some(past));
        devices.clear();
        assert!(devices.add(1, past, false));
        assert_eq!(devices.take(nobody), Some(Device(0)));
        let breaker = Breaker { moved: 0, tripped: true };
        let new = Past { databases: Some(9), breaker, ..NEW };
        assert_eq!(devices.past(Device(0)), Some(new));
    }

    #[test]
    fn no_disk_is_taken_twice_at_a_time() {
        let mut devices = Devices::<4>::default();
        assert!([7, 7, 9].iter().all(|disk| devices.add(*disk, NEW, false)));
        assert_eq!(devices.take(nobody), Some(Device(0)));
        assert_eq!(devices.take(nobody), Some(Device(2)), "device 1 is on the disk of device 0");
        assert_eq!(devices.take(nobody), None);
        devices.done(Device(0));
        assert_eq!(devices.take(nobody), Some(Device(1)));
        devices.done(Device(1));
        assert!(!devices.all_done(nobody));
        devices.done(Device(2));
        assert!(devices.all_done(nobody));
        assert_eq!(devices.progress(), (3, 3));
    }

    #[test]
    fn a_disk_that_is_held_is_left_alone_and_its_devices_are_passed_over_once() {
        let mut devices = Devices::<4>::default();
        let known = Past { databases: Some(7), ..NEW };
        assert!([7, 9, 7].iter().all(|disk| devices.add(*disk, known, false)));
        assert_eq!(devices.take(nobody), Some(Device(0)), "whose lane stalls");
        let held = |disk| disk == 7;
        assert_eq!(devices.take(held), Some(Device(1)));
        assert_eq!(devices.take(held), None);
        assert!(!devices.all_done(held), "device 1 is at work");
        devices.done(Device(1));
        assert!(devices.all_done(held) && !devices.all_done(nobody));
        assert_eq!(devices.end(), 2);
        let missed = Some(Past { skipped: true, ..known });
        assert_eq!((devices.past(Device(0)), devices.past(Device(2))), (missed, missed));
        assert_eq!(
            devices.past(Device(1)).map(|past| (past.done, past.skipped)),
            Some((true, false))
        );
    }

    #[test]
    fn a_full_table_says_so() {
        let mut devices = Devices::<2>::default();
        assert!(devices.add(1, NEW, false) && devices.add(2, NEW, false));
        assert!(!devices.add(3, NEW, false));
    }

    #[test]
    fn shuffling_loses_nobody() {
        let mut random = Random::new(5);
        let mut firsts = [0_u32; 3];
        for _ in 0..300 {
            let mut devices = Devices::<3>::default();
            assert!((0..3).all(|disk| devices.add(disk, NEW, false)));
            devices.shuffle(&mut random);
            let mut seen = [false; 3];
            for place in 0..3 {
                let Some(Device(number)) = devices.take(nobody) else {
                    panic!("a device is missing")
                };
                seen[usize::from(number)] = true;
                if place == 0 {
                    firsts[usize::from(number)] += 1;
                }
            }
            assert_eq!(seen, [true; 3]);
        }
        assert!(firsts.iter().all(|count| 50 < *count), "{firsts:?}");
    }
}
