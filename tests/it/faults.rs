//! What faults were found to break, each by a test of its own; `cargo xtask faults` makes many more.

use std::path::Path;
use std::process::{Command, Stdio};

use martlet_tests::command::martlet;
use martlet_tests::damage;
use martlet_tests::demo::confs;
use martlet_tests::fixtures::named;
use martlet_tests::tree::Tree;

/// A node of one sound and one damaged container, and `martlet once` over it.
fn pass(dir: &Path, tree: &Tree) -> Vec<std::ffi::OsString> {
    let _sound = tree.add("sda", named("small"));
    damage::cut(&tree.add("sda", named("one")).db(), 4096);
    let (conf, swift_conf) = confs(dir, tree);
    let mut words = vec![martlet().into(), "once".into(), conf.into(), "--swift-conf".into()];
    words.extend([swift_conf.into(), "--json".into(), "-q".into()]);
    words
}

fn has_strace() -> bool {
    let found = Command::new("strace").arg("-V").stdout(Stdio::null()).status().is_ok();
    if !found {
        eprintln!("NOT TESTED: failing system calls needs strace");
    }
    found
}

#[test]
fn a_close_that_fails_ends_nothing() {
    if !has_strace() {
        return;
    }
    let (dir, tree) = (tempfile::tempdir().expect("a directory"), Tree::new());
    let words = pass(dir.path(), &tree);
    let mut command = Command::new("strace");
    // The loader closes the libraries first, and takes an error there for the end.
    command.args(["-f", "-o", "/dev/null", "-e", "trace=close"]);
    command.args(["-e", "inject=close:error=EIO:when=10+"]).args(&words);
    let done = command.output().expect("strace runs");
    let found = String::from_utf8_lossy(&done.stdout);
    let said = String::from_utf8_lossy(&done.stderr);
    assert_eq!(done.status.code(), Some(2), "{said}");
    assert_eq!(found.lines().count(), 2, "{found}{said}");
    assert!(found.contains("\"moved_to\""), "the damaged one is moved all the same: {found}{said}");
}
