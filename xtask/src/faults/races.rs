//! Databases that grow, shrink, are renamed, replaced or turned into a FIFO while they are read.
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use martlet_tests::command::martlet;
use martlet_tests::damage;
use nix::sys::stat::Mode;
use rusqlite::Connection;

use super::night;
use super::node::Node;
use super::pass::Pass;
use super::{Extent, Survived};

/// Containers of each kind.
const EACH: usize = 6;
/// Passes beside the changes.
const PASSES: usize = 5;
const ALL_PASSES: usize = 60;
/// Bytes that a database grows by.
const GROWN: usize = 200_000;
/// What a sound database may be found as while it is being changed.
const FAIR: [&str; 6] = ["sound", "vanished", "busy", "unreadable", "device-error", "unsettled"];

/// A change of a database that leaves it sound: itself, where another may lie, and its bytes.
type Change = (&'static str, fn(&Path, &Path, &[u8]) -> std::io::Result<()>);

const CHANGES: [Change; 5] = [
    ("grow", |path, _, _| {
        sql(path, &format!("UPDATE container_info SET metadata = zeroblob({GROWN})"))
    }),
    ("shrink", |path, _, _| sql(path, "UPDATE container_info SET metadata = ''; VACUUM")),
    ("rename", |path, other, _| {
        fs::rename(path, other)?;
        fs::rename(other, path)
    }),
    ("replace", |path, other, bytes| {
        fs::write(other, bytes)?;
        fs::rename(other, path)
    }),
    ("FIFO", |path, other, _| {
        fs::rename(path, other)?;
        let made = nix::unistd::mkfifo(path, Mode::S_IRWXU);
        fs::rename(other, path)?;
        Ok(made?)
    }),
];

/// Changes them.
///
/// # Errors
/// What was not survived.
pub(super) fn races(extent: Extent<'_>) -> Result<Vec<Survived>, String> {
    let mut node = Node::new(EACH, "")?;
    let words = node.once(martlet(), &[]);
    let sound = Pass::read(&night::pass(&words, 0, |_| Ok(()))?);
    let mut wrong = sound.judge(&node, &sound);
    wrong.extend(node.judge()?);
    let plain: Vec<PathBuf> = sound
        .verdicts
        .keys()
        .filter(|path| node.held(path).is_some_and(|held| held.kind.name == "plain"))
        .cloned()
        .collect();
    let stop = AtomicBool::new(false);
    let counts = [const { AtomicUsize::new(0) }; CHANGES.len()];
    std::thread::scope(|threads| {
        threads.spawn(|| change(&plain, &stop, &counts));
        let passes = if extent.all { ALL_PASSES } else { PASSES };
        for _ in 0..passes {
            match night::pass(&words, 0, |_| Ok(())) {
                Ok(output) => {
                    let pass = Pass::read(&output);
                    wrong.extend(pass.judge_changing(&plain, &FAIR, &sound));
                }
                Err(why) => wrong.push(why),
            }
        }
        stop.store(true, Ordering::Relaxed);
    });
    for path in &plain {
        if damage::integrity(path) != ["ok"] {
            wrong.push(format!("no longer sound: {}", path.display()));
        }
    }
    // The changes were ours: what the node remembers of these is put back by their own directory.
    let moved = node.device().join("quarantined/containers");
    let taken = plain.iter().filter_map(|path| path.parent()?.file_name());
    wrong.extend(
        taken
            .filter(|hash| moved.join(hash).exists())
            .map(|hash| format!("a sound database in the quarantine: {}", hash.display())),
    );
    if !wrong.is_empty() {
        return Err(wrong.join("\n"));
    }
    let line = |((what, _), count): (&Change, &AtomicUsize)| Survived {
        what: format!("changes under the reader: {what}"),
        fired: count.load(Ordering::Relaxed),
    };
    Ok(CHANGES.iter().zip(&counts).map(line).collect())
}

fn change(plain: &[PathBuf], stop: &AtomicBool, counts: &[AtomicUsize; CHANGES.len()]) {
    let bytes: Vec<Vec<u8>> = plain.iter().map(|path| damage::read(path)).collect();
    'all: loop {
        for ((_, change), count) in CHANGES.iter().zip(counts) {
            for (path, bytes) in plain.iter().zip(&bytes) {
                if stop.load(Ordering::Relaxed) {
                    break 'all;
                }
                let other = path.with_extension("other");
                if change(path, &other, bytes).is_ok() {
                    count.fetch_add(1, Ordering::Relaxed);
                }
            }
        }
    }
}

fn sql(path: &Path, script: &str) -> std::io::Result<()> {
    let done = Connection::open(path).and_then(|db| db.execute_batch(script));
    done.map_err(std::io::Error::other)
}
