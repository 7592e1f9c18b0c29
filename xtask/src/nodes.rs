//! Storage nodes to measure on, made of the fixtures: many databases, unusual ones, a large one.
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use martlet_tests::damage;
use martlet_tests::fixtures::{manifest, md5_hex, named};
use martlet_tests::tree::Tree;
use rusqlite::Connection;
use tempfile::TempDir;

use crate::steps::output;

/// The fixture that all are made of: a container in ordinary use.
const ORDINARY: &str = "hundreds";

/// Names that one file is given at most; ext4 allows 65,000.
const LINKS_MAX: usize = 50_000;

/// Object rows of the large database: some tens of megabytes.
const LARGE_ROWS: u32 = 200_000;

/// A devices root with one device, and a conf for it.
pub(crate) struct Node {
    tree: Tree,
    folder: TempDir,
}

impl Node {
    /// A node with `count` databases that all read alike: few files under many names.
    pub(crate) fn of_copies(count: usize) -> Result<Self, String> {
        Self::new(count, |number, first, path| {
            let file = first.with_extension(format!("{}.db", number / LINKS_MAX));
            if number % LINKS_MAX == 0 {
                let copied = fs::copy(first, &file);
                copied.map_err(|e| format!("cannot write {}: {e}", file.display()))?;
            }
            fs::hard_link(&file, path).map_err(|e| format!("cannot link {}: {e}", path.display()))
        })
    }

    /// A node with `count` databases of which no two have the same schema.
    pub(crate) fn of_strangers(count: usize) -> Result<Self, String> {
        let node = Self::new(count, |number, first, path| {
            fs::copy(first, path).map_err(|e| format!("cannot write {}: {e}", path.display()))?;
            strange(path, number)
        })?;
        Ok(node)
    }

    /// The conf file: no rate, nothing outside its own folder.
    pub(crate) fn conf(&self) -> PathBuf {
        self.folder.path().join("container-server.conf")
    }

    fn new(
        count: usize,
        make: impl Fn(usize, &Path, &Path) -> Result<(), String>,
    ) -> Result<Self, String> {
        let folder = temporary()?;
        let node = Self { tree: Tree::new(), folder };
        let fixture = named(ORDINARY);
        let first = node.folder.path().join("first.db");
        fs::write(&first, &fixture.newest().bytes)
            .map_err(|e| format!("cannot write {}: {e}", first.display()))?;
        for number in 0..count {
            let hash = md5_hex(number.to_string().as_bytes());
            let (partition, suffix) = (manifest().partition(&hash), &hash[hash.len() - 3..]);
            let device = node.tree.device("sda");
            let dir = device.join(format!("containers/{partition}/{suffix}/{hash}"));
            fs::create_dir_all(&dir).map_err(|e| format!("cannot make {}: {e}", dir.display()))?;
            make(number, &first, &dir.join(format!("{hash}.db")))?;
        }
        node.write_conf()?;
        Ok(node)
    }

    fn write_conf(&self) -> Result<(), String> {
        let user = output(Command::new("id").arg("-un"))?;
        let text = format!(
            "[DEFAULT]\ndevices = {devices}\nmount_check = false\nuser = {user}\n\n\
             [container-auditor]\ninterval = 3600\ncontainers_per_second = 0\n\
             recon_cache_path = {folder}\nstate_path = {folder}/state\ndeep_interval = 0\n\
             log_address = {folder}/no-log\n",
            devices = self.tree.devices().display(),
            folder = self.folder.path().display(),
            user = user.trim(),
        );
        let path = self.conf();
        fs::write(&path, text).map_err(|e| format!("cannot write {}: {e}", path.display()))
    }
}

/// Gives a database a table that no other has.
fn strange(path: &Path, number: usize) -> Result<(), String> {
    let table = format!("PRAGMA synchronous = OFF; CREATE TABLE stranger_{number} (x)");
    Connection::open(path)
        .and_then(|db| db.execute_batch(&table))
        .map_err(|e| format!("cannot change {}: {e}", path.display()))
}

/// One database with very many object rows.
pub(crate) struct Large {
    folder: TempDir,
    name: String,
}

impl Large {
    /// The file.
    pub(crate) fn database(&self) -> PathBuf {
        self.folder.path().join(&self.name)
    }
}

/// Fills a fixture with rows. Counts and hash stay those of the fixture, which the deep audit will find.
pub(crate) fn large() -> Result<Large, String> {
    let fixture = named(ORDINARY);
    let folder = temporary()?;
    let large = Large { folder, name: fixture.newest().name.clone() };
    let path = large.database();
    fs::write(&path, &fixture.newest().bytes)
        .map_err(|e| format!("cannot write {}: {e}", path.display()))?;
    let rows = format!(
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {LARGE_ROWS})
         INSERT INTO object (name, created_at, size, content_type, etag, deleted)
         SELECT printf('photos/%08d/%08d.jpeg', i * 7919 % 1000003, i),
                printf('17%08d.%05d', i, i % 100000), i, 'image/jpeg', lower(hex(randomblob(16))), 0
         FROM n"
    );
    damage::sql_behind_triggers(&path, &rows);
    Ok(large)
}

fn temporary() -> Result<TempDir, String> {
    tempfile::tempdir().map_err(|e| format!("cannot make a temporary folder: {e}"))
}
