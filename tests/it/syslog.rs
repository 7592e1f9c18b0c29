//! The log as it arrives at real sockets, with readers that stop, go and come back.
use std::fs;
use std::net::UdpSocket;
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use log::{Level, Log, Metadata, Record};
use martlet_core::conf::{Level as Least, LogFormat, facility};
use martlet_core::event::Event;
use martlet_platform_linux::logging::{LogConf, Logger, Name};
use martlet_platform_linux::syslog::SyslogAt;
use tempfile::TempDir;

fn conf(at: SyslogAt) -> LogConf {
    LogConf {
        tag: "container-auditor".to_owned(),
        least: Least::Debug,
        max_line_length: None,
        facility: facility("LOG_LOCAL0"),
        at,
        format: LogFormat::Text,
        console: false,
    }
}

fn at(path: &Path) -> SyslogAt {
    SyslogAt::Socket(path.to_owned())
}

fn say(logger: &Logger, level: Level, target: &str, message: &str) {
    let metadata = Metadata::builder().level(level).target(target).build();
    logger.log(&Record::builder().metadata(metadata).args(format_args!("{message}")).build());
}

fn inform(logger: &Logger, message: &str) {
    say(logger, Level::Info, "", message);
}

fn receive(listener: &UnixDatagram) -> String {
    // A bound for a line that never comes, not a measure.
    listener.set_read_timeout(Some(Duration::from_secs(60))).expect("a bound");
    let mut datagram = vec![0; 70_000];
    let length = listener.recv(&mut datagram).expect("a datagram");
    String::from_utf8(datagram[..length].to_vec()).expect("text")
}

#[test]
fn datagrams_are_swifts_to_the_byte() {
    let folder = TempDir::new().expect("a folder");
    let path = folder.path().join("log");
    let listener = UnixDatagram::bind(&path).expect("a listener");
    for (name, level, target, expected) in [
        ("LOG_LOCAL0", Level::Debug, "", "<135>container-auditor: x\0"),
        ("LOG_LOCAL0", Level::Info, "", "<134>container-auditor: x\0"),
        ("LOG_LOCAL0", Level::Info, Event::Starting.target(), "<133>container-auditor: x\0"),
        ("LOG_LOCAL0", Level::Warn, "", "<132>container-auditor: x\0"),
        ("LOG_LOCAL0", Level::Error, "", "<131>container-auditor: x\0"),
        ("LOG_LOCAL7", Level::Info, "", "<190>container-auditor: x\0"),
        ("LOG_USER", Level::Info, "", "<14>container-auditor: x\0"),
        ("nonsense", Level::Info, "", "<134>container-auditor: x\0"),
    ] {
        let logger = Logger::new(LogConf { facility: facility(name), ..conf(at(&path)) });
        say(&logger, level, target, "x");
        assert_eq!(receive(&listener), expected);
    }
}

#[test]
fn the_level_decides_what_is_sent() {
    let folder = TempDir::new().expect("a folder");
    let path = folder.path().join("log");
    let listener = UnixDatagram::bind(&path).expect("a listener");
    let logger = Logger::new(LogConf { least: Least::named("WARNING"), ..conf(at(&path)) });
    say(&logger, Level::Info, Event::Starting.target(), "notice");
    say(&logger, Level::Warn, "", "warning");
    assert_eq!(receive(&listener), "<132>container-auditor: warning\0");
    logger.reload(LogConf {
        least: Least::named("debug"),
        tag: "other".to_owned(),
        ..conf(at(&path))
    });
    say(&logger, Level::Debug, "", "debug");
    assert_eq!(receive(&listener), "<135>other: debug\0", "after a reload");
}

#[test]
fn a_name_cannot_forge_a_line() {
    let folder = TempDir::new().expect("a folder");
    let path = folder.path().join("log");
    let listener = UnixDatagram::bind(&path).expect("a listener");
    let logger = Logger::new(conf(at(&path)));
    let name = Name(b"a\n<0>kernel: panic\0\x1b[2J\xff");
    inform(&logger, &format!("Skipping {name}"));
    assert_eq!(
        receive(&listener),
        "<134>container-auditor: Skipping a#012<0>kernel: panic#000#033[2J#377\0"
    );
}

#[test]
fn an_object_fits_its_datagram_whatever_a_database_calls_itself() {
    let listener = UdpSocket::bind("127.0.0.1:0").expect("a listener");
    listener.set_read_timeout(Some(Duration::from_secs(60))).expect("a bound");
    let port = listener.local_addr().expect("an address").port();
    let at = SyslogAt::Udp("127.0.0.1".to_owned(), port);
    let logger = Logger::new(LogConf { format: LogFormat::Json, ..conf(at) });
    let (long, control) = ("c".repeat(300_000), "\u{1}".repeat(16_000));
    for (name, message) in [
        (&*long, "short"),
        ("short", &*control),
        (&*control, &*"😀".repeat(40_000)),
        (&*"\"".repeat(300_000), &*long),
    ] {
        let names = ["path", "device", "account", "container", "findings", "to"];
        let fields = names.map(|field| (field, name));
        let fields = &fields[..];
        let mut record = Record::builder();
        record.level(Level::Error).key_values(&fields);
        logger.log(&record.args(format_args!("{message}")).build());
        let mut datagram = vec![0; 70_000];
        let length = listener.recv(&mut datagram).expect("a datagram");
        let text = datagram[..length].strip_suffix(b"\0").expect("a zero byte");
        let text = text.strip_prefix(b"<131>").expect("a priority");
        let object: serde_json::Value = serde_json::from_slice(text).expect("an object");
        for (field, whole) in [("container", name), ("to", name), ("message", message)] {
            let said = object[field].as_str().expect("text");
            let is_cut = said.len() < whole.len();
            assert!(whole.starts_with(said), "the beginning of {field}");
            assert!(!is_cut || 680 < said.chars().count(), "most of {field} is left");
        }
    }
}

#[test]
fn a_reader_that_stopped_costs_lines_and_is_told_how_many() {
    let folder = TempDir::new().expect("a folder");
    let path = folder.path().join("log");
    let listener = UnixDatagram::bind(&path).expect("a listener");
    let logger = Logger::new(conf(at(&path)));
    let said = 10_000;
    for number in 0..said {
        inform(&logger, &number.to_string());
    }
    listener.set_nonblocking(true).expect("a listener that does not wait");
    let mut datagram = [0; 512];
    let mut taken = 0;
    while listener.recv(&mut datagram).is_ok() {
        taken += 1;
    }
    assert!(0 < taken && taken < said, "the kernel's queue holds fewer: {taken}");
    inform(&logger, "after");
    inform(&logger, "later");
    let lost = said - taken;
    assert_eq!(
        receive(&listener),
        format!("<132>container-auditor: {lost} log lines lost: syslog took none\0")
    );
    assert_eq!(receive(&listener), "<134>container-auditor: after\0");
    assert_eq!(receive(&listener), "<134>container-auditor: later\0", "told once");
}

#[test]
fn a_syslog_that_comes_back_is_found_again() {
    let folder = TempDir::new().expect("a folder");
    let path = folder.path().join("log");
    let listener = UnixDatagram::bind(&path).expect("a listener");
    let logger = Logger::new(conf(at(&path)));
    inform(&logger, "one");
    assert_eq!(receive(&listener), "<134>container-auditor: one\0");
    drop(listener);
    inform(&logger, "nobody listens");
    fs::remove_file(&path).expect("the socket goes");
    inform(&logger, "nothing is there");
    let listener = UnixDatagram::bind(&path).expect("a listener");
    inform(&logger, "two");
    assert_eq!(receive(&listener), "<132>container-auditor: 2 log lines lost: syslog took none\0");
    assert_eq!(receive(&listener), "<134>container-auditor: two\0");
    // Restarted between two lines: nothing is lost.
    drop(listener);
    fs::remove_file(&path).expect("the socket goes");
    let listener = UnixDatagram::bind(&path).expect("a listener");
    inform(&logger, "three");
    assert_eq!(receive(&listener), "<134>container-auditor: three\0");
}

#[test]
fn a_socket_that_comes_late_is_used_from_then_on() {
    let folder = TempDir::new().expect("a folder");
    let path = folder.path().join("log");
    let logger = Logger::new(conf(at(&path)));
    inform(&logger, "to port 514, where somebody may listen");
    let listener = UnixDatagram::bind(&path).expect("a listener");
    inform(&logger, "to the socket");
    assert_eq!(receive(&listener), "<134>container-auditor: to the socket\0");
}

#[test]
fn lines_go_by_udp_where_asked() {
    let listener = UdpSocket::bind("127.0.0.1:0").expect("a listener");
    let port = listener.local_addr().expect("an address").port();
    let logger = Logger::new(conf(SyslogAt::Udp("127.0.0.1".to_owned(), port)));
    inform(&logger, "x");
    let mut datagram = vec![0; 70_000];
    let length = listener.recv(&mut datagram).expect("a datagram");
    assert_eq!(&datagram[..length], b"<134>container-auditor: x\0");
    inform(&logger, &"😀".repeat(40_000));
    let length = listener.recv(&mut datagram).expect("the longest line");
    assert!(datagram[..length].starts_with("<134>container-auditor: 😀".as_bytes()));
    assert_eq!(datagram[length - 1], 0, "nothing is cut off by the way");
}

#[test]
fn stderr_gets_the_same_lines_without_level() {
    let child = part_log(3, Stdio::piped()).wait_with_output().expect("the child ends");
    assert!(child.status.success());
    let said = String::from_utf8(child.stderr).expect("text");
    assert_eq!(said, "part: line 0#012x\npart: line 1#012x\npart: line 2#012x\n");
}

#[test]
fn a_stderr_that_nobody_reads_holds_nobody() {
    let mut child = part_log(20_000, Stdio::piped());
    let status = child.wait().expect("the child ends though its pipe is full");
    assert!(status.success());
}

#[test]
fn a_stderr_that_was_closed_is_no_trouble() {
    let mut child = part_log(3, Stdio::piped());
    drop(child.stderr.take());
    assert!(child.wait().expect("the child ends").success());
}

/// A process that logs so many lines to stderr, and to a socket that is not there.
fn part_log(lines: u32, stderr: Stdio) -> std::process::Child {
    Command::new(env!("CARGO_BIN_EXE_part"))
        .args(["log", "/nonexistent/log", &lines.to_string()])
        .stderr(stderr)
        .spawn()
        .expect("a child")
}

#[test]
fn json_is_one_object_a_record() {
    let folder = TempDir::new().expect("a folder");
    let path = folder.path().join("log");
    let listener = UnixDatagram::bind(&path).expect("a listener");
    let logger = Logger::new(LogConf { format: LogFormat::Json, ..conf(at(&path)) });
    say(&logger, Level::Error, "", "two\nlines and a \"quote\"");
    let datagram = receive(&listener);
    let object = datagram.strip_prefix("<131>").expect("a priority").trim_end_matches('\0');
    let object: serde_json::Value = serde_json::from_str(object).expect("an object");
    assert_eq!(object["level"], "error");
    assert_eq!(object["name"], "container-auditor");
    assert_eq!(object["message"], "two\nlines and a \"quote\"");
    assert_eq!(object["event"], serde_json::Value::Null, "another crate's");
}

#[test]
fn json_has_the_code_of_each_event_and_what_it_is_about() {
    let folder = TempDir::new().expect("a folder");
    let path = folder.path().join("log");
    let listener = UnixDatagram::bind(&path).expect("a listener");
    let logger = Logger::new(LogConf { format: LogFormat::Json, ..conf(at(&path)) });
    for event in Event::ALL {
        let mut record = Record::builder();
        // The level of the event goes before that of the record.
        record.level(Level::Error).target(event.target());
        let fields = [("path", "/srv/node/sda"), ("verdict", "busy")];
        logger.log(&record.key_values(&fields).args(format_args!("words")).build());
        let datagram = receive(&listener);
        let object = datagram.split_once('>').expect("a priority").1.trim_end_matches('\0');
        let object: serde_json::Value = serde_json::from_str(object).expect("an object");
        assert_eq!(object["event"], event.word());
        assert_eq!(object["level"], format!("{:?}", event.level()).to_lowercase());
        assert_eq!(
            (&object["path"], &object["verdict"]),
            (&"/srv/node/sda".into(), &"busy".into())
        );
    }
}

#[test]
fn lines_lost_are_told_of_in_json_too() {
    let folder = TempDir::new().expect("a folder");
    let path = folder.path().join("log");
    let listener = UnixDatagram::bind(&path).expect("a listener");
    let logger = Logger::new(LogConf { format: LogFormat::Json, ..conf(at(&path)) });
    inform(&logger, "there");
    drop(receive(&listener));
    drop(listener);
    fs::remove_file(&path).expect("removed");
    inform(&logger, "lost");
    let listener = UnixDatagram::bind(&path).expect("a listener");
    inform(&logger, "there again");
    let datagram = receive(&listener);
    let object = datagram.strip_prefix("<132>").expect("a warning").trim_end_matches('\0');
    let object: serde_json::Value = serde_json::from_str(object).expect("an object");
    assert_eq!(object["event"], "lines-lost");
}
