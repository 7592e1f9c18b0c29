//! The two keys of a container's metadata that say whose shard it is.
//!
//! Swift passes the column to Python's `json.loads` (`DatabaseBroker.metadata`), so what counts as
//! JSON is what Python takes: NaN and the infinities, lone surrogates, the last of two equal keys.
use crate::check::Cell;

/// Lists and objects inside one another at most; Python's own bound is about a thousand.
const DEPTH_MAX: usize = 900;

/// The digits of a whole number that Python converts at most.
const INT_DIGITS_MAX: usize = 4300;

const QUOTED_ROOT: &str = "X-Container-Sysmeta-Shard-Quoted-Root";
const ROOT: &str = "X-Container-Sysmeta-Shard-Root";

/// Swift raises on this metadata.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BadMetadata;

/// Whether the metadata name `path` as the root (`ContainerBroker._get_root_meta`): `None` if they
/// name no root at all.
pub fn names_root(metadata: Cell<'_>, path: &[u8]) -> Result<Option<bool>, BadMetadata> {
    let text = match metadata {
        Cell::Null | Cell::Int(0) | Cell::Text(b"") | Cell::Blob(b"") => return Ok(None),
        Cell::Real(value) if value.abs() <= 0.0 => return Ok(None),
        Cell::Int(_) | Cell::Real(_) => return Err(BadMetadata),
        Cell::Text(text) | Cell::Blob(text) => text,
    };
    let text = core::str::from_utf8(text).map_err(|_| BadMetadata)?;
    let path = core::str::from_utf8(path).map_err(|_| BadMetadata)?;
    let mut json = Json { rest: text };
    let roots = json.roots().ok_or(BadMetadata)?;
    match roots.quoted.checked()? {
        Root::Text(quoted) => Ok(Some(is_unquoted(quoted, path))),
        Root::None | Root::Bad => match roots.plain.checked()? {
            Root::Text(plain) => Ok(Some(plain.is(path))),
            Root::None | Root::Bad => Ok(None),
            Root::Other => Ok(Some(false)),
        },
        Root::Other => Ok(Some(false)),
    }
}

/// What stands under a key: Swift takes `value[0]`.
#[derive(Clone, Copy, Default)]
enum Root<'a> {
    /// No such key, or an empty first element.
    #[default]
    None,
    /// A text.
    Text(Text<'a>),
    /// Something else, which is true to Python and equals no path.
    Other,
    /// Nothing that has a first element.
    Bad,
}

impl Root<'_> {
    /// The same, unless Swift raises on it; an empty text names nobody.
    fn checked(self) -> Result<Self, BadMetadata> {
        match self {
            Self::Text(Text { raw: "" }) => Ok(Self::None),
            Self::None | Self::Text(_) | Self::Other => Ok(self),
            Self::Bad => Err(BadMetadata),
        }
    }
}

#[derive(Default)]
struct Roots<'a> {
    quoted: Root<'a>,
    plain: Root<'a>,
}

/// A string of JSON, its escapes as they stand.
#[derive(Clone, Copy)]
struct Text<'a> {
    raw: &'a str,
}

impl<'a> Text<'a> {
    /// The characters meant; a lone surrogate is one that no UTF-8 has.
    fn letters(self) -> impl Iterator<Item = Option<char>> + 'a {
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

    fn is(self, text: &str) -> bool {
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

/// Whether `urllib.parse.unquote` of `quoted` is `path`: `%XX` are bytes of UTF-8.
fn is_unquoted(quoted: Text<'_>, path: &str) -> bool {
    let mut expected = path.bytes();
    let mut letters = quoted.letters();
    let mut waiting: heapless::Deque<Option<char>, 3> = heapless::Deque::new();
    loop {
        let next = waiting.pop_front().or_else(|| letters.next());
        let Some(letter) = next else { return expected.next().is_none() };
        let Some(letter) = letter else { return false };
        if letter == '%' {
            while waiting.len() < 2 {
                let Some(more) = letters.next() else { break };
                if waiting.push_back(more).is_err() {
                    return false;
                }
            }
            let mut digits = waiting.iter().map(|digit| digit.and_then(|digit| digit.to_digit(16)));
            if let (Some(Some(high)), Some(Some(low))) = (digits.next(), digits.next()) {
                waiting.clear();
                if expected.next().map(u32::from) != Some((high << 4) | low) {
                    return false;
                }
                continue;
            }
        }
        let mut buffer = [0; 4];
        if !letter.encode_utf8(&mut buffer).bytes().all(|byte| expected.next() == Some(byte)) {
            return false;
        }
    }
}

/// A reader of JSON text that keeps nothing.
struct Json<'a> {
    rest: &'a str,
}

impl<'a> Json<'a> {
    /// The whole text: one object, of which two keys matter.
    fn roots(&mut self) -> Option<Roots<'a>> {
        let mut roots = Roots::default();
        self.space();
        self.take('{')?;
        self.space();
        if self.take('}').is_none() {
            loop {
                let key = self.string()?;
                self.space();
                self.take(':')?;
                self.space();
                let value = self.first()?;
                if key.is(QUOTED_ROOT) {
                    roots.quoted = value;
                } else if key.is(ROOT) {
                    roots.plain = value;
                }
                self.space();
                if self.take('}').is_some() {
                    break;
                }
                self.take(',')?;
                self.space();
            }
        }
        self.space();
        self.rest.is_empty().then_some(roots)
    }

    /// One value; what its element 0 is.
    fn first(&mut self) -> Option<Root<'a>> {
        if self.rest.starts_with('"') {
            // A text's element 0 is its first letter.
            let text = self.string()?;
            return Some(if text.raw.is_empty() { Root::Bad } else { Root::Other });
        }
        if !self.rest.starts_with('[') {
            self.value()?;
            return Some(Root::Bad);
        }
        let mut inner = Self { rest: self.rest };
        self.value()?;
        inner.take('[')?;
        inner.space();
        Some(if inner.rest.starts_with(']') {
            Root::Bad
        } else if inner.rest.starts_with('"') {
            Root::Text(inner.string()?)
        } else if ["null", "false"].iter().any(|word| inner.rest.starts_with(word)) {
            Root::None
        } else {
            Root::Other
        })
    }

    /// Steps over one value, however deep.
    fn value(&mut self) -> Option<()> {
        // A bit a level: whether it is an object.
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

    fn key(&mut self) -> Option<()> {
        self.string()?;
        self.space();
        self.take(':')
    }

    fn scalar(&mut self) -> Option<()> {
        if self.rest.starts_with('"') {
            return self.string().map(|_| ());
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

    fn string(&mut self) -> Option<Text<'a>> {
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

    fn space(&mut self) {
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

    fn check(text: &str, expected: Result<Option<bool>, BadMetadata>) {
        assert_eq!(
            names_root(Cell::Text(text.as_bytes()), "a/c \u{e9}".as_bytes()),
            expected,
            "{text}"
        );
    }

    #[test]
    fn a_root_is_named_by_either_key_the_quoted_one_first() {
        let quoted =
            |value: &str| format!("{{\"X-Container-Sysmeta-Shard-Quoted-Root\": {value}}}");
        let plain = |value: &str| format!("{{\"X-Container-Sysmeta-Shard-Root\": {value}}}");
        check(&quoted(r#"["a/c%20%C3%a9", "1"]"#), Ok(Some(true)));
        check(&quoted("[\"a/c \u{e9}\", \"1\"]"), Ok(Some(true)));
        check(&quoted(r#"["a/c%20%zz", "1"]"#), Ok(Some(false)));
        check(&quoted(r#"["a/c %2", "1"]"#), Ok(Some(false)));
        check(&quoted(r#"["a/c", "1"]"#), Ok(Some(false)));
        check(&plain(r#"["a/c \u00e9", "1"]"#), Ok(Some(true)));
        check(&plain(r#"["a/c \u00e9x", "1"]"#), Ok(Some(false)));
        check(&plain(r#"["a/c \ud83d\ude00", "1"]"#), Ok(Some(false)));
        check(&plain(r#"["\ud800", "1"]"#), Ok(Some(false)));
        check(&plain(r#"["", "1"]"#), Ok(None));
        check(&plain("[null]"), Ok(None));
        check(&plain("[7]"), Ok(Some(false)));
        check(&plain(r#""a/c""#), Ok(Some(false)));
        check(&plain("[]"), Err(BadMetadata));
        check(&plain("null"), Err(BadMetadata));
        check(&plain("{}"), Err(BadMetadata));
        let both = r#"{"X-Container-Sysmeta-Shard-Root": [],
            "X-Container-Sysmeta-Shard-Quoted-Root": ["a/c"]}"#;
        check(both, Ok(Some(false)));
        let last = r#"{"X-Container-Sysmeta-Shard-Root": ["x"],
            "X-Container-Sysmeta-Shard-\u0052oot": ["a/c \u00e9"]}"#;
        check(last, Ok(Some(true)));
    }

    #[test]
    fn json_is_what_python_reads() {
        for text in [
            "{}",
            " { } ",
            r#"{"a": ["b", "1"], "c": {"d": [1, -0.5e+3, 0, NaN, -Infinity, true, null, {}]}}"#,
            r#"{"a": "\ud800"}"#,
            r#"{"a":[[],[[]],{}]}"#,
        ] {
            check(text, Ok(None));
        }
        for text in [
            " ",
            "null",
            "[]",
            "1",
            "\"\"",
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
            check(text, Err(BadMetadata));
        }
    }

    #[test]
    fn depth_is_bounded() {
        let nested = |depth: usize| format!("{{\"a\":{}{}}}", "[".repeat(depth), "]".repeat(depth));
        check(&nested(DEPTH_MAX), Ok(None));
        check(&nested(DEPTH_MAX + 2), Err(BadMetadata));
    }

    #[test]
    fn no_metadata_names_no_root() {
        for cell in [Cell::Null, Cell::Text(b""), Cell::Int(0), Cell::Real(0.0), Cell::Blob(b"")] {
            assert_eq!(names_root(cell, b"a/c"), Ok(None), "{cell:?}");
        }
        for cell in [Cell::Int(1), Cell::Real(0.5), Cell::Blob(b"x"), Cell::Text(b"{\xff}")] {
            assert_eq!(names_root(cell, b"a/c"), Err(BadMetadata), "{cell:?}");
        }
    }
}
