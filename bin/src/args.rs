//! The command line of `martlet`.
//!
//! argh reads neither `--x=y`, `-h` nor `-qv`, and takes a bare `help` for itself; so the words are
//! made plain first ([`plain`]).
pub(crate) mod daemon;
pub(crate) mod quarantine;

use std::ffi::OsString;
use std::path::PathBuf;

use argh::FromArgs;
use martlet_platform_linux::drive::LANES_MAX;

use self::daemon::{List, Pause, Rearm, Resume, Status};
use self::quarantine::Quarantine;
use crate::word;

/// Audit the container databases of an OpenStack Swift node.
#[derive(FromArgs, Debug)]
#[argh(
    note = "martlet --version says which version it is.",
    note = "Called as swift-container-auditor (a link), it takes Swift's command line instead.",
    error_code(0, "all sound"),
    error_code(1, "could not run: usage, configuration, a path that does not exist"),
    error_code(2, "damage found"),
    error_code(3, "incomplete: something could not be audited")
)]
pub(crate) struct Martlet {
    #[argh(subcommand)]
    pub(crate) command: Command,
}

#[derive(FromArgs, Debug)]
#[argh(subcommand)]
pub(crate) enum Command {
    Run(Run),
    Once(Once),
    Check(Check),
    Conf(Conf),
    List(List),
    Status(Status),
    Pause(Pause),
    Resume(Resume),
    Rearm(Rearm),
    Quarantine(Quarantine),
}

/// Audit for ever: the daemon.
#[derive(FromArgs, Debug)]
#[argh(subcommand, name = "run")]
pub(crate) struct Run {
    /// swift's container-server.conf, or a directory of *.conf
    #[argh(positional, arg_name = "CONF", from_str_fn(word::path))]
    pub(crate) conf: PathBuf,
    /// log to stderr too
    #[argh(switch, short = 'v')]
    pub(crate) verbose: bool,
}

/// Make one pass over a node's devices, then say what it came to.
#[derive(FromArgs, Debug)]
#[argh(subcommand, name = "once")]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of the command line")]
pub(crate) struct Once {
    /// swift's container-server.conf, or a directory of *.conf
    #[argh(positional, arg_name = "CONF", from_str_fn(word::path))]
    pub(crate) conf: PathBuf,
    /// move nothing to quarantine, and leave recon cache and statsd alone
    #[argh(switch)]
    pub(crate) dry_run: bool,
    /// read every row of every database, at the conf's bytes_per_second
    #[argh(switch)]
    pub(crate) deep: bool,
    /// one JSON object a database on stdout, and nothing else there
    #[argh(switch)]
    pub(crate) json: bool,
    /// no progress and no summary
    #[argh(switch, short = 'q')]
    pub(crate) quiet: bool,
    /// databases a second at most, 0 for no limit; the conf's rate otherwise
    #[argh(option, arg_name = "N", from_str_fn(rate))]
    pub(crate) rate: Option<f64>,
    /// devices side by side, 1 to 32; the conf's number otherwise
    #[argh(option, arg_name = "N", from_str_fn(lanes))]
    pub(crate) lanes: Option<u8>,
    /// only this device; may be given more than once
    #[argh(option, arg_name = "NAME", from_str_fn(word::path))]
    pub(crate) device: Vec<PathBuf>,
    /// only this partition; may be given more than once
    #[argh(option, arg_name = "NAME", from_str_fn(word::path))]
    pub(crate) partition: Vec<PathBuf>,
    /// the swift.conf whose hash path names are compared with (/etc/swift/swift.conf if there)
    #[argh(option, arg_name = "FILE", from_str_fn(word::path))]
    pub(crate) swift_conf: Option<PathBuf>,
}

/// Audit databases, hash directories or whole trees. Needs no conf and touches nothing.
#[derive(FromArgs, Debug)]
#[argh(subcommand, name = "check")]
pub(crate) struct Check {
    /// what to audit; - reads paths from stdin, a line each
    #[argh(positional, arg_name = "PATH", from_str_fn(word::path))]
    pub(crate) path: Vec<PathBuf>,
    /// read every row of every database
    #[argh(switch)]
    pub(crate) deep: bool,
    /// one JSON object a database on stdout, and nothing else there
    #[argh(switch)]
    pub(crate) json: bool,
    /// no progress and no summary
    #[argh(switch, short = 'q')]
    pub(crate) quiet: bool,
    /// databases a second at most, 0 for no limit; no limit otherwise
    #[argh(option, arg_name = "N", default = "0.0", from_str_fn(rate))]
    pub(crate) rate: f64,
    /// paths side by side, 1 to 32
    #[argh(option, arg_name = "N", default = "1", from_str_fn(lanes))]
    pub(crate) lanes: u8,
    /// the swift.conf whose hash path names are compared with (/etc/swift/swift.conf if there)
    #[argh(option, arg_name = "FILE", from_str_fn(word::path))]
    pub(crate) swift_conf: Option<PathBuf>,
}

/// Show the effective options, where each comes from, and what is unknown or misspelt.
#[derive(FromArgs, Debug)]
#[argh(subcommand, name = "conf")]
pub(crate) struct Conf {
    /// swift's container-server.conf, or a directory of *.conf
    #[argh(positional, arg_name = "CONF", from_str_fn(word::path))]
    pub(crate) conf: PathBuf,
}

/// A rate as it is typed: none is less than 0. (A conf is read by Swift's rule, to which all that is no
/// finite number above 0 is no limit.)
fn rate(word: &str) -> Result<f64, String> {
    let rate = word.parse().ok().filter(|rate: &f64| rate.is_finite() && 0.0 <= *rate);
    rate.ok_or_else(|| "not a number from 0 up; 0 is no limit".to_owned())
}

/// Lanes as they are typed.
fn lanes(word: &str) -> Result<u8, String> {
    let lanes =
        word.parse().ok().filter(|lanes: &u8| (1..=LANES_MAX).contains(&usize::from(*lanes)));
    lanes.ok_or_else(|| format!("not a number from 1 to {LANES_MAX}"))
}

/// Words as argh reads them: `--x=y` in two, `-h` as `--help`, `-qv` as `-q -v`, `-` at the end.
pub(crate) fn plain(words: impl Iterator<Item = OsString>) -> Vec<String> {
    let mut plain = Vec::new();
    let mut literal = false;
    let mut stdin = false;
    for word in words {
        let word = word::text(&word);
        if word == "-" && !literal {
            stdin = true;
        } else if literal || !word.starts_with('-') || word.len() < 2 {
            plain.push(word);
        } else if word == "--" {
            literal = true;
            plain.push(word);
        } else if let Some((name, value)) = word.split_once('=').filter(|it| it.0.starts_with("--"))
        {
            plain.extend([name.to_owned(), value.to_owned()]);
        } else if word.starts_with("--") {
            plain.push(word);
        } else {
            let letters = word.chars().skip(1);
            plain.extend(letters.map(|letter| match letter {
                'h' => "--help".to_owned(),
                other => format!("-{other}"),
            }));
        }
    }
    if stdin {
        // argh takes it for an option anywhere else.
        plain.extend((!literal).then(|| "--".to_owned()));
        plain.push("-".to_owned());
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_made_plain() {
        let check = |words: &[&str], expected: &[&str]| {
            let made = plain(words.iter().map(OsString::from));
            assert_eq!(made, expected);
        };
        check(&["once", "--rate=5", "x=y"], &["once", "--rate", "5", "x=y"]);
        check(&["-hq", "-"], &["--help", "-q", "--", "-"]);
        check(&["check", "-", "-q", "--", "x"], &["check", "-q", "--", "x", "-"]);
        check(&["check", "--", "--rate=5", "-h"], &["check", "--", "--rate=5", "-h"]);
    }

    #[test]
    fn a_rate_is_a_number_from_0_up() {
        for (word, expected) in [("0", Some(0.0)), ("0.5", Some(0.5)), ("1e3", Some(1000.0))] {
            assert_eq!(rate(word).ok(), expected, "{word}");
        }
        for word in ["nan", "inf", "-inf", "-1", "1e999", "", "five", "1/s"] {
            assert!(rate(word).is_err(), "{word}");
        }
    }

    #[test]
    fn lanes_are_a_number_of_the_range_that_is_named() {
        for (word, expected) in [("1", Some(1)), ("32", Some(32))] {
            assert_eq!(lanes(word).ok(), expected, "{word}");
        }
        for word in ["0", "33", "999", "-1", "", "two"] {
            assert_eq!(lanes(word), Err("not a number from 1 to 32".to_owned()), "{word}");
        }
    }

    #[test]
    fn commands_take_their_options_anywhere() {
        let words = ["once", "--lanes", "4", "a.conf", "--device", "sda", "--device", "sdb", "-q"];
        let read = Martlet::from_args(&["martlet"], &words);
        let Ok(Martlet { command: Command::Once(once) }) = read else { panic!("{read:?}") };
        assert_eq!((once.lanes, once.quiet, once.json), (Some(4), true, false));
        assert_eq!(once.device, ["sda", "sdb"].map(PathBuf::from));
    }
}
