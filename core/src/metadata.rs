//! The two keys of a container's metadata that say whose shard it is.
//!
//! Swift passes the column to Python's `json.loads` (`DatabaseBroker.metadata`), so what counts as
//! JSON is what Python takes: NaN and the infinities, lone surrogates, the last of two equal keys.
mod json;

use self::json::{Json, Text};
use crate::check::Cell;

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
    let roots = roots(text).ok_or(BadMetadata)?;
    match roots.quoted {
        Root::Text(quoted) => return Ok(Some(is_unquoted(quoted, path))),
        Root::Letter => return Ok(Some(false)),
        Root::None => {}
        Root::Other | Root::Bad => return Err(BadMetadata),
    }
    match roots.plain {
        Root::Text(plain) => Ok(Some(plain.is(path))),
        Root::Letter | Root::Other => Ok(Some(false)),
        Root::None => Ok(None),
        Root::Bad => Err(BadMetadata),
    }
}

/// What stands under a key: Swift takes `value[0]`.
#[derive(Clone, Copy, Default)]
enum Root<'a> {
    /// No such key, or a first element that is false to Python, as an empty text is.
    #[default]
    None,
    /// A text.
    Text(Text<'a>),
    /// One letter of a text: no path is so short.
    Letter,
    /// Something else that is true to Python: it equals no path, and cannot be unquoted.
    Other,
    /// Nothing that has a first element.
    Bad,
}

#[derive(Default)]
struct Roots<'a> {
    quoted: Root<'a>,
    plain: Root<'a>,
}

/// Both keys of the text, which is one object; none if it is not.
fn roots(text: &str) -> Option<Roots<'_>> {
    let mut json = Json::new(text);
    let mut roots = Roots::default();
    let mut more = json.begin('{', '}')?;
    while more {
        let key = json.key()?;
        json.space();
        let value = root(&mut json)?;
        if key.is(QUOTED_ROOT) {
            roots.quoted = value;
        } else if key.is(ROOT) {
            roots.plain = value;
        }
        more = json.next('}')?;
    }
    json.is_at_end().then_some(roots)
}

/// Steps over one value; what its element 0 is.
fn root<'a>(json: &mut Json<'a>) -> Option<Root<'a>> {
    let mut inner = json.clone();
    if json.is_text() {
        let text = json.text()?;
        return Some(if text.is_empty() { Root::Bad } else { Root::Letter });
    }
    json.value()?;
    if inner.begin('[', ']') != Some(true) {
        return Some(Root::Bad);
    }
    if inner.is_text() {
        let text = inner.text()?;
        return Some(if text.is_empty() { Root::None } else { Root::Text(text) });
    }
    Some(if inner.is_true()? { Root::Other } else { Root::None })
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
        for value in ["[null]", "[false]", "[0]", "[-0.0, 1]", "[1e-400]", "[[ ]]", "[ {} ]"] {
            check(&plain(value), Ok(None));
            check(&quoted(value), Ok(None));
        }
        for value in ["[7]", "[true]", "[NaN]", "[-Infinity]", "[0.5]", "[[0]]", "[{\"a\": 0}]"] {
            check(&plain(value), Ok(Some(false)));
            check(&quoted(value), Err(BadMetadata));
        }
        check(&quoted(r#""a/c""#), Ok(Some(false)));
        check(&quoted(r#""""#), Err(BadMetadata));
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
    fn what_is_no_object_is_bad() {
        for text in ["null", "[]", "1", "\"\"", "{} x", "{\"a\": 1", "{\"a\" 1}", "{1: 1}"] {
            check(text, Err(BadMetadata));
        }
        check(" { \"a\" : 1 , \"b\" : [ ] } ", Ok(None));
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
