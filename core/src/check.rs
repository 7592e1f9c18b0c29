//! What a look at a database can bring back: facts, without meaning.
//!
//! The platform fills these in; [`crate::verdict::judge`] says what they mean.

/// One value of a row, as SQLite stores it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Cell<'a> {
    /// NULL.
    Null,
    /// INTEGER.
    Int(i64),
    /// REAL.
    Real(f64),
    /// TEXT, as stored: SQLite does not promise UTF-8.
    Text(&'a [u8]),
    /// BLOB.
    Blob(&'a [u8]),
}

/// Why SQLite or the kernel refused.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Code {
    /// SQLite's extended result code; 0 if SQLite was not asked.
    pub sqlite: i32,
    /// The errno behind it, of the system call or of SQLite's last one; 0 if there was none.
    pub errno: i32,
}

/// The stat row of a container: what Swift's auditor selects from `container_stat`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Stat<'a> {
    /// `account`; [`Cell::Null`] if the row was not read so far (a deleted container).
    pub account: Cell<'a>,
    /// `container`; likewise.
    pub container: Cell<'a>,
    /// `put_timestamp`.
    pub put: Cell<'a>,
    /// `delete_timestamp`.
    pub delete: Cell<'a>,
    /// The `object_count` that decides: the row's own; while sharding the retiring file's; for a
    /// sharded root the sum over its shard ranges (`ContainerBroker._get_alternate_object_stats`).
    pub count: Cell<'a>,
    /// Whether a pending entry would make `count` positive when Swift merges it.
    pub revived: bool,
}

/// Something in a database's content, or in what lies beside it, that ends the audit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Fault {
    /// The file has no bytes at all.
    Empty,
    /// SQLite cannot compile Swift's statement: a table, view or column is missing or foreign.
    Schema,
    /// `container_stat` has no row.
    NoRow,
    /// A selected text is not UTF-8.
    NotUtf8,
    /// The `metadata` of a sharded container is not what Swift can read.
    Metadata,
    /// A shard range row of a sharded container is not what Swift can read.
    ShardRange,
    /// A pending entry that Swift can never merge.
    PoisonPending,
    /// `.pending` is there and is not a file.
    PendingNotAFile,
    /// The name belongs to a directory, a FIFO, a socket or a device.
    NotAFile,
    /// A journal or write-ahead log that this process may not recover.
    NeedsRecovery,
    /// While sharding: the retiring file, whose count is needed, could not be read. It is judged
    /// when its own turn comes; this file may be sound.
    Retiring,
    /// A table or view that takes more steps than a look may cost.
    Endless,
}

/// What one look at a database brought back.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Seen<'a> {
    /// The name was listed, the file is not there: removed since, or a link to nothing.
    Gone,
    /// Its row was read.
    Row(Stat<'a>),
    /// Its content stopped the look.
    Fault(Fault),
    /// SQLite or the kernel stopped the look.
    Error(Code),
}

/// What ended a look before its row was read: a [`Seen`] without a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Ended {
    /// [`Seen::Gone`].
    Gone,
    /// [`Seen::Fault`].
    Fault(Fault),
    /// [`Seen::Error`].
    Error(Code),
}

impl From<Ended> for Seen<'_> {
    fn from(ended: Ended) -> Self {
        match ended {
            Ended::Gone => Self::Gone,
            Ended::Fault(fault) => Self::Fault(fault),
            Ended::Error(code) => Self::Error(code),
        }
    }
}

/// `SQLITE_INTERRUPT`: the primary result code of a statement that was told to stop.
const INTERRUPT: i32 = 9;

impl Seen<'_> {
    /// Whether the look was broken off because the auditor was told to stop.
    #[must_use]
    pub const fn is_interrupted(&self) -> bool {
        matches!(self, Self::Error(Code { sqlite, .. }) if *sqlite & 0xff == INTERRUPT)
    }
}
