//! `cargo xtask same-as-swift`: the real `swift-container-auditor` and Martlet over identical trees.
//!
//! `--record` writes what both answered to `tests/golden`, from which `cargo test` runs the same
//! comparison without Python. Without it, Swift's answers must be the recorded ones.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::process::Command;

use martlet_tests::answers::Answers;
use martlet_tests::comparison::{ask, is_root, martlet, swift_conf};
use martlet_tests::differences::{self, MARTLET, Outcome, SWIFT, TABLE, compare};
use martlet_tests::scenarios::{self, Scenario};

use crate::swift_venv::SwiftVenv;

const LAUNCHER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/src/swift/launch.py");
const MADE_BY: &str = "cargo xtask same-as-swift --record";

/// Compares, or records: with a START, only what Swift says of the scenarios whose names begin so.
/// `--only START` takes the scenarios whose names begin so, `--recorded START`
/// those with Swift's recorded answers; `--record-martlet` records Martlet's answers alone;
/// `--tools` and `--live` do only what their modules say.
///
/// # Errors
/// What differs without a row in the table, or what could not be done.
pub(crate) fn run(words: &[&str]) -> Result<(), String> {
    let (record, recorded, start) = match words {
        [] => (false, false, ""),
        ["--tools"] => return crate::tools::run(),
        ["--live"] => return crate::live::run(),
        ["--record"] => (true, false, ""),
        ["--record", start] => return record_some(start),
        ["--record-martlet"] => (true, true, ""),
        ["--only", start] => (false, false, *start),
        ["--recorded", start] => (false, true, *start),
        _ => {
            return Err("same-as-swift takes --record [START], --record-martlet, --only START, --recorded START, --tools, --live, or nothing"
                .to_owned());
        }
    };
    if !is_root() {
        return Err("same-as-swift needs root: files of other users are part of it".to_owned());
    }
    let scenarios = || {
        let all = scenarios::all().into_iter();
        all.filter(|s| s.name.starts_with(start)).collect::<Vec<_>>()
    };
    let swift = if recorded { differences::load(SWIFT)? } else { ask_swift(&scenarios())? };
    if record && !recorded {
        differences::save(SWIFT, MADE_BY, &swift)?;
    }
    let ours = ask(&scenarios(), &martlet);
    let all = start.is_empty();
    let outcome = compare(&swift, &ours, all);
    show(&table(&swift, &outcome));
    let mut wrong = outcome.to_string();
    if record && wrong.is_empty() {
        differences::save(MARTLET, MADE_BY, &differences::kept(&outcome))?;
    }
    if all && differences::load(SWIFT)? != swift {
        wrong += "Swift's answers are not the recorded ones\n";
    }
    if all && differences::load(MARTLET).unwrap_or_default() != differences::kept(&outcome) {
        wrong += "Martlet does not differ as recorded\n";
    }
    if !wrong.is_empty() {
        return Err(wrong);
    }
    if all && !recorded {
        crate::tools::run()?;
        crate::live::run()?;
    }
    Ok(())
}

/// Records what Swift says of some scenarios, the answers to all others kept.
fn record_some(start: &str) -> Result<(), String> {
    let some: Vec<_> = scenarios::all().into_iter().filter(|s| s.name.starts_with(start)).collect();
    let new = ask_swift(&some)?;
    let mut swift = differences::load(SWIFT)?;
    swift.extend(new.into_iter().filter(|(name, _)| !name.starts_with("run ")));
    differences::save(SWIFT, MADE_BY, &swift)
}

#[expect(clippy::print_stdout, reason = "the table is what the command is for")]
fn show(table: &str) {
    print!("{table}");
}

fn ask_swift(scenarios: &[Scenario]) -> Result<Answers, String> {
    let python = SwiftVenv::prepare()?.program("python");
    Ok(ask(scenarios, &|room| {
        let mut command = Command::new(&python);
        command.arg(LAUNCHER).env("SWIFT_CONF", swift_conf(room)).env("TZ", "UTC");
        command
    }))
}

/// Scenarios by what Swift made of them, and the rows of the table by how often they show.
fn table(swift: &Answers, outcome: &Outcome) -> String {
    let mut kinds: BTreeMap<String, [usize; 2]> = BTreeMap::new();
    for (name, answer) in swift {
        let differs = outcome.differs.iter().any(|d| &d.scenario == name);
        kinds.entry(kind(answer)).or_default()[usize::from(differs)] += 1;
    }
    let mut text = format!("{:44}{:>6}{:>9}\n", "what Swift made of it", "same", "differs");
    let mut line = |words: std::fmt::Arguments<'_>| {
        writeln!(text, "{words}").expect("a String takes any text");
    };
    for (kind, [same, differs]) in kinds {
        line(format_args!("{kind:44}{same:6}{differs:9}"));
    }
    line(format_args!("\n{:44}{:>6}", "difference", "shows"));
    for row in TABLE {
        let shows = outcome.differs.iter().filter(|d| d.rows.contains(&row.name)).count();
        line(format_args!("{:44}{shows:6}  {}", row.name, row.martlet));
    }
    let open = outcome.differs.iter().filter(|d| d.rows == ["open"]).count();
    line(format_args!("{:44}{open:6}  Defects that are known and not mended yet.", "open"));
    text
}

fn kind(answer: &serde_json::Value) -> String {
    if !answer["exit"].is_null() {
        return format!("a run by itself, exit {}", answer["exit"]);
    }
    let count = |part: &str| answer[part].as_u64().unwrap_or(0);
    let moved = answer["log"].to_string().contains("Quarantined ");
    let counted = match (count("passed"), count("failed")) {
        (0, 0) => "neither",
        (_, 0) => "passed",
        (0, _) if moved => "failed, quarantined",
        (0, _) => "failed",
        (_, _) if moved => "passed and failed, quarantined",
        (_, _) => "passed and failed",
    };
    counted.to_owned()
}
