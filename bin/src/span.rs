//! Spans of time and amounts, as people write and read them.
use std::fmt;
use std::time::Duration;

/// The longest span that is taken: no file is older.
const SPAN_MAX_SECONDS: u64 = 1000 * 366 * 86_400;

/// Reads `30d`, `12h`, `90m`, `45s`, or a number of seconds.
pub(crate) fn read(text: &str) -> Result<Duration, String> {
    let wrong = || format!("{text}: not a time such as 30d, 12h, 90m, 45s");
    let (digits, unit) = match text.char_indices().next_back() {
        Some((at, 'd')) => (&text[..at], 86_400),
        Some((at, 'h')) => (&text[..at], 3600),
        Some((at, 'm')) => (&text[..at], 60),
        Some((at, 's')) => (&text[..at], 1),
        Some(_) | None => (text, 1),
    };
    let is_plain = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    let seconds = digits.parse::<u64>().ok().filter(|_| is_plain).ok_or_else(wrong)?;
    let seconds = seconds.checked_mul(unit).filter(|it| *it <= SPAN_MAX_SECONDS);
    seconds.map(Duration::from_secs).ok_or_else(wrong)
}

/// The same of an option's value, which an error names.
pub(crate) fn of(option: &str, text: &str) -> Result<Duration, String> {
    read(text).map_err(|why| format!("{option} {why}"))
}

/// A span in its two largest units: `3 d 4 h`, `12 min 5 s`, `0.52 s`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Span(pub(crate) Duration);

impl fmt::Display for Span {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.0.as_secs();
        match seconds {
            0..10 => write!(out, "{:.2} s", self.0.as_secs_f64()),
            10..60 => write!(out, "{seconds} s"),
            60..3600 => write!(out, "{} min {} s", seconds / 60, seconds % 60),
            3600..86_400 => write!(out, "{} h {} min", seconds / 3600, seconds / 60 % 60),
            _ => write!(out, "{} d {} h", seconds / 86_400, seconds / 3600 % 24),
        }
    }
}

/// Bytes as people read them: `3.1 MB`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bytes(pub(crate) u64);

impl fmt::Display for Bytes {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        #[expect(clippy::cast_precision_loss, reason = "one digit after the point is shown")]
        let bytes = self.0 as f64;
        match self.0 {
            0..1000 => write!(out, "{} B", self.0),
            1000..1_000_000 => write!(out, "{:.1} kB", bytes / 1e3),
            1_000_000..1_000_000_000 => write!(out, "{:.1} MB", bytes / 1e6),
            _ => write!(out, "{:.1} GB", bytes / 1e9),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_read_by_their_unit() {
        for (text, seconds) in
            [("0", 0), ("45", 45), ("45s", 45), ("90m", 5400), ("12h", 43_200), ("30d", 2_592_000)]
        {
            assert_eq!(read(text), Ok(Duration::from_secs(seconds)), "{text}");
        }
        for text in ["", "d", "-1", "+1", "1.5h", "1w", "1 d", "99999999999999999999", "99999999d"]
        {
            assert!(read(text).is_err(), "{text}");
        }
    }

    #[test]
    fn spans_and_bytes_are_short() {
        for (seconds, text) in [
            (0.519, "0.52 s"),
            (59.9, "59 s"),
            (725.0, "12 min 5 s"),
            (3599.0, "59 min 59 s"),
            (11_000.0, "3 h 3 min"),
            (273_600.0, "3 d 4 h"),
        ] {
            assert_eq!(Span(Duration::from_secs_f64(seconds)).to_string(), text);
        }
        for (bytes, text) in [(999, "999 B"), (3_100_000, "3.1 MB"), (12_345_678_901, "12.3 GB")] {
            assert_eq!(Bytes(bytes).to_string(), text);
        }
    }
}
