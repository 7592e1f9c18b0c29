//! A devices root in a temporary directory, filled from the fixtures.
//!
//! Databases lie at `DEVICE/containers/PARTITION/SUFFIX/HASH/`, where Swift would put them.

use std::path::{Path, PathBuf};

use rusqlite::{Connection, params};
use tempfile::TempDir;

use crate::fixtures::{Fixture, manifest};

/// A devices root; it and all below are removed when it is dropped.
#[derive(Debug)]
pub struct Tree {
    root: PathBuf,
    _dir: Option<TempDir>,
}

/// Where one container was put.
#[derive(Clone, Debug)]
pub struct Placed {
    /// Its hash directory.
    pub dir: PathBuf,
    /// What its files are called up to `_` or `.db`.
    pub stem: String,
}

impl Default for Tree {
    fn default() -> Self {
        Self::new()
    }
}

impl Tree {
    /// An empty root in a new temporary directory.
    ///
    /// # Panics
    /// If there is no room for temporary files.
    #[must_use]
    pub fn new() -> Self {
        let dir = tempfile::Builder::new().prefix("martlet-tree-").tempdir();
        let dir = dir.expect("cannot make a temporary directory");
        // Other users must get in: some scenarios run as nobody.
        crate::damage::chmod(dir.path(), 0o755);
        let root = dir.path().join("node");
        crate::damage::put_dir(&root);
        Self { root, _dir: Some(dir) }
    }

    /// A root that already exists and stays.
    #[must_use]
    pub fn at(root: &Path) -> Self {
        Self { root: root.to_owned(), _dir: None }
    }

    /// What `devices` in the conf file is.
    #[must_use]
    pub fn devices(&self) -> &Path {
        &self.root
    }

    /// A device, made if it is not there.
    ///
    /// # Panics
    /// If it cannot be made.
    #[must_use]
    pub fn device(&self, device: &str) -> PathBuf {
        let path = self.root.join(device);
        crate::damage::put_dir(&path);
        path
    }

    /// Puts a fixture where its own hash says.
    ///
    /// # Panics
    /// If a file cannot be written.
    #[must_use]
    pub fn add(&self, device: &str, fixture: &Fixture) -> Placed {
        let partition = fixture.partition.to_string();
        let suffix = suffix(&fixture.hash);
        self.add_at(device, fixture, [&partition, suffix, &fixture.hash], &fixture.hash)
    }

    /// Puts a fixture at any place: partition, suffix and hash directory, and the stem of its files.
    /// Its rows stay as they are.
    ///
    /// # Panics
    /// If a file cannot be written.
    #[must_use]
    pub fn add_at(&self, device: &str, fixture: &Fixture, at: [&str; 3], stem: &str) -> Placed {
        let mut dir = self.device(device).join("containers");
        dir.extend(at);
        crate::damage::put_dir(&dir);
        for file in &fixture.files {
            let name = format!("{stem}{}", &file.name[fixture.hash.len()..]);
            let path = dir.join(name);
            let wrote = std::fs::write(&path, &file.bytes);
            wrote.unwrap_or_else(|e| panic!("cannot write {}: {e}", path.display()));
            crate::damage::chmod(&path, 0o600); // as Swift creates them
        }
        Placed { dir, stem: stem.to_owned() }
    }

    /// Makes another container of a fixture: its rows say `account` and `container`, its place is
    /// the one that they hash to.
    ///
    /// # Panics
    /// If a file cannot be written.
    #[must_use]
    pub fn add_as(
        &self,
        device: &str,
        fixture: &Fixture,
        account: &str,
        container: &str,
    ) -> Placed {
        let hash = manifest().hash(account, container);
        let partition = manifest().partition(&hash).to_string();
        let placed = self.add_at(device, fixture, [&partition, suffix(&hash), &hash], &hash);
        let old = format!("{}/{}", fixture.account, fixture.container);
        for database in placed.databases() {
            let said = rename_in(&database, account, container, &old);
            said.unwrap_or_else(|e| panic!("cannot rename {}: {e}", database.display()));
        }
        placed
    }
}

impl Placed {
    /// Its databases, the retiring one first.
    ///
    /// # Panics
    /// If its directory cannot be listed.
    #[must_use]
    pub fn databases(&self) -> Vec<PathBuf> {
        let listing = std::fs::read_dir(&self.dir);
        let listing = listing.unwrap_or_else(|e| panic!("{}: {e}", self.dir.display()));
        let mut found: Vec<_> = listing.flatten().map(|entry| entry.path()).collect();
        found.retain(|path| path.extension().is_some_and(|e| e == "db"));
        found.sort();
        found
    }

    /// Its only database, or the newest.
    ///
    /// # Panics
    /// If there is none.
    #[must_use]
    pub fn db(&self) -> PathBuf {
        self.databases().pop().expect("there is a database")
    }

    /// The oldest of several databases.
    ///
    /// # Panics
    /// If there is only one.
    #[must_use]
    pub fn retiring(&self) -> PathBuf {
        let all = self.databases();
        assert!(1 < all.len(), "{} has one database", self.dir.display());
        all[0].clone()
    }

    /// `HASH.db.pending`, whether it is there or not.
    #[must_use]
    pub fn pending(&self) -> PathBuf {
        self.file(".db.pending")
    }

    /// The file of that name beside the database.
    #[must_use]
    pub fn file(&self, after_the_stem: &str) -> PathBuf {
        self.dir.join(format!("{}{after_the_stem}", self.stem))
    }
}

fn suffix(hash: &str) -> &str {
    &hash[hash.len() - 3..]
}

/// Changes account and container in the stat row, and the name of its own shard range.
fn rename_in(path: &Path, account: &str, container: &str, old: &str) -> rusqlite::Result<()> {
    let db = Connection::open(path)?;
    db.execute_batch("PRAGMA synchronous = OFF; PRAGMA journal_mode = MEMORY")?;
    let table = if has_table(&db, "container_info")? { "container_info" } else { "container_stat" };
    let rename = format!("UPDATE {table} SET account = ?1, container = ?2");
    db.execute(&rename, params![account, container])?;
    if has_table(&db, "shard_range")? {
        // A trigger forbids UPDATE on this table.
        let columns = shard_range_columns(&db)?;
        let copy = format!(
            "INSERT INTO shard_range (name, {columns}) SELECT ?1, {columns} FROM shard_range WHERE name = ?2"
        );
        db.execute(&copy, params![format!("{account}/{container}"), old])?;
        db.execute("DELETE FROM shard_range WHERE name = ?1", [old])?;
    }
    Ok(())
}

fn has_table(db: &Connection, name: &str) -> rusqlite::Result<bool> {
    let count = "SELECT count(*) FROM sqlite_master WHERE type = 'table' AND name = ?1";
    db.query_row(count, [name], |row| row.get::<_, i64>(0)).map(|n| 0 < n)
}

fn shard_range_columns(db: &Connection) -> rusqlite::Result<String> {
    let names = "SELECT group_concat(name) FROM pragma_table_info('shard_range')
                 WHERE name NOT IN ('ROWID', 'name')";
    db.query_row(names, [], |row| row.get(0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::named;

    #[test]
    fn a_container_made_of_a_fixture_says_its_new_name_at_its_new_place() {
        let tree = Tree::new();
        for fixture in &manifest().fixtures {
            let placed = tree.add_as("sdb", fixture, "AUTH_other", &fixture.name);
            let hash = manifest().hash("AUTH_other", &fixture.name);
            assert!(placed.dir.ends_with(&hash), "{}", placed.dir.display());
            for path in placed.databases() {
                let db = Connection::open(&path).expect("it opens");
                let stat = "SELECT account || '/' || container FROM container_stat";
                let name: String = db.query_row(stat, [], |row| row.get(0)).expect("it has a row");
                assert_eq!(name, format!("AUTH_other/{}", fixture.name), "{}", path.display());
            }
        }
    }

    #[test]
    fn the_own_shard_range_is_renamed_with_its_container() {
        let tree = Tree::new();
        let placed = tree.add_as("sda", named("sharded"), "a", "c");
        let db = Connection::open(placed.db()).expect("it opens");
        let own = "SELECT count(*), max(epoch) FROM shard_range WHERE name = 'a/c'";
        let (count, epoch): (i64, String) =
            db.query_row(own, [], |row| Ok((row.get(0)?, row.get(1)?))).expect("it has a row");
        assert_eq!(count, 1);
        assert_eq!(Some(&epoch), named("sharded").newest().epoch.as_ref());
    }
}
