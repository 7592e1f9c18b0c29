//! `martlet conf CONF`: what holds, where it comes from, what is not understood.
use std::io::{self, Write as _};
use std::path::Path;
use std::process::ExitCode;

use martlet_platform_linux::conf;

use crate::{exit, output};

/// Prints the options on stdout, and what an operator should know on stderr. What the daemon would not start
/// with is an error, as where it starts.
pub(crate) fn show(path: &Path) -> Result<ExitCode, String> {
    let settings = conf::load(path).map_err(|error| error.to_string())?;
    let wrong: Vec<_> = [settings.interval.as_ref().err().cloned(), settings.account().err()]
        .into_iter()
        .flatten()
        .collect();
    let code = if wrong.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(exit::CANNOT_RUN) };
    let printed = output::print(settings.effective().map(|option| option.to_string()), code)?;
    let unknown = settings.unknown().into_iter().map(|key| key.to_string());
    let wrong = wrong.iter().map(ToString::to_string);
    for line in unknown.chain(settings.notes()).chain(wrong) {
        // Nobody is left to tell if stderr is gone.
        let _closed = writeln!(io::stderr().lock(), "{line}");
    }
    Ok(printed)
}
