//! What holds for any bytes: a function for each part that takes bytes from outside, which panics if
//! it does not. The fuzz targets in `tests/fuzz` call these, and a test replays their corpora.
//!
//! `cargo run --release --bin conf -- corpus/conf` in `tests/fuzz` searches for such bytes.
mod database;
mod machine;
mod text;

use std::path::{Path, PathBuf};

/// A part, and what has to hold of it.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// Its name: that of the fuzz target and of the directory of its corpus.
    pub name: &'static str,
    /// Takes any bytes.
    pub holds: fn(&[u8]),
}

/// Every part.
pub const TARGETS: [Target; 8] = [
    Target { name: "conf", holds: text::conf },
    Target { name: "path", holds: text::path },
    Target { name: "reader", holds: database::reader },
    Target { name: "records", holds: database::records },
    Target { name: "pending", holds: text::pending },
    Target { name: "cursor", holds: text::cursor },
    Target { name: "recon", holds: text::recon },
    Target { name: "machine", holds: machine::machine },
];

/// Runs the part of that name over `bytes`.
///
/// # Panics
/// If it does not hold, or there is no such part.
pub fn holds(name: &str, bytes: &[u8]) {
    let target = TARGETS.iter().find(|target| target.name == name);
    (target.expect("a part of this name").holds)(bytes);
}

/// Where the corpora lie: a directory a part.
#[must_use]
pub fn corpora() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus")
}

/// A directory of this process for files that are shown to others; in memory, if there is such a
/// place.
fn shown() -> tempfile::TempDir {
    let memory = Path::new("/dev/shm");
    let place = if memory.is_dir() { memory.to_owned() } else { std::env::temp_dir() };
    tempfile::Builder::new().prefix("martlet-fuzz-").tempdir_in(place).expect("a directory")
}
