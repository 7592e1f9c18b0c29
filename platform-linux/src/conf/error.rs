//! Why there is no conf to run with: one line that names file, section, key and value.
use super::{COMMENT, has_comment, read};
use crate::ini::{IniError, shown, shown_path};
use martlet_core::conf::SECTION;
use std::fmt;
use std::path::PathBuf;

/// Why there is no conf to run with. Shown, it is one line without control characters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ConfError {
    /// Nothing could be read at this path, because of this; Swift's words, and the reason.
    Unreadable(PathBuf, String),
    /// No file at this path has the section `[container-auditor]`; Swift's words.
    NoSection(PathBuf),
    /// More files than are read from one directory.
    TooMany(PathBuf),
    /// The text is not that of a conf file.
    Ini(IniError),
    /// A value is not what its option needs.
    Value(Box<BadValue>),
    /// `swift.conf` cannot be read, because of this.
    NoSwiftConf(PathBuf, String),
    /// `swift.conf` has neither hash prefix nor suffix; Swift's words.
    NoHashPath(PathBuf),
}

/// A value that its option cannot have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadValue {
    /// The file it is written in; the conf itself if it is a default.
    pub file: PathBuf,
    /// The section it stands in: the auditor's, or `DEFAULT`.
    pub section: String,
    /// The option.
    pub key: &'static str,
    /// The value, as found.
    pub value: String,
    /// What it is not.
    pub why: String,
}

impl ConfError {
    /// The line as Swift prints it: it does not say why a conf cannot be read (`readconf`).
    #[must_use]
    pub fn in_swifts_words(&self) -> String {
        if let Self::Unreadable(conf, _) = self {
            return format!("Unable to read config from {}", shown_path(conf));
        }
        self.to_string()
    }
}

impl fmt::Display for ConfError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreadable(conf, why) => {
                write!(f, "Unable to read config from {}: {why}", shown_path(conf))
            }
            Self::NoSection(conf) => {
                write!(f, "Unable to find {SECTION} config section in {}", shown_path(conf))
            }
            Self::TooMany(conf) => {
                write!(f, "{}: more than {} conf files", shown_path(conf), read::FILES_MAX)
            }
            Self::Ini(error) => error.fmt(f),
            Self::Value(bad) => {
                let (section, value) = (shown(&bad.section), shown(&bad.value));
                write!(f, "{}: [{section}] {} = {value}: ", shown_path(&bad.file), bad.key)?;
                f.write_str(&bad.why)?;
                if has_comment(&bad.value) { write!(f, " ({COMMENT})") } else { Ok(()) }
            }
            Self::NoSwiftConf(path, why) => write!(f, "cannot read {}: {why}", shown_path(path)),
            Self::NoHashPath(path) => write!(
                f,
                "Error: [swift-hash]: both swift_hash_path_suffix and swift_hash_path_prefix are \
                 missing from {}",
                shown_path(path)
            ),
        }
    }
}

impl std::error::Error for ConfError {}

impl From<IniError> for ConfError {
    fn from(error: IniError) -> Self {
        Self::Ini(error)
    }
}
