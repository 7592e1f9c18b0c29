//! Words of a command line: read whatever bytes they are, and written so that a shell reads them back.
use std::ffi::{OsStr, OsString};
use std::fmt::Write as _;
use std::ops::RangeInclusive;
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::path::PathBuf;

/// Characters that stand for the bytes of a word that is no text, one for each byte. argh takes text
/// only. They are for private use; one that is typed is taken for its bytes too.
const STAND_INS: RangeInclusive<char> = '\u{10ff00}'..='\u{10ffff}';

/// A word as text, with [`STAND_INS`] for what is none.
pub(crate) fn text(word: &OsStr) -> String {
    let stand_in = |byte: &u8| char::from_u32(u32::from(*STAND_INS.start()) + u32::from(*byte));
    let mut text = String::new();
    for chunk in word.as_bytes().utf8_chunks() {
        for letter in chunk.valid().chars() {
            if STAND_INS.contains(&letter) {
                text.extend(letter.encode_utf8(&mut [0; 4]).as_bytes().iter().filter_map(stand_in));
            } else {
                text.push(letter);
            }
        }
        text.extend(chunk.invalid().iter().filter_map(stand_in));
    }
    text
}

/// The bytes of a word that [`text`] made.
pub(crate) fn bytes(text: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    for letter in text.chars() {
        if STAND_INS.contains(&letter) {
            bytes.push(u32::from(letter).to_le_bytes()[0]);
        } else {
            bytes.extend(letter.encode_utf8(&mut [0; 4]).as_bytes());
        }
    }
    bytes
}

/// A path as it is typed.
#[expect(clippy::unnecessary_wraps, reason = "argh's form")]
pub(crate) fn path(word: &str) -> Result<PathBuf, String> {
    Ok(OsString::from_vec(bytes(word)).into())
}

/// A word for a shell: as it is if that is plain, else in single quotes; where these do not suffice, as
/// `$'\ooo'`.
pub(crate) fn quoted(bytes: &[u8]) -> String {
    let is_plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"/._-+=:@%,".contains(byte);
    if !bytes.is_empty() && bytes.iter().all(is_plain) {
        return String::from_utf8_lossy(bytes).into_owned();
    }
    if bytes.iter().all(|byte| (b' '..=b'~').contains(byte) && *byte != b'\'') {
        return format!("'{}'", String::from_utf8_lossy(bytes));
    }
    let mut word = String::from("$'");
    for byte in bytes {
        match byte {
            b'\'' | b'\\' => word.extend(['\\', char::from(*byte)]),
            b' '..=b'~' => word.push(char::from(*byte)),
            other => {
                let _ = write!(word, "\\{other:03o}");
            }
        }
    }
    word.push('\'');
    word
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_is_one_word_for_a_shell() {
        for (bytes, word) in [
            (&b"/srv/node/sda"[..], "/srv/node/sda"),
            (b"a b", "'a b'"),
            (b"a\\b$c", "'a\\b$c'"),
            (b"it's\n\xff", "$'it\\'s\\012\\377'"),
            (b"", "''"),
        ] {
            assert_eq!(quoted(bytes), word);
        }
    }

    #[test]
    fn a_word_keeps_its_bytes() {
        for word in
            [&b"plain"[..], "caf\u{e9} \u{10ff41}".as_bytes(), b"caf\xe9\xff", b"\xf4\x8f", b""]
        {
            let text = text(OsStr::from_bytes(word));
            assert_eq!(bytes(&text), word, "{text:?}");
        }
        assert_eq!(text(OsStr::new("--x=caf\u{e9}")), "--x=caf\u{e9}", "text stays as it is");
    }
}
