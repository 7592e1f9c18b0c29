//! `cargo xtask planted`: each bug of `tests/bugs` is planted in a copy of the core, and the
//! exhaustive test must find it. That it finds nothing in the code as it is, `cargo test` says.
use std::fmt::Write as _;
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::Value;

/// The source tree.
const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");
/// Copies that are built and tested side by side.
const COPIES: usize = 2;
/// The members of a copy: core, and the model with its exhaustive test, so that neither SQLite nor the
/// platform is built.
const MEMBERS: &str = r#"members = ["core", "tests/model"]"#;
const BUILD: [&str; 10] = [
    "test",
    "--quiet",
    "--offline",
    "--package=martlet-model",
    "--test=every",
    "--no-run",
    "--message-format=json",
    "--config=profile.dev.debug=false",
    "--config=profile.dev.package.martlet-core.opt-level=3",
    "--config=profile.dev.package.martlet-model.opt-level=3",
];

/// One bug, and what became of it.
struct Tried {
    name: String,
    /// What killed it; else why it lives or was not planted.
    said: Result<String, String>,
}

/// Plants every bug.
///
/// # Errors
/// One line for each that survives or no longer applies, or why nothing could be tried.
pub(crate) fn run() -> Result<(), String> {
    let mut bugs: Vec<PathBuf> = list(&Path::new(ROOT).join("tests/bugs"))?;
    bugs.retain(|path| path.extension().is_some_and(|it| it == "patch"));
    bugs.sort();
    let temporary = tempfile::tempdir().map_err(|e| format!("no temporary directory: {e}"))?;
    let copies: Vec<PathBuf> =
        (0..COPIES).map(|copy| temporary.path().join(copy.to_string())).collect();
    for copy in &copies {
        make(copy)?;
    }
    eprintln!("{} bugs, {COPIES} at a time", bugs.len());
    let next = AtomicUsize::new(0);
    let tried: Vec<Tried> = std::thread::scope(|threads| {
        let plant_all = |copy: &PathBuf| {
            let (copy, bugs, next) = (copy.clone(), &bugs, &next);
            threads.spawn(move || {
                let mine = std::iter::from_fn(|| bugs.get(next.fetch_add(1, Ordering::Relaxed)));
                mine.map(|bug| plant(&copy, bug)).collect::<Vec<_>>()
            })
        };
        let planting: Vec<_> = copies.iter().map(plant_all).collect();
        planting.into_iter().flat_map(|it| it.join().expect("a copy is tested")).collect()
    });
    let mut survivors = String::new();
    for it in tried.iter().filter(|it| it.said.is_err()) {
        let why = it.said.as_ref().err().map_or("", String::as_str);
        let _ = writeln!(survivors, "{}: {why}", it.name);
    }
    if !survivors.is_empty() {
        return Err(format!("\nnot killed:\n{survivors}"));
    }
    eprintln!("{} of {} bugs were killed", tried.len(), bugs.len());
    Ok(())
}

/// Plants one, tests, and takes it out again.
fn plant(copy: &Path, bug: &Path) -> Tried {
    let name = bug.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let said = (|| {
        patch(copy, bug, &[]).map_err(|why| format!("no longer applies: {why}"))?;
        let tested = test(copy);
        patch(copy, bug, &["--reverse"])?;
        match tested? {
            Ok(()) => Err("survives".to_owned()),
            Err(why) => Ok(why),
        }
    })();
    let (Ok(shown) | Err(shown)) = &said;
    eprintln!("{} {name:<28} {shown}", if said.is_ok() { "killed" } else { "ALIVE " });
    Tried { name, said }
}

/// The workspace as far as it is needed.
fn make(copy: &Path) -> Result<(), String> {
    let root = Path::new(ROOT);
    copy_tree(&root.join("core"), &copy.join("core"))?;
    copy_tree(&root.join("tests/model"), &copy.join("tests/model"))?;
    copy_file(&root.join("Cargo.lock"), &copy.join("Cargo.lock"))?;
    let manifest = root.join("Cargo.toml");
    let text = fs::read_to_string(&manifest).map_err(|e| say("read", &manifest, &e))?;
    let members = text.lines().find(|line| line.starts_with("members")).unwrap_or_default();
    // A profile of a package that is not there is warned of, and nothing else.
    write(&copy.join("Cargo.toml"), &text.replace(members, MEMBERS))
}

/// Runs the exhaustive test: the words of the first assertion that fails, if one does.
fn test(copy: &Path) -> Result<Result<(), String>, String> {
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.args(BUILD).current_dir(copy).env("CARGO_TARGET_DIR", copy.join("target"));
    let said = cargo.output().map_err(|e| format!("cannot run cargo: {e}"))?;
    let out = String::from_utf8_lossy(&said.stdout);
    let built = out.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let built: Option<String> =
        built.filter_map(|it| it["executable"].as_str().map(str::to_owned)).next_back();
    let Some(program) = built.filter(|_| said.status.success()) else {
        let err = String::from_utf8_lossy(&said.stderr);
        let error = err.lines().find(|line| line.starts_with("error")).unwrap_or("cargo failed");
        return Err(format!("does not build: {error}"));
    };
    let mut every = Command::new(&program);
    // All tests at once: most bugs are met at once by one of them, and none may wait behind a long one.
    every.args(["--nocapture", "--test-threads=99"]).env("RUST_BACKTRACE", "0");
    every.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
    let mut child = every.spawn().map_err(|e| format!("cannot run {program}: {e}"))?;
    let stderr = child.stderr.take().map(BufReader::new).into_iter().flat_map(BufRead::lines);
    let panicked = stderr.map_while(Result::ok).skip_while(|line| !line.contains("panicked at"));
    let words = panicked.skip(1).find(|line| !line.trim().is_empty());
    if words.is_some() {
        // One is enough; the other tests would go on for a while.
        let _ended_by_itself = child.kill();
    }
    let status = child.wait().map_err(|e| format!("cannot wait for {program}: {e}"))?;
    Ok(match words {
        Some(words) => Err(words.chars().take(70).collect()),
        None if status.success() => Ok(()),
        None => Err(format!("it ended with {status}")),
    })
}

fn patch(copy: &Path, bug: &Path, more: &[&str]) -> Result<(), String> {
    let mut git = Command::new("git");
    git.arg("apply").args(more).arg(bug).current_dir(copy);
    // The copy is no repository, whatever lies above it.
    git.env("GIT_CEILING_DIRECTORIES", copy.parent().unwrap_or(copy)).env_remove("GIT_DIR");
    let said = git.output().map_err(|e| format!("cannot run git: {e}"))?;
    if said.status.success() {
        return Ok(());
    }
    let words = String::from_utf8_lossy(&said.stderr);
    Err(words.lines().next().unwrap_or("git says nothing").to_owned())
}

fn list(dir: &Path) -> Result<Vec<PathBuf>, String> {
    let entries = fs::read_dir(dir).map_err(|e| say("list", dir, &e))?;
    entries.map(|entry| entry.map(|it| it.path()).map_err(|e| say("list", dir, &e))).collect()
}

fn copy_tree(from: &Path, to: &Path) -> Result<(), String> {
    for path in list(from)? {
        let name = path.file_name().unwrap_or_default();
        if path.is_dir() {
            copy_tree(&path, &to.join(name))?;
        } else {
            copy_file(&path, &to.join(name))?;
        }
    }
    Ok(())
}

fn copy_file(from: &Path, to: &Path) -> Result<(), String> {
    let text = fs::read_to_string(from).map_err(|e| say("read", from, &e))?;
    write(to, &text)
}

fn write(path: &Path, text: &str) -> Result<(), String> {
    let dir = path.parent().unwrap_or(path);
    fs::create_dir_all(dir).map_err(|e| say("make", dir, &e))?;
    fs::write(path, text).map_err(|e| say("write", path, &e))
}

fn say(doing: &str, path: &Path, why: &std::io::Error) -> String {
    format!("cannot {doing} {}: {why}", path.display())
}
