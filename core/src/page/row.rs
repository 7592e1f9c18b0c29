//! [`Row`]: the row of `container_stat`, put together as Swift's view does: `container_info`, left
//! joined with the row of its policy in `policy_stat`.

use super::leaf::Leaf;
use super::record::Record;
use super::rules::{Rule, Rules};
use crate::check::{Cell, Stat};

/// Columns of `container_info`. Databases that Swift migrated have the same, and in the same order: the
/// migration runs the statement that creates it.
const COLUMNS: usize = 18;

/// The row that both of Swift's statements get.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Row<'a> {
    /// The record of `container_info`, from its first column on.
    record: Record<'a>,
    account: Cell<'a>,
    container: Cell<'a>,
    put: Cell<'a>,
    delete: Cell<'a>,
    /// `object_count`: the policy's, 0 where the policy has no row.
    pub count: i64,
    /// `bytes_used`, likewise.
    pub bytes: i64,
}

impl<'a> Row<'a> {
    /// The row stored in `payload`, joined with its policy's on `policies`.
    pub(super) fn new(payload: &'a [u8], policies: Leaf<'_>, rules: Rules) -> Result<Self, Rule> {
        let record = Record::new(payload, rules)?;
        let mut rest = record;
        let account = text(&mut rest, rules)?;
        let container = text(&mut rest, rules)?;
        text(&mut rest, rules)?; // created_at
        let put = text(&mut rest, rules)?;
        let delete = text(&mut rest, rules)?;
        text(&mut rest, rules)?; // reported_put_timestamp
        text(&mut rest, rules)?; // reported_delete_timestamp
        integer(&mut rest, rules)?; // reported_object_count
        integer(&mut rest, rules)?; // reported_bytes_used
        text(&mut rest, rules)?; // hash
        text(&mut rest, rules)?; // id
        text(&mut rest, rules)?; // status
        text(&mut rest, rules)?; // status_changed_at
        rest.next(rules)?; // metadata: Swift does not select it
        integer(&mut rest, rules)?; // x_container_sync_point1
        integer(&mut rest, rules)?; // x_container_sync_point2
        let index = rest.next(rules)?; // storage_policy_index
        rules.ask(Rule::PolicyIndex, matches!(index, Cell::Int(_)))?;
        rest.next(rules)?; // reconciler_sync_point: nor this
        rest.end(rules)?;
        let (count, bytes) = policy(index, policies, rules)?;
        rules.ask(Rule::Timestamp, count != 0 || (is_plain(put) && is_plain(delete)))?;
        Ok(Self { record, account, container, put, delete, count, bytes })
    }

    /// The stored row of `container_info`, in the order of its columns.
    #[must_use]
    pub fn info(&self) -> [Cell<'a>; COLUMNS] {
        // As in `new`, where each of these was read without an error.
        let mut record = self.record;
        core::array::from_fn(|_| record.next(Rules::ALL).unwrap_or(Cell::Null))
    }

    /// The facts of it that a verdict needs.
    #[must_use]
    pub fn stat(&self) -> Stat<'a> {
        Stat {
            account: self.account,
            container: self.container,
            put: self.put,
            delete: self.delete,
            count: Cell::Int(self.count),
            revived: false,
        }
    }
}

/// The next column, which Swift selects as a text.
fn text<'a>(record: &mut Record<'a>, rules: Rules) -> Result<Cell<'a>, Rule> {
    let cell = record.next(rules)?;
    if let Cell::Text(text) = cell {
        // The first test is the quicker one.
        rules.ask(Rule::NotUtf8, text.is_ascii() || core::str::from_utf8(text).is_ok())?;
    } else {
        rules.ask(Rule::NotText, false)?;
    }
    Ok(cell)
}

/// The next column, which Swift selects as a number.
fn integer(record: &mut Record<'_>, rules: Rules) -> Result<(), Rule> {
    rules.ask(Rule::NotInteger, matches!(record.next(rules)?, Cell::Int(_)))
}

/// `object_count` and `bytes_used` of policy `index`; zeros if it has no row.
fn policy(index: Cell<'_>, policies: Leaf<'_>, rules: Rules) -> Result<(i64, i64), Rule> {
    let mut found = None;
    let mut before = None;
    for number in 0..policies.cells() {
        let cell = policies.cell(number, rules)?;
        rules.ask(Rule::PolicyOverflow, cell.overflow.is_none())?;
        rules.ask(Rule::PolicyOrder, before.is_none_or(|before| before < cell.rowid))?;
        before = Some(cell.rowid);
        if index == Cell::Int(cell.rowid) {
            found = Some(cell);
        }
    }
    let Some(cell) = found else { return Ok((0, 0)) };
    let mut record = Record::new(cell.local, rules)?;
    rules.ask(Rule::PolicyAlias, record.next(rules)? == Cell::Null)?;
    let both = (number(record.next(rules)?, rules)?, number(record.next(rules)?, rules)?);
    record.end(rules)?;
    Ok(both)
}

/// A count. What is none is read as 0 only when the rule against it is waived.
fn number(cell: Cell<'_>, rules: Rules) -> Result<i64, Rule> {
    if let Cell::Int(number) = cell {
        return Ok(number);
    }
    rules.ask(Rule::NotInteger, false)?;
    Ok(0)
}

/// Whether Swift reads this timestamp, and any two of this form in the order of their digits: `0`,
/// or 1 to 10 digits, a point, 5 digits, and perhaps `_` and 16 digits in lower-case hexadecimal
/// (`Timestamp.internal`).
fn is_plain(cell: Cell<'_>) -> bool {
    let Cell::Text(text) = cell else { return false };
    if text == b"0" {
        return true;
    }
    let mut halves = text.splitn(2, |byte| *byte == b'_');
    let normal = halves.next().unwrap_or_default();
    let offset = halves.next();
    let mut parts = normal.splitn(2, |byte| *byte == b'.');
    let seconds = parts.next().unwrap_or_default();
    let fraction = parts.next().unwrap_or_default();
    let hex = |byte: &u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(byte);
    (1..=10).contains(&seconds.len())
        && fraction.len() == 5
        && seconds.iter().chain(fraction).all(u8::is_ascii_digit)
        && offset.is_none_or(|offset| offset.len() == 16 && offset.iter().all(hex))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_swift_writes_itself_is_a_plain_timestamp() {
        for (text, plain) in [
            ("0", true),
            ("0000000000.00000", true),
            ("1700000000.12345", true),
            ("1.00000", true),
            ("1700000000.12345_00000000000000af", true),
            ("1700000000.12345_00000000000000AF", false),
            ("1700000000.12345_0", false),
            ("1700000000.12345_", false),
            ("17000000000.12345", false),
            ("1700000000.1234", false),
            ("1700000000", false),
            ("00", false),
            (".12345", false),
            ("-1.00000", false),
            ("", false),
        ] {
            assert_eq!(is_plain(Cell::Text(text.as_bytes())), plain, "{text}");
        }
        assert!(!is_plain(Cell::Int(0)));
    }
}
