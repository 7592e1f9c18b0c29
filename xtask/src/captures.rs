//! `cargo xtask captures`: `docs/captures.md` shows what the commands print, with times and places that
//! are the same each time; here it is made, or compared.
use std::fs;
use std::path::Path;
use std::process::Command;

use martlet_tests::command::martlet;
use martlet_tests::daemon::{Running, conf};
use martlet_tests::damage;
use martlet_tests::demo::confs;
use martlet_tests::fixtures::named;
use martlet_tests::tree::Tree;
use serde_json::Value;

const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/captures.md");
const HEAD: &str = "# What the commands print

Made by `cargo xtask captures --write`: the demo, and a node with three containers, one of them damaged. `N` stands for
numbers that differ each time, `DATE` for a moment, `…` for lines that are left out: the devices come in another order each
time. Nothing of this is a promise: programs read `--json`.
";
/// Words after a number that differs each time.
const UNITS: [&str; 9] = ["s", "ms", "min", "h", "d", "B", "kB", "MB", "GB"];
/// Times the daemon is asked until it rests.
const ASKS_MAX: u32 = 200;

/// Compares the page with what is printed, or writes it.
///
/// # Errors
/// The first line that differs, or what could not be run.
pub(crate) fn run(write: bool) -> Result<(), String> {
    let made = page()?;
    if write {
        return fs::write(PAGE, made).map_err(|e| format!("cannot write {PAGE}: {e}"));
    }
    let kept = fs::read_to_string(PAGE).map_err(|e| format!("cannot read {PAGE}: {e}"))?;
    let differs = kept.lines().zip(made.lines()).find(|(kept, made)| kept != made);
    match differs {
        Some((kept, made)) => Err(format!(
            "docs/captures.md has\n  {kept}\nand the commands print\n  {made}\n\
             cargo xtask captures --write"
        )),
        None if kept != made => Err("docs/captures.md is shorter or longer than that".into()),
        None => Ok(()),
    }
}

fn page() -> Result<String, String> {
    let (tree, dir) = (Tree::new(), tempfile::tempdir().map_err(|e| e.to_string())?);
    for name in ["photos", "backups"] {
        let _sound = tree.add_as("sda", named("small"), "AUTH_demo", name);
    }
    let hurt = tree.add_as("sda", named("small"), "AUTH_demo", "invoices");
    damage::write_at(&hurt.db(), 0, &damage::junk(100, 7));
    let (own, swift) = confs(dir.path(), &tree);
    let mut shot = Shots { page: HEAD.to_owned() + &demo()?, tree: &tree, dir: dir.path() };
    let (own, swift) = (own.display().to_string(), swift.display().to_string());
    shot.take(&["once", "--swift-conf", &swift, &own])?;
    shot.take(&["quarantine", "list", &own])?;
    shot.take(&["quarantine", "show", &own, &hurt.stem])?;
    shot.take(&["quarantine", "restore", "--swift-conf", &swift, &own, &hurt.stem])?;
    shot.take(&["quarantine", "restore", "--force", "--swift-conf", &swift, &own, &hurt.stem])?;

    fs::remove_dir_all(&hurt.dir).map_err(|e| e.to_string())?;
    let conf = conf(dir.path(), tree.devices(), "interval = 0\nlog_level = INFO\n");
    let conf = conf.display().to_string();
    let mut daemon = Running::start(Path::new(&conf));
    let _line = daemon.until("Container audit pass completed");
    for _ in 0..ASKS_MAX {
        let _said = said(&["pause", "--time", "30m", &conf])?;
        let status: Value = serde_json::from_str(&said(&["status", "--json", &conf])?)
            .map_err(|e| format!("status --json: {e}"))?;
        // In the middle of a pass every number would be another one.
        if status["phase"] == "resting" && !status["last_pass"].is_null() {
            break;
        }
        let _said = said(&["resume", &conf])?;
    }
    shot.take(&["status", &conf])?;
    let (_, status, _) = daemon.end();
    if status.success() { Ok(shot.page) } else { Err(format!("the daemon ended with {status}")) }
}

/// What `cargo xtask demo` prints, but for the findings one by one.
fn demo() -> Result<String, String> {
    let me = std::env::current_exe().map_err(|e| format!("cannot find xtask: {e}"))?;
    let done = Command::new(me).arg("demo").output();
    let done = done.map_err(|e| format!("cannot run the demo: {e}"))?;
    let text = String::from_utf8_lossy(&[done.stdout, done.stderr].concat()).into_owned();
    if !done.status.success() {
        return Err(format!("the demo ended with {}:\n{text}", done.status));
    }
    let workspace = Path::new(PAGE).ancestors().nth(2).unwrap_or(Path::new("/"));
    let workspace = fs::canonicalize(workspace).map_err(|e| format!("cannot find it: {e}"))?;
    let text = text.replace(&format!("{}/", workspace.display()), "");
    let mut shown = String::from("\n    $ cargo xtask demo\n");
    let mut left_out = false;
    for line in text.lines() {
        let is_one =
            ["damaged ", "misplaced ", "unreadable ", "skipped ", "and ", "place-", "stat-"];
        let is_one = is_one.iter().chain(&["structure-"]).any(|word| line.starts_with(word));
        if !is_one {
            shown.push_str(format!("    {}", steadied(line)).trim_end());
            shown.push('\n');
        } else if !left_out {
            shown.push_str("    …\n");
        }
        left_out = is_one;
    }
    Ok(shown)
}

struct Shots<'a> {
    page: String,
    tree: &'a Tree,
    dir: &'a Path,
}

impl Shots<'_> {
    /// Runs a command and adds what it prints.
    fn take(&mut self, words: &[&str]) -> Result<(), String> {
        let shown = format!("martlet {}\n{}", words.join(" "), said(words)?);
        let shown = shown
            .replace(&self.tree.devices().display().to_string(), "/srv/node")
            .replace(&self.dir.display().to_string(), "/etc/swift");
        self.page.push('\n');
        for (number, line) in shown.lines().enumerate() {
            let sign = if number == 0 { "$ " } else { "" };
            let line = steadied(line);
            self.page.push_str(format!("    {sign}{line}").trim_end());
            self.page.push('\n');
        }
        Ok(())
    }
}

/// What a command prints, stdout first.
fn said(words: &[&str]) -> Result<String, String> {
    let said = Command::new(martlet()).args(words).env("RUST_LOG", "off").output();
    let said = said.map_err(|e| format!("cannot run martlet: {e}"))?;
    let text = [said.stdout, said.stderr].concat();
    String::from_utf8(text).map_err(|e| format!("martlet printed no text: {e}"))
}

/// Units of bytes, of which one stands for all.
const BYTES: [&str; 4] = ["B", "kB", "MB", "GB"];

/// The line with a word for each number that differs.
fn steadied(line: &str) -> String {
    if line.starts_with("slowest: ") {
        return "slowest: N ms, NAME".to_owned();
    }
    let words: Vec<&str> = line.split(' ').collect();
    let is_number = |word: &str| {
        !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.')
    };
    let mut steady: Vec<String> = Vec::new();
    let mut after_date = false;
    for (at, word) in words.iter().enumerate() {
        let bare = word.trim_end_matches(',');
        let next = words.get(at + 1).map_or("", |next| next.trim_end_matches(','));
        let is_date = bare.len() == 10 && bare.bytes().filter(|byte| *byte == b'-').count() == 2;
        if std::mem::take(&mut after_date) {
            if word.ends_with(',') {
                steady.push("DATE,".to_owned());
            } else {
                steady.push("DATE".to_owned());
            }
        } else if is_date {
            after_date = true;
        } else if is_number(bare)
            && (UNITS.contains(&next) || words.get(at.wrapping_sub(1)) == Some(&"as"))
        {
            steady.push("N".to_owned());
        } else if BYTES.contains(&bare) && steady.last().is_some_and(|last| last == "N") {
            // How many come from the disk depends on what was read before.
            steady.push(word.replace(bare, "kB"));
        } else {
            steady.push((*word).to_owned());
        }
    }
    steady.join(" ")
}

#[cfg(test)]
mod tests {
    use super::steadied;

    #[test]
    fn what_differs_each_time_is_a_letter() {
        for (line, steady) in [
            ("3 databases in 0.02 s, 1.3 MB read", "3 databases in N s, N kB read"),
            ("1 kB read, 0 B of it", "N kB read, N kB of it"),
            ("since 2026-11-22 13:38:44, 12.3 kB", "since DATE, N kB"),
            ("runs as 4711 on x: resting", "runs as N on x: resting"),
            ("paused for 59 min 59 s more", "paused for N min N s more"),
            ("         3  sound", "         3  sound"),
        ] {
            assert_eq!(steadied(line), steady);
        }
    }
}
