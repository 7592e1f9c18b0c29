//! Databases that somebody made to hurt whoever reads them: each deep audit ends, and with an answer that
//! makes sense.

use std::path::Path;
use std::time::Duration;

use martlet_core::deep::judge_deep;
use martlet_platform_linux::clock;
use martlet_platform_linux::deep::look;
use martlet_tests::damage::{sql, sql_behind_triggers};
use martlet_tests::fixtures::named;
use martlet_tests::tree::Tree;

use super::{HOLD, quiet, sound};

/// What a hostile schema may cost; an ordinary one of this size takes a few milliseconds.
const PATIENCE: Duration = Duration::from_secs(20);

/// Verdict and codes of a deep audit of the fixture `small`, spoilt by `script`.
fn answer(script: &str) -> String {
    let tree = Tree::new();
    let path = tree.add("sda", named("small")).db();
    // A table's triggers go with it.
    let run = if script.contains("DROP TABLE") { sql } else { sql_behind_triggers };
    run(&path, script);
    let before = names(&path);
    let began = clock::mono();
    let judged = judge_deep(sound(), &look(&path, HOLD, &quiet()).seen);
    assert!(clock::mono().since(began) < PATIENCE, "{script}");
    assert_eq!(names(&path), before, "{script}: nothing is made beside it");
    let codes = judged.findings.iter().map(|finding| finding.code.word());
    [judged.verdict.word()].into_iter().chain(codes).collect::<Vec<_>>().join(" ")
}

/// A table of this making with one row of `value`, then given another rule.
fn broken_rule(making: &str, value: &str, rule: &str) -> String {
    format!(
        "{making}; INSERT INTO more VALUES ({value}); PRAGMA writable_schema = ON; \
         UPDATE sqlite_master SET sql = '{rule}' WHERE name = 'more'; PRAGMA writable_schema = OFF"
    )
}

fn names(path: &Path) -> usize {
    std::fs::read_dir(path.parent().expect("a folder")).expect("it can be listed").count()
}

#[test]
fn every_answer_makes_sense() {
    const ENDLESS: &str = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n)";
    const COLUMNS: &str = "created_at TEXT, size INTEGER, deleted INTEGER";
    let mut wrong = Vec::new();
    for (expected, script) in [
        ("sound", "ALTER TABLE object ADD COLUMN more AS (length(name))".to_owned()),
        ("sound", "CREATE INDEX more ON object (length(name))".to_owned()),
        ("sound", format!(
            "CREATE TRIGGER more AFTER INSERT ON object BEGIN {ENDLESS} SELECT count(*) FROM n; END"
        )),
        ("sound", format!("CREATE VIEW more AS {ENDLESS} SELECT i FROM n")),
        // Somebody's own tables, and their rules that their own rows break.
        ("sound", broken_rule("CREATE TABLE more (a int)", "NULL", "CREATE TABLE more (a int not null)")),
        ("sound", broken_rule("CREATE TABLE more (a ANY) STRICT", "'x'", "CREATE TABLE more (a INT) STRICT")),
        ("sound", broken_rule("CREATE TABLE more (a int)", "1", "CREATE TABLE more (a int CHECK (a > 1))")),
        ("sound", "PRAGMA page_size = 512; VACUUM".to_owned()),
        ("sound", "PRAGMA page_size = 65536; VACUUM".to_owned()),
        // Its rows are not in a b-tree of its own rowids, or not where Swift reads them.
        ("damaged rows-schema", format!(
            "DROP TABLE object; CREATE TABLE object (name TEXT AS ('x'), {COLUMNS})"
        )),
        ("damaged rows-schema", format!(
            "DROP TABLE object; CREATE TABLE object (name TEXT PRIMARY KEY, {COLUMNS}) WITHOUT ROWID"
        )),
        ("damaged rows-schema", format!("DROP TABLE object; CREATE VIEW object AS {ENDLESS}
            SELECT i AS name, i AS created_at, i AS size, i AS deleted FROM n")),
        // Without policy_stat nothing says what the view should: the stat audit judges a view like this.
        ("sound", format!("DROP TABLE policy_stat; CREATE VIEW policy_stat AS {ENDLESS}
            SELECT 0 AS storage_policy_index, i AS object_count, i AS bytes_used FROM n WHERE i < 0")),
        ("damaged rows-hash rows-value", "UPDATE object SET name = zeroblob(3000) WHERE ROWID = 1".to_owned()),
        ("damaged rows-value", "UPDATE object SET name = zeroblob(3000000) WHERE ROWID = 1".to_owned()),
        // Too long for bounded memory, and for Swift no damage.
        ("sound", "UPDATE container_info SET metadata = zeroblob(3000000)".to_owned()),
    ] {
        let found = answer(&script);
        if found != expected {
            wrong.push(format!("{script}\n    is {found}, not {expected}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
