//! [`Rule`]: every reason to leave a database to SQLite, one line each.
//!
//! A rule is kept for the sake of one sentence: *whatever the bytes, if the reader answers, SQLite
//! and Swift give the same answer.* None of them says that a database is damaged.

/// Why the reader does not answer. The order is that in which they are asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Rule {
    /// The file has another name than its directory and `.db`: an epoch, or a stray.
    Name,
    /// It could not be opened or read.
    Unreadable,
    /// SQLite's shared lock was not to be had at once: somebody writes.
    Locked,
    /// Not all names of its directory are known.
    Listing,
    /// Another `.db` lies beside it: more epochs, or a stray.
    Siblings,
    /// The name does not belong to a regular file.
    FileType,
    /// A `-journal` lies beside it, hot or not.
    Journal,
    /// A `-wal` lies beside it.
    Wal,
    /// A `.pending` lies beside it that is not an empty regular file.
    Pending,
    /// Page 1 is shorter than the smallest page.
    Page1Short,
    /// The magic string.
    Magic,
    /// The page size is none the reader knows.
    PageSize,
    /// The write version or the read version is not 1: write-ahead log, or from the future.
    FormatVersion,
    /// Bytes are reserved at the end of each page.
    Reserved,
    /// The payload fractions are not 64, 32, 32.
    Fractions,
    /// The version-valid-for number is not the change counter: SQLite then counts pages by the
    /// file's size.
    VersionValidFor,
    /// The header counts no page.
    NoPages,
    /// The file is shorter than its pages. SQLite rounds a last part of a page *up*.
    FileShort,
    /// The file is longer than its pages.
    FileLong,
    /// No variant has these bytes in page 1 from its 100th byte on.
    SchemaRoot,
    /// The schema format is not the variant's.
    SchemaFormat,
    /// The default cache size is not the variant's.
    CacheSize,
    /// The auto-vacuum or the incremental-vacuum word is not the variant's.
    AutoVacuum,
    /// The text encoding is not UTF-8.
    Encoding,
    /// Bytes 72 to 91, kept for later versions, are not the variant's.
    Expansion,
    /// A root or schema page lies above the page count. SQLite asks it of tables not read, too.
    RootsBeyond,
    /// A schema page other than page 1 is not the variant's.
    SchemaPage,
    /// The root page of `container_info` or `policy_stat` is not a table leaf.
    NotALeaf,
    /// `container_info` has not exactly one cell. Python steps past the first row.
    RowCount,
    /// A page has more cells than fit one.
    CellCount,
    /// A cell pointer points into header, pointer array or the last four bytes. SQLite masks it.
    CellPointer,
    /// A cell's payload length or rowid is not in its shortest form, or the length not in 3 bytes.
    CellVarint,
    /// A cell runs beyond its page.
    CellBeyond,
    /// A policy's row does not fit its page.
    PolicyOverflow,
    /// The row is longer than the reader follows.
    OverflowLong,
    /// A page of the overflow chain is not one of the file, or the one SQLite never uses.
    OverflowPage,
    /// A page comes twice in the overflow chain.
    OverflowRepeat,
    /// The last page of the overflow chain names another.
    OverflowEnd,
    /// The rows of `policy_stat` do not ascend: SQLite's binary search may miss one.
    PolicyOrder,
    /// A record's header length or serial type is not in its shortest form, or the header longer
    /// than 127 bytes, or the type above 2³¹.
    RecordVarint,
    /// The serial types do not fill the record's header exactly.
    RecordHeader,
    /// The record has fewer columns than the table, whose defaults would count, or more.
    ColumnCount,
    /// Serial type 10 or 11.
    SerialType,
    /// Header and bodies are not exactly the payload.
    RecordLength,
    /// A selected text column holds something else.
    NotText,
    /// A selected integer column holds something else: text `0` is not 0 in Swift.
    NotInteger,
    /// A selected text is not UTF-8.
    NotUtf8,
    /// `storage_policy_index` is no integer: text `0` and 0.0 match by affinity.
    PolicyIndex,
    /// The first stored column of `policy_stat` is not the NULL that stands for the rowid.
    PolicyAlias,
    /// The count is 0 and a timestamp is not of the plain form.
    Timestamp,
}

impl Rule {
    /// Every rule, in the order of asking.
    pub const ALL: [Self; 50] = [
        Self::Name,
        Self::Unreadable,
        Self::Locked,
        Self::Listing,
        Self::Siblings,
        Self::FileType,
        Self::Journal,
        Self::Wal,
        Self::Pending,
        Self::Page1Short,
        Self::Magic,
        Self::PageSize,
        Self::FormatVersion,
        Self::Reserved,
        Self::Fractions,
        Self::VersionValidFor,
        Self::NoPages,
        Self::FileShort,
        Self::FileLong,
        Self::SchemaRoot,
        Self::SchemaFormat,
        Self::CacheSize,
        Self::AutoVacuum,
        Self::Encoding,
        Self::Expansion,
        Self::RootsBeyond,
        Self::SchemaPage,
        Self::NotALeaf,
        Self::RowCount,
        Self::CellCount,
        Self::CellPointer,
        Self::CellVarint,
        Self::CellBeyond,
        Self::PolicyOverflow,
        Self::OverflowLong,
        Self::OverflowPage,
        Self::OverflowRepeat,
        Self::OverflowEnd,
        Self::PolicyOrder,
        Self::RecordVarint,
        Self::RecordHeader,
        Self::ColumnCount,
        Self::SerialType,
        Self::RecordLength,
        Self::NotText,
        Self::NotInteger,
        Self::NotUtf8,
        Self::PolicyIndex,
        Self::PolicyAlias,
        Self::Timestamp,
    ];

    /// Whether a schema not seen so far may be the reason, so that teaching it may help.
    #[must_use]
    pub const fn is_schema(self) -> bool {
        matches!(
            self,
            Self::SchemaRoot
                | Self::SchemaFormat
                | Self::CacheSize
                | Self::Expansion
                | Self::SchemaPage
        )
    }
}

/// The rules that are kept: all of them, or, to show what one is for, all but one.
#[derive(Clone, Copy, Debug)]
pub struct Rules {
    waived: Option<Rule>,
}

impl Rules {
    /// Every rule: what an auditor keeps.
    pub const ALL: Self = Self { waived: None };

    /// Every rule but `rule`. Its answers may be wrong; a test shows that they are.
    #[must_use]
    pub const fn without(rule: Rule) -> Self {
        Self { waived: Some(rule) }
    }

    /// Goes on if `kept`, else defers by `rule`.
    #[inline]
    pub(super) fn ask(self, rule: Rule, kept: bool) -> Result<(), Rule> {
        if kept || self.waived == Some(rule) { Ok(()) } else { Err(rule) }
    }
}
