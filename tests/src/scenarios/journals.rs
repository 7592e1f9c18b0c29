//! Journals and write-ahead logs beside a database.

use std::path::{Path, PathBuf};

use super::{List, Run};
use crate::damage::{self, hot_journal, journal_of, junk, link, put_dir, put_file, wal};
use crate::damage::{read, root_page, sql, truncate, write_at, zero_page};

const RENAME: &str = "UPDATE container_info SET container = 'changed'";
const EMPTY: &str = "UPDATE policy_stat SET object_count = 0; UPDATE container_info SET delete_timestamp = '2000000000'";

fn side(db: &Path, suffix: &str) -> PathBuf {
    let mut name = db.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

fn journal(db: &Path) -> PathBuf {
    side(db, "-journal")
}

/// A hot journal of a transaction over several databases: it names the file of the set at its end.
fn of_a_set(db: &Path, name: &[u8]) {
    hot_journal(db, RENAME);
    let sum = name.iter().fold(0_u32, |sum, b| sum.wrapping_add(u32::from(*b)));
    let mut end = vec![0, 0, 0x40, 1];
    end.extend(name);
    end.extend(u32::try_from(name.len()).expect("a short name").to_be_bytes());
    end.extend(sum.to_be_bytes());
    end.extend([0xd9, 0xd5, 0x05, 0xf9, 0x20, 0xa1, 0x63, 0xd7]);
    damage::append(&journal(db), &end);
}

#[expect(clippy::too_many_lines, reason = "a table of rows")]
pub(super) fn rows(list: &mut List) {
    list.row(Run::AsRoot, "hot-journal", |s| hot_journal(&s.put("small").db(), RENAME));
    list.row(Run::AsRoot, "hot-journal-undoes-a-deletion", |s| {
        hot_journal(&s.put("small").db(), EMPTY);
    });
    list.row(Run::AsRoot, "hot-journal-undoes-a-creation", |s| {
        let db = s.put("small").db();
        sql(&db, EMPTY);
        hot_journal(&db, "UPDATE policy_stat SET object_count = 5");
    });
    list.row(Run::AsRoot, "hot-journal-undoes-damage", |s| {
        let db = s.put("small").db();
        let (before, page) = (read(&db), root_page(&db, "container_info"));
        zero_page(&db, page);
        put_file(&journal(&db), &journal_of(&before, 4096, &[page]));
    });
    list.row(Run::AsRoot, "hot-journal-brings-damage", |s| {
        let db = s.put("small").db();
        let (mut before, page) = (read(&db), root_page(&db, "container_info"));
        before[(page - 1) * 4096..page * 4096].fill(0);
        put_file(&journal(&db), &journal_of(&before, 4096, &[page]));
    });
    list.row(Run::AsRoot, "hot-journal-beside-damage", |s| {
        let db = s.put("small").db();
        let page = root_page(&db, "policy_stat");
        hot_journal(&db, RENAME);
        zero_page(&db, page);
    });
    list.row(Run::AsRoot, "hot-journal-cut", |s| {
        let db = s.put("hundreds").db();
        let script = "UPDATE container_info SET container = 'changed'; UPDATE policy_stat SET bytes_used = 1";
        hot_journal(&db, script);
        truncate(&journal(&db), 512 + 4104 + 50);
    });
    list.row(Run::AsRoot, "hot-journal-bad-sum", |s| {
        let db = s.put("small").db();
        hot_journal(&db, RENAME);
        damage::flip(&journal(&db), 512 + 4104 - 1, 1);
    });
    list.row(Run::AsRoot, "hot-journal-other-page-size", |s| {
        let db = s.put("small").db();
        hot_journal(&db, RENAME);
        write_at(&journal(&db), 24, &[0, 0, 2, 0]);
    });
    list.row(Run::AsRoot, "hot-journal-bad-sector", |s| {
        let db = s.put("small").db();
        hot_journal(&db, RENAME);
        write_at(&journal(&db), 20, &[0, 0, 0, 3]);
    });
    list.row(Run::AsRoot, "hot-journal-page-beyond", |s| {
        let db = s.put("small").db();
        hot_journal(&db, RENAME);
        write_at(&journal(&db), 512, &[0, 0, 99, 0]);
    });
    list.row(Run::AsRoot, "hot-journal-grew", |s| {
        hot_journal(
            &s.put("small").db(),
            "CREATE TABLE more (a); INSERT INTO more VALUES (zeroblob(20000))",
        );
    });
    list.row(Run::AsRoot, "hot-journal-of-deleted", |s| {
        hot_journal(&s.put("deleted").db(), RENAME);
    });
    list.row(Run::AsRoot, "hot-journal-of-fresh", |s| hot_journal(&s.put("sharding").db(), RENAME));
    list.row(Run::AsRoot, "hot-journal-of-retiring", |s| {
        hot_journal(&s.put("sharding").retiring(), RENAME);
    });
    list.row(Run::AsRoot, "hot-journal-with-pending", |s| {
        let placed = s.put("small");
        hot_journal(&placed.db(), RENAME);
        put_file(&placed.pending(), b"");
    });
    for (scenario, name) in [
        ("hot-journal-of-a-lost-set", &b"/nowhere/super-mj0123459AB"[..]),
        ("hot-journal-of-a-lost-set-oddly-named", b"/nowhere/super-mj01234567"),
    ] {
        list.row(Run::AsRoot, scenario, move |s| of_a_set(&s.put("small").db(), name));
    }
    for (name, bytes) in [
        ("empty", Vec::new()),
        ("one-zero", vec![0]),
        ("zeroes", vec![0; 5000]),
        ("junk", junk(5000, 1)),
        ("text", b"not a journal at all".to_vec()),
        ("only-magic", vec![0xd9, 0xd5, 0x05, 0xf9, 0x20, 0xa1, 0x63, 0xd7]),
    ] {
        list.row(Run::AsRoot, format!("journal-{name}"), move |s| {
            put_file(&journal(&s.put("small").db()), &bytes);
        });
    }
    list.row(Run::AsRoot, "journal-a-directory", |s| put_dir(&journal(&s.put("small").db())));
    list.row(Run::AsRoot, "journal-a-dangling-link", |s| {
        link(&journal(&s.put("small").db()), "nowhere".as_ref());
    });
    list.row(Run::AsRoot, "journal-a-link-to-a-journal", |s| {
        let db = s.put("small").db();
        hot_journal(&db, RENAME);
        let kept = db.with_extension("kept");
        std::fs::rename(journal(&db), &kept).expect("it is renamed");
        link(&journal(&db), kept.file_name().expect("a name").as_ref());
    });
    list.row(Run::AsRoot, "journal-of-empty-file", |s| {
        let db = s.put("small").db();
        hot_journal(&db, RENAME);
        truncate(&db, 0);
    });
    list.row(Run::AsRoot, "journal-of-junk-file", |s| {
        let db = s.put("small").db();
        hot_journal(&db, RENAME);
        write_at(&db, 0, &junk(100, 9));
    });

    list.row(Run::AsRoot, "wal", |s| wal(&s.put("small").db(), RENAME));
    list.row(Run::AsRoot, "wal-deletes", |s| wal(&s.put("small").db(), EMPTY));
    list.row(Run::AsRoot, "wal-grows", |s| {
        wal(
            &s.put("small").db(),
            "CREATE TABLE more (a); INSERT INTO more VALUES (zeroblob(20000))",
        );
    });
    list.row(Run::AsRoot, "wal-brings-damage", |s| {
        wal(&s.put("small").db(), "PRAGMA writable_schema = 1; UPDATE sqlite_master SET sql = 'CREATE garbage' WHERE name = 'object'");
    });
    list.row(Run::AsRoot, "wal-of-retiring", |s| wal(&s.put("sharding").retiring(), RENAME));
    list.row(Run::AsRoot, "wal-with-pending", |s| {
        let placed = s.put("small");
        wal(&placed.db(), RENAME);
        put_file(&placed.pending(), b"");
    });
    list.row(Run::AsRoot, "wal-mode-without-log", |s| write_at(&s.put("empty").db(), 18, &[2, 2]));
    list.row(Run::AsRoot, "wal-mode-deleted", |s| write_at(&s.put("deleted").db(), 18, &[2, 2]));
    list.row(Run::AsRoot, "wal-mode-and-info-zero", |s| {
        let db = s.put("small").db();
        zero_page(&db, root_page(&db, "container_info"));
        write_at(&db, 18, &[2, 2]);
    });
    list.row(Run::AsRoot, "wal-bad-sum", |s| {
        let db = s.put("small").db();
        wal(&db, RENAME);
        damage::flip(&side(&db, "-wal"), 32 + 24 + 77, 1);
    });
    list.row(Run::AsRoot, "wal-cut", |s| {
        let db = s.put("small").db();
        wal(&db, RENAME);
        damage::cut(&side(&db, "-wal"), 1000);
    });
    for (name, bytes) in [("empty", Vec::new()), ("junk", junk(5000, 2)), ("zeroes", vec![0; 5000])]
    {
        let other = bytes.clone();
        list.row(Run::AsRoot, format!("wal-{name}-in-wal-mode"), move |s| {
            let db = s.put("small").db();
            write_at(&db, 18, &[2, 2]);
            put_file(&side(&db, "-wal"), &bytes);
        });
        list.row(Run::AsRoot, format!("wal-{name}-in-journal-mode"), move |s| {
            put_file(&side(&s.put("small").db(), "-wal"), &other);
        });
    }
    list.row(Run::AsRoot, "wal-a-directory", |s| {
        let db = s.put("small").db();
        write_at(&db, 18, &[2, 2]);
        put_dir(&side(&db, "-wal"));
    });
    list.row(Run::AsRoot, "wal-good-in-journal-mode", |s| {
        let db = s.put("small").db();
        wal(&db, RENAME);
        write_at(&db, 18, &[1, 1]);
    });
    list.row(Run::AsRoot, "shm-junk", |s| {
        put_file(&side(&s.put("small").db(), "-shm"), &junk(32_768, 3));
    });
    list.row(Run::AsRoot, "shm-junk-in-wal-mode", |s| {
        let db = s.put("small").db();
        wal(&db, RENAME);
        put_file(&side(&db, "-shm"), &junk(32_768, 3));
    });
}
