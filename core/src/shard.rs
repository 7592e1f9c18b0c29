//! What Swift reads of a sharded container: its own shard range, and whether it is the root.
//!
//! Mirrors what `ShardRange.__init__` accepts, `ContainerBroker.get_db_state` and
//! `is_root_container`. The platform runs the queries; what their rows mean is said here.
use crate::check::Cell;
use crate::python;
use crate::stamp::{Stamp, StampError, double};
use core::cmp::Ordering;

/// One row of `shard_range`, as the database has it (`SHARD_RANGE_KEYS`).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ShardRow<'a> {
    /// `name`: account and container of the shard.
    pub name: Cell<'a>,
    /// `timestamp`.
    pub timestamp: Cell<'a>,
    /// `lower`: object names start after it.
    pub lower: Cell<'a>,
    /// `upper`: the last object name; NULL and the empty text have no end.
    pub upper: Cell<'a>,
    /// `object_count`.
    pub object_count: Cell<'a>,
    /// `bytes_used`.
    pub bytes_used: Cell<'a>,
    /// `meta_timestamp`.
    pub meta_timestamp: Cell<'a>,
    /// `deleted`.
    pub deleted: Cell<'a>,
    /// `state`.
    pub state: Cell<'a>,
    /// `state_timestamp`.
    pub state_timestamp: Cell<'a>,
    /// `epoch`.
    pub epoch: Cell<'a>,
    /// `tombstones`.
    pub tombstones: Cell<'a>,
}

/// A shard range that Swift can read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ShardRange {
    /// When sharding was enabled.
    pub epoch: Option<Stamp>,
    /// Whether it is marked as deleted.
    pub deleted: bool,
}

impl ShardRow<'_> {
    /// The range, or `None` where Swift raises instead.
    #[must_use]
    pub fn read(&self) -> Option<ShardRange> {
        let Cell::Text(name) = self.name else { return None };
        let is_sound = is_path(name)
            && are_bounds(self.lower, self.upper)
            && Stamp::read_normal(self.timestamp).is_ok()
            && is_count(self.object_count)
            && is_count(self.bytes_used)
            && optional(self.meta_timestamp).is_ok()
            && is_state(self.state)
            && optional(self.state_timestamp).is_ok()
            && sign(self.tombstones).is_some();
        let epoch = optional(self.epoch).ok()?;
        is_sound.then_some(ShardRange { epoch, deleted: is_true(self.deleted) })
    }
}

/// Whether a file's epoch is that of the range; an error where Swift raises. A text that is no
/// number is merely different.
pub fn is_epoch(name: &[u8], epoch: Option<Stamp>) -> Result<bool, StampError> {
    let Some(epoch) = epoch else { return Ok(false) };
    // Names are grouped by what stands before the first underscore; the epoch ends at the second.
    let name = name.split(|byte| *byte == b'_').next().unwrap_or_default();
    match Stamp::read_normal(Cell::Text(name)) {
        Ok(found) => Ok(found == epoch),
        Err(StampError::Infinite) => Err(StampError::Infinite),
        Err(_) => Ok(false),
    }
}

/// Whether a name has the form `account/container`, no part empty (`ShardRange._validate_name`).
#[must_use]
pub fn is_path(name: &[u8]) -> bool {
    let mut parts = name.split(|byte| *byte == b'/');
    let first = parts.next().is_some_and(|part| !part.is_empty());
    let second = parts.next().is_some_and(|part| !part.is_empty());
    first && second && parts.next().is_none()
}

fn optional(cell: Cell<'_>) -> Result<Option<Stamp>, StampError> {
    match cell {
        Cell::Null => Ok(None),
        Cell::Int(_) | Cell::Real(_) | Cell::Text(_) | Cell::Blob(_) => {
            Stamp::read_normal(cell).map(Some)
        }
    }
}

/// `lower` is not after `upper`. NULL and nothing at all mean without bound.
fn are_bounds(lower: Cell<'_>, upper: Cell<'_>) -> bool {
    let (Some(lower), Some(upper)) = (bound(lower), bound(upper)) else { return false };
    upper.is_empty() || lower.cmp(upper) != Ordering::Greater
}

fn bound(cell: Cell<'_>) -> Option<&[u8]> {
    match cell {
        Cell::Null => Some(b""),
        Cell::Text(bytes) | Cell::Blob(bytes) => {
            core::str::from_utf8(bytes).is_ok().then_some(bytes)
        }
        Cell::Int(_) | Cell::Real(_) => None,
    }
}

fn is_count(cell: Cell<'_>) -> bool {
    sign(cell).is_some_and(|sign| sign != Ordering::Less)
}

/// The sign of `int(cell)`, or `None` where Python raises.
fn sign(cell: Cell<'_>) -> Option<Ordering> {
    match cell {
        Cell::Null => None,
        Cell::Int(value) => Some(value.cmp(&0)),
        Cell::Real(value) if !value.is_finite() => None,
        Cell::Real(value) if value <= -1.0 => Some(Ordering::Less),
        Cell::Real(value) if 1.0 <= value => Some(Ordering::Greater),
        Cell::Real(_) => Some(Ordering::Equal),
        Cell::Text(text) => python::int_sign(text),
        Cell::Blob(bytes) => bytes.is_ascii().then(|| python::int_sign(bytes)).flatten(),
    }
}

/// Whether Python takes the value for true.
fn is_true(cell: Cell<'_>) -> bool {
    match cell {
        Cell::Null => false,
        Cell::Int(value) => value != 0,
        Cell::Real(value) => value.is_nan() || 0.0 < value.abs(),
        Cell::Text(bytes) | Cell::Blob(bytes) => !bytes.is_empty(),
    }
}

/// The states' numbers (`ShardRange.STATES`), in the order of their names.
const STATES: [f64; 8] = [10.0, 20.0, 30.0, 40.0, 50.0, 60.0, 70.0, 80.0];
const NAMES: [&str; 8] =
    ["found", "created", "cleaved", "active", "shrinking", "sharding", "sharded", "shrunk"];

/// Whether a value is a state's number, or its name in any case (`ShardRange.resolve_state`).
fn is_state(cell: Cell<'_>) -> bool {
    let is_number = |value: f64| STATES.iter().any(|state| (state - value).abs() <= 0.0);
    match cell {
        Cell::Null => true,
        Cell::Int(value) => is_number(double(value)),
        Cell::Real(value) => is_number(value),
        Cell::Text(text) => {
            python::float(text).is_some_and(is_number)
                || NAMES.iter().any(|name| text.eq_ignore_ascii_case(name.as_bytes()))
        }
        Cell::Blob(bytes) => bytes.is_ascii() && python::float(bytes).is_some_and(is_number),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROW: ShardRow<'_> = ShardRow {
        name: Cell::Text(b"a/c"),
        timestamp: Cell::Text(b"1700000000.00000"),
        lower: Cell::Text(b""),
        upper: Cell::Text(b""),
        object_count: Cell::Int(0),
        bytes_used: Cell::Int(0),
        meta_timestamp: Cell::Null,
        deleted: Cell::Int(0),
        state: Cell::Int(40),
        state_timestamp: Cell::Null,
        epoch: Cell::Null,
        tombstones: Cell::Int(-1),
    };

    fn text(text: &str) -> Cell<'_> {
        Cell::Text(text.as_bytes())
    }

    #[test]
    fn what_swift_reads_is_read() {
        for row in [
            ROW,
            ShardRow { lower: text("a"), upper: text("b"), ..ROW },
            ShardRow { lower: text("b"), upper: text("b"), ..ROW },
            ShardRow { lower: Cell::Null, upper: Cell::Blob(b"x"), ..ROW },
            ShardRow { lower: text("z"), upper: Cell::Null, ..ROW },
            ShardRow { object_count: text(" 1_0 "), bytes_used: Cell::Real(-0.5), ..ROW },
            ShardRow { object_count: Cell::Blob(b"7"), ..ROW },
            ShardRow { state: Cell::Null, tombstones: text("-1"), ..ROW },
            ShardRow { state: text("40"), ..ROW },
            ShardRow { state: text("4e1"), ..ROW },
            ShardRow { state: text("SHRunk"), ..ROW },
            ShardRow { state: Cell::Real(80.0), deleted: text("x"), ..ROW },
        ] {
            assert!(row.read().is_some(), "{row:?}");
        }
        assert_eq!(
            ShardRow { epoch: text("2"), deleted: Cell::Int(1), ..ROW }.read(),
            Some(ShardRange { epoch: Some(Stamp { ticks: 200_000, offset: 0 }), deleted: true })
        );
    }

    #[test]
    fn what_swift_raises_on_is_nothing() {
        for row in [
            ShardRow { name: text("a"), ..ROW },
            ShardRow { name: text("a/b/c"), ..ROW },
            ShardRow { name: text("/c"), ..ROW },
            ShardRow { timestamp: Cell::Null, ..ROW },
            ShardRow { timestamp: text("1_1"), ..ROW },
            ShardRow { meta_timestamp: text("x"), ..ROW },
            ShardRow { state_timestamp: text("x"), ..ROW },
            ShardRow { epoch: text("x"), ..ROW },
            ShardRow { lower: text("b"), upper: text("a"), ..ROW },
            ShardRow { lower: Cell::Int(1), ..ROW },
            ShardRow { upper: Cell::Blob(b"\xff"), ..ROW },
            ShardRow { object_count: Cell::Int(-1), ..ROW },
            ShardRow { object_count: Cell::Null, ..ROW },
            ShardRow { object_count: text("1.0"), ..ROW },
            ShardRow { bytes_used: Cell::Real(-1.0), ..ROW },
            ShardRow { bytes_used: Cell::Real(f64::INFINITY), ..ROW },
            ShardRow { tombstones: text("x"), ..ROW },
            ShardRow { state: Cell::Int(99), ..ROW },
            ShardRow { state: Cell::Real(40.5), ..ROW },
            ShardRow { state: text("nan"), ..ROW },
            ShardRow { state: Cell::Blob(b"active"), ..ROW },
        ] {
            assert_eq!(row.read(), None, "{row:?}");
        }
    }

    #[test]
    fn an_epoch_is_compared_as_a_number() {
        let epoch = Some(Stamp { ticks: 150_000, offset: 0 });
        for (name, expected) in [
            (&b"1.5"[..], Ok(true)),
            (b"0000000001.50000", Ok(true)),
            (b"1.5_x", Ok(true)),
            (b"1.6", Ok(false)),
            (b"", Ok(false)),
            (b"x", Ok(false)),
            (b"nan", Ok(false)),
            (b"inf", Err(StampError::Infinite)),
        ] {
            assert_eq!(is_epoch(name, epoch), expected, "{name:?}");
        }
        assert_eq!(is_epoch(b"inf", None), Ok(false));
    }
}
