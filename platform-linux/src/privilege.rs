//! What a daemon does to itself at its start: priorities, user, session, standard streams.
//!
//! In Swift's order: [`nice`] and [`ionice`], then [`find`] and [`turn_into`] (`drop_privileges`),
//! then [`detach`] (`clean_up_daemon_hygiene`, `capture_stdio`). Linux keeps both priorities a
//! thread: call these before any thread is started, but for the one that waits for signals.
use std::ffi::CString;
use std::fs::OpenOptions;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::{error, fmt, io};

use nix::sys::stat::{Mode, umask};
use nix::unistd::{self, Gid, Uid};

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

/// `ionice_class`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IoClass {
    /// `IOPRIO_CLASS_RT`.
    RealTime,
    /// `IOPRIO_CLASS_BE`.
    BestEffort,
    /// `IOPRIO_CLASS_IDLE`.
    Idle,
}

impl IoClass {
    /// Swift's name for it; other names are none.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        match name {
            "IOPRIO_CLASS_RT" => Some(Self::RealTime),
            "IOPRIO_CLASS_BE" => Some(Self::BestEffort),
            "IOPRIO_CLASS_IDLE" => Some(Self::Idle),
            _ => None,
        }
    }
}

/// The least favoured priority in a class.
const IONICE_PRIORITY_MAX: u8 = 7;

/// `ionice_class` and `ionice_priority`, 0 to 7; an idle process has no priority.
///
/// No library offers ioprio_set(2) as a safe call, so the command `ionice` of util-linux or busybox
/// makes it, once, at the start.
pub fn ionice(class: IoClass, priority: u8) -> Result<(), PrivilegeError> {
    let doing = || format!("set ionice {class:?} {priority} by the command ionice");
    let failed_with = |words| PrivilegeError { doing: doing(), cause: Cause::Words(words) };
    // The kernel takes the upper bits for something else and says nothing.
    if IONICE_PRIORITY_MAX < priority {
        return Err(failed_with(format!("the priority is 0 to {IONICE_PRIORITY_MAX}")));
    }
    let number = match class {
        IoClass::RealTime => "1",
        IoClass::BestEffort => "2",
        IoClass::Idle => "3",
    };
    let mut command = Command::new("ionice");
    command.args(["-c", number]);
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

/// Somebody a process can run as.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    name: String,
    uid: Uid,
    gid: Gid,
    groups: Vec<Gid>,
    home: PathBuf,
}

impl User {
    /// The home directory.
    ///
    /// Swift puts it into `$HOME`. A process with threads cannot change its environment safely, and
    /// nothing here reads it.
    #[must_use]
    pub fn home(&self) -> &Path {
        &self.home
    }
}

/// Looks `user` up; it must exist even if it is who we are already, as in Swift.
///
/// A statically linked program reads `/etc/passwd` and `/etc/group` only: it does not know users
/// that exist in LDAP alone.
pub fn find(user: &str) -> Result<User, PrivilegeError> {
    let doing = || format!("find user {user}");
    let none =
        |words: &str| PrivilegeError { doing: doing(), cause: Cause::Words(words.to_owned()) };
    let found = unistd::User::from_name(user).map_err(failed(doing()))?;
    let found = found.ok_or_else(|| none("there is no such user"))?;
    let name = CString::new(user).map_err(|_| none("the name contains a zero byte"))?;
    let groups = unistd::getgrouplist(&name, found.gid).map_err(failed(doing()))?;
    Ok(User { name: user.to_owned(), uid: found.uid, gid: found.gid, groups, home: found.dir })
}

/// Becomes `user` for good, with the groups it is a member of. Nothing to do for an ordinary user
/// who is that user.
pub fn turn_into(user: &User) -> Result<(), PrivilegeError> {
    let doing = |what: &str| format!("become user {} ({what})", user.name);
    if !unistd::geteuid().is_root() && unistd::getuid() == user.uid {
        return Ok(());
    }
    if unistd::geteuid().is_root() {
        unistd::setgroups(&user.groups).map_err(failed(doing("setgroups")))?;
    }
    unistd::setgid(user.gid).map_err(failed(doing("setgid")))?;
    unistd::setuid(user.uid).map_err(failed(doing("setuid")))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_have_swifts_names() {
        for (name, class) in [
            ("IOPRIO_CLASS_RT", Some(IoClass::RealTime)),
            ("IOPRIO_CLASS_BE", Some(IoClass::BestEffort)),
            ("IOPRIO_CLASS_IDLE", Some(IoClass::Idle)),
            ("ioprio_class_idle", None),
            ("IOPRIO_CLASS_NONE", None),
            ("", None),
        ] {
            assert_eq!(IoClass::named(name), class, "{name}");
        }
    }

    #[test]
    fn a_user_must_exist() {
        let root = find("root").expect("root exists everywhere");
        assert_eq!((root.uid, root.gid), (Uid::from_raw(0), Gid::from_raw(0)));
        assert!(root.groups.contains(&root.gid));
        for (user, words) in [
            ("no-such-user", "cannot find user no-such-user: there is no such user"),
            ("", "cannot find user : there is no such user"),
        ] {
            assert_eq!(find(user).expect_err(user).to_string(), words);
        }
        assert!(find("a\0b").is_err(), "and a zero byte is no panic");
    }
}
