//! [`Running`]: the real daemon in a process of its own, watched by its log and by `/proc`.
use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::Duration;

use martlet_platform_linux::clock;
use nix::sys::signal::{Signal, kill};
use nix::unistd::{Pid, User, geteuid};

use crate::command::martlet;
use crate::fixtures::manifest;

/// Nothing that is waited for takes longer, however busy the machine is.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// Lines of its log that are shown when something does not happen.
const SHOWN_MAX: usize = 20;

/// A daemon that runs.
#[derive(Debug)]
pub struct Running {
    child: Child,
    lines: Receiver<String>,
    seen: Vec<String>,
}

/// A conf file in `dir` for the databases below `devices`: no rate, no rest, debug log; `more`
/// are lines of the auditor's own section and win.
///
/// # Panics
/// If it cannot be written, or this user has no name.
#[must_use]
pub fn conf(dir: &Path, devices: &Path, more: &str) -> PathBuf {
    let user = User::from_uid(geteuid()).expect("a look-up").expect("this user has a name").name;
    let mut options = vec![
        ("devices".to_owned(), devices.display().to_string()),
        ("mount_check".to_owned(), "false".to_owned()),
        ("user".to_owned(), user),
        ("log_level".to_owned(), "DEBUG".to_owned()),
        ("log_address".to_owned(), dir.join("no-log").display().to_string()),
        ("recon_cache_path".to_owned(), dir.display().to_string()),
        ("state_path".to_owned(), dir.join("state").display().to_string()),
        ("interval".to_owned(), "0".to_owned()),
        ("containers_per_second".to_owned(), "0".to_owned()),
    ];
    for (key, value) in more.lines().filter_map(|line| line.split_once(" = ")) {
        options.retain(|option| option.0 != key);
        options.push((key.to_owned(), value.to_owned()));
    }
    let options: Vec<_> = options.iter().map(|it| format!("{} = {}\n", it.0, it.1)).collect();
    let path = dir.join("container-server.conf");
    let text = format!("[container-auditor]\n{}", options.concat());
    fs::write(&path, text).unwrap_or_else(|e| panic!("cannot write {}: {e}", path.display()));
    path
}

/// A command in a mount namespace of its own, in which `/etc` has this user and the fixtures'
/// `swift.conf`, and `/run` is empty. None, and a word on it, without root.
///
/// # Panics
/// If the folder for `/etc` cannot be filled.
#[must_use]
pub fn in_own_etc(dir: &Path, command: &Path) -> Option<Command> {
    if !geteuid().is_root() {
        eprintln!("NOT TESTED: a swift.conf in /etc/swift needs root, for mounts of its own");
        return None;
    }
    let etc = dir.join("etc");
    fs::create_dir_all(etc.join("swift")).expect("a folder");
    for name in ["passwd", "group", "nsswitch.conf"] {
        let _absent_is_well = fs::copy(Path::new("/etc").join(name), etc.join(name));
    }
    let (prefix, suffix) = (&manifest().hash_path_prefix, &manifest().hash_path_suffix);
    let swift = format!(
        "[swift-hash]\nswift_hash_path_prefix = {prefix}\nswift_hash_path_suffix = {suffix}\n"
    );
    fs::write(etc.join("swift/swift.conf"), swift).expect("a swift.conf");
    let mut own = Command::new("unshare");
    own.args(["--mount", "sh", "-c"]);
    own.arg(r#"mount --bind "$1" /etc && mount -t tmpfs none /run && shift && exec "$@""#);
    own.arg("sh").arg(etc).arg(command);
    Some(own)
}

impl Running {
    /// `martlet run CONF -v`, once it takes signals.
    ///
    /// # Panics
    /// If it does not start.
    #[must_use]
    pub fn start(conf: &Path) -> Self {
        Self::start_in(conf, &[])
    }

    /// The same, with this added to its environment.
    ///
    /// # Panics
    /// If it does not start.
    #[must_use]
    pub fn start_in(conf: &Path, environment: &[(&str, &str)]) -> Self {
        let mut command = Command::new(martlet());
        command.envs(environment.iter().copied());
        command.arg("run").arg(conf).arg("-v");
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("the daemon starts");
        let stderr = BufReader::new(child.stderr.take().expect("its stderr"));
        let (told, lines) = channel();
        std::thread::spawn(move || {
            for line in stderr.lines().map_while(Result::ok) {
                if told.send(line).is_err() {
                    return;
                }
            }
        });
        let mut running = Self { child, lines, seen: Vec::new() };
        running.until("Starting ");
        running
    }

    /// Its process.
    #[must_use]
    pub fn pid(&self) -> Pid {
        Pid::from_raw(i32::try_from(self.child.id()).unwrap_or(0))
    }

    /// Sends it a signal.
    ///
    /// # Panics
    /// If it is gone.
    pub fn send(&self, signal: Signal) {
        kill(self.pid(), signal).expect("it runs");
    }

    /// Waits for the next line with these words.
    ///
    /// # Panics
    /// If it ends before, or does not come to it.
    pub fn until(&mut self, words: &str) -> String {
        let end = clock::mono().after(PATIENCE);
        loop {
            match self.lines.recv_timeout(end.since(clock::mono())) {
                Ok(line) => {
                    self.seen.push(line.clone());
                    if line.contains(words) {
                        return line;
                    }
                }
                Err(why) => panic!("{why} before {words:?}: {:#?}", self.last()),
            }
        }
    }

    /// Asks for its line of status.
    pub fn status(&mut self) -> String {
        self.send(Signal::SIGUSR1);
        self.until(" databases audited, ")
    }

    /// Asks for its line of status until it has these words.
    ///
    /// # Panics
    /// If it does not come to it.
    pub fn until_status(&mut self, words: &str) {
        let end = clock::mono().after(PATIENCE);
        while !self.status().contains(words) {
            assert!(clock::mono() < end, "never {words:?}: {:#?}", self.last());
        }
    }

    /// The last of what it said.
    fn last(&self) -> &[String] {
        &self.seen[self.seen.len().saturating_sub(SHOWN_MAX)..]
    }

    /// Looks again and again, until it is so.
    ///
    /// # Panics
    /// If it does not come to it.
    pub fn until_so(&self, what: &str, is_so: impl Fn(&Self) -> bool) {
        let end = clock::mono().after(PATIENCE);
        while !is_so(self) {
            assert!(clock::mono() < end, "never: {what}; {:#?}", self.last());
            std::thread::yield_now();
        }
    }

    /// Whether it has the file open.
    #[must_use]
    pub fn has_open(&self, file: &Path) -> bool {
        let entries = fs::read_dir(format!("/proc/{}/fd", self.pid()));
        let mut links = entries.into_iter().flatten().flatten().map(|it| fs::read_link(it.path()));
        links.any(|link| link.is_ok_and(|link| link == file))
    }

    /// Whether none of its threads is running or waiting for a disk.
    #[must_use]
    pub fn is_asleep(&self) -> bool {
        let tasks = fs::read_dir(format!("/proc/{}/task", self.pid()));
        let mut stats = tasks.into_iter().flatten().flatten();
        stats.all(|task| {
            let stat = fs::read_to_string(task.path().join("stat")).unwrap_or_default();
            stat.rsplit_once(") ").is_some_and(|(_, rest)| rest.starts_with('S'))
        })
    }

    /// Its user time so far, in clock ticks.
    #[must_use]
    pub fn ticks(&self) -> u64 {
        ticks(self.pid())
    }

    /// Ends it by SIGTERM and returns how long that took, how it ended, and all it said.
    ///
    /// # Panics
    /// If it takes ten seconds.
    #[must_use]
    pub fn end(mut self) -> (Duration, ExitStatus, Vec<String>) {
        let from = clock::mono();
        self.send(Signal::SIGTERM);
        let end = from.after(Duration::from_secs(10));
        loop {
            match self.lines.recv_timeout(end.since(clock::mono())) {
                Ok(line) => self.seen.push(line),
                Err(RecvTimeoutError::Disconnected) => break,
                Err(RecvTimeoutError::Timeout) => {
                    let _gone = self.child.kill();
                    panic!("it does not end: {:#?}", self.last());
                }
            }
        }
        let status = self.child.wait().expect("it ended");
        (clock::mono().since(from), status, std::mem::take(&mut self.seen))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // A test that failed leaves no daemon behind; one that ended is gone.
        let _gone = self.child.kill();
        let _waited = self.child.wait();
    }
}

/// User time of a process that nobody has waited for, in clock ticks.
#[must_use]
pub fn ticks(pid: Pid) -> u64 {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    // proc_pid_stat(5): the 14th field; the second is the name in brackets.
    let fields = stat.rsplit_once(") ").map_or("", |(_, rest)| rest);
    fields.split(' ').nth(11).and_then(|it| it.parse().ok()).unwrap_or(0)
}
