//! A daemon's start and end in real processes: session, streams, user, priorities, signals, and the
//! second daemon of a conf.
use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::slice::from_ref;
use std::sync::atomic::{AtomicBool, Ordering};

use martlet_platform_linux::instance::{InstanceError, claim, holder};
use martlet_tests::damage;
use nix::fcntl::{FcntlArg, fcntl};
use nix::libc;
use nix::sys::signal::{Signal, kill};
use nix::unistd::{Pid, User, geteuid};
use tempfile::TempDir;

fn part(words: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_part"));
    command.args(words).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// Standard output, standard error and exit code of a part that ends by itself.
fn output(words: &[&str]) -> (String, String, Option<i32>) {
    let output = part(words).output().expect("a part");
    let text = |bytes| String::from_utf8(bytes).expect("text").trim_end().to_owned();
    (text(output.stdout), text(output.stderr), output.status.code())
}

/// A part that stays, and what it prints.
fn start(words: &[&str]) -> (Child, BufReader<ChildStdout>) {
    let mut child = part(words).spawn().expect("a part");
    let printed = BufReader::new(child.stdout.take().expect("its output"));
    (child, printed)
}

fn line(printed: &mut BufReader<ChildStdout>) -> String {
    let mut line = String::new();
    printed.read_line(&mut line).expect("a line");
    line.trim_end().to_owned()
}

fn send(child: &Child, signal: Signal) {
    kill(Pid::from_raw(i32::try_from(child.id()).expect("a PID")), signal).expect("a signal");
}

#[test]
fn a_detached_daemon_lets_go_of_all_that_swift_init_waits_for() {
    for (keep, words) in [(false, &["detach"][..]), (true, &["detach", "keep-stderr"][..])] {
        let folder = TempDir::new().expect("a folder");
        let socket = folder.path().join("socket");
        let listener = UnixListener::bind(&socket).expect("a listener");
        let words = [&words[..1], &[socket.to_str().expect("text")], &words[1..]].concat();
        let mut child = part(&words).spawn().expect("a part");
        let mut said = String::new();
        // `swift-init start` does exactly this; it would hang here.
        child.stdout.take().expect("stdout").read_to_string(&mut said).expect("stdout is closed");
        assert_eq!(said, "before\n", "what is printed later goes nowhere");
        let (mut connection, _) = listener.accept().expect("the part is there");
        let mut report = String::new();
        connection.read_to_string(&mut report).expect("its report");
        assert!(child.try_wait().expect("its state").is_none(), "it lives on");
        for claim in ["cwd /\n", "fd/0 /dev/null\n", "fd/1 /dev/null\n", "leads true\n"] {
            assert!(report.contains(claim), "{claim} in {report}");
        }
        assert!(report.contains("Umask:\t0022"), "{report}");
        assert_eq!(report.contains("fd/2 /dev/null\n"), !keep, "{report}");
        let ignored = report.split("SigIgn:\t").nth(1).expect("ignored signals").trim();
        let ignored = u64::from_str_radix(ignored, 16).expect("a mask");
        assert_ne!(ignored & (1 << (Signal::SIGPIPE as u32 - 1)), 0, "SIGPIPE is ignored");
        drop(connection);
        let output = child.wait_with_output().expect("the part ends");
        assert_eq!(String::from_utf8_lossy(&output.stderr), if keep { "after\n" } else { "" });
        assert!(output.status.success());
    }
}

/// What a part says that becomes the user `name`.
fn part_user(name: &str) -> (String, String, Option<i32>) {
    let folder = TempDir::new().expect("a folder");
    let conf = folder.path().join("container-server.conf");
    fs::write(&conf, format!("[container-auditor]\nuser = {name}\n")).expect("a conf");
    output(&["user", conf.to_str().expect("text")])
}

#[test]
fn root_becomes_the_user_and_a_user_stays_himself() {
    let own = User::from_uid(geteuid()).expect("a look-up").expect("this user");
    let nobody = User::from_name("nobody").expect("a look-up").expect("nobody");
    let user = if geteuid().is_root() { &nobody } else { &own };
    let (said, error, code) = part_user(&user.name);
    assert_eq!((error.as_str(), code), ("", Some(0)));
    let all_four = |id: u32| format!("\t{id}\t{id}\t{id}\t{id}");
    let lines: Vec<&str> = said.lines().collect();
    assert_eq!(lines[0], format!("Uid:{}", all_four(user.uid.as_raw())), "no way back");
    if geteuid().is_root() {
        assert_eq!(lines[1], format!("Gid:{}", all_four(user.gid.as_raw())));
        let groups: Vec<&str> = lines[2].trim_start_matches("Groups:").split_whitespace().collect();
        assert_eq!(groups, [user.gid.to_string()], "none of root's groups stays");
    } else {
        let (_, error, code) = part_user("root");
        assert_eq!(code, Some(1));
        assert!(error.starts_with("cannot become user root (set"), "{error}");
    }
}

#[test]
fn an_unknown_user_ends_the_start() {
    let (said, error, code) = part_user("no-such-user");
    assert_eq!((said.as_str(), code), ("", Some(1)));
    assert!(error.contains("no such user"), "{error}");
}

#[test]
fn priorities_are_taken() {
    assert_eq!(output(&["nice", "19"]), ("19".to_owned(), String::new(), Some(0)));
    assert_eq!(output(&["nice", "99"]).0, "19", "the kernel takes the nearest");
    let there = Command::new("ionice").arg("-V").output().is_ok_and(|ran| ran.status.success());
    for (class, words) in
        [("IOPRIO_CLASS_BE", "best-effort: prio 7"), ("IOPRIO_CLASS_IDLE", "idle")]
    {
        let (said, error, code) = output(&["ionice", class, "7"]);
        if there {
            assert_eq!((said.as_str(), error.as_str(), code), (words, "", Some(0)));
        } else {
            assert!(error.starts_with("cannot set ionice "), "{error}");
        }
    }
    let (_, error, code) = output(&["ionice", "IOPRIO_CLASS_BE", "99"]);
    assert_eq!(code, Some(1));
    assert!(
        error.starts_with("cannot set ionice BestEffort 99 by the command ionice: "),
        "{error}"
    );
}

#[test]
fn each_signal_is_one_call() {
    for (signal, said) in [(Signal::SIGTERM, "Stop(Term)"), (Signal::SIGINT, "Stop(Int)")] {
        // So much grace that main's own code is what it ends with.
        let (mut child, mut printed) = start(&["signals", "600000", "return"]);
        assert_eq!(line(&mut printed), "ready");
        for (signal, said) in [
            (Signal::SIGHUP, "Reload"),
            (Signal::SIGUSR1, "Status"),
            (Signal::SIGHUP, "Reload"),
            (signal, said),
        ] {
            send(&child, signal);
            assert_eq!(line(&mut printed), said);
        }
        assert_eq!(child.wait().expect("the part ends").code(), Some(3), "main returned");
    }
}

#[test]
fn a_stop_ends_a_process_whose_main_is_stuck() {
    let (mut child, mut printed) = start(&["signals", "10", "stay"]);
    assert_eq!(line(&mut printed), "ready");
    send(&child, Signal::SIGTERM);
    assert_eq!(line(&mut printed), "Stop(Term)");
    assert_eq!(child.wait().expect("the part ends").code(), Some(7));
}

#[test]
fn the_last_resort_needs_nobody_who_could_be_stuck_too() {
    let (mut child, mut printed) = start(&["signals", "10", "hang"]);
    assert_eq!(line(&mut printed), "ready");
    send(&child, Signal::SIGTERM);
    assert_eq!(line(&mut printed), "Stop(Term)");
    assert_eq!(child.wait().expect("the part ends").code(), Some(7));
}

#[test]
fn a_second_daemon_on_the_same_conf_is_told_of_the_first() {
    let folder = TempDir::new().expect("a folder");
    let conf = folder.path().join("container-server.conf");
    let link = folder.path().join("link.conf");
    let other = folder.path().join("1.conf");
    fs::write(&conf, "").expect("a conf");
    fs::write(&other, "").expect("another conf");
    symlink(&conf, &link).expect("a link");
    let place = folder.path().join("run/martlet");
    let text = |path: &Path| path.to_str().expect("text").to_owned();

    let (mut first, mut printed) = start(&["claim", &text(&conf), &text(&place)]);
    let file = PathBuf::from(line(&mut printed));
    assert_eq!(file.parent(), Some(&*place));
    assert_eq!(fs::read_to_string(&file).expect("the file"), format!("{}\n", first.id()));
    for conf in [&conf, &link] {
        let (said, error, code) = output(&["claim", &text(conf), &text(&place)]);
        let told = format!("already running as {}", first.id());
        assert_eq!((said.as_str(), error, code), ("", told, Some(1)));
    }
    let (said, error, code) = output(&["claim", &text(&other), &text(&place)]);
    assert_eq!((error.as_str(), code), ("", Some(0)), "another conf is another daemon");
    assert_ne!(said, text(&file));

    first.kill().expect("it is killed");
    first.wait().expect("it ends");
    let (said, _, code) = output(&["claim", &text(&conf), &text(&place)]);
    assert_eq!((said, code), (text(&file), Some(0)), "a stale file is in nobody's way");
}

#[test]
fn a_thread_with_its_own_descriptors_has_none_that_is_opened_later() {
    let folder = TempDir::new().expect("a folder");
    let file = folder.path().canonicalize().expect("it is there").join("later");
    let file = file.to_str().expect("text");
    for (whose, has) in [("own", "false"), ("shared", "true")] {
        assert_eq!(output(&["descriptors", whose, file]), (has.into(), String::new(), Some(0)));
    }
}

#[test]
fn a_place_that_takes_no_file_leads_to_the_next() {
    let folder = TempDir::new().expect("a folder");
    let conf = folder.path().join("container-server.conf");
    fs::write(&conf, "").expect("a conf");
    let good = folder.path().join("good");
    let instance = claim(&conf, &[conf.join("below-a-file"), good.clone()]).expect("the second");
    assert_eq!(instance.path().parent(), Some(&*good));
    let error = claim(&conf, &[conf.join("below-a-file")]).expect_err("no place");
    assert!(matches!(&error, InstanceError::NoPlace(places) if places.len() == 1));
    let said = error.to_string();
    assert!(said.starts_with("cannot make sure that no other daemon runs: "), "{said}");
    assert!(said.ends_with("below-a-file: Not a directory (os error 20)"), "{said}");
}

#[test]
fn a_daemon_in_another_place_is_found() {
    let folder = TempDir::new().expect("a folder");
    let conf = folder.path().join("container-server.conf");
    fs::write(&conf, "").expect("a conf");
    let [first, second] = ["first", "second"].map(|name| folder.path().join(name));
    let text = |path: &Path| path.to_str().expect("text").to_owned();
    // It may not write to the first place, as a user may not where root may.
    let (mut other, mut printed) = start(&["claim", &text(&conf), &text(&second)]);
    line(&mut printed);
    let error = claim(&conf, &[first.clone(), second.clone()]).expect_err("it runs");
    assert_eq!(error.to_string(), format!("already running as {}", other.id()));
    other.kill().expect("it is killed");
    other.wait().expect("it ends");
    let instance = claim(&conf, &[first.clone(), second.clone(), first.clone()]);
    let instance = instance.expect("a place that is named twice is in nobody's way");
    assert_eq!(instance.path().parent(), Some(&*first));
}

#[test]
fn a_daemon_is_found_while_the_locks_of_others_come_and_go() {
    const OTHERS: usize = 300;
    const LOOKS: usize = 3000;
    let folder = TempDir::new().expect("a folder");
    let conf = folder.path().join("container-server.conf");
    fs::write(&conf, "").expect("a conf");
    let files: Vec<_> = (0..OTHERS)
        .map(|number| File::create(folder.path().join(number.to_string())).expect("a file"))
        .collect();
    let own = folder.path().join("own");
    let _held = claim(&conf, from_ref(&own)).expect("an own folder");
    let is_over = AtomicBool::new(false);
    let found = std::thread::scope(|threads| {
        threads.spawn(|| {
            while !is_over.load(Ordering::Relaxed) {
                for file in &files {
                    file.lock().expect("nobody else has it");
                }
                for file in &files {
                    file.unlock().expect("it is held");
                }
            }
        });
        let looks = (0..LOOKS).filter(|_| holder(&conf, from_ref(&own)).is_some());
        let found = looks.count();
        is_over.store(true, Ordering::Relaxed);
        found
    });
    assert_eq!(found, LOOKS, "found each time");
}

#[test]
fn a_stranger_cannot_lie_about_a_daemon() {
    let folder = TempDir::new().expect("a folder");
    let conf = folder.path().join("container-server.conf");
    fs::write(&conf, "").expect("a conf");
    let own = folder.path().join("own");
    let instance = claim(&conf, from_ref(&own)).expect("an own folder");
    let held = |place: &Path| holder(&conf, from_ref(&place.to_owned()));
    assert_eq!(held(&own), Some(std::process::id()));
    let shared = folder.path().join("tmp");
    fs::create_dir(&shared).expect("a shared folder");
    fs::set_permissions(&shared, fs::Permissions::from_mode(0o1777)).expect("like /tmp");
    let place = shared.join("martlet-0");
    symlink(&own, &place).expect("a stranger's link");
    assert_eq!(held(&place), None, "a link to a place");
    fs::remove_file(&place).expect("the link goes");
    fs::create_dir(&place).expect("a folder");
    let file = place.join(instance.path().file_name().expect("it has a name"));
    symlink(instance.path(), &file).expect("a link");
    assert_eq!(held(&place), None, "a link to a lock");
    fs::remove_file(&file).expect("the link goes");
    damage::fifo(&file);
    assert_eq!(held(&place), None, "a FIFO is not waited for");
    let path = instance.path().to_owned();
    drop(instance);
    let file = File::open(path).expect("anybody may read it");
    let [kind, whence] =
        [libc::F_RDLCK, libc::SEEK_SET].map(|it| i16::try_from(it).expect("small"));
    let lock = libc::flock { l_type: kind, l_whence: whence, l_start: 0, l_len: 7, l_pid: 0 };
    fcntl(&file, FcntlArg::F_OFD_SETLK(&lock)).expect("a lock to read");
    assert_eq!(held(&own), None, "a lock that a reader can have");
}

#[test]
fn a_stranger_cannot_prepare_the_place() {
    let folder = TempDir::new().expect("a folder");
    let conf = folder.path().join("container-server.conf");
    fs::write(&conf, "").expect("a conf");
    let shared = folder.path().join("tmp");
    fs::create_dir(&shared).expect("a shared folder");
    fs::set_permissions(&shared, fs::Permissions::from_mode(0o1777)).expect("like /tmp");
    let elsewhere = folder.path().join("elsewhere");
    fs::create_dir(&elsewhere).expect("a folder");
    let place = shared.join("martlet-0");
    symlink(&elsewhere, &place).expect("a stranger's link");
    let error = claim(&conf, from_ref(&place)).expect_err("a link");
    assert!(error.to_string().contains("not a directory of this user's"), "{error}");
    fs::remove_file(&place).expect("the link goes");
    let instance = claim(&conf, from_ref(&place)).expect("an own folder");
    assert_eq!(instance.path().parent(), Some(&*place));
}
