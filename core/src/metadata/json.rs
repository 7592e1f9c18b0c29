//! JSON as Python's `json.loads` takes it, read without keeping anything.
use crate::python;

/// Lists and objects inside one another at most; Python's own bound is about a thousand.
const DEPTH_MAX: usize = 900;

/// The digits of a whole number that Python converts at most.
const INT_DIGITS_MAX: usize = 4300;

/// A string of JSON, its escapes as they stand.
#[derive(Clone, Copy)]
pub(super) struct Text<'a> {
    raw: &'a str,
}

impl<'a> Text<'a> {
    pub(super) const fn is_empty(self) -> bool {
        self.raw.is_empty()
    }

    /// The characters meant; a lone surrogate is one that no UTF-8 has.
    pub(super) fn letters(self) -> impl Iterator<Item = Option<char>> + 'a {
        let mut rest = self.raw.chars();
        core::iter::from_fn(move || {
            let letter = rest.next()?;
            if letter != '\\' {
                return Some(Some(letter));
            }
            Some(match rest.next()? {
                'b' => Some('\u{8}'),
                'f' => Some('\u{c}'),
                'n' => Some('\n'),
                'r' => Some('\r'),
                't' => Some('\t'),
                'u' => {
                    let unit = unit(&mut rest)?;
                    let mut after = rest.clone();
                    let is_pair = (0xd800..0xdc00).contains(&unit)
                        && after.next() == Some('\\')
                        && after.next() == Some('u');
                    match unit_if(is_pair, &mut after) {
                        Some(low) if (0xdc00..0xe000).contains(&low) => {
                            rest = after;
                            let high = (unit & 0x3ff) << 10;
                            char::from_u32(0x1_0000_u32.saturating_add(high | (low & 0x3ff)))
                        }
                        _ => char::from_u32(unit),
                    }
                }
                same => Some(same),
            })
        })
    }

    pub(super) fn is(self, text: &str) -> bool {
        self.letters().eq(text.chars().map(Some))
    }
}

fn unit_if(wanted: bool, letters: &mut core::str::Chars<'_>) -> Option<u32> {
    if wanted { unit(letters) } else { None }
}

fn unit(letters: &mut core::str::Chars<'_>) -> Option<u32> {
    let mut value = 0_u32;
    for _ in 0..4 {
        value = (value << 4) | letters.next()?.to_digit(16)?;
    }
    Some(value)
}

/// A reader of JSON text that keeps nothing.
#[derive(Clone)]
pub(super) struct Json<'a> {
    rest: &'a str,
}

impl<'a> Json<'a> {
    pub(super) const fn new(text: &'a str) -> Self {
        Self { rest: text }
    }

    /// Steps into a list or an object: whether there is anything in it. None if it is not one.
    pub(super) fn begin(&mut self, opens: char, closes: char) -> Option<bool> {
        self.space();
        self.take(opens)?;
        self.space();
        Some(self.take(closes).is_none())
    }

    /// After one of its elements: whether another one follows. None if neither may follow.
    pub(super) fn next(&mut self, closes: char) -> Option<bool> {
        self.space();
        if self.take(closes).is_some() {
            return Some(false);
        }
        self.take(',')?;
        self.space();
        Some(true)
    }

    /// Whether nothing but space is left.
    pub(super) fn is_at_end(&mut self) -> bool {
        self.space();
        self.rest.is_empty()
    }

    /// Whether a text begins here.
    pub(super) fn is_text(&self) -> bool {
        self.rest.starts_with('"')
    }

    /// Whether the value that begins here, which is no text, is true to Python: zero, `null`,
    /// `false` and what has no elements are not. None if there is no value.
    pub(super) fn is_true(&self) -> Option<bool> {
        let mut here = self.clone();
        for (opens, closes) in [('[', ']'), ('{', '}')] {
            if self.rest.starts_with(opens) {
                return here.begin(opens, closes);
            }
        }
        here.scalar()?;
        let length = self.rest.len().checked_sub(here.rest.len())?;
        Some(match self.rest.get(..length)? {
            "null" | "false" => false,
            "true" => true,
            number => {
                python::float(number.as_bytes()).is_none_or(|it| it.is_nan() || 0.0 < it.abs())
            }
        })
    }

    /// Steps over one value, however deep.
    pub(super) fn value(&mut self) -> Option<()> {
        // Of each level around: whether it is an object.
        let mut objects = [false; DEPTH_MAX];
        let mut depth = 0_usize;
        loop {
            self.space();
            let opened = if self.take('{').is_some() {
                Some(true)
            } else if self.take('[').is_some() {
                Some(false)
            } else {
                self.scalar()?;
                None
            };
            if let Some(is_object) = opened {
                self.space();
                if self.take(if is_object { '}' } else { ']' }).is_none() {
                    *objects.get_mut(depth)? = is_object;
                    depth = depth.checked_add(1)?;
                    if is_object {
                        self.key()?;
                    }
                    continue;
                }
            }
            // A value ended: and so may the lists and objects around it.
            loop {
                let Some(level) = depth.checked_sub(1) else { return Some(()) };
                let is_object = *objects.get(level)?;
                self.space();
                if self.take(',').is_some() {
                    self.space();
                    if is_object {
                        self.key()?;
                    }
                    break;
                }
                self.take(if is_object { '}' } else { ']' })?;
                depth = level;
            }
        }
    }

    /// A key, and the colon after it.
    pub(super) fn key(&mut self) -> Option<Text<'a>> {
        let key = self.text()?;
        self.space();
        self.take(':')?;
        Some(key)
    }

    fn scalar(&mut self) -> Option<()> {
        if self.rest.starts_with('"') {
            return self.text().map(|_| ());
        }
        for word in ["null", "true", "false", "NaN", "Infinity", "-Infinity"] {
            if let Some(rest) = self.rest.strip_prefix(word) {
                self.rest = rest;
                return Some(());
            }
        }
        self.number()
    }

    /// `-?(0|[1-9][0-9]*)` and then, each only if whole, `.[0-9]+` and `[eE][-+]?[0-9]+`; what is
    /// left over is the caller's to judge.
    fn number(&mut self) -> Option<()> {
        self.take('-');
        if self.take('0').is_none() && !(1..=INT_DIGITS_MAX).contains(&self.digits()) {
            return None;
        }
        let mut tail = Self { rest: self.rest };
        if tail.take('.').is_some() && 0 < tail.digits() {
            self.rest = tail.rest;
        }
        let mut tail = Self { rest: self.rest };
        if tail.take('e').or_else(|| tail.take('E')).is_some() {
            if tail.take('-').is_none() {
                tail.take('+');
            }
            if 0 < tail.digits() {
                self.rest = tail.rest;
            }
        }
        Some(())
    }

    fn digits(&mut self) -> usize {
        let rest = self.rest.trim_start_matches(|letter: char| letter.is_ascii_digit());
        let digits = self.rest.len().saturating_sub(rest.len());
        self.rest = rest;
        digits
    }

    /// A text.
    pub(super) fn text(&mut self) -> Option<Text<'a>> {
        self.take('"')?;
        let start = self.rest;
        let mut letters = start.chars();
        loop {
            let before = letters.as_str();
            match letters.next()? {
                '"' => {
                    self.rest = letters.as_str();
                    let length = start.len().checked_sub(before.len())?;
                    return start.get(..length).map(|raw| Text { raw });
                }
                '\\' => match letters.next()? {
                    '"' | '\\' | '/' | 'b' | 'f' | 'n' | 'r' | 't' => {}
                    'u' => {
                        unit(&mut letters)?;
                    }
                    _ => return None,
                },
                '\0'..='\u{1f}' => return None,
                _ => {}
            }
        }
    }

    pub(super) fn space(&mut self) {
        self.rest = self.rest.trim_start_matches([' ', '\t', '\n', '\r']);
    }

    fn take(&mut self, letter: char) -> Option<()> {
        self.rest = self.rest.strip_prefix(letter)?;
        Some(())
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;
    use std::format;

    /// Whether the text is one value and nothing else.
    fn is_json(text: &str) -> bool {
        let mut json = Json::new(text);
        json.value().is_some() && json.is_at_end()
    }

    #[test]
    fn json_is_what_python_reads() {
        for text in [
            "{}",
            " { } ",
            r#"{"a": ["b", "1"], "c": {"d": [1, -0.5e+3, 0, NaN, -Infinity, true, null, {}]}}"#,
            r#"{"a": "\ud800"}"#,
            r#"{"a":[[],[[]],{}]}"#,
            "null",
            "[]",
            "1",
            "\"\"",
        ] {
            assert!(is_json(text), "{text}");
        }
        for text in [
            " ",
            "{",
            "{}x",
            "{\"a\"}",
            "{\"a\":}",
            "{\"a\":1,}",
            "{a:1}",
            "{\"a\":01}",
            "{\"a\":1.}",
            "{\"a\":.5}",
            "{\"a\":+1}",
            "{\"a\":1e}",
            "{\"a\":nan}",
            "{\"a\":\"\n\"}",
            "{\"a\":\"\\x\"}",
            "{\"a\":\"\\u12\"}",
            "{\"a\":[1,]}",
            "{\"a\":[1 2]}",
            "{\"a\":[}",
            "\u{feff}{}",
            "{\"a\":\"",
        ] {
            assert!(!is_json(text), "{text}");
        }
    }

    #[test]
    fn depth_is_bounded() {
        let nested = |depth: usize| format!("{{\"a\":{}{}}}", "[".repeat(depth), "]".repeat(depth));
        assert!(is_json(&nested(DEPTH_MAX - 1)));
        assert!(!is_json(&nested(DEPTH_MAX + 1)));
    }
}
