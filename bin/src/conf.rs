//! `martlet conf CONF`: what holds, where it comes from, what is not understood.
use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;

use martlet_platform_linux::conf;

/// Prints the options on stdout, and what an operator should know on stderr.
pub(crate) fn show(path: &Path) -> Result<ExitCode, String> {
    let settings = conf::load(path).map_err(|error| error.to_string())?;
    let mut out = io::stdout().lock();
    let mut err = io::stderr().lock();
    let printed = (|| {
        for option in settings.effective() {
            writeln!(out, "{option}")?;
        }
        for key in settings.unknown() {
            writeln!(err, "{key}")?;
        }
        for note in settings.notes() {
            writeln!(err, "{note}")?;
        }
        if let Err(error) = &settings.interval {
            writeln!(err, "{error}")?;
        }
        io::Result::Ok(())
    })();
    match printed {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(format!("cannot print the options: {error}"))
        }
        Ok(()) | Err(_) => Ok(ExitCode::SUCCESS),
    }
}
