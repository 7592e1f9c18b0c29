//! A node of about a thousand databases, most of them sound, and a list of those that are not.
//!
//! Each database is a copy of a fixture under a name and a place of its own. The list is made while
//! the damage is done and knows nothing of what an audit says.
use std::fs;
use std::path::{Path, PathBuf};

use nix::unistd::{User, geteuid};

use crate::damage;
use crate::fixtures::{Fixture, manifest, named};
use crate::tree::{Placed, Tree};

/// Devices of the node.
pub const DEVICES: [&str; 4] = ["sda", "sdb", "sdc", "sdd"];
/// Sound or deleted containers on each.
const CONTAINERS: usize = 245;

/// What an audit of one path must say.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Expected {
    /// The database, or the directory that cannot be read.
    pub path: PathBuf,
    /// Its verdict; `skipped` for a directory.
    pub verdict: String,
    /// The code of its first finding; empty if there is none.
    pub code: String,
    /// What was done to it; empty if nothing was.
    pub harm: String,
}

/// One way to harm a container: in words, the copied fixture, the expected verdict and code, and how.
struct Harm {
    words: &'static str,
    fixture: &'static str,
    says: &'static str,
    spoil: fn(&Placed) -> PathBuf,
}

const fn harm(
    words: &'static str,
    fixture: &'static str,
    says: &'static str,
    spoil: fn(&Placed) -> PathBuf,
) -> Harm {
    Harm { words, fixture, says, spoil }
}

/// Each is done once on each device.
const HARMS: [Harm; 15] = [
    harm("its last page was cut off", "small", "damaged structure-corrupt", |it| {
        damage::cut(&it.db(), 4096);
        it.db()
    }),
    harm("junk over its header", "hundreds", "damaged structure-not-a-database", |it| {
        damage::write_at(&it.db(), 0, &damage::junk(100, 7));
        it.db()
    }),
    harm("zeroes over the stat table's page", "one", "damaged structure-corrupt", |it| {
        let path = it.db();
        damage::zero_page(&path, damage::root_page(&path, "container_info"));
        path
    }),
    harm("its stat row was deleted", "two-policies", "damaged stat-row-missing", |it| {
        damage::sql_behind_triggers(&it.db(), "DELETE FROM container_info");
        it.db()
    }),
    harm("its stat view was dropped", "small", "damaged stat-schema", |it| {
        damage::sql(&it.db(), "DROP VIEW container_stat");
        it.db()
    }),
    harm("no bytes are left", "metadata", "damaged stat-empty-file", |it| {
        damage::truncate(&it.db(), 0);
        it.db()
    }),
    harm("a put timestamp that is none", "empty", "damaged stat-timestamp", |it| {
        let junk = "UPDATE container_info SET put_timestamp = 'junk'";
        damage::sql_behind_triggers(&it.db(), junk);
        it.db()
    }),
    harm("a poisonous pending entry", "pending-poison", "damaged stat-pending", Placed::db),
    harm("in another hash's directory", "small", "misplaced place-hash", |it| {
        let (old, new) = (it.stem.clone(), flipped(&it.stem));
        let dir = it.dir.with_file_name(&new);
        done(&dir, fs::rename(&it.dir, &dir));
        let path = dir.join(format!("{new}.db"));
        done(&path, fs::rename(dir.join(format!("{old}.db")), &path));
        path
    }),
    harm("named after another hash", "small", "misplaced place-file", |it| {
        let path = it.dir.join(format!("{}.db", flipped(&it.stem)));
        done(&path, fs::rename(it.db(), &path));
        path
    }),
    harm("in a suffix that is not its own", "small", "misplaced place-suffix", |it| {
        let partition = it.dir.ancestors().nth(2).expect("a hash directory lies in a partition");
        let suffix = partition.join(if it.stem.ends_with("fff") { "000" } else { "fff" });
        done(&suffix, fs::create_dir_all(&suffix));
        let dir = suffix.join(&it.stem);
        done(&dir, fs::rename(&it.dir, &dir));
        dir.join(format!("{}.db", it.stem))
    }),
    harm("a link to nothing", "small", "vanished", |it| {
        replaced(it, |path| damage::link(path, Path::new("/nowhere/at/all")))
    }),
    harm("a FIFO", "small", "unreadable", |it| replaced(it, damage::fifo)),
    harm("may not be read", "small", "unreadable", |it| {
        if geteuid().is_root() {
            // Root may read everything; a directory is what it cannot read as a file.
            return replaced(it, |path| done(path, fs::create_dir(path)));
        }
        damage::chmod(&it.db(), 0);
        it.db()
    }),
    harm("a hash directory that leads to itself", "small", "skipped", |it| {
        done(&it.dir, fs::remove_dir_all(&it.dir));
        damage::link(&it.dir, &it.dir);
        it.dir.clone()
    }),
];

/// Fills `tree`. Returns what an audit must say of every database and of what it cannot enter.
#[must_use]
pub fn build(tree: &Tree) -> Vec<Expected> {
    let mut all: Vec<Expected> = std::thread::scope(|threads| {
        let fill = |(turn, device)| threads.spawn(move || fill(tree, device, turn));
        let filling: Vec<_> = DEVICES.into_iter().enumerate().map(fill).collect();
        filling.into_iter().flat_map(|it| it.join().expect("a device is filled")).collect()
    });
    all.sort();
    all
}

/// Fills one device, beginning with another fixture at each `turn`.
fn fill(tree: &Tree, device: &str, turn: usize) -> Vec<Expected> {
    let fixtures: Vec<&Fixture> = manifest().fixtures.iter().filter(|it| is_plain(it)).collect();
    let mut all = Vec::new();
    for (number, fixture) in (0..CONTAINERS).zip(fixtures.iter().cycle().skip(turn * 7)) {
        let container = format!("{}-{device}-{number}", fixture.name);
        let placed = tree.add_as(device, fixture, "AUTH_demo", &container);
        let verdict = if fixture.is_deleted() == Some(true) { "deleted" } else { "sound" };
        all.extend(placed.databases().into_iter().map(|path| Expected {
            path,
            verdict: verdict.to_owned(),
            code: String::new(),
            harm: String::new(),
        }));
    }
    for (number, it) in HARMS.iter().enumerate() {
        let container = format!("harmed-{device}-{number}");
        let placed = tree.add_as(device, named(it.fixture), "AUTH_demo", &container);
        let path = (it.spoil)(&placed);
        let (verdict, code) = it.says.split_once(' ').unwrap_or((it.says, ""));
        let (verdict, code) = (verdict.to_owned(), code.to_owned());
        all.push(Expected { path, verdict, code, harm: it.words.to_owned() });
    }
    all
}

/// Containers of one file that Swift could judge, and those that are being sharded while they live.
fn is_plain(fixture: &Fixture) -> bool {
    let is_single = fixture.files.len() == 1 || fixture.name == "sharding";
    is_single && fixture.is_deleted().is_some()
}

/// A conf for the node, and a `swift.conf` with the fixtures' hash path. Returns both paths.
///
/// # Panics
/// If they cannot be written, or this user has no name.
#[must_use]
pub fn confs(dir: &Path, tree: &Tree) -> (PathBuf, PathBuf) {
    let user = User::from_uid(geteuid()).ok().flatten().map(|user| user.name);
    let conf = dir.join("container-server.conf");
    let text = format!(
        "[DEFAULT]\ndevices = {}\nmount_check = false\nuser = {}\n\n\
         [container-auditor]\ncontainers_per_second = 0\nrecon_cache_path = {}\n\
         state_path = {}\n",
        tree.devices().display(),
        user.unwrap_or_else(|| geteuid().to_string()),
        dir.display(),
        dir.join("state").display(),
    );
    done(&conf, fs::write(&conf, text));
    let swift = dir.join("swift.conf");
    let (prefix, suffix) = (&manifest().hash_path_prefix, &manifest().hash_path_suffix);
    let text = format!(
        "[swift-hash]\nswift_hash_path_prefix = {prefix}\nswift_hash_path_suffix = {suffix}\n"
    );
    done(&swift, fs::write(&swift, text));
    (conf, swift)
}

/// Another hash with the same end and the same partition: its fifth digit from the end differs.
fn flipped(hash: &str) -> String {
    let at = hash.len() - 5;
    let other = if hash[at..].starts_with('0') { "1" } else { "0" };
    [&hash[..at], other, &hash[at + 1..]].concat()
}

fn replaced(it: &Placed, make: impl FnOnce(&Path)) -> PathBuf {
    let path = it.db();
    done(&path, fs::remove_file(&path));
    make(&path);
    path
}

fn done<T>(path: &Path, result: std::io::Result<T>) -> T {
    result.unwrap_or_else(|e| panic!("cannot prepare {}: {e}", path.display()))
}
