//! Log lines to syslog as datagrams, in Swift's shape: `<PRI>tag: message` and a zero byte.
//!
//! A wait is short: the first line waits 200 ms for a name server, and a line 100 ms for room in a
//! full socket. A line that syslog does not take is lost and counted, and the count is sent as a line
//! of its own as soon as syslog takes lines again; until then nothing waits.
use std::io::{self, Write as _};
use std::mem;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::os::unix::fs::FileTypeExt;
use std::os::unix::net::UnixDatagram;
use std::path::PathBuf;
use std::time::Duration;

use martlet_core::conf::Level;

use crate::resolve::{Address, Known};

/// Where lines go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SyslogAt {
    /// `log_address`. If no socket is there, UDP to this host's port 514 until one is.
    Socket(PathBuf),
    /// `log_udp_host` and `log_udp_port`.
    Udp(String, u16),
}

/// Port 514 of this host: Swift's choice when `log_address` is no socket.
const FALLBACK: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 514);

/// How long a line waits for room in a full socket; not again until one was taken.
const FULL_PATIENCE: Duration = Duration::from_millis(100);
/// How long the first line waits for the address of `log_udp_host`.
const NAME_PATIENCE: Duration = Duration::from_millis(200);

/// The way to syslog.
#[derive(Debug)]
pub(crate) struct Syslog {
    to: To,
    facility: u8,
    link: Option<Link>,
    /// The datagram is made here each time.
    datagram: Vec<u8>,
    /// Lines lost since the last one that was taken.
    lost: u64,
}

#[derive(Debug)]
enum To {
    Socket {
        path: PathBuf,
        /// Once it was there, lines wait for its return: nobody may be listening on port 514.
        seen: bool,
    },
    Udp {
        address: Address,
        /// How long the next line waits for the name server: once, so that `Starting` is not lost.
        patience: Duration,
    },
}

#[derive(Debug)]
enum Link {
    Unix(UnixDatagram),
    Udp(UdpSocket, SocketAddr),
}

impl Syslog {
    /// Connects with the first line. `facility` is 0 to 23. `lost` lines are already to be told of.
    pub(crate) fn new(at: &SyslogAt, facility: u8, lost: u64) -> Self {
        let to = match at {
            SyslogAt::Socket(path) => To::Socket { path: path.clone(), seen: false },
            SyslogAt::Udp(host, port) => {
                To::Udp { address: Address::find(host, *port), patience: NAME_PATIENCE }
            }
        };
        Self { to, facility, link: None, datagram: Vec::new(), lost }
    }

    /// Sends `line`, or counts it as lost. What was lost before is told first, by the line that `told`
    /// makes of its number.
    pub(crate) fn send(&mut self, level: Level, line: &str, told: impl FnOnce(u64) -> String) {
        if 0 < self.lost {
            let told = told(self.lost);
            if !self.deliver(Level::Warning, &told) {
                self.lost += 1;
                return;
            }
            self.lost = 0;
        }
        if !self.deliver(level, line) {
            self.lost += 1;
        }
    }

    /// Lines lost and not yet told of.
    pub(crate) const fn lost(&self) -> u64 {
        self.lost
    }

    fn deliver(&mut self, level: Level, line: &str) -> bool {
        self.datagram.clear();
        let priority = u32::from(self.facility) * 8 + u32::from(severity(level));
        let written = write!(self.datagram, "<{priority}>{line}\0");
        debug_assert!(written.is_ok(), "a Vec takes all that is written");
        self.leave_the_fallback();
        // A second try, for a syslog that came back under the same name.
        for _ in 0..2 {
            let Some(link) = self.link.take().or_else(|| self.connect().ok()) else { return false };
            let sent = match &link {
                Link::Unix(socket) => match socket.send(&self.datagram) {
                    // Ten lines fill the queue of a socket: a burst gives its reader a moment.
                    Err(full) if full.kind() == io::ErrorKind::WouldBlock && self.lost == 0 => {
                        let waited = socket.set_nonblocking(false);
                        let sent = waited.and_then(|()| socket.send(&self.datagram));
                        socket.set_nonblocking(true).and(sent)
                    }
                    sent => sent,
                },
                Link::Udp(socket, to) => socket.send_to(&self.datagram, to),
            };
            let full = matches!(&sent, Err(error) if error.kind() == io::ErrorKind::WouldBlock);
            if sent.is_ok() || full {
                self.link = Some(link);
                return !full;
            }
        }
        false
    }

    /// Lets go of port 514 as soon as there is a socket at `log_address`, and of an address that
    /// the host no longer has.
    fn leave_the_fallback(&mut self) {
        let leave = match (&self.to, &self.link) {
            (To::Socket { path, .. }, Some(Link::Udp(..))) => is_socket(path),
            (To::Udp { address, .. }, Some(Link::Udp(_, to))) => {
                matches!(address.known(), Known::At(now) if now != *to)
            }
            (_, Some(Link::Unix(_)) | None) => false,
        };
        if leave {
            self.link = None;
        }
    }

    fn connect(&mut self) -> io::Result<Link> {
        match &mut self.to {
            To::Socket { path, seen } => {
                *seen |= is_socket(path);
                if !*seen {
                    return udp(FALLBACK);
                }
                let socket = UnixDatagram::unbound()?;
                socket.set_nonblocking(true)?;
                socket.set_write_timeout(Some(FULL_PATIENCE))?;
                socket.connect(path)?;
                Ok(Link::Unix(socket))
            }
            To::Udp { address, patience } => match address.known_within(mem::take(patience)) {
                Known::At(to) => udp(to),
                Known::NotYet | Known::Nowhere(_) => Err(io::ErrorKind::HostUnreachable.into()),
            },
        }
    }
}

fn is_socket(path: &PathBuf) -> bool {
    std::fs::metadata(path).is_ok_and(|found| found.file_type().is_socket())
}

/// Not connected, so that a closed port is no error, as in Swift.
fn udp(to: SocketAddr) -> io::Result<Link> {
    let socket = match to {
        SocketAddr::V4(_) => UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)),
        SocketAddr::V6(_) => UdpSocket::bind((Ipv6Addr::UNSPECIFIED, 0)),
    }?;
    socket.set_nonblocking(true)?;
    Ok(Link::Udp(socket, to))
}

/// Syslog's number for a level (`SysLogHandler.priority_map`, with Swift's NOTICE).
pub(crate) const fn severity(level: Level) -> u8 {
    match level {
        Level::Critical => 2,
        Level::Error => 3,
        Level::Warning => 4,
        Level::Notice => 5,
        Level::Info => 6,
        Level::Debug => 7,
    }
}
