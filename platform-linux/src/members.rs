//! The members of a JSON object as the text they were written in.
//!
//! Python's `json` writes `NaN`, `Infinity`, lone surrogates and integers of any size; whoever
//! parses them into values loses some of them. Here only the text around them is made anew, as
//! `json.dumps(…, ensure_ascii=True, sort_keys=True)` would print it.
use std::fmt::Write as _;

/// Values within values, at most. Swift's own files have four.
const DEPTH_MAX: usize = 128;

/// What a text holds.
#[derive(Debug, PartialEq)]
pub(crate) enum Content {
    /// An object.
    Object(Members),
    /// Another JSON value; its kind in Python's words.
    Other(&'static str),
    /// Values within values, more than are followed.
    Deep,
    /// No JSON as Python reads it.
    Garbage,
}

/// An object's members, by key in the order of code points, each key once.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Members(Vec<Member>);

#[derive(Debug, PartialEq)]
struct Member {
    /// The key's code points, lone surrogates among them: what Python sorts by.
    order: Vec<u32>,
    /// The key in quotes.
    key: String,
    value: String,
}

impl Members {
    /// Gives `key`, plain letters, the value spelt `value`.
    pub(crate) fn put(&mut self, key: &str, value: String) {
        let order = key.chars().map(u32::from).collect();
        self.insert(Member { order, key: format!("\"{key}\""), value });
    }

    /// Of equal keys Python keeps the last.
    fn insert(&mut self, member: Member) {
        match self.0.binary_search_by(|other| other.order.cmp(&member.order)) {
            Ok(at) => self.0[at] = member,
            Err(at) => self.0.insert(at, member),
        }
    }

    /// One line, without its end.
    pub(crate) fn line(&self) -> String {
        let members: Vec<_> =
            self.0.iter().map(|Member { key, value, .. }| format!("{key}: {value}")).collect();
        format!("{{{}}}", members.join(", "))
    }
}

/// Reads all of `text` as one JSON value (`json.loads`).
pub(crate) fn read(text: &[u8]) -> Content {
    let rest = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text);
    let mut scanner = Scanner { rest };
    scanner.space();
    let content = match scanner.rest.first() {
        Some(b'{') => scanner.object(DEPTH_MAX).map(Content::Object),
        first => {
            let kind = match first {
                Some(b'[') => "a list",
                Some(b'"') => "a string",
                _ => "neither an object nor a list",
            };
            scanner.value(DEPTH_MAX).map(|_| Content::Other(kind))
        }
    };
    scanner.space();
    match content {
        Ok(content) if scanner.rest.is_empty() => content,
        Ok(_) | Err(Stop::Garbage) => Content::Garbage,
        Err(Stop::Deep) => Content::Deep,
    }
}

/// Why a scan ended early.
enum Stop {
    Garbage,
    Deep,
}

/// What has not been read yet. Each reader takes its value from the front.
struct Scanner<'a> {
    rest: &'a [u8],
}

impl Scanner<'_> {
    fn space(&mut self) {
        while let [b' ' | b'\t' | b'\n' | b'\r', rest @ ..] = self.rest {
            self.rest = rest;
        }
    }

    fn take(&mut self, expected: &[u8]) -> bool {
        let rest = self.rest.strip_prefix(expected);
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }

    fn expect(&mut self, expected: &[u8]) -> Result<(), Stop> {
        if self.take(expected) { Ok(()) } else { Err(Stop::Garbage) }
    }

    /// Any value, as text on one line.
    fn value(&mut self, depth: usize) -> Result<String, Stop> {
        match self.rest.first() {
            Some(b'{') => Ok(self.object(depth)?.line()),
            Some(b'[') => self.list(depth),
            Some(b'"') => Ok(self.string()?.1),
            _ => self.scalar(),
        }
    }

    fn object(&mut self, depth: usize) -> Result<Members, Stop> {
        let depth = depth.checked_sub(1).ok_or(Stop::Deep)?;
        let mut members = Members::default();
        self.expect(b"{")?;
        self.space();
        if self.take(b"}") {
            return Ok(members);
        }
        loop {
            self.space();
            let (order, key) = self.string()?;
            self.space();
            self.expect(b":")?;
            self.space();
            let value = self.value(depth)?;
            members.insert(Member { order, key, value });
            self.space();
            if self.take(b"}") {
                return Ok(members);
            }
            self.expect(b",")?;
        }
    }

    fn list(&mut self, depth: usize) -> Result<String, Stop> {
        let depth = depth.checked_sub(1).ok_or(Stop::Deep)?;
        let mut line = String::from("[");
        self.expect(b"[")?;
        self.space();
        if self.take(b"]") {
            return Ok("[]".to_owned());
        }
        loop {
            self.space();
            line.push_str(&self.value(depth)?);
            self.space();
            if self.take(b"]") {
                line.push(']');
                return Ok(line);
            }
            self.expect(b",")?;
            line.push_str(", ");
        }
    }

    /// A number in its own spelling, or one of the words.
    fn scalar(&mut self) -> Result<String, Stop> {
        for word in ["null", "true", "false", "NaN", "Infinity", "-Infinity"] {
            if self.take(word.as_bytes()) {
                return Ok(word.to_owned());
            }
        }
        let start = self.rest;
        self.take(b"-");
        if !self.take(b"0") {
            self.digits()?;
        }
        if self.take(b".") {
            self.digits()?;
        }
        if self.take(b"e") || self.take(b"E") {
            let _signed = self.take(b"+") || self.take(b"-");
            self.digits()?;
        }
        let text = &start[..start.len() - self.rest.len()];
        Ok(String::from_utf8_lossy(text).into_owned())
    }

    /// One digit or more.
    fn digits(&mut self) -> Result<(), Stop> {
        let count = self.rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        self.rest = &self.rest[count..];
        if count == 0 { Err(Stop::Garbage) } else { Ok(()) }
    }

    /// A string: its code points, and its text in quotes with escapes as they were and everything
    /// outside printable ASCII escaped.
    fn string(&mut self) -> Result<(Vec<u32>, String), Stop> {
        self.expect(b"\"")?;
        let (mut points, mut text) = (Vec::new(), String::from("\""));
        loop {
            let byte = *self.rest.first().ok_or(Stop::Garbage)?;
            match byte {
                b'"' => {
                    self.rest = &self.rest[1..];
                    text.push('"');
                    return Ok((points, text));
                }
                b'\\' => {
                    let start = self.rest;
                    let point = self.escape()?;
                    let taken = &start[..start.len() - self.rest.len()];
                    text.push_str(&String::from_utf8_lossy(taken));
                    join(&mut points, point);
                }
                ..b' ' => return Err(Stop::Garbage),
                b' '..=b'~' => {
                    self.rest = &self.rest[1..];
                    text.push(char::from(byte));
                    points.push(u32::from(byte));
                }
                0x7f.. => {
                    let point = self.beyond_ascii()?;
                    points.push(point);
                    let units = char::from_u32(point).map_or_else(
                        || vec![u16::try_from(point).unwrap_or(0xfffd)],
                        |point| point.encode_utf16(&mut [0; 2]).to_vec(),
                    );
                    for unit in units {
                        let _infallible = write!(text, "\\u{unit:04x}");
                    }
                }
            }
        }
    }

    /// A backslash and what follows: its code unit.
    fn escape(&mut self) -> Result<u32, Stop> {
        let (head, rest) = self.rest.split_at_checked(2).ok_or(Stop::Garbage)?;
        self.rest = rest;
        Ok(match head[1] {
            plain @ (b'"' | b'\\' | b'/') => u32::from(plain),
            b'b' => 8,
            b'f' => 12,
            b'n' => 10,
            b'r' => 13,
            b't' => 9,
            b'u' => {
                let (hex, rest) = self.rest.split_at_checked(4).ok_or(Stop::Garbage)?;
                self.rest = rest;
                hex.iter().try_fold(0, |unit, &digit| {
                    let digit = char::from(digit).to_digit(16).ok_or(Stop::Garbage)?;
                    Ok(unit * 16 + digit)
                })?
            }
            _ => return Err(Stop::Garbage),
        })
    }

    /// DEL, or a character of two bytes or more. Python also reads a lone surrogate in UTF-8's manner.
    fn beyond_ascii(&mut self) -> Result<u32, Stop> {
        if let [0xed, second @ 0xa0..=0xbf, third @ 0x80..=0xbf, rest @ ..] = self.rest {
            self.rest = rest;
            return Ok(0xd000 | (u32::from(*second & 0x3f) << 6) | u32::from(*third & 0x3f));
        }
        let longest = &self.rest[..self.rest.len().min(4)];
        let valid = longest.utf8_chunks().next().map_or("", |chunk| chunk.valid());
        let character = valid.chars().next().ok_or(Stop::Garbage)?;
        self.rest = &self.rest[character.len_utf8()..];
        Ok(u32::from(character))
    }
}

/// Adds a code unit to `points`; one half of a pair joins the half before it.
fn join(points: &mut Vec<u32>, unit: u32) {
    match (points.last_mut(), unit) {
        (Some(high @ 0xd800..=0xdbff), 0xdc00..=0xdfff) => {
            *high = 0x1_0000 + ((*high - 0xd800) << 10) + (unit - 0xdc00);
        }
        _ => points.push(unit),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The line that becomes of `text` when nothing is put.
    #[track_caller]
    fn check(text: &str, line: &str) {
        let Content::Object(members) = read(text.as_bytes()) else { panic!("{text} is refused") };
        assert_eq!(members.line(), line, "{text}");
    }

    #[test]
    fn members_keep_their_text_and_are_sorted_as_python_sorts() {
        check("{}", "{}");
        check(" { } \n", "{}");
        check(r#"{"b":1,"a":2}"#, r#"{"a": 2, "b": 1}"#);
        check(r#"{"a":1,"a":2}"#, r#"{"a": 2}"#);
        check(r#"{"a":1, "\u0061":2}"#, r#"{"\u0061": 2}"#);
        check("{\"a\": 1,\n  \"b\": [1 ,\t2,\r\n3]}", r#"{"a": 1, "b": [1, 2, 3]}"#);
        check(r#"{"n":{"b":[],"a":{ }}}"#, r#"{"n": {"a": {}, "b": []}}"#);
        check("\u{feff}{\"a\":1}", r#"{"a": 1}"#);
    }

    #[test]
    fn numbers_are_spelt_as_they_were() {
        for number in [
            "NaN",
            "Infinity",
            "-Infinity",
            "0",
            "-0",
            "1.50",
            "1E+5",
            "12345678901234567890123456789012345678901234567890",
            "1e999",
            "true",
            "null",
        ] {
            check(&format!("{{\"a\":{number}}}"), &format!("{{\"a\": {number}}}"));
        }
    }

    #[test]
    fn strings_become_ascii_and_surrogates_stay() {
        check(r#"{"a":"\ud800\/\n"}"#, r#"{"a": "\ud800\/\n"}"#);
        check("{\"a\":\"é\u{7f}\u{1f600}\"}", r#"{"a": "\u00e9\u007f\ud83d\ude00"}"#);
        // By code points U+FFFF comes before U+1F600, by UTF-16 after it.
        check(r#"{"\ud83d\ude00":1,"\uffff":2}"#, r#"{"\uffff": 2, "\ud83d\ude00": 1}"#);
        let Content::Object(members) = read(b"{\"a\":\"\xed\xa0\x80\"}") else { panic!() };
        assert_eq!(members.line(), r#"{"a": "\ud800"}"#, "as Python's surrogatepass reads it");
    }

    #[test]
    fn what_python_refuses_is_garbage() {
        for text in [
            &b""[..],
            b"\0\0\0\0",
            b"{",
            b"{\"a\"",
            b"{\"a\":}",
            b"{\"a\":1,}",
            b"{\"a\":1}{",
            b"{\"a\":01}",
            b"{\"a\":1.}",
            b"{\"a\":-}",
            b"{\"a\":+1}",
            b"{\"a\":nan}",
            b"{'a':1}",
            b"{\"a\":\"\n\"}",
            b"{\"a\":\"\\x41\"}",
            b"{\"a\":\"\\u12g4\"}",
            b"{\"a\":\"\xff\"}",
            b"{\"a\":\"\xe2\x82\"}",
            b"{\"a\":[1,]}",
            b"{1:2}",
        ] {
            assert_eq!(read(text), Content::Garbage, "{}", String::from_utf8_lossy(text));
        }
    }

    #[test]
    fn other_values_and_bottomless_ones_are_told_apart() {
        assert_eq!(read(b"[1, {}]"), Content::Other("a list"));
        assert_eq!(read(b"\"x\""), Content::Other("a string"));
        assert_eq!(read(b"null"), Content::Other("neither an object nor a list"));
        assert_eq!(read(&b"[".repeat(100_000)), Content::Deep);
        assert_eq!(read(&b"{\"a\":".repeat(100_000)), Content::Deep);
    }
}
