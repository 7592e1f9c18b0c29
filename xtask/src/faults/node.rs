//! A node with twenty containers of each kind, and a memory of every byte of it: what a pass changed
//! is found, judged and put back.
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use martlet_tests::damage;
use martlet_tests::demo::confs;
use martlet_tests::fixtures::named;
use martlet_tests::tree::{Placed, Tree};
use rusqlite::Connection;
use tempfile::TempDir;

/// The only device, so that each pass takes the same way.
const DEVICE: &str = "sda";
/// A member of the recon cache that belongs to another daemon.
pub(super) const FOREIGN: &str = r#""object_auditor_stats_ALL": {"audit_time": NaN}"#;

/// What an audit may do to a container.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum May {
    /// Look.
    Look,
    /// Let SQLite recover it.
    Recover,
    /// Move it to the quarantine.
    Move,
}

/// A kind of container.
#[derive(Debug)]
pub(super) struct Kind {
    /// What it is called.
    pub(super) name: &'static str,
    fixture: &'static str,
    /// What an audit may do to it.
    pub(super) may: May,
    spoil: fn(&Placed),
}

const fn kind(name: &'static str, fixture: &'static str, may: May, spoil: fn(&Placed)) -> Kind {
    Kind { name, fixture, may, spoil }
}

/// What the transaction does whose writer died.
const RENAME: &str = "UPDATE container_info SET reported_object_count = reported_object_count + 1";

/// The kinds: each way through the audit.
pub(super) static KINDS: [Kind; 13] = [
    kind("plain", "small", May::Look, |_| {}),
    kind("deleted", "deleted", May::Look, |_| {}),
    kind("large-row", "big-metadata", May::Look, |_| {}),
    kind("old-schema", "old-policies", May::Look, |_| {}),
    kind("sharding", "sharding", May::Look, |_| {}),
    kind("sharded", "sharded", May::Look, |_| {}),
    kind("pending", "pending-puts", May::Look, |_| {}),
    kind("revived", "pending-revives", May::Look, |_| {}),
    kind("journal", "small", May::Recover, |it| damage::hot_journal(&it.db(), RENAME)),
    kind("wal", "small", May::Recover, |it| damage::wal(&it.db(), RENAME)),
    kind("damaged", "small", May::Move, |it| damage::cut(&it.db(), 4096)),
    kind("no-row", "small", May::Look, |it| {
        damage::sql_behind_triggers(&it.db(), "DELETE FROM container_info");
    }),
    kind("empty-file", "small", May::Look, |it| damage::truncate(&it.db(), 0)),
];

/// The node.
#[derive(Debug)]
pub(super) struct Node {
    room: TempDir,
    tree: Tree,
    conf: PathBuf,
    swift_conf: PathBuf,
    held: Vec<Held>,
    by_hash: BTreeMap<String, usize>,
}

/// One hash directory as it has to be.
#[derive(Debug)]
pub(super) struct Held {
    /// The directory.
    pub(super) dir: PathBuf,
    /// What lies in it.
    pub(super) kind: &'static Kind,
    files: Vec<(OsString, Vec<u8>)>,
    seen: Seen,
    /// What SQLite's recovery made of it when that was looked at last.
    recovered: Vec<(OsString, Vec<u8>)>,
}

/// Name, inode, size and time of change of each file: nobody writes and leaves all of them.
type Seen = Vec<(OsString, u64, u64, (i64, i64))>;

impl Node {
    /// A node with `each` containers of each kind, in memory if there is such a place.
    pub(super) fn new(each: usize, more: &str) -> Result<Self, String> {
        Self::of(&KINDS, each, more, |_| Ok(()))
    }

    /// The same with a device that `mount` makes of an empty directory.
    pub(super) fn on(
        each: usize,
        more: &str,
        mount: impl FnOnce(&Path) -> Result<(), String>,
    ) -> Result<Self, String> {
        Self::of(&KINDS, each, more, mount)
    }

    /// The same with these kinds alone.
    pub(super) fn of(
        kinds: &'static [Kind],
        each: usize,
        more: &str,
        mount: impl FnOnce(&Path) -> Result<(), String>,
    ) -> Result<Self, String> {
        let memory = Path::new("/dev/shm");
        let place = if memory.is_dir() { memory.to_owned() } else { std::env::temp_dir() };
        let room = tempfile::Builder::new().prefix("martlet-faults-").tempdir_in(place);
        let room = room.map_err(|e| format!("no room: {e}"))?;
        let root = room.path().join("node");
        fs::create_dir(&root).map_err(|e| format!("cannot make {}: {e}", root.display()))?;
        let tree = Tree::at(&root);
        mount(&tree.device(DEVICE))?;
        let (conf, swift_conf) = confs(room.path(), &tree);
        let text = said(&conf, fs::read_to_string(&conf))?;
        let key = |line: &str| line.split_once(" = ").map(|(key, _)| key.to_owned());
        let ours: Vec<_> = more.lines().filter_map(key).collect();
        let kept = text.lines().filter(|line| key(line).is_none_or(|key| !ours.contains(&key)));
        let text: String = kept.flat_map(|line| [line, "\n"]).collect();
        said(&conf, fs::write(&conf, format!("{text}quarantine_limit = 1000000\n{more}")))?;
        let mut node =
            Self { room, tree, conf, swift_conf, held: Vec::new(), by_hash: BTreeMap::new() };
        for kind in kinds {
            for number in 0..each {
                let container = format!("{}-{number}", kind.name);
                let fixture = named(kind.fixture);
                let placed = node.tree.add_as(DEVICE, fixture, "AUTH_faults", &container);
                (kind.spoil)(&placed);
                node.hold(placed.dir, kind)?;
            }
        }
        node.put_recon()?;
        Ok(node)
    }

    fn hold(&mut self, dir: PathBuf, kind: &'static Kind) -> Result<(), String> {
        let files = said(&dir, files(&dir))?;
        let hash = dir.file_name().unwrap_or_default().to_string_lossy().into_owned();
        self.by_hash.insert(hash, self.held.len());
        let seen = look(&dir);
        self.held.push(Held { dir, kind, files, seen, recovered: Vec::new() });
        Ok(())
    }

    /// `martlet once` over it.
    pub(super) fn once(&self, martlet: &Path, more: &[&str]) -> Vec<OsString> {
        let mut words: Vec<OsString> =
            vec![martlet.into(), "once".into(), self.conf.clone().into()];
        words.extend(["--swift-conf".into(), self.swift_conf.clone().into()]);
        words.extend(["--json".into(), "-q".into()]);
        words.extend(more.iter().map(OsString::from));
        words
    }

    /// Where everything lies.
    pub(super) fn room(&self) -> &Path {
        self.room.path()
    }

    /// The device.
    pub(super) fn device(&self) -> PathBuf {
        self.devices().join(DEVICE)
    }

    /// The directory of devices.
    pub(super) fn devices(&self) -> &Path {
        self.tree.devices()
    }

    /// What lies in the hash directory that a path leads into.
    pub(super) fn held(&self, path: &Path) -> Option<&Held> {
        let mut names = path.iter();
        let found = names.find_map(|name| self.by_hash.get(&*name.to_string_lossy()));
        found.and_then(|&row| self.held.get(row))
    }

    /// The recon cache.
    pub(super) fn recon(&self) -> PathBuf {
        self.room.path().join("container.recon")
    }

    /// Puts the recon cache back to what another daemon wrote.
    fn put_recon(&self) -> Result<(), String> {
        let path = self.recon();
        said(&path, fs::write(&path, format!("{{{FOREIGN}}}\n")))
    }

    /// Judges what was changed and puts it back. Each line is a thing that must not happen.
    pub(super) fn judge(&mut self) -> Result<Vec<String>, String> {
        let mut wrong = Vec::new();
        let quarantine = self.device().join("quarantined/containers");
        for held in &mut self.held {
            if look(&held.dir) == held.seen {
                continue;
            }
            let dir = held.dir.display();
            match held.kind.may {
                May::Look => wrong.push(format!("{} changed: {dir}", held.kind.name)),
                May::Recover => wrong.extend(held.unrecovered()),
                May::Move => {
                    let moved = quarantine.join(held.dir.file_name().unwrap_or_default());
                    if held.dir.exists() || !same(&moved, &held.files) {
                        wrong.push(format!("neither here nor in the quarantine as it was: {dir}"));
                    }
                }
            }
            held.put_back()?;
        }
        wrong.extend(self.strangers(&quarantine)?);
        wrong.extend(self.judge_recon());
        self.put_recon()?;
        Ok(wrong)
    }

    /// What is in the quarantine and must not be; it is emptied.
    fn strangers(&self, quarantine: &Path) -> Result<Vec<String>, String> {
        let Ok(entries) = fs::read_dir(quarantine) else { return Ok(Vec::new()) };
        let mut wrong = Vec::new();
        for entry in entries.flatten() {
            let hash = entry.file_name();
            let held = self.by_hash.get(&*hash.to_string_lossy()).and_then(|&it| self.held.get(it));
            if !held.is_some_and(|held| held.kind.may == May::Move) {
                let name = held.map_or("a stranger", |held| held.kind.name);
                wrong.push(format!("{name} in the quarantine: {}", entry.path().display()));
            }
        }
        let top = quarantine.parent().unwrap_or(quarantine);
        said(top, fs::remove_dir_all(top))?;
        Ok(wrong)
    }

    fn judge_recon(&self) -> Option<String> {
        let path = self.recon();
        let text = fs::read_to_string(&path).unwrap_or_default();
        // serde_json reads no NaN, which the other daemon's member has on purpose.
        let valid = serde_json::from_str::<serde_json::Value>(&text.replace("NaN", "0"))
            .is_ok_and(|value| value.is_object());
        let kept = text.contains(FOREIGN);
        (!valid || !kept).then(|| format!("the recon cache is {text:?}"))
    }
}

impl Held {
    fn put_back(&mut self) -> Result<(), String> {
        if self.dir.exists() {
            said(&self.dir, fs::remove_dir_all(&self.dir))?;
        }
        said(&self.dir, fs::create_dir_all(&self.dir))?;
        for (name, bytes) in &self.files {
            let path = self.dir.join(name);
            said(&path, fs::write(&path, bytes))?;
        }
        self.seen = look(&self.dir);
        Ok(())
    }

    /// What a container that was to be recovered is, if it is neither what it was nor what it should
    /// be: SQLite can still recover it, and then it says what it said before the writer died.
    fn unrecovered(&mut self) -> Option<String> {
        let found = files(&self.dir).unwrap_or_default();
        if !found.is_empty() && found == self.recovered {
            return None;
        }
        let (name, _) = self
            .files
            .iter()
            .find(|(name, _)| Path::new(name).extension().is_some_and(|end| end == "db"))?;
        let count = Connection::open(self.dir.join(name)).and_then(|db| {
            let ask = "SELECT reported_object_count FROM container_info";
            db.query_row(ask, [], |row| row.get::<_, i64>(0))
        });
        // The journal takes the change back; the log holds one that was made.
        let expected = i64::from(self.kind.name == "wal");
        match count {
            Ok(count) if count == expected => {
                self.recovered = found;
                None
            }
            other => Some(format!("{} says {other:?}: {}", self.kind.name, self.dir.display())),
        }
    }
}

/// The files of a directory, in order of name.
fn files(dir: &Path) -> std::io::Result<Vec<(OsString, Vec<u8>)>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        files.push((entry.file_name(), fs::read(entry.path())?));
    }
    files.sort();
    Ok(files)
}

fn look(dir: &Path) -> Seen {
    let entries = fs::read_dir(dir).into_iter().flatten().flatten();
    let mut seen: Seen = entries
        .map(|entry| match fs::symlink_metadata(entry.path()) {
            Ok(it) => (entry.file_name(), it.ino(), it.size(), (it.ctime(), it.ctime_nsec())),
            Err(_) => (entry.file_name(), 0, 0, (0, 0)),
        })
        .collect();
    seen.sort();
    seen
}

fn same(dir: &Path, files: &[(OsString, Vec<u8>)]) -> bool {
    files.iter().all(|(name, bytes)| fs::read(dir.join(name)).is_ok_and(|found| found == *bytes))
}

/// An I/O answer with the path that it is about.
pub(super) fn said<T>(path: &Path, result: std::io::Result<T>) -> Result<T, String> {
    result.map_err(|e| format!("{}: {e}", path.display()))
}
