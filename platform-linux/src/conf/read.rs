//! From a path to the bytes of its conf files (`readconf`, `read_conf_dir`).
use super::ConfError;
use crate::ini::{BYTES_MAX, Source, shown_path};
use crate::listing;
use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Read};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileTypeExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

/// Files of a directory at most: a thousand times the few that packages put there.
pub(super) const FILES_MAX: usize = 4096;

/// The conf files at a path, in the order in which they count.
#[derive(Clone, Debug, Default)]
pub struct Sources {
    /// What could be read; a later file wins.
    pub read: Vec<Source>,
    /// What could not, and why. Swift passes over such a file without a word.
    pub skipped: Vec<(PathBuf, String)>,
}

/// Reads the file at `conf`, or each `*.conf` of the directory that does not begin with `.`, in
/// the order of their names. At least one must be readable.
pub fn sources(conf: &Path) -> Result<Sources, ConfError> {
    let files = if conf.is_dir() { names(conf)? } else { vec![conf.to_owned()] };
    let mut sources = Sources::default();
    let mut room = BYTES_MAX;
    for file in files {
        match read(&file, room) {
            Ok(bytes) => {
                // With no room left a file still shows, by one byte, that there is too much.
                room = room.saturating_sub(bytes.len());
                sources.read.push(Source { file, bytes });
            }
            Err(error) => sources.skipped.push((file, error.to_string())),
        }
    }
    if sources.read.is_empty() {
        let why = match sources.skipped.first() {
            None => "there is no *.conf in it".to_owned(),
            Some((file, why)) if file == conf => why.clone(),
            Some((file, why)) => format!("none of its *.conf, {}: {why}", shown_path(file)),
        };
        return Err(ConfError::Unreadable(conf.to_owned(), why));
    }
    Ok(sources)
}

fn names(conf: &Path) -> Result<Vec<PathBuf>, ConfError> {
    let unreadable = |why: io::Error| ConfError::Unreadable(conf.to_owned(), why.to_string());
    let mut names: Vec<OsString> = Vec::new();
    for name in listing::names(conf).map_err(unreadable)? {
        let name = name.map_err(unreadable)?;
        let bytes = name.as_bytes();
        if !bytes.ends_with(b".conf") || bytes.starts_with(b".") {
            continue;
        }
        if names.len() == FILES_MAX {
            return Err(ConfError::TooMany(conf.to_owned()));
        }
        names.push(name);
    }
    names.sort();
    Ok(names.iter().map(|name| conf.join(name)).collect())
}

/// The bytes of a file; one more than there is `room` for stands for all that are too many.
pub(super) fn read(file: &Path, room: usize) -> io::Result<Vec<u8>> {
    let limit = u64::try_from(room).unwrap_or(u64::MAX).saturating_add(1);
    let mut bytes = Vec::new();
    // A FIFO would keep open(2) waiting for a writer, and with it the thread that takes signals.
    let nonblocking = nix::fcntl::OFlag::O_NONBLOCK.bits();
    let file = File::options().read(true).custom_flags(nonblocking).open(file)?;
    if file.metadata()?.file_type().is_fifo() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "a FIFO, not a file"));
    }
    file.take(limit).read_to_end(&mut bytes)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fifo_is_refused_and_holds_nobody() {
        let folder = tempfile::tempdir().expect("a folder");
        let fifo = folder.path().join("c.conf");
        nix::unistd::mkfifo(&fifo, nix::sys::stat::Mode::S_IRUSR).expect("a FIFO");
        let error = read(&fifo, 100).expect_err("there is nothing to read");
        assert_eq!(error.to_string(), "a FIFO, not a file");
    }
}
