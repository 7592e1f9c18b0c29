//! What an ordinary user may not do.

use std::os::unix::fs::lchown;
use std::path::{Path, PathBuf};

use super::{List, Run, Stage};
use crate::damage::{chmod, hot_journal, junk, put_file, wal, write_at};
use crate::tree::Placed;

const RENAME: &str = "UPDATE container_info SET container = 'changed'";

/// Where `put` puts a fixture.
fn placed(s: &Stage<'_>, fixture: &str) -> Placed {
    let f = Stage::fixture(fixture);
    let place = format!("containers/{}/{}/{}", f.partition, &f.hash[29..], f.hash);
    Placed { dir: s.device().join(place), stem: f.hash.clone() }
}

fn give_to_root(path: &Path) {
    lchown(path, Some(0), Some(0))
        .unwrap_or_else(|e| panic!("cannot give {} to root: {e}", path.display()));
}

fn above(placed: &Placed, levels: usize) -> PathBuf {
    placed.dir.ancestors().nth(levels).expect("a hash directory lies deep").to_owned()
}

fn bad(s: &Stage<'_>) -> Placed {
    let placed = s.put("small");
    write_at(&placed.db(), 0, &junk(100, 1));
    placed
}

#[expect(clippy::too_many_lines, reason = "a table of rows")]
pub(super) fn rows(list: &mut List) {
    list.row(Run::AsUser, "user-sound", |s| {
        let _placed = s.put("small");
    });
    list.row(Run::AsUser, "user-junk", |s| {
        let _placed = bad(s);
    });
    for mode in [0, 0o200, 0o400, 0o444] {
        list.row(Run::AsUser, format!("user-db-mode-{mode:03o}"), move |s| {
            chmod(&s.put("small").db(), mode);
        });
        list.row(Run::AsUser, format!("user-deleted-db-mode-{mode:03o}"), move |s| {
            chmod(&s.put("deleted").db(), mode);
        });
        list.row(Run::AsUser, format!("user-pending-mode-{mode:03o}"), move |s| {
            let placed = s.put("small");
            put_file(&placed.pending(), b"");
            chmod(&placed.pending(), mode);
        });
    }
    for mode in [0o000, 0o444, 0o555, 0o311] {
        list.row(
            if mode & 0o400 == 0 { Run::AloneAsUser } else { Run::AsUser },
            format!("user-hash-mode-{mode:03o}"),
            move |s| {
                chmod(&s.put("small").dir, mode);
            },
        );
        list.row(
            if mode & 0o400 == 0 { Run::AloneAsUser } else { Run::AsUser },
            format!("user-hash-mode-{mode:03o}-junk"),
            move |s| {
                chmod(&bad(s).dir, mode);
            },
        );
    }
    for (level, up) in [("suffix", 1), ("partition", 2)] {
        for mode in [0o000, 0o311] {
            list.row(Run::AloneAsUser, format!("user-{level}-mode-{mode:03o}"), move |s| {
                chmod(&above(&s.put("small"), up), mode);
            });
        }
        list.row(Run::AloneAsUser, format!("user-{level}-mode-444"), move |s| {
            chmod(&above(&s.put("small"), up), 0o444);
        });
        list.row(Run::AsUser, format!("user-{level}-mode-555-junk"), move |s| {
            chmod(&above(&bad(s), up), 0o555);
        });
    }
    for mode in [0o000, 0o311, 0o444, 0o555] {
        let run = if mode == 0o444 { Run::AloneAsUser } else { Run::AsUser };
        list.row(run, format!("user-containers-mode-{mode:03o}"), move |s| {
            chmod(&above(&s.put("small"), 3), mode);
        });
        list.row(Run::AsUser, format!("user-device-mode-{mode:03o}"), move |s| {
            let _placed = s.put("small");
            chmod(&s.device(), mode);
        });
    }
    list.row(Run::AsUser, "user-device-mode-555-junk", |s| {
        let _placed = bad(s);
        chmod(&s.device(), 0o555);
    });
    list.row(Run::AsUser, "user-quarantine-mode-555", |s| {
        let _placed = bad(s);
        chmod(&s.dir("quarantined/containers"), 0o555);
    });
    list.row(Run::AsUser, "user-read-only-and-pending", |s| {
        let placed = s.put("pending-puts");
        chmod(&placed.db(), 0o444);
    });
    list.row(Run::AsUser, "user-hash-mode-555-and-pending", |s| {
        let placed = s.put("small");
        put_file(&placed.pending(), b"");
        chmod(&placed.dir, 0o555);
    });
    list.row(Run::AsUser, "user-hash-mode-555-and-pending-and-lock", |s| {
        let placed = s.put("small");
        put_file(&placed.pending(), b"");
        put_file(&placed.dir.join(".lock"), b"");
        chmod(&placed.dir, 0o555);
    });
    list.row(Run::AsUser, "user-hot-journal", |s| hot_journal(&s.put("small").db(), RENAME));
    list.row(Run::AsUser, "user-hot-journal-unreadable", |s| {
        let db = s.put("small").db();
        hot_journal(&db, RENAME);
        chmod(&db.with_extension("db-journal"), 0);
    });
    list.row(Run::AsUser, "user-hot-journal-read-only-db", |s| {
        let db = s.put("small").db();
        hot_journal(&db, RENAME);
        chmod(&db, 0o444);
    });
    list.row(Run::AsUser, "user-hot-journal-read-only-directory", |s| {
        let placed = s.put("small");
        hot_journal(&placed.db(), RENAME);
        chmod(&placed.dir, 0o555);
    });
    list.row(Run::AsUser, "user-wal", |s| wal(&s.put("small").db(), RENAME));
    list.row(Run::AsUser, "user-wal-read-only-db", |s| {
        let db = s.put("small").db();
        wal(&db, RENAME);
        chmod(&db, 0o444);
    });
    list.row(Run::AsUser, "user-wal-read-only-directory", |s| {
        let placed = s.put("small");
        wal(&placed.db(), RENAME);
        chmod(&placed.dir, 0o555);
    });
    list.row(Run::AsUser, "user-wal-mode-read-only-db", |s| {
        let db = s.put("small").db();
        write_at(&db, 18, &[2, 2]);
        chmod(&db, 0o444);
    });
    list.row(Run::AsUser, "user-epoch-unreadable", |s| chmod(&s.put("sharding").db(), 0));
    list.row(Run::AsUser, "user-retiring-unreadable", |s| chmod(&s.put("sharding").retiring(), 0));

    for (name, mode) in [("600", 0o600), ("644", 0o644), ("666", 0o666)] {
        list.row(Run::AsUser, format!("user-db-of-root-mode-{name}"), move |s| {
            chmod(&s.put("small").db(), mode);
        })
        .foreign(|s| give_to_root(&placed(s, "small").db()));
    }
    list.row(Run::AsUser, "user-db-of-root-mode-644-junk", |s| chmod(&bad(s).db(), 0o644))
        .foreign(|s| give_to_root(&placed(s, "small").db()));
    list.row(Run::AsUser, "user-all-of-root", |s| chmod(&s.put("small").db(), 0o644)).foreign(
        |s| {
            let placed = placed(s, "small");
            give_to_root(&placed.db());
            give_to_root(&placed.dir);
            give_to_root(&above(&placed, 1));
        },
    );
    list.row(Run::AsUser, "user-all-of-root-junk", |s| chmod(&bad(s).db(), 0o644)).foreign(|s| {
        let placed = placed(s, "small");
        give_to_root(&placed.db());
        give_to_root(&placed.dir);
        give_to_root(&above(&placed, 1));
    });
    list.row(Run::AsUser, "user-pending-of-root", |s| {
        let placed = s.put("small");
        put_file(&placed.pending(), b"");
    })
    .foreign(|s| give_to_root(&placed(s, "small").pending()));
}
