//! Where Martlet differs from Swift on purpose: one row a reason, shown in the README.
//!
//! A row names the scenarios in which it shows and the parts of their answers that it explains. A
//! part that differs without a row is a defect; a row that explains nothing any more is one too.

mod table;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use crate::answers::Answers;

pub use table::{ELSEWHERE, OPEN, TABLE};

/// Swift's recorded answers; `cargo xtask same-as-swift --record` writes them.
pub const SWIFT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/golden/swift-answers.json");
/// Martlet's answers where they differ; the same command writes them.
pub const MARTLET: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/golden/martlet-differs.json");

/// Why Swift's behaviour was not kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trap {
    /// A bug of Swift's that stops or misleads it. The number is the one in the README.
    Known(u8),
    /// Swift merges pending entries while it audits; Martlet only reads them.
    Pending,
    /// Martlet carries its own SQLite, newer than the one below Swift here, which sees more.
    Sqlite,
    /// Martlet says more, or in other words.
    Words,
}

impl Trap {
    /// Whether a row for it may change what is counted as passed or failed.
    #[must_use]
    pub fn may_change_counts(self) -> bool {
        matches!(self, Self::Known(1 | 2 | 8 | 9 | 10) | Self::Pending)
    }
}

/// One reason to differ.
#[derive(Debug)]
pub struct Difference {
    /// What it is called.
    pub name: &'static str,
    /// Which of Swift's traps it avoids.
    pub trap: Trap,
    /// What Swift does.
    pub swift: &'static str,
    /// What Martlet does instead.
    pub martlet: &'static str,
    /// Why, for the operator.
    pub why: &'static str,
    /// Names of scenarios; a `*` at the end stands for anything.
    pub scenarios: &'static [&'static str],
    /// Parts of an answer: `passed`, `failed`, `log`, `changes`, `exit`, …
    pub parts: &'static [&'static str],
}

impl Difference {
    fn pattern_for(&self, scenario: &str) -> Option<&'static str> {
        let fits = |pattern: &&&str| match pattern.strip_suffix('*') {
            Some(head) => scenario.starts_with(head),
            None => scenario == **pattern,
        };
        self.scenarios.iter().find(fits).copied()
    }
}

/// One part of one answer that is not Swift's.
#[derive(Debug)]
pub struct Differs {
    /// The scenario.
    pub scenario: String,
    /// The part of its answer.
    pub part: String,
    /// What Swift answered.
    pub swift: Value,
    /// What Martlet answered.
    pub martlet: Value,
    /// The rows that explain it.
    pub rows: Vec<&'static str>,
}

/// What a comparison came to.
#[derive(Debug, Default)]
pub struct Outcome {
    /// Scenarios whose answers are the same.
    pub same: usize,
    /// Differences, explained or not.
    pub differs: Vec<Differs>,
    /// Scenarios that only one of the two has, or whose tree is not the recorded one.
    pub stale: Vec<String>,
    /// Rows, or scenarios of rows, that explain nothing.
    pub idle: Vec<String>,
}

impl Outcome {
    /// Whether nothing is left to be explained.
    #[must_use]
    pub fn is_good(&self) -> bool {
        self.stale.is_empty() && self.idle.is_empty() && self.unexplained().next().is_none()
    }

    /// Differences without a row.
    pub fn unexplained(&self) -> impl Iterator<Item = &Differs> {
        self.differs.iter().filter(|d| d.rows.is_empty())
    }
}

impl std::fmt::Display for Outcome {
    fn fmt(&self, to: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for stale in &self.stale {
            writeln!(
                to,
                "{stale}: the tree is not the recorded one: cargo xtask same-as-swift --record"
            )?;
        }
        for idle in &self.idle {
            writeln!(to, "{idle}: nothing differs any more")?;
        }
        for Differs { scenario, part, swift, martlet, .. } in self.unexplained() {
            writeln!(to, "{scenario}: {part}\n  Swift   {swift}\n  Martlet {martlet}")?;
        }
        Ok(())
    }
}

/// Holds Martlet's answers against Swift's. `all`: whether every scenario was run, so that rows
/// which explain nothing can be told.
#[must_use]
pub fn compare(swift: &Answers, martlet: &Answers, all: bool) -> Outcome {
    let mut outcome = Outcome::default();
    let mut used: BTreeSet<(&str, &str)> = BTreeSet::new();
    for (scenario, ours) in martlet {
        let Some(theirs) = swift.get(scenario).filter(|theirs| theirs["tree"] == ours["tree"])
        else {
            outcome.stale.push(scenario.clone());
            continue;
        };
        let before = outcome.differs.len();
        for part in parts(theirs, ours) {
            let (swift, martlet) = (theirs[&part].clone(), ours[&part].clone());
            if swift == martlet {
                continue;
            }
            let fits = TABLE.iter().filter(|row| row.parts.contains(&part.as_str()));
            let fits = fits.filter_map(|row| Some((row.name, row.pattern_for(scenario)?)));
            let fits: Vec<_> = fits.collect();
            used.extend(&fits);
            let mut rows: Vec<_> = fits.into_iter().map(|(row, _)| row).collect();
            if OPEN.contains(&scenario.as_str()) {
                rows.push("open");
            }
            outcome.differs.push(Differs {
                scenario: scenario.clone(),
                part,
                swift,
                martlet,
                rows,
            });
        }
        outcome.same += usize::from(outcome.differs.len() == before);
    }
    if all {
        outcome.stale.extend(swift.keys().filter(|name| !martlet.contains_key(*name)).cloned());
        let every = TABLE.iter().flat_map(|row| row.scenarios.iter().map(|s| (row.name, *s)));
        let idle = every.filter(|pair| !used.contains(pair));
        outcome.idle.extend(idle.map(|(row, scenario)| format!("{row} in {scenario}")));
        let still = |open: &&&str| outcome.differs.iter().any(|d| d.scenario == ***open);
        let mended = OPEN.iter().filter(|open| !still(open));
        outcome.idle.extend(mended.map(|open| format!("open in {open}")).collect::<Vec<_>>());
    }
    outcome
}

fn parts(a: &Value, b: &Value) -> BTreeSet<String> {
    let keys =
        |v: &Value| v.as_object().into_iter().flat_map(|o| o.keys().cloned()).collect::<Vec<_>>();
    keys(a).into_iter().chain(keys(b)).collect()
}

/// The parts that differ, by scenario: what is kept of Martlet's answers.
#[must_use]
pub fn kept(outcome: &Outcome) -> Answers {
    let mut kept: BTreeMap<String, Value> = BTreeMap::new();
    for Differs { scenario, part, martlet, .. } in &outcome.differs {
        kept.entry(scenario.clone()).or_insert_with(|| json!({}))[part] = martlet.clone();
    }
    kept
}

/// Reads recorded answers.
///
/// # Errors
/// If the file cannot be read.
pub fn load(path: &str) -> Result<Answers, String> {
    let text = fs::read_to_string(path).map_err(|e| format!("cannot read {path}: {e}"))?;
    let json: Value = serde_json::from_str(&text).map_err(|e| format!("{path}: {e}"))?;
    let answers = json["answers"].as_object().ok_or_else(|| format!("{path} has no answers"))?;
    Ok(answers.iter().map(|(name, answer)| (name.clone(), answer.clone())).collect())
}

/// Writes recorded answers, a line each.
///
/// # Errors
/// If the file cannot be written.
pub fn save(path: &str, made_by: &str, answers: &Answers) -> Result<(), String> {
    let lines = answers.iter().map(|(name, answer)| format!("{}: {answer}", json!(name)));
    let lines = lines.collect::<Vec<_>>().join(",\n");
    let text = format!("{{\"made_by\": {}, \"answers\": {{\n{lines}\n}}}}\n", json!(made_by));
    let dir = Path::new(path).parent().unwrap_or(Path::new("."));
    fs::create_dir_all(dir).map_err(|e| format!("cannot make {}: {e}", dir.display()))?;
    fs::write(path, text).map_err(|e| format!("cannot write {path}: {e}"))
}

/// The rows as the README shows them.
#[must_use]
pub fn readme() -> String {
    let rows = TABLE.iter().map(|row| [row.swift, row.martlet, row.why]);
    let rows = rows.chain(ELSEWHERE.iter().copied());
    let line = |[swift, martlet, why]: [&str; 3]| {
        let why = if why.is_empty() { String::new() } else { format!("{why} ") };
        format!("| {swift} | {martlet} | {why}|\n")
    };
    rows.map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(answer: Value) -> Answers {
        Answers::from([("s".to_owned(), answer)])
    }

    #[test]
    fn only_some_traps_change_what_is_counted() {
        for row in TABLE {
            let counts = row.parts.iter().any(|part| ["passed", "failed", "statsd"].contains(part));
            assert!(!counts || row.trap.may_change_counts(), "{}", row.name);
            assert!(!row.scenarios.is_empty() && !row.parts.is_empty(), "{}", row.name);
        }
    }

    #[test]
    fn every_part_that_differs_is_seen() {
        let swift = one(json!({"tree": "1", "passed": 1, "log": ["a"], "gone": 1}));
        let martlet = one(json!({"tree": "1", "passed": 0, "log": ["a"], "new": 1}));
        let outcome = compare(&swift, &martlet, false);
        let parts: Vec<_> = outcome.unexplained().map(|d| d.part.as_str()).collect();
        assert_eq!(parts, ["gone", "new", "passed"]);
    }

    #[test]
    fn another_tree_is_stale_and_not_compared() {
        let swift = one(json!({"tree": "1", "passed": 1}));
        let martlet = one(json!({"tree": "2", "passed": 1}));
        let outcome = compare(&swift, &martlet, false);
        assert_eq!((outcome.stale.len(), outcome.is_good()), (1, false));
    }

    #[test]
    fn a_row_that_explains_nothing_is_told() {
        let outcome = compare(&Answers::new(), &Answers::new(), true);
        let rows: usize = TABLE.iter().map(|row| row.scenarios.len()).sum();
        assert_eq!(outcome.idle.len(), rows + OPEN.len());
    }
}
