//! Says what the core reports, to those who listen to Swift's auditor: log, statsd, recon cache.
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use martlet_core::audit::{Audited, Ended, Fate, Report};
use martlet_core::check::Cell;
use martlet_core::event::Event;
use martlet_core::report::{
    AUDITS_FAILED, AUDITS_PASSED, AUDITS_SINCE, Began, Cause, Completed, Held, PASS_COMPLETED,
    Since, quarantine_reason,
};
use martlet_core::tally::Window;
use martlet_core::verdict::{Counts, Verdict};
use martlet_core::walk::{Floor, Trouble};

use crate::clock;
use crate::drive::{DEVICES_MAX, Said};
use crate::event::{say, say_of};
use crate::logging::Name;
use crate::metrics::{Gauges, Metrics};
use crate::python::{Number, os_error};
use crate::recon;
use crate::statsd::Statsd;

/// The file of the container daemons in `recon_cache_path`.
pub const RECON_FILE: &str = "container.recon";
/// How long others may hold the recon cache's lock (Swift's `dump_recon_cache`).
const RECON_PATIENCE: Duration = Duration::from_secs(2);
/// Misplaced databases named in one pass: a wrong hash path in swift.conf makes all of them so.
const MISPLACED_SAID_MAX: u64 = 10;

/// Whether the window in progress is said, and kept in the recon cache, when Swift would drop it:
/// at the end of a single pass, and when told to stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LastWindow {
    /// As Swift does: nothing.
    Dropped,
    /// To the log.
    Logged,
    /// To log and recon cache.
    Kept,
}

/// Waits as long as it is told and answers `false`; answers `true` once the process is to stop.
pub type Pause<'a> = dyn Fn(Duration) -> bool + Sync + 'a;

/// Says what is reported.
pub struct Reporter<'a> {
    /// Metrics, if any are wanted.
    pub statsd: Option<Statsd>,
    /// The recon cache, if one is kept.
    pub recon: Option<PathBuf>,
    /// Counters for Prometheus, if any are wanted.
    pub metrics: Option<Arc<Mutex<Metrics>>>,
    /// What is so at the moment, for them.
    pub gauges: &'a (dyn Fn() -> Gauges + Sync),
    /// How to wait for the recon cache's lock.
    pub pause: &'a Pause<'a>,
    /// What becomes of a window that is not full.
    pub last_window: LastWindow,
    /// Misplaced databases of the pass.
    pub misplaced: AtomicU64,
}

impl Reporter<'_> {
    /// Says it.
    pub fn say(&self, said: &Said<'_>) {
        self.count(said.report);
        match said.report {
            Report::Began(mode) => {
                self.misplaced.store(0, Ordering::Relaxed);
                say(Event::PassBegun, format_args!("{}", Began(*mode)));
            }
            Report::Hit(floor, trouble) => skipped(*floor, *trouble, said.place),
            Report::Tripped(tripped) => {
                let device = said.device.map_or(Path::new(""), |device| device.path());
                let device = Name(device.as_os_str().as_bytes()).to_string();
                let words = format_args!("{device}: {}", Held(*tripped));
                say_of(Event::BreakerTripped, &[("device", &device)], words);
            }
            Report::Audited(audited) => self.audited(audited, said),
            Report::Window(window) => self.window(*window),
            Report::Ended(ended) => self.ended(ended),
            Report::Leaving(window) => self.last_window(*window),
        }
    }

    fn audited(&self, audited: &Audited<'_>, said: &Said<'_>) {
        let whole = said.whole(audited.path);
        let path = Name(&whole);
        if let (Fate::Moved, Some(Ok(moved))) = (audited.fate, said.moved) {
            let reason = quarantine_reason(audited.judged);
            let name = |path: &Path| Name(path.as_os_str().as_bytes()).to_string();
            let (from, to) = (name(&moved.from), name(&moved.to));
            let words = format_args!("Quarantined {from} to {to} due to {reason}");
            let of = Of::new(audited, said);
            say_of(Event::Quarantined, &of.with("to", &to), words);
            if let Some(error) = &moved.unsynced {
                say_of(Event::QuarantineUnsynced, &of.fields(), format_args!("{error}"));
            }
        }
        match audited.judged.counts {
            Counts::Passed => {
                self.increment("passes");
                say(Event::AuditPassed, format_args!("Audit passed for {path}"));
            }
            Counts::Failed => {
                self.increment("failures");
                let locked = said.retiring.map_or(path, Name).to_string();
                let cause = Cause { path: &locked, judged: audited.judged, detail: said.words };
                let words = format_args!("ERROR Could not get container info {path}: {cause}");
                say_of(Event::AuditFailed, &Of::new(audited, said).fields(), words);
            }
            Counts::Neither => {}
        }
        if let (Fate::NotMoved(_), Some(Err(error))) = (audited.fate, said.moved) {
            let words = format_args!("Could not quarantine {path}: {error}");
            say_of(Event::QuarantineFailed, &Of::new(audited, said).fields(), words);
        }
        match audited.judged.verdict {
            Verdict::Misplaced => self.misplaced(audited, said),
            // Swift passes it or skips it as deleted, so no line of Swift's tells of it.
            Verdict::Damaged if audited.judged.counts != Counts::Failed => {
                damaged(path, audited, said);
            }
            Verdict::Busy
            | Verdict::Unreadable
            | Verdict::DeviceError
            | Verdict::NeedsRecovery
            | Verdict::Unsettled
                if said.dug =>
            {
                not_dug(path, audited, said);
            }
            Verdict::Sound
            | Verdict::Deleted
            | Verdict::Vanished
            | Verdict::Busy
            | Verdict::Damaged
            | Verdict::Unreadable
            | Verdict::DeviceError
            | Verdict::NeedsRecovery
            | Verdict::Unsettled => {}
        }
        if let Some(statsd) = &self.statsd {
            statsd.timing("timing", audited.took.as_secs_f64() * 1000.0);
        }
    }

    fn count(&self, report: &Report<'_>) {
        let Some(metrics) = &self.metrics else { return };
        let mut metrics = metrics.lock().unwrap_or_else(PoisonError::into_inner);
        match report {
            Report::Audited(audited) => return metrics.audited(audited),
            Report::Hit(..) => return metrics.skipped(),
            Report::Tripped(_) => return metrics.tripped(),
            Report::Began(_) => return,
            Report::Ended(ended) => metrics.ended(clock::wall(), ended),
            Report::Window(_) | Report::Leaving(_) => {}
        }
        if let Err(error) = metrics.write(clock::mono(), &(self.gauges)()) {
            say(Event::MetricsUnwritten, format_args!("{error}"));
        }
    }

    fn misplaced(&self, audited: &Audited<'_>, said: &Said<'_>) {
        let before = self.misplaced.fetch_add(1, Ordering::Relaxed);
        if before < MISPLACED_SAID_MAX {
            let path = Name(audited.path.as_bytes());
            let codes: Vec<_> = audited.judged.findings.iter().map(|it| it.code.word()).collect();
            let words = format_args!("Misplaced {path}: {}", codes.join(" "));
            say_of(Event::Misplaced, &Of::new(audited, said).fields(), words);
        }
    }

    fn increment(&self, name: &str) {
        if let Some(statsd) = &self.statsd {
            statsd.increment(name);
        }
    }

    fn window(&self, window: Window) {
        say(Event::Window, format_args!("{}", Since(window)));
        self.recon_window(window);
    }

    fn ended(&self, ended: &Ended) {
        say(Event::PassCompleted, format_args!("{}", Completed(ended.mode, ended.took)));
        self.recon(&[(PASS_COMPLETED, Number::Float(ended.took.as_secs_f64()))]);
        let misplaced = self.misplaced.load(Ordering::Relaxed);
        if MISPLACED_SAID_MAX < misplaced {
            let words = format_args!(
                "{misplaced} databases are misplaced; if these are all of a device's, look at the \
                 hash path in swift.conf"
            );
            say(Event::MisplacedMany, words);
        }
        if ended.mode == martlet_core::audit::Mode::Once {
            self.last_window(ended.window);
        }
    }

    fn last_window(&self, window: Window) {
        if self.last_window != LastWindow::Dropped {
            say(Event::Window, format_args!("{}", Since(window)));
        }
        if self.last_window == LastWindow::Kept {
            self.recon_window(window);
        }
    }

    fn recon_window(&self, window: Window) {
        #[expect(clippy::cast_precision_loss, reason = "microseconds fit a float until 2255")]
        let since = window.since.as_micros() as f64 / 1e6;
        let count = |count: u64| Number::Integer(i64::try_from(count).unwrap_or(i64::MAX));
        self.recon(&[
            (AUDITS_SINCE, Number::Float(since)),
            (AUDITS_PASSED, count(window.passed)),
            (AUDITS_FAILED, count(window.failed)),
        ]);
    }

    fn recon(&self, entries: &[(&str, Number)]) {
        let Some(file) = &self.recon else { return };
        if let Err(error) = recon::dump(file, entries, RECON_PATIENCE, self.pause) {
            say(Event::ReconUnwritten, format_args!("{error}"));
        }
    }
}

/// What those who read the log as JSON are told of an audit.
struct Of {
    path: String,
    device: String,
    account: String,
    container: String,
    verdict: &'static str,
    findings: String,
}

impl Of {
    fn new(audited: &Audited<'_>, said: &Said<'_>) -> Self {
        let text = |cell: Cell<'_>| match cell {
            Cell::Text(text) => Name(text).to_string(),
            Cell::Null | Cell::Int(_) | Cell::Real(_) | Cell::Blob(_) => String::new(),
        };
        let device = said.device.and_then(|device| device.path().file_name()).unwrap_or_default();
        let codes: Vec<_> = audited.judged.findings.iter().map(|it| it.code.word()).collect();
        Self {
            path: Name(&said.whole(audited.path)).to_string(),
            device: Name(device.as_bytes()).to_string(),
            account: text(said.names.0),
            container: text(said.names.1),
            verdict: audited.judged.verdict.word(),
            findings: codes.join(" "),
        }
    }

    fn fields(&self) -> [(&'static str, &str); 6] {
        [
            ("path", &self.path),
            ("device", &self.device),
            ("account", &self.account),
            ("container", &self.container),
            ("verdict", self.verdict),
            ("findings", &self.findings),
        ]
    }

    fn with<'a>(&'a self, name: &'static str, text: &'a str) -> Vec<(&'static str, &'a str)> {
        let mut fields = self.fields().to_vec();
        fields.push((name, text));
        fields
    }
}

/// What a deep audit alone finds: a line a database, with what to do about the gravest finding.
fn damaged(path: Name<'_>, audited: &Audited<'_>, said: &Said<'_>) {
    let findings: Vec<_> = audited.judged.findings.iter().map(ToString::to_string).collect();
    let mut line = findings.join(", ");
    if !said.words.is_empty() {
        line = format!("{line}: {}", said.words);
    }
    let of = Of::new(audited, said);
    match audited.judged.findings.first() {
        Some(first) if audited.fate != Fate::Moved => {
            let words = format_args!("Damaged {path}: {line}. {}", first.code.advice().next);
            say_of(Event::Damaged, &of.fields(), words);
        }
        Some(_) | None => {
            say_of(Event::Damaged, &of.fields(), format_args!("Damaged {path}: {line}"));
        }
    }
}

/// A deep audit that reached no end, after a stat audit in order, which Swift's lines tell of.
fn not_dug(path: Name<'_>, audited: &Audited<'_>, said: &Said<'_>) {
    let (word, words) = (audited.judged.verdict.word(), said.words);
    let colon = if words.is_empty() { "" } else { ": " };
    let words = format_args!("Not audited deeply {path}: {word}{colon}{words}");
    say_of(Event::DeepUnfinished, &Of::new(audited, said).fields(), words);
}

/// Swift's `Skipping …` (`audit_location_generator`).
fn skipped(floor: Floor, trouble: Trouble, place: &[u8]) {
    let path = Path::new(OsStr::from_bytes(place));
    let name = Name(place).to_string();
    let fields = [("path", name.as_str())];
    match trouble {
        Trouble::NotMounted => {
            let device = path.file_name().unwrap_or(path.as_os_str());
            let words = format_args!("Skipping {} as it is not mounted", Name(device.as_bytes()));
            say_of(Event::Skipped, &fields, words);
        }
        Trouble::Errno(errno) => {
            let why = os_error(&std::io::Error::from_raw_os_error(errno));
            let event = match floor {
                Floor::Devices => Event::DevicesUnlisted,
                Floor::Device | Floor::Datadir | Floor::Partition | Floor::Suffix | Floor::Hash => {
                    Event::Skipped
                }
            };
            say_of(event, &fields, format_args!("Skipping {name} because {why}: '{name}'"));
        }
        Trouble::TooMany => {
            let words = format_args!("Skipping all but {DEVICES_MAX} devices of {name}");
            say_of(Event::DevicesTooMany, &fields, words);
        }
    }
}
