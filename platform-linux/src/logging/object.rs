//! A log record as one JSON object, which fits a datagram whatever it is about.
use log::Record;
use log::kv::{self, Key, Value, VisitSource};
use martlet_core::conf::Level;
use martlet_core::event::Event;

use super::{LINE_MAX, level};

/// Bytes of an object at most, so that it fits a datagram of 65,507 bytes with its priority.
const OBJECT_MAX: usize = 65_000;
/// Bytes of one of its fields at most, as JSON: a path of the kernel's greatest length. Eight of them
/// leave a message nearly half of the object.
const FIELD_MAX: usize = 4096;

/// The object of a record: `log_format = json`. It is never cut, so that it stays JSON; a field is, at
/// [`FIELD_MAX`], and the message, at [`LINE_MAX`] characters and at what is left of [`OBJECT_MAX`].
#[must_use]
pub fn object(tag: &str, record: &Record<'_>) -> serde_json::Value {
    let level = match level(record.metadata()) {
        Some(Level::Debug) => "debug",
        Some(Level::Info) => "info",
        Some(Level::Notice) => "notice",
        Some(Level::Warning) => "warning",
        Some(Level::Error) => "error",
        Some(Level::Critical) => "critical",
        None => "trace",
    };
    let mut fields = Fields(serde_json::Map::new());
    // It takes every field.
    let _ = record.key_values().visit(&mut fields);
    let mut object = serde_json::json!({
        "time": crate::clock::wall().as_secs(),
        "level": level,
        "name": cut(tag, FIELD_MAX),
        "event": Event::of_target(record.target()).map(Event::word),
        "message": "",
    });
    if let Some(object) = object.as_object_mut() {
        object.append(&mut fields.0);
    }
    let message: String = record.args().to_string().chars().take(LINE_MAX).collect();
    let left = OBJECT_MAX.saturating_sub(object.to_string().len());
    object["message"] = cut(&message, left).into();
    object
}

/// The beginning of `text`, of as many whole characters as take `max` bytes in a JSON string.
fn cut(text: &str, max: usize) -> &str {
    let mut left = max;
    let end = text.char_indices().find(|(_, character)| {
        let bytes = match character {
            '"' | '\\' | '\n' | '\r' | '\t' | '\u{8}' | '\u{c}' => 2,
            '\0'..' ' => 6,
            _ => character.len_utf8(),
        };
        left.checked_sub(bytes).map(|fewer| left = fewer).is_none()
    });
    end.map_or(text, |(at, _)| &text[..at])
}

struct Fields(serde_json::Map<String, serde_json::Value>);

impl<'a> VisitSource<'a> for Fields {
    fn visit_pair(&mut self, key: Key<'a>, value: Value<'a>) -> Result<(), kv::Error> {
        let value = value.to_string();
        // A field that is there is known.
        if !value.is_empty() {
            self.0.insert(key.to_string(), cut(&value, FIELD_MAX).into());
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_cut_is_counted_as_json_writes_it() {
        for character in ('\0'..='\u{a0}').chain(['é', '\u{2028}', '😀']) {
            let text = String::from_iter([character; 9]);
            let bytes = serde_json::Value::from(&*text).to_string().len() - "\"\"".len();
            assert_eq!(cut(&text, bytes), text, "{character:?}");
            assert_eq!(cut(&text, bytes - 1).chars().count(), 8, "{character:?}");
        }
        assert_eq!((cut("", 0), cut("a", 0)), ("", ""));
    }
}
