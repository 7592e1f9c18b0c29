//! The trees that are measured: made by Swift's broker once, kept in the user's cache.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A tree of databases and the conf that all programs run under.
#[derive(Debug)]
pub(super) struct Tree {
    dir: PathBuf,
}

impl Tree {
    /// Makes it, or finds it made.
    pub(super) fn prepare(python: &Path, kind: &str, databases: u32) -> Result<Self, String> {
        let dir = crate::swift_venv::cache()?.join(format!("bench-{kind}-{databases}"));
        let tree = Self { dir };
        let ready = tree.dir.join("ready");
        if ready.exists() {
            return Ok(tree);
        }
        let cannot = |e| format!("cannot make {}: {e}", tree.dir.display());
        if tree.dir.exists() {
            fs::remove_dir_all(&tree.dir).map_err(cannot)?;
        }
        fs::create_dir_all(tree.devices()).map_err(cannot)?;
        let script = Path::new(super::SOURCE).join("src/bench_tree.py");
        let mut command = Command::new(python);
        // -I: no file beside the script stands for a module of Python's own.
        super::say(
            command.arg("-I").arg(script).arg(tree.devices()).args([&databases.to_string(), kind]),
        )?;
        let conf = format!(
            "[DEFAULT]\nuser = root\n[container-auditor]\ndevices = {}\nmount_check = false\n\
             containers_per_second = 0\nrecon_cache_path = {}\n",
            tree.devices().display(),
            tree.dir.display(),
        );
        fs::write(tree.conf(), conf).map_err(cannot)?;
        let hash = "[swift-hash]\nswift_hash_path_prefix = martlet-prefix\n\
                    swift_hash_path_suffix = martlet-suffix\n";
        fs::write(tree.swift_conf(), hash).map_err(cannot)?;
        fs::write(&ready, "").map_err(cannot)?;
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

    /// What Swift is told to read for `/etc/swift/swift.conf`.
    pub(super) fn swift_conf(&self) -> PathBuf {
        self.dir.join("swift.conf")
    }
}
