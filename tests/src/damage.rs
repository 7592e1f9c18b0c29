//! Ways to spoil a database or what lies around it.
//!
//! Each is exact: the same call on the same bytes gives the same bytes again.

mod sides;

use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixListener;
use std::path::Path;

use nix::sys::stat::Mode;
use rusqlite::{Connection, OpenFlags};

pub use sides::{hot_journal, journal_of, wal};

/// The page size in the header at offset 16, in bytes.
///
/// # Panics
/// If the file cannot be read.
#[must_use]
pub fn page_size(path: &Path) -> usize {
    let header = read(path);
    match u16::from_be_bytes([header[16], header[17]]) {
        1 => 65_536,
        size => usize::from(size),
    }
}

/// The first page of a table or index, counted from 1.
///
/// # Panics
/// If there is no such thing in the schema.
#[must_use]
pub fn root_page(path: &Path, name: &str) -> usize {
    let db = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY);
    let root = db.and_then(|db| {
        let find = "SELECT rootpage FROM sqlite_master WHERE name = ?1";
        db.query_row(find, [name], |row| row.get::<_, u32>(0))
    });
    let root = root.map(|page| page as usize);
    root.unwrap_or_else(|e| panic!("no {name} in {}: {e}", path.display()))
}

/// The leaf pages below a root, in ascending order of page number.
///
/// # Panics
/// If the tree does not end within the file.
#[must_use]
pub fn leaf_pages(path: &Path, root: usize) -> Vec<usize> {
    let (bytes, size) = (read(path), page_size(path));
    let (mut todo, mut leaves) = (vec![root], Vec::new());
    while let Some(page) = todo.pop() {
        let start = (page - 1) * size;
        let header = start + if page == 1 { 100 } else { 0 };
        if !matches!(bytes[header], 2 | 5) {
            leaves.push(page);
            continue;
        }
        todo.push(be32(&bytes, header + 8));
        let cells = usize::from(u16::from_be_bytes([bytes[header + 3], bytes[header + 4]]));
        for cell in 0..cells {
            let at = header + 12 + 2 * cell;
            let offset = usize::from(u16::from_be_bytes([bytes[at], bytes[at + 1]]));
            todo.push(be32(&bytes, start + offset));
        }
    }
    leaves.sort_unstable();
    leaves
}

fn be32(bytes: &[u8], at: usize) -> usize {
    let four = bytes[at..at + 4].try_into().expect("four bytes");
    u32::from_be_bytes(four).try_into().expect("a page number fits a usize")
}

/// Makes the file this long: cuts it, or adds zeroes.
///
/// # Panics
/// If the file cannot be written.
pub fn truncate(path: &Path, bytes: u64) {
    done(path, OpenOptions::new().write(true).open(path).and_then(|f| f.set_len(bytes)));
}

/// Takes this many bytes off the end.
///
/// # Panics
/// If the file cannot be written or is shorter.
pub fn cut(path: &Path, bytes: u64) {
    let len = done(path, fs::metadata(path)).len();
    truncate(path, len.checked_sub(bytes).expect("the file is longer than what is cut"));
}

/// Adds bytes at the end.
///
/// # Panics
/// If the file cannot be written.
pub fn append(path: &Path, bytes: &[u8]) {
    let file = OpenOptions::new().append(true).create(true).open(path);
    done(path, file.and_then(|mut f| f.write_all(bytes)));
}

/// Overwrites bytes in place.
///
/// # Panics
/// If the file cannot be written.
pub fn write_at(path: &Path, offset: usize, bytes: &[u8]) {
    let write = |mut file: File| {
        file.seek(SeekFrom::Start(offset as u64))?;
        file.write_all(bytes)
    };
    done(path, OpenOptions::new().write(true).open(path).and_then(write));
}

/// Flips the bits of `mask` in one byte.
///
/// # Panics
/// If the file cannot be written or ends before.
pub fn flip(path: &Path, offset: usize, mask: u8) {
    let byte = read(path)[offset];
    write_at(path, offset, &[byte ^ mask]);
}

/// Fills a page, counted from 1, with zeroes.
///
/// # Panics
/// If the file cannot be written.
pub fn zero_page(path: &Path, page: usize) {
    let size = page_size(path);
    write_at(path, (page - 1) * size, &vec![0; size]);
}

/// Fills a page, counted from 1, with bytes that mean nothing.
///
/// # Panics
/// If the file cannot be written.
pub fn junk_page(path: &Path, page: usize) {
    let size = page_size(path);
    write_at(path, (page - 1) * size, &junk(size, page as u64));
}

/// Bytes that mean nothing, the same for the same seed.
#[must_use]
pub fn junk(bytes: usize, seed: u64) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let step = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()[3]
    };
    std::iter::repeat_with(step).take(bytes).collect()
}

/// Runs statements on a plain connection, without Swift's functions: what fires a trigger on
/// `object` needs [`sql_behind_triggers`].
///
/// # Panics
/// If SQLite refuses.
pub fn sql(path: &Path, script: &str) {
    let said = Connection::open(path).and_then(|db| run(&db, script));
    said.unwrap_or_else(|e| panic!("{}: {script}: {e}", path.display()));
}

/// Runs statements while the triggers are away: counts and hash keep what they were.
///
/// # Panics
/// If SQLite refuses.
pub fn sql_behind_triggers(path: &Path, script: &str) {
    let behind = || {
        let db = Connection::open(path)?;
        let find = "SELECT name, sql FROM sqlite_master WHERE type = 'trigger'";
        let triggers: Vec<(String, String)> = db
            .prepare(find)?
            .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?
            .collect::<Result<_, _>>()?;
        for (name, _) in &triggers {
            run(&db, &format!("DROP TRIGGER \"{name}\""))?;
        }
        run(&db, script)?;
        triggers.iter().try_for_each(|(_, sql)| run(&db, sql))
    };
    let said: rusqlite::Result<()> = behind();
    said.unwrap_or_else(|e| panic!("{}: {script}: {e}", path.display()));
}

fn run(db: &Connection, script: &str) -> rusqlite::Result<()> {
    db.execute_batch("PRAGMA synchronous = OFF; PRAGMA journal_mode = MEMORY")?;
    db.execute_batch(script)
}

/// What `PRAGMA integrity_check` says, a line each; `["ok"]` if nothing is wrong, the error alone
/// if SQLite cannot go on.
#[must_use]
pub fn integrity(path: &Path) -> Vec<String> {
    let check = || {
        let db = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
        let mut lines = db.prepare("PRAGMA integrity_check")?;
        lines.query_map([], |row| row.get(0))?.collect()
    };
    let said: rusqlite::Result<Vec<String>> = check();
    said.unwrap_or_else(|e| vec![e.to_string()])
}

/// Sets permission bits.
///
/// # Panics
/// If the kernel refuses.
pub fn chmod(path: &Path, mode: u32) {
    done(path, fs::set_permissions(path, Permissions::from_mode(mode)));
}

/// Makes a FIFO.
///
/// # Panics
/// If the kernel refuses.
pub fn fifo(path: &Path) {
    done(path, nix::unistd::mkfifo(path, Mode::from_bits_truncate(0o644)).map_err(Into::into));
    chmod(path, 0o644);
}

/// Makes a symbolic link at `path` that says `target`.
///
/// # Panics
/// If the kernel refuses.
pub fn link(path: &Path, target: &Path) {
    done(path, std::os::unix::fs::symlink(target, path));
}

/// Makes a socket that nobody listens on.
///
/// # Panics
/// If the kernel refuses, as it does for paths over 107 bytes.
pub fn socket(path: &Path) {
    drop(done(path, UnixListener::bind(path)));
    chmod(path, 0o644);
}

/// The bytes of a file.
///
/// # Panics
/// If it cannot be read.
#[must_use]
pub fn read(path: &Path) -> Vec<u8> {
    let mut bytes = Vec::new();
    done(path, File::open(path).and_then(|mut f| f.read_to_end(&mut bytes)));
    bytes
}

/// Makes or replaces a file, mode 0644 whatever the umask says.
///
/// # Panics
/// If the kernel refuses.
pub fn put_file(path: &Path, bytes: &[u8]) {
    done(path, fs::write(path, bytes));
    chmod(path, 0o644);
}

/// Makes a directory and those above it, mode 0755 whatever the umask says.
///
/// # Panics
/// If the kernel refuses.
pub fn put_dir(path: &Path) {
    if let Some(above) = path.parent().filter(|above| !above.exists()) {
        put_dir(above);
    }
    match fs::create_dir(path) {
        Err(e) if e.kind() == std::io::ErrorKind::AlreadyExists => (),
        made => {
            done(path, made);
            chmod(path, 0o755);
        }
    }
}

fn done<T>(path: &Path, result: std::io::Result<T>) -> T {
    result.unwrap_or_else(|e| panic!("cannot damage {}: {e}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::named;
    use crate::tree::Tree;

    #[test]
    fn a_junk_leaf_is_damage_and_only_there() {
        let tree = Tree::new();
        let db = tree.add("sda", named("hundreds")).db();
        let leaves = leaf_pages(&db, root_page(&db, "object"));
        assert!(5 < leaves.len(), "{leaves:?}");
        let before = read(&db);
        junk_page(&db, leaves[2]);
        let (after, size) = (read(&db), page_size(&db));
        let pages = before.chunks(size).zip(after.chunks(size));
        let changed: Vec<usize> =
            (1..).zip(pages).filter(|(_, (a, b))| a != b).map(|(n, _)| n).collect();
        assert_eq!(changed, [leaves[2]]);
        assert_ne!(integrity(&db), ["ok"]);
    }

    #[test]
    fn rows_go_behind_the_triggers_and_the_schema_stays() {
        let tree = Tree::new();
        let db = tree.add("sda", named("small")).db();
        sql_behind_triggers(&db, "DELETE FROM object WHERE ROWID = 1");
        let open = Connection::open(&db).expect("it opens");
        let ask = |q: &str| open.query_row(q, [], |row| row.get::<_, i64>(0)).expect("it answers");
        assert_eq!(ask("SELECT count(*) FROM object"), 4);
        assert_eq!(ask("SELECT object_count FROM container_stat"), 5);
        assert_eq!(ask("SELECT count(*) FROM sqlite_master WHERE type = 'trigger'"), 9);
    }

    #[test]
    fn junk_repeats_itself_for_a_seed() {
        assert_eq!(junk(64, 7), junk(64, 7));
        assert_ne!(junk(64, 7), junk(64, 8));
    }
}
