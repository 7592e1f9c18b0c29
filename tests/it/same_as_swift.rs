//! Martlet says what the real Swift said, or differs by a row of the table.

use std::collections::BTreeMap;

use martlet_tests::comparison::{ask, is_root, martlet, trees};
use martlet_tests::differences::{self, MARTLET, SWIFT, compare, load};
use martlet_tests::scenarios::{self, Scenario};

/// Those that whoever runs the tests can build: some give files to root.
fn scenarios() -> Vec<Scenario> {
    let can = |s: &Scenario| is_root() || s.foreign.is_none();
    scenarios::all().into_iter().filter(can).collect()
}

#[test]
fn no_two_scenarios_are_the_same() {
    let all = scenarios();
    assert!(200 <= all.len(), "{} scenarios", all.len());
    let mut seen = BTreeMap::new();
    for (name, tree) in trees(&all) {
        let how = all.iter().find(|s| s.name == name).map(|s| (s.run, s.beside.is_some()));
        let before = seen.insert((tree, how), name.clone());
        // What is held beside a tree is a fault that the tree does not show.
        let same = before.filter(|_| how.is_some_and(|(_, beside)| !beside));
        assert_eq!(same, None, "{name} is the same");
    }
}

/// `MARTLET_SCENARIOS` asks for fewer: one of so many of those that have a run of their own.
#[test]
fn martlet_answers_as_swift_or_differs_by_a_row() {
    if !is_root() {
        // Under Swift's name Martlet wants /etc/swift/swift.conf, which a mount namespace gives it.
        eprintln!("not compared with Swift: needs root");
        return;
    }
    let swift = load(SWIFT).expect("recorded answers");
    let mut asked = scenarios();
    let all = asked.len();
    if let Ok(text) = std::env::var("MARTLET_SCENARIOS") {
        let (each, mut number) = (text.parse().expect("a number"), 0_usize);
        asked.retain(|scenario| {
            number += usize::from(scenario.run.is_alone());
            !scenario.run.is_alone() || number.is_multiple_of(each)
        });
    }
    let outcome = compare(&swift, &ask(&asked, &martlet), asked.len() == all);
    assert!(outcome.is_good(), "\n{outcome}");
    let recorded = load(MARTLET).expect("recorded differences");
    for (scenario, parts) in differences::kept(&outcome) {
        assert_eq!(
            recorded.get(&scenario),
            Some(&parts),
            "{scenario} differs otherwise than recorded"
        );
    }
}

#[test]
fn the_readme_shows_every_difference() {
    const BEGIN: &str = "\n| Swift | Martlet | why |\n|---|---|---|\n";
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../README.md");
    let text = std::fs::read_to_string(path).expect("there is a README");
    let (before, rest) = text.split_once(BEGIN).expect("the table has a head");
    let (shown, after) = rest.split_once("\n\n").expect("the table has an end");
    let rows = differences::readme();
    if std::env::var_os("MARTLET_README").is_some() {
        let text = format!("{before}{BEGIN}{rows}\n{after}");
        std::fs::write(path, text).expect("the README is written");
        return;
    }
    assert!(
        rows.strip_suffix('\n') == Some(shown),
        "the table is old: MARTLET_README=write cargo test -p martlet-tests the_readme_shows"
    );
}
