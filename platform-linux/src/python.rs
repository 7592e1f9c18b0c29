//! Numbers and system errors spelt as Python spells them, for readers made for Swift's output.
use std::fmt::{self, Write};
use std::io;

use nix::errno::Errno;
use nix::libc;

/// A system error as Python prints an `OSError` without its file name: `[Errno 13] Permission
/// denied`. An error that is not the system's is printed as Rust prints it.
#[must_use]
pub fn os_error(error: &io::Error) -> String {
    error.raw_os_error().map_or_else(
        || error.to_string(),
        |number| {
            let said = STRERROR.iter().find(|(errno, _)| *errno == number);
            let words = said.map_or_else(|| Errno::from_raw(number).desc(), |(_, words)| words);
            format!("[Errno {number}] {words}")
        },
    )
}

/// What Python prints, which is glibc's `strerror`, where nix has other words. A static program has
/// another C library with its own words, so they are not asked for.
const STRERROR: [(i32, &str); 14] = [
    (libc::EIO, "Input/output error"),
    (libc::EBADF, "Bad file descriptor"),
    (libc::EAGAIN, "Resource temporarily unavailable"),
    (libc::ENOMEM, "Cannot allocate memory"),
    (libc::EXDEV, "Invalid cross-device link"),
    (libc::ENFILE, "Too many open files in system"),
    (libc::ENOTTY, "Inappropriate ioctl for device"),
    (libc::EDEADLK, "Resource deadlock avoided"),
    (libc::ENOLCK, "No locks available"),
    (libc::ELOOP, "Too many levels of symbolic links"),
    (libc::ENETRESET, "Network dropped connection on reset"),
    (libc::EBADMSG, "Bad message"),
    (libc::EOPNOTSUPP, "Operation not supported"),
    (libc::EDQUOT, "Disk quota exceeded"),
];

/// A number in the recon cache.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Number {
    /// A count.
    Integer(i64),
    /// Seconds, or a moment.
    Float(f64),
}

/// As `json.dumps` prints it: `NaN` and `Infinity` included, which are not JSON.
impl fmt::Display for Number {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Integer(count) => write!(out, "{count}"),
            Self::Float(float) if float.is_nan() => out.write_str("NaN"),
            Self::Float(f64::INFINITY) => out.write_str("Infinity"),
            Self::Float(f64::NEG_INFINITY) => out.write_str("-Infinity"),
            Self::Float(float) => write!(out, "{}", Repr(float)),
        }
    }
}

/// A float as Python's `repr` prints it: the shortest digits that read back as the same value.
#[derive(Clone, Copy, Debug)]
pub struct Repr(pub f64);

/// Python writes an exponent from this power of ten on.
const EXPONENT_FROM: i32 = 16;
/// Python writes an exponent below this power of ten.
const EXPONENT_BELOW: i32 = -4;

impl fmt::Display for Repr {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.0.is_finite() {
            return out.write_str(match self.0 {
                f64::INFINITY => "inf",
                f64::NEG_INFINITY => "-inf",
                _ => "nan",
            });
        }
        if self.0.is_sign_negative() {
            out.write_char('-')?;
        }
        let mut shortest = Short::default();
        write!(shortest, "{:e}", self.0.abs())?;
        let digits = shortest.as_str().bytes().take_while(|&byte| byte != b'e');
        let digits = digits.filter(u8::is_ascii_digit).count();
        // Of two shortest texts equally near Rust takes the larger, Python the even one; at a given
        // length Rust takes the even one, too.
        let mut text = Short::default();
        write!(text, "{:.*e}", digits.saturating_sub(1), self.0.abs())?;
        let (mantissa, exponent) = text.as_str().split_once('e').ok_or(fmt::Error)?;
        let exponent: i32 = exponent.parse().map_err(|_| fmt::Error)?;
        let (first, rest) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        if !(EXPONENT_BELOW..EXPONENT_FROM).contains(&exponent) {
            let point = if rest.is_empty() { "" } else { "." };
            let sign = if exponent < 0 { '-' } else { '+' };
            return write!(out, "{first}{point}{rest}e{sign}{:02}", exponent.unsigned_abs());
        }
        if exponent < 0 {
            out.write_str("0.")?;
            (1..exponent.unsigned_abs()).try_for_each(|_| out.write_char('0'))?;
            return write!(out, "{first}{rest}");
        }
        let places = usize::try_from(exponent).map_err(|_| fmt::Error)?;
        let (whole, fraction) = rest.split_at(places.min(rest.len()));
        write!(out, "{first}{whole}")?;
        (whole.len()..places).try_for_each(|_| out.write_char('0'))?;
        write!(out, ".{}", if fraction.is_empty() { "0" } else { fraction })
    }
}

/// Python's `round(value, 4)`: to the nearest, judged on the exact value, ties to even.
#[must_use]
pub fn round4(value: f64) -> f64 {
    /// From 2^53 on there is no fraction to round.
    const WHOLE_FROM: f64 = 9_007_199_254_740_992.0;
    if !value.is_finite() || WHOLE_FROM <= value.abs() {
        return value;
    }
    let mut text = Short::default();
    match write!(text, "{value:.4}") {
        Ok(()) => text.as_str().parse().unwrap_or(value),
        Err(fmt::Error) => value,
    }
}

/// The longest text a finite float becomes here: sign, 17 digits, point, `e-324`; or 16 digits,
/// point and four more.
const SHORT_MAX: usize = 32;

/// A few bytes of text without the heap: these run once a database.
#[derive(Default)]
struct Short {
    bytes: [u8; SHORT_MAX],
    used: usize,
}

impl Short {
    fn as_str(&self) -> &str {
        std::str::from_utf8(&self.bytes[..self.used]).unwrap_or_default()
    }
}

impl Write for Short {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let end = self.used + text.len();
        self.bytes.get_mut(self.used..end).ok_or(fmt::Error)?.copy_from_slice(text.as_bytes());
        self.used = end;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_float_is_spelt_as_python_spells_it() {
        for (float, text) in [
            (0.0, "0.0"),
            (-0.0, "-0.0"),
            (1.0, "1.0"),
            (0.1, "0.1"),
            (-2.5, "-2.5"),
            (100.0, "100.0"),
            (0.0001, "0.0001"),
            (0.000_123, "0.000123"),
            (1e-5, "1e-05"),
            (1.5e-7, "1.5e-07"),
            (123_456_789_012_345.6, "123456789012345.6"),
            (1e15, "1000000000000000.0"),
            (9_999_999_999_999_998.0, "9999999999999998.0"),
            (1e16, "1e+16"),
            (1.234e100, "1.234e+100"),
            (5e-324, "5e-324"),
            (f64::MAX, "1.7976931348623157e+308"),
            (106_665.722_900_390_63, "106665.72290039062"),
            (1_795_361_324.123_456, "1795361324.123456"),
            (f64::NAN, "nan"),
            (f64::NEG_INFINITY, "-inf"),
        ] {
            assert_eq!(Repr(float).to_string(), text);
        }
    }

    #[test]
    fn a_system_error_is_in_pythons_words() {
        for (errno, text) in [
            (libc::EACCES, "[Errno 13] Permission denied"),
            (libc::EIO, "[Errno 5] Input/output error"),
            (libc::ELOOP, "[Errno 40] Too many levels of symbolic links"),
            (libc::ENAMETOOLONG, "[Errno 36] File name too long"),
        ] {
            assert_eq!(os_error(&io::Error::from_raw_os_error(errno)), text);
        }
    }

    #[test]
    fn json_has_pythons_words_for_what_is_no_number() {
        assert_eq!(Number::Float(f64::NAN).to_string(), "NaN");
        assert_eq!(Number::Float(f64::INFINITY).to_string(), "Infinity");
        assert_eq!(Number::Float(f64::NEG_INFINITY).to_string(), "-Infinity");
        assert_eq!(Number::Float(3e-5).to_string(), "3e-05");
        assert_eq!(Number::Integer(-7).to_string(), "-7");
    }

    #[test]
    fn rounding_is_pythons() {
        for (value, rounded) in [
            (0.638_04, "0.638"),
            (0.031_25, "0.0312"), // exact ties go to the even digit
            (0.093_75, "0.0938"),
            (2.000_05, "2.0"), // no tie: the value is a little less than its spelling
            (1.000_05, "1.0001"), // and here a little more
            (0.000_05, "0.0001"),
            (-0.000_01, "-0.0"),
            (12_345.678_949, "12345.6789"),
            (1e300, "1e+300"),
            (f64::INFINITY, "inf"),
        ] {
            assert_eq!(Repr(round4(value)).to_string(), rounded, "{value:?}");
        }
    }
}
