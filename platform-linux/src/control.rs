//! The control socket: one Unix socket a conf, on which commands ask the running daemon.
//!
//! A request is a line, the answer a line. One client at a time, each with its patience; the thread
//! that serves them is blocked in `accept` while nobody asks. Who may connect is decided by the
//! socket's mode: its owner and group, and root.
use std::fs::{self, DirBuilder};
use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use martlet_core::event::Event;
use martlet_core::time::Mono;

use crate::clock;
use crate::error::Error;
use crate::event::say;

/// Bytes of a request at most: a word and a device's name.
const REQUEST_MAX: u64 = 512;
/// Bytes of an answer at most: some hundred for each of 1024 devices.
const ANSWER_MAX: u64 = 1 << 20;
/// Bytes of an answer written at once: they fit one buffer of the kernel's.
const PIECE_BYTES: usize = 4096;
/// How long one client is waited for, until its request is whole, and until it has its answer.
const PATIENCE: Duration = Duration::from_secs(2);
/// How long a daemon is waited for: it answers between two steps.
const ANSWER_PATIENCE: Duration = Duration::from_secs(10);
/// The serving thread writes a status line and calls no deeper.
const STACK_BYTES: usize = 256 * 1024;
/// Times in a row that `accept` may fail before nobody is served any more.
const FAILURES_MAX: u32 = 16;
/// Owner and group.
const MODE: u32 = 0o660;

/// What is asked of a daemon.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Request {
    /// Where it stands.
    Status,
    /// To begin nothing for so long.
    Pause(Duration),
    /// To go on after all.
    Resume,
    /// To move databases again, of the device of this name, or of all.
    Rearm(Option<String>),
}

impl Request {
    /// The line without its end.
    #[must_use]
    pub fn line(&self) -> String {
        match self {
            Self::Status => "status".to_owned(),
            Self::Pause(span) => format!("pause {}", span.as_secs()),
            Self::Resume => "resume".to_owned(),
            Self::Rearm(None) => "rearm".to_owned(),
            Self::Rearm(Some(device)) => format!("rearm {device}"),
        }
    }

    /// What a line asks, if it does.
    #[must_use]
    pub fn read(line: &str) -> Option<Self> {
        let (word, rest) = line.split_once(' ').map_or((line, None), |(word, it)| (word, Some(it)));
        match (word, rest) {
            ("status", None) => Some(Self::Status),
            ("resume", None) => Some(Self::Resume),
            ("rearm", device) => Some(Self::Rearm(device.map(str::to_owned))),
            ("pause", Some(seconds)) => {
                seconds.parse().ok().map(Duration::from_secs).map(Self::Pause)
            }
            _ => None,
        }
    }
}

/// A socket that clients can connect to. It is removed when this is dropped.
#[derive(Debug)]
pub struct Control {
    path: PathBuf,
    listener: Option<UnixListener>,
}

impl Drop for Control {
    fn drop(&mut self) {
        // The next daemon replaces it, too.
        let _gone = fs::remove_file(&self.path);
    }
}

impl Control {
    /// Makes the socket at `path`. A stale one is replaced: whoever makes one holds the lock of the
    /// conf ([`crate::instance`]), so nobody listens on it.
    pub fn new(path: &Path) -> Result<Self, Error> {
        let place = path.parent().unwrap_or(Path::new("."));
        let made = DirBuilder::new().recursive(true).mode(0o755).create(place);
        made.map_err(|error| Error::new("make", place, error))?;
        let new = path.with_extension("sock.new");
        let make = || {
            match fs::remove_file(&new) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                Ok(()) | Err(_) => {}
            }
            let listener = UnixListener::bind(&new)?;
            // Nobody knows its name until its mode is right.
            fs::set_permissions(&new, fs::Permissions::from_mode(MODE))?;
            fs::rename(&new, path)?;
            Ok(listener)
        };
        let listener = make().map_err(|error| Error::new("listen on", path, error))?;
        Ok(Self { path: path.to_owned(), listener: Some(listener) })
    }

    /// Starts the thread that answers each request with `hand`'s line.
    pub fn serve(
        &mut self,
        mut hand: impl FnMut(&Request) -> String + Send + 'static,
    ) -> io::Result<()> {
        let Some(listener) = self.listener.take() else { return Ok(()) };
        let thread = thread::Builder::new().name("control".into()).stack_size(STACK_BYTES);
        let serve = move || {
            let mut failures = 0;
            while failures < FAILURES_MAX {
                match listener.accept() {
                    Ok((client, _)) => {
                        failures = 0;
                        if let Err(error) = answer(&client, PATIENCE, &mut hand) {
                            say(Event::SocketClient, format_args!("control socket: {error}"));
                        }
                    }
                    Err(error) => {
                        failures += 1;
                        let words = format_args!("control socket: cannot accept: {error}");
                        say(Event::SocketTrouble, words);
                    }
                }
            }
            say(Event::SocketEnded, format_args!("control socket: nobody is served any more"));
        };
        thread.spawn(serve).map(|_ends_with_the_process| ())
    }
}

fn answer(
    client: &UnixStream,
    patience: Duration,
    hand: &mut impl FnMut(&Request) -> String,
) -> io::Result<()> {
    let mut line = Vec::new();
    BufReader::new(Within::new(client, patience)).take(REQUEST_MAX).read_until(b'\n', &mut line)?;
    let text = line.strip_suffix(b"\n").and_then(|line| std::str::from_utf8(line).ok());
    let mut said = match text.and_then(Request::read) {
        Some(request) => hand(&request),
        None => serde_json::json!({ "error": "not a request" }).to_string(),
    };
    said.push('\n');
    Within::new(client, patience).write_all(said.as_bytes())
}

/// A client that is waited for no longer than until a moment, in however small pieces it reads or
/// writes: nobody else is served meanwhile.
struct Within<'a> {
    client: &'a UnixStream,
    until: Mono,
}

impl<'a> Within<'a> {
    fn new(client: &'a UnixStream, patience: Duration) -> Self {
        Self { client, until: clock::mono().after(patience) }
    }

    fn left(&self) -> io::Result<Option<Duration>> {
        let left = self.until.since(clock::mono());
        if left.is_zero() { Err(io::ErrorKind::TimedOut.into()) } else { Ok(Some(left)) }
    }
}

impl Read for Within<'_> {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        self.client.set_read_timeout(self.left()?)?;
        self.client.read(bytes)
    }
}

impl Write for Within<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.client.set_write_timeout(self.left()?)?;
        // The kernel waits anew for each of its buffers that a longer write fills.
        self.client.write(&bytes[..bytes.len().min(PIECE_BYTES)])
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Asks the daemon that listens at `path`; its line without its end. `None`: nobody listens.
pub fn ask(path: &Path, request: &Request) -> Result<Option<String>, Error> {
    let cannot = |error| Error::new("ask the daemon at", path, error);
    let mut stream = match UnixStream::connect(path) {
        Ok(stream) => stream,
        Err(error) => {
            let nobody = [io::ErrorKind::NotFound, io::ErrorKind::ConnectionRefused];
            return if nobody.contains(&error.kind()) { Ok(None) } else { Err(cannot(error)) };
        }
    };
    let asked = (|| {
        stream.set_read_timeout(Some(ANSWER_PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        stream.write_all(format!("{}\n", request.line()).as_bytes())?;
        let mut said = String::new();
        BufReader::new(stream).take(ANSWER_MAX).read_line(&mut said)?;
        said.pop().filter(|end| *end == '\n').ok_or(io::ErrorKind::UnexpectedEof)?;
        io::Result::Ok(said)
    })();
    asked.map(Some).map_err(cannot)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_read_as_it_was_written() {
        for request in [
            Request::Status,
            Request::Pause(Duration::from_secs(3600)),
            Request::Resume,
            Request::Rearm(None),
            Request::Rearm(Some("a b".to_owned())),
        ] {
            assert_eq!(Request::read(&request.line()), Some(request));
        }
        for line in ["", "stop", "pause", "pause x", "pause -1", "status now", "Status"] {
            assert_eq!(Request::read(line), None, "{line}");
        }
    }

    #[test]
    fn a_client_that_dawdles_is_waited_for_once_and_not_a_piece() {
        let (patience, pause) = (Duration::from_millis(200), Duration::from_millis(20));
        let (ours, mut theirs) = UnixStream::pair().expect("a pair");
        let served = thread::spawn(move || answer(&ours, patience, &mut |_| String::new()));
        // Each byte comes well within the patience, all of them do not.
        for _ in 1..REQUEST_MAX {
            if served.is_finished() {
                break;
            }
            let _refused = theirs.write_all(b"x");
            thread::park_timeout(pause);
        }
        let end = served.join().expect("no panic").expect_err("not served");
        assert!(matches!(end.kind(), io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock), "{end}");

        // An answer that is too long for the socket, fetched byte by byte: all of it takes seconds.
        let (ours, mut theirs) = UnixStream::pair().expect("a pair");
        theirs.set_read_timeout(Some(patience)).expect("set");
        theirs.write_all(b"status\n").expect("asked");
        let long = || "x".repeat(16 << 20);
        let served = thread::spawn(move || answer(&ours, patience, &mut |_| long()));
        while !served.is_finished() {
            let _nothing_yet = theirs.read(&mut [0]);
        }
        let end = served.join().expect("no panic").expect_err("not served");
        assert!(matches!(end.kind(), io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock), "{end}");
    }

    #[test]
    fn each_client_gets_its_answer_and_nothing_holds_up_the_next() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("a.sock");
        assert!(matches!(ask(&path, &Request::Status), Ok(None)), "nobody listens");
        drop(UnixListener::bind(&path).expect("a stale socket"));
        assert!(matches!(ask(&path, &Request::Status), Ok(None)), "nobody listens any more");
        let mut control = Control::new(&path).expect("a socket");
        control.serve(|request| format!("{request:?}")).expect("a thread");
        let mode = fs::metadata(&path).expect("there").permissions().mode();
        assert_eq!(mode & 0o777, 0o660);
        for line in [&b"status"[..], &[0xff, b'\n'], &[b'x'; 4096]] {
            let mut stream = UnixStream::connect(&path).expect("connected");
            // What is too much is not read, so that this may fail.
            let _reset = stream.write_all(line);
            let _ended = stream.shutdown(std::net::Shutdown::Write);
            let mut said = String::new();
            if stream.read_to_string(&mut said).is_ok() {
                assert_eq!(said, "{\"error\":\"not a request\"}\n");
            }
        }
        let said = ask(&path, &Request::Resume).expect("asked");
        assert_eq!(said.as_deref(), Some("Resume"));
        drop(control);
        assert!(!path.exists());
    }
}
