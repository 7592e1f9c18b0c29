//! SIGTERM ends the daemon in every state, with exit code 0.
//!
//! The times are printed: `cargo test -p martlet-tests --test it daemon::stop -- --nocapture`.
use std::fs::{self, File};
use std::io::Read as _;
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use martlet_tests::command::martlet;
use martlet_tests::daemon::{Running, conf, ticks};
use martlet_tests::damage;
use martlet_tests::fixtures::named;
use martlet_tests::tree::{Placed, Tree};
use nix::unistd::Pid;
use rusqlite::Connection;
use tempfile::TempDir;

/// A node of one device and a folder for conf and recon cache.
struct Node {
    tree: Tree,
    dir: TempDir,
}

impl Node {
    fn new() -> Self {
        Self { tree: Tree::new(), dir: TempDir::new().expect("a folder") }
    }

    /// A database in a partition of choice, so that the order of the walk is known.
    fn add(&self, partition: &str, fixture: &str) -> Placed {
        let fixture = named(fixture);
        let hash = &fixture.hash;
        self.tree.add_at("sda", fixture, [partition, &hash[29..], hash], hash)
    }

    fn start(&self, more: &str) -> Running {
        Running::start(&conf(self.dir.path(), self.tree.devices(), more))
    }
}

/// Ends it, and returns what it said in all.
fn end(state: &str, running: Running) -> Vec<String> {
    let (took, status, said) = running.end();
    assert_eq!(status.code(), Some(0), "{state}: {said:#?}");
    assert!(said.iter().any(|line| line.contains("SIGTERM received (")), "{state}: {said:#?}");
    eprintln!("{:>8.1} ms  {state}", took.as_secs_f64() * 1e3);
    said
}

#[test]
fn in_the_first_sleep() {
    let node = Node::new();
    let mut running = node.start("interval = 100000");
    running.until_status(": resting: ");
    let said = end("first sleep", running);
    assert!(!said.iter().any(|line| line.contains("Begin ")), "{said:#?}");
}

#[test]
fn at_the_gate() {
    let node = Node::new();
    let _first = node.add("1", "small");
    let _second = node.add("2", "one");
    let _third = node.add("3", "empty");
    let mut running = node.start("containers_per_second = 0.001");
    // The gate lets the first one through.
    running.until("Audit passed for ");
    running.until("Audit passed for ");
    running.until_status(" 0 of 1 devices done, 2 databases audited");
    end("gate", running);
}

#[test]
fn with_a_locked_database_on_the_shelf() {
    let node = Node::new();
    let locked = node.add("1", "small");
    let sound = node.add("2", "one");
    let holder = Connection::open(locked.db()).expect("it opens");
    holder.execute_batch("BEGIN EXCLUSIVE").expect("nobody else is there");
    let mut running = node.start("");
    let passed = running.until("Audit passed for ");
    assert!(passed.contains(&sound.db().display().to_string()), "{passed}");
    running.until_status(" 0 of 1 devices done, 1 databases audited");
    end("busy shelf", running);
}

/// A view that counts for about a second and then reads the stat row.
fn make_slow(placed: &Placed) {
    let slow = "DROP VIEW container_stat; CREATE VIEW container_stat AS
        WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 700000)
        SELECT container_info.*, 0 AS object_count, 0 AS bytes_used
        FROM (SELECT max(i) AS i FROM n), container_info";
    damage::sql_behind_triggers(&placed.db(), slow);
}

#[test]
fn inside_a_long_query() {
    let node = Node::new();
    let slow = node.add("1", "small");
    make_slow(&slow);
    let mut running = node.start("");
    running.until("Begin container audit pass.");
    let start = running.ticks();
    running.until_so("the query runs", |it| it.has_open(&slow.db()) && start + 3 < it.ticks());
    let said = end("query", running);
    assert!(!said.iter().any(|line| line.contains("Audit passed")), "cut short: {said:#?}");
}

#[test]
fn in_the_second_look_at_a_damaged_database() {
    let node = Node::new();
    let damaged = node.add("1", "small");
    make_slow(&damaged);
    let page = damage::root_page(&damaged.db(), "container_info");
    damage::zero_page(&damaged.db(), page);
    let one_look = ticks_of_one_look(&damaged.db());
    assert!(5 < one_look, "{one_look} ticks are too few to be seen");
    let mut running = node.start("");
    running.until("Begin container audit pass.");
    let start = running.ticks();
    running.until_so("it looks for the second time", |it| {
        it.has_open(&damaged.db()) && start + one_look + one_look / 3 < it.ticks()
    });
    end("second look", running);
    assert!(damaged.db().exists(), "half a look moves nothing");
}

/// The user time of a command that looks once.
fn ticks_of_one_look(database: &Path) -> u64 {
    let mut command = Command::new(martlet());
    command.arg("check").arg(database).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child = command.spawn().expect("the command starts");
    let mut said = String::new();
    let mut stdout = child.stdout.take().expect("its output");
    stdout.read_to_string(&mut said).expect("it says something");
    assert!(said.starts_with("damaged"), "{said}");
    let ticks = ticks(Pid::from_raw(i32::try_from(child.id()).expect("a PID")));
    child.wait().expect("it ended");
    ticks
}

#[test]
fn while_others_hold_the_recon_cache() {
    let node = Node::new();
    let _small = node.add("1", "small");
    let recon = node.dir.path().join("container.recon");
    let held = File::create(&recon).expect("a recon cache");
    held.lock().expect("nobody else is there");
    let mut running = node.start("");
    running.until("Container audit pass completed: ");
    running.until_so("it waits for the lock", |it| it.has_open(&recon));
    end("recon lock", running);
}

#[test]
fn while_nobody_reads_the_log() {
    let node = Node::new();
    let _small = node.add("1", "small");
    let socket: PathBuf = node.dir.path().join("log");
    let _stopped = UnixDatagram::bind(&socket).expect("a listener");
    let filler = UnixDatagram::unbound().expect("a socket");
    filler.set_nonblocking(true).expect("it does not wait");
    while filler.send_to(b"full", &socket).is_ok() {}
    let mut running = node.start(&format!("log_address = {}", socket.display()));
    running.until("Container audit pass completed: ");
    end("log reader stopped", running);
}

#[test]
fn while_every_lane_waits() {
    let node = Node::new();
    for device in ["sda", "sdb", "sdc", "sdd"] {
        let _one = node.tree.add(device, named("small"));
        let _two = node.tree.add(device, named("one"));
    }
    let mut running = node.start("containers_per_second = 0.001\nlanes = 4");
    running.until("Audit passed for ");
    running.until_status(": sweeping: ");
    running.until_so("all threads sleep", Running::is_asleep);
    let tasks = fs::read_dir(format!("/proc/{}/task", running.pid())).expect("it runs").count();
    assert!(4 <= tasks, "{tasks} threads");
    end("all lanes waiting", running);
}
