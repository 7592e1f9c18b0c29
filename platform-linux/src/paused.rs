//! A pause over a restart: one small file a conf, which says when the pause ends.
//!
//! It ends by itself. The file has the end on the wall clock and the span that was asked for: by a
//! clock that has jumped it lasts no longer than that span once more.
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use martlet_core::audit::PAUSE_MAX;
use martlet_core::cursor::sum;
use martlet_core::event::Event;
use martlet_core::time::Wall;
use rustix::fs::OFlags;

use crate::error::Error;
use crate::event::say;
use crate::state::file;

const MAGIC: &str = "martlet pause 1";
/// Bytes of the file at most.
const FILE_MAX: u64 = 128;

/// Where it is kept.
#[derive(Clone, Debug)]
pub struct Paused(PathBuf);

impl Paused {
    /// The pause in this file.
    #[must_use]
    pub const fn new(file: PathBuf) -> Self {
        Self(file)
    }

    /// How long it lasts yet at `now`; none if there is no pause, or none that can be read: then the
    /// audits go on.
    #[must_use]
    pub fn left(&self, now: Wall) -> Option<Duration> {
        match self.read() {
            Ok(Some((end, span))) => left(now, end, span),
            Ok(None) => {
                let file = self.0.display();
                say(Event::PauseUnreadable, format_args!("{file} is damaged: there is no pause"));
                None
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => {
                let error = Error::new("read", &self.0, error);
                say(Event::PauseUnreadable, format_args!("{error}; there is no pause"));
                None
            }
        }
    }

    fn read(&self) -> io::Result<Option<(i64, u64)>> {
        let mut text = String::new();
        file::open(&self.0)?.take(FILE_MAX).read_to_string(&mut text)?;
        Ok(decode(&text))
    }

    /// Keeps a pause of `span` from `now` on.
    pub fn keep(&self, now: Wall, span: Duration) -> Result<(), Error> {
        let place = self.0.parent().unwrap_or(Path::new("."));
        let made = DirBuilder::new().recursive(true).mode(0o755).create(place);
        made.map_err(|error| Error::new("make", place, error))?;
        let new = self.0.with_extension("pause.new");
        let write = || {
            let mut options = OpenOptions::new();
            options.write(true).create(true).truncate(true).mode(0o644);
            let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK;
            options.custom_flags(flags.bits().cast_signed());
            let mut file = options.open(&new)?;
            file.write_all(encode(now, span).as_bytes())?;
            file.sync_all()?;
            fs::rename(&new, &self.0)?;
            File::open(place)?.sync_all()
        };
        write().map_err(|error| Error::new("write", &self.0, error))
    }

    /// Ends it.
    pub fn forget(&self) -> Result<(), Error> {
        match fs::remove_file(&self.0) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(Error::new("remove", &self.0, error))
            }
            Ok(()) | Err(_) => Ok(()),
        }
    }
}

fn encode(now: Wall, span: Duration) -> String {
    let seconds = span.min(PAUSE_MAX).as_secs();
    let end = now.as_secs().saturating_add(i64::try_from(seconds).unwrap_or(i64::MAX));
    let content = format!("{MAGIC} {end} {seconds}");
    format!("{content} {:016x}\n", sum(0, content.as_bytes()))
}

/// When it ends, in seconds since 1970, and how long it was to last.
fn decode(text: &str) -> Option<(i64, u64)> {
    let (content, seal) = text.strip_suffix('\n')?.rsplit_once(' ')?;
    if seal != format!("{:016x}", sum(0, content.as_bytes())) {
        return None;
    }
    let (end, span) = content.strip_prefix(MAGIC)?.strip_prefix(' ')?.split_once(' ')?;
    Some((end.parse().ok()?, span.parse().ok()?))
}

fn left(now: Wall, end: i64, span: u64) -> Option<Duration> {
    let left = u64::try_from(end.saturating_sub(now.as_secs())).unwrap_or(0);
    let left = Duration::from_secs(left.min(span)).min(PAUSE_MAX);
    (!left.is_zero()).then_some(left)
}

#[cfg(test)]
mod tests {
    use super::*;
    use nix::sys::stat::Mode;
    use nix::unistd::mkfifo;
    use std::sync::mpsc;
    use std::thread;

    const fn at(seconds: i64) -> Wall {
        Wall::from_micros(seconds * 1_000_000)
    }
    const NOON: i64 = 1_795_354_724;

    #[test]
    fn it_ends_by_itself_whatever_the_clock_does() {
        let dir = tempfile::tempdir().expect("a directory");
        let paused = Paused::new(dir.path().join("a.pause"));
        assert_eq!(paused.left(at(NOON)), None, "there is none");
        paused.keep(at(NOON), Duration::from_secs(3600)).expect("kept");
        for (now, left) in [
            (NOON, Some(3600)),
            (NOON + 3599, Some(1)),
            (NOON + 3600, None),
            (NOON + 1_000_000, None),
            (0, Some(3600)), // a board without a clock battery
            (NOON - 60, Some(3600)),
        ] {
            assert_eq!(paused.left(at(now)), left.map(Duration::from_secs), "at {now}");
        }
        paused.keep(at(NOON), Duration::MAX).expect("kept");
        assert_eq!(paused.left(at(NOON)), Some(PAUSE_MAX));
        paused.forget().expect("removed");
        paused.forget().expect("there is none");
        assert_eq!(paused.left(at(NOON)), None);
        assert_eq!(fs::read_dir(dir.path()).expect("listed").count(), 0, "nothing is left over");
    }

    #[test]
    fn what_is_no_file_is_no_pause_and_nobody_waits_for_it() {
        let dir = tempfile::tempdir().expect("a directory");
        let paused = Paused::new(dir.path().join("a.pause"));
        for name in ["a.pause", "a.pause.new"] {
            mkfifo(&dir.path().join(name), Mode::S_IRWXU).expect("a FIFO");
        }
        let (tell, told) = mpsc::channel();
        thread::spawn(move || {
            let span = Duration::from_secs(60);
            tell.send((paused.left(at(NOON)), paused.keep(at(NOON), span).is_err()))
        });
        // A bound for a wait that never ends, not a measure.
        let said = told.recv_timeout(Duration::from_secs(60));
        assert_eq!(said, Ok((None, true)));
    }

    #[test]
    fn what_is_not_whole_is_no_pause() {
        let text = encode(at(NOON), Duration::from_secs(60));
        assert_eq!(decode(&text), Some((NOON + 60, 60)));
        for place in 0..text.len() {
            let mut bytes = text.clone().into_bytes();
            bytes[place] ^= 1;
            let changed = String::from_utf8(bytes).expect("text");
            assert_eq!(decode(&changed), None, "byte {place}");
            assert_eq!(decode(&text[..place]), None, "cut at {place}");
        }
    }
}
