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
use md5::{Digest, Md5};

use crate::check::Cell;

/// Policies that are told apart in one container. Swift's clusters have a handful; the operator
/// who moved one container through more is told of the first 16 alone.
pub const POLICIES_MAX: usize = 16;

/// Bytes of a name that are kept to compare it with the next one in the index: Swift's default
/// `max_object_name_length`. Longer names that differ only further on are not put in order.
const NAME_KEPT: usize = 1024;

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

/// Where an entry of the index stands to the one before it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Next {
    /// Cannot be said.
    Unknown,
    /// As it should.
    After,
    /// As it should, with the same `deleted` and name.
    SameName,
    /// Out of order.
    Before,
}

/// The entry of the index that came last.
#[derive(Clone, PartialEq, Eq, Hash)]
struct Entry {
    deleted: i64,
    id: i64,
    name: [u8; NAME_KEPT],
    /// Length of the name as found; `None` if there is nothing to compare with.
    len: Option<usize>,
}

impl Entry {
    const NONE: Self = Self { deleted: 0, id: 0, name: [0; NAME_KEPT], len: None };

    /// Compares with, and then becomes, the entry that follows.
    fn next(&mut self, deleted: Cell<'_>, name: Cell<'_>, id: i64) -> Next {
        let (Cell::Int(deleted), Cell::Text(name)) = (deleted, name) else {
            self.len = None;
            return Next::Unknown;
        };
        let next = self.compare(deleted, name, id);
        self.deleted = deleted;
        self.id = id;
        self.len = Some(name.len());
        let short = name.len().min(NAME_KEPT);
        if let (Some(kept), Some(new)) = (self.name.get_mut(..short), name.get(..short)) {
            kept.copy_from_slice(new);
        }
        next
    }

    fn compare(&self, deleted: i64, name: &[u8], id: i64) -> Next {
        use core::cmp::Ordering;
        let Some(len) = self.len else { return Next::Unknown };
        match self.deleted.cmp(&deleted) {
            Ordering::Less => return Next::After,
            Ordering::Greater => return Next::Before,
            Ordering::Equal => {}
        }
        let kept = self.name.get(..len.min(NAME_KEPT)).unwrap_or_default();
        let new = name.get(..name.len().min(NAME_KEPT)).unwrap_or_default();
        let whole = len <= NAME_KEPT && name.len() <= NAME_KEPT;
        match kept.cmp(new) {
            Ordering::Less => Next::After,
            Ordering::Equal if !whole => Next::Unknown,
            Ordering::Equal if self.id < id => Next::SameName,
            Ordering::Equal | Ordering::Greater => Next::Before,
        }
    }
}

impl core::fmt::Debug for Entry {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let name = self.name.get(..self.len.unwrap_or(0).min(NAME_KEPT)).unwrap_or_default();
        write!(f, "Entry({}, \"{}\", {})", self.deleted, name.escape_ascii(), self.id)
    }
}

/// MD5 of `name-created_at`: one row's share of the hash (Swift's `chexor`).
fn chexor(name: &[u8], created_at: &[u8]) -> u128 {
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

/// A 128-bit mix of one `(deleted, name, rowid)`, after MurmurHash3's 128-bit rounds.
fn mix(deleted: Cell<'_>, name: Cell<'_>, id: i64) -> u128 {
    let mut mixer = Mixer { one: 0, two: 0 };
    let (kind, flag) = fixed(deleted);
    mixer.block(id.cast_unsigned(), flag);
    let (name_kind, value, bytes) = match name {
        Cell::Text(text) => (3, 0, text),
        Cell::Blob(blob) => (4, 0, blob),
        Cell::Null | Cell::Int(_) | Cell::Real(_) => {
            let (kind, value) = fixed(name);
            (kind, value, &b""[..])
        }
    };
    mixer.bytes(bytes);
    let length = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
    // The kinds keep NULL, 0 and an empty text apart; for Swift's own rows they never vary.
    mixer.end(length ^ value.rotate_left(32), (kind << 8) ^ name_kind)
}

/// A value's kind and its 64 bits; texts and blobs, never seen as `deleted`, by length alone.
fn fixed(cell: Cell<'_>) -> (u64, u64) {
    let length = |bytes: &[u8]| u64::try_from(bytes.len()).unwrap_or(u64::MAX);
    match cell {
        Cell::Null => (0, 0),
        Cell::Int(value) => (1, value.cast_unsigned()),
        Cell::Real(value) => (2, value.to_bits()),
        Cell::Text(text) => (3, length(text)),
        Cell::Blob(blob) => (4, length(blob)),
    }
}

struct Mixer {
    one: u64,
    two: u64,
}

impl Mixer {
    fn bytes(&mut self, mut rest: &[u8]) {
        while let Some((block, after)) = rest.split_first_chunk::<16>() {
            self.words(block);
            rest = after;
        }
        if !rest.is_empty() {
            let mut last = [0; 16];
            for (to, from) in last.iter_mut().zip(rest) {
                *to = *from;
            }
            // Zeros at the end are told apart by the length, which ends the mix.
            self.words(&last);
        }
    }

    fn words(&mut self, block: &[u8; 16]) {
        if let ([low, high], _) = block.as_chunks::<8>() {
            self.block(u64::from_le_bytes(*low), u64::from_le_bytes(*high));
        }
    }

    const fn block(&mut self, low: u64, high: u64) {
        const C1: u64 = 0x87c3_7b91_1142_53d5;
        const C2: u64 = 0x4cf5_ad43_2745_937f;
        self.one ^= low.wrapping_mul(C1).rotate_left(31).wrapping_mul(C2);
        self.one = self.one.rotate_left(27).wrapping_add(self.two);
        self.one = self.one.wrapping_mul(5).wrapping_add(0x52dc_e729);
        self.two ^= high.wrapping_mul(C2).rotate_left(33).wrapping_mul(C1);
        self.two = self.two.rotate_left(31).wrapping_add(self.one);
        self.two = self.two.wrapping_mul(5).wrapping_add(0x3849_5ab5);
    }

    fn end(mut self, length: u64, kinds: u64) -> u128 {
        self.one ^= length;
        self.two ^= length ^ kinds.rotate_left(48);
        self.one = self.one.wrapping_add(self.two);
        self.two = self.two.wrapping_add(self.one);
        self.one = avalanche(self.one);
        self.two = avalanche(self.two);
        self.one = self.one.wrapping_add(self.two);
        self.two = self.two.wrapping_add(self.one);
        (u128::from(self.one) << 64) | u128::from(self.two)
    }
}

/// Every bit of the result depends on every bit of `word` (MurmurHash3's `fmix64`).
const fn avalanche(mut word: u64) -> u64 {
    word ^= word >> 33;
    word = word.wrapping_mul(0xff51_afd7_ed55_8ccd);
    word ^= word >> 33;
    word = word.wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    word ^ (word >> 33)
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;
    use std::vec::Vec;

    fn row(id: i64, name: &[u8], deleted: i64, policy: i64) -> Row<'_> {
        Row {
            id,
            name: Cell::Text(name),
            created_at: Cell::Text(b"1700000000.00000"),
            size: Cell::Int(10),
            deleted: Cell::Int(deleted),
            policy: Cell::Int(policy),
        }
    }

    fn of(rows: &[Row<'_>]) -> Sums {
        let mut sums = Sums::new();
        for row in rows {
            sums.row(row);
        }
        sums
    }

    #[test]
    fn the_hash_is_swifts() {
        // python3: chexor(chexor('0' * 32, 'a', '1700000000.00000'), 'b', '1700000000.00000')
        let two = of(&[row(1, b"a", 0, 0), row(2, b"b", 0, 0)]);
        assert_eq!(u128::from_be_bytes(two.hash()), 0x7e8e_f28f_8277_1e1f_8759_3b98_90aa_4513);
        assert_eq!(of(&[]).hash(), [0; 16]);
        let mut sums = two;
        for (stored, wrong) in [
            (&b"7e8ef28f82771e1f87593b9890aa4513"[..], None),
            (b"7E8EF28F82771E1F87593B9890AA4513", None),
            (b"7e8ef28f82771e1f87593b9890aa4512", Some(true)),
            (b"+e8ef28f82771e1f87593b9890aa4513", Some(false)),
            (b"", Some(false)),
        ] {
            sums.hashes.clear();
            sums.stored_hash(Cell::Text(stored));
            assert_eq!(sums.wrong_hash().map(|hash| hash.is_some()), wrong);
        }
    }

    #[test]
    fn tombstones_count_no_object_but_their_bytes() {
        let sums = of(&[row(1, b"a", 0, 0), row(2, b"b", 1, 0), row(3, b"c", 0, 1)]);
        let seen: Vec<_> = sums.policies().iter().map(|p| (p.index, p.live, p.bytes)).collect();
        assert_eq!(seen, [(0, 1, 20), (1, 1, 10)]);
    }

    #[test]
    fn too_many_policies_are_said_and_those_kept_are_whole() {
        let mut sums = Sums::new();
        for id in 0..40 {
            sums.row(&row(id, b"a", 0, id % 17));
        }
        assert!(sums.too_many_policies());
        assert_eq!(sums.policies().len(), POLICIES_MAX);
        assert!(sums.policies().iter().all(|p| p.live == if p.index < 6 { 3 } else { 2 }));
    }

    #[test]
    fn the_order_of_rows_does_not_matter_and_anything_else_does() {
        let table = of(&[row(1, b"b", 0, 0), row(2, b"a", 0, 0), row(3, b"c", 1, 0)]);
        let agrees = |entries: &[(i64, &[u8], i64)]| {
            let mut sums = table.clone();
            for (deleted, name, id) in entries {
                sums.entry(Cell::Int(*deleted), Cell::Text(name), *id);
            }
            sums.index_agrees()
        };
        assert!(agrees(&[(0, b"a", 2), (0, b"b", 1), (1, b"c", 3)]));
        for (case, entries) in [
            ("one missing", &[(0, &b"a"[..], 2), (0, b"b", 1)][..]),
            ("one more", &[(0, b"a", 2), (0, b"b", 1), (1, b"c", 3), (1, b"c", 4)]),
            ("one twice", &[(0, b"a", 2), (0, b"a", 2), (1, b"c", 3)]),
            ("another rowid", &[(0, b"a", 2), (0, b"b", 4), (1, b"c", 3)]),
            ("rowids changed over", &[(0, b"a", 1), (0, b"b", 2), (1, b"c", 3)]),
            ("another state", &[(0, b"a", 2), (0, b"b", 1), (0, b"c", 3)]),
            ("another name", &[(0, b"a", 2), (0, b"b", 1), (1, b"C", 3)]),
            ("a zero more", &[(0, b"a", 2), (0, b"b\0", 1), (1, b"c", 3)]),
        ] {
            assert!(!agrees(entries), "{case}");
        }
    }

    #[test]
    fn every_bit_of_a_row_changes_about_half_of_its_mix() {
        let name = b"photos/00000001/0123456789ab.jpg";
        let plain = mix(Cell::Int(0), Cell::Text(name), 0x4d);
        let mut others = Vec::new();
        for bit in 0..64 {
            others.push(mix(Cell::Int(0), Cell::Text(name), 0x4d ^ (1 << bit)));
            others.push(mix(Cell::Int(1 << bit), Cell::Text(name), 0x4d));
        }
        for bit in 0..name.len() * 8 {
            let mut other = *name;
            other[bit / 8] ^= 1 << (bit % 8);
            others.push(mix(Cell::Int(0), Cell::Text(&other), 0x4d));
        }
        for (length, _) in name.iter().enumerate() {
            others.push(mix(Cell::Int(0), Cell::Text(&name[..length]), 0x4d));
        }
        for other in &others {
            let changed = (plain ^ other).count_ones();
            assert!((30..=98).contains(&changed), "{changed} bits of 128");
        }
        let kinds = [Cell::Null, Cell::Int(0), Cell::Real(0.0), Cell::Text(b""), Cell::Blob(b"")];
        for (at, one) in kinds.iter().enumerate() {
            for other in &kinds[at + 1..] {
                let mixes = (mix(Cell::Int(0), *one, 1), mix(Cell::Int(0), *other, 1));
                assert_ne!(mixes.0, mixes.1, "{one:?} {other:?} as a name");
                let mixes = (mix(*one, Cell::Null, 1), mix(*other, Cell::Null, 1));
                assert_ne!(mixes.0, mixes.1, "{one:?} {other:?} as deleted");
            }
        }
    }

    #[test]
    fn an_index_out_of_order_is_seen() {
        let long = |end: u8| [&[b'x'; NAME_KEPT][..], &[end]].concat();
        let (long_a, long_b) = (long(b'a'), long(b'b'));
        for (entries, disordered, twins) in [
            (&[(0, &b"a"[..], 5), (0, b"b", 1), (1, b"a", 2)][..], 0, false),
            (&[(0, b"b", 5), (0, b"a", 1), (1, b"a", 2)], 1, false),
            (&[(1, b"a", 5), (0, b"b", 1)], 1, false),
            (&[(0, b"a", 5), (0, b"a", 6)], 0, true),
            (&[(0, b"a", 6), (0, b"a", 5)], 1, false),
            (&[(0, b"a", 5), (0, b"a", 5)], 1, false),
            (&[(0, b"a", 5), (0, b"ab", 1)], 0, false),
            (&[(0, &long_b, 5), (0, &long_a, 6)], 0, false), // told apart too far on
            (&[(0, b"z", 5), (0, &long_a, 6)], 1, false),
        ] {
            let mut sums = of(&[row(1, b"a", 0, 0)]);
            for (deleted, name, id) in entries {
                sums.entry(Cell::Int(*deleted), Cell::Text(name), *id);
            }
            assert_eq!((sums.disordered(), sums.has_twins()), (disordered, twins), "{entries:?}");
        }
    }

    #[test]
    fn one_name_in_two_policies_is_no_twin() {
        let mut sums = of(&[row(1, b"a", 0, 0), row(2, b"a", 0, 1)]);
        sums.entry(Cell::Int(0), Cell::Text(b"a"), 1);
        sums.entry(Cell::Int(0), Cell::Text(b"a"), 2);
        assert!(!sums.has_twins());
        sums.entry(Cell::Int(0), Cell::Text(b"a"), 3);
        assert!(sums.has_twins());
    }

    #[test]
    fn values_that_swift_never_writes_are_counted() {
        let sane = row(7, b"a", 0, 0);
        for (row, strange) in [
            (sane, 0),
            (Row { name: Cell::Null, ..sane }, 1),
            (Row { name: Cell::Blob(b"a"), ..sane }, 1),
            (Row { name: Cell::Text(b"\xff"), ..sane }, 1),
            (Row { created_at: Cell::Null, ..sane }, 1),
            (Row { size: Cell::Real(1.5), ..sane }, 1),
            (Row { deleted: Cell::Int(2), ..sane }, 1),
            (Row { deleted: Cell::Null, ..sane }, 1),
            (Row { policy: Cell::Null, ..sane }, 1),
        ] {
            let first = if strange == 0 { None } else { Some(7) };
            assert_eq!(of(&[row]).strange(), (strange, first), "{row:?}");
        }
    }

    #[test]
    fn sums_never_overflow() {
        let huge =
            Row { size: Cell::Int(i64::MAX), deleted: Cell::Int(i64::MIN), ..row(1, b"a", 0, 0) };
        let sums = of(&[huge, huge]);
        assert_eq!(sums.policies()[0].bytes, i64::MAX);
        assert_eq!(sums.policies()[0].live, i64::MAX);
    }
}
