//! What an operator asks of a conf: what holds, where it comes from, what is not understood.
use super::{COMMENT, Opt, Settings, has_comment};
use crate::ini::{DEFAULT, Entry, Origin, shown, shown_path, whole};
use martlet_core::conf::{Kind, Level, OPTIONS, known_facility, switch};
use martlet_core::python::float;
use std::fmt;

/// An option and what holds for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Effective<'a> {
    /// The option.
    pub option: &'static Opt,
    /// Its text, references replaced.
    pub value: &'a str,
    /// Where it is written; `None`: nowhere, the default holds.
    pub origin: Option<&'a Origin>,
}

impl fmt::Display for Effective<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} = {}", self.option.name, whole(self.value))?;
        match self.origin {
            None => f.write_str("  (default)"),
            Some(Origin { file, line, section }) => {
                write!(f, "  ({}:{line}, [{}])", shown_path(file), shown(section))
            }
        }
    }
}

/// A key that no option has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unknown<'a> {
    /// The key, its value and its place.
    pub entry: &'a Entry,
    /// The option whose name is nearest, if one is near; of `set NAME = ...` the option NAME.
    pub near: Option<&'static Opt>,
}

impl fmt::Display for Unknown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Origin { file, line, section } = &self.entry.origin;
        let (file, section) = (shown_path(file), shown(section));
        write!(f, "{file}:{line}: [{section}] {}: ", shown(&self.entry.key))?;
        match (pasted(&self.entry.key), self.near) {
            (Some(_), Some(near)) => {
                let value = shown(&self.entry.value);
                f.write_str("\"set\" is for paste pipelines and has no effect here; ")?;
                write!(f, "write {} = {value}", near.name)
            }
            (Some(_), None) => f.write_str("\"set\" is for paste pipelines and has no effect here"),
            (None, Some(near)) => write!(f, "not an option; did you mean {}?", near.name),
            (None, None) => f.write_str("not an option of the auditor"),
        }
    }
}

impl Settings {
    /// Every option in the table's order, with the text that holds for it.
    pub fn effective(&self) -> impl Iterator<Item = Effective<'_>> {
        OPTIONS.iter().map(|option| {
            match self.entries.iter().find(|entry| entry.key == option.name) {
                None => Effective { option, value: option.default, origin: None },
                Some(entry) => {
                    Effective { option, value: &entry.value, origin: Some(&entry.origin) }
                }
            }
        })
    }

    /// Every key that no option has. What `[DEFAULT]` says to other daemons is left out, unless it
    /// is near to an option's name, and so is a key that another value refers to.
    #[must_use]
    pub fn unknown(&self) -> Vec<Unknown<'_>> {
        let no_option = |key: &str| OPTIONS.iter().all(|option| option.name != key);
        let entries = self.entries.iter();
        let entries = entries.filter(|entry| no_option(&entry.key) && !entry.referenced);
        let unknown = entries.map(|entry| {
            let name = pasted(&entry.key).unwrap_or(&entry.key);
            Unknown { entry, near: nearest(name) }
        });
        let said = |key: &Unknown<'_>| {
            let inherited = key.entry.origin.section == DEFAULT;
            !inherited || key.near.is_some() || pasted(&key.entry.key).is_some()
        };
        unknown.filter(said).collect()
    }

    /// What else an operator should know of this conf, a line each: files that were passed over,
    /// and values that are taken, as Swift takes them, but hardly mean what they say.
    #[must_use]
    pub fn notes(&self) -> Vec<String> {
        let skipped = self.skipped.iter();
        let skipped =
            skipped.map(|(file, why)| format!("{}: passed over: {}", shown_path(file), shown(why)));
        let doubts = self.effective().filter_map(|option| {
            let Origin { file, line, section } = option.origin?;
            let (file, section) = (shown_path(file), shown(section));
            let (name, value) = (option.option.name, shown(option.value));
            let doubt = doubt(option.option, option.value)?;
            Some(format!("{file}:{line}: [{section}] {name} = {value}: {doubt}"))
        });
        skipped.chain(doubts).collect()
    }

    /// The options whose text differs between two confs.
    #[must_use]
    pub fn changed(&self, other: &Self) -> Vec<&'static Opt> {
        let pairs = self.effective().zip(other.effective());
        pairs.filter(|(a, b)| a.value != b.value).map(|(a, _)| a.option).collect()
    }
}

/// Why a value that is taken hardly means what it says, if so.
fn doubt(option: &Opt, value: &str) -> Option<&'static str> {
    if value.contains('\0') {
        return Some("a NUL character is in it");
    }
    let relative = !value.is_empty() && !value.starts_with('/');
    let (is_so, why) = match option.kind {
        Kind::Bool => (switch(value).is_none(), "neither true nor false: false is used"),
        Kind::Level => (Level::known(value).is_none(), "not a level: INFO is used"),
        Kind::Facility => (known_facility(value).is_none(), "not a facility: LOG_LOCAL0 is used"),
        Kind::List => (!value.is_empty(), "Python functions are not called"),
        Kind::Path if relative => (true, "a relative path is seen from /"),
        Kind::Path | Kind::Text => (has_comment(value), COMMENT),
        Kind::Float => {
            let endless = option.name == "interval" && float(value.as_bytes()) == Some(0.0);
            (endless, "passes follow each other without a pause")
        }
        Kind::Switch
        | Kind::Int
        | Kind::Percent
        | Kind::Seconds
        | Kind::IoClass
        | Kind::Reserve
        | Kind::Format => return None,
    };
    is_so.then_some(why)
}

/// The name in `set NAME`, the form of a paste pipeline.
fn pasted(key: &str) -> Option<&str> {
    key.strip_prefix("set ").map(str::trim)
}

/// The option whose name takes the fewest slips of the pen, if they are few for its length.
fn nearest(name: &str) -> Option<&'static Opt> {
    let name = name.to_lowercase().replace('-', "_");
    let near = OPTIONS.iter().map(|option| (slips(&name, option.name), option));
    let (count, option) = near.min_by_key(|(count, _)| *count)?;
    (count <= (option.name.len() / 4).min(SLIPS_MAX)).then_some(option)
}

/// Slips of the pen that leave a name recognisable.
const SLIPS_MAX: usize = 2;

/// Letters to add, drop, change or swap with the next between two names (the distance of Damerau
/// and Levenshtein); anything above [`SLIPS_MAX`] for names of very different length.
fn slips(one: &str, two: &str) -> usize {
    let (one, two): (Vec<char>, Vec<char>) = (one.chars().collect(), two.chars().collect());
    if SLIPS_MAX < one.len().abs_diff(two.len()) {
        return usize::MAX;
    }
    let mut before: Vec<usize> = Vec::new();
    let mut above: Vec<usize> = (0..=two.len()).collect();
    for (i, a) in one.iter().enumerate() {
        let mut row = vec![i + 1];
        for (j, b) in two.iter().enumerate() {
            let mut least = (above[j] + usize::from(a != b)).min(above[j + 1] + 1).min(row[j] + 1);
            if 0 < i && 0 < j && *a == two[j - 1] && one[i - 1] == *b {
                least = least.min(before[j - 1] + 1);
            }
            row.push(least);
        }
        before = std::mem::replace(&mut above, row);
    }
    above[two.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slips_of_the_pen_are_counted() {
        let check = |one, two, count| {
            assert_eq!(slips(one, two), count, "{one} {two}");
            assert_eq!(slips(two, one), count, "{two} {one}");
        };
        check("user", "user", 0);
        check("user", "users", 1);
        check("user", "used", 1);
        check("user", "usre", 1);
        check("interval", "intreval", 1);
        check("interval", "intrvel", 2);
        check("lanes", "planet", 2);
        check("", "ab", 2);
        check("", "abc", usize::MAX);
    }

    #[test]
    fn a_short_name_must_be_nearly_right() {
        let near = |name| nearest(name).map(|option| option.name);
        assert_eq!(near("uesr"), Some("user"));
        assert_eq!(near("uesrs"), None);
        assert_eq!(near("LANES"), Some("lanes"));
        assert_eq!(near("log-level"), Some("log_level"));
        assert_eq!(near("log_levels"), Some("log_level"));
        assert_eq!(near("level"), None);
        assert_eq!(near(""), None);
    }
}
