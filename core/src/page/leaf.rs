//! A table leaf: the pages rows lie on (file format 1.6).

use super::rules::{Rule, Rules};
use super::varint::{Varint, u16_at, u32_at};

/// The type byte of a table leaf.
pub(super) const TABLE_LEAF: u8 = 13;

/// Bytes of a leaf's own header.
const LEAF_HEADER: usize = 8;

/// What a page keeps of a row that runs over, at least and at most (file format 1.6, "M", "X").
fn local_bounds(page: usize) -> (usize, usize) {
    let least = page.saturating_sub(12).saturating_mul(32) / 255;
    (least.saturating_sub(23), page.saturating_sub(35))
}

/// A page whose type is [`TABLE_LEAF`] and whose cells can be counted.
#[derive(Clone, Copy)]
pub(super) struct Leaf<'a> {
    page: &'a [u8],
    /// Where its header starts: 100 on page 1, else 0.
    start: usize,
    cells: usize,
}

/// One row: what its page keeps of it.
#[derive(Clone, Copy, Debug)]
pub(super) struct LeafCell<'a> {
    /// The key.
    pub(super) rowid: i64,
    /// Bytes of the whole record.
    pub(super) payload: usize,
    /// Its first bytes; all of it, when `overflow` is `None`.
    pub(super) local: &'a [u8],
    /// The page on which the rest begins.
    pub(super) overflow: Option<u32>,
}

impl<'a> Leaf<'a> {
    /// The leaf on `page`, whose header starts at `start`.
    pub(super) fn new(page: &'a [u8], start: usize, rules: Rules) -> Result<Self, Rule> {
        rules.ask(Rule::NotALeaf, page.get(start) == Some(&TABLE_LEAF))?;
        let cells = u16_at(page, start.saturating_add(3)).ok_or(Rule::NotALeaf)?;
        rules.ask(Rule::CellCount, cells <= page.len().saturating_sub(LEAF_HEADER) / 6)?;
        Ok(Self { page, start, cells })
    }

    /// How many rows it has.
    pub(super) fn cells(&self) -> usize {
        self.cells
    }

    /// Row number `index`.
    pub(super) fn cell(&self, index: usize, rules: Rules) -> Result<LeafCell<'a>, Rule> {
        let pointers = self.start.saturating_add(LEAF_HEADER);
        let slot = |index: usize| pointers.saturating_add(index.saturating_mul(2));
        let at = u16_at(self.page, slot(index)).ok_or(Rule::CellPointer)?;
        let inside = slot(self.cells) <= at && at <= self.page.len().saturating_sub(4);
        rules.ask(Rule::CellPointer, inside)?;

        let payload = Varint::read(self.page, at).ok_or(Rule::CellBeyond)?;
        let at = at.saturating_add(payload.length);
        let key = Varint::read(self.page, at).ok_or(Rule::CellBeyond)?;
        let at = at.saturating_add(key.length);
        let ordinary = payload.is_shortest() && key.is_shortest() && payload.length <= 3;
        rules.ask(Rule::CellVarint, ordinary)?;

        let payload = usize::try_from(payload.value).map_err(|_| Rule::OverflowLong)?;
        let local = self.local(payload);
        let end = at.saturating_add(local);
        let bytes = self.page.get(at..end);
        rules.ask(Rule::CellBeyond, bytes.is_some())?;
        let overflow = if local < payload {
            Some(u32_at(self.page, end).ok_or(Rule::CellBeyond)?)
        } else {
            None
        };
        let rowid = i64::from_be_bytes(key.value.to_be_bytes());
        Ok(LeafCell { rowid, payload, local: bytes.unwrap_or_default(), overflow })
    }

    /// How much of a record of `payload` bytes stays on the page.
    fn local(&self, payload: usize) -> usize {
        let (least, most) = local_bounds(self.page.len());
        if payload <= most {
            return payload;
        }
        let overflow_page = self.page.len().saturating_sub(4);
        let rest = payload.saturating_sub(least).checked_rem(overflow_page).unwrap_or(0);
        let fitting = least.saturating_add(rest);
        if fitting <= most { fitting } else { least }
    }
}
