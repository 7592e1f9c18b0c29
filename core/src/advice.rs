//! What a finding means, where it comes from, and what to do next: one table for the manual, the
//! commands and the log.
//!
//! Every `next` begins with what an operator does. Swift heals by itself whatever is moved away, as
//! long as another node has a sound copy: its replicator brings one.
use crate::finding::FindingCode;
use crate::quarantine::Stays;
use crate::verdict::Verdict;

/// What there is to say of a finding: plain sentences.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Advice {
    /// What is wrong, and what an operator's users notice of it.
    pub meaning: &'static str,
    /// What it usually comes from.
    pub cause: &'static str,
    /// What to do next.
    pub next: &'static str,
}

const MOVED: &str = "Let the daemon move it to the quarantine; Swift's replicator brings a sound copy. If one \
                     device has many, look at the device.";
/// What to do next about what was moved to the quarantine.
pub const AFTER_MOVE: &str = "It is in the quarantine; Swift's replicator brings a sound copy. If one device has \
                              many, look at the device.";
/// What to do next where the breaker of a device keeps it from being moved.
pub const HELD: &str =
    "Nothing more of this device is moved until martlet rearm: look at the device first.";
/// What to do next where a move failed.
pub const NOT_MOVED: &str = "Mend what kept it from being moved; the next pass tries again.";
const COMPARE: &str =
    "Compare with the other replicas, and move the hash directory of the wrong copy away.";
const MOVE_AWAY: &str = "Move the hash directory away if another replica is sound.";
const NOT_SQL: &str = "Damage, or a tool that wrote to the database.";

/// What makes the index of Swift's objects anew, also one that is gone or over other columns or
/// rows, which `REINDEX` leaves as it is. It needs no function of Swift's.
pub const MAKE_INDEX: &str = "BEGIN IMMEDIATE; DROP INDEX IF EXISTS ix_object_deleted_name; \
                              CREATE INDEX ix_object_deleted_name ON object (deleted, name); COMMIT";

impl Verdict {
    /// What it means, and what to do next, where no finding says it; none where nothing is to be done.
    #[must_use]
    pub const fn advice(self) -> Option<(&'static str, &'static str)> {
        Some(match self {
            Self::Busy => (
                "Others held its lock for 25 seconds.",
                "If the same one is always busy, look which process holds it (lsof).",
            ),
            Self::Unreadable => (
                "It may not be read, or it is not a file.",
                "Look at owner and mode of the file and of all directories above it: they belong to the \
                 user of the conf.",
            ),
            Self::DeviceError => (
                "The disk or its file system failed, not the database.",
                "Look at the kernel's log and at the disk's SMART values; take the device out of the ring \
                 if it fails.",
            ),
            Self::NeedsRecovery => (
                "A writer left a journal or a write-ahead log, and this process may not recover it.",
                "The daemon recovers it in its next pass, as any Swift process does.",
            ),
            Self::Unsettled => (
                "Others wrote to it so often that no deep audit could end.",
                "It is tried again in the next cycle.",
            ),
            Self::Sound | Self::Deleted | Self::Vanished | Self::Damaged | Self::Misplaced => {
                return None;
            }
        })
    }
}

impl Stays {
    /// What to do next about damage that stays for this reason: nobody else will move it.
    #[must_use]
    pub const fn next(self) -> &'static str {
        match self {
            Self::Off => {
                "The daemon moves nothing, since quarantine is off: move it away by hand if another replica is \
                 sound."
            }
            Self::Undamaged => "The second look found no damage: the next pass looks again.",
            Self::DeviceUnwell => {
                "The device does not answer, cannot be written to or is full: look at the device first."
            }
            Self::Changed => "It changed while it was looked at: the next pass looks again.",
            Self::Epochs => {
                "The daemon moves nothing beside another epoch of the container: look at each file of the \
                 directory before you move one away."
            }
        }
    }
}

impl FindingCode {
    /// What it means, and what to do next.
    #[must_use]
    #[expect(clippy::too_many_lines, reason = "a table")]
    pub const fn advice(self) -> Advice {
        let (meaning, cause, next) = match self {
            Self::StructureCorrupt => (
                "SQLite says that the file is corrupt.",
                "A torn write, a bad disk, bad memory.",
                MOVED,
            ),
            Self::StructureNotADatabase => (
                "The file does not begin as a database does.",
                "A file system that lost its first block, or a foreign file.",
                MOVED,
            ),
            Self::StructureCheck => (
                "SQLite's own check of all pages found a fault that reading the row did not meet.",
                "As for structure-corrupt.",
                MOVED,
            ),
            Self::StatEmptyFile => (
                "The file has no bytes.",
                "A crash just after it was made, or a full disk.",
                "Remove the file if another node has the container; Swift's replicator brings a new one.",
            ),
            Self::StatSchema => (
                "A table, a view or a column that Swift reads is missing, or is not Swift's.",
                "A foreign file, an account's database in the wrong place, or a version of Swift that is \
                 newer than this one.",
                "Move the hash directory away if it is damage.",
            ),
            Self::StatRowMissing => (
                "The table that says whose container it is has no row.",
                "A process that was killed while it made the database.",
                "Remove the file if another node has the container; Swift's replicator brings a new one.",
            ),
            Self::StatTimestamp => (
                "A timestamp is not one that Swift can read, and the container has no objects, so Swift \
                 has to read it.",
                NOT_SQL,
                MOVE_AWAY,
            ),
            Self::StatNotUtf8 => ("A text that Swift reads is not UTF-8.", NOT_SQL, MOVE_AWAY),
            Self::StatPending => (
                "The file of pending updates beside it has an entry that Swift can never merge. Each \
                 reader of the container fails on it.",
                "A damaged or foreign entry.",
                "Move the .db.pending file away; the other replicas were told the same, and Swift's \
                 replicator brings it back.",
            ),
            Self::StatMetadata => (
                "The container is sharded, and its metadata is not what Swift can read.",
                "Damage of the text.",
                MOVE_AWAY,
            ),
            Self::StatShardRange => (
                "The container is sharded, and one of its shard ranges is not what Swift can read.",
                "Damage, or a newer version of Swift.",
                "Look at it with swift-manage-shard-ranges before you move anything.",
            ),
            Self::RowsHash => (
                "The hash over all object rows is not the one that is stored. Replicas with the same \
                 wrong hash look equal to Swift.",
                "A lost or changed row, or a journal that was rolled back in part.",
                COMPARE,
            ),
            Self::RowsCount => (
                "The number of objects of a storage policy is not that of its rows. The listing is \
                 right, the sums are not.",
                "As for rows-hash.",
                COMPARE,
            ),
            Self::RowsBytes => (
                "The bytes of a storage policy are not those of its rows. Accounting by bytes is wrong.",
                "As for rows-hash.",
                COMPARE,
            ),
            Self::RowsIndex => (
                "The index does not hold what the table holds, or not in order, or is missing, so \
                 listings can miss objects.",
                "Damage of an index page, or a tool that wrote to the database.",
                "Make the index anew from the table: sqlite3 FILE 'BEGIN IMMEDIATE; DROP INDEX IF EXISTS \
                 ix_object_deleted_name; CREATE INDEX ix_object_deleted_name ON object (deleted, name); \
                 COMMIT'. If rows-hash is found too, move the hash directory away instead.",
            ),
            Self::RowsValue => (
                "A row holds a value that Swift never writes, such as a name that is no text; found is \
                 how many rows do.",
                NOT_SQL,
                COMPARE,
            ),
            Self::RowsTwin => (
                "A name is there more than once in one storage policy, so listings show it twice.",
                "A damaged index, or a merge that did not end.",
                COMPARE,
            ),
            Self::RowsSchema => (
                "The table of objects, its triggers or another part of the schema is missing, or is not \
                 Swift's. Sums may then stop to follow the rows.",
                "A foreign file, a tool that wrote to the database, or a newer version of Swift.",
                "Move the hash directory away if it is damage.",
            ),
            Self::RowsMetadata => (
                "The metadata is not what Swift can read. The container server fails on it.",
                "Damage of the text.",
                MOVE_AWAY,
            ),
            Self::RowsShardRange => (
                "A shard range is not what Swift can read; found is how many are not.",
                "Damage, or a newer version of Swift.",
                "Look at it with swift-manage-shard-ranges before you move anything.",
            ),
            Self::PlaceHash => (
                "The directory is not the hash of account and container.",
                "A copied directory, or a wrong hash path in swift.conf.",
                "Look at swift.conf if all databases of a device are misplaced; otherwise move the \
                 directory to where it belongs, or away.",
            ),
            Self::PlaceFile => (
                "The file is not named after its directory, so Swift never reads it.",
                "A file copied by hand.",
                "Move the file away.",
            ),
            Self::PlaceSuffix => (
                "The suffix directory is not the end of the hash, so Swift does not find it there.",
                "A directory copied by hand.",
                "Move the hash directory to the right suffix.",
            ),
            Self::PlacePartition => (
                "The partition cannot be one of this hash.",
                "A directory copied by hand, or a change of the partition power that did not end.",
                "Move the hash directory to the right partition.",
            ),
        };
        Advice { meaning, cause, next }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_has_whole_sentences() {
        for code in FindingCode::ALL {
            let Advice { meaning, cause, next } = code.advice();
            for text in [meaning, cause, next] {
                let begins = text.starts_with(|letter: char| letter.is_ascii_uppercase());
                assert!(begins && text.ends_with('.'), "{}: {text:?}", code.word());
                assert!(!text.contains("  ") && text.is_ascii(), "{}: {text:?}", code.word());
            }
        }
    }

    #[test]
    fn only_what_is_moved_says_so() {
        for code in FindingCode::ALL {
            assert_eq!(code.advice().next == MOVED, code.is_structure(), "{}", code.word());
        }
    }
}
