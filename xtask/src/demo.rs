//! `cargo xtask demo`: the main job, seen: one pass over a node that is made here, and a comparison
//! of what was found with what was done.
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use martlet_tests::command::martlet;
use martlet_tests::demo::{DEVICES, Expected, build, confs};
use martlet_tests::tree::Tree;
use serde_json::Value;

/// Differences shown at most.
const SHOWN_MAX: usize = 20;
/// The exit code of a pass that found damage.
const DAMAGE: i32 = 2;

/// What was said of a path: verdict and first code.
type Said = (String, String);

/// Makes the node, audits it twice, compares.
///
/// # Errors
/// One line, or a table of differences.
pub(crate) fn run() -> Result<(), String> {
    let command = martlet();
    let dir = command.ancestors().nth(2).unwrap_or(Path::new("/")).join("demo");
    if dir.exists() {
        fs::remove_dir_all(&dir).map_err(|e| format!("cannot remove {}: {e}", dir.display()))?;
    }
    let node = dir.join("node");
    fs::create_dir_all(&node).map_err(|e| format!("cannot make {}: {e}", node.display()))?;
    let tree = Tree::at(&node);
    let expected = build(&tree);
    let (conf, swift_conf) = confs(&dir, &tree);
    let list = write_list(&dir, &expected)?;
    let harmed = expected.iter().filter(|it| !it.harm.is_empty()).count();
    let (all, devices) = (expected.len(), DEVICES.len());
    eprintln!("{all} places on {devices} devices, {harmed} of them harmed: {}", list.display());

    let words = |more: &[&str]| {
        let mut once = Command::new(command);
        once.arg("once").arg(&conf).arg("--swift-conf").arg(&swift_conf).args(more);
        once
    };
    eprintln!("martlet once {} --json > found.jsonl\n", conf.display());
    // What is not sound is in the list and in the JSON; the log would say it a third time.
    let pass = words(&["--json"]).env("RUST_LOG", "off").stderr(Stdio::inherit()).output();
    let pass = pass.map_err(|e| format!("cannot run {}: {e}", command.display()))?;
    let found = dir.join("found.jsonl");
    fs::write(&found, &pass.stdout).map_err(|e| format!("cannot write found.jsonl: {e}"))?;
    let (mut said, moved) = read(&pass.stdout)?;

    // What cannot be entered has no line of JSON, but one in the log; a second pass shows it, and
    // that what was moved is gone.
    let again = words(&["--json", "--dry-run"]).output();
    let again = again.map_err(|e| format!("cannot run {}: {e}", command.display()))?;
    let second = read(&again.stdout)?.0.len();
    said.extend(skipped(&String::from_utf8_lossy(&again.stderr)));

    let table = compare(&expected, &said);
    if !table.is_empty() {
        return Err(format!("\nthe pass and the list differ:\n{table}"));
    }
    let gone: Vec<_> = moved.iter().filter(|from| from.exists()).collect();
    if let [still, ..] = gone[..] {
        return Err(format!("{} was moved and is still there", still.display()));
    }
    let databases = said.values().filter(|it| it.0 != "skipped").count();
    if second + moved.len() != databases {
        return Err(format!(
            "the second pass saw {second} databases, the first {databases} and moved {}",
            moved.len()
        ));
    }
    if pass.status.code() != Some(DAMAGE) {
        return Err(format!("damage was found and the pass ended with {}", pass.status));
    }
    eprintln!(
        "\nevery verdict is the expected one; {} moved aside. Look at {}, or try: {} check {}",
        moved.len(),
        found.display(),
        command.display(),
        node.display(),
    );
    Ok(())
}

/// Makes the node in a folder that stays, with a conf, and says what to try on it.
///
/// # Errors
/// One line.
pub(crate) fn keep(dir: &Path) -> Result<(), String> {
    let command = martlet();
    let dir = std::path::absolute(dir).map_err(|e| format!("{}: {e}", dir.display()))?;
    let node = dir.join("node");
    if node.exists() {
        return Err(format!("{} is there already", node.display()));
    }
    fs::create_dir_all(&node).map_err(|e| format!("cannot make {}: {e}", node.display()))?;
    let tree = Tree::at(&node);
    let expected = build(&tree);
    let (conf, swift_conf) = confs(&dir, &tree);
    let list = write_list(&dir, &expected)?;
    let (martlet, conf) = (command.display(), conf.display());
    eprintln!(
        "a node of {} databases; what was harmed is in {}. Try:\n\n\
         {martlet} once --swift-conf {} {conf}\n\
         {martlet} quarantine list {conf}\n\
         {martlet} quarantine show {conf} HASH\n\
         {martlet} quarantine restore --swift-conf {} {conf} HASH",
        expected.len(),
        list.display(),
        swift_conf.display(),
        swift_conf.display(),
    );
    Ok(())
}

/// Writes what was harmed, before anything looks at it.
fn write_list(dir: &Path, expected: &[Expected]) -> Result<PathBuf, String> {
    let mut text = String::new();
    for it in expected.iter().filter(|it| !it.harm.is_empty()) {
        let (path, says) = (it.path.display(), format!("{} {}", it.verdict, it.code));
        let _ = writeln!(text, "{says:<40} {path}  {}", it.harm);
    }
    let list = dir.join("harmed.txt");
    fs::write(&list, text).map_err(|e| format!("cannot write {}: {e}", list.display()))?;
    Ok(list)
}

/// What each line of JSON says of its path, and what was moved.
fn read(lines: &[u8]) -> Result<(BTreeMap<PathBuf, Said>, Vec<PathBuf>), String> {
    let (mut said, mut moved) = (BTreeMap::new(), Vec::new());
    for line in String::from_utf8_lossy(lines).lines() {
        let it: Value = serde_json::from_str(line).map_err(|e| format!("{line}: {e}"))?;
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let path = PathBuf::from(text(&it["path"]));
        if it["moved_to"].is_string() {
            moved.push(path.clone());
        }
        let verdict = (text(&it["verdict"]), text(&it["findings"][0]["code"]));
        if let Some(before) = said.insert(path, verdict) {
            return Err(format!("audited twice, {before:?} before: {line}"));
        }
    }
    Ok((said, moved))
}

/// The paths of the log's `Skipping PATH because …`.
fn skipped(log: &str) -> impl Iterator<Item = (PathBuf, Said)> {
    log.lines().filter_map(|line| {
        let (_, rest) = line.split_once("Skipping ")?;
        let (path, _) = rest.split_once(" because ")?;
        Some((PathBuf::from(path), ("skipped".to_owned(), String::new())))
    })
}

/// A line for each difference; nothing if there is none.
fn compare(expected: &[Expected], said: &BTreeMap<PathBuf, Said>) -> String {
    let mut lines = Vec::new();
    for it in expected {
        let (expected, found) = ((it.verdict.clone(), it.code.clone()), said.get(&it.path));
        if found != Some(&expected) {
            let found = found.map_or("nothing".to_owned(), |it| format!("{} {}", it.0, it.1));
            let expected = format!("{} {}", expected.0, expected.1);
            lines.push(format!("{expected:<36} {found:<36} {}", it.path.display()));
        }
    }
    for (path, found) in said {
        if !expected.iter().any(|it| it.path == *path) {
            let found = format!("{} {}", found.0, found.1);
            lines.push(format!("{:<36} {found:<36} {}", "nothing", path.display()));
        }
    }
    if lines.is_empty() {
        return String::new();
    }
    let more = lines.len().saturating_sub(SHOWN_MAX);
    lines.truncate(SHOWN_MAX);
    let more = if 0 < more { format!("\nand {more} more") } else { String::new() };
    format!("{:<36} {:<36} path\n{}{more}\n", "expected", "found", lines.join("\n"))
}
