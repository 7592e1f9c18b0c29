//! What is typed, and what is printed to be typed: paths in every spelling, and commands that work as they
//! stand.
use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::process::{Command, Output};

use martlet_tests::command::martlet;
use martlet_tests::daemon::conf;
use martlet_tests::damage;
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

#[test]
fn a_path_that_is_no_text_is_told_in_hexadecimal_digits_too() {
    let run = |words: &[&str], what: &Path| {
        Command::new(martlet()).args(words).arg(what).output().expect("it runs")
    };
    let tree = Tree::new();
    let placed = tree.add("sda", named("small"));
    let path = placed.dir.join(OsStr::from_bytes(b"caf\xe9.db"));
    fs::rename(placed.db(), &path).expect("a new name");
    let said = run(&["check", "--json"], &placed.dir);
    let found: Value = serde_json::from_slice(&said.stdout).expect("one object");
    assert!(found["path"].as_str().is_some_and(|it| it.ends_with("caf\u{fffd}.db")), "{found}");
    assert!(found["path_hex"].as_str().is_some_and(|it| it.ends_with("636166e92e6462")), "{found}");

    let dir = TempDir::new().expect("a folder");
    let conf = conf(dir.path(), tree.devices(), "quarantine = false");
    damage::truncate(&path, 0);
    let aside = tree.devices().join("sda/quarantined/containers");
    fs::create_dir_all(aside.join(OsStr::from_bytes(b"caf\xe9.db"))).expect("made");
    assert_eq!(run(&["once"], &conf).status.code(), Some(2));
    for words in [&["list"][..], &["quarantine", "list"]] {
        let said = run(&[words, &["--json"]].concat(), &conf);
        let found: Value = serde_json::from_slice(&said.stdout).expect("one object");
        assert!(
            found["path_hex"].as_str().is_some_and(|it| it.ends_with("636166e92e6462")),
            "{found}"
        );
        assert!(found["device"] == "sda" && found["account"].is_null(), "{found}");
    }
}

/// What a shell makes of a printed command: its exit code, and all that it says.
fn as_typed(command: &str) -> (Option<i32>, String) {
    let own = martlet().parent().expect("it has one").to_owned();
    let others = std::env::var_os("PATH").unwrap_or_default();
    let path = std::env::join_paths(std::iter::once(own).chain(std::env::split_paths(&others)));
    let mut shell = Command::new("bash");
    shell.args(["-c", command]).env("PATH", path.expect("a PATH"));
    let said = shell.output().expect("a shell");
    (said.status.code(), text(&said.stdout) + &text(&said.stderr))
}

/// The last words of the line that begins with `what`.
fn line<'a>(all: &'a str, what: &str) -> &'a str {
    let line = all.lines().find_map(|line| line.trim_start().strip_prefix(what));
    line.unwrap_or_else(|| panic!("{what} in {all}"))
}

#[test]
fn what_is_printed_to_be_typed_works_as_it_stands() {
    let (tree, dir) = (Tree::new(), TempDir::new().expect("a folder"));
    let odd = dir.path().join("it's my conf");
    fs::create_dir(&odd).expect("made");
    let (conf, _) = confs(&odd, &tree);
    for name in ["one", "two", "three"] {
        let _sound = tree.add_as("sda", named("small"), "AUTH_a", name);
    }
    let hurt = tree.add_as("sda", named("small"), "AUTH_a", "hurt");
    damage::write_at(&hurt.db(), 0, &damage::junk(100, 7));
    let cut = tree.add_as("sda", named("small"), "AUTH_a", "cut");
    damage::truncate(&cut.db(), 0);
    let odd = tree.add_as("sda", named("small"), "AUTH_a", "odd");
    damage::truncate(&odd.db(), 0);
    let (hurt, cut_db) = (hurt.db(), cut.db());
    let no_text = odd.dir.join(OsStr::from_bytes(b"caf\xe9\n.db"));
    fs::rename(odd.db(), &no_text).expect("a new name");
    let martlet = |words: &[&str]| {
        let said = Command::new(martlet()).args(words).arg(&conf).output().expect("it runs");
        text(&said.stdout)
    };
    let _passed = martlet(&["once", "-q"]);
    let command = |path: &Path| {
        let lines = martlet(&["list", "--json"]);
        let mut found = lines.lines().map(|it| serde_json::from_str::<Value>(it).expect("JSON"));
        let its = found.find(|it| it["path"] == text(path.as_os_str().as_bytes()));
        its.unwrap_or_else(|| panic!("{path:?} in {lines}"))["command"]
            .as_str()
            .expect("one")
            .to_owned()
    };
    let (code, said) = as_typed(&command(&hurt));
    assert!(code == Some(2) && said.contains("It is in the quarantine"), "{said}");
    let back = line(&said, "put it back: ");
    let (code, said) = as_typed(back);
    assert!(code == Some(1) && said.contains("--force"), "{said}");
    let (code, said) = as_typed(&format!("{back} --force"));
    assert!(code == Some(0) && hurt.exists(), "{said}");
    let listed = martlet(&["list"]);
    assert!(listed.contains("and is there no more"), "{listed}");
    let (code, said) = as_typed(&command(&hurt));
    assert!(code == Some(2) && said.contains("structure-not-a-database"), "{said}");
    let (code, said) = as_typed(&command(&cut_db));
    assert!(code == Some(0) && !cut.dir.exists(), "{said}");
    let place = tree.devices().join("sda/quarantined/containers");
    let owner = |path: &Path| fs::metadata(path).map(|it| (it.uid(), it.gid())).expect("there");
    let like = owner(&tree.devices().join("sda/containers"));
    assert_eq!((owner(&place), owner(place.parent().expect("it has one"))), (like, like));
    let (code, said) = as_typed(&command(&no_text));
    assert!(code == Some(0) && !no_text.exists(), "{said}");
    let _passed = martlet(&["once", "-q"]);
    let status = martlet(&["status"]);
    let (code, said) = as_typed(line(&status, "1 found and not mended: "));
    assert!(code == Some(2) && said.contains("first seen"), "{said}");
}

#[test]
fn what_cannot_be_read_has_its_advice_too() {
    let (tree, dir) = (Tree::new(), TempDir::new().expect("a folder"));
    let (conf, _) = confs(dir.path(), &tree);
    let db = tree.add("sda", named("small")).db();
    fs::remove_file(&db).expect("removed");
    damage::fifo(&db);
    let martlet = |words: &[&str]| {
        let said = Command::new(martlet()).args(words).arg(&conf).output().expect("it runs");
        text(&said.stdout) + &text(&said.stderr)
    };
    let advice = "Look at owner and mode of the file";
    for words in [&["once"][..], &["list"], &["list", "--json"]] {
        let said = martlet(words);
        assert!(said.contains(advice), "{words:?}: {said}");
    }
}

#[test]
fn no_word_moves_the_cursor() {
    for words in
        [&["once", "--rate=\u{1b}[31m"][..], &["\u{1b}[31m"], &["list", "x", "--since", "\u{1b}"]]
    {
        let said = Command::new(martlet()).args(words).output().expect("it runs");
        assert_eq!(said.status.code(), Some(1), "{words:?}");
        assert!(!said.stderr.contains(&0x1b), "{}", text(&said.stderr));
    }
}

#[test]
fn what_is_asked_for_is_printed_whole_or_missed() {
    let (tree, dir) = (Tree::new(), TempDir::new().expect("a folder"));
    let long = "x".repeat(400);
    let conf = conf(dir.path(), tree.devices(), &format!("metrics_path = /{long}/m.prom"));
    let word = conf.to_str().expect("text");
    let said = Command::new(martlet()).args(["conf", word]).output().expect("it runs");
    assert!(text(&said.stdout).contains(&format!("metrics_path = /{long}/m.prom  (")));
    for words in [&["conf", word][..], &["--help"], &["once", "--help"], &["--version"]] {
        let full = fs::OpenOptions::new().write(true).open("/dev/full").expect("a full disk");
        let said = Command::new(martlet()).args(words).stdout(full).output().expect("it runs");
        assert_eq!(said.status.code(), Some(1), "{words:?}");
        assert!(text(&said.stderr).contains("cannot write to standard output"), "{words:?}");
    }
}
