//! [`Schema`]: one variant of the schema pages, as SQLite accepted them, and where the two tables
//! lie that Swift's statements read (file format 2.6).

use super::header::{HEADER, PAGE_MAX, page_size};
use super::leaf::{Leaf, TABLE_LEAF};
use super::rules::{Rule, Rules};
use super::varint::{u16_at, u32_at};

/// Bytes of all schema pages of a variant at most: four pages of SQLite's default size, where Swift's
/// take three.
pub const SCHEMA_MAX: usize = 16 * 1024;

/// Bytes one look reads at most beside page 1 and overflow pages.
pub const READ_MAX: usize = 48 * 1024;

/// Schema pages at most: [`SCHEMA_MAX`] bytes of the smallest pages.
const PAGES_MAX: usize = SCHEMA_MAX / 1024;

/// Reads of a look at most beside page 1. Swift's own order of creation needs one.
const RUNS_MAX: usize = 8;

/// Bytes nobody asked for that cost less to read than another call.
const GAP_MAX: usize = 2048;

/// The type byte of an interior page of a table.
const TABLE_INTERIOR: u8 = 5;

/// Where the tables of Swift's statements are, as SQLite's own programs for them say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Roots {
    /// The root page of `container_info`.
    pub info: u32,
    /// The root page of `policy_stat`.
    pub policy: u32,
    /// The highest root page in `sqlite_master`.
    pub highest: u32,
    /// Rows of `sqlite_master`.
    pub entries: u32,
}

/// Pages that lie in a row and are read at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Run {
    /// The number of the first page; the file's first page is 1.
    pub first: u32,
    /// How many.
    pub pages: u32,
}

impl Run {
    fn end(self) -> u32 {
        self.first.saturating_add(self.pages)
    }
}

/// Why a schema is not learnt; its databases go to SQLite.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// A page of it is not what the reader answers from.
    Rule(Rule),
    /// It has more pages than are kept, or they are spread too widely.
    Large,
    /// Its b-tree is deeper than root and leaves, or is not one.
    Deep,
    /// Its leaves do not hold as many rows as SQLite counts.
    Entries,
    /// It keeps pointer maps: overflow chains are then read in another way.
    AutoVacuum,
    /// A page could not be read.
    Unread,
}

/// One variant of Swift's schema: every page SQLite reads to know it, byte for byte.
#[derive(Clone, Debug)]
pub struct Schema {
    page_size: usize,
    /// Numbers of the pages kept, page 1 first.
    numbers: heapless::Vec<u32, PAGES_MAX>,
    /// Their bytes, in the same order.
    images: heapless::Vec<u8, SCHEMA_MAX>,
    runs: heapless::Vec<Run, RUNS_MAX>,
    roots: Roots,
    highest: u32,
}

impl Schema {
    /// No schema yet: what fits no database. It is large, so it is learnt where it is to stay.
    pub const EMPTY: Self = Self {
        page_size: 0,
        numbers: heapless::Vec::new(),
        images: heapless::Vec::new(),
        runs: heapless::Vec::new(),
        roots: Roots { info: 0, policy: 0, highest: 0, entries: 0 },
        highest: 0,
    };

    /// Keeps the schema that starts on `page1`; after an error it is not to be used. `read` fills its
    /// buffer with the page of that number and says whether it could. SQLite must have run both of
    /// Swift's statements on this file, with the programs of the reference, under the lock still held.
    pub fn learn(
        &mut self,
        page1: &[u8],
        roots: Roots,
        mut read: impl FnMut(u32, &mut [u8]) -> bool,
    ) -> Result<(), Refusal> {
        let page_size = page_size(page1, Rules::ALL).map_err(Refusal::Rule)?;
        let page1 = page1.get(..page_size).ok_or(Refusal::Unread)?;
        if page1.get(52..56) != Some(&[0; 4]) || page1.get(64..68) != Some(&[0; 4]) {
            return Err(Refusal::AutoVacuum);
        }
        self.numbers.clear();
        self.images.clear();
        self.runs.clear();
        self.page_size = page_size;
        self.roots = roots;
        self.highest = roots.highest;
        self.keep(1, page1)?;
        let mut entries = 0;
        let mut buffer = [0; PAGE_MAX];
        let page = buffer.get_mut(..page_size).ok_or(Refusal::Unread)?;
        if page1.get(HEADER) == Some(&TABLE_LEAF) {
            entries = self.keep_rows_of(page1, HEADER, &mut read)?;
        } else {
            for child in children(page1)? {
                if !read(child, page) {
                    return Err(Refusal::Unread);
                }
                self.keep(child, page)?;
                entries = self.keep_rows_of(page, 0, &mut read)?.saturating_add(entries);
            }
        }
        if entries != roots.entries {
            return Err(Refusal::Entries);
        }
        self.plan()
    }

    /// The pages a look needs beside page 1, in the order in which they are handed in.
    #[must_use]
    pub fn runs(&self) -> &[Run] {
        &self.runs
    }

    /// Bytes of all of them.
    #[must_use]
    pub fn run_bytes(&self) -> usize {
        let pages = self.runs.iter().filter_map(|run| usize::try_from(run.pages).ok());
        pages.sum::<usize>().saturating_mul(self.page_size)
    }

    /// Bytes of a page.
    #[must_use]
    pub fn page_size(&self) -> usize {
        self.page_size
    }

    /// Bytes of a page, in the file's arithmetic.
    pub(super) fn page_bytes(&self) -> u64 {
        u64::try_from(self.page_size).unwrap_or(u64::MAX)
    }

    /// The header of the database it was learnt from.
    pub(super) fn header(&self) -> &[u8] {
        self.images.get(..HEADER).unwrap_or_default()
    }

    /// The highest of all root and schema pages.
    pub(super) fn highest(&self) -> u32 {
        self.highest
    }

    /// The root pages of the two tables.
    pub(super) fn roots(&self) -> Roots {
        self.roots
    }

    /// Whether page 1 of another database, its header apart, is this one's.
    pub(super) fn fits(&self, page1: &[u8]) -> bool {
        let page1 = page1.get(HEADER..self.page_size);
        let image = self.images.get(HEADER..self.page_size);
        page1.zip(image).is_some_and(|(page1, image)| same(page1, image))
    }

    /// Whether the other schema pages are this variant's, `pages` being the bytes of its runs.
    pub(super) fn fits_pages(&self, pages: &[u8]) -> bool {
        let kept = self.numbers.iter().zip(self.images.chunks_exact(self.page_size));
        kept.skip(1)
            .all(|(number, image)| self.page(pages, *number).is_some_and(|page| same(page, image)))
    }

    /// Page `number` in `pages`, the bytes of the runs.
    pub(super) fn page<'a>(&self, pages: &'a [u8], number: u32) -> Option<&'a [u8]> {
        let mut before = 0_u32;
        for run in &self.runs {
            if (run.first..run.end()).contains(&number) {
                let index = before.saturating_add(number.saturating_sub(run.first));
                let start = usize::try_from(index).ok()?.checked_mul(self.page_size)?;
                return pages.get(start..start.checked_add(self.page_size)?);
            }
            before = before.saturating_add(run.pages);
        }
        None
    }

    /// Keeps one more page.
    fn keep(&mut self, number: u32, page: &[u8]) -> Result<(), Refusal> {
        if number == 0 || self.numbers.contains(&number) {
            return Err(Refusal::Deep);
        }
        self.highest = self.highest.max(number);
        self.numbers.push(number).map_err(|_| Refusal::Large)?;
        self.images.extend_from_slice(page).map_err(|_| Refusal::Large)
    }

    /// Keeps the overflow pages of the rows on a leaf, and counts those.
    fn keep_rows_of(
        &mut self,
        page: &[u8],
        start: usize,
        read: &mut impl FnMut(u32, &mut [u8]) -> bool,
    ) -> Result<u32, Refusal> {
        let leaf = Leaf::new(page, start, Rules::ALL).map_err(|_| Refusal::Deep)?;
        for index in 0..leaf.cells() {
            let cell = leaf.cell(index, Rules::ALL).map_err(Refusal::Rule)?;
            let mut left = cell.payload.saturating_sub(cell.local.len());
            let mut next = cell.overflow;
            let mut buffer = [0; PAGE_MAX];
            let page = buffer.get_mut(..self.page_size).ok_or(Refusal::Unread)?;
            // Ends with the row; `keep` refuses a page that comes twice.
            while let Some(number) = next {
                if !read(number, page) {
                    return Err(Refusal::Unread);
                }
                self.keep(number, page)?;
                left = left.saturating_sub(self.page_size.saturating_sub(4));
                next = if left == 0 { None } else { u32_at(page, 0) };
            }
        }
        u32::try_from(leaf.cells()).map_err(|_| Refusal::Large)
    }

    /// Puts the pages to read into few runs.
    fn plan(&mut self) -> Result<(), Refusal> {
        let mut wanted = heapless::Vec::<u32, { PAGES_MAX + 2 }>::new();
        for number in self.numbers.iter().skip(1).chain([&self.roots.info, &self.roots.policy]) {
            if *number < 2 {
                return Err(Refusal::Deep);
            }
            wanted.push(*number).map_err(|_| Refusal::Large)?;
        }
        wanted.sort_unstable();
        let gap = GAP_MAX
            .checked_div(self.page_size)
            .and_then(|gap| u32::try_from(gap).ok())
            .unwrap_or(0);
        let mut bytes = 0_u64;
        for number in wanted {
            match self.runs.last_mut() {
                Some(run) if number < run.end().saturating_add(gap).saturating_add(1) => {
                    run.pages = number.saturating_sub(run.first).saturating_add(1).max(run.pages);
                }
                _ => {
                    let run = Run { first: number, pages: 1 };
                    self.runs.push(run).map_err(|_| Refusal::Large)?;
                }
            }
        }
        for run in &self.runs {
            bytes = bytes.saturating_add(u64::from(run.pages).saturating_mul(self.page_bytes()));
        }
        if u64::try_from(READ_MAX).is_ok_and(|most| bytes <= most) {
            Ok(())
        } else {
            Err(Refusal::Large)
        }
    }
}

/// The children of the interior page that is the root of the schema.
fn children(page1: &[u8]) -> Result<heapless::Vec<u32, PAGES_MAX>, Refusal> {
    if page1.get(HEADER) != Some(&TABLE_INTERIOR) {
        return Err(Refusal::Deep);
    }
    let cells = u16_at(page1, HEADER.saturating_add(3)).ok_or(Refusal::Deep)?;
    let mut found = heapless::Vec::new();
    for index in 0..cells {
        let slot = HEADER.saturating_add(12).saturating_add(index.saturating_mul(2));
        let cell = u16_at(page1, slot).ok_or(Refusal::Deep)?;
        let child = u32_at(page1, cell).ok_or(Refusal::Deep)?;
        found.push(child).map_err(|_| Refusal::Large)?;
    }
    let last = u32_at(page1, HEADER.saturating_add(8)).ok_or(Refusal::Deep)?;
    found.push(last).map_err(|_| Refusal::Large)?;
    Ok(found)
}

/// Whether two stretches of memory hold the same bytes.
///
/// Comparing slices calls the C library, and what a static program has for that compares byte by byte:
/// half of all its own time in a pass over ordinary databases. Four words at a time, as the loop of a
/// small program is neither unrolled nor made of vectors.
fn same(one: &[u8], other: &[u8]) -> bool {
    let ((one_words, one_rest), (other_words, other_rest)) = (one.as_chunks(), other.as_chunks());
    let ((one_fours, one_odd), (other_fours, other_odd)) =
        (one_words.as_chunks(), other_words.as_chunks());
    let fours = one_fours.iter().zip(other_fours);
    let differ = fours.fold(0, |differ, ([a, b, c, d], [e, f, g, h])| {
        differ | differing(*a, *e) | differing(*b, *f) | differing(*c, *g) | differing(*d, *h)
    });
    let odd = one_odd.iter().zip(other_odd);
    let differ = odd.fold(differ, |differ, (one, other)| differ | differing(*one, *other));
    differ == 0 && one.len() == other.len() && one_rest == other_rest
}

/// The bits in which two words differ.
fn differing(one: [u8; 8], other: [u8; 8]) -> u64 {
    u64::from_ne_bytes(one) ^ u64::from_ne_bytes(other)
}

#[cfg(test)]
mod tests {
    use super::same;

    #[test]
    fn every_byte_is_compared_and_the_length_too() {
        let whole: [u8; 1000] = core::array::from_fn(|at| at.to_le_bytes()[0]);
        for length in [0, 1, 7, 8, 9, 16, 23, 31, 32, 33, 40, 996] {
            let page = &whole[..length];
            assert!(same(page, page), "{length}");
            for at in 0..length {
                let mut other = whole;
                other[at] ^= 0x80;
                assert!(!same(page, &other[..length]), "{length}: byte {at}");
                assert!(!same(page, &page[..at]), "{length}: {at} bytes of it");
            }
        }
    }
}
