//! One run of an auditor, Swift's or Martlet, with everything that it says caught.
//!
//! The log goes to a socket of ours, so that levels are seen, and to stderr; statsd packets go to
//! a port of ours. The devices root and the recon cache lie in a temporary directory.

use std::fmt::Write as _;
use std::net::UdpSocket;
use std::os::unix::net::UnixDatagram;
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use tempfile::TempDir;

use crate::damage::{chmod, put_dir, put_file};
use crate::tree::Tree;

/// Longer than any packet or log line; Swift's tracebacks have a few thousand bytes.
const PACKET_MAX: usize = 1 << 16;
/// How often the sinks look whether the run has ended.
const SINK_WAIT: Duration = Duration::from_millis(50);

/// Where a run takes place.
#[derive(Debug)]
pub struct Room {
    dir: TempDir,
    /// The devices root.
    pub tree: Tree,
}

/// What one run needs to know beyond its tree.
#[derive(Clone, Debug)]
pub struct Options {
    /// `mount_check`.
    pub mount_check: bool,
    /// `user`; the process starts as whoever runs the tests.
    pub user: String,
    /// Further lines for the section `[container-auditor]`.
    pub more: &'static str,
    /// After this long the process is killed and `hangs` is its answer.
    pub limit: Duration,
}

/// What a run said and did, as it came.
#[derive(Debug)]
pub struct Heard {
    /// Its exit status; `None` if it had to be killed.
    pub status: Option<ExitStatus>,
    /// Standard output.
    pub stdout: String,
    /// Standard error, where `-v` puts the log.
    pub stderr: String,
    /// Syslog packets, `<PRI>tag: text`.
    pub syslog: Vec<String>,
    /// Statsd packets.
    pub statsd: Vec<String>,
}

impl Heard {
    /// The exit code, or the signal that ended it as a negative number.
    #[must_use]
    pub fn code(&self) -> Option<i32> {
        self.status.and_then(|s| s.code().or_else(|| s.signal().map(|n| -n)))
    }
}

impl Default for Room {
    fn default() -> Self {
        Self::new()
    }
}

impl Room {
    /// An empty devices root and an empty recon cache.
    ///
    /// # Panics
    /// If there is no room for temporary files.
    #[must_use]
    pub fn new() -> Self {
        let dir = tempfile::Builder::new().prefix("martlet-room-").tempdir();
        let dir = dir.expect("cannot make a temporary directory");
        chmod(dir.path(), 0o755);
        let node = dir.path().join("node");
        put_dir(&node);
        put_dir(&dir.path().join("recon"));
        Self { tree: Tree::at(&node), dir }
    }

    /// The directory that holds all of it.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.dir.path()
    }

    /// `recon_cache_path`.
    #[must_use]
    pub fn recon(&self) -> PathBuf {
        self.path().join("recon")
    }

    /// Runs `command CONF once -v` until it ends. `meanwhile` runs while it does; what it returns
    /// is kept until the end.
    ///
    /// # Panics
    /// If the command cannot be started.
    pub fn once<T>(
        &self,
        mut command: Command,
        options: &Options,
        meanwhile: impl FnOnce(&mpsc::Receiver<()>) -> T,
    ) -> Heard {
        let log = self.path().join("log");
        let log_sink = UnixDatagram::bind(&log).expect("a socket for the log");
        chmod(&log, 0o777);
        log_sink.set_read_timeout(Some(SINK_WAIT)).expect("a socket takes a timeout");
        let statsd_sink = UdpSocket::bind("127.0.0.1:0").expect("a port for statsd");
        statsd_sink.set_read_timeout(Some(SINK_WAIT)).expect("a socket takes a timeout");
        let port = statsd_sink.local_addr().expect("a port has a number").port();
        let conf = self.path().join("container-server.conf");
        put_file(&conf, self.conf(&log, port, options).as_bytes());

        let ended = Arc::new(AtomicBool::new(false));
        let syslog = sink(&ended, move |buffer| log_sink.recv(buffer));
        let statsd = sink(&ended, move |buffer| statsd_sink.recv(buffer));

        command.arg(&conf).args(["once", "-v"]).current_dir("/").env_remove("NOTIFY_SOCKET");
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap_or_else(|e| panic!("cannot run {command:?}: {e}"));
        let (says, closed) = mpsc::channel();
        let stdout = drain(child.stdout.take().expect("stdout is a pipe"), None);
        let stderr = drain(child.stderr.take().expect("stderr is a pipe"), Some(says));
        let beside = meanwhile(&closed);
        let ended_itself =
            closed.recv_timeout(options.limit) != Err(mpsc::RecvTimeoutError::Timeout);
        if !ended_itself {
            child.kill().expect("a child can be killed");
        }
        let status = child.wait().expect("a child can be waited for");
        drop(beside);
        ended.store(true, Ordering::Release);
        let heard = Heard {
            status: ended_itself.then_some(status),
            stdout: joined(stdout),
            stderr: joined(stderr),
            syslog: joined(syslog),
            statsd: joined(statsd),
        };
        std::fs::remove_file(&log).expect("our own socket can be removed");
        heard
    }

    fn conf(&self, log: &Path, port: u16, options: &Options) -> String {
        let Options { mount_check, user, more, .. } = options;
        let mut conf = String::from("[DEFAULT]\n");
        let (devices, recon) = (self.tree.devices().display(), self.recon());
        let lines = writeln!(
            conf,
            "devices = {devices}\nmount_check = {mount_check}\nuser = {user}\n\
             log_level = DEBUG\nlog_address = {}\nlog_statsd_host = 127.0.0.1\n\
             log_statsd_port = {port}\n\n[container-auditor]\nrecon_cache_path = {}\n\
             containers_per_second = 400\nstate_path =\n{more}",
            log.display(),
            recon.display(),
        );
        lines.expect("a String takes any text");
        conf
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        // An ordinary user cannot empty a directory that is closed even to its owner.
        open_up(self.dir.path());
    }
}

fn open_up(dir: &Path) {
    for entry in std::fs::read_dir(dir).into_iter().flatten().flatten() {
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            chmod(&entry.path(), 0o755);
            open_up(&entry.path());
        }
    }
}

/// Collects packets until the run has ended and nothing more is waiting.
fn sink(
    ended: &Arc<AtomicBool>,
    receive: impl Fn(&mut [u8]) -> std::io::Result<usize> + Send + 'static,
) -> JoinHandle<Vec<String>> {
    let ended = Arc::clone(ended);
    thread::spawn(move || {
        let (mut packets, mut buffer) = (Vec::new(), vec![0; PACKET_MAX]);
        loop {
            let last_look = ended.load(Ordering::Acquire);
            match receive(&mut buffer) {
                Ok(bytes) => packets.push(String::from_utf8_lossy(&buffer[..bytes]).into_owned()),
                Err(_) if last_look => return packets,
                Err(_) => (),
            }
        }
    })
}

fn drain(
    mut from: impl std::io::Read + Send + 'static,
    says: Option<mpsc::Sender<()>>,
) -> JoinHandle<String> {
    thread::spawn(move || {
        let mut bytes = Vec::new();
        let read = from.read_to_end(&mut bytes);
        drop(says);
        read.map_or_else(
            |e| format!("cannot read it: {e}"),
            |_| String::from_utf8_lossy(&bytes).into_owned(),
        )
    })
}

fn joined<T>(thread: JoinHandle<T>) -> T {
    thread.join().expect("a thread that only reads does not panic")
}
