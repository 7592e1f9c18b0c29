//! Swift's timestamps and counts, as text or numbers in a database.
//!
//! Mirrors `Timestamp`, `NormalTimestamp` (`swift.common.utils.timestamp`) and `zero_like`
//! (`swift.common.db`). A bad timestamp is a value, and is looked at only where Swift looks.
use crate::check::Cell;
use crate::python;

/// The hexadecimal digits of an offset at most (`HEX_PART_DIGITS`); they fill 64 bits.
const OFFSET_DIGITS_MAX: usize = 16;
/// The first number of ticks that Swift calls too large: ten billion seconds.
pub(crate) const TICKS_END: u64 = 1_000_000_000_000_000;
/// 2^52: a double between it and 2^53 has its whole number in its lowest 52 bits.
const WHOLE: f64 = 4_503_599_627_370_496.0;
const WHOLE_MASK: u64 = (1 << 52) - 1;

/// A moment as Swift orders them: the offset tells apart what happened in one tick.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Stamp {
    /// Ticks of 10 µs since 1970; below 10^15.
    pub ticks: u64,
    /// Swift's internal offset; 0 for what clients write.
    pub offset: u64,
}

/// Why a value is no timestamp to Swift.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum StampError {
    /// Neither a number nor a text of the form `SECONDS[_HEX]`; NULL too.
    NotANumber,
    /// NaN.
    Nan,
    /// An infinity, also from digits too many.
    Infinite,
    /// Before 1970 by more than half a tick.
    Negative,
    /// Ten billion seconds or more.
    TooLarge,
}

impl Stamp {
    /// What `Timestamp(value)` makes of a stored value.
    pub fn read(cell: Cell<'_>) -> Result<Self, StampError> {
        let (seconds, offset) = match cell {
            Cell::Null => return Err(StampError::NotANumber),
            Cell::Int(value) => (double(value), Some(0)),
            Cell::Real(value) => (value, Some(0)),
            Cell::Blob(bytes) if !bytes.is_ascii() => return Err(StampError::NotANumber),
            Cell::Text(bytes) | Cell::Blob(bytes) => {
                let mut parts = bytes.splitn(2, |byte| *byte == b'_');
                let seconds = parts.next().and_then(python::float);
                let offset = parts.next().map_or(Some(0), offset);
                (seconds.ok_or(StampError::NotANumber)?, offset)
            }
        };
        let offset = offset.ok_or(StampError::NotANumber)?;
        Ok(Self { ticks: ticks(seconds)?, offset })
    }

    /// What `NormalTimestamp(value)` makes of a stored value: shard ranges have no offsets, and an
    /// underscore is an error.
    pub fn read_normal(cell: Cell<'_>) -> Result<Self, StampError> {
        match cell {
            Cell::Text(bytes) | Cell::Blob(bytes) if bytes.contains(&b'_') => {
                Err(StampError::NotANumber)
            }
            Cell::Null | Cell::Int(_) | Cell::Real(_) | Cell::Text(_) | Cell::Blob(_) => {
                Self::read(cell)
            }
        }
    }
}

/// Whether Swift calls a container with these cells deleted (`ContainerBroker._is_deleted_info`).
/// The timestamps are read only if `count` is zero-like: in a full container they may be anything.
pub fn is_deleted(put: Cell<'_>, delete: Cell<'_>, count: Cell<'_>) -> Result<bool, StampError> {
    if !is_zero_like(count) {
        return Ok(false);
    }
    let delete = Stamp::read(delete)?;
    Ok(Stamp::read(put)? < delete)
}

/// What Swift takes for no objects (`zero_like`): NULL, the empty text, 0, 0.0 and the text `0`.
#[must_use]
pub fn is_zero_like(count: Cell<'_>) -> bool {
    match count {
        Cell::Null | Cell::Int(0) | Cell::Text(b"" | b"0") => true,
        Cell::Real(value) => value.abs() <= 0.0,
        Cell::Int(_) | Cell::Text(_) | Cell::Blob(_) => false,
    }
}

/// The double nearest to `value`, as `float(value)` rounds it.
#[must_use]
pub fn double(value: i64) -> f64 {
    let high = i32::try_from(value >> 32).unwrap_or_default();
    let low = u32::try_from(value & 0xffff_ffff).unwrap_or_default();
    // Both products are exact, so the sum rounds once.
    f64::from(high) * 4_294_967_296.0 + f64::from(low)
}

/// `int(round(seconds / 1e-5))` within Swift's bounds.
fn ticks(seconds: f64) -> Result<u64, StampError> {
    if seconds.is_nan() {
        return Err(StampError::Nan);
    }
    let scaled = seconds / 1e-5;
    if scaled.is_infinite() {
        return Err(StampError::Infinite);
    }
    if scaled < -0.5 {
        return Err(StampError::Negative);
    }
    // Adding 2^52 rounds to whole ticks, ties to even, as Python's `round` does.
    let ticks = (scaled.abs().min(WHOLE / 2.0) + WHOLE).to_bits() & WHOLE_MASK;
    if ticks < TICKS_END { Ok(ticks) } else { Err(StampError::TooLarge) }
}

/// `int(hex, 16)`, where an empty part is 0 and a second underscore an error.
fn offset(hex: &[u8]) -> Option<u64> {
    let hex = core::str::from_utf8(hex).ok()?;
    if hex.is_empty() {
        return Some(0);
    }
    if hex.contains('_') || OFFSET_DIGITS_MAX < hex.chars().count() {
        return None;
    }
    let (negative, value) = python::hex(hex)?;
    (!negative || value == 0).then_some(value)
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;

    fn text(text: &str) -> Cell<'_> {
        Cell::Text(text.as_bytes())
    }

    #[test]
    fn a_timestamp_is_what_swift_reads() {
        for (cell, ticks, offset) in [
            (text("1700000000.12345"), 170_000_000_012_345, 0),
            (text("0"), 0, 0),
            (text("1.7e9"), 170_000_000_000_000, 0),
            (text(" 1 "), 100_000, 0),
            (text("+1"), 100_000, 0),
            (text("\u{661}"), 100_000, 0),
            (text("1.000005"), 100_000, 0),
            (text("1.000015"), 100_002, 0),
            (text("-0.000005"), 0, 0),
            (text("9999999999.99999"), 999_999_999_999_999, 0),
            (text("1_"), 100_000, 0),
            (text("1_1f"), 100_000, 31),
            (text("1_ 1F "), 100_000, 31),
            (text("1_+1"), 100_000, 1),
            (text("1_-0"), 100_000, 0),
            (text("1_0x1f"), 100_000, 31),
            (text("1_\u{663}"), 100_000, 3),
            (text("1_ffffffffffffffff"), 100_000, u64::MAX),
            (Cell::Blob(b"1_1"), 100_000, 1),
            (Cell::Int(17), 1_700_000, 0),
            (Cell::Real(17.5), 1_750_000, 0),
        ] {
            assert_eq!(Stamp::read(cell), Ok(Stamp { ticks, offset }), "{cell:?}");
        }
    }

    #[test]
    fn what_swift_refuses_is_an_error() {
        use StampError::{Infinite, Nan, Negative, NotANumber, TooLarge};
        for (cell, error) in [
            (Cell::Null, NotANumber),
            (text(""), NotANumber),
            (text("_1"), NotANumber),
            (text("x"), NotANumber),
            (text("1_1_1"), NotANumber),
            (text("1_g"), NotANumber),
            (text("1_ "), NotANumber),
            (text("1_0x"), NotANumber),
            (text("1_-1"), NotANumber),
            (text("1_00000000000000001"), NotANumber),
            (Cell::Blob("\u{661}".as_bytes()), NotANumber),
            (Cell::Text(b"\xff"), NotANumber),
            (text("nan"), Nan),
            (text("inf"), Infinite),
            (text("1e308"), Infinite),
            (text("1e400"), Infinite),
            (Cell::Real(f64::INFINITY), Infinite),
            (text("-1"), Negative),
            (text("-0.00001"), Negative),
            (Cell::Int(-1), Negative),
            (text("1e10"), TooLarge),
            (text("9999999999.999999"), TooLarge),
            (text("1e300"), TooLarge),
            (Cell::Int(i64::MAX), TooLarge),
        ] {
            assert_eq!(Stamp::read(cell), Err(error), "{cell:?}");
        }
    }

    #[test]
    fn a_shard_ranges_timestamp_has_no_underscore() {
        assert_eq!(Stamp::read_normal(text("1_1")), Err(StampError::NotANumber));
        assert_eq!(Stamp::read_normal(Cell::Blob(b"1_")), Err(StampError::NotANumber));
        assert_eq!(Stamp::read_normal(text("1")), Ok(Stamp { ticks: 100_000, offset: 0 }));
    }

    #[test]
    fn an_offset_breaks_a_tie_and_no_more() {
        let order = ["0", "1", "1_1", "1_2", "1.00001", "2"];
        for (low, high) in order.iter().zip(&order[1..]) {
            assert!(Stamp::read(text(low)).ok() < Stamp::read(text(high)).ok(), "{low} {high}");
        }
    }

    #[test]
    fn a_container_is_deleted_when_empty_and_deleted_after_it_was_put() {
        let (zero, one, two, junk) = (text("0"), text("1"), text("2"), text("junk"));
        assert_eq!(is_deleted(one, two, Cell::Int(0)), Ok(true));
        assert_eq!(is_deleted(two, one, Cell::Int(0)), Ok(false));
        assert_eq!(is_deleted(one, one, Cell::Int(0)), Ok(false), "a tie is alive");
        assert_eq!(is_deleted(one, text("1_1"), Cell::Int(0)), Ok(true));
        assert_eq!(is_deleted(zero, two, Cell::Int(1)), Ok(false));
        assert_eq!(is_deleted(junk, junk, Cell::Int(-3)), Ok(false), "nobody reads them");
        assert_eq!(is_deleted(junk, two, Cell::Int(0)), Err(StampError::NotANumber));
        assert_eq!(is_deleted(one, Cell::Null, Cell::Null), Err(StampError::NotANumber));
    }

    #[test]
    fn zero_is_written_in_many_ways() {
        for zero in [Cell::Null, text(""), text("0"), Cell::Int(0), Cell::Real(-0.0)] {
            assert!(is_zero_like(zero), "{zero:?}");
        }
        for more in [text("00"), text("0.0"), text(" "), Cell::Blob(b""), Cell::Real(f64::NAN)] {
            assert!(!is_zero_like(more), "{more:?}");
        }
    }

    #[test]
    fn a_whole_number_becomes_the_nearest_double() {
        for value in [0, -1, 1 << 53, (1 << 53) + 1, (1 << 53) + 3, i64::MAX, i64::MIN] {
            let nearest: f64 = std::format!("{value}").parse().unwrap_or_default();
            assert!((double(value) - nearest).abs() <= 0.0, "{value}");
        }
    }
}
