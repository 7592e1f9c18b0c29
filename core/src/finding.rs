//! What can be wrong with a database: a stable code, where it was seen, what was expected and found.
use core::fmt::{Display, Formatter, Result};

use crate::place::hex;

/// Findings kept of one audit at most; one more would say nothing new to an operator.
pub const FINDINGS_MAX: usize = 8;

/// What is wrong, for good: the codes are stable across versions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FindingCode {
    /// SQLite: the file is corrupt (`SQLITE_CORRUPT`).
    StructureCorrupt,
    /// SQLite: the file is not a database (`SQLITE_NOTADB`).
    StructureNotADatabase,
    /// `PRAGMA quick_check` found something.
    StructureCheck,
    /// The file has no bytes.
    StatEmptyFile,
    /// A table, view or column that Swift reads is missing or foreign.
    StatSchema,
    /// `container_stat` has no row.
    StatRowMissing,
    /// A timestamp that Swift cannot read, where it has to.
    StatTimestamp,
    /// A text that is not UTF-8.
    StatNotUtf8,
    /// A pending entry that Swift can never merge.
    StatPending,
    /// The metadata of a sharded container is not what Swift can read.
    StatMetadata,
    /// A shard range is not what Swift can read.
    StatShardRange,
    /// The hash over the object rows is not the stored one.
    RowsHash,
    /// A policy's object count is not that of its rows.
    RowsCount,
    /// A policy's bytes are not those of its rows.
    RowsBytes,
    /// The index does not hold what the table holds, or not in order, or is missing.
    RowsIndex,
    /// A row holds a value that Swift never writes.
    RowsValue,
    /// A name is there more than once in one policy.
    RowsTwin,
    /// The object table or its triggers are missing or foreign.
    RowsSchema,
    /// The metadata is not what Swift can read.
    RowsMetadata,
    /// A shard range is not what Swift can read.
    RowsShardRange,
    /// The directory is not the hash of account and container.
    PlaceHash,
    /// The file is not named after its directory.
    PlaceFile,
    /// The suffix directory is not the hash's end.
    PlaceSuffix,
    /// The partition cannot be one of this hash.
    PlacePartition,
}

impl FindingCode {
    /// Every code, in the order of the manual.
    pub const ALL: [Self; 24] = [
        Self::StructureCorrupt,
        Self::StructureNotADatabase,
        Self::StructureCheck,
        Self::StatEmptyFile,
        Self::StatSchema,
        Self::StatRowMissing,
        Self::StatTimestamp,
        Self::StatNotUtf8,
        Self::StatPending,
        Self::StatMetadata,
        Self::StatShardRange,
        Self::RowsHash,
        Self::RowsCount,
        Self::RowsBytes,
        Self::RowsIndex,
        Self::RowsValue,
        Self::RowsTwin,
        Self::RowsSchema,
        Self::RowsMetadata,
        Self::RowsShardRange,
        Self::PlaceHash,
        Self::PlaceFile,
        Self::PlaceSuffix,
        Self::PlacePartition,
    ];

    /// The code as it is printed.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::StructureCorrupt => "structure-corrupt",
            Self::StructureNotADatabase => "structure-not-a-database",
            Self::StructureCheck => "structure-check",
            Self::StatEmptyFile => "stat-empty-file",
            Self::StatSchema => "stat-schema",
            Self::StatRowMissing => "stat-row-missing",
            Self::StatTimestamp => "stat-timestamp",
            Self::StatNotUtf8 => "stat-not-utf8",
            Self::StatPending => "stat-pending",
            Self::StatMetadata => "stat-metadata",
            Self::StatShardRange => "stat-shard-range",
            Self::RowsHash => "rows-hash",
            Self::RowsCount => "rows-count",
            Self::RowsBytes => "rows-bytes",
            Self::RowsIndex => "rows-index",
            Self::RowsValue => "rows-value",
            Self::RowsTwin => "rows-twin",
            Self::RowsSchema => "rows-schema",
            Self::RowsMetadata => "rows-metadata",
            Self::RowsShardRange => "rows-shard-range",
            Self::PlaceHash => "place-hash",
            Self::PlaceFile => "place-file",
            Self::PlaceSuffix => "place-suffix",
            Self::PlacePartition => "place-partition",
        }
    }

    /// Where in or around the database it is seen.
    #[must_use]
    pub const fn place(self) -> &'static str {
        match self {
            Self::StructureCorrupt
            | Self::StructureNotADatabase
            | Self::StructureCheck
            | Self::StatEmptyFile => "file",
            Self::StatSchema | Self::RowsSchema => "schema",
            Self::StatRowMissing | Self::StatTimestamp | Self::StatNotUtf8 => "container_stat",
            Self::StatPending => "pending",
            Self::StatMetadata | Self::RowsMetadata => "metadata",
            Self::StatShardRange | Self::RowsShardRange => "shard_range",
            Self::RowsHash
            | Self::RowsCount
            | Self::RowsBytes
            | Self::RowsIndex
            | Self::RowsValue
            | Self::RowsTwin => "object",
            Self::PlaceHash | Self::PlaceFile | Self::PlaceSuffix | Self::PlacePartition => "path",
        }
    }

    /// Whether this is damage of the file itself, for which alone a database may be moved.
    #[must_use]
    pub const fn is_structure(self) -> bool {
        matches!(self, Self::StructureCorrupt | Self::StructureNotADatabase | Self::StructureCheck)
    }
}

/// A value that was expected or found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Value {
    /// There is nothing to say beyond the code.
    #[default]
    Nothing,
    /// A count or a size.
    Int(i64),
    /// An MD5 sum or a part of one.
    Md5([u8; 16]),
}

/// Which part of the place that a code names.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Part {
    /// All of it.
    #[default]
    Whole,
    /// The rows of one storage policy: `storage_policy_index`.
    Policy(i64),
    /// One row: its `ROWID`.
    Row(i64),
}

/// One thing wrong with a database. As a text: `rows-count (object, policy 0: expected 5, found 7)`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Finding {
    /// What.
    pub code: FindingCode,
    /// Which part of [`FindingCode::place`].
    pub part: Part,
    /// What should have been there.
    pub expected: Value,
    /// What was.
    pub found: Value,
}

impl Finding {
    /// A finding of which there is no more to say than its code.
    #[must_use]
    pub const fn plain(code: FindingCode) -> Self {
        Self { code, part: Part::Whole, expected: Value::Nothing, found: Value::Nothing }
    }

    /// Where it was seen, as a text: `object, policy 1`.
    #[must_use]
    pub const fn place(&self) -> Place {
        Place(self.code, self.part)
    }
}

/// The findings of one audit, the gravest first.
pub type Findings = heapless::Vec<Finding, FINDINGS_MAX>;

/// Where a finding was seen: the place that its code names, and the part of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Place(FindingCode, Part);

impl Display for Place {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        f.write_str(self.0.place())?;
        match self.1 {
            Part::Whole => Ok(()),
            Part::Policy(index) => write!(f, ", policy {index}"),
            Part::Row(id) => write!(f, ", row {id}"),
        }
    }
}

impl Display for Value {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        match self {
            Self::Nothing => f.write_str("something else"),
            Self::Int(number) => write!(f, "{number}"),
            Self::Md5(sum) => {
                hex(*sum).iter().try_for_each(|digit| write!(f, "{}", char::from(*digit)))
            }
        }
    }
}

impl Display for Finding {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        write!(f, "{} ({}", self.code.word(), self.place())?;
        match (self.expected, self.found) {
            (Value::Nothing, Value::Nothing) => {}
            (Value::Nothing, found) => write!(f, ": found {found}")?,
            (expected, found) => write!(f, ": expected {expected}, found {found}")?,
        }
        f.write_str(")")
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;
    use std::string::ToString;

    #[test]
    fn a_finding_says_where_and_what() {
        let count = Finding {
            part: Part::Policy(3),
            expected: Value::Int(5),
            found: Value::Int(1005),
            ..Finding::plain(FindingCode::RowsCount)
        };
        let no_hash =
            Finding { expected: Value::Md5([0xab; 16]), ..Finding::plain(FindingCode::RowsHash) };
        for (finding, expected) in [
            (count, "rows-count (object, policy 3: expected 5, found 1005)"),
            (Finding::plain(FindingCode::StructureCheck), "structure-check (file)"),
            (
                Finding { part: Part::Row(7), ..Finding::plain(FindingCode::RowsValue) },
                "rows-value (object, row 7)",
            ),
            (
                no_hash,
                "rows-hash (object: expected abababababababababababababababab, found something else)",
            ),
        ] {
            assert_eq!(finding.to_string(), expected);
        }
    }
}
