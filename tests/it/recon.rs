//! The recon cache on a real file system, with other writers beside us.
use std::cell::Cell;
use std::fs::{self, File};
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use martlet_platform_linux::python::Number;
use martlet_platform_linux::recon::{ReconError, dump};
use nix::sys::stat::Mode;
use nix::unistd::mkfifo;
use tempfile::TempDir;

const PASS: &[(&str, Number)] = &[("container_auditor_pass_completed", Number::Float(0.25))];

/// A pause for those that must not wait.
fn never(_: Duration) -> bool {
    panic!("nothing to wait for")
}

fn folder() -> (TempDir, PathBuf) {
    let folder = TempDir::new().expect("a temporary folder");
    let file = folder.path().join("container.recon");
    (folder, file)
}

/// What becomes of a file with `before` in it.
#[track_caller]
fn after(before: &[u8]) -> String {
    let (_folder, file) = folder();
    fs::write(&file, before).expect("the cache is written");
    dump(&file, PASS, Duration::ZERO, &never).expect("the cache is replaced");
    fs::read_to_string(&file).expect("the cache is text")
}

/// The names in a folder, sorted.
fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).expect("the folder is listed");
    let mut names: Vec<_> = entries
        .map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    names
}

#[test]
fn a_new_cache_is_swifts_to_the_byte() {
    let (folder, file) = folder();
    let entries = [
        ("container_audits_since", Number::Float(1_795_361_324.5)),
        ("container_audits_passed", Number::Integer(12)),
        ("container_audits_failed", Number::Integer(0)),
    ];
    dump(&file, &entries, Duration::ZERO, &never).expect("a new cache");
    assert_eq!(
        fs::read_to_string(&file).expect("the cache"),
        "{\"container_audits_failed\": 0, \"container_audits_passed\": 12, \
         \"container_audits_since\": 1795361324.5}\n"
    );
    assert_eq!(file.metadata().expect("the cache").mode() & 0o7777, 0o600);
    assert_eq!(names(folder.path()), ["container.recon"], "nothing else stays");
}

#[test]
fn other_daemons_keys_stay_the_text_they_were() {
    let ours = "\"container_auditor_pass_completed\": 0.25";
    for (before, line) in [
        ("", format!("{{{ours}}}\n")),
        ("{}\n", format!("{{{ours}}}\n")),
        (
            "{\"z\": NaN, \"a\": -Infinity, \"b\": 12345678901234567890123, \"s\": \"\\ud800\"}\n",
            format!(
                "{{\"a\": -Infinity, \"b\": 12345678901234567890123, {ours}, \
                 \"s\": \"\\ud800\", \"z\": NaN}}\n"
            ),
        ),
        ("{\"container_auditor_pass_completed\": 9}", format!("{{{ours}}}\n")),
        // Swift reads the first line and loses both keys.
        (
            "{\n  \"z\": 1.50,\n  \"a\": [\n    1]\n}\n",
            format!("{{\"a\": [1], {ours}, \"z\": 1.50}}\n"),
        ),
        // A second line is lost in Swift, too: no reader can read such a file.
        ("{\"z\": 1}\ngarbage", format!("{{{ours}, \"z\": 1}}\n")),
        // Torn by a power cut.
        ("\0\0\0\0\0", format!("{{{ours}}}\n")),
        ("{\"z\": 1", format!("{{{ours}}}\n")),
    ] {
        assert_eq!(after(before.as_bytes()), line, "{before}");
    }
}

#[test]
fn what_is_no_object_is_left_alone_and_said() {
    for (before, why) in [
        ("[1, 2]\n".to_owned(), "holds a list and no JSON object; left alone"),
        ("\"x\"".to_owned(), "holds a string and no JSON object; left alone"),
        (
            "null\n{}".to_owned(),
            "holds neither an object nor a list and no JSON object; left alone",
        ),
        ("[".repeat(1000), "is nested too deep; left alone"),
        (" ".repeat((4 << 20) + 1), "has more than 4194304 bytes; left alone"),
    ] {
        let (folder, file) = folder();
        fs::write(&file, &before).expect("the cache is written");
        let error = dump(&file, PASS, Duration::ZERO, &never).expect_err(why);
        assert_eq!(
            error.to_string(),
            format!("Exception dumping recon cache: '{}' {why}", file.display())
        );
        assert_eq!(fs::read_to_string(&file).expect("the cache"), before);
        assert_eq!(names(folder.path()), ["container.recon"], "nothing else stays");
    }
}

#[test]
fn trouble_is_said_in_swifts_words() {
    let (folder, file) = folder();
    let missing = folder.path().join("none/container.recon");
    let directory = folder.path().join("directory");
    fs::create_dir(&directory).expect("a directory");
    for (file, words) in [
        (&missing, "[Errno 2] No such file or directory"),
        (&directory, "[Errno 21] Is a directory"),
    ] {
        let error = dump(file, PASS, Duration::ZERO, &never).expect_err(words);
        assert_eq!(
            error.to_string(),
            format!("Exception dumping recon cache: {words}: '{}'", file.display())
        );
    }
    let held = File::create(&file).expect("the cache");
    held.lock().expect("the lock");
    let error = dump(&file, PASS, Duration::from_secs(2), &|_| false).expect_err("locked");
    let file = file.display();
    assert_eq!(
        error.to_string(),
        format!("Exception dumping recon cache: 2 seconds: {file}: LockTimeout (2s) {file}")
    );
}

#[test]
fn the_lock_is_waited_for_no_longer_than_told() {
    let (_folder, file) = folder();
    let held = File::create(&file).expect("the cache");
    held.lock().expect("the lock");
    for (patience_ms, pauses) in [(0, 0), (10, 1), (2000, 200)] {
        let waited = Cell::new(Duration::ZERO);
        let pause = |span| {
            waited.set(waited.get() + span);
            false
        };
        let patience = Duration::from_millis(patience_ms);
        let error = dump(&file, PASS, patience, &pause).expect_err("locked");
        assert!(matches!(error, ReconError::Locked(..)), "{error}");
        assert_eq!(waited.get(), Duration::from_millis(10) * pauses);
    }
    let error = dump(&file, PASS, Duration::from_secs(2), &|_| true).expect_err("stopped");
    assert!(matches!(error, ReconError::Stopped(_)), "a stop ends the wait: {error}");
}

#[test]
fn a_file_renamed_over_while_we_waited_is_read_anew() {
    let (folder, file) = folder();
    fs::write(&file, "{\"old\": 1}\n").expect("the old cache");
    let held = Cell::new(Some(File::open(&file).expect("the cache")));
    let lock = held.take().expect("held");
    lock.lock().expect("the lock");
    held.set(Some(lock));
    let pause = |_| {
        let new = folder.path().join("new");
        fs::write(&new, "{\"new\": 1}\n").expect("the new cache");
        fs::rename(&new, &file).expect("the other writer's rename");
        held.take();
        false
    };
    dump(&file, PASS, Duration::from_secs(2), &pause).expect("the cache is replaced");
    assert_eq!(
        fs::read_to_string(&file).expect("the cache"),
        "{\"container_auditor_pass_completed\": 0.25, \"new\": 1}\n"
    );
}

#[test]
fn a_link_is_replaced_and_its_target_stays() {
    let (folder, file) = folder();
    let target = folder.path().join("target");
    fs::write(&target, "{\"a\": 1}\n").expect("the target");
    symlink(&target, &file).expect("the link");
    dump(&file, PASS, Duration::ZERO, &never).expect("the cache is replaced");
    assert!(file.symlink_metadata().expect("the cache").is_file());
    assert_eq!(fs::read_to_string(&target).expect("the target"), "{\"a\": 1}\n");
    assert!(fs::read_to_string(&file).expect("the cache").contains("\"a\": 1"));
}

#[test]
fn what_a_killed_run_left_is_never_data() {
    let (folder, file) = folder();
    let stale = folder.path().join("tmpabcdefgh");
    fs::write(&stale, "{\"stale\": 1}\n").expect("a stale file");
    fs::write(&file, "{\"a\": 1}\n").expect("the cache");
    dump(&file, PASS, Duration::ZERO, &never).expect("the cache is replaced");
    assert!(!fs::read_to_string(&file).expect("the cache").contains("stale"));
    assert_eq!(names(folder.path()), ["container.recon", "tmpabcdefgh"]);
}

#[test]
fn a_folder_that_takes_no_new_file_leaves_the_cache_as_it_was() {
    let (folder, file) = folder();
    fs::write(&file, "{\"a\": 1}\n").expect("the cache");
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o555)).expect("read-only");
    let dumped = dump(&file, PASS, Duration::ZERO, &never);
    let content = fs::read_to_string(&file).expect("the cache");
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).expect("writable");
    if nix::unistd::geteuid().is_root() {
        // Root writes where it likes.
        assert!(dumped.is_ok() && content.contains("pass_completed"));
    } else {
        let error = dumped.expect_err("no permission");
        assert!(error.to_string().contains("[Errno 13] Permission denied: '"), "{error}");
        assert_eq!(content, "{\"a\": 1}\n");
    }
}

#[test]
fn two_writers_beside_each_other_lose_no_key() {
    let (folder, file) = folder();
    let writer = |key: &str| {
        Command::new(env!("CARGO_BIN_EXE_part"))
            .args(["recon".as_ref(), file.as_os_str(), key.as_ref(), "300".as_ref()])
            .stderr(Stdio::piped())
            .spawn()
            .expect("a writer")
    };
    for child in [writer("left"), writer("right")] {
        let output = child.wait_with_output().expect("the writer ends");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
    // A writer that read before the other renamed would bring back the other's older value.
    assert_eq!(fs::read_to_string(&file).expect("the cache"), "{\"left\": 300, \"right\": 300}\n");
    assert_eq!(names(folder.path()), ["container.recon"], "nothing else stays");
}

#[test]
fn what_is_no_file_is_left_alone_and_nobody_waits_for_it() {
    let (folder, file) = folder();
    mkfifo(&file, Mode::S_IRWXU).expect("a FIFO");
    let (tell, told) = mpsc::channel();
    let cache = file.clone();
    thread::spawn(move || tell.send(dump(&cache, PASS, Duration::ZERO, &never)));
    // A bound for a wait that never ends, not a measure.
    let error = told.recv_timeout(Duration::from_secs(60)).expect("it ends").expect_err("no file");
    let path = file.display();
    let said = format!("Exception dumping recon cache: '{path}' is no file; left alone");
    assert_eq!(error.to_string(), said);
    assert!(file.metadata().expect("there").file_type().is_fifo());
    assert_eq!(names(folder.path()), ["container.recon"], "nothing else stays");
}
