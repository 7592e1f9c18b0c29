//! Python's `float()` and `int()`, which Swift calls on every timestamp and number it reads from text.
//!
//! Total on any bytes and of any length: what a double can tell apart is kept in a fixed buffer.

use core::cmp::Ordering;

/// Significant digits of a decimal that can decide how it rounds to a double: 767 in the longest
/// midpoint between two doubles, and one that says whether anything but zeros follows.
const DIGITS_MAX: usize = 768;
/// A sign, the digits, `e` and an exponent of 64 bits.
const NUMBER_MAX: usize = 1 + DIGITS_MAX + 1 + 20;

/// The zeros of Unicode's decimal digits (category Nd, Unicode 14, as in Python 3.11); the other nine
/// digits of each follow it.
const ZEROS: [u32; 66] = [
    0x30, 0x660, 0x6f0, 0x7c0, 0x966, 0x9e6, 0xa66, 0xae6, 0xb66, 0xbe6, 0xc66, 0xce6, 0xd66,
    0xde6, 0xe50, 0xed0, 0xf20, 0x1040, 0x1090, 0x17e0, 0x1810, 0x1946, 0x19d0, 0x1a80, 0x1a90,
    0x1b50, 0x1bb0, 0x1c40, 0x1c50, 0xa620, 0xa8d0, 0xa900, 0xa9d0, 0xa9f0, 0xaa50, 0xabf0, 0xff10,
    0x1_04a0, 0x1_0d30, 0x1_1066, 0x1_10f0, 0x1_1136, 0x1_11d0, 0x1_12f0, 0x1_1450, 0x1_14d0,
    0x1_1650, 0x1_16c0, 0x1_1730, 0x1_18e0, 0x1_1950, 0x1_1c50, 0x1_1d50, 0x1_1da0, 0x1_6a60,
    0x1_6ac0, 0x1_6b50, 0x1_d7ce, 0x1_d7d8, 0x1_d7e2, 0x1_d7ec, 0x1_d7f6, 0x1_e140, 0x1_e2f0,
    0x1_e950, 0x1_fbf0,
];

/// What `float(text)` gives, or `None` where Python raises `ValueError`; bytes that are not UTF-8
/// could not have become a `str` and give `None`. NaN and the infinities are values.
#[must_use]
pub fn float(text: &[u8]) -> Option<f64> {
    let text = core::str::from_utf8(text).ok()?.trim_matches(is_space);
    if !underscores_stand_between_digits(text) {
        return None;
    }
    let (negative, rest) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let size = match word(rest) {
        Some(value) => value,
        None => decimal(rest)?,
    };
    Some(if negative { -size } else { size })
}

/// The digits of a number that `int(text)` takes at most (`sys.set_int_max_str_digits`).
const INT_DIGITS_MAX: usize = 4300;

/// The sign of `int(text)`, or `None` where Python raises `ValueError`.
#[must_use]
pub fn int_sign(text: &[u8]) -> Option<Ordering> {
    let text = core::str::from_utf8(text).ok()?.trim_matches(is_space);
    if !underscores_stand_between_digits(text) {
        return None;
    }
    let (sign, rest) = match text.strip_prefix('-') {
        Some(rest) => (Ordering::Less, rest),
        None => (Ordering::Greater, text.strip_prefix('+').unwrap_or(text)),
    };
    let mut digits = 0_usize;
    let mut is_zero = true;
    for letter in rest.chars().filter(|letter| *letter != '_') {
        is_zero &= digit(letter)? == 0;
        digits = digits.saturating_add(1);
    }
    let is_number = (1..=INT_DIGITS_MAX).contains(&digits);
    is_number.then_some(if is_zero { Ordering::Equal } else { sign })
}

/// `int(text, 16)` as its sign and size, or `None` where Python raises `ValueError`. Beyond 64 bits
/// the size is the largest there is.
#[must_use]
pub fn hex(text: &str) -> Option<(bool, u64)> {
    let value = |letter: char| match letter {
        'a'..='f' | 'A'..='F' => letter.to_digit(16),
        _ => digit(letter).map(u32::from),
    };
    let text = text.trim_matches(is_space);
    let (negative, text) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    // The zero of `0x` may be any script's, the letter may not; one underscore may follow.
    let mut letters = text.chars();
    let is_prefixed = letters.next().and_then(digit) == Some(0)
        && letters.next().is_some_and(|letter| matches!(letter, 'x' | 'X'));
    let text = if is_prefixed {
        letters.as_str().strip_prefix('_').unwrap_or(letters.as_str())
    } else {
        text
    };
    let mut size = 0_u64;
    let mut after_digit = false;
    for letter in text.chars() {
        if letter == '_' && after_digit {
            after_digit = false;
            continue;
        }
        let digit = u64::from(value(letter)?);
        size = size.checked_mul(16).map_or(u64::MAX, |size| size | digit);
        after_digit = true;
    }
    after_digit.then_some((negative, size))
}

/// What `float` strips: C's white space, and all of Unicode's beyond ASCII. The four separators
/// U+001C to U+001F, which `str.strip` takes too, it leaves.
pub(crate) fn is_space(letter: char) -> bool {
    if letter.is_ascii() { matches!(letter, '\t'..='\r' | ' ') } else { letter.is_whitespace() }
}

/// The value of a decimal digit of any script.
pub(crate) fn digit(letter: char) -> Option<u8> {
    let code = u32::from(letter);
    let zero = match ZEROS.binary_search(&code) {
        Ok(_) => code,
        Err(at) => *ZEROS.get(at.checked_sub(1)?)?,
    };
    u8::try_from(code.checked_sub(zero)?).ok().filter(|value| *value < 10)
}

fn underscores_stand_between_digits(text: &str) -> bool {
    let mut before = None;
    for letter in text.chars() {
        let is_wrong = match (before, letter) {
            (Some('_'), _) => digit(letter).is_none(),
            (_, '_') => before.and_then(digit).is_none(),
            _ => false,
        };
        if is_wrong {
            return false;
        }
        before = Some(letter);
    }
    before != Some('_')
}

fn word(text: &str) -> Option<f64> {
    if text.eq_ignore_ascii_case("nan") {
        return Some(f64::NAN);
    }
    let is_infinite = text.eq_ignore_ascii_case("inf") || text.eq_ignore_ascii_case("infinity");
    is_infinite.then_some(f64::INFINITY)
}

/// `digits[.digits][e[sign]digits]`, at least one digit before `e`.
fn decimal(text: &str) -> Option<f64> {
    let mut digits = Digits::default();
    let mut letters = text.chars().filter(|letter| *letter != '_');
    let mut fraction = false;
    let mut exponent = 0_i64;
    while let Some(letter) = letters.next() {
        match letter {
            '.' if !fraction => fraction = true,
            'e' | 'E' => {
                exponent = whole(&mut letters)?;
                break;
            }
            _ => digits.push(digit(letter)?, fraction)?,
        }
    }
    digits.value(exponent)
}

/// The exponent: an optional sign and at least one digit; saturates far beyond any double.
fn whole(letters: &mut dyn Iterator<Item = char>) -> Option<i64> {
    let mut value = None;
    let mut negative = None;
    for letter in letters {
        match letter {
            '+' | '-' if value.is_none() && negative.is_none() => negative = Some(letter == '-'),
            _ => {
                let next = i64::from(digit(letter)?);
                value = Some(value.unwrap_or(0_i64).saturating_mul(10).saturating_add(next));
            }
        }
    }
    value.map(|value| if negative == Some(true) { value.saturating_neg() } else { value })
}

/// The digits of a decimal that matter, and where its point stands.
#[derive(Default)]
struct Digits {
    kept: heapless::Vec<u8, NUMBER_MAX>,
    /// Whether there was a digit at all.
    any: bool,
    /// The power of ten that `kept` is to be multiplied with.
    power: i64,
}

impl Digits {
    fn push(&mut self, value: u8, fraction: bool) -> Option<()> {
        self.any = true;
        let is_leading_zero = value == 0 && self.kept.is_empty();
        let has_room = self.kept.len() < DIGITS_MAX;
        if has_room && !is_leading_zero {
            self.kept.push(value.checked_add(b'0')?).ok()?;
        } else if value != 0
            && let Some(last) = self.kept.last_mut()
            && *last == b'0'
        {
            // Beyond what decides the rounding, but for this: it is more than a midpoint.
            *last = b'1';
        }
        let is_whole = !(has_room || fraction);
        let is_fraction = has_room && fraction;
        self.power =
            self.power.saturating_add(i64::from(is_whole)).saturating_sub(i64::from(is_fraction));
        Some(())
    }

    fn value(mut self, exponent: i64) -> Option<f64> {
        use core::fmt::Write as _;
        if !self.any {
            return None;
        }
        if self.kept.is_empty() {
            return Some(0.0);
        }
        write!(self.kept, "e{}", self.power.saturating_add(exponent)).ok()?;
        core::str::from_utf8(&self.kept).ok()?.parse().ok()
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;
    use std::format;

    #[test]
    fn every_number_is_what_python_makes_of_it() {
        // Expected values are those of Python 3.11.
        for (text, expected) in [
            ("1", 1.0),
            ("1700000000.12345", 1_700_000_000.123_45),
            (" 1 ", 1.0),
            ("\t\n\u{b}\u{c}\r1", 1.0),
            ("\u{a0}\u{85}\u{1680}\u{2003}\u{2028}\u{202f}\u{205f}1\u{3000}", 1.0),
            ("+1", 1.0),
            ("-1", -1.0),
            ("1.", 1.0),
            (".5", 0.5),
            ("1.e5", 1e5),
            ("1_000", 1000.0),
            ("1_0.0_0", 10.0),
            ("1e1_0", 1e10),
            ("1E+05", 1e5),
            ("1e-5", 1e-5),
            ("0e99999999999999999999", 0.0),
            ("1e400", f64::INFINITY),
            ("1e99999999999999999999", f64::INFINITY),
            ("-1e400", f64::NEG_INFINITY),
            ("1e-400", 0.0),
            ("1e-99999999999999999999", 0.0),
            ("inf", f64::INFINITY),
            ("+Infinity", f64::INFINITY),
            ("-iNf", f64::NEG_INFINITY),
            ("\u{663}", 3.0),
            ("1_\u{663}", 13.0),
            ("\u{ff11}\u{ff17}.\u{1d7ff}", 17.9),
            ("1e\u{662}", 100.0),
            ("9007199254740993", 9_007_199_254_740_992.0),
            ("9007199254740993.0000000000000000000001", 9_007_199_254_740_994.0),
        ] {
            assert_eq!(float(text.as_bytes()), Some(expected), "{text:?}");
        }
        for text in ["nan", "+NaN", "-nan"] {
            assert!(float(text.as_bytes()).is_some_and(f64::is_nan), "{text:?}");
        }
        assert!(float(b"-0").is_some_and(f64::is_sign_negative), "a zero keeps its sign");
    }

    #[test]
    fn what_python_refuses_is_no_number() {
        for text in [
            "",
            " ",
            "+",
            ".",
            "e5",
            ".e5",
            "1e",
            "1e+",
            "1e5.0",
            "1e5e5",
            "+-1",
            "++1",
            "+ 1",
            "1 2",
            "1..2",
            "_1",
            "1_",
            "1__0",
            "1_.0",
            "1._0",
            "1_e5",
            "1e_1",
            "1e+_1",
            "+_1",
            "i_nf",
            "\u{1c}1",
            "1\u{1f}",
            "1\u{7f}",
            "1\0",
            "infinit",
            "nan(1)",
            "0x10",
            "\u{131}nf",
            "\u{2212}1",
            "1\u{66b}5",
            "\u{bd}",
            "\u{b2}",
            "None",
        ] {
            assert_eq!(float(text.as_bytes()), None, "{text:?}");
        }
        assert_eq!(float(b"1\xff"), None, "not UTF-8");
    }

    #[test]
    fn a_whole_number_has_the_sign_python_gives_it() {
        for (text, sign) in [
            ("0", Some(Ordering::Equal)),
            ("-0", Some(Ordering::Equal)),
            (" +1_0\u{2003}", Some(Ordering::Greater)),
            ("-\u{663}", Some(Ordering::Less)),
            ("", None),
            ("-", None),
            ("1.0", None),
            ("1e5", None),
            ("0x1", None),
            ("1__0", None),
            ("_1", None),
        ] {
            assert_eq!(int_sign(text.as_bytes()), sign, "{text:?}");
        }
        assert_eq!(int_sign("1".repeat(4300).as_bytes()), Some(Ordering::Greater));
        assert_eq!(int_sign("1".repeat(4301).as_bytes()), None);
    }

    #[test]
    fn a_hexadecimal_number_is_what_python_makes_of_it() {
        for (text, expected) in [
            ("0", Some((false, 0))),
            ("-0", Some((true, 0))),
            (" +1F\n", Some((false, 31))),
            ("0x1f", Some((false, 31))),
            ("0X_1f", Some((false, 31))),
            ("\u{660}x1", Some((false, 1))),
            ("1_0", Some((false, 16))),
            ("\u{663}a", Some((false, 58))),
            ("ffffffffffffffff", Some((false, u64::MAX))),
            ("10000000000000000", Some((false, u64::MAX))),
            ("", None),
            ("0x", None),
            ("0x_", None),
            ("1__0", None),
            ("_1", None),
            ("1_", None),
            ("g", None),
            ("- 1", None),
        ] {
            assert_eq!(hex(text), expected, "{text:?}");
        }
    }

    #[test]
    fn no_length_is_too_long() {
        let zeros = "0".repeat(5000);
        assert_eq!(float(format!("{zeros}17.5{zeros}").as_bytes()), Some(17.5));
        assert_eq!(float(format!("0.{zeros}1e5001").as_bytes()), Some(1.0));
        assert_eq!(float(format!("1{zeros}e-5000").as_bytes()), Some(1.0));
        // One more than a midpoint between two doubles, said after 5000 digits.
        assert_eq!(
            float(format!("9007199254740993.{zeros}1").as_bytes()),
            Some(9_007_199_254_740_994.0)
        );
        assert_eq!(
            float(format!("9007199254740993.{zeros}").as_bytes()),
            Some(9_007_199_254_740_992.0)
        );
        assert_eq!(float(format!("{}1", " ".repeat(70_000)).as_bytes()), Some(1.0));
    }

    #[test]
    fn the_digits_kept_decide_the_longest_midpoint() {
        // Half the smallest double: its 751 digits round down to zero, with more behind them up.
        let mut digits = std::vec![1_u8];
        for _ in 0..1075 {
            let mut carry = 0;
            for place in &mut digits {
                let sum = *place * 5 + carry;
                *place = sum % 10;
                carry = sum / 10;
            }
            if carry != 0 {
                digits.push(carry);
            }
        }
        let text: std::string::String =
            digits.iter().rev().map(|value| char::from(b'0' + value)).collect();
        assert!(text.len() < DIGITS_MAX);
        assert_eq!(float(format!("{text}e-1075").as_bytes()), Some(0.0));
        let above = format!("{text}{}1e-{}", "0".repeat(100), 1075 + 101);
        assert_eq!(float(above.as_bytes()), Some(5e-324));
    }
}
