//! The conf file's options, and the rules by which Swift reads their values.
//!
//! [`OPTIONS`] is the one table of options. The rules are Python's: a drop-in must take every text
//! that Swift takes, and mean the same by it.

mod options;

pub use options::{Kind, OPTIONS, Opt, Owner, option};

use crate::python;

/// The section that an auditor reads; a container server's other sections are not looked at.
pub const SECTION: &str = "container-auditor";

/// Devices audited side by side at most (`lanes`): a lane costs a thread and its buffers.
pub const LANES_MAX: i64 = 32;

/// Swift's `config_true_value`: six words are true in any case, everything else is false.
#[must_use]
pub fn truth(text: &str) -> bool {
    ["true", "1", "yes", "on", "t", "y"].iter().any(|word| text.eq_ignore_ascii_case(word))
}

/// A truth value that may not be misspelt: [`truth`]'s words and their opposites, or `None`.
#[must_use]
pub fn switch(text: &str) -> Option<bool> {
    let no =
        ["false", "0", "no", "off", "f", "n"].iter().any(|word| text.eq_ignore_ascii_case(word));
    if no { Some(false) } else { truth(text).then_some(true) }
}

/// Digits that Python's `int()` reads at most; more are a `ValueError` (`sys.int_info`).
const INT_DIGITS_MAX: usize = 4300;

/// What Python's `int(text)` gives, kept within 64 bits, or `None` where it raises `ValueError`.
#[must_use]
pub fn int(text: &str) -> Option<i64> {
    let text = text.trim_matches(python::is_space);
    let (negative, digits) = match text.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let mut size: i64 = 0;
    let mut count: usize = 0;
    let mut after_digit = false;
    for letter in digits.chars() {
        if letter == '_' && after_digit {
            after_digit = false;
            continue;
        }
        size = size.saturating_mul(10).saturating_add(i64::from(python::digit(letter)?));
        count = count.saturating_add(1);
        after_digit = true;
    }
    let number = after_digit && count <= INT_DIGITS_MAX;
    number.then_some(if negative { size.saturating_neg() } else { size })
}

/// A share in percent, `1%` or `1`: 0 to 100, or `None`.
#[must_use]
pub fn percent(text: &str) -> Option<f64> {
    let share = python::float(text.strip_suffix('%').unwrap_or(text).as_bytes())?;
    (0.0..=100.0).contains(&share).then_some(share)
}

/// Whether `config_fallocate_value` takes the text: a number before `%`, else a whole number.
#[must_use]
pub fn is_reserve(text: &str) -> bool {
    match text.strip_suffix('%') {
        Some(share) => python::float(share.as_bytes()).is_some(),
        None => int(text).is_some(),
    }
}

/// A level of Python's `logging`, and Swift's NOTICE.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    /// Of interest to those who look for a mistake in the program.
    Debug,
    /// What happens in the ordinary course.
    Info,
    /// Start and end of the daemon, quarantines.
    Notice,
    /// Something was passed over.
    Warning,
    /// Something failed.
    Error,
    /// The daemon cannot go on.
    Critical,
}

impl Level {
    /// What `log_level` means: `getattr(logging, text.upper(), logging.INFO)`.
    ///
    /// NOTICE is not a name that Python's module has, so it means INFO, as does any unknown name.
    #[must_use]
    pub fn named(text: &str) -> Self {
        Self::known(text).unwrap_or(Self::Info)
    }

    /// The level of a name that Python's module has, in any case.
    ///
    /// NOTSET leaves it to the root logger, whose level is WARNING.
    #[must_use]
    pub fn known(text: &str) -> Option<Self> {
        let is = |name: &str| text.chars().flat_map(char::to_uppercase).eq(name.chars());
        let levels = [
            ("DEBUG", Self::Debug),
            ("INFO", Self::Info),
            ("WARNING", Self::Warning),
            ("WARN", Self::Warning),
            ("NOTSET", Self::Warning),
            ("ERROR", Self::Error),
            ("CRITICAL", Self::Critical),
            ("FATAL", Self::Critical),
        ];
        levels.iter().find(|(name, _)| is(name)).map(|(_, level)| *level)
    }
}

/// The number of a syslog facility, 0 to 23: `getattr(SysLogHandler, text, LOG_LOCAL0)`.
#[must_use]
pub fn facility(text: &str) -> u8 {
    known_facility(text).unwrap_or(LOG_LOCAL0)
}

/// The facility of an unknown name.
const LOG_LOCAL0: u8 = 16;

/// The number of a facility that Python's module has, letter for letter.
///
/// The names of priorities are attributes there too, so that `LOG_INFO` means facility 6.
#[must_use]
pub fn known_facility(text: &str) -> Option<u8> {
    let names = [
        ("LOG_KERN", 0),
        ("LOG_USER", 1),
        ("LOG_MAIL", 2),
        ("LOG_DAEMON", 3),
        ("LOG_AUTH", 4),
        ("LOG_SYSLOG", 5),
        ("LOG_LPR", 6),
        ("LOG_NEWS", 7),
        ("LOG_UUCP", 8),
        ("LOG_CRON", 9),
        ("LOG_AUTHPRIV", 10),
        ("LOG_FTP", 11),
        ("LOG_NTP", 12),
        ("LOG_SECURITY", 13),
        ("LOG_CONSOLE", 14),
        ("LOG_SOLCRON", 15),
        ("LOG_LOCAL0", LOG_LOCAL0),
        ("LOG_LOCAL1", 17),
        ("LOG_LOCAL2", 18),
        ("LOG_LOCAL3", 19),
        ("LOG_LOCAL4", 20),
        ("LOG_LOCAL5", 21),
        ("LOG_LOCAL6", 22),
        ("LOG_LOCAL7", 23),
        ("LOG_EMERG", 0),
        ("LOG_ALERT", 1),
        ("LOG_CRIT", 2),
        ("LOG_ERR", 3),
        ("LOG_WARNING", 4),
        ("LOG_NOTICE", 5),
        ("LOG_INFO", 6),
        ("LOG_DEBUG", 7),
    ];
    names.iter().find(|(name, _)| *name == text).map(|(_, number)| *number)
}

/// A class of the kernel's I/O scheduler (`ioprio_set(2)`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum IoClass {
    /// Real time: before all others.
    RealTime,
    /// Best effort: the ordinary class.
    BestEffort,
    /// Only when nobody else wants the disk.
    Idle,
}

impl IoClass {
    /// Swift's `IO_CLASS_ENUM`: the class of this name, letter for letter.
    #[must_use]
    pub fn named(text: &str) -> Option<Self> {
        match text {
            "IOPRIO_CLASS_RT" => Some(Self::RealTime),
            "IOPRIO_CLASS_BE" => Some(Self::BestEffort),
            "IOPRIO_CLASS_IDLE" => Some(Self::Idle),
            _ => None,
        }
    }

    /// The kernel's number for it: 1, 2, 3.
    #[must_use]
    pub const fn number(self) -> u8 {
        match self {
            Self::RealTime => 1,
            Self::BestEffort => 2,
            Self::Idle => 3,
        }
    }
}

/// How a log line is written (`log_format`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum LogFormat {
    /// Swift's words.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

impl LogFormat {
    /// The format of this name, in any case.
    #[must_use]
    pub fn named(text: &str) -> Option<Self> {
        let formats = [("text", Self::Text), ("json", Self::Json)];
        formats.iter().find(|(name, _)| text.eq_ignore_ascii_case(name)).map(|(_, format)| *format)
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn truth_is_six_words_in_any_case() {
        for text in ["true", "1", "yes", "on", "t", "y", "TRUE", "Yes", "oN", "T", "Y"] {
            assert!(truth(text), "{text}");
            assert_eq!(switch(text), Some(true), "{text}");
        }
        for text in ["", "0", "false", "2", "tru", "true ; x", "enabled", "ja", " true", "1.0"] {
            assert!(!truth(text), "{text}");
        }
        for text in ["false", "0", "no", "off", "f", "n", "FALSE", "No"] {
            assert_eq!(switch(text), Some(false), "{text}");
        }
        for text in ["", "ture", "flase", "2", "disabled", "true # x"] {
            assert_eq!(switch(text), None, "{text}");
        }
    }

    #[test]
    fn whole_numbers_are_pythons() {
        let check = |text: &str, expected| assert_eq!(int(text), expected, "{text:?}");
        check("0", Some(0));
        check(" 8125\t", Some(8125));
        check("+5", Some(5));
        check("-0007", Some(-7));
        check("1_000", Some(1000));
        check("\u{a0}42\u{2003}", Some(42));
        check("٣٤", Some(34));
        check("99999999999999999999", Some(i64::MAX));
        check("-99999999999999999999", Some(-i64::MAX));
        check("", None);
        check("+", None);
        check("--1", None);
        check("- 1", None);
        check("1__0", None);
        check("_1", None);
        check("1_", None);
        check("1.0", None);
        check("1e3", None);
        check("0x10", None);
        check("8125 ; the port", None);
        check("\u{1c}1", None);
        check("½", None);
        check(&"1".repeat(INT_DIGITS_MAX), Some(i64::MAX));
        check(&"1".repeat(INT_DIGITS_MAX + 1), None);
    }

    #[test]
    fn a_share_lies_between_none_and_all() {
        assert_eq!(percent("1%"), Some(1.0));
        assert_eq!(percent("0.5"), Some(0.5));
        assert_eq!(percent("100 %"), Some(100.0));
        for text in ["", "%", "-1", "101%", "nan", "inf", "1%%", "one"] {
            assert_eq!(percent(text), None, "{text}");
        }
    }

    #[test]
    fn a_reserve_is_bytes_or_a_share() {
        for text in ["0", "10737418240", "1%", "0.5%", "nan%", "-3"] {
            assert!(is_reserve(text), "{text}");
        }
        for text in ["", "%", "1.5", "1%%", "10G"] {
            assert!(!is_reserve(text), "{text}");
        }
    }

    #[test]
    fn a_level_is_an_upper_case_attribute_of_pythons_module() {
        let check = |text: &str, expected| assert_eq!(Level::named(text), expected, "{text:?}");
        check("INFO", Level::Info);
        check("debug", Level::Debug);
        check("Warn", Level::Warning);
        check("WARNING", Level::Warning);
        check("error", Level::Error);
        check("FATAL", Level::Critical);
        check("critical", Level::Critical);
        check("NOTSET", Level::Warning);
        check("NOTICE", Level::Info);
        check("", Level::Info);
        check("LOUD", Level::Info);
        check("DEBUG ", Level::Info);
        assert_eq!(Level::known("Info"), Some(Level::Info));
        assert_eq!(Level::known("NOTICE"), None);
    }

    #[test]
    fn a_facility_is_an_attribute_of_pythons_handler() {
        let check = |text: &str, expected| assert_eq!(facility(text), expected, "{text:?}");
        check("LOG_LOCAL0", 16);
        check("LOG_LOCAL7", 23);
        check("LOG_DAEMON", 3);
        check("LOG_AUTHPRIV", 10);
        check("LOG_INFO", 6);
        check("local3", 16);
        check("log_local3", 16);
        check("", 16);
        assert_eq!(known_facility("LOG_LOCAL0"), Some(16));
        assert_eq!(known_facility("local3"), None);
    }

    #[test]
    fn classes_and_formats_have_names() {
        let class = |text: &str| IoClass::named(text).map(IoClass::number);
        assert_eq!(class("IOPRIO_CLASS_RT"), Some(1));
        assert_eq!(class("IOPRIO_CLASS_BE"), Some(2));
        assert_eq!(class("IOPRIO_CLASS_IDLE"), Some(3));
        assert_eq!(class("idle"), None);
        assert_eq!(LogFormat::named("JSON"), Some(LogFormat::Json));
        assert_eq!(LogFormat::named("text"), Some(LogFormat::Text));
        assert_eq!(LogFormat::named(""), None);
    }

    #[test]
    fn every_row_of_the_table_is_sound() {
        let names: BTreeSet<_> = OPTIONS.iter().map(|option| option.name).collect();
        assert_eq!(names.len(), OPTIONS.len(), "a name is there once");
        for row in OPTIONS {
            assert_eq!(option(row.name), Some(row));
            let text = row.default;
            let optional = ["nice_priority", "ionice_class"].contains(&row.name);
            let sound = match row.kind {
                Kind::Float | Kind::Seconds => python::float(text.as_bytes()).is_some(),
                Kind::Int => int(text).is_some() || optional,
                Kind::Switch => switch(text).is_some(),
                Kind::Percent => percent(text).is_some(),
                Kind::Reserve => is_reserve(text),
                Kind::IoClass => optional,
                Kind::Format => LogFormat::named(text).is_some(),
                Kind::Facility => text == "LOG_LOCAL0",
                Kind::Level => text == "INFO",
                Kind::Path | Kind::Bool | Kind::Text | Kind::List => true,
            };
            assert!(sound, "the default of {} is of its kind", row.name);
            let sentence = row.meaning.ends_with('.') && !row.meaning.contains(". ");
            assert!(sentence && row.meaning.is_ascii(), "{}: one plain sentence", row.name);
        }
        let own = OPTIONS.iter().position(|option| option.owner == Owner::Martlet);
        let rest = OPTIONS.iter().skip(own.unwrap_or_default());
        assert!(rest.clone().all(|option| option.owner == Owner::Martlet), "Swift's come first");
        assert_eq!(rest.count(), 10);
    }
}
