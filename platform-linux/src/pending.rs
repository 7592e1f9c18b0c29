//! Pending updates beside a database: what they would make of its count if Swift merged them.
//!
//! The file is read as a stream, and neither locked, merged nor written.
use crate::beside;
use crate::sqlite::{Database, cell};
use martlet_core::check::{Cell, Code, Ended, Fault};
use martlet_core::pending::{Decoder, Entry, Update, data_time};
use martlet_core::stamp::Stamp;
use nix::libc;
use std::collections::HashMap;
use std::io::{self, Read as _};

/// Bytes read at once.
const CHUNK: usize = 8 << 10;
/// Objects told apart at most. Swift merges a pending file at 128 KiB, and an entry takes 150 bytes
/// or more; beyond this, any object put counts.
const NAMES_MAX: usize = 4096;
/// Bytes of a pending file at most, far beyond what Swift lets it grow to: 16 MiB.
const BYTES_MAX: u64 = 16 << 20;

const SQLITE_CANTOPEN: i32 = 14;
const SQLITE_IOERR_READ: i32 = 266;

/// The policy whose objects make up the container's count; none if no object does.
pub(crate) fn policy(database: &Database) -> Result<Option<i64>, Ended> {
    let mut statement = match database.prepare("SELECT storage_policy_index FROM container_stat") {
        // Databases from before the column have one policy, and its number is 0.
        Err(Ended::Fault(Fault::Schema)) => return Ok(Some(0)),
        prepared => prepared?,
    };
    let mut policy = None;
    database.first_row(&mut statement, [], |row| {
        if let Cell::Int(found) = cell(row, 0) {
            policy = Some(found);
        }
    })?;
    Ok(policy)
}

/// What is pending, so far as it matters.
#[derive(Debug, Default)]
pub(crate) struct Updates {
    /// The last state of each object of the container's policy: when, and whether it counts.
    objects: HashMap<Vec<u8>, (Stamp, bool)>,
    /// The policy; without one no object matters.
    policy: Option<i64>,
    /// Whether there is anything to merge.
    any: bool,
    /// More objects than are told apart, one of them put.
    beyond: bool,
}

/// Reads the pending file of the container that `path` belongs to; nothing if there is none, or if
/// it is empty. Of the objects only those of `policy` are kept. An entry that Swift drops is skipped.
pub(crate) fn read(
    path: &[u8],
    decoder: &mut Decoder,
    policy: Option<i64>,
) -> Result<Updates, Ended> {
    let mut updates = Updates { policy, ..Updates::default() };
    let path = beside::pending(path);
    let stopped = |error: &io::Error, sqlite| {
        Ended::Error(Code { sqlite, errno: error.raw_os_error().unwrap_or_default() })
    };
    let found = match std::fs::metadata(beside::native(&path)) {
        Ok(found) => found,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(updates),
        Err(error) => return Err(stopped(&error, SQLITE_CANTOPEN)),
    };
    // Swift looks at the size first, so an empty file may be of any type.
    if found.len() == 0 {
        return Ok(updates);
    }
    if !found.is_file() {
        return Err(Ended::Fault(Fault::PendingNotAFile));
    }
    let mut file = match beside::open(&path) {
        Ok(file) => file.take(BYTES_MAX),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(updates),
        Err(error) => return Err(stopped(&error, SQLITE_CANTOPEN)),
    };
    let mut chunk = [0; CHUNK];
    decoder.clear();
    let mut is_empty = true;
    loop {
        let read = match file.read(&mut chunk) {
            Ok(read) => read,
            Err(error) if error.raw_os_error() == Some(libc::EINTR) => continue,
            Err(error) => return Err(stopped(&error, SQLITE_IOERR_READ)),
        };
        for byte in &chunk[..read] {
            if *byte == b':' {
                updates.end(decoder, is_empty)?;
                is_empty = true;
            } else {
                decoder.push(*byte);
                is_empty = false;
            }
        }
        if read == 0 {
            updates.end(decoder, is_empty)?;
            return Ok(updates);
        }
    }
}

impl Updates {
    /// Takes the entry that ends here.
    fn end(&mut self, decoder: &mut Decoder, is_empty: bool) -> Result<(), Ended> {
        if is_empty {
            return Ok(());
        }
        let taken = match decoder.entry() {
            Entry::Update(update) => {
                self.any = true;
                if self.policy.is_some() && update.policy == self.policy {
                    self.take(&update);
                }
                Ok(())
            }
            Entry::Invalid => Ok(()),
            Entry::Poison => Err(Ended::Fault(Fault::PoisonPending)),
        };
        decoder.clear();
        taken
    }

    fn take(&mut self, update: &Update<'_>) {
        let name = match update.name {
            Cell::Text(text) | Cell::Blob(text) => text.to_vec(),
            Cell::Int(value) => value.to_string().into_bytes(),
            Cell::Real(value) => format!("{value:?}").into_bytes(),
            Cell::Null => return,
        };
        if self.objects.len() == NAMES_MAX && !self.objects.contains_key(&name) {
            self.beyond |= update.is_live;
            return;
        }
        let last = self.objects.entry(name).or_insert((update.at, update.is_live));
        if last.0 < update.at {
            *last = (update.at, update.is_live);
        }
    }

    /// Whether merging them would leave an object in an empty container: one that was put, and not
    /// later deleted in the object table.
    pub(crate) fn would_revive(&self, database: &Database) -> Result<bool, Ended> {
        if !self.any {
            return Ok(false);
        }
        // Without the policy's column all objects are of the container's own policy: Swift adds the
        // column so before it merges. Without the table it cannot merge.
        let mut statement = match database.prepare(
            "SELECT created_at FROM object WHERE deleted IN (0, 1) AND name = ?1 \
             AND storage_policy_index = ?2",
        ) {
            Err(Ended::Fault(Fault::Schema)) => database.prepare(
                "SELECT created_at FROM object WHERE deleted IN (0, 1) AND name = ?1 AND ?2 IS NOT NULL",
            ),
            prepared => prepared,
        }?;
        if self.beyond {
            return Ok(true);
        }
        let live = self.objects.iter().filter(|(_, (_, is_live))| *is_live);
        for (name, (at, _)) in live {
            let name = String::from_utf8_lossy(name);
            let mut stored = None;
            database.first_row(&mut statement, (&name, self.policy), |row| {
                stored = Some(data_time(cell(row, 0)));
            })?;
            match stored {
                None => return Ok(true),
                Some(Ok(stored)) if stored < *at => return Ok(true),
                Some(Ok(_)) => {}
                Some(Err(_)) => return Err(Ended::Fault(Fault::PoisonPending)),
            }
        }
        Ok(false)
    }
}
