//! What the daemon tells its service manager, and Swift's own tools (`systemd_notify`).
//!
//! Nothing here waits or fails: whoever does not listen misses it, which is a debug line.
use std::ffi::{OsStr, OsString};
use std::io;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::time::Duration;

use martlet_core::event::Event;

use crate::event;

/// One thing to tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Note<'a> {
    /// The start is over.
    Ready,
    /// The end has begun.
    Stopping,
    /// One line for `systemctl status`.
    Status(&'a str),
    /// Still alive; due once a [`Notify::watchdog_period`].
    Watchdog,
}

/// Where notes go.
#[derive(Debug)]
pub struct Notify {
    /// `$NOTIFY_SOCKET`: a path, or `@` and an abstract name.
    manager: Option<OsString>,
    watchdog_period: Option<Duration>,
}

impl Notify {
    /// Reads `NOTIFY_SOCKET`, `WATCHDOG_USEC` and `WATCHDOG_PID`.
    #[must_use]
    pub fn from_environment() -> Self {
        let number = |name| std::env::var(name).ok()?.parse::<u64>().ok();
        let pid = number("WATCHDOG_PID").is_none_or(|pid| pid == u64::from(std::process::id()));
        // Half of it, as sd_watchdog_enabled(3) advises.
        let period = number("WATCHDOG_USEC").filter(|usec| pid && 0 < *usec);
        Self {
            watchdog_period: period.map(|usec| Duration::from_micros(usec / 2)),
            ..Self::to(std::env::var_os("NOTIFY_SOCKET"))
        }
    }

    /// To this socket, written as in `NOTIFY_SOCKET`.
    #[must_use]
    pub fn to(manager: Option<OsString>) -> Self {
        let manager = manager.filter(|name| !name.is_empty());
        Self { manager, watchdog_period: None }
    }

    /// How often the service manager is to be told [`Note::Watchdog`], if it asked for that.
    #[must_use]
    pub const fn watchdog_period(&self) -> Option<Duration> {
        self.watchdog_period
    }

    /// Tells it, if anybody listens. Ready and stopping also go to the socket that Swift's
    /// `swift-reload` opens under this process's number.
    pub fn tell(&self, note: Note<'_>) {
        let (text, swift) = match note {
            Note::Ready => ("READY=1".to_owned(), true),
            Note::Stopping => ("STOPPING=1".to_owned(), true),
            // A line end would begin another assignment.
            Note::Status(line) => {
                (format!("STATUS={}", line.replace(|letter: char| letter.is_control(), " ")), false)
            }
            Note::Watchdog => ("WATCHDOG=1".to_owned(), false),
        };
        if swift {
            let name = format!("swift-notifications\0{}", std::process::id());
            match send(SocketAddr::from_abstract_name(name), &text) {
                // The usual case: nobody waits.
                Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {}
                sent => say(sent),
            }
        }
        if let Some(manager) = &self.manager {
            say(send(address(manager), &text));
        }
    }
}

fn say(sent: io::Result<()>) {
    if let Err(error) = sent {
        event::say(Event::NotifyFailed, format_args!("Systemd notification failed: {error}"));
    }
}

fn address(name: &OsStr) -> io::Result<SocketAddr> {
    match name.as_bytes() {
        [b'@', name @ ..] => SocketAddr::from_abstract_name(name),
        path => SocketAddr::from_pathname(OsStr::from_bytes(path)),
    }
}

fn send(to: io::Result<SocketAddr>, text: &str) -> io::Result<()> {
    let socket = UnixDatagram::unbound()?;
    socket.set_nonblocking(true)?;
    socket.send_to_addr(text.as_bytes(), &to?).map(|_whole| ())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn receive(listener: &UnixDatagram) -> String {
        // A bound for a note that never comes, not a measure.
        listener.set_read_timeout(Some(Duration::from_secs(60))).expect("a bound");
        let mut datagram = [0; 512];
        let length = listener.recv(&mut datagram).expect("a datagram");
        String::from_utf8_lossy(&datagram[..length]).into_owned()
    }

    #[test]
    fn notes_reach_the_service_manager() {
        let folder = tempfile::TempDir::new().expect("a folder");
        let path = folder.path().join("notify");
        let by_path = UnixDatagram::bind(&path).expect("a listener");
        let name = format!("martlet-test-{}", std::process::id());
        let address = SocketAddr::from_abstract_name(&name).expect("a name");
        let by_name = UnixDatagram::bind_addr(&address).expect("a listener");
        for (listener, to) in
            [(by_path, path.into_os_string()), (by_name, format!("@{name}").into())]
        {
            let notify = Notify::to(Some(to));
            for (note, text) in [
                (Note::Ready, "READY=1"),
                (Note::Status("pass 3, 12 %"), "STATUS=pass 3, 12 %"),
                (Note::Status("a\nREADY=1"), "STATUS=a READY=1"),
                (Note::Watchdog, "WATCHDOG=1"),
                (Note::Stopping, "STOPPING=1"),
            ] {
                notify.tell(note);
                assert_eq!(receive(&listener), text);
            }
        }
    }

    #[test]
    fn swifts_own_tools_hear_of_start_and_stop() {
        let name = format!("swift-notifications\0{}", std::process::id());
        let address = SocketAddr::from_abstract_name(name).expect("a name");
        let listener = UnixDatagram::bind_addr(&address).expect("a listener");
        let notify = Notify::to(None);
        notify.tell(Note::Status("not theirs"));
        notify.tell(Note::Ready);
        notify.tell(Note::Stopping);
        // Other tests of this process tell Ready and Stopping, too, but nothing else.
        for _ in 0..2 {
            assert!(["READY=1", "STOPPING=1"].contains(&receive(&listener).as_str()));
        }
    }

    #[test]
    fn nobody_listening_is_no_trouble() {
        let folder = tempfile::TempDir::new().expect("a folder");
        let full = folder.path().join("full");
        let _never_read = UnixDatagram::bind(&full).expect("a listener");
        for to in ["/nonexistent/notify".into(), "@".into(), "x".repeat(500).into(), full.into()] {
            let notify = Notify::to(Some(to));
            (0..1000).for_each(|_| notify.tell(Note::Watchdog));
            assert_eq!(notify.watchdog_period(), None, "and it still answers");
        }
    }
}
