//! A record: a header of serial types, then the values (file format 2.1).

use super::rules::{Rule, Rules};
use super::varint::Varint;
use crate::check::Cell;

/// A record. Header and values are read side by side, in the order of the columns, and each is judged
/// as it is read; [`Record::end`] judges the whole.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Record<'a> {
    payload: &'a [u8],
    /// Where in the header the next serial type stands, and where the header ends.
    at: usize,
    body: usize,
    /// Where the next value starts.
    start: usize,
}

impl<'a> Record<'a> {
    /// The record that fills `payload`.
    pub(super) fn new(payload: &'a [u8], rules: Rules) -> Result<Self, Rule> {
        let head = Varint::read(payload, 0).ok_or(Rule::RecordHeader)?;
        rules.ask(Rule::RecordVarint, head.length == 1)?;
        let body = usize::try_from(head.value).map_err(|_| Rule::RecordHeader)?;
        Ok(Self { payload, at: head.length, body, start: body })
    }

    /// The value of the next column.
    #[inline]
    pub(super) fn next(&mut self, rules: Rules) -> Result<Cell<'a>, Rule> {
        if self.body <= self.at {
            return Err(Rule::ColumnCount);
        }
        let serial = Varint::read(self.payload, self.at).ok_or(Rule::RecordHeader)?;
        let ordinary = serial.is_shortest() && serial.value <= 1 << 31;
        rules.ask(Rule::RecordVarint, ordinary)?;
        self.at = self.at.saturating_add(serial.length);
        rules.ask(Rule::RecordHeader, self.at <= self.body)?;
        let (start, rest) = (self.start, serial.value.saturating_sub(12));
        let mut take = |width: u64| {
            let end = start.saturating_add(usize::try_from(width).unwrap_or(usize::MAX));
            self.start = end;
            self.payload.get(start..end).ok_or(Rule::RecordLength)
        };
        Ok(match serial.value {
            0 => Cell::Null,
            width @ 1..=4 => Cell::Int(integer(take(width)?)),
            5 => Cell::Int(integer(take(6)?)),
            6 => Cell::Int(integer(take(8)?)),
            7 => {
                let bytes = take(8)?.first_chunk().ok_or(Rule::RecordLength)?;
                Cell::Real(f64::from_be_bytes(*bytes))
            }
            8 => Cell::Int(0),
            9 => Cell::Int(1),
            10 | 11 => {
                rules.ask(Rule::SerialType, false)?;
                Cell::Null
            }
            even if even % 2 == 0 => Cell::Blob(take(rest / 2)?),
            _ => Cell::Text(take(rest / 2)?),
        })
    }

    /// Whether that were all its columns, and all its bytes.
    pub(super) fn end(&self, rules: Rules) -> Result<(), Rule> {
        rules.ask(Rule::ColumnCount, self.body <= self.at)?;
        rules.ask(Rule::RecordLength, self.start == self.payload.len())
    }
}

/// A two's complement number of 1 to 8 bytes.
fn integer(bytes: &[u8]) -> i64 {
    let negative = bytes.first().is_some_and(|first| first & 0x80 != 0);
    let sign = if negative { -1_i64 } else { 0 };
    bytes.iter().fold(sign, |value, byte| (value << 8) | i64::from(*byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cells(payload: &[u8]) -> Result<(Cell<'_>, Cell<'_>), Rule> {
        let mut record = Record::new(payload, Rules::ALL)?;
        let both = (record.next(Rules::ALL)?, record.next(Rules::ALL)?);
        record.end(Rules::ALL)?;
        Ok(both)
    }

    #[test]
    fn a_record_is_its_types_and_its_values() {
        for (payload, want) in [
            (&[3, 0, 9][..], Ok((Cell::Null, Cell::Int(1)))),
            (&[3, 1, 8, 0xff], Ok((Cell::Int(-1), Cell::Int(0)))),
            (&[3, 3, 17, 0, 1, 0, b'h', b'i'], Ok((Cell::Int(256), Cell::Text(b"hi")))),
            (&[3, 5, 14, 0x80, 0, 0, 0, 0, 0, 7], Ok((Cell::Int(-(1 << 47)), Cell::Blob(&[7])))),
            (&[3, 7, 0, 0x3f, 0xf8, 0, 0, 0, 0, 0, 0], Ok((Cell::Real(1.5), Cell::Null))),
            (&[3, 0, 9, 0], Err(Rule::RecordLength)),
            (&[3, 1, 9], Err(Rule::RecordLength)),
            (&[2, 0], Err(Rule::ColumnCount)),
            (&[4, 0, 0, 0], Err(Rule::ColumnCount)),
            (&[4, 0, 0x81, 0x0d], Err(Rule::RecordLength)), // a text of 64 bytes that is not there
            (&[3, 10, 0], Err(Rule::SerialType)),
            (&[4, 0, 0x80, 0x09], Err(Rule::RecordVarint)),
            (&[0x80, 4, 0, 0], Err(Rule::RecordVarint)),
            (&[2, 0x81, 0x0d], Err(Rule::RecordHeader)),
            (&[3, 0], Err(Rule::RecordHeader)),
            (&[], Err(Rule::RecordHeader)),
        ] {
            assert_eq!(cells(payload), want, "{payload:x?}");
        }
    }
}
