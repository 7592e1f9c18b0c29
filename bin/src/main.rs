//! The command `martlet`; a link named `swift-container-auditor` gives it Swift's face.
mod args;
mod audit;
mod conf;
mod control;
mod daemon;
mod exit;
mod json;
mod list;
mod log;
mod metrics;
mod output;
mod quarantine;
mod settings;
mod span;
mod status;
mod summary;
mod swift;
mod view;
mod word;

use std::ffi::OsString;
use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;

use argh::FromArgs;
use martlet_platform_linux::logging::Shown;

use crate::args::{Command, Martlet};
use crate::daemon::Start;

fn main() -> ExitCode {
    let mut words = std::env::args_os();
    let own = words.next().unwrap_or_default();
    let name = Path::new(&own).file_name().unwrap_or_default();
    if name == swift::NAME {
        return as_swift(&words.collect::<Vec<_>>());
    }
    let words = args::plain(words);
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    if words == ["--version"] {
        return printed(concat!("martlet ", env!("CARGO_PKG_VERSION")));
    }
    let asked = match Martlet::from_args(&["martlet"], &words) {
        Ok(asked) => asked,
        Err(early) if early.status.is_ok() => {
            return printed(early.output.trim_end());
        }
        Err(early) => return refuse(early.output.trim_end()),
    };
    let done = match &asked.command {
        Command::Run(run) => std::path::absolute(&run.conf)
            .map_err(|error| format!("{}: {error}", run.conf.display()))
            .map(|conf| Start { conf, once: false, verbose: run.verbose, swift: false })
            .and_then(|start| daemon::run(&start)),
        Command::Once(once) => audit::once(once),
        Command::Check(check) => audit::check(check),
        Command::Conf(asked) => conf::show(&asked.conf),
        Command::List(asked) => list::show(asked),
        Command::Status(asked) => status::show(asked),
        Command::Pause(asked) => control::pause(asked),
        Command::Resume(asked) => control::resume(asked),
        Command::Rearm(asked) => control::rearm(asked),
        Command::Quarantine(asked) => quarantine::run(&asked.what),
    };
    done.unwrap_or_else(|why| refuse(&why))
}

/// Swift's command line, streams and exit codes.
fn as_swift(words: &[OsString]) -> ExitCode {
    let here = std::env::current_dir().unwrap_or_default();
    match swift::parse(words, &here) {
        Ok(asked) => {
            let (once, verbose) = (asked.once, asked.verbose);
            let start = Start { conf: asked.conf, once, verbose, swift: true };
            daemon::run(&start).unwrap_or_else(|why| refuse(&why))
        }
        Err(answer) => {
            // A reader who is gone has seen enough.
            let _closed = io::stdout().lock().write_all(&answer.stdout);
            let _closed = io::stderr().lock().write_all(answer.stderr.as_bytes());
            ExitCode::from(answer.code)
        }
    }
}

/// Prints what was asked for, and nothing else is done.
fn printed(text: &str) -> ExitCode {
    let done = output::print(text.lines().map(str::to_owned), ExitCode::SUCCESS);
    done.unwrap_or_else(|why| refuse(&why))
}

/// Says on stderr why nothing was run. What was typed, and what a file is named, must not move the cursor.
fn refuse(why: &str) -> ExitCode {
    let mut err = io::stderr().lock();
    for line in why.split('\n') {
        let _closed = writeln!(err, "{}", Shown(&word::bytes(line)));
    }
    ExitCode::from(exit::CANNOT_RUN)
}
