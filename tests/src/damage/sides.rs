//! Journals and write-ahead logs, written byte by byte so that they come out the same each time.
//!
//! SQLite file format 3 ("The Rollback Journal") and 4 ("The Write-Ahead Log").

use std::path::{Path, PathBuf};

use super::{append, done, page_size, read, sql, write_at};

/// Both files keep numbers at random that only have to agree with themselves.
const NONCE: u32 = 0x4d61_7274;
const JOURNAL_MAGIC: [u8; 8] = [0xd9, 0xd5, 0x05, 0xf9, 0x20, 0xa1, 0x63, 0xd7];
const SECTOR: usize = 512;

/// Leaves the database as a process does that dies while it writes `script`: the pages are
/// changed, and the journal that undoes it is still there.
///
/// # Panics
/// If SQLite or the kernel refuses.
pub fn hot_journal(path: &Path, script: &str) {
    let before = read(path);
    sql(path, script);
    let after = read(path);
    let changed = changed_pages(&before, &after, page_size(path));
    assert!(!changed.is_empty(), "{script} changed nothing");
    let journal = journal_of(&before, page_size(path), &changed);
    done(path, std::fs::write(side(path, "-journal"), journal));
}

/// A journal that puts these pages, counted from 1, back to what they are in `before`.
#[must_use]
pub fn journal_of(before: &[u8], page_size: usize, pages: &[usize]) -> Vec<u8> {
    let mut bytes = Vec::from(JOURNAL_MAGIC);
    for number in [pages.len(), NONCE as usize, before.len() / page_size, SECTOR, page_size] {
        bytes.extend(word(number).to_be_bytes());
    }
    bytes.resize(SECTOR, 0);
    for &number in pages {
        let Some(page) = before.get((number - 1) * page_size..number * page_size) else {
            continue; // a page that the dead process added: the old size takes it away
        };
        let sampled = (1..=page_size / 200).map(|i| page_size - i * 200).filter(|i| 0 < *i);
        let sum = sampled.fold(NONCE, |sum, i| sum.wrapping_add(u32::from(page[i])));
        bytes.extend(word(number).to_be_bytes());
        bytes.extend(page);
        bytes.extend(sum.to_be_bytes());
    }
    bytes
}

/// Leaves the database in WAL mode, with what `script` does in the log and not in the file.
///
/// # Panics
/// If SQLite or the kernel refuses.
pub fn wal(path: &Path, script: &str) {
    let size = page_size(path);
    // Bytes 18 and 19 of the header say 2 for WAL.
    write_at(path, 18, &[2, 2]);
    let before = read(path);
    write_at(path, 18, &[1, 1]);
    sql(path, script);
    write_at(path, 18, &[2, 2]);
    let after = read(path);
    done(path, std::fs::write(path, &before));

    let mut log = Vec::new();
    for number in [0x377f_0682, 3_007_000, word(size), 0, NONCE, !NONCE] {
        log.extend(number.to_be_bytes());
    }
    let mut sum = wal_sum((0, 0), &log);
    log.extend(sum.0.to_be_bytes());
    log.extend(sum.1.to_be_bytes());
    let changed = changed_pages(&before, &after, size);
    for (nth, &number) in changed.iter().enumerate() {
        let page = &after[(number - 1) * size..number * size];
        let commit = if nth + 1 == changed.len() { after.len() / size } else { 0 };
        let mut frame = Vec::new();
        frame.extend(word(number).to_be_bytes());
        frame.extend(word(commit).to_be_bytes());
        sum = wal_sum(wal_sum(sum, &frame), page);
        for number in [NONCE, !NONCE, sum.0, sum.1] {
            frame.extend(number.to_be_bytes());
        }
        frame.extend(page);
        log.extend(frame);
    }
    let to = side(path, "-wal");
    append(&to, &log);
}

fn wal_sum(start: (u32, u32), bytes: &[u8]) -> (u32, u32) {
    bytes.chunks_exact(8).fold(start, |(s0, s1), eight| {
        let half = |i: usize| u32::from_le_bytes(eight[i..i + 4].try_into().expect("four bytes"));
        let s0 = s0.wrapping_add(half(0)).wrapping_add(s1);
        (s0, s1.wrapping_add(half(4)).wrapping_add(s0))
    })
}

fn changed_pages(before: &[u8], after: &[u8], size: usize) -> Vec<usize> {
    let pages = before.len().max(after.len()) / size;
    let differs = |n: &usize| {
        let range = (n - 1) * size..n * size;
        before.get(range.clone()) != after.get(range)
    };
    (1..=pages).filter(differs).collect()
}

fn side(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

fn word(number: usize) -> u32 {
    u32::try_from(number).expect("a page number or size fits 32 bits")
}

#[cfg(test)]
mod tests {
    use rusqlite::Connection;

    use super::*;
    use crate::fixtures::named;
    use crate::tree::Tree;

    const RENAME: &str = "UPDATE container_info SET container = 'changed'";

    fn container(path: &Path) -> String {
        let db = Connection::open(path).expect("it opens");
        let ask = "SELECT container FROM container_stat";
        db.query_row(ask, [], |row| row.get(0)).expect("it answers")
    }

    #[test]
    fn sqlite_undoes_what_a_hot_journal_undoes() {
        let tree = Tree::new();
        let db = tree.add("sda", named("small")).db();
        let before = read(&db);
        hot_journal(&db, RENAME);
        assert_ne!(read(&db), before);
        assert_eq!(container(&db), "c-small");
        assert_eq!(read(&db), before);
        assert!(!side(&db, "-journal").exists());
    }

    #[test]
    fn sqlite_reads_what_is_in_the_log_and_not_in_the_file() {
        let tree = Tree::new();
        let db = tree.add("sda", named("small")).db();
        wal(&db, RENAME);
        let log = side(&db, "-wal");
        let kept = read(&log);
        done(&log, std::fs::rename(&log, db.with_extension("kept")));
        assert_eq!(container(&db), "c-small");
        done(&log, std::fs::write(&log, kept));
        assert_eq!(container(&db), "changed");
    }
}
