//! `cargo xtask deep-swift`: what the real auditor of Swift makes of each kind of damage that a deep audit is
//! tested with. Writes `tests/golden/deep-swift.json`, which the README's table is held against.
use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Command, Stdio};

use martlet_tests::deep_damage::{SWIFT, every_kind};

use crate::swift_venv::SwiftVenv;

const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/src/deep_swift.py");

/// Asks Swift, and writes what it says.
///
/// # Errors
/// One line: what could not be done and why.
pub(crate) fn run() -> Result<(), String> {
    let python = SwiftVenv::prepare()?.program("python");
    let mut child = Command::new(&python)
        .args(["-I", SCRIPT])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .map_err(|e| format!("cannot start {}: {e}", python.display()))?;
    let mut asked = child.stdin.take().ok_or("an auditor without stdin")?;
    let mut said = BufReader::new(child.stdout.take().ok_or("an auditor without stdout")?);
    let (mut answers, mut wrong) = (BTreeMap::new(), None);
    every_kind(|name, path, _| {
        let mut answer = String::new();
        let heard =
            writeln!(asked, "{}", path.display()).and_then(|()| said.read_line(&mut answer));
        if let Err(error) = heard {
            wrong = Some(format!("cannot ask Swift about {name}: {error}"));
        }
        answers.insert(name.to_owned(), answer.trim_end().to_owned());
    });
    drop(asked);
    child.wait().map_err(|e| format!("cannot wait for {}: {e}", python.display()))?;
    if let Some(wrong) = wrong {
        return Err(wrong);
    }
    let text = serde_json::to_string_pretty(&answers).map_err(|e| e.to_string())? + "\n";
    fs::write(SWIFT, text).map_err(|e| format!("cannot write {SWIFT}: {e}"))
}
