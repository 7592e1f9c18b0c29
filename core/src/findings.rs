//! What was found wrong, kept until it is mended: which findings there is room for, which give way,
//! and how many are open.
//!
//! A [`Ledger`] has a [`Row`] a finding; the words of it (path, names, codes) stay with the platform,
//! under the row's number. A finding is closed by an audit of the same path that is in order and goes
//! as deep as the one that found it, or once a whole walk of its device met the path no more.
//!
//! The number of open findings is true however many there are: of those that find no room, first the
//! keys are kept, and beyond these their number in each pass.
mod entry;
mod row;

use heapless::Vec;

pub use self::entry::{
    ACTION_MAX, Action, CODES_MAX, ENTRY_MAX, Entry, HEAD_BYTES, Head, LEFT_OUT_BYTES, NAMES_MAX,
};
pub use self::row::{Closed, DeviceKey, Key, LeftOut, Noted, Row, Sight};
use self::row::{Meaning, meaning};
use crate::audit::Depth;
use crate::time::Wall;
use crate::verdict::Verdict;

/// Findings: `ROWS` with all that is known of them, of `MORE` only that they are open, of all
/// others their number.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Ledger<const ROWS: usize, const MORE: usize> {
    rows: Vec<Row, ROWS>,
    more: Vec<LeftOut, MORE>,
    /// Seen in this pass, and in the last, for which there was not even a key's room.
    beyond: [u64; 2],
    /// The number of the pass in progress, or of the last one.
    pass: u32,
    /// This ledger saw the pass from its beginning.
    whole: bool,
    changed: bool,
}

impl<const ROWS: usize, const MORE: usize> Default for Ledger<ROWS, MORE> {
    fn default() -> Self {
        let (rows, more) = (Vec::new(), Vec::new());
        Self { rows, more, beyond: [0; 2], pass: 0, whole: false, changed: false }
    }
}

impl<const ROWS: usize, const MORE: usize> Ledger<ROWS, MORE> {
    /// A pass begins, or, `resumed`, goes on that a restart broke off.
    pub fn begin(&mut self, resumed: bool) {
        self.whole = !resumed;
        if self.whole {
            self.pass = self.pass.saturating_add(1);
            let [this, _] = self.beyond;
            self.changed |= self.beyond != [0, 0];
            self.beyond = [0, this];
        }
    }

    /// Notes what an audit saw.
    pub fn note(&mut self, now: Wall, sight: &Sight) -> Noted {
        match meaning(sight.verdict) {
            Meaning::Wrong => {
                self.changed = true;
                self.wrong(now, sight)
            }
            Meaning::Well(closed) => self.well(now, sight, closed),
            Meaning::Unknown => {
                self.meet(sight.key);
                Noted::Nothing
            }
        }
    }

    /// A device was walked to its end and nothing on it was passed over: what is open there and was
    /// not met has vanished. True if any was.
    pub fn walked(&mut self, now: Wall, device: DeviceKey) -> bool {
        if !self.whole {
            return false;
        }
        let pass = self.pass;
        let mut any = false;
        for row in &mut self.rows {
            if row.device == device && row.closed.is_none() && !row.moved && row.pass != pass {
                row.closed = Some((Closed::Vanished, now));
                any = true;
            }
        }
        let before = self.more.len();
        self.more.retain(|it| it.device != device || it.pass == pass);
        self.changed |= any || self.more.len() != before;
        any
    }

    /// What was moved aside for this row lies in the quarantine no more.
    pub fn purged(&mut self, now: Wall, row: usize) {
        if let Some(row) = self.rows.get_mut(row).filter(|row| row.moved && row.closed.is_none()) {
            row.closed = Some((Closed::Vanished, now));
            self.changed = true;
        }
    }

    /// Puts back a row that was kept over a restart; false if there is no room.
    #[must_use]
    pub fn restore(&mut self, row: Row) -> bool {
        self.rows.push(row).is_ok()
    }

    /// Puts back what was kept of a finding that was left out. Where there is no room for it, a later
    /// version kept more of them: it counts on.
    pub fn restore_left_out(&mut self, left_out: LeftOut) {
        if self.more.push(left_out).is_err() {
            let [this, _] = &mut self.beyond;
            *this = this.saturating_add(1);
        }
    }

    /// Takes in a row of a file that was not there, or could not be read, when this ledger began. True: it
    /// is the last row now, and its words are wanted.
    pub fn adopt(&mut self, old: Row) -> bool {
        self.changed = true;
        // This pass may have met it before anybody knew of it.
        let old = Row { pass: self.pass, ..old };
        if let Some(row) = self.find(old.key).and_then(|number| self.rows.get_mut(number)) {
            if row.closed.is_none() && old.closed.is_none() {
                let apart = old.last < row.first;
                let both = row.times.saturating_add(old.times);
                row.times = if apart { both } else { row.times.max(old.times) };
                row.first = row.first.min(old.first);
            }
            return false;
        }
        if self.rows.push(old).is_err() {
            if old.closed.is_none() && self.more.iter().all(|it| it.key != old.key) {
                self.leave_out(&old);
            }
            return false;
        }
        self.more.retain(|it| it.key != old.key);
        true
    }

    /// Takes in, from such a file, what was kept of a finding that was left out.
    pub fn adopt_left_out(&mut self, old: LeftOut) {
        if self.find(old.key).is_none() && self.more.iter().all(|it| it.key != old.key) {
            self.changed = true;
            self.restore_left_out(LeftOut { pass: self.pass, ..old });
        }
    }

    /// Puts back what a file's head says.
    pub fn restore_head(&mut self, head: &Head) {
        (self.pass, self.beyond) = (head.pass, head.beyond);
    }

    /// Whether anything has changed since that was last taken.
    #[must_use]
    pub const fn has_changed(&self) -> bool {
        self.changed
    }

    /// Whether anything has changed since it was last asked.
    pub fn take_changed(&mut self) -> bool {
        core::mem::take(&mut self.changed)
    }

    /// Every row, open or closed.
    #[must_use]
    pub fn rows(&self) -> &[Row] {
        &self.rows
    }

    /// The keys of those that were left out.
    #[must_use]
    pub fn left_out(&self) -> &[LeftOut] {
        &self.more
    }

    /// The head of the file that keeps it.
    #[must_use]
    pub fn head(&self) -> Head {
        Head {
            entries: u32::try_from(self.rows.len()).unwrap_or(u32::MAX),
            left_out: u32::try_from(self.more.len()).unwrap_or(u32::MAX),
            pass: self.pass,
            beyond: self.beyond,
        }
    }

    /// Whether nothing was ever found, as far as is known.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty() && self.more.is_empty() && self.beyond == [0, 0]
    }

    /// How many findings are open, those left out among them.
    #[must_use]
    pub fn open(&self) -> u64 {
        let rows = self.rows.iter().filter(|row| row.closed.is_none()).count();
        u64::try_from(rows).unwrap_or(u64::MAX).saturating_add(self.unlisted())
    }

    /// How many of the open ones were left out.
    #[must_use]
    pub fn unlisted(&self) -> u64 {
        let [this, last] = self.beyond;
        u64::try_from(self.more.len()).unwrap_or(u64::MAX).saturating_add(this.max(last))
    }

    fn wrong(&mut self, now: Wall, sight: &Sight) -> Noted {
        let pass = self.pass;
        let Some(number) = self.find(sight.key) else { return self.open_new(now, sight) };
        let Some(row) = self.rows.get_mut(number) else { return Noted::Nothing };
        if row.closed.is_some() {
            *row = Row::new(now, pass, sight);
            return Noted::Opened(number);
        }
        let reached = row.is_reached_by(sight.depth);
        (row.last, row.pass, row.times) = (now, pass, row.times.saturating_add(1));
        if !reached {
            row.moved = sight.moved;
            return Noted::SeenLessDeep(number);
        }
        (row.depth, row.moved) = (sight.depth, sight.moved);
        row.misplaced = sight.verdict == Verdict::Misplaced;
        Noted::Seen(number)
    }

    fn open_new(&mut self, now: Wall, sight: &Sight) -> Noted {
        let new = Row::new(now, self.pass, sight);
        let left = self.more.iter().position(|it| it.key == sight.key);
        let number = if new.misplaced && self.has_enough_misplaced() {
            None
        } else {
            match self.rows.push(new) {
                Ok(()) => self.rows.len().checked_sub(1),
                Err(_) => self.give_way(),
            }
        };
        if let Some(number) = number {
            if let Some(left) = left {
                let _ = self.more.swap_remove(left);
            }
            if let Some(row) = self.rows.get_mut(number) {
                let old = core::mem::replace(row, new);
                if old.closed.is_none() && old.key != new.key {
                    self.leave_out(&old);
                }
            }
            return Noted::Opened(number);
        }
        match left.and_then(|left| self.more.get_mut(left)) {
            Some(left) => left.pass = self.pass,
            None => self.leave_out(&new),
        }
        Noted::Nothing
    }

    /// A wrong hash path in `swift.conf` makes all of a node's databases misplaced: half of the rows are
    /// for what else is wrong with any.
    fn has_enough_misplaced(&self) -> bool {
        let open = |row: &&Row| row.misplaced && row.closed.is_none();
        ROWS.div_ceil(2) <= self.rows.iter().filter(open).count()
    }

    fn leave_out(&mut self, row: &Row) {
        let Row { key, device, pass, depth, .. } = *row;
        self.restore_left_out(LeftOut { key, device, pass, depth });
    }

    /// The row that gives way to a new one: the closed one that was closed first, or else the open
    /// one that was not met for longest. One that this pass or the last met does not: were it
    /// otherwise, more findings than rows would throw each other out, and none would have a history.
    fn give_way(&self) -> Option<usize> {
        let rows = || self.rows.iter().enumerate();
        let closed = rows()
            .filter(|(_, row)| row.closed.is_some())
            .min_by_key(|(_, row)| (row.pass, row.last));
        let stale = || {
            let stale = |row: &Row| row.pass.saturating_add(1) < self.pass;
            rows().filter(|(_, row)| stale(row)).min_by_key(|(_, row)| (row.pass, row.last))
        };
        closed.or_else(stale).map(|(number, _)| number)
    }

    fn well(&mut self, now: Wall, sight: &Sight, why: Closed) -> Noted {
        let pass = self.pass;
        if let Some(number) = self.find(sight.key) {
            let Some(row) = self.rows.get_mut(number) else { return Noted::Nothing };
            row.pass = pass;
            let gone = why == Closed::Vanished && !row.moved;
            let mended = why != Closed::Vanished && row.is_reached_by(sight.depth);
            if row.closed.is_some() || !(gone || mended) {
                return Noted::Nothing;
            }
            row.closed = Some((why, now));
            self.changed = true;
            return Noted::Closed(number);
        }
        let Some(left) = self.more.iter().position(|it| it.key == sight.key) else {
            return Noted::Nothing;
        };
        let Some(found) = self.more.get_mut(left) else { return Noted::Nothing };
        found.pass = pass;
        if found.depth == Depth::Stat || sight.depth == Depth::Deep || why == Closed::Vanished {
            let _ = self.more.swap_remove(left);
            self.changed = true;
        }
        Noted::Nothing
    }

    fn meet(&mut self, key: Key) {
        let pass = self.pass;
        if let Some(row) = self.find(key).and_then(|number| self.rows.get_mut(number)) {
            row.pass = pass;
        } else if let Some(left) = self.more.iter_mut().find(|it| it.key == key) {
            left.pass = pass;
        }
    }

    fn find(&self, key: Key) -> Option<usize> {
        self.rows.iter().position(|row| row.key == key)
    }
}

#[cfg(test)]
mod tests;
