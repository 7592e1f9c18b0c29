//! `martlet check`, `martlet once`, `martlet conf`: verdicts, exit codes, JSON.
use std::ffi::OsStr;
use std::fs::{self, Permissions};
use std::io::Write as _;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::Path;
use std::process::{Command, Output, Stdio};

use martlet_core::verdict::FindingCode;
use martlet_platform_linux::clock;
use martlet_tests::command::martlet;
use martlet_tests::daemon::{PATIENCE, conf};
use martlet_tests::damage;
use martlet_tests::demo::confs;
use martlet_tests::fixtures::{manifest, named};
use martlet_tests::tree::{Placed, Tree};
use nix::sys::signal::{Signal, kill};
use nix::unistd::{Pid, User, geteuid};
use serde_json::{Value, json};
use tempfile::TempDir;

fn run(words: &[&OsStr]) -> Output {
    Command::new(martlet()).args(words).output().expect("the command runs")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Exit code and verdicts, sorted, of a check with the fixtures' hash path.
fn check(tree: &Tree, path: &Path) -> (Option<i32>, Vec<String>) {
    let dir = TempDir::new().expect("a folder");
    let (_, swift) = confs(dir.path(), tree);
    let words = ["check", "--json", "--swift-conf"].map(OsStr::new);
    let said = run(&[&words[..], &[swift.as_os_str(), path.as_os_str()]].concat());
    let lines = text(&said.stdout);
    let verdict = |line: &str| -> String {
        let it: Value = serde_json::from_str(line).unwrap_or_else(|e| panic!("{line}: {e}"));
        let codes = it["findings"].as_array().expect("a list").iter();
        let codes = codes.map(|it| it["code"].as_str().expect("a code"));
        let verdict = it["verdict"].as_str().expect("a word");
        std::iter::once(verdict).chain(codes).collect::<Vec<_>>().join(" ")
    };
    let mut verdicts: Vec<String> = lines.lines().map(verdict).collect();
    verdicts.sort();
    (said.status.code(), verdicts)
}

#[test]
fn each_fixture_has_the_exit_code_of_its_verdict() {
    for fixture in &manifest().fixtures {
        let tree = Tree::new();
        let placed = tree.add("sda", fixture);
        let (code, verdicts) = check(&tree, &placed.db());
        let expected = match fixture.is_deleted() {
            Some(true) => (Some(0), "deleted"),
            Some(false) => (Some(0), "sound"),
            None => (Some(2), "damaged stat-pending"),
        };
        assert_eq!((code, &*verdicts[0]), expected, "{}", fixture.name);
    }
}

#[test]
fn damage_comes_before_incompleteness_and_both_before_well() {
    type Spoil = fn(&Placed);
    let cut: Spoil = |it| damage::cut(&it.db(), 4096);
    let empty: Spoil = |it| damage::truncate(&it.db(), 0);
    let hot: Spoil = |it| damage::hot_journal(&it.db(), "UPDATE container_info SET id = 'x'");
    let elsewhere: Spoil = |it| {
        let other = it.dir.join(format!("{}.db", named("one").hash));
        fs::rename(it.db(), other).expect("a new name");
    };
    let fifo: Spoil = |it| {
        fs::remove_file(it.db()).expect("it is there");
        damage::fifo(&it.dir.join("x.db"));
    };
    let well: Spoil = |_| {};
    let rows: [(&[Spoil], i32, &[&str]); 7] = [
        (&[well, well], 0, &["sound", "sound"]),
        (&[cut], 2, &["damaged structure-corrupt"]),
        (&[empty, well], 2, &["damaged stat-empty-file", "sound"]),
        (&[elsewhere], 2, &["misplaced place-file"]),
        (&[hot], 3, &["needs-recovery"]),
        (&[fifo, well], 3, &["sound", "unreadable"]),
        (&[fifo, cut], 2, &["damaged structure-corrupt", "unreadable"]),
    ];
    for (row, (spoils, code, verdicts)) in rows.into_iter().enumerate() {
        let tree = Tree::new();
        let _device = tree.device("sda");
        for (spoil, fixture) in spoils.iter().zip(["small", "empty"]) {
            spoil(&tree.add("sda", named(fixture)));
        }
        let verdicts = verdicts.iter().map(|it| (*it).to_owned()).collect();
        assert_eq!(check(&tree, tree.devices()), (Some(code), verdicts), "row {row}");
    }
}

#[test]
fn what_cannot_be_run_ends_with_1_and_a_line() {
    let dir = TempDir::new().expect("a folder");
    let (tree, absent) = (Tree::new(), dir.path().join("absent"));
    let _device = tree.device("sda");
    let conf = conf(dir.path(), tree.devices(), "");
    let (bare, fifo) = (dir.path().join("bare"), dir.path().join("fifo"));
    fs::create_dir_all(bare.join("sda")).expect("a device without `containers`");
    damage::fifo(&fifo);
    let word = |path| Path::to_str(path).expect("text");
    let (conf, absent, bare, fifo) = (word(&conf), word(&absent), word(&bare), word(&fifo));
    for (words, expected) in [
        (&["check"][..], "no PATH"),
        (&["check", absent], absent),
        (&["check", "--lanes", "0", "/etc/passwd"], "lanes"),
        (&["check", "--rate", "nan", "/etc/passwd"], "not a number from 0 up"),
        (&["once", conf, "--rate=-1"], "not a number from 0 up"),
        (&["check", ""], "a PATH is empty"),
        (&["check", bare], "no directory has `containers` or leads to a *.db"),
        (&["conf", bare], "there is no *.conf in it"),
        (&["conf", fifo], "a FIFO, not a file"),
        (&["check", "--bogus", "/etc/passwd"], "--bogus"),
        (&["check", "--swift-conf", absent, "/etc/passwd"], absent),
        (&["once", absent], absent),
        (&["once", conf, "--device", "sdz"], "--device sdz"),
        (&["once", conf, "--partition", "77"], "--partition 77"),
        (&["once", conf, "--partition", ".."], "--partition ..: not the name"),
        (&["list", conf, "--since", "nan"], "--since nan: not a time"),
        (&["pause", conf, "--time="], "--time : not a time"),
        (&["quarantine", "purge", conf, "--older-than", "-1"], "--older-than -1: not a time"),
        (&["once", conf, "--swift-conf", absent], absent),
        (&["conf", absent], absent),
        (&["bogus"], "bogus"),
        (&[], "subcommands"),
    ] {
        let said = run(&words.iter().map(OsStr::new).collect::<Vec<_>>());
        let (stdout, stderr) = (text(&said.stdout), text(&said.stderr));
        assert_eq!(said.status.code(), Some(1), "{words:?}: {stderr}");
        assert!(stderr.contains(expected) && stdout.is_empty(), "{words:?}: {stdout}{stderr}");
    }
}

#[test]
fn paths_come_from_stdin_too() {
    let tree = Tree::new();
    let (small, one) = (tree.add("sda", named("small")), tree.add("sda", named("one")));
    let mut command = Command::new(martlet());
    command.args(["check", "--json", "-"]).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.stderr(Stdio::null()).spawn().expect("the command starts");
    let mut stdin = child.stdin.take().expect("its stdin");
    // A file, an empty line, and a hash directory without a line end.
    write!(stdin, "{}\n\n{}", small.db().display(), one.dir.display()).expect("it reads");
    drop(stdin);
    let said = child.wait_with_output().expect("it ends");
    assert_eq!((said.status.code(), text(&said.stdout).lines().count()), (Some(0), 2));
}

#[test]
fn endless_paths_on_stdin_are_an_error() {
    for source in ["yes /x", "cat /dev/zero"] {
        let mut command = Command::new("sh");
        command.args(["-c", &format!("{source} | \"$0\" check -")]).arg(martlet());
        let said = command.output().expect("a shell");
        let stderr = text(&said.stderr);
        assert_eq!(said.status.code(), Some(1), "{source}: {stderr}");
    }
}

#[test]
fn json_is_one_object_a_database() {
    let tree = Tree::new();
    let placed = tree.add("sda", named("small"));
    let said = run(&["check", "--json", "-q"]
        .map(OsStr::new)
        .into_iter()
        .chain([placed.db().as_os_str()])
        .collect::<Vec<_>>());
    let found: Value = serde_json::from_slice(&said.stdout).expect("one object");
    let fixture = named("small");
    let path = placed.db();
    let expected = json!({
        "path": path.to_str(),
        "device": "sda",
        "partition": fixture.partition.to_string(),
        "account": fixture.account,
        "container": fixture.container,
        "verdict": "sound",
        "counts": "passed",
        "findings": [],
        "detail": null,
    });
    assert_eq!(found, expected);
    damage::truncate(&path, 0);
    let said = run(&[OsStr::new("check"), OsStr::new("--json"), path.as_os_str()]);
    let found: Value = serde_json::from_slice(&said.stdout).expect("one object");
    let finding = json!({
        "code": "stat-empty-file", "expected": null, "found": null, "where": "file",
        "next": FindingCode::StatEmptyFile.advice().next,
    });
    assert_eq!(found["findings"], json!([finding]));
    assert_eq!((&found["account"], &found["counts"]), (&Value::Null, &json!("failed")));
}

#[test]
fn the_effective_options_are_printed_and_the_unknown_named() {
    let (tree, dir) = (Tree::new(), TempDir::new().expect("a folder"));
    let conf = conf(dir.path(), tree.devices(), "intervall = 7");
    let said = run(&[OsStr::new("conf"), conf.as_os_str()]);
    let (stdout, stderr) = (text(&said.stdout), text(&said.stderr));
    assert_eq!(said.status.code(), Some(0), "{stderr}");
    assert!(stdout.contains("containers_per_second"), "{stdout}");
    assert!(stderr.contains("intervall"), "{stderr}");
    for wrong in ["interval = -1", "user = nobody-of-this-name"] {
        let conf = self::conf(dir.path(), tree.devices(), wrong);
        let said = run(&[OsStr::new("conf"), conf.as_os_str()]);
        let (stdout, stderr) = (text(&said.stdout), text(&said.stderr));
        assert!(stdout.contains(wrong) && stderr.contains(&format!("{wrong}: ")), "{stderr}");
        assert_eq!(said.status.code(), Some(1), "{wrong}");
    }
}

/// What root's pass writes must not be in the daemon's way afterwards.
#[test]
fn a_pass_by_root_belongs_to_the_user_of_the_conf() {
    let (tree, dir) = (Tree::new(), TempDir::new().expect("a folder"));
    let placed = tree.add("sda", named("small"));
    let nobody = User::from_name("nobody").expect("a look-up").expect("nobody");
    let own = User::from_uid(geteuid()).expect("a look-up").expect("this user");
    let user = if geteuid().is_root() { nobody } else { own };
    // Only root can make the directory of the state, as in /var/lib.
    let state = dir.path().join("lib/state");
    fs::create_dir(dir.path().join("lib")).expect("made");
    let more = format!("user = {}\nstate_path = {}", user.name, state.display());
    let conf = conf(dir.path(), tree.devices(), &more);
    for folder in [dir.path(), tree.devices()] {
        fs::set_permissions(folder, Permissions::from_mode(0o777)).expect("a mode");
    }
    damage::truncate(&placed.db(), 0);
    let said = run(&[OsStr::new("once"), conf.as_os_str()]);
    let recon = fs::metadata(dir.path().join("container.recon"));
    let recon = recon.unwrap_or_else(|e| panic!("no recon cache: {e}: {}", text(&said.stderr)));
    assert_eq!(recon.uid(), user.uid.as_raw());
    let made = fs::metadata(&state).expect("it was made");
    assert_eq!((made.uid(), made.mode() & 0o7777), (user.uid.as_raw(), 0o755));
    let listed = run(&[OsStr::new("list"), conf.as_os_str()]);
    assert_eq!(listed.status.code(), Some(2), "{}", text(&listed.stderr));
}

#[test]
fn a_dry_run_moves_nothing_and_a_run_does() {
    let (tree, dir) = (Tree::new(), TempDir::new().expect("a folder"));
    let placed = tree.add("sda", named("small"));
    damage::cut(&placed.db(), 4096);
    let conf = conf(dir.path(), tree.devices(), "");
    let once = |more: &str| run(&[OsStr::new("once"), conf.as_os_str(), OsStr::new(more)]);
    assert_eq!(once("--dry-run").status.code(), Some(2));
    assert!(placed.db().exists(), "it was only looked at");
    let recon = dir.path().join("container.recon");
    assert!(!recon.exists(), "nor do dashboards hear of it");
    let said = once("--json");
    assert!(recon.exists(), "a run is told of");
    let found: Value = serde_json::from_slice(&said.stdout).expect("one object");
    let moved = found["moved_to"].as_str().expect("it says where");
    assert!(!placed.dir.exists() && Path::new(moved).exists(), "{found}");
}

/// What `check --deep` says of a database, as one line for each finding.
fn deeply(placed: &Placed) -> (Value, Vec<String>) {
    let words = ["check", "--deep", "--json"].map(OsStr::new);
    let said = run(&[words[0], words[1], words[2], placed.db().as_os_str()]);
    let found: Value = serde_json::from_slice(&said.stdout).expect("one object");
    let findings = found["findings"].as_array().expect("a list").iter().map(|it| {
        let text = |key: &str| it[key].as_str().expect("a text").to_owned();
        format!("{} {} {} {}", text("code"), text("where"), it["expected"], it["found"])
    });
    let findings = findings.collect();
    (found, findings)
}

#[test]
fn a_deep_finding_says_where_and_how_much() {
    let tree = Tree::new();
    let placed = tree.add("sda", named("two-policies"));
    damage::sql(
        &placed.db(),
        "UPDATE policy_stat SET object_count = object_count + 1000 WHERE storage_policy_index = 1",
    );
    let (found, findings) = deeply(&placed);
    assert_eq!((&found["verdict"], &found["counts"]), (&json!("damaged"), &json!("passed")));
    assert_eq!(findings, ["rows-count object, policy 1 12 1012"]);
    assert_eq!(found["findings"][0]["next"], json!(FindingCode::RowsCount.advice().next));
}

#[test]
fn what_sqlite_says_of_the_structure_stands_beside_it() {
    let tree = Tree::new();
    let placed = tree.add("sda", named("hundreds"));
    damage::zero_page(&placed.db(), damage::root_page(&placed.db(), "object"));
    let (found, findings) = deeply(&placed);
    assert_eq!(findings, ["structure-check file null null"]);
    let detail = found["detail"].as_str().expect("a text");
    assert!(detail.starts_with("Tree ") && detail.contains("btreeInitPage"), "{detail}");
}

#[test]
fn lines_that_nobody_takes_are_no_success() {
    let tree = Tree::new();
    let placed = tree.add("sda", named("small"));
    let path = placed.db();
    let full = fs::OpenOptions::new().write(true).open("/dev/full").expect("a full disk");
    let mut command = Command::new(martlet());
    let said = command.args(["check", "--json"]).arg(&path).stdout(full).output().expect("it runs");
    let words = text(&said.stderr);
    assert_eq!(said.status.code(), Some(1), "{words}");
    assert!(words.contains("cannot write to standard output"), "{words}");

    let (reader, writer) = std::io::pipe().expect("a pipe");
    drop(reader);
    let mut command = Command::new(martlet());
    let said = command.args(["check", "--json", "-q"]).arg(&path).stdout(writer).output();
    let said = said.expect("it runs");
    assert_eq!((said.status.code(), &*text(&said.stderr)), (Some(1), ""), "a reader who has left");
}

#[test]
fn a_stop_while_nobody_takes_the_lines_is_no_success() {
    const LINES: usize = 400;
    let tree = Tree::new();
    let path = tree.add("sda", named("small")).db();
    let (reader, writer) = std::io::pipe().expect("a pipe");
    let mut command = Command::new(martlet());
    command.args(["check", "--json", "-q"]).args([&path; LINES]).stdout(writer);
    let mut child = command.spawn().expect("it runs");
    let its = |file: &str| {
        fs::read_to_string(format!("/proc/{}/{file}", child.id())).expect("the kernel tells of it")
    };
    // A pipe holds 64 KiB, and the lines are more.
    let written = || its("io").lines().find_map(|it| it.strip_prefix("wchar: ")?.parse().ok());
    let end = clock::mono().after(PATIENCE);
    while written() < Some(58_000) || !its("stat").contains(") S ") {
        assert!(clock::mono() < end, "it never waits for its reader");
        std::thread::yield_now();
    }
    kill(Pid::from_raw(child.id().cast_signed()), Signal::SIGTERM).expect("it runs");
    assert_eq!(child.wait().expect("it ends").code(), Some(3), "the pass did not end");
    drop(reader);
}

#[test]
fn no_name_writes_a_line_of_its_own() {
    let tree = Tree::new();
    let placed = tree.add("sda", named("small"));
    let forged = placed.dir.join("x\n\x1b[2Jdamaged.db");
    fs::write(&forged, "not a database, but long enough for a header").expect("written");
    let said = run(&["check".as_ref(), placed.dir.as_os_str()]);
    let all = text(&said.stdout) + &text(&said.stderr);
    assert!(all.contains("x#012#033[2Jdamaged.db") && !all.contains('\x1b'), "{all}");
}

#[test]
fn the_journal_gets_the_level_of_each_line() {
    use std::os::unix::fs::MetadataExt as _;
    let (dir, tree) = (TempDir::new().expect("a folder"), Tree::new());
    let _sound = tree.add("sda", named("small"));
    let conf = conf(dir.path(), tree.devices(), "daemonize = false");
    for (is_stream, begin) in [(true, "<6>container-auditor: "), (false, "container-auditor: ")] {
        let path = dir.path().join("stderr");
        let stderr = fs::File::create(&path).expect("a file");
        let of = if is_stream { stderr.metadata() } else { fs::metadata(dir.path()) };
        let of = of.expect("inspected");
        let mut command = Command::new(martlet());
        command.arg("run").arg("-v").arg(&conf).stderr(stderr);
        command.env("JOURNAL_STREAM", format!("{}:{}", of.dev(), of.ino()));
        assert!(command.status().expect("it runs").success());
        let log = fs::read_to_string(&path).expect("text");
        let line = log.lines().find(|line| line.contains("Begin container audit"));
        assert!(line.is_some_and(|line| line.starts_with(begin)), "{begin}: {log}");
    }
}
