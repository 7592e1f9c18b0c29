//! The shelf: databases whose lock others hold, tried again while the walk goes on.
//!
//! Swift waits up to 25 seconds at each locked database and audits nothing else meanwhile.
use core::time::Duration;

use heapless::Vec;

use crate::path::DbPath;
use crate::time::Mono;

/// Databases on one lane's shelf at most. A full shelf holds up its own lane only.
pub const SHELF: usize = 16;
const _: () = assert!(SHELF <= 255, "a slot's number is kept in 8 bits");

/// How long after its first try a database is called busy (Swift's `BROKER_TIMEOUT`).
pub const BUSY_AFTER: Duration = Duration::from_secs(25);

/// The pause before the second try; each further one is twice as long.
const PAUSE_FIRST: Duration = Duration::from_millis(50);
/// The longest pause between two tries.
const PAUSE_MAX: Duration = Duration::from_secs(1);

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Shelved {
    path: DbPath,
    first_try: Mono,
    next_try: Mono,
    pause: Duration,
}

/// What is on the shelf.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Shelf {
    slots: Vec<Shelved, SHELF>,
}

impl Shelf {
    /// Puts a database on the shelf that was found locked at `now`; false if the shelf is full.
    pub(super) fn put(&mut self, path: &DbPath, first_try: Mono, now: Mono) -> bool {
        let next_try = now.after(PAUSE_FIRST);
        let new = Shelved { path: path.clone(), first_try, next_try, pause: PAUSE_FIRST };
        self.slots.push(new).is_ok()
    }

    /// Whether the next locked database would find no room.
    pub(super) fn is_full(&self) -> bool {
        self.slots.is_full()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }

    /// When the next try is due, if there is one.
    pub(super) fn due(&self) -> Option<Mono> {
        self.slots.iter().map(|slot| slot.next_try).min()
    }

    /// The slot to be tried at `now`, the longest overdue first.
    pub(super) fn ready(&self, now: Mono) -> Option<u8> {
        let due = self.due().filter(|due| *due <= now)?;
        let place = self.slots.iter().position(|slot| slot.next_try == due)?;
        u8::try_from(place).ok()
    }

    pub(super) fn path(&self, slot: u8) -> &DbPath {
        self.slots.get(usize::from(slot)).map_or(&DbPath::EMPTY, |slot| &slot.path)
    }

    pub(super) fn first_try(&self, slot: u8) -> Option<Mono> {
        self.slots.get(usize::from(slot)).map(|slot| slot.first_try)
    }

    /// Found locked once more: false if its time is up.
    pub(super) fn again(&mut self, slot: u8, now: Mono) -> bool {
        let Some(slot) = self.slots.get_mut(usize::from(slot)) else { return false };
        if BUSY_AFTER <= now.since(slot.first_try) {
            return false;
        }
        slot.pause = slot.pause.saturating_mul(2).min(PAUSE_MAX);
        slot.next_try = now.after(slot.pause).min(slot.first_try.after(BUSY_AFTER)).max(now);
        true
    }

    pub(super) fn remove(&mut self, slot: u8) {
        if usize::from(slot) < self.slots.len() {
            self.slots.swap_remove(usize::from(slot));
        }
    }

    pub(super) fn clear(&mut self) {
        self.slots.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: Mono = Mono::from_nanos(5_000_000_000);

    #[test]
    fn tries_grow_apart_and_end_at_twenty_five_seconds() {
        let mut shelf = Shelf::default();
        assert!(shelf.put(&DbPath::new(b"x"), START, START));
        let mut now = START;
        let mut tries = 0;
        while let Some(due) = shelf.due() {
            assert!(now < due, "a try that is due at once would spin");
            now = due;
            tries += 1;
            let Some(slot) = shelf.ready(now) else { panic!("due and not ready") };
            if !shelf.again(slot, now) {
                shelf.remove(slot);
            }
        }
        assert_eq!(now.since(START), BUSY_AFTER);
        assert_eq!(tries, 29);
    }

    #[test]
    fn the_longest_overdue_is_tried_first() {
        let mut shelf = Shelf::default();
        assert!(shelf.put(&DbPath::new(b"late"), START, START.after(Duration::from_secs(1))));
        assert!(shelf.put(&DbPath::new(b"early"), START, START));
        assert_eq!(shelf.ready(START), None);
        let slot = shelf.ready(START.after(Duration::from_secs(9)));
        assert_eq!(slot.map(|slot| shelf.path(slot).as_bytes()), Some(&b"early"[..]));
    }

    #[test]
    fn a_full_shelf_takes_nothing_more() {
        let mut shelf = Shelf::default();
        assert!((0..SHELF).all(|_| shelf.put(&DbPath::EMPTY, START, START)));
        assert!(shelf.is_full() && !shelf.put(&DbPath::EMPTY, START, START));
    }
}
