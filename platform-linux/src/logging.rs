//! The daemon's log: `log` records to syslog and, under `-v`, to stderr, in Swift's lines.
//!
//! A line is `tag: message`, one line whatever the message holds: control characters are written in
//! octal as `#012`, so that no container's name can forge a line. No log call waits for a reader.
//!
//! A record's target names its [`Event`], which has Swift's level: the `log` crate lacks two of them.
mod object;

use std::fmt::{self, Write as _};
use std::io::{self, Write as _};
use std::os::fd::AsFd;
use std::sync::{Mutex, PoisonError};

use log::{LevelFilter, Metadata, Record, SetLoggerError};
use martlet_core::conf::{Level, LogFormat};
use martlet_core::event::Event;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

pub use self::object::object;
use crate::syslog::{Syslog, SyslogAt, severity};

/// Characters in a line at most, the tag included. In UTF-8 that stays below UDP's 65,507 bytes.
const LINE_MAX: usize = 16_000;
/// What is logged, and where to. Swift's `log_*` options.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogConf {
    /// `log_name`: begins each line.
    pub tag: String,
    /// `log_level`: the least level that is logged.
    pub least: Level,
    /// `log_max_line_length`, in characters; if there is none, or a larger one, it is 16,000.
    pub max_line_length: Option<usize>,
    /// `log_facility`, 0 to 23.
    pub facility: u8,
    /// `log_address` or `log_udp_host`.
    pub at: SyslogAt,
    /// `log_format`.
    pub format: LogFormat,
    /// `-v`: to stderr as well.
    pub console: bool,
}

/// The process's log.
#[derive(Debug)]
pub struct Logger(Mutex<Sinks>);

#[derive(Debug)]
struct Sinks {
    conf: LogConf,
    syslog: Syslog,
    console: Console,
    /// The line is made here each time.
    line: String,
}

impl Logger {
    /// Makes it the log of this process. Once a process.
    pub fn install(conf: LogConf) -> Result<&'static Self, SetLoggerError> {
        let filter = filter(conf.least);
        let logger: &'static Self = Box::leak(Box::new(Self::new(conf)));
        log::set_logger(logger)?;
        log::set_max_level(filter);
        Ok(logger)
    }

    /// A log that is not yet, or never, that of the process.
    #[must_use]
    pub fn new(conf: LogConf) -> Self {
        let syslog = Syslog::new(&conf.at, conf.facility, 0);
        let console = Console { journal: is_journal(), ..Console::default() };
        Self(Mutex::new(Sinks { conf, syslog, console, line: String::new() }))
    }

    /// Takes a conf that was read again. Lines lost before are still told of.
    pub fn reload(&self, conf: LogConf) {
        let mut sinks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        log::set_max_level(filter(conf.least));
        sinks.syslog = Syslog::new(&conf.at, conf.facility, sinks.syslog.lost());
        sinks.conf = conf;
    }
}

impl LogConf {
    fn write(&self, line: &mut String, record: &Record<'_>) {
        match self.format {
            LogFormat::Text => write_line(line, &self.tag, record.args(), self.max_line_length),
            LogFormat::Json => {
                line.clear();
                // Writing to a String does not fail.
                let _ = write!(line, "{}", object(&self.tag, record));
            }
        }
    }

    /// The line that tells of lines lost.
    fn lost(&self, lost: u64, whom: &str) -> String {
        let mut line = String::new();
        let s = if lost == 1 { "" } else { "s" };
        let words = format_args!("{lost} log line{s} lost: {whom} took none");
        let mut record = Record::builder();
        record.level(log::Level::Warn).target(Event::LinesLost.target());
        self.write(&mut line, &record.args(words).build());
        line
    }
}

/// What the `log` crate has to let through for `least` to be seen.
const fn filter(least: Level) -> LevelFilter {
    match least {
        Level::Critical | Level::Error => LevelFilter::Error,
        Level::Warning => LevelFilter::Warn,
        Level::Notice | Level::Info => LevelFilter::Info,
        Level::Debug => LevelFilter::Debug,
    }
}

/// The level of a record; none for `trace!`, which Swift has not.
fn level(metadata: &Metadata<'_>) -> Option<Level> {
    let known = Event::of_target(metadata.target()).map(Event::level);
    match metadata.level() {
        log::Level::Error => known.or(Some(Level::Error)),
        log::Level::Warn => known.or(Some(Level::Warning)),
        log::Level::Info => known.or(Some(Level::Info)),
        log::Level::Debug => known.or(Some(Level::Debug)),
        log::Level::Trace => None,
    }
}

impl log::Log for Logger {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        let least = self.0.lock().unwrap_or_else(PoisonError::into_inner).conf.least;
        level(metadata).is_some_and(|level| least <= level)
    }

    fn log(&self, record: &Record<'_>) {
        let Some(level) = level(record.metadata()) else { return };
        let mut sinks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Sinks { conf, syslog, console, line } = &mut *sinks;
        if level < conf.least {
            return;
        }
        conf.write(line, record);
        syslog.send(level, line, |lost| conf.lost(lost, "syslog"));
        if conf.console {
            line.push('\n');
            if console.journal {
                line.insert_str(0, &format!("<{}>", severity(level)));
            }
            console.write(line.as_bytes(), |lost| conf.lost(lost, "stderr"));
        }
    }

    fn flush(&self) {}
}

/// Whether stderr is the stream that systemd connected to the journal: `JOURNAL_STREAM` has its device
/// and inode, and stays set when somebody redirects stderr.
fn is_journal() -> bool {
    let Some(said) = std::env::var_os("JOURNAL_STREAM") else { return false };
    let found = rustix::fs::fstat(io::stderr());
    found.is_ok_and(|found| said.to_str() == Some(&format!("{}:{}", found.st_dev, found.st_ino)))
}

/// Makes the line of a record: `SwiftLogFormatter.format`, and all control characters escaped.
fn write_line(
    line: &mut String,
    tag: &str,
    message: &fmt::Arguments<'_>,
    max_length: Option<usize>,
) {
    line.clear();
    // An error can only come from the message's own Display; what it wrote until then is logged.
    let _incomplete = write!(Escaped(&mut *line), "{tag}: {message}");
    let max_length = max_length.unwrap_or(LINE_MAX).min(LINE_MAX);
    let length = line.chars().count();
    if length <= max_length {
        return;
    }
    let at = |character: usize| line.char_indices().nth(character).map_or(line.len(), |(at, _)| at);
    if max_length < 7 {
        line.truncate(at(max_length));
        return;
    }
    let half = (max_length - 5) / 2;
    let cut = at(half)..at(length - half);
    line.replace_range(cut, " ... ");
}

/// Writes control characters, line and paragraph separators as `#ooo` a byte, as syslogs do.
struct Escaped<W>(W);

impl<W: fmt::Write> fmt::Write for Escaped<W> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for character in text.chars() {
            if character.is_control() || matches!(character, '\u{2028}' | '\u{2029}') {
                for byte in character.encode_utf8(&mut [0; 4]).bytes() {
                    write!(self.0, "#{byte:03o}")?;
                }
            } else {
                self.0.write_char(character)?;
            }
        }
        Ok(())
    }
}

/// A name of any bytes as it is logged: text as it is, other bytes as `#ooo`.
#[derive(Clone, Copy, Debug)]
pub struct Name<'a>(pub &'a [u8]);

impl fmt::Display for Name<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for chunk in self.0.utf8_chunks() {
            out.write_str(chunk.valid())?;
            chunk.invalid().iter().try_for_each(|byte| write!(out, "#{byte:03o}"))?;
        }
        Ok(())
    }
}

/// A name of any bytes as a terminal gets it: as [`Name`], and nothing in it moves a cursor or begins
/// a line.
#[derive(Clone, Copy, Debug)]
pub struct Shown<'a>(pub &'a [u8]);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(Escaped(out), "{}", Name(self.0))
    }
}

/// Text as a terminal gets it: one line.
#[must_use]
pub fn one_line(text: &str) -> String {
    Shown(text.as_bytes()).to_string()
}

/// Stderr under `-v`. A reader who stops reading costs lines, not the daemon.
#[derive(Debug, Default)]
struct Console {
    /// It leads to systemd's journal, which takes a level before each line (`sd-daemon(3)`).
    journal: bool,
    stalled: bool,
    lost: u64,
}

impl Console {
    /// A pipe that can be written to takes this many bytes without waiting (`PIPE_BUF`).
    const PIECE_BYTES: usize = 4096;
    /// How long a slow reader is waited for, milliseconds; not again until it has read.
    const PATIENCE_MS: u8 = 100;

    fn write(&mut self, line: &[u8], told: impl FnOnce(u64) -> String) {
        if 0 < self.lost {
            let mut told = told(self.lost);
            told.push('\n');
            if !self.write_pieces(told.as_bytes()) {
                self.lost += 1;
                return;
            }
            self.lost = 0;
        }
        if !self.write_pieces(line) {
            self.lost += 1;
        }
    }

    fn write_pieces(&mut self, line: &[u8]) -> bool {
        let stderr = io::stderr();
        for piece in line.chunks(Self::PIECE_BYTES) {
            let patience = if self.stalled { 0 } else { Self::PATIENCE_MS };
            let mut ready = [PollFd::new(stderr.as_fd(), PollFlags::POLLOUT)];
            self.stalled = !matches!(poll(&mut ready, PollTimeout::from(patience)), Ok(1..));
            // Its own errors can be said nowhere.
            if self.stalled || stderr.lock().write_all(piece).is_err() {
                return false;
            }
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(message: &str, max_length: impl Into<Option<usize>>, expected: &str) {
        let mut line = String::from("left over");
        write_line(&mut line, "t", &format_args!("{message}"), max_length.into());
        assert_eq!(line, expected);
    }

    #[test]
    fn a_line_is_one_line() {
        check("x", None, "t: x");
        check("a\nb", None, "t: a#012b");
        check("a\r\0\x1b[2J\x7f\tb", None, "t: a#015#000#033[2J#177#011b");
        check("a\u{85}b\u{9b}c\u{2028}d", None, "t: a#302#205b#302#233c#342#200#250d");
        check("é ü 😀", None, "t: é ü 😀");
    }

    #[test]
    fn a_long_line_loses_its_middle_as_in_swift() {
        check("0123456789", 13, "t: 0123456789");
        check("0123456789", 12, "t:  ... 789");
        check("0123456789", 11, "t:  ... 789");
        check("0123456789", 7, "t ... 9");
        check("0123456789", 6, "t: 012");
        check("0123456789", 1, "t");
        check("éééééééééé", 7, "t ... é");
        let mut line = String::new();
        write_line(&mut line, "t", &format_args!("{}", "😀".repeat(40_000)), None);
        assert_eq!(line.chars().count(), LINE_MAX - 1, "the halves are rounded down");
        assert!(line.len() < 65_507 - "<191>\0".len(), "it fits a UDP datagram");
    }

    #[test]
    fn names_of_any_bytes_are_readable() {
        for (bytes, text) in [
            (&b"AUTH_test/c"[..], "AUTH_test/c"),
            (b"a\xffb\xc3", "a#377b#303"),
            ("é".as_bytes(), "é"),
            (b"", ""),
        ] {
            assert_eq!(Name(bytes).to_string(), text);
        }
    }

    #[test]
    fn no_name_writes_more_than_itself_on_a_terminal() {
        assert_eq!(Shown(b"a\x1b[2J\nb\xff").to_string(), "a#033[2J#012b#377");
        assert_eq!(one_line("sda\r\u{9b}1A"), "sda#015#302#2331A");
    }

    #[test]
    fn records_have_swifts_levels() {
        for (said, target, expected) in [
            (log::Level::Error, "martlet", Some(Level::Error)),
            (log::Level::Warn, "", Some(Level::Warning)),
            (log::Level::Info, Event::Starting.target(), Some(Level::Notice)),
            (log::Level::Info, "martlet::nothing", Some(Level::Info)),
            (log::Level::Debug, "", Some(Level::Debug)),
            (log::Level::Trace, "", None),
        ] {
            let metadata = Metadata::builder().level(said).target(target).build();
            assert_eq!(level(&metadata), expected);
        }
    }
}
