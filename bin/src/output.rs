//! What a command prints for others to read: lost lines are never a success.
use std::io::{self, Write};
use std::process::ExitCode;

use crate::exit;

/// Why standard output took no more.
#[derive(Debug)]
pub(crate) enum Lost {
    /// Its reader has left: there is nobody to tell.
    Reader,
    /// A full disk, say.
    Failed(io::Error),
}

impl From<io::Error> for Lost {
    fn from(error: io::Error) -> Self {
        if error.kind() == io::ErrorKind::BrokenPipe { Self::Reader } else { Self::Failed(error) }
    }
}

impl Lost {
    /// How the command ends whatever else it came to. A reader who has left has seen enough, but
    /// whoever called it must not take it for done.
    pub(crate) fn end(&self) -> Result<ExitCode, String> {
        match self {
            Self::Reader => Ok(ExitCode::from(exit::CANNOT_RUN)),
            Self::Failed(error) => Err(format!("cannot write to standard output: {error}")),
        }
    }
}

/// Prints lines on standard output, and ends with `code` if they all went there.
pub(crate) fn print(
    lines: impl IntoIterator<Item = String>,
    code: ExitCode,
) -> Result<ExitCode, String> {
    let mut out = io::BufWriter::new(io::stdout().lock());
    let mut lines = lines.into_iter();
    let printed = lines.try_for_each(|line| writeln!(out, "{line}")).and_then(|()| out.flush());
    match printed {
        Ok(()) => Ok(code),
        Err(error) => Lost::from(error).end(),
    }
}
