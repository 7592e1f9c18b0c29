//! Each promise in the README names tests, and they are there.

use std::fs;
use std::path::{Path, PathBuf};

/// Rust files below a folder.
fn sources(dir: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(dir).unwrap_or_else(|e| panic!("{}: {e}", dir.display())) {
        let path = entry.expect("listed").path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|end| end == "rs") {
            found.push(path);
        }
    }
}

#[test]
fn each_promise_of_the_readme_names_tests_that_are_there() {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let readme = fs::read_to_string(here.join("../README.md")).expect("the README");
    let (_, section) = readme.split_once("\n## What it promises\n").expect("the section");
    let section = section.split("\n## ").next().unwrap_or_default();
    let mut files = Vec::new();
    sources(&here.join("it"), &mut files);
    let code: String = files.iter().map(|file| fs::read_to_string(file).expect("read")).collect();
    let rows =
        section.lines().filter(|line| line.starts_with("| ") && !line.starts_with("| promise"));
    let mut promises = 0;
    for row in rows {
        let tests: Vec<&str> = row.split('`').skip(1).step_by(2).collect();
        assert!(!tests.is_empty(), "a promise without a test: {row}");
        for test in tests {
            assert!(code.contains(&format!("#[test]\nfn {test}(")), "no test is called {test}");
        }
        promises += 1;
    }
    assert!(0 < promises, "there are promises");
}
