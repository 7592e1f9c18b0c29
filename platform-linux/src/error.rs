//! [`Error`]: doing what, to which path, because of what. One line.

use std::fmt;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use crate::logging::Shown;

/// Something that could not be done. Displayed as
/// `cannot list /srv/node/sda/containers/1021: Permission denied (os error 13)`.
#[derive(Debug)]
pub struct Error {
    doing: &'static str,
    path: PathBuf,
    source: io::Error,
}

impl Error {
    /// `doing` is a verb that follows "cannot", and `path` is what it was done to.
    #[must_use]
    pub fn new(doing: &'static str, path: &Path, source: impl Into<io::Error>) -> Self {
        Self { doing, path: path.to_owned(), source: source.into() }
    }

    /// What was being done: the verb after "cannot".
    #[must_use]
    pub const fn doing(&self) -> &'static str {
        self.doing
    }

    /// What it was done to.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The kernel's number for the cause; 0 if the cause is not the kernel's.
    #[must_use]
    pub fn errno(&self) -> i32 {
        self.source.raw_os_error().unwrap_or(0)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = Shown(self.path.as_os_str().as_bytes());
        write!(f, "cannot {} {path}: {}", self.doing, self.source)
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.source)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_is_one_line_of_deed_path_and_cause() {
        let path = Path::new("/srv/node/sda/containers/1021");
        let error = Error::new("list", path, io::Error::from_raw_os_error(13));
        let said = "cannot list /srv/node/sda/containers/1021: Permission denied (os error 13)";
        assert_eq!(error.to_string(), said);
        assert_eq!(error.errno(), 13);
        let forged = Error::new("list", Path::new("/a\nb"), io::ErrorKind::NotFound);
        assert_eq!(forged.to_string(), "cannot list /a#012b: entity not found");
    }
}
