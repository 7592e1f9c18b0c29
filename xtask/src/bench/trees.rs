//! The trees that are measured: made by Swift's broker once, kept in the user's cache.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use martlet_tests::fixtures::md5_hex;

/// Names of one file in a tree of links, at every size.
const LINKS: u32 = 10;
/// Bits of a hash that are its partition.
const PART_POWER: u32 = 14;

/// A tree of databases and the conf that all programs run under.
#[derive(Debug)]
pub(super) struct Tree {
    dir: PathBuf,
    /// How many there are.
    pub(super) databases: u32,
}

impl Tree {
    /// Makes it with Swift's broker, or finds it made.
    pub(super) fn prepare(python: &Path, kind: &str, databases: u32) -> Result<Self, String> {
        Self::made(kind, databases, |tree| {
            let script = Path::new(super::SOURCE).join("src/bench_tree.py");
            let mut command = Command::new(python);
            // -I: no file beside the script stands for a module of Python's own.
            let words = [&databases.to_string(), kind];
            super::say(command.arg("-I").arg(script).arg(tree.devices()).args(words))
        })
    }

    /// Makes a tree of hard links to the databases of `from`, ten to each, or finds it made.
    pub(super) fn of_links(from: &Self, databases: u32) -> Result<Self, String> {
        Self::made("links", databases, |tree| {
            let inodes = usize::try_from(databases.div_ceil(LINKS)).unwrap_or(usize::MAX);
            let found = databases_below(&from.devices(), inodes)?;
            if found.len() < inodes {
                return Err(format!("{} has too few databases", from.devices().display()));
            }
            for (path, number) in found.iter().cycle().zip(0..databases) {
                let hash = md5_hex(number.to_string().as_bytes());
                let top = u32::from_str_radix(&hash[..8], 16).map_err(|e| e.to_string())?;
                let (partition, suffix) = (top >> (32 - PART_POWER), &hash[29..]);
                let below = format!("sda/containers/{partition}/{suffix}/{hash}");
                let dir = tree.devices().join(below);
                fs::create_dir_all(&dir)
                    .and_then(|()| fs::hard_link(path, dir.join(format!("{hash}.db"))))
                    .map_err(|e| format!("cannot link into {}: {e}", dir.display()))?;
            }
            Ok(())
        })
    }

    fn made(
        kind: &str,
        databases: u32,
        make: impl Fn(&Self) -> Result<(), String>,
    ) -> Result<Self, String> {
        let dir = crate::swift_venv::cache()?.join(format!("bench-{kind}-{databases}"));
        let tree = Self { dir, databases };
        let ready = tree.dir.join("ready");
        if !ready.exists() {
            let cannot = |e| format!("cannot make {}: {e}", tree.dir.display());
            if tree.dir.exists() {
                fs::remove_dir_all(&tree.dir).map_err(cannot)?;
            }
            fs::create_dir_all(tree.devices()).map_err(cannot)?;
            eprintln!("making {} (once)", tree.dir.display());
            make(&tree)?;
            fs::write(&ready, "").map_err(cannot)?;
        }
        conf(&tree.conf(), &tree.devices(), &tree.dir)?;
        let hash = "[swift-hash]\nswift_hash_path_prefix = martlet-prefix\n\
                    swift_hash_path_suffix = martlet-suffix\n";
        let path = tree.swift_conf();
        fs::write(&path, hash).map_err(|e| format!("cannot write {}: {e}", path.display()))?;
        Ok(tree)
    }

    /// What `devices` is in the conf.
    pub(super) fn devices(&self) -> PathBuf {
        self.dir.join("devices")
    }

    /// The conf.
    pub(super) fn conf(&self) -> PathBuf {
        self.dir.join("auditor.conf")
    }

    /// What is read for `/etc/swift/swift.conf`.
    pub(super) fn swift_conf(&self) -> PathBuf {
        self.dir.join("swift.conf")
    }
}

/// The conf that every program runs under: no rate, no metrics, no other daemon's recon cache.
pub(super) fn conf(file: &Path, devices: &Path, folder: &Path) -> Result<(), String> {
    let text = format!(
        "[DEFAULT]\nuser = root\n[container-auditor]\ndevices = {}\nmount_check = false\n\
         containers_per_second = 0\nrecon_cache_path = {}\nstate_path =\n",
        devices.display(),
        folder.display(),
    );
    fs::write(file, text).map_err(|e| format!("cannot write {}: {e}", file.display()))
}

/// The first databases below `dir`, at most so many, in the order of their names.
pub(super) fn databases_below(dir: &Path, most: usize) -> Result<Vec<PathBuf>, String> {
    let mut found = Vec::new();
    let mut open = vec![dir.to_owned()];
    while let Some(dir) = open.pop() {
        let cannot = |e| format!("cannot list {}: {e}", dir.display());
        let mut names = Vec::new();
        for entry in fs::read_dir(&dir).map_err(cannot)? {
            names.push(entry.map_err(cannot)?.path());
        }
        names.sort();
        let (dirs, files): (Vec<_>, Vec<_>) = names.into_iter().partition(|path| path.is_dir());
        let databases = files.into_iter().filter(|it| it.extension().is_some_and(|it| it == "db"));
        found.extend(databases.take(most - found.len()));
        if found.len() == most {
            break;
        }
        open.extend(dirs.into_iter().rev());
    }
    Ok(found)
}
