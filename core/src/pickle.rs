//! The opcodes of Python's pickles that build one tuple of texts and numbers.
//!
//! A total reader: any bytes give a tuple or nothing. It has no opcode that calls, imports or builds
//! an object, so a pickle that needs one gives nothing.

/// Fields of a tuple, and of the stack, at most; Swift's tuples have nine.
const FIELDS_MAX: usize = 16;
/// Memoised values at most; Swift's tuples make ten.
const MEMO_MAX: usize = 32;
/// The newest protocol that Python 3 writes.
const PROTOCOL_MAX: u8 = 5;

/// A value on the stack.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Item<'a> {
    /// Where a tuple begins.
    Mark,
    /// `None`.
    None,
    /// An integer or a boolean.
    Int(i64),
    /// An integer beyond 64 bits.
    Huge,
    /// A float.
    Real(f64),
    /// A `str`, as UTF-8.
    Text(&'a [u8]),
    /// A `str` with lone surrogates, which is no UTF-8.
    Surrogates,
    /// A `bytes`.
    Bytes(&'a [u8]),
    /// A tuple: the how-manieth that was built.
    Tuple(u32),
}

/// The fields of a tuple.
pub type Fields<'a> = heapless::Vec<Item<'a>, FIELDS_MAX>;

/// The tuple that `pickle` is, or `None` if it is none, or needs more than data to be read.
#[must_use]
pub fn tuple(pickle: &[u8]) -> Option<Fields<'_>> {
    let mut reader = Reader { rest: pickle, ..Reader::default() };
    // Each turn takes at least one byte.
    while let Some(opcode) = reader.byte() {
        if opcode == b'.' {
            let top = reader.stack.pop()?;
            let is_last = top == Item::Tuple(reader.tuples) && 0 < reader.tuples;
            return is_last.then_some(reader.fields);
        }
        reader.step(opcode)?;
    }
    None
}

#[derive(Default)]
struct Reader<'a> {
    rest: &'a [u8],
    stack: heapless::Vec<Item<'a>, FIELDS_MAX>,
    memo: heapless::Vec<(u32, Item<'a>), MEMO_MAX>,
    /// The fields of the tuple built last.
    fields: Fields<'a>,
    tuples: u32,
}

impl<'a> Reader<'a> {
    fn step(&mut self, opcode: u8) -> Option<()> {
        match opcode {
            0x80 => (self.byte()? <= PROTOCOL_MAX).then_some(()), // PROTO
            0x95 => {
                let frame = u64::from_le_bytes(*self.array()?); // FRAME
                (frame <= u64::try_from(self.rest.len()).ok()?).then_some(())
            }
            b'(' => self.push(Item::Mark),
            b'N' => self.push(Item::None),
            0x88 => self.push(Item::Int(1)), // NEWTRUE
            0x89 => self.push(Item::Int(0)), // NEWFALSE
            b'K' => self.byte().and_then(|value| self.push(Item::Int(i64::from(value)))),
            b'M' => {
                let value = u16::from_le_bytes(*self.array()?);
                self.push(Item::Int(i64::from(value)))
            }
            b'J' => {
                let value = i32::from_le_bytes(*self.array()?);
                self.push(Item::Int(i64::from(value)))
            }
            0x8a => {
                let length = usize::from(self.byte()?); // LONG1
                self.long(length)
            }
            b'G' => {
                let value = f64::from_be_bytes(*self.array()?);
                self.push(Item::Real(value))
            }
            0x8c => {
                let length = usize::from(self.byte()?); // SHORT_BINUNICODE
                self.unicode(length)
            }
            b'X' => {
                let length = usize::try_from(u32::from_le_bytes(*self.array()?)).ok()?;
                self.unicode(length)
            }
            0x8d => {
                let length = usize::try_from(u64::from_le_bytes(*self.array()?)).ok()?;
                self.unicode(length) // BINUNICODE8
            }
            // Python 2's texts; Swift asks for them to be decoded as UTF-8.
            b'U' => {
                let length = usize::from(self.byte()?);
                self.string(length)
            }
            b'T' => {
                let length = usize::try_from(i32::from_le_bytes(*self.array()?)).ok()?;
                self.string(length)
            }
            b'C' => {
                let length = usize::from(self.byte()?);
                let bytes = self.bytes(length)?;
                self.push(Item::Bytes(bytes))
            }
            b'B' => {
                let length = usize::try_from(u32::from_le_bytes(*self.array()?)).ok()?;
                let bytes = self.bytes(length)?;
                self.push(Item::Bytes(bytes))
            }
            b'q' => {
                let at = u32::from(self.byte()?); // BINPUT
                self.put(at)
            }
            b'r' => {
                let at = u32::from_le_bytes(*self.array()?); // LONG_BINPUT
                self.put(at)
            }
            0x94 => self.put(u32::try_from(self.memo.len()).ok()?), // MEMOIZE
            b'h' => {
                let at = u32::from(self.byte()?); // BINGET
                self.get(at)
            }
            b'j' => {
                let at = u32::from_le_bytes(*self.array()?); // LONG_BINGET
                self.get(at)
            }
            b')' => self.build(0),
            0x85 => self.build(1),
            0x86 => self.build(2),
            0x87 => self.build(3),
            b't' => {
                let fields = self.stack.iter().rev().position(|item| *item == Item::Mark)?;
                self.build(fields)?;
                // The mark lies below the new tuple.
                let tuple = self.stack.pop()?;
                self.stack.pop()?;
                self.push(tuple)
            }
            _ => None,
        }
    }

    fn byte(&mut self) -> Option<u8> {
        let (first, rest) = self.rest.split_first()?;
        self.rest = rest;
        Some(*first)
    }

    fn array<const N: usize>(&mut self) -> Option<&'a [u8; N]> {
        let (first, rest) = self.rest.split_first_chunk()?;
        self.rest = rest;
        Some(first)
    }

    fn bytes(&mut self, length: usize) -> Option<&'a [u8]> {
        let (first, rest) = self.rest.split_at_checked(length)?;
        self.rest = rest;
        Some(first)
    }

    fn push(&mut self, item: Item<'a>) -> Option<()> {
        self.stack.push(item).ok()
    }

    fn unicode(&mut self, length: usize) -> Option<()> {
        let text = self.bytes(length)?;
        let item = match core::str::from_utf8(text) {
            Ok(_) => Item::Text(text),
            Err(_) if is_utf8_but_for_surrogates(text) => Item::Surrogates,
            Err(_) => return None,
        };
        self.push(item)
    }

    fn string(&mut self, length: usize) -> Option<()> {
        let text = self.bytes(length)?;
        core::str::from_utf8(text).ok()?;
        self.push(Item::Text(text))
    }

    /// A number of any length, the lowest byte first, the highest bit the sign.
    fn long(&mut self, length: usize) -> Option<()> {
        let bytes = self.bytes(length)?;
        let is_negative = bytes.last().is_some_and(|last| 0x80 <= *last);
        let fill = if is_negative { 0xff } else { 0 };
        let mut value = [fill; 8];
        let mut fits = true;
        for (at, byte) in bytes.iter().enumerate() {
            match value.get_mut(at) {
                Some(place) => *place = *byte,
                None => fits &= *byte == fill,
            }
        }
        let value = i64::from_le_bytes(value);
        fits &= (value < 0) == is_negative;
        self.push(if fits { Item::Int(value) } else { Item::Huge })
    }

    fn put(&mut self, at: u32) -> Option<()> {
        let item = *self.stack.last().filter(|item| **item != Item::Mark)?;
        if let Some((_, known)) = self.memo.iter_mut().find(|(known, _)| *known == at) {
            *known = item;
            return Some(());
        }
        self.memo.push((at, item)).ok()
    }

    fn get(&mut self, at: u32) -> Option<()> {
        let (_, item) = *self.memo.iter().find(|(known, _)| *known == at)?;
        self.push(item)
    }

    /// Makes a tuple of the last `fields` items.
    fn build(&mut self, fields: usize) -> Option<()> {
        let start = self.stack.len().checked_sub(fields)?;
        let items = self.stack.get(start..)?;
        if items.contains(&Item::Mark) {
            return None;
        }
        self.fields.clear();
        self.fields.extend_from_slice(items).ok()?;
        self.stack.truncate(start);
        self.tuples = self.tuples.checked_add(1)?;
        self.push(Item::Tuple(self.tuples))
    }
}

fn is_utf8_but_for_surrogates(mut text: &[u8]) -> bool {
    loop {
        match core::str::from_utf8(text) {
            Ok(_) => return true,
            Err(error) => {
                let Some([0xed, 0xa0..=0xbf, 0x80..=0xbf, rest @ ..]) =
                    text.get(error.valid_up_to()..)
                else {
                    return false;
                };
                text = rest;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_is_what_python_makes_of_it() {
        for (pickle, expected) in [
            (&b"\x80\x02N\x85."[..], Item::None),
            (b"\x80\x02\x88\x85.", Item::Int(1)),
            (b"\x80\x02\x89\x85.", Item::Int(0)),
            (b"\x80\x02K\xff\x85.", Item::Int(255)),
            (b"\x80\x02M\xff\xff\x85.", Item::Int(65_535)),
            (b"\x80\x02J\xff\xff\xff\xff\x85.", Item::Int(-1)),
            (b"\x80\x02\x8a\x05\x00\x00\x00\x00\x01\x85.", Item::Int(1 << 32)),
            (b"\x80\x02\x8a\x00\x85.", Item::Int(0)),
            (b"\x80\x02\x8a\x09\x00\x00\x00\x00\x00\x00\x00\x80\x00\x85.", Item::Huge),
            (b"\x80\x02\x8a\x08\x00\x00\x00\x00\x00\x00\x00\x80\x85.", Item::Int(i64::MIN)),
            (b"\x80\x02G\x3f\xf8\x00\x00\x00\x00\x00\x00\x85.", Item::Real(1.5)),
            (b"\x80\x02X\x01\x00\x00\x00aq\x00\x85q\x01.", Item::Text(b"a")),
            (b"\x80\x02X\x03\x00\x00\x00\xed\xa0\x80q\x00\x85q\x01.", Item::Surrogates),
            (b"\x80\x02U\x01aq\x00\x85q\x01.", Item::Text(b"a")),
            (b"\x80\x03C\x01\xffq\x00\x85q\x01.", Item::Bytes(b"\xff")),
            (
                b"\x80\x04\x95\x06\x00\x00\x00\x00\x00\x00\x00\x8c\x01a\x94\x85\x94.",
                Item::Text(b"a"),
            ),
            (b"\x80\x02X\x01\x00\x00\x00aq\x07h\x07\x86\x85.", Item::Tuple(1)),
        ] {
            let fields = tuple(pickle);
            assert_eq!(fields.as_deref(), Some(&[expected][..]), "{pickle:x?}");
        }
        assert_eq!(tuple(b"(t.").as_deref(), Some(&[][..]));
        assert_eq!(tuple(b"(K\x01K\x02t.").as_deref(), Some(&[Item::Int(1), Item::Int(2)][..]));
    }

    #[test]
    fn what_is_no_tuple_of_data_is_nothing() {
        for pickle in [
            &b""[..],
            b".",
            b"\x80\x02",
            b"\x80\x06).",
            b"\x80\x02K\x01.",
            b"\x80\x02K\x01\x85",
            b"\x80\x02\x85.",
            b"\x80\x02X\x05\x00\x00\x00a\x85.",
            b"\x80\x02X\x01\x00\x00\x00\xff\x85.",
            b"\x80\x02X\x02\x00\x00\x00\xed\xa0\x85.",
            b"\x80\x02U\x01\xff\x85.",
            b"\x80\x02h\x00\x85.",
            b"\x80\x02t.",
            b"\x80\x02(\x85.",
            b"\x80\x02(q\x00t.",
            b"\x80\x02cos\nsystem\nq\x00X\x02\x00\x00\x00idq\x01\x85q\x02Rq\x03.",
            b"\x80\x04\x95\xff\x00\x00\x00\x00\x00\x00\x00).",
            b"\x80\x02NNNNNNNNNNNNNNNNN\x85.",
        ] {
            assert_eq!(tuple(pickle), None, "{pickle:x?}");
        }
    }
}
