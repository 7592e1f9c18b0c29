//! The shelf: databases whose lock others hold, tried again while the walk goes on.
//!
//! Swift waits up to 25 seconds at each locked database and audits nothing else meanwhile.
//!
//! Databases whose deep audit is not paid for yet lie there too, so that the walk goes on.
use core::time::Duration;

use heapless::Vec;

use crate::path::DbPath;
use crate::time::Mono;

/// Databases on one lane's shelf at most. A full shelf holds up its own lane only.
pub const SHELF: usize = 16;

/// How long after its first try a database is called busy (Swift's `BROKER_TIMEOUT`).
pub const BUSY_AFTER: Duration = Duration::from_secs(25);

/// The pause before the second try; each further one is twice as long.
const PAUSE_FIRST: Duration = Duration::from_millis(50);
/// The longest pause between two tries.
const PAUSE_MAX: Duration = Duration::from_secs(1);

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Shelved {
    path: DbPath,
    /// When the walk found it: what is kept over a restart must not lie behind that.
    found: Mono,
    /// When it was first met locked; none while it waits for a deep audit.
    locked: Option<Mono>,
    next_try: Mono,
    pause: Duration,
    /// It waits for a deep audit, not for a lock.
    owed: bool,
    /// Writers have held up one deep look at it already.
    held_up: bool,
}

impl Shelved {
    fn new(path: &DbPath, found: Mono, next_try: Mono) -> Self {
        let (path, pause) = (path.clone(), PAUSE_FIRST);
        Self { path, found, locked: None, next_try, pause, owed: false, held_up: false }
    }
}

/// What is on the shelf.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Shelf<const SLOTS: usize> {
    slots: Vec<Shelved, SLOTS>,
}

impl<const SLOTS: usize> Shelf<SLOTS> {
    /// Databases that wait for a deep audit to be paid for, at most; the other slots are for locked ones.
    const OWED_MAX: usize = {
        assert!(2 <= SLOTS, "there is room for both kinds");
        assert!(SLOTS <= 255, "a slot's number is kept in 8 bits");
        SLOTS / 2
    };

    /// Puts a database on the shelf that was `found` and locked at `now`; false if the shelf is full.
    pub(super) fn put(&mut self, path: &DbPath, found: Mono, now: Mono) -> bool {
        let new = Shelved::new(path, found, now.after(PAUSE_FIRST));
        self.slots.push(Shelved { locked: Some(found), ..new }).is_ok()
    }

    /// The same of one that was met locked only now, after a look that was not; `held_up`: by a deep look.
    pub(super) fn put_back(
        &mut self,
        path: &DbPath,
        found: Mono,
        now: Mono,
        held_up: bool,
    ) -> bool {
        let new = Shelved::new(path, found, now.after(PAUSE_FIRST));
        self.slots.push(Shelved { held_up, ..new }).is_ok()
    }

    /// Puts a database on the shelf whose deep audit may begin at `due`; false if too many are there.
    pub(super) fn owe(&mut self, path: &DbPath, found: Mono, due: Mono) -> bool {
        if Self::OWED_MAX <= self.slots.iter().filter(|slot| slot.owed).count() {
            return false;
        }
        let new = Shelved::new(path, found, due);
        self.slots.push(Shelved { owed: true, ..new }).is_ok()
    }

    /// Puts off one that is there until its deep audit may begin at `due`.
    pub(super) fn put_off(&mut self, slot: u8, due: Mono) -> bool {
        let Some(slot) = self.slots.get_mut(usize::from(slot)) else { return false };
        (slot.locked, slot.owed) = (None, true);
        (slot.next_try, slot.pause) = (due, PAUSE_FIRST);
        true
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

    /// When it was first met locked, or else may be tried.
    pub(super) fn first_try(&self, slot: u8) -> Option<Mono> {
        self.slots.get(usize::from(slot)).map(|slot| slot.locked.unwrap_or(slot.next_try))
    }

    /// Met locked at `now`, once more or after it had waited for a deep audit: false if its time is up.
    pub(super) fn again(&mut self, slot: u8, now: Mono) -> bool {
        let Some(slot) = self.slots.get_mut(usize::from(slot)) else { return false };
        slot.owed = false;
        let since = *slot.locked.get_or_insert(now);
        if BUSY_AFTER <= now.since(since) {
            return false;
        }
        slot.pause = slot.pause.saturating_mul(2).min(PAUSE_MAX);
        slot.next_try = now.after(slot.pause).min(since.after(BUSY_AFTER)).max(now);
        true
    }

    /// Its deep look was held up by writers until `now`: false if that is the second time, or a stream of
    /// writers would keep it here for ever.
    pub(super) fn again_held_up(&mut self, slot: u8, now: Mono) -> bool {
        let Some(slot) = self.slots.get_mut(usize::from(slot)).filter(|slot| !slot.held_up) else {
            return false;
        };
        (slot.locked, slot.owed, slot.held_up) = (None, false, true);
        (slot.next_try, slot.pause) = (now.after(PAUSE_FIRST), PAUSE_FIRST);
        true
    }

    /// When the oldest of them was found.
    pub(super) fn since(&self) -> Option<Mono> {
        self.slots.iter().map(|slot| slot.found).min()
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

    const OWED_MAX: usize = Shelf::<SHELF>::OWED_MAX;

    const START: Mono = Mono::from_nanos(5_000_000_000);

    #[test]
    fn tries_grow_apart_and_end_at_twenty_five_seconds() {
        let mut shelf = Shelf::<SHELF>::default();
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
        let mut shelf = Shelf::<SHELF>::default();
        assert!(shelf.put(&DbPath::new(b"late"), START, START.after(Duration::from_secs(1))));
        assert!(shelf.put(&DbPath::new(b"early"), START, START));
        assert_eq!(shelf.ready(START), None);
        let slot = shelf.ready(START.after(Duration::from_secs(9)));
        assert_eq!(slot.map(|slot| shelf.path(slot).as_bytes()), Some(&b"early"[..]));
    }

    #[test]
    fn those_that_wait_for_a_deep_audit_leave_room_for_locked_ones() {
        let mut shelf = Shelf::<SHELF>::default();
        let due = START.after(Duration::from_secs(100));
        assert!((0..OWED_MAX).all(|_| shelf.owe(&DbPath::EMPTY, START, due)));
        assert!(!shelf.owe(&DbPath::EMPTY, START, due));
        assert_eq!(shelf.since(), Some(START), "it waits since it was found");
        assert!(shelf.put(&DbPath::EMPTY, START, START));
        assert!(!shelf.is_full());
        shelf.remove(u8::try_from(OWED_MAX).unwrap_or(0));
        assert_eq!((shelf.ready(START), shelf.due()), (None, Some(due)));
        assert_eq!(shelf.ready(due), Some(0));
        let late = due.after(Duration::from_secs(100));
        assert!(shelf.again(0, late), "busy only from when it was met locked");
        assert!(!shelf.again(0, late.after(BUSY_AFTER)));
    }

    #[test]
    fn a_deep_look_is_held_up_once() {
        let mut shelf = Shelf::<SHELF>::default();
        let mut now = START.after(Duration::from_secs(100));
        assert!(shelf.put_back(&DbPath::EMPTY, START, now, true));
        assert!(!shelf.again_held_up(0, now));
        assert!(shelf.put(&DbPath::EMPTY, START, now));
        now = now.after(Duration::from_secs(100));
        assert!(shelf.put_off(1, now) && shelf.again_held_up(1, now));
        assert!(shelf.again(1, now.after(BUSY_AFTER)), "busy only from when it was met locked");
        assert!(shelf.put_off(1, now) && !shelf.again_held_up(1, now));
        assert_eq!(shelf.since(), Some(START));
    }

    #[test]
    fn a_full_shelf_takes_nothing_more() {
        let mut shelf = Shelf::<SHELF>::default();
        assert!((0..SHELF).all(|_| shelf.put(&DbPath::EMPTY, START, START)));
        assert!(shelf.is_full() && !shelf.put(&DbPath::EMPTY, START, START));
    }
}
