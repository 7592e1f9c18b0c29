//! What lies below a directory, to the byte, and what became of it.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _, PermissionsExt as _};
use std::path::Path;

use crate::damage::chmod;
use crate::fixtures::md5_hex;

/// Each path below the root, escaped, and what it is: kind, mode, content.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Snapshot(BTreeMap<String, String>);

impl Snapshot {
    /// Looks at everything below `root`; links are not followed. What belongs to a user other than
    /// `owner` is marked.
    ///
    /// # Panics
    /// If something cannot be read although it was made readable first.
    #[must_use]
    pub fn of(root: &Path, owner: u32) -> Self {
        let mut all = BTreeMap::new();
        look(root, "", owner, &mut all);
        // Links may lead to another place of the same temporary directory.
        let root = escaped(root.as_os_str().as_bytes());
        for what in all.values_mut().filter(|what| what.starts_with("link ")) {
            *what = what.replace(&root, "/room");
        }
        Self(all)
    }

    /// The part below a name, and below names that begin with it and `+`.
    #[must_use]
    pub fn below(&self, name: &str) -> Self {
        let mine = |path: &str| {
            let rest = path.strip_prefix(name);
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['/', '+']))
        };
        Self(self.0.iter().filter(|(p, _)| mine(p)).map(|(p, w)| (p.clone(), w.clone())).collect())
    }

    /// One number for all of it.
    #[must_use]
    pub fn checksum(&self) -> String {
        let text: String = self.0.iter().flat_map(|(p, w)| [p, " ", w, "\n"]).collect();
        md5_hex(text.as_bytes())
    }

    /// What is different afterwards, a line each, in order of path.
    #[must_use]
    pub fn changes(&self, after: &Self) -> Vec<String> {
        let mut lines = Vec::new();
        for (path, was) in &self.0 {
            match after.0.get(path) {
                None => lines.push(format!("gone {path}")),
                Some(is) if is != was => lines.push(format!("changed {path} {is}")),
                Some(_) => (),
            }
        }
        let new = after.0.iter().filter(|(path, _)| !self.0.contains_key(*path));
        lines.extend(new.map(|(path, is)| format!("new {path} {is}")));
        lines
    }
}

fn look(at: &Path, name: &str, owner: u32, all: &mut BTreeMap<String, String>) {
    let seen = fs::symlink_metadata(at).unwrap_or_else(|e| panic!("{}: {e}", at.display()));
    let foreign = if seen.uid() == owner { "" } else { " foreign" };
    let mode = seen.mode() & 0o7777;
    let kind = seen.file_type();
    let closed = kind.is_file() && mode & 0o400 == 0 || kind.is_dir() && mode & 0o500 != 0o500;
    if closed {
        chmod(at, mode | 0o500);
    }
    let what = if kind.is_symlink() {
        let target = fs::read_link(at).expect("a link says where it goes");
        format!("link {}", escaped(target.as_os_str().as_bytes()))
    } else if kind.is_dir() {
        format!("dir {mode:o}{foreign}")
    } else if kind.is_file() {
        let bytes = crate::damage::read(at);
        format!("file {mode:o}{foreign} {} {}", bytes.len(), md5_hex(&bytes))
    } else if kind.is_fifo() {
        format!("fifo {mode:o}{foreign}")
    } else {
        format!("other {mode:o}{foreign}")
    };
    if !name.is_empty() {
        all.insert(name.to_owned(), what);
    }
    if kind.is_dir() {
        let entries = fs::read_dir(at).unwrap_or_else(|e| panic!("{}: {e}", at.display()));
        for entry in entries.flatten() {
            let last = escaped(entry.file_name().as_bytes());
            let below = if name.is_empty() { last } else { format!("{name}/{last}") };
            look(&entry.path(), &below, owner, all);
        }
    }
    if closed {
        fs::set_permissions(at, fs::Permissions::from_mode(mode)).expect("the mode goes back");
    }
}

/// Bytes as text: what is not printable ASCII is `\xHH`.
#[must_use]
pub fn escaped(bytes: &[u8]) -> String {
    bytes
        .iter()
        .map(|b| {
            if (0x20..0x7f).contains(b) {
                char::from(*b).to_string()
            } else {
                format!("\\x{b:02x}")
            }
        })
        .collect()
}
