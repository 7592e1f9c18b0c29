//! What a deep look at a database can bring back, and what it means.
//!
//! The stat audit asks what Swift asks. The deep audit proves the rows, the index, the hash and the
//! counts against each other. Every file is judged by its own rows, in every state of sharding:
//! the triggers keep a fresh file's hash and counts (of no rows, or of those that came late), a
//! retiring one's and a shard's alike. What a *container* says while it is sharded comes from other
//! files or its shard ranges (`_get_alternate_object_stats`) and is never compared with rows.
//!
//! Nothing can see a change of `etag` or `content_type`: no sum covers them.
use crate::check::Code;
use crate::refusal::refusal;
use crate::sums::{Policy, Stored, Sums};
use crate::verdict::{Finding, FindingCode, Findings, Judged, Part, Value, Verdict};

/// Bytes kept of what SQLite says about the structure. Its lines are shorter, names apart.
pub const LINE_MAX: usize = 160;

/// The lowest byte of an extended result code is the primary one.
const PRIMARY: i32 = 0xff;

/// `SQLITE_TOOBIG`: a value longer than any that Swift writes, and longer than bounded memory allows.
const TOO_BIG: i32 = 18;

/// A line of SQLite's, cut to what is kept.
pub type Line = heapless::Vec<u8, LINE_MAX>;

/// A deep look, and what it took.
#[derive(Clone, Debug, PartialEq)]
pub struct Dug {
    /// What it brought back.
    pub seen: DeepSeen,
    /// Bytes read of the file at most, all tries together.
    pub read: u64,
    /// Tries begun, of the read of the structure and of that of the rows, whichever took more.
    pub tries: u8,
}

impl Dug {
    /// Whether the look was broken off because the auditor was told to stop.
    #[must_use]
    pub const fn is_interrupted(&self) -> bool {
        matches!(self.seen, DeepSeen::Not(Refusal::Stopped))
    }

    /// Whether it says anything of the database: it was read, or could not be for what it is.
    #[must_use]
    pub const fn is_made(&self) -> bool {
        !matches!(self.seen, DeepSeen::Not(_))
    }
}

/// What a deep look brought back.
#[expect(clippy::large_enum_variant, reason = "one exists at a time, and there is no heap")]
#[derive(Clone, Debug, PartialEq)]
pub enum DeepSeen {
    /// All of it was read, in one state each of structure and of rows.
    Whole(Deep),
    /// `PRAGMA quick_check` found something: its first line. Rows were not read.
    Broken(Line),
    /// It was not read, or not to the end.
    Not(Refusal),
    /// SQLite or the kernel stopped it.
    Error(Code),
}

/// Why a deep look was not made, or did not reach its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Refusal {
    /// The name leads nowhere, or to another file than when it began.
    Gone,
    /// The name belongs to a directory, a FIFO, a socket or a device.
    NotAFile,
    /// The file is too short to be a database or does not begin like one: the stat audit judges it.
    NoDatabase,
    /// It is in WAL mode: reading it would write beside it.
    Wal,
    /// A journal lies beside it that nobody is writing: somebody must recover it first.
    NeedsRecovery,
    /// Others held the lock for too long.
    Busy,
    /// Others wrote to it so often that no read could end.
    Unsettled,
    /// The process is to stop.
    Stopped,
}

/// What a whole deep look brought back.
#[derive(Clone, Debug, PartialEq)]
pub struct Deep {
    /// What the table `object` is.
    pub object: Table,
    /// What the index `ix_object_deleted_name` is.
    pub index: Index,
    /// Whether the triggers that keep hash and counts are all there.
    pub triggers: bool,
    /// The sums of rows, index and stored values; of nothing if `object` is not ordinary.
    pub sums: Sums,
    /// What `metadata` is.
    pub metadata: Metadata,
    /// Rows of `shard_range` that [`ShardRow::read`](crate::shard::ShardRow::read) refuses.
    pub strange_ranges: u64,
}

/// What a table is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Table {
    /// A table with the columns that Swift made.
    Ordinary,
    /// There is none of that name.
    Missing,
    /// A view, a virtual table, one without rowids, or one without those columns.
    Foreign,
}

/// What the index over `(deleted, name)` is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Index {
    /// As Swift made it.
    Ordinary,
    /// There is none of that name, and no other over the table.
    Missing,
    /// There is another over the table: a schema from before Swift named this one.
    Older,
    /// Other columns, another order, or not over all rows.
    Foreign,
}

/// What the text in `metadata` is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Metadata {
    /// What `DatabaseBroker.metadata` and the sharder read.
    Sane,
    /// Anything else.
    Strange,
    /// Not looked at: there is no such column, or it is too long to read in bounded memory.
    Unread,
}

/// Joins what a deep look brought back to the verdict of the stat audit before it.
///
/// Swift knows no deep audit, so it enters its counters as the stat audit did. Damage wins over
/// every other verdict; a deep look that reached no end changes only a verdict without findings.
#[must_use]
pub fn judge_deep(stat: Judged, seen: &DeepSeen) -> Judged {
    let found = match seen {
        DeepSeen::Whole(deep) => judge_rows(deep),
        DeepSeen::Broken(_) => one(FindingCode::StructureCheck),
        DeepSeen::Error(code) if code.sqlite & PRIMARY == TOO_BIG => one(FindingCode::RowsValue),
        DeepSeen::Error(code) => {
            let refused = refusal(*code);
            if refused.findings.is_empty() {
                return instead(stat, refused.verdict);
            }
            let structure = refused.findings.iter().any(|finding| finding.code.is_structure());
            // What Swift reads was in order: something else in the schema cannot be understood.
            if structure { refused.findings } else { one(FindingCode::RowsSchema) }
        }
        DeepSeen::Not(refusal) => {
            return match refusal {
                Refusal::Busy => instead(stat, Verdict::Busy),
                Refusal::Unsettled => instead(stat, Verdict::Unsettled),
                Refusal::NeedsRecovery => instead(stat, Verdict::NeedsRecovery),
                // Removed, replaced, or converted since the stat audit, which has its say; or the
                // process stops and this one is audited again.
                Refusal::Gone
                | Refusal::NotAFile
                | Refusal::NoDatabase
                | Refusal::Wal
                | Refusal::Stopped => stat,
            };
        }
    };
    damaged(stat, found)
}

/// `stat` with the findings of the deep look before its own.
fn damaged(stat: Judged, mut found: Findings) -> Judged {
    if found.is_empty() {
        return stat;
    }
    for finding in &stat.findings {
        if !found.iter().any(|other| other.code == finding.code) {
            // What finds no room would say nothing new.
            let _ = found.push(*finding);
        }
    }
    Judged { verdict: Verdict::Damaged, counts: stat.counts, findings: found }
}

/// `stat`, or `verdict` if the stat audit found the database in order.
fn instead(stat: Judged, verdict: Verdict) -> Judged {
    match stat.verdict {
        Verdict::Sound | Verdict::Deleted => Judged { verdict, ..stat },
        Verdict::Vanished
        | Verdict::Busy
        | Verdict::Damaged
        | Verdict::Misplaced
        | Verdict::Unreadable
        | Verdict::DeviceError
        | Verdict::NeedsRecovery
        | Verdict::Unsettled => stat,
    }
}

fn judge_rows(deep: &Deep) -> Findings {
    let mut findings = Findings::new();
    let sums = &deep.sums;
    if deep.object == Table::Ordinary {
        if let Some(stored) = sums.wrong_hash() {
            let found = stored.map_or(Value::Nothing, Value::Md5);
            note(&mut findings, FindingCode::RowsHash, Part::Whole, Value::Md5(sums.hash()), found);
        }
        judge_counts(&mut findings, sums);
        judge_index(&mut findings, deep);
        if let (rows @ 1.., first) = sums.strange() {
            let row = first.map_or(Part::Whole, Part::Row);
            let (none, found) = (Value::Int(0), Value::Int(count(rows)));
            note(&mut findings, FindingCode::RowsValue, row, none, found);
        }
        if deep.index == Index::Ordinary && sums.has_twins() {
            plain(&mut findings, FindingCode::RowsTwin);
        }
    }
    if deep.object != Table::Ordinary || !deep.triggers {
        plain(&mut findings, FindingCode::RowsSchema);
    }
    if deep.metadata == Metadata::Strange {
        plain(&mut findings, FindingCode::RowsMetadata);
    }
    if deep.strange_ranges != 0 {
        let found = Value::Int(count(deep.strange_ranges));
        note(&mut findings, FindingCode::RowsShardRange, Part::Whole, Value::Int(0), found);
    }
    findings
}

/// Every policy's stored count and bytes, then what `container_stat` says of the container's own.
fn judge_counts(findings: &mut Findings, sums: &Sums) {
    let mut has_stored = false;
    for policy in sums.policies() {
        if let Stored::Here(count, bytes) = policy.stored {
            has_stored = true;
            judge_pair(findings, policy, count, bytes);
        }
    }
    // Without a single row in policy_stat the schema is older than policies, or all were lost:
    // container_stat, a table or a view then, says the one or shows the other.
    if has_stored {
        for policy in sums.policies().iter().filter(|policy| policy.stored == Stored::Nowhere) {
            judge_pair(findings, policy, Some(0), Some(0));
        }
    }
    if let Some(said) = sums.container_says() {
        let none = Policy { index: said.policy, live: 0, bytes: 0, stored: Stored::Nowhere };
        let own = sums.policies().iter().find(|policy| policy.index == said.policy);
        let is_known = own.is_some() || !sums.too_many_policies();
        let own = own.unwrap_or(&none);
        if is_known && own.stored != Stored::Here(said.count, said.bytes) {
            judge_pair(findings, own, said.count, said.bytes);
        }
    }
}

fn judge_pair(findings: &mut Findings, sum: &Policy, count: Option<i64>, bytes: Option<i64>) {
    for (code, expected, found) in
        [(FindingCode::RowsCount, sum.live, count), (FindingCode::RowsBytes, sum.bytes, bytes)]
    {
        if found != Some(expected) {
            let found = found.map_or(Value::Nothing, Value::Int);
            note(findings, code, Part::Policy(sum.index), Value::Int(expected), found);
        }
    }
}

fn judge_index(findings: &mut Findings, deep: &Deep) {
    let sums = &deep.sums;
    let (expected, found) = match deep.index {
        Index::Older => return,
        Index::Ordinary if sums.index_agrees() && sums.disordered() == 0 => return,
        Index::Ordinary if sums.rows() != sums.entries() => {
            (Value::Int(count(sums.rows())), Value::Int(count(sums.entries())))
        }
        Index::Ordinary | Index::Missing | Index::Foreign => (Value::Nothing, Value::Nothing),
    };
    note(findings, FindingCode::RowsIndex, Part::Whole, expected, found);
}

/// Adds a finding, once. Beyond [`crate::verdict::FINDINGS_MAX`] it would say nothing new.
fn note(findings: &mut Findings, code: FindingCode, part: Part, expected: Value, found: Value) {
    let finding = Finding { code, part, expected, found };
    if !findings.contains(&finding) {
        let _ = findings.push(finding);
    }
}

fn one(code: FindingCode) -> Findings {
    let mut findings = Findings::new();
    plain(&mut findings, code);
    findings
}

fn plain(findings: &mut Findings, code: FindingCode) {
    note(findings, code, Part::Whole, Value::Nothing, Value::Nothing);
}

fn count(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
