//! [`IniError`]: what can be wrong with a conf file, told in one line.
use super::BYTES_MAX;
use super::expand::{DEPTH_MAX, EXPAND_MAX};
use std::fmt;
use std::path::{Path, PathBuf};

/// What is wrong, in Python's terms. Texts are as found, to be escaped when shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wrong {
    /// Bytes that are not UTF-8 (`UnicodeDecodeError`).
    NotUtf8,
    /// More than [`BYTES_MAX`]; Python has no such bound.
    TooLarge,
    /// A line before the first section (`MissingSectionHeaderError`).
    NoHeader(String),
    /// A line without key or without value, and how many more there are (`ParsingError`).
    NotALine(String, usize),
    /// A section that the same file has above (`DuplicateSectionError`).
    SectionTwice(String),
    /// A key that the same section of the same file has above (`DuplicateOptionError`).
    KeyTwice(String, String),
    /// `%(` without `)s`, or `%` before anything but `%` and `(` (`InterpolationSyntaxError`).
    NotAReference(String, String),
    /// A reference to a key that is not there (`InterpolationMissingOptionError`).
    NoSuchKey(String, String),
    /// References more than ten deep (`InterpolationDepthError`).
    TooDeep(String),
    /// More than `EXPAND_MAX` bytes; Python has no such bound.
    TooLong(String),
}

/// A mistake and its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IniError {
    /// The file.
    pub file: PathBuf,
    /// The line, from 1; 0: the file as a whole.
    pub line: usize,
    /// The mistake.
    pub wrong: Wrong,
}

impl fmt::Display for IniError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", shown_path(&self.file))?;
        if self.line != 0 {
            write!(f, ":{}", self.line)?;
        }
        f.write_str(": ")?;
        match &self.wrong {
            Wrong::NotUtf8 => f.write_str("not UTF-8"),
            Wrong::TooLarge => write!(f, "conf files of more than {BYTES_MAX} bytes are not read"),
            Wrong::NoHeader(line) => write!(f, "text before the first section: {}", begin(line)),
            Wrong::NotALine(line, more) => {
                write!(f, "neither a section nor a key with its value: {}", begin(line))?;
                if *more == 0 { Ok(()) } else { write!(f, " (and {more} more such lines)") }
            }
            Wrong::SectionTwice(name) => write!(f, "[{}] is there twice", shown(name)),
            Wrong::KeyTwice(section, key) => {
                write!(f, "[{}] {} is there twice", shown(section), shown(key))
            }
            Wrong::NotAReference(key, text) => {
                write!(f, "{}: neither %(name)s nor %%: {}", shown(key), shown(text))
            }
            Wrong::NoSuchKey(key, name) => {
                write!(f, "{}: %({})s refers to a key that is not there", shown(key), shown(name))
            }
            Wrong::TooDeep(key) => {
                write!(f, "{}: references are more than {DEPTH_MAX} deep", shown(key))
            }
            Wrong::TooLong(key) => {
                write!(f, "{}: references make more than {EXPAND_MAX} bytes", shown(key))
            }
        }
    }
}

impl std::error::Error for IniError {}

/// Letters of a quoted text at most; the rest is cut.
const SHOWN_MAX: usize = 120;
/// Letters of a line that is no line of a conf: enough to find it by.
const BEGIN_MAX: usize = 40;

/// `text` fit for one line: control characters, line separators and byte order marks, which nobody
/// sees, are escaped, and a long text is cut.
pub(crate) fn shown(text: &str) -> String {
    cut(text, SHOWN_MAX)
}

/// All of `text` fit for one line: what an operator asked to see.
pub(crate) fn whole(text: &str) -> String {
    cut(text, usize::MAX)
}

/// The beginning of what may be anything, fit for one line.
fn begin(text: &str) -> String {
    cut(text, BEGIN_MAX)
}

fn cut(text: &str, most: usize) -> String {
    let mut line = String::new();
    for (count, letter) in text.chars().enumerate() {
        if count == most {
            line.push_str("...");
            break;
        }
        match letter {
            '\u{2028}' | '\u{2029}' | '\u{feff}' => line.extend(letter.escape_unicode()),
            _ if letter.is_control() => line.extend(letter.escape_default()),
            _ => line.push(letter),
        }
    }
    line
}

/// `path` fit for one line.
pub(crate) fn shown_path(path: &Path) -> String {
    whole(&path.to_string_lossy())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quoted_text_stays_on_its_line() {
        assert_eq!(shown("a b \u{fc}"), "a b \u{fc}");
        assert_eq!(shown("a\nb\r\tc\0"), "a\\nb\\r\\tc\\u{0}");
        assert_eq!(shown("\u{1b}[31m\u{85}\u{2028}"), "\\u{1b}[31m\\u{85}\\u{2028}");
        assert_eq!(shown("\u{feff}[x]"), "\\u{feff}[x]");
        assert_eq!(shown(&"x".repeat(SHOWN_MAX)), "x".repeat(SHOWN_MAX));
        assert_eq!(shown(&"x".repeat(SHOWN_MAX + 1)), "x".repeat(SHOWN_MAX) + "...");
        assert_eq!(begin(&"x".repeat(SHOWN_MAX)), "x".repeat(BEGIN_MAX) + "...");
    }

    #[test]
    fn a_path_is_told_whole() {
        let long = "/x".repeat(SHOWN_MAX);
        assert_eq!(shown_path(Path::new(&long)), long);
        assert_eq!(shown_path(Path::new("/a\nb")), "/a\\nb");
    }
}
