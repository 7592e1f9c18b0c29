//! One entry of a pending file, read as data: what Swift would merge into the database from it.
//!
//! Swift appends `:` and a pickle in base64 (`DatabaseBroker.put_record`) and merges later
//! (`_commit_puts`, `ContainerBroker.merge_items`). Here nothing is executed and nothing merged: of
//! the pickle, the opcodes are known that make a tuple of texts and numbers, in any binary protocol.
//! Whatever else an entry holds, Swift drops it, or is taken to.
use crate::check::Cell;
use crate::pickle::{self, Item};
use crate::python;
use crate::stamp::{Stamp, StampError, TICKS_END, double};

/// Bytes of a pickle at most. Swift's own limits allow about 12 KiB: an object's name of 1,024
/// bytes, a content type of 8 KiB, timestamps and a checksum; operators raise them.
pub const PICKLE_MAX: usize = 64 << 10;

/// What one entry means.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Entry<'a> {
    /// An object was put or deleted.
    Update(Update<'a>),
    /// Swift cannot read it, logs it and drops it.
    Invalid,
    /// Swift reads it and then fails to merge it, at every audit again.
    Poison,
}

/// What an entry would do to a row of the object table.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Update<'a> {
    /// The object's name, as it would be stored.
    pub name: Cell<'a>,
    /// When it was put or deleted; the newer of two updates wins, the first of two equal ones.
    pub at: Stamp,
    /// Whether it adds to the count of objects.
    pub is_live: bool,
    /// The storage policy whose count it changes; `None` if none.
    pub policy: Option<i64>,
}

/// Reads the bytes between two colons.
#[derive(Debug, Default)]
pub struct Decoder {
    bytes: heapless::Vec<u8, PICKLE_MAX>,
    /// How many of a group's four letters are read, and their bits not yet in `bytes`.
    letters: u8,
    bits: u8,
    pads: u8,
    /// The padding is complete; what follows is ignored.
    is_done: bool,
    is_too_long: bool,
}

impl Decoder {
    /// Takes the next byte of the entry, as `base64.b64decode`: what is no letter of it is ignored.
    pub fn push(&mut self, byte: u8) {
        if self.is_done {
            return;
        }
        if byte == b'=' {
            if 2 <= self.letters {
                self.pads = self.pads.saturating_add(1);
                self.is_done = 4 <= self.letters.saturating_add(self.pads);
            }
            return;
        }
        let Some(value) = letter(byte) else { return };
        self.pads = 0;
        let (whole, left) = match self.letters {
            0 => (None, value),
            1 => (Some((self.bits << 2) | (value >> 4)), value & 0xf),
            2 => (Some((self.bits << 4) | (value >> 2)), value & 0x3),
            _ => (Some((self.bits << 6) | value), 0),
        };
        if let Some(whole) = whole {
            self.is_too_long |= self.bytes.push(whole).is_err();
        }
        self.letters = self.letters.saturating_add(1) & 3;
        self.bits = left;
    }

    /// What the entry means, now that it ended.
    #[must_use]
    pub fn entry(&self) -> Entry<'_> {
        let is_whole = self.is_done || self.letters == 0;
        if self.is_too_long || !is_whole {
            return Entry::Invalid;
        }
        match pickle::tuple(&self.bytes) {
            Some(fields) => merge(&fields),
            None => Entry::Invalid,
        }
    }

    /// Ready for the next entry.
    pub fn clear(&mut self) {
        self.bytes.clear();
        (self.letters, self.bits, self.pads) = (0, 0, 0);
        (self.is_done, self.is_too_long) = (false, false);
    }
}

fn letter(byte: u8) -> Option<u8> {
    match byte {
        b'A'..=b'Z' => byte.checked_sub(b'A'),
        b'a'..=b'z' => byte.checked_sub(b'a')?.checked_add(26),
        b'0'..=b'9' => byte.checked_sub(b'0')?.checked_add(52),
        b'+' => Some(62),
        b'/' => Some(63),
        _ => None,
    }
}

/// `_commit_puts_load` and then `merge_items`: name, created_at, size, content_type, etag, deleted,
/// and since later releases policy, content-type's and metadata's timestamp.
fn merge<'a>(fields: &[Item<'a>]) -> Entry<'a> {
    let [name, created_at, size, content_type, etag, deleted, more @ ..] = fields else {
        return Entry::Invalid;
    };
    let mut more = more.iter().copied();
    let policy = more.next().unwrap_or(Item::Int(0));
    let times = [more.next(), more.next()];
    let can_bind = [name, created_at, size, content_type, etag, deleted, &policy]
        .iter()
        .all(|item| cell(**item).is_some());
    // The policy is the key of `policy_stat`, where SQLite takes nothing but a whole number.
    let is_policy = !matches!(policy, Item::Text(text) if !is_numeric(text));
    let are_times = times.into_iter().flatten().all(is_time);
    let (Some(name), Some(created_at)) = (cell(*name), cell(*created_at)) else {
        return Entry::Poison;
    };
    // The trigger that keeps the hash raises on no name; bytes are decoded.
    let name = match name {
        Cell::Null => return Entry::Poison,
        Cell::Blob(bytes) if core::str::from_utf8(bytes).is_err() => return Entry::Poison,
        Cell::Blob(bytes) => Cell::Text(bytes),
        Cell::Int(_) | Cell::Real(_) | Cell::Text(_) => name,
    };
    match data_time(created_at) {
        Ok(at) if can_bind && is_policy && are_times => Entry::Update(Update {
            name,
            at,
            is_live: number(*deleted).is_some_and(|deleted| deleted != 1),
            policy: number(policy),
        }),
        Ok(_) | Err(_) => Entry::Poison,
    }
}

/// The value as SQLite can store it.
fn cell(item: Item<'_>) -> Option<Cell<'_>> {
    match item {
        Item::None => Some(Cell::Null),
        Item::Int(value) => Some(Cell::Int(value)),
        Item::Real(value) => Some(Cell::Real(value)),
        Item::Text(text) => Some(Cell::Text(text)),
        Item::Bytes(bytes) => Some(Cell::Blob(bytes)),
        Item::Mark | Item::Huge | Item::Surrogates | Item::Tuple(_) => None,
    }
}

/// Whether an optional timestamp is left out or can be read.
fn is_time(item: Item<'_>) -> bool {
    match item {
        Item::None | Item::Int(0) | Item::Text(b"") | Item::Bytes(b"") => true,
        Item::Real(value) if value.abs() <= 0.0 => true,
        Item::Int(_) | Item::Real(_) | Item::Text(_) | Item::Bytes(_) => {
            cell(item).is_some_and(|cell| Stamp::read(cell).is_ok())
        }
        Item::Mark | Item::Huge | Item::Surrogates | Item::Tuple(_) => false,
    }
}

/// Whether SQLite may turn a text into a number.
fn is_numeric(text: &[u8]) -> bool {
    core::str::from_utf8(text).is_ok_and(|text| text.trim().parse::<f64>().is_ok())
}

/// A whole number, also as a text, which the column's affinity turns into one.
fn number(item: Item<'_>) -> Option<i64> {
    match item {
        Item::Int(value) => Some(value),
        Item::Real(value) => {
            [0_i64, 1].into_iter().find(|whole| (double(*whole) - value).abs() <= 0.0)
        }
        Item::Text(text) => core::str::from_utf8(text).ok()?.trim().parse().ok(),
        Item::None
        | Item::Bytes(_)
        | Item::Mark
        | Item::Huge
        | Item::Surrogates
        | Item::Tuple(_) => None,
    }
}

/// When the object itself was written: the first of up to three timestamps in one text,
/// `T[±HEX[±HEX]]`, all of which must be ones (`decode_timestamps`).
pub fn data_time(created_at: Cell<'_>) -> Result<Stamp, StampError> {
    let Cell::Text(text) = created_at else { return Stamp::read(created_at) };
    let is_sign = |byte: &u8| matches!(byte, b'+' | b'-');
    let mut parts = text.split(is_sign);
    let first = Stamp::read(Cell::Text(parts.next().unwrap_or_default()))?;
    let mut signs = text.iter().filter(|byte| is_sign(byte));
    let mut at = first.ticks;
    for (part, sign) in parts.take(2).zip(&mut signs) {
        let part = core::str::from_utf8(part).map_err(|_| StampError::NotANumber)?;
        let (_, delta) = python::hex(part).ok_or(StampError::NotANumber)?;
        at = if *sign == b'-' {
            at.checked_sub(delta).ok_or(StampError::Negative)?
        } else {
            at.checked_add(delta).filter(|at| *at < TICKS_END).ok_or(StampError::TooLarge)?
        };
    }
    Ok(first)
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;

    fn check(entry: &str, expected: Entry<'_>) {
        let mut decoder = Decoder::default();
        decoder.push(b'A'); // left over from an entry before
        decoder.clear();
        for byte in entry.bytes() {
            decoder.push(byte);
        }
        assert_eq!(decoder.entry(), expected, "{entry}");
    }

    fn update(name: &str, ticks: u64, is_live: bool) -> Entry<'_> {
        let at = Stamp { ticks, offset: 0 };
        Entry::Update(Update { name: Cell::Text(name.as_bytes()), at, is_live, policy: Some(0) })
    }

    #[test]
    fn what_swift_writes_is_read() {
        let at = 170_000_000_000_000;
        // Protocol 2, as Swift writes; of six and nine fields, a tombstone, a content type's time.
        check(
            "gAIoWAEAAABvcQBYEAAAADE3MDAwMDAwMDAuMDAwMDBxAUsBWAoAAAB0ZXh0L3BsYWlucQJYAQAAAGVxA0sASwBOTnRxBC4=",
            update("o", at, true),
        );
        check(
            "gAIoWAEAAABvcQBYEAAAADE3MDAwMDAwMDAuMDAwMDBxAUsBWAoAAAB0ZXh0L3BsYWlucQJYAQAAAGVxA0sAdHEELg==",
            update("o", at, true),
        );
        check(
            "gAIoWAEAAABvcQBYEAAAADE3MDAwMDAwMDAuMDAwMDBxAUsBWAoAAAB0ZXh0L3BsYWlucQJYAQAAAGVxA0sBSwBOTnRxBC4=",
            update("o", at, false),
        );
        check(
            "gAIoWAEAAABvcQBYEAAAADE3MDAwMDAwMDAuMDAwMDBxAUsBWAoAAAB0ZXh0L3BsYWlucQJYAQAAAGVxA0sASwBYEAAAADE3MDAwMDAwMDEuMDAwMDBxBE50cQUu",
            update("o", at, true),
        );
        check(
            "gAIoWAEAAABvcQBYFAAAADE3MDAwMDAwMDAuMDAwMDArYSticQFLAVgKAAAAdGV4dC9wbGFpbnECWAEAAABlcQNLAEsATk50cQQu",
            update("o", at, true),
        );
        // Protocol 4.
        check(
            "gASVNAAAAAAAAAAojAFvlIwQMTcwMDAwMDAwMC4wMDAwMJRLAYwKdGV4dC9wbGFpbpSMAWWUSwBLAE5OdJQu",
            update("o", at, true),
        );
        // Another policy.
        let Entry::Update(other) = update("o", at, true) else { return };
        check(
            "gAIoWAEAAABvcQBYEAAAADE3MDAwMDAwMDAuMDAwMDBxAUsBWAoAAAB0ZXh0L3BsYWlucQJYAQAAAGVxA0sASwFOTnRxBC4=",
            Entry::Update(Update { policy: Some(1), ..other }),
        );
    }

    #[test]
    fn what_swift_cannot_merge_is_poison() {
        for entry in [
            // A time that is none; a content type's; no name; a policy that is
            // no number; a lone surrogate; a size of 71 bits.
            "gAIoWAEAAABvcQBYBAAAAGp1bmtxAUsBWAoAAAB0ZXh0L3BsYWlucQJYAQAAAGVxA0sASwBOTnRxBC4=",
            "gAIoWAEAAABvcQBYEAAAADE3MDAwMDAwMDAuMDAwMDBxAUsBWAoAAAB0ZXh0L3BsYWlucQJYAQAAAGVxA0sASwBYAQAAAHhxBE50cQUu",
            "gAIoTlgQAAAAMTcwMDAwMDAwMC4wMDAwMHEASwFYCgAAAHRleHQvcGxhaW5xAVgBAAAAZXECSwBLAE5OdHEDLg==",
            "gAIoWAEAAABvWBAAAAAxNzAwMDAwMDAwLjAwMDAwSwFYAQAAAHRYAQAAAGVLAFgEAAAAZ29sZE5OdC4=",
            "gAIoWAMAAADtoIBxAFgQAAAAMTcwMDAwMDAwMC4wMDAwMHEBSwFYCgAAAHRleHQvcGxhaW5xAlgBAAAAZXEDSwBLAE5OdHEELg==",
            "gAIoWAEAAABvcQBYEAAAADE3MDAwMDAwMDAuMDAwMDBxAYoJAAAAAAAAAABAWAoAAAB0ZXh0L3BsYWlucQJYAQAAAGVxA0sASwBOTnRxBC4=",
        ] {
            check(entry, Entry::Poison);
        }
    }

    #[test]
    fn what_swift_drops_is_invalid() {
        // Five fields; a call; text; an entry cut off.
        check(
            "gAIoWAEAAABvcQBYEAAAADE3MDAwMDAwMDAuMDAwMDBxAUsBWAoAAAB0ZXh0L3BsYWlucQJYAQAAAGVxA3RxBC4=",
            Entry::Invalid,
        );
        check("Y29zCnN5c3RlbQooUyd0cnVlJwp0Ui4=", Entry::Invalid);
        check("not a pickle", Entry::Invalid);
        check("gAIoWAEAAABvcQBYEAAAADE3MDAwMDAwMDAuMDAwMDBx", Entry::Invalid);
    }

    #[test]
    fn base64_is_read_as_python_reads_it() {
        for (text, expected) in [
            ("YWJj", Some(&b"abc"[..])),
            ("YW Jj\n", Some(b"abc")),
            ("YWI=", Some(b"ab")),
            ("YQ==", Some(b"a")),
            ("YQ==YQ==", Some(b"a")),
            ("YQ=x=", Some(b"a\x0c")),
            ("=YWJj", Some(b"abc")),
            ("YW", None),
            ("Y", None),
            ("YWI", None),
            ("", Some(b"")),
            ("-_-_", Some(b"")),
        ] {
            let mut decoder = Decoder::default();
            text.bytes().for_each(|byte| decoder.push(byte));
            let is_whole = decoder.is_done || decoder.letters == 0;
            assert_eq!(is_whole.then_some(&decoder.bytes[..]), expected, "{text}");
        }
    }

    #[test]
    fn a_time_of_three_parts_is_read_by_its_first() {
        let read = |text: &str| data_time(Cell::Text(text.as_bytes()));
        let at = |ticks, offset| Ok(Stamp { ticks, offset });
        assert_eq!(read("1.5"), at(150_000, 0));
        assert_eq!(read("1.5_1+a-b"), at(150_000, 1));
        assert_eq!(read("1.5+0+0"), at(150_000, 0));
        assert_eq!(read("1.5+a+b+junk"), at(150_000, 0));
        assert_eq!(read("1.5+g"), Err(StampError::NotANumber));
        assert_eq!(read("1.5+"), Err(StampError::NotANumber));
        assert_eq!(read("-1"), Err(StampError::NotANumber));
        assert_eq!(read("1e-5"), Err(StampError::NotANumber));
        assert_eq!(read("1-ffffff"), Err(StampError::Negative));
        assert_eq!(read("1+fffffffffffff"), Err(StampError::TooLarge));
        assert_eq!(data_time(Cell::Int(1)), at(100_000, 0));
    }

    #[test]
    fn an_entry_too_long_is_dropped() {
        let mut decoder = Decoder::default();
        for _ in 0..=PICKLE_MAX / 3 * 4 + 4 {
            decoder.push(b'A');
        }
        assert_eq!(decoder.entry(), Entry::Invalid);
        decoder.clear();
        assert!(!decoder.is_too_long);
    }
}
