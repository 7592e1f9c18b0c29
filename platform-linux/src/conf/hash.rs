//! The cluster's hash prefix and suffix from `swift.conf` (`validate_hash_conf`).
use super::ConfError;
use super::read::read;
use crate::ini::{BYTES_MAX, Dialect, Ini, IniError, Source};
use std::path::Path;

/// What Swift puts around a name before it hashes it to a place. Secret: it is never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct HashPath {
    /// `swift_hash_path_prefix`; may be empty.
    pub prefix: Vec<u8>,
    /// `swift_hash_path_suffix`; may be empty.
    pub suffix: Vec<u8>,
}

impl std::fmt::Debug for HashPath {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (prefix, suffix) = (self.prefix.len(), self.suffix.len());
        write!(f, "HashPath(prefix of {prefix} bytes, suffix of {suffix} bytes)")
    }
}

/// Reads prefix and suffix from `path`, by default `/etc/swift/swift.conf`; one of them is enough.
pub fn load_swift_conf(path: &Path) -> Result<HashPath, ConfError> {
    let why = |error: std::io::Error| ConfError::NoSwiftConf(path.to_owned(), error.to_string());
    let source = Source { file: path.to_owned(), bytes: read(path, BYTES_MAX).map_err(why)? };
    let ini = Ini::read(Dialect::HashConf, &[source])?;
    let suffix = bytes(&ini, "swift_hash_path_suffix")?;
    let prefix = bytes(&ini, "swift_hash_path_prefix")?;
    if suffix.is_empty() && prefix.is_empty() {
        return Err(ConfError::NoHashPath(path.to_owned()));
    }
    Ok(HashPath { prefix, suffix })
}

/// The value's bytes as they are in the file: a letter of Latin-1 each.
fn bytes(ini: &Ini, key: &str) -> Result<Vec<u8>, IniError> {
    let value = ini.value("swift-hash", key)?.map(|entry| entry.value).unwrap_or_default();
    Ok(value.chars().filter_map(|letter| u8::try_from(u32::from(letter)).ok()).collect())
}
