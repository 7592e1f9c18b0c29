//! Damage inside a database that Swift's auditor passes: made by page bytes or plain SQL.

mod kinds;

use std::collections::BTreeMap;
use std::path::Path;

use rusqlite::Connection;

use self::kinds::{INDEX_ROWS, PAGES, ROWS, SQL};
use crate::damage::{leaf_pages, page_size, root_page, sql, sql_behind_triggers, write_at};
use crate::fixtures::named;
use crate::tree::Tree;

/// The index over the object rows.
pub const INDEX: &str = "ix_object_deleted_name";

/// What the real auditor of Swift made of each kind: `cargo xtask deep-swift` writes it.
pub const SWIFT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/golden/deep-swift.json");

/// What Swift's auditor made of each kind of damage by its name: `passed`, `failed` or `skipped`.
///
/// # Panics
/// If the golden file cannot be read.
#[must_use]
pub fn swift_says() -> BTreeMap<String, String> {
    let text = std::fs::read_to_string(SWIFT).unwrap_or_else(|e| panic!("{SWIFT}: {e}"));
    serde_json::from_str(&text).unwrap_or_else(|e| panic!("{SWIFT}: {e}"))
}

/// Does each kind of damage to a database of its own, and shows it: its name, the file, and the codes
/// that a deep audit finds.
pub fn every_kind(mut look_at: impl FnMut(&str, &Path, &[&'static str])) {
    let mut each = |name: &str, fixture: &str, spoil: &dyn Fn(&Path), codes| {
        let tree = Tree::new();
        let path = tree.add("sda", named(fixture)).db();
        spoil(&path);
        look_at(name, &path, codes);
    };
    for (name, fixture, spoil, codes) in PAGES {
        each(name, fixture, spoil, codes);
    }
    for (name, fixture, script, codes) in SQL {
        each(name, fixture, &|path| sql(path, script), codes);
    }
    for (name, fixture, script, codes) in ROWS {
        each(name, fixture, &|path| sql_behind_triggers(path, script), codes);
    }
    for (name, script, codes) in INDEX_ROWS {
        each(name, "small", &|path| sql_behind_index(path, script), codes);
    }
}

/// Runs statements on the table while the index is away: the index keeps what it held.
///
/// # Panics
/// If SQLite refuses.
pub fn sql_behind_index(path: &Path, script: &str) {
    let find = "SELECT rootpage, sql FROM sqlite_master WHERE name = ?1";
    let (root, text): (i64, String) = Connection::open(path)
        .and_then(|db| db.query_row(find, [INDEX], |row| Ok((row.get(0)?, row.get(1)?))))
        .expect("the index is there");
    let hide = format!("DELETE FROM sqlite_master WHERE name = '{INDEX}'");
    sql(path, &format!("PRAGMA writable_schema = ON; {hide}"));
    sql_behind_triggers(path, script);
    let show = format!(
        "INSERT INTO sqlite_master VALUES ('index', '{INDEX}', 'object', {root}, '{text}')"
    );
    sql(path, &format!("PRAGMA writable_schema = ON; {show}"));
}

/// Replaces the first `old` in the leaf pages of a table or index with `new`, byte for byte.
///
/// # Panics
/// If it is not there or the lengths differ.
pub fn replace_in(path: &Path, tree: &str, old: &[u8], new: &[u8]) {
    assert_eq!(old.len(), new.len(), "bytes are replaced in place");
    let bytes = std::fs::read(path).expect("the database can be read");
    let size = page_size(path);
    let at = leaf_pages(path, root_page(path, tree)).into_iter().find_map(|page| {
        let start = (page - 1) * size;
        let found = bytes[start..start + size].windows(old.len()).position(|part| part == old);
        found.map(|at| start + at)
    });
    write_at(path, at.unwrap_or_else(|| panic!("not in {tree}: {}", old.escape_ascii())), new);
}

/// Changes the places of the first two cells of a leaf page.
///
/// # Panics
/// If the file cannot be written.
pub fn swap_cells(path: &Path, page: usize) {
    let bytes = std::fs::read(path).expect("the database can be read");
    let pointers = (page - 1) * page_size(path) + 8;
    let (first, second) = (&bytes[pointers..pointers + 2], &bytes[pointers + 2..pointers + 4]);
    write_at(path, pointers, &[second, first].concat());
}

/// Lets the first child of an interior root be its second child as well.
///
/// # Panics
/// If the root is a leaf.
pub fn share_child(path: &Path, tree: &str) {
    let (bytes, size) = (std::fs::read(path).expect("the database can be read"), page_size(path));
    let start = (root_page(path, tree) - 1) * size;
    assert!(matches!(bytes[start], 2 | 5), "{tree} has more than one page");
    let cell = |n: usize| {
        let at = start + 12 + 2 * n;
        start + usize::from(u16::from_be_bytes([bytes[at], bytes[at + 1]]))
    };
    let (first, second) = (cell(0), cell(1));
    write_at(path, second, &bytes[first..first + 4]);
}

/// Lets two tables or indices change their root pages.
///
/// # Panics
/// If SQLite refuses.
pub fn swap_roots(path: &Path, one: &str, other: &str) {
    let (a, b) = (root_page(path, one), root_page(path, other));
    sql(
        path,
        &format!(
            "PRAGMA writable_schema = ON;
             UPDATE sqlite_master SET rootpage = CASE name WHEN '{one}' THEN {b} ELSE {a} END
             WHERE name IN ('{one}', '{other}')"
        ),
    );
}
