//! What is said: Swift's log lines and the keys of its recon cache, word for word.
//!
//! A name in a line is any bytes; the platform's logger escapes what could forge a line.
use core::fmt::{Display, Formatter, Result};
use core::time::Duration;

use crate::audit::{Mode, Tripped};
use crate::coverage::{Kind, Oldest};
use crate::tally::Window;
use crate::time::Wall;
use crate::verdict::{FindingCode, Judged, Verdict};

/// `container_auditor_pass_completed`: seconds of the last pass, float.
pub const PASS_COMPLETED: &str = "container_auditor_pass_completed";
/// `container_audits_since`: when the window just closed began, float seconds since 1970.
pub const AUDITS_SINCE: &str = "container_audits_since";
/// `container_audits_passed`: passes of that window.
pub const AUDITS_PASSED: &str = "container_audits_passed";
/// `container_audits_failed`: failures of that window.
pub const AUDITS_FAILED: &str = "container_audits_failed";

/// `Begin container audit pass.`
#[derive(Clone, Copy, Debug)]
pub struct Began(pub Mode);

impl Display for Began {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        f.write_str(match self.0 {
            Mode::Once => "Begin container audit \"once\" mode",
            Mode::Forever => "Begin container audit pass.",
        })
    }
}

/// `Container audit pass completed: 0.04s`
#[derive(Clone, Copy, Debug)]
pub struct Completed(pub Mode, pub Duration);

impl Display for Completed {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        let what = match self.0 {
            Mode::Once => "\"once\" mode",
            Mode::Forever => "pass",
        };
        write!(f, "Container audit {what} completed: {:.2}s", self.1.as_secs_f64())
    }
}

/// `Since Sun Nov 22 13:38:44 2026: container audits: 10 passed audit, 0 failed audit`
#[derive(Clone, Copy, Debug)]
pub struct Since(pub Window);

impl Display for Since {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        let Window { since, passed, failed } = self.0;
        let since = Ctime(since);
        write!(f, "Since {since}: container audits: {passed} passed audit, {failed} failed audit")
    }
}

/// `part of it has not been audited for 2 h and 3 passes: look what the log says was passed over`
#[derive(Clone, Copy, Debug)]
pub struct Overdue(pub Kind, pub Oldest);

impl Display for Overdue {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        let Self(kind, Oldest { passes, age, never }) = *self;
        let what = match kind {
            Kind::Stat => "audited",
            Kind::Deep => "deeply audited",
        };
        write!(
            f,
            "part of it has not been {what}{} for ",
            if never { " since it is known," } else { "" }
        )?;
        if let Some(age) = age {
            let (count, unit) = match age.as_secs() {
                seconds @ 0..=119 => (seconds, "s"),
                seconds @ 120..=7_199 => (seconds / 60, "min"),
                seconds @ 7_200..=172_799 => (seconds / 3_600, "h"),
                seconds => (seconds / 86_400, "days"),
            };
            write!(f, "{count} {unit} and ")?;
        }
        let s = if passes == 1 { "" } else { "es" };
        write!(f, "{passes} pass{s}: look what the log says was passed over")
    }
}

/// A moment as C's `ctime` prints it, in UTC: `Sun Nov  1 13:38:44 2026`.
#[derive(Clone, Copy, Debug)]
pub struct Ctime(pub Wall);

const DAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
const SECONDS_A_DAY: i64 = 86_400;

impl Display for Ctime {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        let seconds = self.0.as_secs();
        let day = seconds.div_euclid(SECONDS_A_DAY);
        let second = seconds.rem_euclid(SECONDS_A_DAY);
        let name = pick(&DAYS, day.rem_euclid(7));
        let (year, month, date) = civil(day);
        let month = pick(&MONTHS, month.saturating_sub(1));
        let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
        write!(f, "{name} {month} {date:2} {hour:02}:{minute:02}:{second:02} {year}")
    }
}

/// A moment as people sort it: `2026-11-22 13:38:44`, in UTC.
#[derive(Clone, Copy, Debug)]
pub struct Date(pub Wall);

impl Display for Date {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        let seconds = self.0.as_secs();
        let (year, month, date) = civil(seconds.div_euclid(SECONDS_A_DAY));
        let second = seconds.rem_euclid(SECONDS_A_DAY);
        let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
        write!(f, "{year}-{month:02}-{date:02} {hour:02}:{minute:02}:{second:02}")
    }
}

fn pick(names: &[&'static str], place: i64) -> &'static str {
    usize::try_from(place).ok().and_then(|place| names.get(place)).copied().unwrap_or("???")
}

/// Year, month and day of the Gregorian calendar, of a day counted from 1970-01-01.
///
/// Counted in years that begin in March, so that the leap day is a year's last.
#[expect(
    clippy::arithmetic_side_effects,
    reason = "a day is a Wall's microseconds over a day's, so no sum here comes near i64's end"
)]
fn civil(day: i64) -> (i64, i64, i64) {
    let day = day + 719_468; // since 0000-03-01
    let era = day.div_euclid(146_097); // of 400 years
    let of_era = day.rem_euclid(146_097);
    let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let march_month = (5 * of_year + 2) / 153;
    let date = of_year - (153 * march_month + 2) / 5 + 1;
    let month = if march_month < 10 { march_month + 3 } else { march_month - 9 };
    (year + era * 400 + i64::from(month <= 2), month, date)
}

/// What follows a device's path when its breaker trips. Swift has no such line: it moves on.
#[derive(Clone, Copy, Debug)]
pub struct Held(pub Tripped);

impl Display for Held {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        let moved = self.0.moved;
        write!(
            f,
            "{moved} damaged databases moved in this pass and one more found: nothing more is \
             moved on this device until it is re-armed; look at the device first"
        )
    }
}

/// Why Swift would say that a database was moved: `malformed database`, `corrupted database`.
#[must_use]
pub fn quarantine_reason(judged: &Judged) -> &'static str {
    match judged.findings.first().map(|finding| finding.code) {
        Some(FindingCode::StructureNotADatabase) => "corrupted database",
        Some(_) | None => "malformed database",
    }
}

/// What follows `ERROR Could not get container info PATH: ` in Swift's line of a failed audit.
///
/// Swift prints a traceback there; this is one line, kept behind the line break that Swift has.
#[derive(Clone, Copy, Debug)]
pub struct Cause<'a> {
    /// The path of the file that is locked, if one is: Swift's lock timeout names it.
    pub path: &'a str,
    /// The outcome.
    pub judged: &'a Judged,
    /// What the platform can add: SQLite's words, the kernel's.
    pub detail: &'a str,
}

impl Display for Cause<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        if self.judged.verdict == Verdict::Busy {
            return write!(f, "LockTimeout (25s) {}", self.path);
        }
        write!(f, "\n{}", self.judged.verdict.word())?;
        for finding in &self.judged.findings {
            write!(f, " {}", finding.code.word())?;
        }
        if self.detail.is_empty() { Ok(()) } else { write!(f, ": {}", self.detail) }
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;
    use std::string::ToString;

    fn ctime(seconds: i64) -> std::string::String {
        Ctime(Wall::from_micros(seconds * 1_000_000)).to_string()
    }

    #[test]
    fn calendar_time_is_printed_as_c_does() {
        // Each is what Python's time.asctime(time.gmtime(SECONDS)) prints.
        assert_eq!(ctime(0), "Thu Jan  1 00:00:00 1970");
        assert_eq!(ctime(-1), "Wed Dec 31 23:59:59 1969");
        assert_eq!(ctime(951_782_400), "Tue Feb 29 00:00:00 2000");
        assert_eq!(ctime(1_795_354_724), "Sun Nov 22 13:38:44 2026");
        assert_eq!(ctime(4_107_542_399), "Sun Feb 28 23:59:59 2100");
        assert_eq!(ctime(4_107_542_400), "Mon Mar  1 00:00:00 2100");
        assert_eq!(ctime(253_402_300_799), "Fri Dec 31 23:59:59 9999");
    }

    #[test]
    fn a_date_sorts() {
        let date = |seconds: i64| Date(Wall::from_micros(seconds * 1_000_000)).to_string();
        assert_eq!(date(1_795_354_724), "2026-11-22 13:38:44");
        assert_eq!(date(-1), "1969-12-31 23:59:59");
    }

    #[test]
    fn passes_are_announced_in_swifts_words() {
        let took = Duration::from_millis(39);
        assert_eq!(Began(Mode::Forever).to_string(), "Begin container audit pass.");
        assert_eq!(Began(Mode::Once).to_string(), "Begin container audit \"once\" mode");
        assert_eq!(
            Completed(Mode::Forever, took).to_string(),
            "Container audit pass completed: 0.04s"
        );
        assert_eq!(
            Completed(Mode::Once, Duration::from_secs(61)).to_string(),
            "Container audit \"once\" mode completed: 61.00s"
        );
    }

    #[test]
    fn the_window_is_one_line() {
        let since = Wall::from_micros(1_795_354_724_000_000);
        assert_eq!(
            Since(Window { since, passed: 10, failed: 0 }).to_string(),
            "Since Sun Nov 22 13:38:44 2026: container audits: 10 passed audit, 0 failed audit"
        );
    }
}
