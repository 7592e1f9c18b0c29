//! One look at one database through SQLite: what Swift's auditor would read, in its order, and no
//! more (`ContainerBroker.is_deleted`, then `get_info`).
//!
//! The database is not written, but for a journal or write-ahead log that a writer left and that this
//! process may recover. Nothing is waited for, and no file is created.
use crate::beside::{self, Kin};
use crate::pending;
use crate::python;
use crate::sharding;
use crate::sqlite::{Access, Database, Leash, cell};
use martlet_core::check::{Cell, Code, Ended, Fault, Seen, Stat};
use martlet_core::path::DbPath;
use martlet_core::pending::Decoder;
use martlet_core::stamp;
use nix::libc;
use rusqlite::Row;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

const SQLITE_CANTOPEN: i32 = 14;
/// The name stands for another file than the one that was read.
const SQLITE_READONLY_DBMOVED: i32 = 1032;
const SQLITE_READONLY: i32 = 8;

/// What Swift asks first, of every database.
const FIRST: &str = "SELECT put_timestamp, delete_timestamp, object_count FROM container_stat";
const FIRST_NAMES: [(usize, &str); 2] = [(0, "put_timestamp"), (1, "delete_timestamp")];
const COUNT_NAME: [(usize, &str); 1] = [(2, "object_count")];

/// What Swift asks next, if the container is not deleted; the last columns came later, and older
/// databases are read with these in their place.
macro_rules! whole_row {
    ($sync:literal, $policy:literal) => {
        concat!(
            "SELECT account, container, created_at, put_timestamp, delete_timestamp, status, \
             status_changed_at, object_count, bytes_used, reported_put_timestamp, \
             reported_delete_timestamp, reported_object_count, reported_bytes_used, hash, id, ",
            $sync,
            ", ",
            $policy,
            " FROM container_stat"
        )
    };
}
const WHOLE: [&str; 4] = [
    whole_row!("x_container_sync_point1, x_container_sync_point2", "storage_policy_index"),
    whole_row!("x_container_sync_point1, x_container_sync_point2", "0 AS storage_policy_index"),
    whole_row!(
        "-1 AS x_container_sync_point1, -1 AS x_container_sync_point2",
        "0 AS storage_policy_index"
    ),
    whole_row!(
        "-1 AS x_container_sync_point1, -1 AS x_container_sync_point2",
        "storage_policy_index"
    ),
];
const WHOLE_NAMES: [(usize, &str); 3] =
    [(0, "account"), (1, "container"), (17, "storage_policy_index")];
const RETIRING_NAMES: [(usize, &str); 5] = [
    (0, "account"),
    (1, "container"),
    (7, "object_count"),
    (8, "bytes_used"),
    (17, "storage_policy_index"),
];

/// What a checker may do, and what ends its looks.
#[derive(Clone, Debug)]
pub struct CheckConf {
    /// Whether a journal or write-ahead log may be recovered; the one thing ever written.
    pub may_recover: bool,
    /// Set from outside: the look in progress ends within a few milliseconds.
    pub stop: Arc<AtomicBool>,
}

/// Looks at databases, one after the other, in the same buffers. One a lane.
#[derive(Debug)]
pub struct Checker {
    may_recover: bool,
    leash: Leash,
    account: Kept,
    container: Kept,
    put: Kept,
    delete: Kept,
    count: Kept,
    revived: bool,
    /// The retiring file, if it ended the look.
    retiring: Option<Vec<u8>>,
    /// Made when the first pending file is met.
    decoder: Option<Box<Decoder>>,
}

impl Checker {
    /// A checker that has seen nothing.
    #[must_use]
    pub fn new(conf: CheckConf) -> Self {
        Self {
            may_recover: conf.may_recover,
            leash: Leash::new(conf.stop),
            account: Kept::default(),
            container: Kept::default(),
            put: Kept::default(),
            delete: Kept::default(),
            count: Kept::default(),
            revived: false,
            retiring: None,
            decoder: None,
        }
    }

    /// Looks at the database at `path`. Busy is an answer.
    pub fn look(&mut self, path: &DbPath) -> Seen<'_> {
        self.forget();
        let looked = self.look_within_rights(path);
        match looked {
            Ok(()) => Seen::Row(self.stat()),
            Err(ended) => {
                self.explain(ended);
                ended.into()
            }
        }
    }

    /// The words of SQLite or the kernel for what ended the last look; empty if nothing did. They
    /// are for people: what an end means is decided by its code.
    #[must_use]
    pub fn words(&self) -> String {
        self.leash.words().clone()
    }

    /// The retiring file of a sharding container, if it was that file that ended the look.
    #[must_use]
    pub fn retiring(&self) -> Option<&[u8]> {
        self.retiring.as_deref()
    }

    fn explain(&self, ended: Ended) {
        if let Ended::Error(Code { errno, .. }) = ended
            && errno != 0
        {
            let mut words = self.leash.words();
            words.clear();
            words.push_str(&python::os_error(&std::io::Error::from_raw_os_error(errno)));
        }
    }

    /// Takes a row that was read without SQLite for the last look's. As there, a deleted container
    /// has no names: Swift does not ask for them.
    pub fn take(&mut self, row: &Stat<'_>) -> Seen<'_> {
        self.forget();
        self.put.keep(row.put);
        self.delete.keep(row.delete);
        self.count.keep(row.count);
        if stamp::is_deleted(row.put, row.delete, row.count) != Ok(true) {
            self.account.keep(row.account);
            self.container.keep(row.container);
        }
        Seen::Row(self.stat())
    }

    /// Account and container as far as the last look came, also one that ended in an error; NULL if
    /// it did not come to them.
    #[must_use]
    pub fn names(&self) -> (Cell<'_>, Cell<'_>) {
        (self.account.cell(), self.container.cell())
    }

    fn stat(&self) -> Stat<'_> {
        Stat {
            account: self.account.cell(),
            container: self.container.cell(),
            put: self.put.cell(),
            delete: self.delete.cell(),
            count: self.count.cell(),
            revived: self.revived,
        }
    }

    fn forget(&mut self) {
        self.leash.renew();
        self.revived = false;
        self.retiring = None;
        for kept in [
            &mut self.account,
            &mut self.container,
            &mut self.put,
            &mut self.delete,
            &mut self.count,
        ] {
            kept.kind = Kind::Null;
        }
    }

    fn look_within_rights(&mut self, path: &DbPath) -> Result<(), Ended> {
        if !path.is_whole() {
            return Err(Ended::Error(Code { sqlite: SQLITE_CANTOPEN, errno: libc::ENAMETOOLONG }));
        }
        let path = path.as_bytes();
        let (identity, access) = beside::inspect(path, self.may_recover)?;
        let looked = match self.examine(path, access) {
            // A journal came to be since: a writer died in between.
            Err(Ended::Error(Code { sqlite, .. }))
                if sqlite & 0xff == SQLITE_READONLY && access == Access::Read =>
            {
                if !self.may_recover {
                    return Err(Ended::Fault(Fault::NeedsRecovery));
                }
                self.forget();
                self.examine(path, Access::Recover)
            }
            looked => looked,
        };
        if !identity.is_at(path) {
            return Err(Ended::Error(Code { sqlite: SQLITE_READONLY_DBMOVED, errno: 0 }));
        }
        looked
    }

    fn examine(&mut self, path: &[u8], access: Access) -> Result<(), Ended> {
        let kin = beside::kin(path)?;
        let database = Database::open(path, access, &self.leash)?;
        let count_named = self.first(&database)?;
        let mut has_names = false;
        let mut is_sharded = false;
        match &kin {
            // Its objects are still in the retiring file, or already in shards.
            Kin::Newest(retiring) => self.retiring_count(retiring)?,
            Kin::Only => {
                if let Some(epoch) = epoch(path) {
                    self.whole(&database)?;
                    has_names = true;
                    let path = format!("{}/{}", self.account.text(), self.container.text());
                    let count = &mut self.count;
                    sharding::usage(&database, epoch, &path, |cell| {
                        count.keep(cell);
                        is_sharded = true;
                    })?;
                }
            }
            Kin::Older => {}
        }
        if !is_sharded && !matches!(kin, Kin::Newest(_)) {
            // Nothing stands for the row's own count, so Python has to find it.
            count_named?;
        }
        if kin != Kin::Older && beside::has_pending(path)? {
            // Swift merges pending updates into the newest file before it reads; here they are read
            // beside it. They matter only to a count that is the file's own, and zero.
            let is_own = kin == Kin::Only && !is_sharded;
            let policy = if is_own && stamp::is_zero_like(self.count.cell()) {
                pending::policy(&database)?
            } else {
                None
            };
            let updates = pending::read(path, self.decoder.get_or_insert_default(), policy)?;
            self.revived = updates.would_revive(&database)?;
        }
        let count = if self.revived { Cell::Int(1) } else { self.count.cell() };
        match stamp::is_deleted(self.put.cell(), self.delete.cell(), count) {
            Ok(false) if !has_names => self.whole(&database),
            Ok(_) | Err(_) => Ok(()),
        }
    }

    /// Reads the first row; what it says of the count's name matters if the count does.
    fn first(&mut self, database: &Database) -> Result<Result<(), Ended>, Ended> {
        let mut statement = database.prepare(FIRST)?;
        named(&statement, &FIRST_NAMES)?;
        let count_named = named(&statement, &COUNT_NAME);
        let found = database.first_row(&mut statement, [], |row| {
            self.put.keep(cell(row, 0));
            self.delete.keep(cell(row, 1));
            self.count.keep(cell(row, 2));
        })?;
        if found { Ok(count_named) } else { Err(Ended::Fault(Fault::NoRow)) }
    }

    fn whole(&mut self, database: &Database) -> Result<(), Ended> {
        whole(database, &WHOLE_NAMES, |row| {
            self.account.keep(cell(row, 0));
            self.container.keep(cell(row, 1));
        })
    }

    fn retiring_count(&mut self, path: &[u8]) -> Result<(), Ended> {
        let count = &mut self.count;
        beside::inspect(path, self.may_recover)
            .and_then(|(_, access)| Database::open(path, access, &self.leash))
            .and_then(|database| whole(&database, &RETIRING_NAMES, |row| count.keep(cell(row, 7))))
            .map_err(|ended| {
                self.retiring = Some(path.to_vec());
                sharding::of_retiring(ended)
            })
    }
}

fn whole(
    database: &Database,
    names: &[(usize, &str)],
    mut keep: impl FnMut(&Row<'_>),
) -> Result<(), Ended> {
    for sql in WHOLE {
        let mut statement = match database.prepare(sql) {
            Err(Ended::Fault(Fault::Schema)) => continue,
            other => other?,
        };
        named(&statement, names)?;
        let found = database.first_row(&mut statement, [], &mut keep)?;
        return if found { Ok(()) } else { Err(Ended::Fault(Fault::NoRow)) };
    }
    Err(Ended::Fault(Fault::Schema))
}

/// SQLite finds columns whatever their case; Python then does not find them in the row.
fn named(statement: &rusqlite::Statement<'_>, names: &[(usize, &str)]) -> Result<(), Ended> {
    let are_named = names.iter().all(|(at, name)| statement.column_name(*at) == Ok(*name));
    if are_named { Ok(()) } else { Err(Ended::Fault(Fault::Schema)) }
}

/// The epoch in a file's name.
fn epoch(path: &[u8]) -> Option<&[u8]> {
    let file = path.rsplit(|byte| *byte == b'/').next().unwrap_or_default();
    martlet_core::path::split_file_name(file).1
}

/// A value that outlives its row, in a buffer that outlives the value.
#[derive(Debug, Default)]
struct Kept {
    kind: Kind,
    bytes: Vec<u8>,
}

#[derive(Clone, Copy, Debug, Default)]
enum Kind {
    #[default]
    Null,
    Int(i64),
    Real(f64),
    Text,
    Blob,
}

/// Bytes of a buffer kept from one look to the next; longer ones are given back.
const KEPT_MAX: usize = 64 << 10;

impl Kept {
    fn keep(&mut self, cell: Cell<'_>) {
        self.bytes.clear();
        if KEPT_MAX < self.bytes.capacity() {
            self.bytes.shrink_to(KEPT_MAX);
        }
        let (kind, bytes): (Kind, &[u8]) = match cell {
            Cell::Null => (Kind::Null, &[]),
            Cell::Int(value) => (Kind::Int(value), &[]),
            Cell::Real(value) => (Kind::Real(value), &[]),
            Cell::Text(text) => (Kind::Text, text),
            Cell::Blob(blob) => (Kind::Blob, blob),
        };
        self.kind = kind;
        self.bytes.extend_from_slice(bytes);
    }

    fn cell(&self) -> Cell<'_> {
        match self.kind {
            Kind::Null => Cell::Null,
            Kind::Int(value) => Cell::Int(value),
            Kind::Real(value) => Cell::Real(value),
            Kind::Text => Cell::Text(&self.bytes),
            Kind::Blob => Cell::Blob(&self.bytes),
        }
    }

    /// As Python's `%s` writes it; a blob is `b'…'` there, which is nobody's name.
    fn text(&self) -> String {
        match self.kind {
            Kind::Null => "None".into(),
            Kind::Int(value) => value.to_string(),
            Kind::Real(value) => format!("{value:?}"),
            Kind::Text => String::from_utf8_lossy(&self.bytes).into_owned(),
            Kind::Blob => format!("b'{}'", self.bytes.escape_ascii()),
        }
    }
}
