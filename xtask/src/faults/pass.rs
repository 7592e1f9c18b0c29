//! What one pass said, and whether that can be true of its node.
use std::collections::BTreeMap;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::Output;

use serde_json::Value;

use super::node::Node;

/// Verdicts that say no more than that a database could not be looked at.
const UNSEEN: [&str; 5] = ["device-error", "unreadable", "busy", "needs-recovery", "unsettled"];
/// Exit codes of `martlet once`.
const CANNOT_RUN: i32 = 1;
const DAMAGE: i32 = 2;
const INCOMPLETE: i32 = 3;
/// What `timeout` ends with if it had to kill.
const KILLED: i32 = 137;

/// What one pass said.
#[derive(Clone, Debug, Default)]
pub(super) struct Pass {
    /// The verdict of each path.
    pub(super) verdicts: BTreeMap<PathBuf, String>,
    /// What may not be read and is not counted: Swift takes it for absent, and has no line.
    unsaid: Vec<PathBuf>,
    /// What the log skipped.
    skipped: Vec<PathBuf>,
    stderr: String,
    code: Option<i32>,
    signal: Option<i32>,
    twice: Vec<PathBuf>,
}

impl Pass {
    /// Reads what it said.
    pub(super) fn read(output: &Output) -> Self {
        let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
        let mut pass = Self {
            skipped: skipped(&stderr).collect(),
            stderr,
            code: output.status.code(),
            signal: output.status.signal(),
            ..Self::default()
        };
        for line in String::from_utf8_lossy(&output.stdout).lines() {
            let Ok(it) = serde_json::from_str::<Value>(line) else { continue };
            let text = |key: &str| it[key].as_str().unwrap_or_default().to_owned();
            let path = PathBuf::from(text("path"));
            if text("verdict") == "unreadable" && it["counts"].is_null() {
                pass.unsaid.push(path.clone());
            }
            if pass.verdicts.insert(path.clone(), text("verdict")).is_some() {
                pass.twice.push(path);
            }
        }
        pass
    }

    /// Whether it refused to run, with a word on why.
    pub(super) fn refused(&self) -> bool {
        self.code == Some(CANNOT_RUN) && self.verdicts.is_empty() && !self.stderr.is_empty()
    }

    /// Whether everything is as in a pass without faults.
    pub(super) fn is_as(&self, sound: &Self) -> bool {
        self.verdicts == sound.verdicts && self.code == sound.code
    }

    /// What is wrong with it as a pass over `node` that without faults says what `sound` says: a
    /// fault may spoil the look at one container, or the listing of what is said to be skipped.
    pub(super) fn judge(&self, node: &Node, sound: &Self) -> Vec<String> {
        let mut wrong = self.judge_end();
        wrong.extend(self.twice.iter().map(|path| format!("audited twice: {}", path.display())));
        let mut spoilt: Vec<&Path> = Vec::new();
        for (path, expected) in &sound.verdicts {
            let Some(verdict) = self.verdicts.get(path) else {
                if !self.is_cut_short() && !self.skipped.iter().any(|above| path.starts_with(above))
                {
                    wrong.push(format!("lost its turn: {}", path.display()));
                }
                continue;
            };
            if verdict == expected {
                continue;
            }
            if !UNSEEN.contains(&verdict.as_str()) {
                wrong.push(format!("{expected} became {verdict}: {}", path.display()));
            }
            let dir = node.held(path).map_or(path.as_path(), |held| held.dir.as_path());
            if !spoilt.contains(&dir) {
                spoilt.push(dir);
            }
            if !self.stderr.contains(&*path.to_string_lossy()) && !self.unsaid.contains(path) {
                wrong.push(format!("{verdict}, and no line says so: {}", path.display()));
            }
        }
        if 1 < spoilt.len() {
            wrong.push(format!("one fault spoilt {spoilt:?}"));
        }
        let new = self.verdicts.iter().filter(|(path, _)| !sound.verdicts.contains_key(*path));
        wrong
            .extend(new.map(|(path, verdict)| format!("{verdict} of nothing: {}", path.display())));
        wrong
    }

    /// Whether it said that its results could not all be written.
    fn is_cut_short(&self) -> bool {
        self.stderr.contains("cannot write to standard output: ")
    }

    /// What is wrong with it if the device below `ill` failed in its middle: whatever lies there may
    /// not have been looked at, but nothing else may be said of it, and all else is as before.
    pub(super) fn judge_ill(&self, ill: &Path, sound: &Self) -> Vec<String> {
        let mut wrong = self.judge_end();
        let device = ill.to_string_lossy();
        let is_said = self.stderr.contains(&format!("Skipping {device}"));
        for (path, expected) in &sound.verdicts {
            let fair = match self.verdicts.get(path).map(String::as_str) {
                Some(verdict) if verdict == expected => true,
                Some(verdict) if path.starts_with(ill) => {
                    UNSEEN.contains(&verdict) || verdict == "vanished"
                }
                None => path.starts_with(ill) && is_said,
                Some(_) => false,
            };
            if !fair {
                let found = self.verdicts.get(path).map_or("nothing", String::as_str);
                wrong.push(format!("{expected} became {found}: {}", path.display()));
            }
        }
        wrong
    }

    /// What is wrong with it beside things that are none of the node's containers.
    pub(super) fn judge_rest(&self, sound: &Self) -> Vec<String> {
        self.judge_ill(Path::new("//"), sound)
    }

    /// What is wrong with it while the databases of `changing` may be found as any of `fair`.
    pub(super) fn judge_changing(
        &self,
        changing: &[PathBuf],
        fair: &[&str],
        sound: &Self,
    ) -> Vec<String> {
        let mut wrong = self.judge_end();
        for path in changing {
            // One that was away while its directory was listed has no turn.
            let found = self.verdicts.get(path).map_or("vanished", String::as_str);
            if !fair.contains(&found) {
                wrong.push(format!("sound became {found}: {}", path.display()));
            }
        }
        for (path, expected) in &sound.verdicts {
            // What a pass recovered or moved, the next finds as it left it.
            let steady = matches!(expected.as_str(), "sound" | "deleted");
            let found = self.verdicts.get(path);
            if steady && !changing.contains(path) && found != Some(expected) {
                wrong.push(format!("{expected} became {found:?}: {}", path.display()));
            }
        }
        wrong
    }

    /// Whether its log has these words.
    pub(super) fn says(&self, words: &str) -> bool {
        self.stderr.contains(words)
    }

    fn judge_end(&self) -> Vec<String> {
        let mut wrong = Vec::new();
        if let Some(signal) = self.signal {
            wrong.push(format!("died of signal {signal}: {}", self.last_line()));
        }
        if let Some((_, said)) = self.stderr.split_once("panicked at") {
            let said: Vec<_> = said.lines().take(2).collect();
            wrong.push(format!("a panic at {}", said.join(" ")));
        }
        let said = |verdict: &str| self.verdicts.values().any(|it| it == verdict);
        let expected = if self.is_cut_short() {
            CANNOT_RUN
        } else if said("damaged") || said("misplaced") {
            DAMAGE
        } else if UNSEEN.iter().any(|it| said(it)) || !self.skipped.is_empty() {
            INCOMPLETE
        } else {
            0
        };
        match self.code {
            Some(KILLED) => wrong.push("hangs".to_owned()),
            Some(code) if code != expected => {
                wrong.push(format!("exit code {code}, not {expected}: {}", self.last_line()));
            }
            Some(_) | None => {}
        }
        wrong
    }

    /// The last thing it said.
    pub(super) fn last_line(&self) -> &str {
        self.stderr.lines().last().unwrap_or("without a word")
    }
}

/// The paths of the log's `Skipping PATH because …`.
fn skipped(log: &str) -> impl Iterator<Item = PathBuf> {
    log.lines().filter_map(|line| {
        let (_, rest) = line.split_once("Skipping ")?;
        let (path, _) = rest.split_once(" because ")?;
        Some(PathBuf::from(path))
    })
}

impl Pass {
    /// The same of another node whose containers are the same.
    pub(super) fn moved_to(&self, node: &Node) -> Self {
        let moved = |path: &PathBuf| {
            let names: Vec<_> = path.iter().collect();
            let root = node.devices().components().count();
            node.devices().join(names.iter().skip(root).collect::<PathBuf>())
        };
        let verdicts = self.verdicts.iter().map(|(path, it)| (moved(path), it.clone())).collect();
        Self { verdicts, ..self.clone() }
    }
}
