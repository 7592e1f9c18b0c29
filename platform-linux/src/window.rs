//! Windows: a directory of any size in order, with a fixed amount of memory.
//!
//! A window is offered every name of a listing and keeps those that come first. When they are used
//! up the directory is listed again for those that follow. [`crate::numbers`] does the same for
//! plain numbers.

use std::cmp::Ordering;

use crate::listing::{Kind, NAME_MAX};

/// Which names come first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// The least bytes.
    Ascending,
    /// The greatest, as Swift sorts files: `HASH_EPOCH.db` before `HASH.db`.
    Descending,
}

impl Order {
    fn compare(self, left: &[u8], right: &[u8]) -> Ordering {
        match self {
            Self::Ascending => left.cmp(right),
            Self::Descending => right.cmp(left),
        }
    }
}

/// Where in a directory's order a window begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Begin<'a> {
    /// With the first name.
    First,
    /// With this name or the one that follows its place.
    At(&'a [u8]),
}

/// The bounds of a [`Window`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// Names held, at least two.
    pub names: usize,
    /// Bytes of names held: at least two of the longest, at most 65,536.
    pub bytes: usize,
}

impl Bounds {
    /// Room for whatever one directory of a healthy tree holds; the 4,096 suffixes that a partition
    /// may have take two or three listings. Memory that is not used is never backed.
    pub const DEFAULT: Self = Self { names: 2048, bytes: 64 * 1024 };
}

/// A name's place is kept in 16 bits.
const BYTES_MAX: usize = 65_536;
const _: () = assert!(Bounds::DEFAULT.bytes <= BYTES_MAX && 2 * NAME_MAX <= Bounds::DEFAULT.bytes);

#[derive(Clone, Copy, Debug)]
struct Slot {
    at: u16,
    len: u8,
    kind: Kind,
}

/// The names of a directory that come first in an order, after those already taken: as many as fit.
#[derive(Debug)]
pub struct Window {
    order: Order,
    bounds: Bounds,
    bytes: Vec<u8>,
    slots: Vec<Slot>,
    /// The slot given out next.
    next: usize,
    /// Where it begins: names before it were taken.
    from: Vec<u8>,
    from_given: From,
    /// The last name kept when some had to be left out; empty before that.
    limit: Vec<u8>,
    /// Names in this listing, and those of them that were taken before.
    seen: u32,
    taken: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum From {
    First,
    At,
    After,
}

impl Window {
    /// An empty window. Its memory is reserved here, once; two names always fit.
    #[must_use]
    pub fn new(order: Order, bounds: Bounds) -> Self {
        let names = bounds.names.max(2);
        let bytes = bounds.bytes.clamp(2 * NAME_MAX, BYTES_MAX);
        let bounds = Bounds { names, bytes };
        Self {
            order,
            bounds,
            bytes: Vec::with_capacity(bounds.bytes),
            slots: Vec::with_capacity(bounds.names),
            next: 0,
            from: Vec::with_capacity(NAME_MAX),
            from_given: From::First,
            limit: Vec::with_capacity(NAME_MAX),
            seen: 0,
            taken: 0,
        }
    }

    /// Empties it for a new directory.
    pub fn begin(&mut self, begin: Begin<'_>) {
        self.from.clear();
        self.from_given = match begin {
            Begin::First => From::First,
            Begin::At(name) => {
                self.from.extend_from_slice(name.get(..NAME_MAX).unwrap_or(name));
                From::At
            }
        };
        self.empty();
    }

    /// Empties it for another listing of the same directory, behind the last name taken.
    pub fn begin_again(&mut self) {
        if let Some(last) = self.next.checked_sub(1).and_then(|last| self.slots.get(last)) {
            let (at, len) = (usize::from(last.at), usize::from(last.len));
            self.from.clear();
            self.from.extend_from_slice(&self.bytes[at..at + len]);
            self.from_given = From::After;
        }
        self.empty();
    }

    fn empty(&mut self) {
        self.bytes.clear();
        self.slots.clear();
        self.limit.clear();
        self.next = 0;
        self.seen = 0;
        self.taken = 0;
    }

    /// Keeps a name if it is one of those that come first.
    pub fn offer(&mut self, name: &[u8], kind: Kind) {
        self.seen = self.seen.saturating_add(1);
        let before = match self.from_given {
            From::First => false,
            From::At => self.order.compare(name, &self.from).is_lt(),
            From::After => self.order.compare(name, &self.from).is_le(),
        };
        if before {
            self.taken = self.taken.saturating_add(1);
            return;
        }
        if self.is_cut() && self.order.compare(name, &self.limit).is_gt() {
            return;
        }
        // Every round leaves out half of the names. With one left any name fits.
        while self.is_full(name.len()) && 1 < self.slots.len() {
            self.cut();
            if self.order.compare(name, &self.limit).is_gt() {
                return;
            }
        }
        // No Linux file system has longer names, and the bounds keep every place below 65,536.
        let (Ok(at), Ok(len)) = (u16::try_from(self.bytes.len()), u8::try_from(name.len())) else {
            return;
        };
        self.bytes.extend_from_slice(name);
        self.slots.push(Slot { at, len, kind });
    }

    /// Brings the kept names into order. To be called after the last offer.
    pub fn finish(&mut self) {
        self.sort();
        let bytes = &self.bytes;
        // A directory that changes while it is listed may show a name twice.
        self.slots.dedup_by(|left, right| text(bytes, *left) == text(bytes, *right));
    }

    /// Takes the next name.
    pub fn take(&mut self) -> Option<(&[u8], Kind)> {
        let slot = *self.slots.get(self.next)?;
        self.next += 1;
        Some((text(&self.bytes, slot), slot.kind))
    }

    /// All names held, taken or not, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&[u8], Kind)> {
        self.slots.iter().map(|slot| (text(&self.bytes, *slot), slot.kind))
    }

    /// Whether there were more names than fit: list again when these are used up.
    #[must_use]
    pub fn is_cut(&self) -> bool {
        !self.limit.is_empty()
    }

    /// Names in the directory, and those of them taken before the last one.
    #[must_use]
    pub fn counts(&self) -> (u32, u32) {
        let taken = u32::try_from(self.next.saturating_sub(1)).unwrap_or(u32::MAX);
        (self.seen, self.taken.saturating_add(taken))
    }

    fn is_full(&self, len: usize) -> bool {
        self.slots.len() == self.bounds.names || self.bounds.bytes - self.bytes.len() < len
    }

    fn sort(&mut self) {
        let (bytes, order) = (&self.bytes, self.order);
        self.slots
            .sort_unstable_by(|left, right| order.compare(text(bytes, *left), text(bytes, *right)));
    }

    /// Leaves out the half that comes last, and closes the gaps.
    fn cut(&mut self) {
        self.sort();
        self.slots.truncate(self.slots.len().div_ceil(2));
        self.limit.clear();
        if let Some(last) = self.slots.last() {
            self.limit.extend_from_slice(text(&self.bytes, *last));
        }
        self.slots.sort_unstable_by_key(|slot| slot.at);
        let mut end = 0;
        for slot in &mut self.slots {
            let (at, len) = (usize::from(slot.at), usize::from(slot.len));
            self.bytes.copy_within(at..at + len, end);
            slot.at = u16::try_from(end).unwrap_or(slot.at); // it only moves down
            end += len;
        }
        self.bytes.truncate(end);
    }
}

fn text(bytes: &[u8], slot: Slot) -> &[u8] {
    &bytes[usize::from(slot.at)..][..usize::from(slot.len)]
}

#[cfg(test)]
mod tests {
    use super::*;

    const SMALL: Bounds = Bounds { names: 4, bytes: 2 * NAME_MAX };

    /// Lists `names` through a window of four until nothing is left.
    fn all(order: Order, begin: Begin<'_>, names: &[Vec<u8>]) -> (Vec<Vec<u8>>, u32) {
        let mut window = Window::new(order, SMALL);
        let (mut found, mut listings) = (Vec::new(), 0);
        window.begin(begin);
        loop {
            for name in names {
                window.offer(name, Kind::Directory);
            }
            window.finish();
            listings += 1;
            assert!(window.slots.len() <= SMALL.names && window.bytes.len() <= SMALL.bytes);
            while let Some((name, _)) = window.take() {
                found.push(name.to_vec());
            }
            if !window.is_cut() {
                return (found, listings);
            }
            window.begin_again();
        }
    }

    fn shuffled(count: u32) -> Vec<Vec<u8>> {
        // 7919 is prime to every count below: each name comes once.
        (0..count).map(|i| format!("{:03}", i * 7919 % count).into_bytes()).collect()
    }

    #[test]
    fn every_name_comes_once_and_in_order_through_a_small_window() {
        for count in [0, 1, 2, 4, 5, 9, 100] {
            let names = shuffled(count);
            let mut sorted = names.clone();
            sorted.sort();
            let (found, listings) = all(Order::Ascending, Begin::First, &names);
            assert_eq!(found, sorted, "{count} names ascending");
            assert!(listings <= count / 2 + 1, "{listings} listings of {count} names");
            sorted.reverse();
            assert_eq!(
                all(Order::Descending, Begin::First, &names).0,
                sorted,
                "{count} descending"
            );
        }
    }

    #[test]
    fn names_of_every_length_fit_or_wait_for_the_next_listing() {
        let names: Vec<Vec<u8>> = (1..=NAME_MAX).rev().map(|len| vec![b'x'; len]).collect();
        let mut sorted = names.clone();
        sorted.sort();
        assert_eq!(all(Order::Ascending, Begin::First, &names).0, sorted);
    }

    #[test]
    fn a_window_begins_at_a_name_or_where_it_would_stand() {
        let names = shuffled(20);
        let from = |begin| all(Order::Ascending, Begin::At(begin), &names).0[0].clone();
        assert_eq!(from(b"007"), b"007");
        assert_eq!(from(b"0070"), b"008");
        assert_eq!(all(Order::Descending, Begin::At(b"0070"), &names).0[0], b"007");
        assert!(all(Order::Ascending, Begin::At(b"9"), &names).0.is_empty());
    }
}
