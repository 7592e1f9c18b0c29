//! Somebody else holds a lock while the auditor comes by.

use std::fs::OpenOptions;
use std::path::Path;
use std::time::Duration;

use nix::fcntl::{Flock, FlockArg};
use rusqlite::Connection;

use super::{Held, List, Run, Stage};
use crate::damage::{put_file, write_at};
use crate::tree::Placed;

/// Swift waits up to 25 s; a lock that is let go of after this long is waited for.
const A_WHILE: Duration = Duration::from_millis(2500);

fn placed(s: &Stage<'_>, fixture: &str) -> Placed {
    let f = Stage::fixture(fixture);
    let place = format!("containers/{}/{}/{}", f.partition, &f.hash[29..], f.hash);
    Placed { dir: s.device().join(place), stem: f.hash.clone() }
}

fn transaction(db: &Path, begin: &str, for_at_most: Option<Duration>) -> Held {
    let open = Connection::open(db).and_then(|db| db.execute_batch(begin).map(|()| db));
    let open = open.unwrap_or_else(|e| panic!("cannot lock {}: {e}", db.display()));
    Held { what: Box::new(open), for_at_most }
}

fn flock(path: &Path, for_at_most: Option<Duration>) -> Held {
    let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path);
    let file = file.unwrap_or_else(|e| panic!("cannot open {}: {e}", path.display()));
    let lock = Flock::lock(file, FlockArg::LockExclusiveNonblock);
    let lock = lock.unwrap_or_else(|(_, e)| panic!("cannot lock {}: {e}", path.display()));
    Held { what: Box::new(lock), for_at_most }
}

pub(super) fn rows(list: &mut List) {
    let mut held =
        |name: &str, fixture: &'static str, begin: &'static str, time: Option<Duration>| {
            list.row(Run::Waits, name, move |s| {
                let _placed = s.put(fixture);
            })
            .beside(move |s| transaction(&placed(s, fixture).db(), begin, time));
        };
    held("locked-exclusive", "small", "BEGIN EXCLUSIVE", None);
    held("locked-exclusive-a-while", "small", "BEGIN EXCLUSIVE", Some(A_WHILE));
    held("locked-exclusive-deleted", "deleted", "BEGIN EXCLUSIVE", None);
    held("locked-reserved", "small", "BEGIN IMMEDIATE", None);
    held(
        "locked-reserved-written",
        "small",
        "BEGIN IMMEDIATE; UPDATE container_info SET container = 'changed'",
        None,
    );
    held("locked-shared", "small", "BEGIN; SELECT 1 FROM container_info", None);
    held("locked-fresh", "sharding", "BEGIN EXCLUSIVE", None);
    held("locked-reserved-with-pending", "pending-puts", "BEGIN IMMEDIATE", None);
    list.row(Run::Waits, "locked-retiring", |s| {
        let _placed = s.put("sharding");
    })
    .beside(|s| transaction(&placed(s, "sharding").retiring(), "BEGIN EXCLUSIVE", None));
    list.row(Run::Waits, "wal-with-a-reader", |s| write_at(&s.put("small").db(), 18, &[2, 2]))
        .beside(|s| {
            transaction(&placed(s, "small").db(), "BEGIN; SELECT 1 FROM container_info", None)
        });
    list.row(Run::Waits, "locked-lock-file-with-pending", |s| {
        let placed = s.put("small");
        put_file(&placed.pending(), b"");
        put_file(&placed.dir.join(".lock"), b"");
    })
    .beside(|s| flock(&placed(s, "small").dir.join(".lock"), None));
    list.row(Run::Waits, "locked-lock-file-a-while-with-pending", |s| {
        let placed = s.put("small");
        put_file(&placed.pending(), b"");
        put_file(&placed.dir.join(".lock"), b"");
    })
    .beside(|s| flock(&placed(s, "small").dir.join(".lock"), Some(A_WHILE)));
    list.row(Run::Waits, "locked-lock-file-without-pending", |s| {
        put_file(&s.put("small").dir.join(".lock"), b"");
    })
    .beside(|s| flock(&placed(s, "small").dir.join(".lock"), None));
    list.row(Run::Waits, "locked-recon", |s| put_file(&s.recon().join("container.recon"), b"{}\n"))
        .beside(|s| flock(&s.recon().join("container.recon"), None));
    list.row(Run::Waits, "locked-recon-a-while", |s| {
        put_file(&s.recon().join("container.recon"), b"{\"a\": 1}\n");
    })
    .beside(|s| flock(&s.recon().join("container.recon"), Some(Duration::from_secs(1))));
}
