//! The devices of one pass: which are done, and which no lane may take now.
use heapless::Vec;

use super::random::Random;

/// A row of the pass's device table. Its name stays with the platform.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Device(pub u16);

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
}

/// The table, in the order in which devices are taken.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Devices<const MAX: usize> {
    rows: Vec<Row, MAX>,
}

impl<const MAX: usize> Devices<MAX> {
    /// Adds the next device; false if there is no room for it.
    pub(super) fn add(&mut self, disk: u64) -> bool {
        let Ok(number) = u16::try_from(self.rows.len()) else { return false };
        self.rows.push(Row { device: Device(number), disk, state: State::Waiting }).is_ok()
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

    /// Takes the first waiting device whose disk nobody is working on.
    pub(super) fn take(&mut self) -> Option<Device> {
        let free = self.rows.iter().position(|row| {
            row.state == State::Waiting
                && !self
                    .rows
                    .iter()
                    .any(|other| other.state == State::Taken && other.disk == row.disk)
        })?;
        let row = self.rows.get_mut(free)?;
        row.state = State::Taken;
        Some(row.device)
    }

    pub(super) fn done(&mut self, device: Device) {
        if let Some(row) = self.rows.iter_mut().find(|row| row.device == device) {
            row.state = State::Done;
        }
    }

    pub(super) fn all_done(&self) -> bool {
        self.rows.iter().all(|row| row.state == State::Done)
    }

    /// How many are done, and how many there are.
    pub(super) fn progress(&self) -> (usize, usize) {
        (self.rows.iter().filter(|row| row.state == State::Done).count(), self.rows.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_disk_is_taken_twice_at_a_time() {
        let mut devices = Devices::<4>::default();
        assert!([7, 7, 9].iter().all(|disk| devices.add(*disk)));
        assert_eq!(devices.take(), Some(Device(0)));
        assert_eq!(devices.take(), Some(Device(2)), "device 1 is on the disk of device 0");
        assert_eq!(devices.take(), None);
        devices.done(Device(0));
        assert_eq!(devices.take(), Some(Device(1)));
        devices.done(Device(1));
        assert!(!devices.all_done());
        devices.done(Device(2));
        assert!(devices.all_done());
        assert_eq!(devices.progress(), (3, 3));
    }

    #[test]
    fn a_full_table_says_so() {
        let mut devices = Devices::<2>::default();
        assert!(devices.add(1) && devices.add(2));
        assert!(!devices.add(3));
    }

    #[test]
    fn shuffling_loses_nobody() {
        let mut random = Random::new(5);
        let mut firsts = [0_u32; 3];
        for _ in 0..300 {
            let mut devices = Devices::<3>::default();
            assert!((0..3).all(|disk| devices.add(disk)));
            devices.shuffle(&mut random);
            let mut seen = [false; 3];
            for place in 0..3 {
                let Some(Device(number)) = devices.take() else { panic!("a device is missing") };
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
