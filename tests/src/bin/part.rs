//! One part of the daemon in a process of its own, for tests that need a second process.
//!
//! `part recon FILE KEY TIMES`: writes `KEY = 1 … TIMES` into a recon cache.
//! `part log SOCKET TIMES`: logs so many lines to syslog and stderr.
use std::path::Path;
use std::process::ExitCode;
use std::sync::mpsc;
use std::time::Duration;

use martlet_platform_linux::logging::{LogConf, Logger, least};
use martlet_platform_linux::python::Number;
use martlet_platform_linux::recon;
use martlet_platform_linux::syslog::{Facility, SyslogAt};

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match words[..] {
        ["recon", file, key, times] => write_recon(Path::new(file), key, times),
        ["log", socket, times] => write_log(socket, times),
        _ => ExitCode::from(64),
    }
}

/// With no errors the last value is `times`.
fn write_recon(file: &Path, key: &str, times: &str) -> ExitCode {
    let Ok(times) = times.parse::<i64>() else { return ExitCode::from(64) };
    let (_never, inbox) = mpsc::channel::<()>();
    let pause = |span| inbox.recv_timeout(span).is_ok();
    for time in 1..=times {
        let entries = [(key, Number::Integer(time))];
        // Far more patience than two seconds: it is not the machine's speed that is tested.
        if let Err(error) = recon::dump(file, &entries, Duration::from_secs(60), &pause) {
            eprintln!("{error}");
            return ExitCode::FAILURE;
        }
    }
    ExitCode::SUCCESS
}

fn write_log(socket: &str, times: &str) -> ExitCode {
    let Ok(times) = times.parse::<u32>() else { return ExitCode::from(64) };
    let conf = LogConf {
        tag: "part".to_owned(),
        least: least("INFO"),
        max_line_length: 0,
        facility: Facility::named("LOG_LOCAL0"),
        at: SyslogAt::Socket(socket.into()),
        console: true,
    };
    if Logger::install(conf).is_err() {
        return ExitCode::FAILURE;
    }
    for time in 0..times {
        log::info!("line {time}\nx");
        log::debug!("not logged at this level");
    }
    ExitCode::SUCCESS
}
