//! What facts mean: a verdict, a count and findings.
//!
//! Decided by the codes of SQLite and the kernel, never by the text of a message. Only
//! `structure-*` findings ever let a database be moved, so whatever is in doubt is not one.
use crate::check::{Cell, Fault, Seen, Stat};
pub use crate::finding::{FINDINGS_MAX, Finding, FindingCode, Findings, Part, Place, Value};
use crate::path::DbPath;
use crate::place::{HashPath, place};
use crate::refusal::refusal;
use crate::stamp;

/// What became of one audit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Verdict {
    /// Its row was read and nothing is wrong.
    Sound,
    /// Swift calls it deleted: no objects, and deleted after it was put.
    Deleted,
    /// It was listed and is gone, or is a link to nothing.
    Vanished,
    /// Others held its lock for as long as Swift would have waited.
    Busy,
    /// Its content is wrong.
    Damaged,
    /// Its content is sound and belongs elsewhere.
    Misplaced,
    /// It may not be read, or is not a file.
    Unreadable,
    /// The disk or the file system failed, not the database.
    DeviceError,
    /// It has a journal or write-ahead log that this process may not recover.
    NeedsRecovery,
    /// Others wrote to it so often that no deep audit could end.
    Unsettled,
}

impl Verdict {
    /// Every verdict, in the order of the manual.
    pub const ALL: [Self; 10] = [
        Self::Sound,
        Self::Deleted,
        Self::Vanished,
        Self::Busy,
        Self::Damaged,
        Self::Misplaced,
        Self::Unreadable,
        Self::DeviceError,
        Self::NeedsRecovery,
        Self::Unsettled,
    ];

    /// Its place in [`Verdict::ALL`].
    #[must_use]
    pub fn index(self) -> usize {
        Self::ALL.iter().position(|verdict| *verdict == self).unwrap_or(0)
    }

    /// The word in `--json`, logs and manuals.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Sound => "sound",
            Self::Deleted => "deleted",
            Self::Vanished => "vanished",
            Self::Busy => "busy",
            Self::Damaged => "damaged",
            Self::Misplaced => "misplaced",
            Self::Unreadable => "unreadable",
            Self::DeviceError => "device-error",
            Self::NeedsRecovery => "needs-recovery",
            Self::Unsettled => "unsettled",
        }
    }
}

/// How an audit enters Swift's counters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Counts {
    /// `passes`.
    Passed,
    /// `failures`.
    Failed,
    /// Neither: deleted and vanished databases leave no trace in Swift.
    Neither,
}

/// The whole outcome of one audit.
#[derive(Debug, PartialEq, Eq, Hash)]
pub struct Judged {
    /// What became of it.
    pub verdict: Verdict,
    /// How Swift would have counted it.
    pub counts: Counts,
    /// What is wrong; empty unless the verdict is damaged or misplaced.
    pub findings: Findings,
}

impl Judged {
    /// A verdict without findings.
    #[must_use]
    pub const fn plain(verdict: Verdict, counts: Counts) -> Self {
        Self { verdict, counts, findings: Findings::new() }
    }

    /// Damaged by one finding; Swift counts a failure.
    #[must_use]
    pub fn damaged(code: FindingCode) -> Self {
        let mut judged = Self::plain(Verdict::Damaged, Counts::Failed);
        let full = judged.findings.push(Finding::plain(code));
        debug_assert!(full.is_ok(), "a list with room for {FINDINGS_MAX} was empty");
        judged
    }
}

impl Clone for Judged {
    fn clone(&self) -> Self {
        let Self { verdict, counts, findings } = self;
        Self { verdict: *verdict, counts: *counts, findings: findings.clone() }
    }

    /// Copies the findings that there are, which mostly is none, and not the room for more.
    fn clone_from(&mut self, other: &Self) {
        self.verdict = other.verdict;
        self.counts = other.counts;
        self.findings.clear();
        let full = self.findings.extend_from_slice(&other.findings);
        debug_assert!(full.is_ok(), "one list has the room of the other");
    }
}

/// What the facts of one look at `path` mean, and how Swift counts it (`DatabaseAuditor.audit`).
/// Without `hash` no place is judged. Busy means: locked at this moment.
#[must_use]
pub fn judge(path: &DbPath, seen: &Seen<'_>, hash: Option<&HashPath<'_>>) -> Judged {
    match seen {
        Seen::Gone => Judged::plain(Verdict::Vanished, Counts::Neither),
        Seen::Row(stat) => row(path, stat, hash),
        Seen::Fault(fault) => judge_fault(*fault),
        Seen::Error(code) => refusal(*code),
    }
}

fn row(path: &DbPath, stat: &Stat<'_>, hash: Option<&HashPath<'_>>) -> Judged {
    // A pending entry that will raise the count makes the timestamps as unread as a full container's.
    let count = if stat.revived { Cell::Int(1) } else { stat.count };
    match stamp::is_deleted(stat.put, stat.delete, count) {
        Err(_) => Judged::damaged(FindingCode::StatTimestamp),
        Ok(true) => Judged::plain(Verdict::Deleted, Counts::Neither),
        Ok(false) => {
            let findings = hash
                .map(|hash| place(path, stat.account, stat.container, hash))
                .unwrap_or_default();
            let verdict = if findings.is_empty() { Verdict::Sound } else { Verdict::Misplaced };
            Judged { verdict, counts: Counts::Passed, findings }
        }
    }
}

fn judge_fault(fault: Fault) -> Judged {
    match fault {
        Fault::Empty => Judged::damaged(FindingCode::StatEmptyFile),
        Fault::Schema | Fault::Endless => Judged::damaged(FindingCode::StatSchema),
        Fault::NoRow => Judged::damaged(FindingCode::StatRowMissing),
        Fault::NotUtf8 => Judged::damaged(FindingCode::StatNotUtf8),
        Fault::Metadata => Judged::damaged(FindingCode::StatMetadata),
        Fault::ShardRange => Judged::damaged(FindingCode::StatShardRange),
        Fault::PoisonPending => Judged::damaged(FindingCode::StatPending),
        Fault::PendingNotAFile | Fault::NotAFile | Fault::Retiring => {
            Judged::plain(Verdict::Unreadable, Counts::Failed)
        }
        // Only a command that may recover nothing sees this; Swift recovers and then counts.
        Fault::NeedsRecovery => Judged::plain(Verdict::NeedsRecovery, Counts::Neither),
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;
    use crate::check::Code;

    const STAT: Stat<'_> = Stat {
        account: Cell::Text(b"a"),
        container: Cell::Text(b"c"),
        put: Cell::Text(b"1"),
        delete: Cell::Text(b"0"),
        count: Cell::Int(0),
        revived: false,
    };
    const HASH: HashPath<'_> = HashPath { prefix: b"", suffix: b"" };

    fn elsewhere() -> DbPath {
        DbPath::new(b"/srv/node/sda/containers/0/fff/0123/0123.db")
    }

    #[test]
    fn every_row_has_its_verdict() {
        use Counts::{Failed, Neither, Passed};
        let deleted = Stat { delete: Cell::Text(b"2"), ..STAT };
        let junk = Stat { put: Cell::Text(b"junk"), ..STAT };
        for (seen, verdict, counts) in [
            (Seen::Row(STAT), Verdict::Sound, Passed),
            (Seen::Row(deleted), Verdict::Deleted, Neither),
            (Seen::Row(Stat { revived: true, ..deleted }), Verdict::Sound, Passed),
            (Seen::Row(Stat { count: Cell::Int(1), ..deleted }), Verdict::Sound, Passed),
            (Seen::Row(Stat { count: Cell::Int(1), ..junk }), Verdict::Sound, Passed),
            (Seen::Row(Stat { revived: true, ..junk }), Verdict::Sound, Passed),
            (Seen::Row(junk), Verdict::Damaged, Failed),
            (Seen::Gone, Verdict::Vanished, Neither),
        ] {
            let judged = judge(&elsewhere(), &seen, None);
            assert_eq!((judged.verdict, judged.counts), (verdict, counts), "{seen:?}");
        }
        assert_eq!(
            judge(&elsewhere(), &Seen::Row(junk), None),
            Judged::damaged(FindingCode::StatTimestamp)
        );
    }

    #[test]
    fn what_lies_elsewhere_still_passes() {
        let judged = judge(&elsewhere(), &Seen::Row(STAT), Some(&HASH));
        assert_eq!((judged.verdict, judged.counts), (Verdict::Misplaced, Counts::Passed));
        let deleted = Stat { delete: Cell::Text(b"2"), account: Cell::Null, ..STAT };
        let judged = judge(&elsewhere(), &Seen::Row(deleted), Some(&HASH));
        assert_eq!(judged.verdict, Verdict::Deleted, "a deleted container's names are not read");
    }

    #[test]
    fn every_fault_has_its_verdict() {
        for (fault, code) in [
            (Fault::Empty, FindingCode::StatEmptyFile),
            (Fault::Schema, FindingCode::StatSchema),
            (Fault::Endless, FindingCode::StatSchema),
            (Fault::NoRow, FindingCode::StatRowMissing),
            (Fault::NotUtf8, FindingCode::StatNotUtf8),
            (Fault::Metadata, FindingCode::StatMetadata),
            (Fault::ShardRange, FindingCode::StatShardRange),
            (Fault::PoisonPending, FindingCode::StatPending),
        ] {
            let judged = judge(&elsewhere(), &Seen::Fault(fault), Some(&HASH));
            assert_eq!(judged, Judged::damaged(code), "{fault:?}");
            assert!(!code.is_structure(), "{fault:?} never moves a database");
        }
        for (fault, verdict, counts) in [
            (Fault::PendingNotAFile, Verdict::Unreadable, Counts::Failed),
            (Fault::NotAFile, Verdict::Unreadable, Counts::Failed),
            (Fault::Retiring, Verdict::Unreadable, Counts::Failed),
            (Fault::NeedsRecovery, Verdict::NeedsRecovery, Counts::Neither),
        ] {
            let judged = judge(&elsewhere(), &Seen::Fault(fault), Some(&HASH));
            assert_eq!(judged, Judged::plain(verdict, counts), "{fault:?}");
        }
    }

    #[test]
    fn a_refusal_is_judged_by_its_code() {
        let judged = judge(&elsewhere(), &Seen::Error(Code { sqlite: 5, errno: 0 }), None);
        assert_eq!(judged, Judged::plain(Verdict::Busy, Counts::Failed));
    }
}
