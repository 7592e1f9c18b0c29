//! `cargo xtask deep-healthy [DATABASES [SEED]]`: a deep audit finds nothing in what Swift's brokers wrote.
//!
//! Random histories of puts, deletes, reclaims, policy moves and shardings; audited once at rest and once
//! while a broker goes on writing to a share of them.
use std::fs;
use std::io::{BufRead as _, BufReader, Read as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::steps::{Step, run as run_quietly};
use crate::swift_venv::SwiftVenv;

/// Databases, if no other number is asked for.
const DATABASES: &str = "10000";
/// The history, if no other is asked for.
const SEED: &str = "1";
/// One of so many databases is written to while it is audited.
const SHARE: usize = 10;
/// Findings shown of a failed run.
const SHOWN: usize = 20;
const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/src/deep_healthy.py");

/// Makes them and audits them twice.
///
/// # Errors
/// Every false finding, or what could not be done and why.
pub(crate) fn run(words: &[&str]) -> Result<(), String> {
    let databases = words.first().copied().unwrap_or(DATABASES);
    let seed = words.get(1).copied().unwrap_or(SEED);
    let python = SwiftVenv::prepare()?.program("python");
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let words = ["build", "--quiet", "--package", "martlet"];
    run_quietly(Command::new(env!("CARGO")).current_dir(&root).args(words))?;
    let healthy = Healthy {
        folder: tempfile::tempdir().map_err(|e| format!("cannot make a folder: {e}"))?,
        martlet: root.join("target/debug/martlet"),
        python,
    };
    let conf = "[swift-hash]\nswift_hash_path_prefix = martlet\n";
    let file = healthy.swift_conf();
    fs::write(&file, conf).map_err(|e| format!("cannot write {}: {e}", file.display()))?;

    let step = Step::begin(&format!("{databases} databases, history {seed}"));
    run_quietly(healthy.script("make").args([databases, seed]))?;
    step.end("");
    let step = Step::begin("auditing them at rest");
    let rest = healthy.audit()?;
    step.end(&format!("{} audited", rest.all));
    rest.must_be_clean(0)?;

    let step = Step::begin("auditing them beside a broker that writes");
    let mut writer = healthy
        .script("write")
        .arg(SHARE.to_string())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .map_err(|e| format!("cannot start the broker: {e}"))?;
    let mut stdout = BufReader::new(writer.stdout.take().ok_or("a broker without stdout")?);
    let mut puts = String::new();
    stdout.read_line(&mut puts).map_err(|e| format!("cannot read from the broker: {e}"))?;
    let beside = healthy.audit();
    drop(writer.stdin.take());
    puts.clear();
    stdout.read_to_string(&mut puts).map_err(|e| format!("cannot read from the broker: {e}"))?;
    writer.wait().map_err(|e| format!("cannot wait for the broker: {e}"))?;
    let beside = beside?;
    let puts: u64 = puts.trim().parse().map_err(|e| format!("the broker says {puts:?}: {e}"))?;
    step.end(&format!("{} audited, {puts} puts, {} unsettled", beside.all, beside.open));
    if puts == 0 {
        return Err("the broker wrote nothing".to_owned());
    }
    beside.must_be_clean(rest.all.div_ceil(SHARE))
}

struct Healthy {
    folder: tempfile::TempDir,
    martlet: PathBuf,
    python: PathBuf,
}

/// What audits of sound databases came to.
struct Audited {
    all: usize,
    /// Locked or written to without pause.
    open: usize,
    /// What is neither, each one wrong.
    wrong: Vec<String>,
}

impl Audited {
    fn must_be_clean(&self, open_max: usize) -> Result<(), String> {
        if self.all == 0 || open_max < self.open {
            return Err(format!("{} audited, {} of them unsettled", self.all, self.open));
        }
        if self.wrong.is_empty() {
            return Ok(());
        }
        let shown: Vec<_> = self.wrong.iter().take(SHOWN).map(String::as_str).collect();
        Err(format!("{} false findings:\n{}", self.wrong.len(), shown.join("\n")))
    }
}

impl Healthy {
    /// The script, with what it is to do and where.
    fn script(&self, what: &str) -> Command {
        let mut command = Command::new(&self.python);
        command.args(["-P", SCRIPT, what]).arg(self.tree());
        command
    }

    fn tree(&self) -> PathBuf {
        self.folder.path().join("node")
    }

    fn swift_conf(&self) -> PathBuf {
        self.folder.path().join("swift.conf")
    }

    /// A deep audit of all of them.
    fn audit(&self) -> Result<Audited, String> {
        let mut command = Command::new(&self.martlet);
        command.args(["check", "--deep", "--json", "--quiet", "--swift-conf"]);
        let done = command.arg(self.swift_conf()).arg(self.tree()).output();
        let done = done.map_err(|e| format!("cannot run martlet: {e}"))?;
        let mut audited = Audited { all: 0, open: 0, wrong: Vec::new() };
        for line in String::from_utf8_lossy(&done.stdout).lines() {
            let said: Value = serde_json::from_str(line).map_err(|e| format!("{line}: {e}"))?;
            audited.all += 1;
            match said["verdict"].as_str().unwrap_or_default() {
                "sound" | "deleted" => {}
                "unsettled" | "busy" => audited.open += 1,
                _ => audited.wrong.push(line.to_owned()),
            }
        }
        Ok(audited)
    }
}
