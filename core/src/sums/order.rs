//! Whether the entries of an index come in its order, seen from one to the next.
use crate::check::Cell;

/// Bytes of a name that are kept to compare it with the next one in the index: Swift's default
/// `max_object_name_length`. Longer names that differ only further on are not put in order.
pub(super) const NAME_KEPT: usize = 1024;

/// Where an entry of the index stands to the one before it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Next {
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
pub(super) struct Entry {
    deleted: i64,
    id: i64,
    name: [u8; NAME_KEPT],
    /// Length of the name as found; `None` if there is nothing to compare with.
    len: Option<usize>,
}

impl Entry {
    pub(super) const NONE: Self = Self { deleted: 0, id: 0, name: [0; NAME_KEPT], len: None };

    /// Compares with, and then becomes, the entry that follows.
    pub(super) fn next(&mut self, deleted: Cell<'_>, name: Cell<'_>, id: i64) -> Next {
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
