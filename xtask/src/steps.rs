//! Commands that are run, and the line that each long step prints: what, then how long it took.
use std::process::{Command, Stdio};
use std::time::Instant;

/// Lines of a failed command's output that are shown.
const SHOWN: usize = 30;

/// A step that takes long enough to be announced.
pub(crate) struct Step {
    what: String,
    begun: Instant,
}

impl Step {
    /// Says that `what` begins.
    pub(crate) fn begin(what: &str) -> Self {
        eprintln!("{what} …");
        #[expect(
            clippy::disallowed_methods,
            reason = "how long a build took is for people to read"
        )]
        Self { what: what.to_owned(), begun: Instant::now() }
    }

    /// Says that it ended, with what came of it.
    pub(crate) fn end(self, result: &str) {
        let colon = if result.is_empty() { "" } else { ": " };
        eprintln!("{} … {:.0} s{colon}{result}", self.what, self.begun.elapsed().as_secs_f64());
    }
}

/// Runs `command`; its output is shown only if it fails.
pub(crate) fn run(command: &mut Command) -> Result<(), String> {
    output(command).map(|_| ())
}

/// Runs `command` and returns what it printed.
pub(crate) fn output(command: &mut Command) -> Result<String, String> {
    let name = command.get_program().display().to_string();
    let done =
        command.stdin(Stdio::null()).output().map_err(|e| format!("cannot start {name}: {e}"))?;
    if done.status.success() {
        return String::from_utf8(done.stdout).map_err(|e| format!("{name} printed no text: {e}"));
    }
    let said = [done.stdout, done.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    let lines: Vec<&str> = said.iter().flat_map(|text| text.lines()).collect();
    let last = lines.get(lines.len().saturating_sub(SHOWN)..).unwrap_or_default().join("\n  ");
    Err(format!("{} ({})\n  {last}", shown(command), done.status))
}

/// Runs `command` with its output going where this program's goes.
pub(crate) fn run_shown(command: &mut Command) -> Result<(), String> {
    let name = command.get_program().display().to_string();
    let status =
        command.stdin(Stdio::null()).status().map_err(|e| format!("cannot start {name}: {e}"))?;
    if status.success() { Ok(()) } else { Err(format!("{} ({status})", shown(command))) }
}

/// Program and arguments, on one line.
fn shown(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words.map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ")
}
