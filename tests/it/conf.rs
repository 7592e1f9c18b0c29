//! The conf: what Swift's own readers say of the same texts, and what an operator is told.
use martlet_core::conf::{Level, LogFormat};
use martlet_platform_linux::conf::{self, Settings};
use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::time::Duration;
use tempfile::TempDir;

mod explain;
mod oracle;
mod sample;

use oracle::BASES;

/// One line, for people: names the file, has no control character, has an end.
fn check_line(line: &str, file: &str) {
    assert!(line.contains(file), "names the file: {line}");
    assert!(!line.chars().any(char::is_control), "is one line: {line:?}");
    assert!(!line.contains(['\u{2028}', '\u{2029}']), "is one line: {line:?}");
    assert!(line.len() < 1000, "can be read: {line}");
    assert!(file.len() + 8 < line.len(), "says something: {line}");
}

/// The settings of a conf file with this text, or the line that Martlet ends with, the file's
/// directory cut off.
fn load(text: &str) -> Result<Settings, String> {
    let dir = TempDir::new().expect("a temporary directory");
    let file = dir.path().join("a.conf");
    fs::write(&file, text).expect("a conf file");
    let folder = format!("{}/", dir.path().display());
    conf::load(&file).map_err(|error| error.to_string().replace(&folder, ""))
}

/// The same for lines of the auditor's section.
fn section(lines: &str) -> Result<Settings, String> {
    load(&format!("[container-auditor]\n{lines}\n"))
}

#[test]
fn a_mistake_is_one_line_with_its_place() {
    let check =
        |text: &str, line: &str| assert_eq!(load(text).err().as_deref(), Some(line), "{text}");
    let a = |lines: &str, line: &str| check(&format!("[container-auditor]\n{lines}\n"), line);
    check("", "Unable to find container-auditor config section in a.conf");
    check("[container_auditor]\n", "Unable to find container-auditor config section in a.conf");
    check("interval = 1\n", "a.conf:1: text before the first section: interval = 1");
    check(
        "[DEFAULT]\ninterval = abc\n[container-auditor]\n",
        "a.conf: [DEFAULT] interval = abc: not a number of seconds",
    );
    check("[x]\n[container-auditor]\n[x]\n", "a.conf:3: [x] is there twice");
    a("interval = abc", "a.conf: [container-auditor] interval = abc: not a number of seconds");
    a("interval =", "a.conf: [container-auditor] interval = : not a number of seconds");
    a(
        "interval = 30 ; slow",
        "a.conf: [container-auditor] interval = 30 ; slow: not a number of seconds (a comment needs a line of its own)",
    );
    a("interval = 1\n  2", "a.conf: [container-auditor] interval = 1\\n2: not a number of seconds");
    a("interval = 1\ninterval = 2", "a.conf:3: [container-auditor] interval is there twice");
    a(
        "word\nmore",
        "a.conf:2: neither a section nor a key with its value: word (and 1 more such lines)",
    );
    a("a = %(b)s", "a.conf:2: a: %(b)s refers to a key that is not there");
    a("a = %(a)s", "a.conf:2: a: references are more than 10 deep");
    a("a = %(b", "a.conf:2: a: neither %(name)s nor %%: %(b");
    a(
        "containers_per_second = fast",
        "a.conf: [container-auditor] containers_per_second = fast: not a number",
    );
    a(
        "log_max_line_length = 1.5",
        "a.conf: [container-auditor] log_max_line_length = 1.5: not a whole number",
    );
    a("log_statsd_port = x", "a.conf: [container-auditor] log_statsd_port = x: not a whole number");
    a(
        "log_statsd_host = h\nlog_statsd_port = 65536",
        "a.conf: [container-auditor] log_statsd_port = 65536: not from 0 to 65535",
    );
    a(
        "log_udp_host = h\nlog_udp_port = x",
        "a.conf: [container-auditor] log_udp_port = x: not a whole number",
    );
    a(
        "log_statsd_sample_rate_factor =",
        "a.conf: [container-auditor] log_statsd_sample_rate_factor = : not a number",
    );
    a(
        "fallocate_reserve = 1G",
        "a.conf: [container-auditor] fallocate_reserve = 1G: neither bytes nor a share with %",
    );
    a("quarantine = ture", "a.conf: [container-auditor] quarantine = ture: neither true nor false");
    a(
        "quarantine_limit = -1",
        "a.conf: [container-auditor] quarantine_limit = -1: not from 0 to 4294967295",
    );
    a(
        "quarantine_share = 200%",
        "a.conf: [container-auditor] quarantine_share = 200%: not a share from 0 to 100 percent",
    );
    a("lanes = 0", "a.conf: [container-auditor] lanes = 0: not from 1 to 32");
    a("lanes = 33", "a.conf: [container-auditor] lanes = 33: not from 1 to 32");
    a("deep_interval = -1", "a.conf: [container-auditor] deep_interval = -1: less than 0 seconds");
    a(
        "deep_interval = inf",
        "a.conf: [container-auditor] deep_interval = inf: not a number of seconds that one can wait for",
    );
    a("deep_hold = 26", "a.conf: [container-auditor] deep_hold = 26: more than 25 seconds");
    a(
        "deep_hold = nan",
        "a.conf: [container-auditor] deep_hold = nan: not a number of seconds that one can wait for",
    );
    a("bytes_per_second = 10M", "a.conf: [container-auditor] bytes_per_second = 10M: not a number");
    a("log_format = xml", "a.conf: [container-auditor] log_format = xml: neither text nor json");
}

#[test]
fn a_number_that_swift_does_not_read_may_be_anything() {
    assert!(section("log_udp_port = x").is_ok(), "no log_udp_host, no port");
    assert!(section("log_udp_host =\nlog_udp_port = x").is_ok(), "an empty host is none");
    assert!(section("log_statsd_port = 70000").is_ok(), "no packet, no port");
    assert!(section("log_level = LOUD\nlog_facility = x\nmount_check = maybe").is_ok());
    assert!(load("[container-server]\ninterval = x\n[container-auditor]\n").is_ok());
}

#[test]
fn an_interval_that_nobody_can_wait_for_matters_to_the_daemon_only() {
    let interval =
        |text: &str| section(&format!("interval = {text}")).map(|settings| settings.interval);
    assert_eq!(interval("0.5"), Ok(Ok(Duration::from_millis(500))));
    assert_eq!(interval("0"), Ok(Ok(Duration::ZERO)));
    assert_eq!(interval("1_800"), Ok(Ok(Duration::from_secs(1800))));
    for (text, why) in [
        ("-1", "less than 0 seconds"),
        ("-inf", "less than 0 seconds"),
        ("nan", "not a number of seconds that one can wait for"),
        ("inf", "not a number of seconds that one can wait for"),
        ("1e300", "not a number of seconds that one can wait for"),
    ] {
        let error = interval(text).expect("it loads").expect_err("no time to wait").to_string();
        assert!(
            error.ends_with(&format!("[container-auditor] interval = {text}: {why}")),
            "{error}"
        );
    }
}

#[test]
fn values_arrive_with_their_units() {
    let text = String::from_utf8(BASES[1].to_vec()).expect("text");
    let lab = load(&text).expect("a good conf");
    assert_eq!(lab.devices, Path::new("/srv/3/node"));
    assert!(!lab.mount_check && lab.daemonize && lab.statsd_emit_legacy);
    assert_eq!(lab.interval, Ok(Duration::from_secs(10)));
    assert_eq!(lab.containers_per_second, None, "0 is no limit");
    assert_eq!((lab.log_udp_host.as_deref(), lab.log_udp_port), (Some("127.0.0.1"), 534));
    assert_eq!(lab.log_max_line_length, Some(2000));
    assert_eq!(lab.log_custom_handlers, ["lab.trace", "lab.count", "lab.mail"]);
    assert_eq!(
        (lab.log_name.as_str(), lab.log_statsd_metric_prefix.as_str()),
        ("lab-3", "lab-3.100%")
    );

    let own = section(
        "quarantine = off\nquarantine_limit = 0\nquarantine_share = 2.5%\nlanes = 4\nstate_path =\n\
         deep_interval = 0\nbytes_per_second = -1\ndeep_hold = 0\nmetrics_path = /m\nlog_format = json\n\
         ionice_class = IOPRIO_CLASS_BE\nnice_priority = 10\nlog_level = error\nlog_max_line_length = -5",
    );
    let own = own.expect("a good conf");
    assert!(!own.quarantine);
    assert_eq!((own.quarantine_limit, own.lanes), (0, 4));
    assert!((own.quarantine_share - 2.5).abs() < f64::EPSILON);
    assert_eq!((own.state_path, own.deep_interval, own.bytes_per_second), (None, None, None));
    assert_eq!((own.deep_hold, own.log_format), (Duration::ZERO, LogFormat::Json));
    assert_eq!(own.metrics_path.as_deref(), Some(Path::new("/m")));
    assert_eq!((own.log_level, own.log_max_line_length), (Level::Error, None));
    assert_eq!(own.nice_priority, Some(Ok(10)));
    assert_eq!(
        own.ionice.and_then(Result::ok).map(|io| (io.class.number(), io.priority)),
        Some((2, 0))
    );
}

#[test]
fn defaults_are_the_tables() {
    let empty = section("").expect("an empty section is a conf");
    assert_eq!(empty.devices, Path::new("/srv/node"));
    assert_eq!(empty.interval, Ok(Duration::from_secs(1800)));
    assert_eq!(empty.containers_per_second, Some(200.0));
    assert_eq!((empty.user.as_str(), empty.log_name.as_str()), ("swift", "container-auditor"));
    assert_eq!((empty.log_facility, empty.log_level), (16, Level::Info));
    assert_eq!((empty.nice_priority, empty.ionice, empty.log_statsd_host), (None, None, None));
    assert_eq!((empty.quarantine, empty.quarantine_limit, empty.lanes), (true, 16, 1));
    assert_eq!(empty.state_path.as_deref(), Some(Path::new("/var/lib/martlet")));
    assert_eq!(empty.deep_interval, Some(Duration::from_secs(604_800)));
    assert_eq!(empty.deep_hold, Duration::from_millis(500));
    assert_eq!(Settings::defaults().map(|settings| settings.lanes), Ok(1));
}

#[test]
fn priorities_that_cannot_be_set_are_said_and_passed_over() {
    let odd = section("nice_priority = low\nionice_class = idle").expect("Swift goes on, too");
    let nice = odd.nice_priority.and_then(Result::err).expect("a line").to_string();
    assert!(nice.ends_with("nice_priority = low: not a whole number"), "{nice}");
    let ionice = odd.ionice.and_then(Result::err).expect("a line").to_string();
    assert!(ionice.ends_with("ionice_class = idle: not an I/O class"), "{ionice}");
    let odd =
        section("ionice_class = IOPRIO_CLASS_RT\nionice_priority = x").expect("Swift goes on");
    let ionice = odd.ionice.and_then(Result::err).expect("a line").to_string();
    assert!(ionice.ends_with("ionice_priority = x: not a whole number"), "{ionice}");
}

#[test]
fn a_conf_is_bounded_in_every_direction() {
    let large = format!("[container-auditor]\ndevices = {}\n", "x".repeat(1 << 20));
    assert_eq!(
        load(&large).err().as_deref(),
        Some("a.conf: conf files of more than 1048576 bytes are not read")
    );

    let dir = TempDir::new().expect("a temporary directory");
    for name in ["a.conf", "b.conf"] {
        fs::write(dir.path().join(name), format!("# {}\n", "x".repeat(600_000))).expect("a file");
    }
    let error = conf::load(dir.path()).expect_err("too much together").to_string();
    assert!(
        error.ends_with("b.conf: conf files of more than 1048576 bytes are not read"),
        "{error}"
    );

    let mut laughs = "k0 = ha%%\n".to_owned();
    for level in 1..9 {
        writeln!(laughs, "k{level} = {}", format!("%(k{})s", level - 1).repeat(100))
            .expect("a string");
    }
    let error = section(&laughs).expect_err("a hundred to the ninth");
    assert!(error.starts_with("a.conf:5: k3: references make more than"), "{error}");

    let long = format!("x{}\u{7}\n", "y".repeat(5000));
    check_line(&section(&long).expect_err("no key"), "a.conf");
}

#[test]
fn what_cannot_be_read_is_swifts_line_or_a_note() {
    let dir = TempDir::new().expect("a temporary directory");
    let says = |path: &Path| conf::load(path).expect_err("nothing to read").to_string();
    assert_eq!(
        says(dir.path()),
        format!("Unable to read config from {}: there is no *.conf in it", dir.path().display())
    );
    let missing = dir.path().join("x.conf");
    assert_eq!(
        says(&missing),
        format!(
            "Unable to read config from {}: No such file or directory (os error 2)",
            missing.display()
        )
    );

    assert_eq!(
        conf::load(&missing).expect_err("nothing to read").in_swifts_words(),
        format!("Unable to read config from {}", missing.display())
    );

    std::os::unix::fs::symlink("nowhere", dir.path().join("10.conf")).expect("a link");
    let said = says(dir.path());
    let why = "10.conf: No such file or directory (os error 2)";
    assert!(said.contains(": none of its *.conf, ") && said.ends_with(why), "{said}");
    fs::write(dir.path().join("20.conf"), "[container-auditor]\n").expect("a file");
    fs::create_dir(dir.path().join("30.conf")).expect("a directory");
    let notes = conf::load(dir.path()).expect("one file is enough").notes();
    let expected = [
        "10.conf: passed over: No such file or directory (os error 2)",
        "30.conf: passed over: Is a directory (os error 21)",
    ];
    assert_eq!(notes.len(), expected.len(), "{notes:?}");
    assert!(notes.iter().zip(expected).all(|(note, end)| note.ends_with(end)), "{notes:?}");
}

#[test]
fn swift_conf_is_missed_in_swifts_words() {
    let dir = TempDir::new().expect("a temporary directory");
    let file = dir.path().join("swift.conf");
    let says = || conf::load_swift_conf(&file).expect_err("no hash path").to_string();
    assert_eq!(
        says(),
        format!("cannot read {}: No such file or directory (os error 2)", file.display())
    );
    fs::write(&file, "[swift-hash]\n").expect("swift.conf");
    assert_eq!(
        says(),
        format!(
            "Error: [swift-hash]: both swift_hash_path_suffix and swift_hash_path_prefix are missing from {}",
            file.display()
        )
    );
    fs::write(&file, "[swift-hash]\nswift_hash_path_suffix = changeme\n").expect("swift.conf");
    let shown = format!("{:?}", conf::load_swift_conf(&file));
    assert!(!shown.contains("changeme"), "a secret stays one: {shown}");
}

#[test]
fn the_user_must_exist() {
    let account = section("user = root").expect("a good conf").account().expect("root exists");
    assert!(account.uid.is_root() && account.groups.contains(&account.gid));
    for name in ["no-such-user-here", "", "a b", "x\0y"] {
        let settings = section(&format!("user = {name}")).expect("a good conf");
        let error = settings.account().expect_err("nobody has that name").to_string();
        assert!(error.ends_with(": no such user"), "{error}");
        check_line(&error, "a.conf");
    }
}
