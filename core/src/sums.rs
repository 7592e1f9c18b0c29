//! [`Sums`]: what a deep audit adds up while the rows of a container stream past.
//!
//! Swift keeps its hash, counts and sizes by triggers (`POLICY_STAT_TRIGGER_SCRIPT`, `chexor`), row
//! by row, and never adds them up again. Here they are added up from the rows, in a few kilobytes
//! for a container of any size, and in whatever order the rows come.
//!
//! *Table against index.* Both scans meet the same rows in different orders, so each is summed
//! modulo 2^128 over a 128-bit mix of every `(deleted, name, rowid)`. Equal multisets have equal
//! sums. For unequal ones the mix of each row that only one side has acts as a random number (all
//! of its bits depend on all bits of the row), so an accident goes unseen once in 2^128 times; a
//! sum, unlike an XOR, also sees a row that is there twice. The key is fixed: whoever can forge
//! rows that collide can as well write the index he likes.
mod mix;
mod order;

use md5::{Digest, Md5};

use self::mix::mix;
use self::order::{Entry, Next};
use crate::check::Cell;

/// Policies that are told apart in one container. Swift's clusters have a handful; the operator
/// who moved one container through more is told of the first 16 alone.
pub const POLICIES_MAX: usize = 16;

/// Hashes that a database can store of its rows: one in `container_info`, one as Swift reads it.
const HASHES_MAX: usize = 2;

/// A row of the table `object`, its values as SQLite has them.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Row<'a> {
    /// `ROWID`.
    pub id: i64,
    /// `name`.
    pub name: Cell<'a>,
    /// `created_at`: up to three timestamps in one text.
    pub created_at: Cell<'a>,
    /// `size`, bytes.
    pub size: Cell<'a>,
    /// `deleted`: 0, or 1 for a tombstone.
    pub deleted: Cell<'a>,
    /// `storage_policy_index`; 0 in a schema without the column.
    pub policy: Cell<'a>,
}

/// What one policy's rows add up to, and what the database says they do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Policy {
    /// `storage_policy_index`.
    pub index: i64,
    /// Rows that are not tombstones: the sum of `1 - deleted`.
    pub live: i64,
    /// The sum of `size`, tombstones included: Swift's triggers count them too.
    pub bytes: i64,
    /// Its row in `policy_stat`.
    pub stored: Stored,
}

/// A stored count and size.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Stored {
    /// There is no such row.
    #[default]
    Nowhere,
    /// `object_count` and `bytes_used`; `None` is a value that is no integer.
    Here(Option<i64>, Option<i64>),
}

/// What `container_stat` says of the container's own policy: the answer Swift gives to everybody.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Said {
    /// `storage_policy_index`; 0 in a schema without the column.
    pub policy: i64,
    /// `object_count`; `None` is a value that is no integer.
    pub count: Option<i64>,
    /// `bytes_used`; likewise.
    pub bytes: Option<i64>,
}

/// The sums of one database. Poured into row by row, judged at the end.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Sums {
    hash: u128,
    table: u128,
    index: u128,
    rows: u64,
    entries: u64,
    strange: u64,
    first_strange: Option<i64>,
    policies: heapless::Vec<Policy, POLICIES_MAX>,
    too_many: bool,
    hashes: heapless::Vec<Option<u128>, HASHES_MAX>,
    said: Option<Said>,
    last: Entry,
    run: u64,
    longest_run: u64,
    disordered: u64,
}

impl Sums {
    /// The sums of no rows.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            hash: 0,
            table: 0,
            index: 0,
            rows: 0,
            entries: 0,
            strange: 0,
            first_strange: None,
            policies: heapless::Vec::new(),
            too_many: false,
            hashes: heapless::Vec::new(),
            said: None,
            last: Entry::NONE,
            run: 0,
            longest_run: 0,
            disordered: 0,
        }
    }

    /// Pours in one row of the table.
    ///
    /// A value that Swift never writes is counted as strange and enters the sums as SQLite's
    /// triggers would have taken it: a size that is no integer adds nothing.
    pub fn row(&mut self, row: &Row<'_>) {
        self.rows = self.rows.saturating_add(1);
        self.table = self.table.wrapping_add(mix(row.deleted, row.name, row.id));
        if let (Cell::Text(name), Cell::Text(created_at)) = (row.name, row.created_at) {
            self.hash ^= chexor(name, created_at);
        }
        let (size, deleted, policy) = (int(row.size), int(row.deleted), int(row.policy));
        if is_strange(row) {
            self.strange = self.strange.saturating_add(1);
            self.first_strange = self.first_strange.or(Some(row.id));
        }
        if let Some(sum) = policy.and_then(|index| self.policy(index)) {
            sum.live = sum.live.saturating_add(1_i64.saturating_sub(deleted.unwrap_or(0)));
            sum.bytes = sum.bytes.saturating_add(size.unwrap_or(0));
        }
    }

    /// Pours in one entry of the index, in the index's own order.
    pub fn entry(&mut self, deleted: Cell<'_>, name: Cell<'_>, id: i64) {
        self.entries = self.entries.saturating_add(1);
        self.index = self.index.wrapping_add(mix(deleted, name, id));
        match self.last.next(deleted, name, id) {
            Next::Unknown | Next::After => self.run = 1,
            Next::SameName => self.run = self.run.saturating_add(1),
            Next::Before => {
                self.run = 1;
                self.disordered = self.disordered.saturating_add(1);
            }
        }
        self.longest_run = self.longest_run.max(self.run);
    }

    /// Pours in a stored hash: 32 hexadecimal digits, or it is none.
    pub fn stored_hash(&mut self, hash: Cell<'_>) {
        let read = match hash {
            Cell::Text(text) => hex(text),
            Cell::Null | Cell::Int(_) | Cell::Real(_) | Cell::Blob(_) => None,
        };
        // Swift's triggers write every row of container_info alike: more than two say no more.
        let _ = self.hashes.push(read);
    }

    /// Pours in a row of `policy_stat`.
    pub fn stored_policy(&mut self, index: i64, count: Cell<'_>, bytes: Cell<'_>) {
        if let Some(sum) = self.policy(index) {
            sum.stored = Stored::Here(int(count), int(bytes));
        }
    }

    /// Pours in the first row of `container_stat`.
    pub fn said(&mut self, policy: i64, count: Cell<'_>, bytes: Cell<'_>) {
        self.said = Some(Said { policy, count: int(count), bytes: int(bytes) });
    }

    fn policy(&mut self, index: i64) -> Option<&mut Policy> {
        if let Some(at) = self.policies.iter().position(|policy| policy.index == index) {
            return self.policies.get_mut(at);
        }
        let new = Policy { index, live: 0, bytes: 0, stored: Stored::Nowhere };
        if self.policies.push(new).is_err() {
            self.too_many = true;
            return None;
        }
        self.policies.last_mut()
    }

    /// The XOR of all rows' MD5 sums: what `container_info.hash` should be.
    #[must_use]
    pub const fn hash(&self) -> [u8; 16] {
        self.hash.to_be_bytes()
    }

    /// The first stored hash that is not that of the rows; `Some(None)` if it is not a hash at all.
    #[must_use]
    pub fn wrong_hash(&self) -> Option<Option<[u8; 16]>> {
        let wrong = self.hashes.iter().find(|stored| **stored != Some(self.hash))?;
        Some(wrong.map(u128::to_be_bytes))
    }

    /// Rows of the table.
    #[must_use]
    pub const fn rows(&self) -> u64 {
        self.rows
    }

    /// Entries of the index.
    #[must_use]
    pub const fn entries(&self) -> u64 {
        self.entries
    }

    /// Whether the index holds the rows of the table, each once, and nothing else.
    #[must_use]
    pub const fn index_agrees(&self) -> bool {
        self.rows == self.entries && self.table == self.index
    }

    /// Entries that stand before one they should follow: a search for them misses.
    #[must_use]
    pub const fn disordered(&self) -> u64 {
        self.disordered
    }

    /// Whether some name is there twice in one policy. Only runs of equal `(deleted, name)` longer
    /// than there are policies are seen, so a twin in another state or beside too many policies
    /// stays unseen.
    #[must_use]
    pub fn has_twins(&self) -> bool {
        let policies = u64::try_from(self.policies.len()).unwrap_or(u64::MAX);
        !self.too_many && policies < self.longest_run
    }

    /// Rows with a value that Swift never writes, and the id of the first: a name or timestamp that
    /// is not a text in UTF-8, a size or policy that is no integer, a `deleted` other than 0 and 1.
    #[must_use]
    pub const fn strange(&self) -> (u64, Option<i64>) {
        (self.strange, self.first_strange)
    }

    /// The policies in the order they were met.
    #[must_use]
    pub fn policies(&self) -> &[Policy] {
        &self.policies
    }

    /// Whether there are more policies than were told apart. Those in [`Sums::policies`] are whole.
    #[must_use]
    pub const fn too_many_policies(&self) -> bool {
        self.too_many
    }

    /// What `container_stat` says, if it was read.
    #[must_use]
    pub const fn container_says(&self) -> Option<Said> {
        self.said
    }
}

impl Default for Sums {
    fn default() -> Self {
        Self::new()
    }
}

/// MD5 of `name-created_at`: one row's share of the hash (Swift's `chexor`).
#[must_use]
pub fn chexor(name: &[u8], created_at: &[u8]) -> u128 {
    let mut md5 = Md5::new();
    md5.update(name);
    md5.update(b"-");
    md5.update(created_at);
    u128::from_be_bytes(md5.finalize().into())
}

/// Whether a row has a value that Swift never writes.
fn is_strange(row: &Row<'_>) -> bool {
    let is_text = |cell| matches!(cell, Cell::Text(text) if core::str::from_utf8(text).is_ok());
    let is_int = |cell| matches!(cell, Cell::Int(_));
    let is_flag = matches!(row.deleted, Cell::Int(0 | 1));
    let is_ordinary = is_text(row.name)
        && is_text(row.created_at)
        && is_flag
        && is_int(row.size)
        && is_int(row.policy);
    !is_ordinary
}

const fn int(cell: Cell<'_>) -> Option<i64> {
    match cell {
        Cell::Int(value) => Some(value),
        Cell::Null | Cell::Real(_) | Cell::Text(_) | Cell::Blob(_) => None,
    }
}

/// Reads 32 hexadecimal digits.
fn hex(text: &[u8]) -> Option<u128> {
    if text.len() != 32 || !text.iter().all(u8::is_ascii_hexdigit) {
        return None;
    }
    u128::from_str_radix(core::str::from_utf8(text).ok()?, 16).ok()
}

#[cfg(test)]
mod tests;
