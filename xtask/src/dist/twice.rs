//! `cargo xtask dist twice`: two builds in two folders, with two umasks and two dates of the files, and
//! the same bytes.
use std::fs;
use std::path::Path;
use std::process::Command;

use super::{done, workspace};

/// Umask and date of the files of each build.
const WAYS: [(&str, &str); 2] = [("022", "2001-02-03"), ("077", "2021-11-12")];

/// Builds the last commit twice, and compares the sums.
pub(super) fn run() -> Result<(), String> {
    let folder = tempfile::tempdir().map_err(|e| format!("cannot make a folder: {e}"))?;
    let mut sums = Vec::new();
    for (number, (umask, date)) in WAYS.into_iter().enumerate() {
        let clone = folder.path().join("x".repeat(1 + 20 * number)).join("martlet");
        done(Command::new("git").args(["clone", "--quiet"]).arg(workspace()).arg(&clone))?;
        sums.push(build(&clone, umask, date)?);
    }
    match sums.as_slice() {
        [one, other] if one == other => {
            eprint!("twice the same:\n{one}");
            Ok(())
        }
        _ => Err(format!("two builds differ:\n{}", sums.join("\n"))),
    }
}

fn build(clone: &Path, umask: &str, date: &str) -> Result<String, String> {
    let own = std::env::current_exe().map_err(|e| format!("cannot find this program: {e}"))?;
    // `dist in` is this program's own word for: as if it had been called there.
    let script = format!(
        "umask {umask} && find . -path ./.git -prune -o -type f -exec touch -d {date} {{}} + && \
         exec \"$0\" dist in \"$1\""
    );
    let mut sh = Command::new("sh");
    done(sh.args(["-c", &script]).arg(own).arg(clone).current_dir(clone))?;
    let file = clone.join("target/dist/SHA256SUMS");
    fs::read_to_string(&file).map_err(|e| format!("cannot read {}: {e}", file.display()))
}
