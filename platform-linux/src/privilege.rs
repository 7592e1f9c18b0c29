//! What a daemon does to itself at its start: priorities, user, session, standard streams.
//!
//! In Swift's order: [`nice`] and [`ionice`], then [`turn_into`] (`drop_privileges`), then
//! [`detach`] (`clean_up_daemon_hygiene`, `capture_stdio`). Linux keeps both priorities a
//! thread: call these before any thread is started, but for the one that waits for signals.
use std::fs::OpenOptions;
use std::os::unix::fs::fchown;
use std::path::Path;
use std::process::{Command, Stdio};
use std::{error, fmt, io};

use martlet_core::conf::IoClass;
use nix::sys::stat::{Mode, umask};
use nix::unistd;
use rustix::fs::{self, OFlags, fstat, mkdirat, open, openat};
use rustix::io::Errno;

use crate::conf::Account;

/// A step that failed: doing what, because of what.
#[derive(Debug)]
pub struct PrivilegeError {
    doing: String,
    cause: Cause,
}

#[derive(Debug)]
enum Cause {
    System(io::Error),
    Words(String),
}

impl fmt::Display for PrivilegeError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.cause {
            Cause::System(error) => write!(out, "cannot {}: {error}", self.doing),
            Cause::Words(words) => write!(out, "cannot {}: {words}", self.doing),
        }
    }
}

impl error::Error for PrivilegeError {}

/// An error of the system while `doing`.
fn failed<E: Into<io::Error>>(doing: impl Into<String>) -> impl FnOnce(E) -> PrivilegeError {
    let doing = doing.into();
    |error| PrivilegeError { doing, cause: Cause::System(error.into()) }
}

/// `nice_priority`, -20 to 19; the kernel takes the nearest end for what is outside.
pub fn nice(priority: i32) -> Result<(), PrivilegeError> {
    rustix::process::setpriority_process(None, priority)
        .map_err(failed(format!("set nice priority {priority}")))
}

/// The least favoured priority in a class.
const IONICE_PRIORITY_MAX: i64 = 7;

/// `ionice_class` and `ionice_priority`, 0 to 7; an idle process has no priority.
///
/// No library offers ioprio_set(2) as a safe call, so the command `ionice` of util-linux or busybox
/// makes it, once, at the start.
pub fn ionice(class: IoClass, priority: i64) -> Result<(), PrivilegeError> {
    let doing = || format!("set ionice {class:?} {priority} by the command ionice");
    let failed_with = |words| PrivilegeError { doing: doing(), cause: Cause::Words(words) };
    // The kernel takes the upper bits for something else and says nothing.
    if !(0..=IONICE_PRIORITY_MAX).contains(&priority) {
        return Err(failed_with(format!("the priority is 0 to {IONICE_PRIORITY_MAX}")));
    }
    let mut command = Command::new("ionice");
    command.args(["-c", &class.number().to_string()]);
    if class != IoClass::Idle {
        command.args(["-n", &priority.to_string()]);
    }
    command.args(["-p", &std::process::id().to_string()]).stdin(Stdio::null());
    let output = command.output().map_err(failed(doing()))?;
    if output.status.success() {
        return Ok(());
    }
    let words = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    let words = if words.is_empty() { output.status.to_string() } else { words };
    Err(failed_with(words))
}

/// Whether this process is root: what it writes would belong to root.
#[must_use]
pub fn is_root() -> bool {
    unistd::geteuid().is_root()
}

/// Becomes `account`, which is named `user`, for good, with the groups it is a member of. Nothing to
/// do for an ordinary user who is that user.
///
/// Swift sets `$HOME`, too. A process with threads cannot change its environment safely, and nothing
/// here reads it.
pub fn turn_into(user: &str, account: &Account) -> Result<(), PrivilegeError> {
    let doing = |what: &str| format!("become user {user} ({what})");
    if !is_root() && unistd::getuid() == account.uid {
        return Ok(());
    }
    if is_root() {
        unistd::setgroups(&account.groups).map_err(failed(doing("setgroups")))?;
    }
    unistd::setgid(account.gid).map_err(failed(doing("setgid")))?;
    unistd::setuid(account.uid).map_err(failed(doing("setuid")))
}

/// Makes the directory `dir` for `account` while this process still is root, as systemd's
/// `StateDirectory` does: the account itself may make none in `/var/lib`. What is there stays as it is.
/// Nothing is done by an ordinary user, and nothing where others than root may write: there the
/// account makes its own.
pub fn make_for(account: &Account, dir: &Path) -> io::Result<()> {
    let (Some(above), Some(name)) = (dir.parent(), dir.file_name()) else { return Ok(()) };
    if !is_root() {
        return Ok(());
    }
    let flags = OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let above = open(above, OFlags::DIRECTORY | OFlags::CLOEXEC, fs::Mode::empty())?;
    let found = fstat(&above)?;
    if found.st_uid != 0 || found.st_mode & 0o022 != 0 {
        return Ok(());
    }
    match mkdirat(&above, name, fs::Mode::from_raw_mode(0o755)) {
        Err(Errno::EXIST) => return Ok(()),
        made => made?,
    }
    let made = openat(&above, name, flags, fs::Mode::empty())?;
    fchown(made, Some(account.uid.as_raw()), Some(account.gid.as_raw()))
}

/// What becomes of stderr.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stderr {
    /// It stays: `-v` logs to it.
    Kept,
    /// It goes to `/dev/null` with stdin and stdout.
    Released,
}

/// A session of its own, `/` as directory, umask 022, and the standard streams at `/dev/null`.
///
/// `swift-init start` reads the daemon's output until it is closed, so this is what lets it return;
/// `swift-init stop --kill-after-timeout` kills the process group, so it must be our own.
pub fn detach(stderr: Stderr) -> Result<(), PrivilegeError> {
    // The leader of a group cannot begin a session and need not: that is no error.
    let _leader = unistd::setsid();
    unistd::chdir("/").map_err(failed("change directory to /"))?;
    umask(Mode::from_bits_truncate(0o022));
    let doing = "release the standard streams to /dev/null";
    let null =
        OpenOptions::new().read(true).write(true).open("/dev/null").map_err(failed(doing))?;
    unistd::dup2_stdin(&null).map_err(failed(doing))?;
    unistd::dup2_stdout(&null).map_err(failed(doing))?;
    match stderr {
        Stderr::Kept => Ok(()),
        Stderr::Released => unistd::dup2_stderr(&null).map_err(failed(doing)),
    }
}
