//! The databases that Swift's own brokers wrote, kept in `tests/fixtures`.
//!
//! `cargo xtask fixtures` writes them; nothing here needs Python. Each is read once a process and
//! compared with the checksum that its maker recorded.

use std::fmt::Write as _;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use md5::{Digest as _, Md5};
use serde_json::Value;

/// Where the fixtures lie in the source tree.
pub const DIR: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures");

/// No database of the fixtures is longer than this many bytes.
const BYTES_MAX: u64 = 1 << 20;

/// One container as Swift left it: one file, or two while it is sharded, and what is pending.
#[derive(Debug)]
pub struct Fixture {
    /// What tests call it.
    pub name: String,
    /// What it is, in a sentence.
    pub about: String,
    /// The account in its row.
    pub account: String,
    /// The container in its row.
    pub container: String,
    /// `md5(prefix/account/container suffix)`, 32 hexadecimal digits.
    pub hash: String,
    /// Its partition under [`Manifest::part_power`].
    pub partition: u32,
    /// Its files in ascending order of name: retiring database, fresh database, pending.
    pub files: Vec<File>,
    /// What Swift's broker answered: `is_deleted`, `db_state`, `info`, or `error`.
    pub swift: Value,
}

/// One file of a fixture.
#[derive(Debug)]
pub struct File {
    /// Its name in its hash directory.
    pub name: String,
    /// The part of the name between `_` and `.db`, if there is one.
    pub epoch: Option<String>,
    /// What it holds.
    pub bytes: Vec<u8>,
}

/// All fixtures and what they have in common.
#[derive(Debug)]
pub struct Manifest {
    /// Swift's version.
    pub swift: String,
    /// `swift_hash_path_prefix`.
    pub hash_path_prefix: String,
    /// `swift_hash_path_suffix`.
    pub hash_path_suffix: String,
    /// A partition is this many high bits of the hash.
    pub part_power: u32,
    /// In the order in which they were made.
    pub fixtures: Vec<Fixture>,
}

/// The committed fixtures.
///
/// # Panics
/// If a file is missing or is not what the manifest says.
#[must_use]
pub fn manifest() -> &'static Manifest {
    static ONCE: OnceLock<Manifest> = OnceLock::new();
    ONCE.get_or_init(|| match read(Path::new(DIR)) {
        Ok(manifest) => manifest,
        Err(why) => panic!("cannot read the fixtures, `cargo xtask fixtures` makes them: {why}"),
    })
}

/// The fixture of that name.
///
/// # Panics
/// If there is none.
#[must_use]
pub fn named(name: &str) -> &'static Fixture {
    let mut all = manifest().fixtures.iter();
    all.find(|f| f.name == name).unwrap_or_else(|| panic!("no fixture is called {name}"))
}

impl Fixture {
    /// Its databases, the retiring one first.
    pub fn databases(&self) -> impl Iterator<Item = &File> {
        self.files.iter().filter(|f| is_database(&f.name))
    }

    /// Its only database, or the newer of two.
    ///
    /// # Panics
    /// If it has none: the makers of fixtures leave none out.
    #[must_use]
    pub fn newest(&self) -> &File {
        self.databases().last().expect("every fixture has a database")
    }

    /// Whether Swift calls it deleted; `None` if Swift could not say.
    #[must_use]
    pub fn is_deleted(&self) -> Option<bool> {
        self.swift["is_deleted"].as_bool()
    }

    /// `unsharded`, `sharding`, `sharded` or `collapsed`; `None` if Swift could not say.
    #[must_use]
    pub fn db_state(&self) -> Option<&str> {
        self.swift["db_state"].as_str()
    }

    /// Swift's count of its objects: of the retiring file while sharding, of the shards after.
    #[must_use]
    pub fn object_count(&self) -> Option<i64> {
        self.swift["info"]["object_count"].as_i64()
    }
}

fn is_database(name: &str) -> bool {
    Path::new(name).extension().is_some_and(|e| e == "db")
}

impl Manifest {
    /// The hash of a container under the fixtures' prefix and suffix, as `swift.common.utils.hash_path`.
    #[must_use]
    pub fn hash(&self, account: &str, container: &str) -> String {
        let (prefix, suffix) = (&self.hash_path_prefix, &self.hash_path_suffix);
        md5_hex(format!("{prefix}/{account}/{container}{suffix}").as_bytes())
    }

    /// The partition of a hash.
    ///
    /// # Panics
    /// If it does not begin with eight hexadecimal digits.
    #[must_use]
    pub fn partition(&self, hash: &str) -> u32 {
        let head = hash.get(..8).and_then(|h| u32::from_str_radix(h, 16).ok());
        head.expect("a hash is 32 hexadecimal digits") >> (32 - self.part_power)
    }
}

/// An MD5 sum as 32 hexadecimal digits.
#[must_use]
pub fn md5_hex(bytes: &[u8]) -> String {
    Md5::digest(bytes).iter().fold(String::with_capacity(32), |mut text, byte| {
        write!(text, "{byte:02x}").expect("a String takes any text");
        text
    })
}

fn read(dir: &Path) -> Result<Manifest, String> {
    let path = dir.join("manifest.json");
    let text = std::fs::read_to_string(&path).map_err(|e| say(&path, &e))?;
    let json: Value = serde_json::from_str(&text).map_err(|e| say(&path, &e))?;
    let fixtures = list(&json, "fixtures")?;
    let part_power = number(&json, "part_power")?;
    Ok(Manifest {
        swift: word(&json, "swift")?,
        hash_path_prefix: word(&json, "hash_path_prefix")?,
        hash_path_suffix: word(&json, "hash_path_suffix")?,
        part_power,
        fixtures: fixtures.iter().map(|f| fixture(dir, f)).collect::<Result<_, _>>()?,
    })
}

fn fixture(dir: &Path, json: &Value) -> Result<Fixture, String> {
    let files = list(json, "files")?;
    Ok(Fixture {
        name: word(json, "name")?,
        about: word(json, "about")?,
        account: word(json, "account")?,
        container: word(json, "container")?,
        hash: word(json, "hash")?,
        partition: number(json, "partition")?,
        files: files.iter().map(|f| file(dir, f)).collect::<Result<_, _>>()?,
        swift: json["swift"].clone(),
    })
}

fn file(dir: &Path, json: &Value) -> Result<File, String> {
    let path: PathBuf = dir.join(word(json, "kept_as")?);
    let packed = std::fs::File::open(&path).map_err(|e| say(&path, &e))?;
    let mut bytes = Vec::new();
    let unpacked = flate2::read::GzDecoder::new(packed).take(BYTES_MAX).read_to_end(&mut bytes);
    unpacked.map_err(|e| say(&path, &e))?;
    let (expected, found) = (word(json, "md5")?, md5_hex(&bytes));
    if found != expected {
        return Err(format!("{}: md5 is {found}, recorded is {expected}", path.display()));
    }
    let epoch = json["epoch"].as_str().map(str::to_owned);
    Ok(File { name: word(json, "name")?, epoch, bytes })
}

fn list<'a>(json: &'a Value, key: &str) -> Result<&'a Vec<Value>, String> {
    json[key].as_array().ok_or_else(|| format!("manifest.json: {key} is not a list"))
}

fn word(json: &Value, key: &str) -> Result<String, String> {
    let word = json[key].as_str().map(str::to_owned);
    word.ok_or_else(|| format!("manifest.json: {key} is not a text"))
}

fn number(json: &Value, key: &str) -> Result<u32, String> {
    let number = json[key].as_u64().and_then(|n| u32::try_from(n).ok());
    number.ok_or_else(|| format!("manifest.json: {key} is not a small number"))
}

fn say(path: &Path, why: &dyn std::fmt::Display) -> String {
    format!("{}: {why}", path.display())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::Tree;

    #[test]
    fn every_fixture_lies_where_its_hash_says() {
        let manifest = manifest();
        assert!(40 < manifest.fixtures.len());
        for f in &manifest.fixtures {
            assert_eq!(f.hash, manifest.hash(&f.account, &f.container), "{}", f.name);
            assert_eq!(f.partition, manifest.partition(&f.hash), "{}", f.name);
            assert!(f.files.iter().all(|file| file.name.starts_with(&f.hash)), "{}", f.name);
        }
    }

    #[test]
    fn every_fixture_is_sound_for_sqlite() {
        let tree = Tree::new();
        for f in &manifest().fixtures {
            for database in tree.add("sda", f).databases() {
                let said = crate::damage::integrity(&database);
                assert_eq!(said, ["ok"], "{}", database.display());
            }
        }
    }

    #[test]
    fn the_fixtures_cover_what_swift_can_answer() {
        let all = &manifest().fixtures;
        for state in ["unsharded", "sharding", "sharded", "collapsed"] {
            assert!(all.iter().any(|f| f.db_state() == Some(state)), "no fixture is {state}");
        }
        for deleted in [Some(true), Some(false), None] {
            assert!(all.iter().any(|f| f.is_deleted() == deleted), "is_deleted {deleted:?}");
        }
        assert_eq!(named("sharded").object_count(), Some(1000 + 1001 + 1002));
    }
}
