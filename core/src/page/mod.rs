//! A small reader of SQLite's file format: it answers for an ordinary database, or leaves it to
//! SQLite. It never condemns.
//!
//! ```text
//! beside → rules · header → schema → leaf → (overflow) → record → row
//! ```
//!
//! It answers only when every [`Rule`] is kept; above all, when the pages of the schema are byte for
//! byte those of a [`Schema`] that SQLite accepted before in this process. The bytes must have been
//! read under SQLite's shared lock, after a listing under that lock showed neither journal nor
//! write-ahead log.
//!
//! The words are those of SQLite's "Database File Format".

mod beside;
mod header;
mod leaf;
mod overflow;
mod record;
mod row;
mod rules;
mod schema;
mod varint;

pub use beside::{Beside, Kind};
pub use header::{PAGE_MAX, PAGE_SIZES};
pub use overflow::{CHAIN_MAX, Chain, PAYLOAD_MAX};
pub use row::Row;
pub use rules::{Rule, Rules};
pub use schema::{READ_MAX, Refusal, Roots, Run, SCHEMA_MAX, Schema};

use leaf::{Leaf, LeafCell};

/// A database whose first page is ordinary and whose schema is known so far as that page tells.
#[derive(Clone, Copy, Debug)]
pub struct Head<'s> {
    schema: &'s Schema,
    page_count: u32,
}

/// What the pages of a database hold.
#[derive(Debug)]
pub enum Found<'a> {
    /// The row.
    Row(Row<'a>),
    /// A row that goes on on overflow pages; [`Head::long_row`] ends it.
    Long(Long<'a>),
}

/// The part of a row that lies on its page.
#[derive(Clone, Copy, Debug)]
pub struct Long<'a> {
    cell: LeafCell<'a>,
    /// The page on which it goes on.
    next: u32,
    /// Bytes of a page of the file, and how many it has.
    file: (usize, u32),
}

impl Long<'_> {
    /// The chain of its pages. The row is put together in `buffer`, best of [`PAYLOAD_MAX`] bytes.
    pub fn chain<'b>(&self, buffer: &'b mut [u8], rules: Rules) -> Result<Chain<'b>, Rule> {
        Chain::new(buffer, self.cell.payload, self.cell.local, self.next, self.file, rules)
    }
}

impl<'s> Head<'s> {
    /// Reads `page1`, the first bytes of a file of `file_bytes`: [`PAGE_MAX`] of them if it has so
    /// many. `schemas` are the variants learnt so far, the likeliest first.
    pub fn new(
        page1: &[u8],
        file_bytes: u64,
        schemas: impl IntoIterator<Item = &'s Schema>,
        rules: Rules,
    ) -> Result<Self, Rule> {
        let page_size = header::page_size(page1, rules)?;
        let mut candidates =
            schemas.into_iter().filter(|schema| schema.page_size() == page_size).peekable();
        let first = candidates.peek().copied();
        let fitting = candidates.find(|schema| schema.fits(page1));
        rules.ask(Rule::SchemaRoot, fitting.is_some())?;
        let schema = fitting.or(first).ok_or(Rule::SchemaRoot)?;
        let page_count = header::page_count(page1, file_bytes, schema, rules)?;
        Ok(Self { schema, page_count })
    }

    /// The variant it is of.
    #[must_use]
    pub fn schema(&self) -> &'s Schema {
        self.schema
    }

    /// Reads the row from `pages`, the bytes of [`Schema::runs`], one run after the other.
    pub fn row<'a>(&self, pages: &'a [u8], rules: Rules) -> Result<Found<'a>, Rule> {
        rules.ask(Rule::SchemaPage, self.schema.fits_pages(pages))?;
        let info = self.leaf(pages, self.schema.roots().info, rules)?;
        rules.ask(Rule::RowCount, info.cells() == 1)?;
        let cell = info.cell(0, rules)?;
        let policies = self.leaf(pages, self.schema.roots().policy, rules)?;
        if let Some(next) = cell.overflow {
            let file = (self.schema.page_size(), self.page_count);
            return Ok(Found::Long(Long { cell, next, file }));
        }
        Row::new(cell.local, policies, rules).map(Found::Row)
    }

    /// Reads the row whose chain has come to its end. `pages` as for [`Head::row`].
    pub fn long_row<'b>(
        &self,
        pages: &[u8],
        chain: Chain<'b>,
        rules: Rules,
    ) -> Result<Row<'b>, Rule> {
        let policies = self.leaf(pages, self.schema.roots().policy, rules)?;
        Row::new(chain.whole()?, policies, rules)
    }

    /// The leaf that is the root of a table.
    fn leaf<'a>(&self, pages: &'a [u8], root: u32, rules: Rules) -> Result<Leaf<'a>, Rule> {
        let page = self.schema.page(pages, root).ok_or(Rule::NotALeaf)?;
        Leaf::new(page, 0, rules)
    }
}
