//! A record: a header of serial types, then the values (file format 2.1).

use super::rules::{Rule, Rules};
use super::varint::Varint;
use crate::check::Cell;

/// Columns of a record at most: `container_info` has 18.
const COLUMNS_MAX: usize = 18;

/// A record whose header adds up.
pub(super) struct Record<'a> {
    payload: &'a [u8],
    fields: heapless::Vec<Field, COLUMNS_MAX>,
}

/// One value: its type, and where it lies in the payload.
#[derive(Clone, Copy)]
struct Field {
    serial: u64,
    start: usize,
    end: usize,
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

        let mut fields = heapless::Vec::new();
        let (mut at, mut start) = (head.length, body);
        while at < body {
            let serial = Varint::read(payload, at).ok_or(Rule::RecordHeader)?;
            let ordinary = serial.is_shortest() && serial.value <= 1 << 31;
            rules.ask(Rule::RecordVarint, ordinary)?;
            rules.ask(Rule::SerialType, !matches!(serial.value, 10 | 11))?;
            let width = usize::try_from(width(serial.value)).map_err(|_| Rule::RecordVarint)?;
            let end = start.saturating_add(width);
            let field = Field { serial: serial.value, start, end };
            if fields.push(field).is_err() {
                rules.ask(Rule::ColumnCount, false)?;
            }
            at = at.saturating_add(serial.length);
            start = end;
        }
        rules.ask(Rule::RecordHeader, at == body)?;
        rules.ask(Rule::ColumnCount, fields.len() == columns)?;
        rules.ask(Rule::RecordLength, start == payload.len())?;
        Ok(Self { payload, fields })
    }

    /// The value of column `index`, the first being 0.
    pub(super) fn cell(&self, index: usize) -> Result<Cell<'a>, Rule> {
        let field = self.fields.get(index).ok_or(Rule::ColumnCount)?;
        let bytes = self.payload.get(field.start..field.end).ok_or(Rule::RecordLength)?;
        Ok(match field.serial {
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
        let record = Record::new(payload, 2, Rules::ALL)?;
        Ok((record.cell(0)?, record.cell(1)?))
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
