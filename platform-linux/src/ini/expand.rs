//! Interpolation: `%(name)s` in a value stands for the value of another key.
use super::{BYTES_MAX, Dialect, Keys, Slot, Wrong};
use std::collections::HashSet;

/// Bytes that a section's values may have after interpolation, and references followed on the way:
/// ten levels of a hundred references each would otherwise never end.
pub(super) const EXPAND_MAX: usize = 4 * BYTES_MAX;

/// How deep references may refer to others (`configparser.MAX_INTERPOLATION_DEPTH`).
pub(super) const DEPTH_MAX: usize = 10;

/// A section as its readers see it.
pub(super) struct View<'a> {
    pub(super) own: &'a Keys,
    pub(super) defaults: &'a Keys,
}

impl<'a> View<'a> {
    pub(super) fn get(&self, key: &str) -> Option<&'a Slot> {
        self.own.get(key).or_else(|| self.defaults.get(key))
    }
}

/// The replacing of references in the values of one section.
pub(super) struct Expanding {
    dialect: Dialect,
    /// The keys referred to.
    pub(super) referenced: HashSet<String>,
    /// Bytes written and references followed so far.
    spent: usize,
}

impl Expanding {
    pub(super) fn new(dialect: Dialect) -> Self {
        Self { dialect, referenced: HashSet::new(), spent: 0 }
    }

    /// The value of a key with its references replaced (`NicerInterpolation.before_get`).
    pub(super) fn value(&mut self, view: &View<'_>, slot: &Slot) -> Result<String, Wrong> {
        if self.dialect == Dialect::ReadConf && !slot.raw.contains("%(") {
            return Ok(slot.raw.clone());
        }
        let mut value = String::new();
        self.append(view, &slot.key, &slot.raw, &mut value, 1)?;
        Ok(value)
    }

    /// `BasicInterpolation._interpolate_some`: appends `rest` of the value of `key` to `value`.
    fn append(
        &mut self,
        view: &View<'_>,
        key: &str,
        mut rest: &str,
        value: &mut String,
        depth: usize,
    ) -> Result<(), Wrong> {
        if DEPTH_MAX < depth {
            return Err(Wrong::TooDeep(key.to_owned()));
        }
        while let Some((plain, after)) = rest.split_once('%') {
            self.push(key, plain, value)?;
            if let Some(after) = after.strip_prefix('%') {
                self.push(key, "%", value)?;
                rest = after;
                continue;
            }
            let reference = after.strip_prefix('(').and_then(|after| after.split_once(')'));
            let reference = reference.filter(|(name, _)| !name.is_empty());
            let reference =
                reference.and_then(|(name, after)| Some((name, after.strip_prefix('s')?)));
            let Some((name, after)) = reference else {
                let text = &rest[plain.len()..];
                return Err(Wrong::NotAReference(key.to_owned(), text.to_owned()));
            };
            let name = self.dialect.key(name);
            let Some(slot) = view.get(&name) else {
                return Err(Wrong::NoSuchKey(key.to_owned(), name));
            };
            self.referenced.insert(name);
            if slot.raw.contains('%') {
                self.append(view, key, &slot.raw, value, depth + 1)?;
            } else {
                self.push(key, &slot.raw, value)?;
            }
            rest = after;
        }
        self.push(key, rest, value)
    }

    fn push(&mut self, key: &str, text: &str, value: &mut String) -> Result<(), Wrong> {
        self.spent += 1 + text.len();
        if EXPAND_MAX < self.spent {
            return Err(Wrong::TooLong(key.to_owned()));
        }
        value.push_str(text);
        Ok(())
    }
}
