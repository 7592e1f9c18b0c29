//! The database header: the first 100 bytes of page 1 (file format 1.3).

use super::rules::{Rule, Rules};
use super::schema::Schema;
use super::varint::{u16_at, u32_at};

/// Bytes of the header.
pub(super) const HEADER: usize = 100;

/// The page sizes the reader knows: SQLite's default since 3.12 and, before it, 1024.
pub const PAGE_SIZES: [usize; 3] = [1024, 2048, 4096];

/// The largest of [`PAGE_SIZES`].
pub const PAGE_MAX: usize = 4096;

/// The size of a page, asked of the header alone: is this SQLite's format, in its ordinary form?
pub(super) fn page_size(page1: &[u8], rules: Rules) -> Result<usize, Rule> {
    rules.ask(
        Rule::Page1Short,
        PAGE_SIZES.iter().min().is_some_and(|least| *least <= page1.len()),
    )?;
    let size = u16_at(page1, 16).ok_or(Rule::Page1Short)?;
    rules.ask(Rule::Magic, page1.starts_with(b"SQLite format 3\0"))?;
    rules.ask(Rule::PageSize, PAGE_SIZES.contains(&size) && size <= page1.len())?;
    rules.ask(Rule::FormatVersion, page1.get(18..20) == Some(&[1, 1]))?;
    rules.ask(Rule::Reserved, page1.get(20) == Some(&0))?;
    rules.ask(Rule::Fractions, page1.get(21..24) == Some(&[64, 32, 32]))?;
    Ok(size)
}

/// The page count, when the header, field by field, says nothing that its variant does not say.
///
/// Free to vary, because SQLite does not look at them when it reads: freelist, schema cookie, user
/// version, application id, the version number of the library that wrote it.
pub(super) fn page_count(
    page1: &[u8],
    file_bytes: u64,
    schema: &Schema,
    rules: Rules,
) -> Result<u32, Rule> {
    let same = |from: usize, to: usize| page1.get(from..to) == schema.header().get(from..to);
    let count = u32_at(page1, 28).ok_or(Rule::Page1Short)?;
    let bytes = u64::from(count).saturating_mul(schema.page_bytes());
    rules.ask(Rule::VersionValidFor, page1.get(24..28) == page1.get(92..96))?;
    rules.ask(Rule::NoPages, count != 0)?;
    rules.ask(Rule::FileShort, bytes <= file_bytes)?;
    rules.ask(Rule::FileLong, file_bytes <= bytes)?;
    rules.ask(Rule::SchemaFormat, same(44, 48))?;
    rules.ask(Rule::CacheSize, same(48, 52))?;
    rules.ask(Rule::AutoVacuum, same(52, 56) && same(64, 68))?;
    rules.ask(Rule::Encoding, u32_at(page1, 56) == Some(1))?;
    rules.ask(Rule::Expansion, same(72, 92))?;
    rules.ask(Rule::RootsBeyond, schema.highest() <= count)?;
    Ok(count)
}
