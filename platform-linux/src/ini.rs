//! Python's `ConfigParser` as Swift's `readconf` uses it: the same answer for the same bytes.
//!
//! ```text
//! sources (file name, bytes) → lines → sections of keys → one section's entries, interpolated
//! ```
//!
//! Several sources are read into one parser, later ones win. What Python raises is a value here,
//! with file and line. Python's order of looking at things is kept, because it decides which of two
//! mistakes is told. Unlike Python's, the work is bounded: see [`BYTES_MAX`] and `EXPAND_MAX`.
use std::collections::{HashMap, HashSet};
use std::path::PathBuf;

mod expand;
mod wrong;

use expand::{Expanding, View};
pub use wrong::{IniError, Wrong};
pub(crate) use wrong::{shown, shown_path, whole};

/// Bytes of all sources together at most: a thousand times a large conf.
pub const BYTES_MAX: usize = 1 << 20;

/// The section whose keys all others inherit.
pub const DEFAULT: &str = "DEFAULT";

/// Which of Swift's two ways to read a conf file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// `readconf`: UTF-8, keys as written, a `%` without `(` is an ordinary letter.
    ReadConf,
    /// `validate_hash_conf`: Latin-1, keys in lower case, every `%` counts.
    HashConf,
}

/// One file's bytes, and the name to say when something is wrong with them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// The file's path, for messages only.
    pub file: PathBuf,
    /// What is in it.
    pub bytes: Vec<u8>,
}

/// Where a value was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    /// The file.
    pub file: PathBuf,
    /// The line of its key, from 1.
    pub line: usize,
    /// The section it stands in: the one asked for, or [`DEFAULT`].
    pub section: String,
}

/// One key of a section, its own or inherited.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The key.
    pub key: String,
    /// The value as written; continuation lines are joined by newlines.
    pub raw: String,
    /// The value with its references replaced.
    pub value: String,
    /// Where it was written.
    pub origin: Origin,
    /// Whether a value of the section refers to it.
    pub referenced: bool,
}

/// A key's value while it is being read.
#[derive(Clone, Debug)]
struct Slot {
    key: String,
    raw: String,
    source: usize,
    line: usize,
}

/// The keys of one section, in the order of their first appearance.
#[derive(Clone, Debug, Default)]
struct Keys {
    slots: Vec<Slot>,
    at: HashMap<String, usize>,
}

impl Keys {
    fn get(&self, key: &str) -> Option<&Slot> {
        self.at.get(key).and_then(|at| self.slots.get(*at))
    }

    /// Sets a key and says which slot it has; an older value goes, its place stays.
    fn set(&mut self, slot: Slot) -> usize {
        if let Some(at) = self.at.get(&slot.key) {
            self.slots[*at] = slot;
            return *at;
        }
        self.at.insert(slot.key.clone(), self.slots.len());
        self.slots.push(slot);
        self.slots.len() - 1
    }
}

/// What several sources say together.
#[derive(Clone, Debug)]
pub struct Ini {
    dialect: Dialect,
    files: Vec<PathBuf>,
    /// [`DEFAULT`] is the first.
    sections: Vec<(String, Keys)>,
    at: HashMap<String, usize>,
}

impl Ini {
    /// Reads the sources in their order (`ConfigParser.read`).
    pub fn read(dialect: Dialect, sources: &[Source]) -> Result<Self, IniError> {
        let mut ini = Self {
            dialect,
            files: Vec::new(),
            sections: vec![(DEFAULT.to_owned(), Keys::default())],
            at: HashMap::new(),
        };
        let mut bytes = 0;
        for source in sources {
            bytes += source.bytes.len();
            if BYTES_MAX < bytes {
                let file = source.file.clone();
                return Err(IniError { file, line: 0, wrong: Wrong::TooLarge });
            }
            ini.files.push(source.file.clone());
            ini.read_one(&source.bytes).map_err(|(line, wrong)| {
                let file = source.file.clone();
                IniError { file, line, wrong }
            })?;
        }
        Ok(ini)
    }

    /// `RawConfigParser._read`: one file into what is there already.
    fn read_one(&mut self, bytes: &[u8]) -> Result<(), (usize, Wrong)> {
        let text = self.dialect.decode(bytes)?;
        let mut sections_seen = HashSet::new();
        let mut keys_seen = HashSet::new();
        let mut slots_set = Vec::new();
        let mut section: Option<usize> = None;
        let mut slot: Option<usize> = None;
        let mut indent = 0;
        let mut bad_lines: Option<(usize, String, usize)> = None;
        for (line, number) in text.split('\n').zip(1..) {
            let content = line.trim_matches(is_space);
            if content.starts_with(['#', ';']) {
                continue;
            }
            let open = section
                .zip(slot)
                .and_then(|(section, slot)| self.sections.get_mut(section)?.1.slots.get_mut(slot));
            if content.is_empty() {
                // An empty line may stand within a value.
                if let Some(open) = open {
                    open.raw.push('\n');
                }
                continue;
            }
            let line_indent = line.chars().take_while(|letter| is_space(*letter)).count();
            if let Some(open) = open.filter(|_| indent < line_indent) {
                open.raw.push('\n');
                open.raw.push_str(content);
                continue;
            }
            indent = line_indent;
            if let Some(name) = header(content) {
                section = Some(self.enter(name, &mut sections_seen).map_err(|e| (number, e))?);
                slot = None;
                continue;
            }
            let Some(section) = section else {
                return Err((number, Wrong::NoHeader(content.to_owned())));
            };
            let split = content.split_once(['=', ':']);
            if split.is_none_or(|(key, _)| key.is_empty()) {
                let bad = bad_lines.get_or_insert_with(|| (number, content.to_owned(), 0));
                bad.2 += 1;
            }
            let Some((key, value)) = split else { continue };
            let key = self.dialect.key(key.trim_end_matches(is_space));
            let (name, keys) = &mut self.sections[section];
            if !keys_seen.insert((section, key.clone())) {
                return Err((number, Wrong::KeyTwice(name.clone(), key)));
            }
            // Python takes an empty key for no key at all: nothing continues its value.
            let is_open = !key.is_empty();
            let raw = value.trim_matches(is_space).to_owned();
            let at = keys.set(Slot { key, raw, source: self.files.len() - 1, line: number });
            slots_set.push((section, at));
            slot = is_open.then_some(at);
        }
        for (section, at) in slots_set {
            let raw = &mut self.sections[section].1.slots[at].raw;
            raw.truncate(raw.trim_end_matches(is_space).len());
        }
        match bad_lines {
            Some((number, line, count)) => Err((number, Wrong::NotALine(line, count - 1))),
            None => Ok(()),
        }
    }

    /// Finds or makes the section of a header; once a file, but for [`DEFAULT`].
    fn enter(&mut self, name: &str, seen: &mut HashSet<usize>) -> Result<usize, Wrong> {
        if name == DEFAULT {
            return Ok(0);
        }
        let at = *self.at.entry(name.to_owned()).or_insert_with(|| {
            self.sections.push((name.to_owned(), Keys::default()));
            self.sections.len() - 1
        });
        if seen.insert(at) { Ok(at) } else { Err(Wrong::SectionTwice(name.to_owned())) }
    }

    /// Every key of a section with those it inherits, or `None` if there is no such section
    /// (`ConfigParser.items`). One value that cannot be interpolated spoils them all, as in Swift.
    pub fn entries(&self, section: &str) -> Result<Option<Vec<Entry>>, IniError> {
        let Some(view) = self.view(section) else { return Ok(None) };
        let inherited = view.defaults.slots.iter().map(|slot| slot.key.as_str());
        let own = view.own.slots.iter().map(|slot| slot.key.as_str());
        let own = own.filter(|key| view.defaults.get(key).is_none());
        let mut expanding = Expanding::new(self.dialect);
        let mut entries = Vec::new();
        for key in inherited.chain(own) {
            entries.extend(self.entry(section, &view, &mut expanding, key)?);
        }
        for entry in &mut entries {
            entry.referenced = expanding.referenced.contains(&entry.key);
        }
        Ok(Some(entries))
    }

    /// One key of a section, or `None` if there is no such section or key (`ConfigParser.get`).
    pub fn value(&self, section: &str, key: &str) -> Result<Option<Entry>, IniError> {
        let Some(view) = self.view(section) else { return Ok(None) };
        self.entry(section, &view, &mut Expanding::new(self.dialect), key)
    }

    fn view(&self, section: &str) -> Option<View<'_>> {
        let own = &self.sections.get(*self.at.get(section)?)?.1;
        Some(View { own, defaults: &self.sections.first()?.1 })
    }

    fn entry(
        &self,
        section: &str,
        view: &View<'_>,
        expanding: &mut Expanding,
        key: &str,
    ) -> Result<Option<Entry>, IniError> {
        let Some(slot) = view.get(key) else { return Ok(None) };
        let file = self.files[slot.source].clone();
        let value = match expanding.value(view, slot) {
            Ok(value) => value,
            Err(wrong) => return Err(IniError { file, line: slot.line, wrong }),
        };
        let section = if view.own.get(key).is_some() { section } else { DEFAULT };
        let origin = Origin { file, line: slot.line, section: section.to_owned() };
        let raw = slot.raw.clone();
        Ok(Some(Entry { key: key.to_owned(), raw, value, origin, referenced: false }))
    }
}

impl Dialect {
    /// The text of a file, its line ends made `\n` (`open` in text mode).
    fn decode(self, bytes: &[u8]) -> Result<String, (usize, Wrong)> {
        let text = match self {
            Self::HashConf => bytes.iter().map(|byte| char::from(*byte)).collect(),
            Self::ReadConf => str::from_utf8(bytes).map(str::to_owned).map_err(|error| {
                let before = bytes.get(..error.valid_up_to()).unwrap_or_default();
                (before.split(|byte| *byte == b'\n').count(), Wrong::NotUtf8)
            })?,
        };
        Ok(text.replace("\r\n", "\n").replace('\r', "\n"))
    }

    /// `optionxform`.
    fn key(self, key: &str) -> String {
        match self {
            Self::ReadConf => key.to_owned(),
            Self::HashConf => key.to_lowercase(),
        }
    }
}

/// `str.isspace`, which is also the `\s` of Python's regular expressions.
fn is_space(letter: char) -> bool {
    letter.is_whitespace() || matches!(letter, '\u{1c}'..='\u{1f}')
}

/// The name in `[name]`, up to the line's last `]`, as greedy as Python's expression.
fn header(content: &str) -> Option<&str> {
    let (name, _) = content.strip_prefix('[')?.rsplit_once(']')?;
    (!name.is_empty()).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_space_is_what_python_strips() {
        let spaces = [
            0x9..=0xd,
            0x1c..=0x20,
            0x85..=0x85,
            0xa0..=0xa0,
            0x1680..=0x1680,
            0x2000..=0x200a,
            0x2028..=0x2029,
            0x202f..=0x202f,
            0x205f..=0x205f,
            0x3000..=0x3000,
        ];
        for letter in '\0'..=char::MAX {
            let expected = spaces.iter().any(|range| range.contains(&u32::from(letter)));
            assert_eq!(is_space(letter), expected, "{letter:?}");
        }
    }

    #[test]
    fn an_entry_knows_its_place_and_its_readers() {
        let file = |name: &str, text: &str| Source { file: name.into(), bytes: text.into() };
        let sources = [
            file("1", "[DEFAULT]\nroot = /r\na = 1\n\n[s]\nb = %(root)s/b\n"),
            file("2", "[s]\n# again\na = 2\n"),
        ];
        let ini = Ini::read(Dialect::ReadConf, &sources).expect("two good files");
        let entries = ini.entries("s").expect("good values").expect("the section");
        let told: Vec<String> = entries
            .iter()
            .map(|Entry { key, raw, value, origin: Origin { file, line, section }, referenced }| {
                format!("{key}={raw}={value} {}:{line} [{section}] {referenced}", file.display())
            })
            .collect();
        let expected = [
            "root=/r=/r 1:2 [DEFAULT] true",
            "a=2=2 2:3 [s] false",
            "b=%(root)s/b=/r/b 1:6 [s] false",
        ];
        assert_eq!(told, expected);
        assert_eq!(ini.entries(DEFAULT), Ok(None), "what all inherit is no section");
    }
}
