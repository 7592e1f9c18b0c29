//! [`DbPath`]: where a database lies, and what its place says of it.
//!
//! A path is any bytes. `DEVICE/containers/PARTITION/SUFFIX/HASH/FILE` is a *reading* of them
//! ([`DbPath::place`]), never a condition for being audited: Swift audits any `*.db` it finds.

use core::hash::{Hash, Hasher};

/// Bytes of a path at most. SQLite opens nothing longer (`MAX_PATHNAME` 512, less 8 for suffixes).
pub const PATH_MAX: usize = 504;
const _: () = assert!(PATH_MAX < 65_536, "the length is kept in 16 bits");

/// The directory of a device that holds its partitions (`DATADIR` of `swift.container.backend`).
pub const DATADIR: &[u8] = b"containers";

/// The path of one database, absolute or as the caller named it: any bytes, [`PATH_MAX`] kept.
///
/// It is copied and compared as far as it is used: most are a fifth of what there is room for.
pub struct DbPath {
    bytes: [u8; PATH_MAX],
    /// Length as found, which may be more than is kept.
    found: u16,
}

impl DbPath {
    /// No path at all: the value of a buffer not in use.
    pub const EMPTY: Self = Self { bytes: [0; PATH_MAX], found: 0 };

    /// Keeps `path`, or its first [`PATH_MAX`] bytes; see [`DbPath::is_whole`].
    #[must_use]
    pub fn new(path: &[u8]) -> Self {
        let mut new = Self::EMPTY;
        new.keep(path);
        new
    }

    /// Keeps `path` in the place of what was kept before.
    pub(crate) fn keep(&mut self, path: &[u8]) {
        let kept = path.len().min(PATH_MAX);
        if let (Some(to), Some(from)) = (self.bytes.get_mut(..kept), path.get(..kept)) {
            to.copy_from_slice(from);
        }
        self.found = u16::try_from(path.len()).unwrap_or(u16::MAX);
    }

    /// The bytes kept.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..usize::from(self.found)).unwrap_or(&self.bytes)
    }

    /// Whether nothing had to be cut off. A cut path names nothing that SQLite could open.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        usize::from(self.found) <= PATH_MAX
    }

    /// The last name of the path: the file's.
    #[must_use]
    pub fn file(&self) -> &[u8] {
        self.as_bytes().rsplit(|byte| *byte == b'/').next().unwrap_or_default()
    }

    /// What the last five names of the path say.
    #[must_use]
    pub fn place(&self) -> Place<'_> {
        let mut names = self.as_bytes().rsplit(|byte| *byte == b'/');
        let mut next = || names.next().unwrap_or_default();
        let file = next();
        let (stem, epoch) = split_file_name(file);
        let (hash, suffix, partition, datadir) = (next(), next(), next(), next());
        Place { file, stem, epoch, hash, suffix, partition, datadir }
    }
}

impl Clone for DbPath {
    fn clone(&self) -> Self {
        let mut new = Self::EMPTY;
        new.clone_from(self);
        new
    }

    fn clone_from(&mut self, other: &Self) {
        self.keep(other.as_bytes());
        self.found = other.found;
    }
}

impl PartialEq for DbPath {
    fn eq(&self, other: &Self) -> bool {
        self.found == other.found && self.as_bytes() == other.as_bytes()
    }
}

impl Eq for DbPath {}

impl Hash for DbPath {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.found.hash(state);
        self.as_bytes().hash(state);
    }
}

impl Default for DbPath {
    fn default() -> Self {
        Self::EMPTY
    }
}

impl core::fmt::Debug for DbPath {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "DbPath(\"{}\")", self.as_bytes().escape_ascii())
    }
}

/// The names a path is made of, from the right; empty where the path is shorter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place<'a> {
    /// The file's name: `HASH.db` or `HASH_EPOCH.db`.
    pub file: &'a [u8],
    /// The file's name up to its first `_`, without `.db`: what Swift groups epochs by.
    pub stem: &'a [u8],
    /// What stands between that `_` and the ending, if there is one: the sharding epoch.
    pub epoch: Option<&'a [u8]>,
    /// The directory the file lies in: the hash of account and container.
    pub hash: &'a [u8],
    /// The directory above: the hash's last three digits.
    pub suffix: &'a [u8],
    /// The directory above that: the ring's partition.
    pub partition: &'a [u8],
    /// The directory above that: `containers` in Swift's tree.
    pub datadir: &'a [u8],
}

/// Splits `HASH[_EPOCH].db` as Swift's `parse_db_filename` does: ending off, then the first `_`.
#[must_use]
pub fn split_file_name(file: &[u8]) -> (&[u8], Option<&[u8]>) {
    let name = file.strip_suffix(b".db").unwrap_or(file);
    let mut parts = name.splitn(2, |byte| *byte == b'_');
    (parts.next().unwrap_or_default(), parts.next())
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;

    #[test]
    fn the_last_names_are_read_from_the_right() {
        let path = DbPath::new(b"/srv/node/sda/containers/1021/a83/ff0/0a_17.0.db");
        let place = path.place();
        assert_eq!(place.file, b"0a_17.0.db");
        assert_eq!(place.stem, b"0a");
        assert_eq!(place.epoch, Some(&b"17.0"[..]));
        assert_eq!(place.hash, b"ff0");
        assert_eq!(place.suffix, b"a83");
        assert_eq!(place.partition, b"1021");
        assert_eq!(place.datadir, b"containers");
    }

    #[test]
    fn odd_names_are_read_without_complaint() {
        assert_eq!(split_file_name(b".db"), (&b""[..], None));
        assert_eq!(split_file_name(b"_.db"), (&b""[..], Some(&b""[..])));
        assert_eq!(split_file_name(b"a_b_c.db"), (&b"a"[..], Some(&b"b_c"[..])));
        let short = DbPath::new(b"x.db");
        assert_eq!(short.place().hash, b"");
    }

    #[test]
    fn a_long_path_is_cut_and_says_so() {
        let long = [b'x'; PATH_MAX + 1];
        assert!(DbPath::new(&long[..PATH_MAX]).is_whole());
        let cut = DbPath::new(&long);
        assert!(!cut.is_whole());
        assert_eq!(cut.as_bytes().len(), PATH_MAX);
        assert!(!DbPath::new(&std::vec![b'x'; 70_000]).is_whole(), "longer than the counter");
    }

    #[test]
    fn nothing_is_left_of_a_longer_path_in_the_same_place() {
        let long = DbPath::new(&[b'x'; PATH_MAX + 9]);
        for path in [&b"a/b.db"[..], b"", &[b'y'; PATH_MAX]] {
            let (short, mut kept) = (DbPath::new(path), long.clone());
            assert_eq!(kept, long);
            assert_ne!(kept, short);
            kept.clone_from(&short);
            assert_eq!(kept, short);
            assert_eq!((kept.as_bytes(), kept.is_whole()), (path, true));
        }
        let other = DbPath::new(&[b'x'; PATH_MAX + 8]);
        assert_ne!(long, other, "what was cut off counts by its length");
    }
}
