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

/// How many reads at a place `words` make, as `strace` counts them, and what comes of the run in
/// which all of them fail after the first `sound`.
fn reads(words: &[std::ffi::OsString], sound: Option<usize>) -> (usize, std::process::Output) {
    let calls = tempfile::NamedTempFile::new().expect("a file");
    let mut command = Command::new("strace");
    command.args(["-f", "-e", "trace=pread64", "-o"]).arg(calls.path());
    if let Some(sound) = sound {
        command.arg("-e").arg(format!("inject=pread64:error=EIO:when={}+", sound + 1));
    }
    let done = command.args(words).output().expect("strace runs");
    let calls = std::fs::read_to_string(calls.path()).expect("a record of calls");
    (calls.lines().filter(|line| line.contains(" pread64(")).count(), done)
}

#[test]
fn a_deep_audit_that_the_disk_ends_is_said_in_the_log() {
    if !has_strace() {
        return;
    }
    let (dir, tree) = (tempfile::tempdir().expect("a directory"), Tree::new());
    let path = tree.add("sda", named("small")).db();
    let (conf, swift_conf) = confs(dir.path(), &tree);
    let mut words = vec![martlet().into(), "once".into(), conf.into(), "--swift-conf".into()];
    words.extend([swift_conf.into(), "--json".into(), "-q".into()]);
    let (sound, done) = reads(&words, None);
    assert_eq!(done.status.code(), Some(0), "{}", String::from_utf8_lossy(&done.stderr));
    words.push("--deep".into());
    let (_, done) = reads(&words, Some(sound));
    let found = String::from_utf8_lossy(&done.stdout);
    let said = String::from_utf8_lossy(&done.stderr);
    assert_eq!(done.status.code(), Some(3), "{found}{said}");
    assert!(found.contains("\"device-error\"") && found.contains("\"passed\""), "{found}");
    let line = format!("Not audited deeply {}: device-error: ", path.display());
    assert!(said.contains(&line), "{said}");
}

/// What `martlet once` says of a node with one container while nobody can look at the files of this
/// ending in its directory.
fn unseen(fixture: &str, ending: &str, error: &str, more: &[&str]) -> (Option<i32>, String) {
    let (dir, tree) = (tempfile::tempdir().expect("a directory"), Tree::new());
    let placed = tree.add("sda", named(fixture));
    let (conf, swift_conf) = confs(dir.path(), &tree);
    let mut file = placed.db().into_os_string();
    file.push(ending);
    let mut command = Command::new("strace");
    command.args(["-f", "-o", "/dev/null", "-e", "trace=statx,newfstatat"]);
    command.arg("-e").arg(format!("inject=statx,newfstatat:error={error}")).arg("-P").arg(file);
    command.arg(martlet()).arg("once").arg(&conf).arg("--swift-conf").arg(&swift_conf);
    let done = command.args(["--json", "-q"]).args(more).output().expect("strace runs");
    (done.status.code(), String::from_utf8_lossy(&done.stdout).into_owned())
}

#[test]
fn what_is_pending_and_cannot_be_seen_is_not_taken_for_nothing() {
    if !has_strace() {
        return;
    }
    for (error, verdict) in
        [("EIO", "device-error"), ("ESTALE", "device-error"), ("EINTR", "unreadable")]
    {
        let (code, found) = unseen("pending-revives", ".pending", error, &[]);
        assert_eq!(code, Some(3), "{error}: {found}");
        assert!(found.contains(&format!("\"{verdict}\"")), "{error}: {found}");
    }
}

#[test]
fn a_log_that_cannot_be_seen_is_not_taken_for_none_by_a_deep_audit() {
    if !has_strace() {
        return;
    }
    let (code, found) = unseen("small", "-wal", "ENOENT", &["--deep"]);
    assert!(code == Some(0) && found.contains("\"sound\""), "there is none: {found}");
    let (code, found) = unseen("small", "-wal", "EIO", &["--deep"]);
    assert!(code == Some(3) && found.contains("\"device-error\""), "{found}");
}

#[test]
fn one_that_cannot_be_looked_into_hides_no_other() {
    if !has_strace() {
        return;
    }
    let (dir, tree) = (tempfile::tempdir().expect("a directory"), Tree::new());
    let _sound = tree.add("sda", named("small"));
    let (conf, _) = confs(dir.path(), &tree);
    let place = tree.devices().join("sda/quarantined/containers");
    let [sick, other] = ["0", "1"].map(|digit| place.join(digit.repeat(32)));
    for directory in [&sick, &other] {
        std::fs::create_dir_all(directory).expect("made");
    }
    let mut command = Command::new("strace");
    command.args(["-f", "-o", "/dev/null", "-P"]).arg(&sick);
    command.args(["-e", "inject=getdents64:error=EIO"]).arg(martlet());
    let done = command.args(["quarantine", "list"]).arg(conf).output().expect("strace runs");
    let (found, said) =
        (String::from_utf8_lossy(&done.stdout), String::from_utf8_lossy(&done.stderr));
    assert_eq!(done.status.code(), Some(3), "{said}");
    assert!(said.contains(&format!("cannot list {}", sick.display())), "{said}");
    for directory in [&sick, &other] {
        assert!(found.contains(&format!("{}  since", directory.display())), "{found}");
    }
}

#[test]
fn what_is_kept_is_on_the_disk_before_it_takes_its_name_and_the_name_after() {
    if !has_strace() {
        return;
    }
    let (dir, tree) = (tempfile::tempdir().expect("a directory"), Tree::new());
    let calls = dir.path().join("calls");
    let mut command = Command::new("strace");
    command.args(["-f", "-y", "-e", "trace=fsync,rename,renameat,renameat2", "-o"]).arg(&calls);
    let done = command.args(pass(dir.path(), &tree)).output().expect("strace runs");
    assert_eq!(done.status.code(), Some(2), "{}", String::from_utf8_lossy(&done.stderr));
    let calls = std::fs::read_to_string(calls).expect("a record of calls");
    let first = |is_it: &dyn Fn(&str) -> bool| calls.lines().position(is_it);
    let state = format!("{}>", dir.path().join("state").display());
    let order = [
        first(&|line| line.contains("fsync(") && line.contains(".findings.new>")),
        first(&|line| line.contains("rename") && line.contains(".findings.new\"")),
        first(&|line| line.contains("fsync(") && line.contains(&state)),
    ];
    assert!(order.is_sorted() && order.iter().all(Option::is_some), "{order:?}: {calls}");
    // What is moved aside: the quarantine, and the directory that it left.
    let moved = first(&|line| line.contains("renameat") && line.contains("/quarantined/"));
    let synced = |end: &str| {
        let ending = format!("{end}>");
        calls
            .lines()
            .skip(moved.unwrap_or(usize::MAX))
            .any(|line| line.contains("fsync(") && line.contains(&*ending))
    };
    assert!(synced("/quarantined/containers"), "{calls}");
}
