//! What is typed, and what is printed to be typed: paths in every spelling, and commands that work as they
//! stand.
use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use martlet_tests::command::martlet;
use martlet_tests::demo::confs;
use martlet_tests::fixtures::named;
use martlet_tests::tree::Tree;
use serde_json::Value;
use tempfile::TempDir;

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// `martlet check --json` of a path as it is seen from a directory, with the fixtures' hash path.
fn check(from: &Path, path: &str, swift: &Path) -> Output {
    let mut command = Command::new(martlet());
    command.args(["check", "--json", "-q", "--swift-conf"]).arg(swift).arg(path);
    command.current_dir(from).output().expect("the command runs")
}

#[test]
fn a_path_says_the_same_in_every_spelling() {
    let (tree, dir) = (Tree::new(), TempDir::new().expect("a folder"));
    let (_, swift) = confs(dir.path(), &tree);
    let placed = tree.add("sda", named("small"));
    let (db, hash, root) = (placed.db(), placed.dir.clone(), Path::new("/"));
    let (file, suffix) = (format!("{}.db", placed.stem), hash.parent().expect("it has one"));
    let partition = named("small").partition.to_string();
    let word = |path: &Path| path.to_str().expect("text").to_owned();
    for (from, path) in [
        (root, word(&db)),
        (root, format!("{}/", word(&hash))),
        (root, format!("{}//./", word(&hash))),
        (&*hash, file.clone()),
        (&*hash, format!("./{file}")),
        (&*hash, ".".to_owned()),
        (&*hash, "./".to_owned()),
        (&*hash, "..".to_owned()),
        (
            suffix,
            format!("../../{partition}/../{partition}/{}/{}/", &placed.stem[29..], placed.stem),
        ),
        (suffix, format!("{}/", placed.stem)),
    ] {
        let said = check(from, &path, &swift);
        let stdout = text(&said.stdout);
        let found: Value = serde_json::from_str(&stdout).unwrap_or_else(|e| panic!("{path}: {e}"));
        assert_eq!((said.status.code(), &found["verdict"]), (Some(0), &"sound".into()), "{path}");
        assert_eq!(found["path"].as_str(), db.to_str(), "{path}");
        assert_eq!(found["device"], "sda", "{path}");
        assert_eq!(found["partition"], partition, "{path}");
    }
}

#[test]
fn a_copy_outside_of_the_tree_is_in_no_wrong_place() {
    let (tree, dir) = (Tree::new(), TempDir::new().expect("a folder"));
    let (_, swift) = confs(dir.path(), &tree);
    let copy = dir.path().join("copy.db");
    fs::copy(tree.add("sda", named("small")).db(), &copy).expect("copied");
    let said = check(dir.path(), "copy.db", &swift);
    let found: Value = serde_json::from_slice(&said.stdout).expect("one object");
    assert_eq!((said.status.code(), &found["verdict"]), (Some(0), &"sound".into()));
    assert_eq!((&found["device"], &found["partition"]), (&Value::Null, &Value::Null));
}
