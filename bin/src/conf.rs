//! `martlet conf CONF`: what holds, where it comes from, what is not understood.
use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;

use martlet_platform_linux::conf;

use crate::output;

/// Prints the options on stdout, and what an operator should know on stderr.
pub(crate) fn show(path: &Path) -> Result<ExitCode, String> {
    let settings = conf::load(path).map_err(|error| error.to_string())?;
    let printed =
        output::print(settings.effective().map(|option| option.to_string()), ExitCode::SUCCESS)?;
    let unknown = settings.unknown().into_iter().map(|key| key.to_string());
    let wrong = settings.interval.as_ref().err().map(ToString::to_string);
    for line in unknown.chain(settings.notes()).chain(wrong) {
        // Nobody is left to tell if stderr is gone.
        let _closed = writeln!(io::stderr().lock(), "{line}");
    }
    Ok(printed)
}
