//! A record: a header of serial types, then the values (file format 2.1).

use super::rules::{Rule, Rules};
use super::varint::Varint;
use crate::check::Cell;

/// A record whose header adds up. Its values are read off in the order of their columns.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Record<'a> {
    payload: &'a [u8],
    /// Where in the header the next serial type stands, and where the header ends.
    at: usize,
    body: usize,
    /// Where the next value starts.
    start: usize,
}

/// Bytes of a value of this serial type.
fn width(serial: u64) -> u64 {
    match serial {
        0 | 8..=11 => 0,
        1..=4 => serial,
        5 => 6,
        6 | 7 => 8,
        12.. => serial.saturating_sub(12) / 2,
    }
}

impl<'a> Record<'a> {
    /// The record of a table of `columns` columns that fills `payload`.
    pub(super) fn new(payload: &'a [u8], columns: usize, rules: Rules) -> Result<Self, Rule> {
        let head = Varint::read(payload, 0).ok_or(Rule::RecordHeader)?;
        rules.ask(Rule::RecordVarint, head.length == 1)?;
        let body = usize::try_from(head.value).map_err(|_| Rule::RecordHeader)?;

        let (mut at, mut end, mut found) = (head.length, body, 0_usize);
        while at < body {
            let serial = Varint::read(payload, at).ok_or(Rule::RecordHeader)?;
            let ordinary = serial.is_shortest() && serial.value <= 1 << 31;
            rules.ask(Rule::RecordVarint, ordinary)?;
            rules.ask(Rule::SerialType, !matches!(serial.value, 10 | 11))?;
            let width = usize::try_from(width(serial.value)).map_err(|_| Rule::RecordVarint)?;
            end = end.saturating_add(width);
            at = at.saturating_add(serial.length);
            found = found.saturating_add(1);
        }
        rules.ask(Rule::RecordHeader, at == body)?;
        rules.ask(Rule::ColumnCount, found == columns)?;
        rules.ask(Rule::RecordLength, end == payload.len())?;
        Ok(Self { payload, at: head.length, body, start: body })
    }

    /// The value of the next column.
    pub(super) fn next(&mut self) -> Result<Cell<'a>, Rule> {
        if self.body <= self.at {
            return Err(Rule::ColumnCount);
        }
        let serial = Varint::read(self.payload, self.at).ok_or(Rule::RecordHeader)?;
        let width = usize::try_from(width(serial.value)).map_err(|_| Rule::RecordVarint)?;
        let end = self.start.saturating_add(width);
        let bytes = self.payload.get(self.start..end).ok_or(Rule::RecordLength)?;
        self.at = self.at.saturating_add(serial.length);
        self.start = end;
        Ok(match serial.value {
            0 | 10 | 11 => Cell::Null,
            1..=6 => Cell::Int(integer(bytes)),
            7 => Cell::Real(f64::from_be_bytes(*bytes.first_chunk().ok_or(Rule::RecordLength)?)),
            8 => Cell::Int(0),
            9 => Cell::Int(1),
            even if even % 2 == 0 => Cell::Blob(bytes),
            _ => Cell::Text(bytes),
        })
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
        let mut record = Record::new(payload, 2, Rules::ALL)?;
        Ok((record.next()?, record.next()?))
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
