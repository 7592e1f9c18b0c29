//! `cargo xtask dist twice`: the last commit built here and in another folder, under another umask and with
//! other dates of its files; and the same bytes.
use std::fs;
use std::path::Path;
use std::process::Command;
use std::thread;

use super::{AMD64, done, folder, make, workspace};

/// The umask of the second build, and the date of its files.
const UMASK: &str = "077";
const DATE: &str = "2001-02-03";

/// Makes amd64's archives here, which stay, and a second time elsewhere; compares the sums.
pub(super) fn run() -> Result<(), String> {
    let workspace = workspace();
    let mut git = Command::new("git");
    git.args(["status", "--porcelain", "--untracked-files=no"]).current_dir(&workspace);
    if !done(&mut git)?.is_empty() {
        return Err("commit first: what is built twice is the last commit".to_owned());
    }
    let place = tempfile::tempdir().map_err(|e| format!("cannot make a folder: {e}"))?;
    let clone = place.path().join("a place with a longer name").join("martlet");
    done(Command::new("git").args(["clone", "--quiet"]).arg(&workspace).arg(&clone))?;
    // Side by side: each ends with one crate that takes one processor a while.
    thread::scope(|threads| {
        let there = threads.spawn(|| build(&clone));
        let here = make(&workspace, &[AMD64]);
        here.and(there.join().expect("it returns its errors"))
    })?;
    let [one, other] = [sums(&workspace)?, sums(&clone)?];
    if one != other {
        return Err(format!("two builds differ:\n{one}\n{other}"));
    }
    eprintln!("twice the same");
    Ok(())
}

fn build(clone: &Path) -> Result<(), String> {
    let own = std::env::current_exe().map_err(|e| format!("cannot find this program: {e}"))?;
    // `dist in` is this program's own word for: as if it had been called there.
    let script = format!(
        "umask {UMASK} && find . -path ./.git -prune -o -type f -exec touch -d {DATE} {{}} + && \
         exec \"$0\" dist in \"$1\""
    );
    let mut sh = Command::new("sh");
    done(sh.args(["-c", &script]).arg(own).arg(clone).current_dir(clone)).map(drop)
}

fn sums(workspace: &Path) -> Result<String, String> {
    let file = folder(workspace).join("SHA256SUMS");
    fs::read_to_string(&file).map_err(|e| format!("cannot read {}: {e}", file.display()))
}
