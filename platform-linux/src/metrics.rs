//! Counters in Prometheus' text format, in a file that node_exporter's textfile collector reads.
//!
//! Written at the end of each pass, with each hourly report, at a stop, and in a pass at most once a
//! minute: to a temporary file beside it, then renamed, so that no reader sees half of one. No path
//! stands in a label.
use std::fmt::Write as _;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use martlet_core::audit::{Audited, Ended, Fate, LaneState};
use martlet_core::time::{Mono, Wall};
use martlet_core::verdict::{FindingCode, Verdict};

use crate::error::Error;
use crate::state::coverage::{Age, Ages, Coverages};

/// Between two times that it is written while a pass goes on.
const WRITTEN_EVERY: Duration = Duration::from_secs(60);

/// What is so at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gauges {
    /// Lanes in each state, in the order of [`LaneState::ALL`].
    pub lanes: [u64; LaneState::ALL.len()],
    /// Devices of which nothing more is moved.
    pub tripped: u64,
    /// Findings that are open, and of each code, in the order of [`FindingCode::ALL`]; none if they are
    /// not kept.
    pub open: Option<(u64, [u64; FindingCode::ALL.len()])>,
}

impl Gauges {
    /// Whether nothing is going on, and in which way: the same until something does.
    fn quiet(&self) -> Option<LaneState> {
        let at = |state: LaneState| LaneState::ALL.iter().position(|it| *it == state);
        let all: u64 = self.lanes.iter().sum();
        let in_all = |state: &LaneState| {
            at(*state).and_then(|at| self.lanes.get(at)).is_some_and(|count| *count == all)
        };
        [LaneState::Resting, LaneState::Paused].into_iter().find(in_all)
    }
}

/// What was counted since the process began.
#[derive(Debug)]
pub struct Metrics {
    file: PathBuf,
    verdicts: [u64; Verdict::ALL.len()],
    moved: u64,
    skipped: u64,
    tripped: u64,
    passes: u64,
    incomplete: u64,
    last: Option<(Wall, Ended)>,
    coverage: Option<Arc<Coverages>>,
    /// When it was written last, how quiet it was then, and whether that went well.
    written: Option<(Mono, Option<LaneState>, bool)>,
}

impl Metrics {
    /// Counters at zero, to be written to `file` (`metrics_path`).
    #[must_use]
    pub fn new(file: PathBuf) -> Self {
        let verdicts = [0; Verdict::ALL.len()];
        Self {
            file,
            verdicts,
            moved: 0,
            skipped: 0,
            tripped: 0,
            passes: 0,
            incomplete: 0,
            last: None,
            coverage: None,
            written: None,
        }
    }

    /// The same, telling how long ago each device was audited.
    #[must_use]
    pub fn covering(self, coverage: Arc<Coverages>) -> Self {
        Self { coverage: Some(coverage), ..self }
    }

    /// Counts an audit.
    pub fn audited(&mut self, audited: &Audited<'_>) {
        if let Some(count) = self.verdicts.get_mut(audited.judged.verdict.index()) {
            *count += 1;
        }
        self.moved += u64::from(audited.fate == Fate::Moved);
    }

    /// Counts something that was passed over.
    pub fn skipped(&mut self) {
        self.skipped += 1;
    }

    /// Counts a breaker that tripped.
    pub fn tripped(&mut self) {
        self.tripped += 1;
    }

    /// Counts a pass that ended at `now`.
    pub fn ended(&mut self, now: Wall, ended: &Ended) {
        self.passes += 1;
        self.incomplete += u64::from(ended.totals.is_incomplete());
        self.last = Some((now, *ended));
    }

    /// Writes the file anew if it is a minute old, or if a pass or a pause has begun or ended since.
    /// An error is told once, until it goes well.
    pub fn refresh(&mut self, now: Mono, gauges: &Gauges) -> Result<(), Error> {
        let (due, was_well) = match self.written {
            Some((at, quiet, well)) => {
                (WRITTEN_EVERY <= now.since(at) || quiet != gauges.quiet(), well)
            }
            None => (true, true),
        };
        if !due {
            return Ok(());
        }
        self.write(now, gauges).or_else(|error| if was_well { Err(error) } else { Ok(()) })
    }

    /// Writes the file anew, with mode 0644.
    pub fn write(&mut self, now: Mono, gauges: &Gauges) -> Result<(), Error> {
        let done = self.replace(gauges);
        self.written = Some((now, gauges.quiet(), done.is_ok()));
        done
    }

    fn replace(&self, gauges: &Gauges) -> Result<(), Error> {
        let mut name = self.file.as_os_str().to_owned();
        name.push(format!(".{}.tmp", std::process::id()));
        let new = Path::new(&name);
        let written = fs::write(new, self.text(gauges))
            .and_then(|()| fs::set_permissions(new, fs::Permissions::from_mode(0o644)))
            .and_then(|()| fs::rename(new, &self.file));
        written.map_err(|error| {
            // What is left of it would be in nobody's way but the next reader's of the directory.
            let _absent = fs::remove_file(new);
            Error::new("write", &self.file, error)
        })
    }

    fn text(&self, gauges: &Gauges) -> String {
        let mut text = String::new();
        let mut family = |name: &str, kind: &str, help: &str, samples: &[(String, f64)]| {
            let _ = writeln!(text, "# HELP martlet_{name} {help}");
            let _ = writeln!(text, "# TYPE martlet_{name} {kind}");
            for (labels, value) in samples {
                let _ = writeln!(text, "martlet_{name}{labels} {value}");
            }
        };
        let plain = |count: u64| [(String::new(), float(count))];
        let verdicts = Verdict::ALL.iter().zip(self.verdicts);
        let verdicts: Vec<_> = verdicts
            .map(|(verdict, count)| (format!("{{verdict=\"{}\"}}", verdict.word()), float(count)))
            .collect();
        family("audits_total", "counter", "Databases audited, by verdict.", &verdicts);
        family("skipped_total", "counter", "Directories passed over.", &plain(self.skipped));
        family("quarantined_total", "counter", "Databases moved aside.", &plain(self.moved));
        let help = "Times that a device had more damage than may be moved.";
        family("breaker_trips_total", "counter", help, &plain(self.tripped));
        family("passes_total", "counter", "Passes ended.", &plain(self.passes));
        let help = "Passes in which something could not be audited.";
        family("incomplete_passes_total", "counter", help, &plain(self.incomplete));
        let lanes = LaneState::ALL.iter().zip(gauges.lanes);
        let lanes: Vec<_> = lanes
            .map(|(state, count)| (format!("{{state=\"{}\"}}", state.word()), float(count)))
            .collect();
        family("lanes", "gauge", "Lanes, by what they are at.", &lanes);
        let help = "Devices of which nothing more is moved until they are re-armed.";
        family("breakers_tripped", "gauge", help, &plain(gauges.tripped));
        if let Some((open, by_code)) = &gauges.open {
            let help = "Databases with findings that nobody has mended.";
            family("findings_open", "gauge", help, &plain(*open));
            let by_code: Vec<_> = FindingCode::ALL
                .iter()
                .zip(by_code)
                .map(|(code, count)| (format!("{{code=\"{}\"}}", code.word()), float(*count)))
                .collect();
            let help = "The same by code of finding; a database may have several, or none.";
            family("findings_open_by_code", "gauge", help, &by_code);
        }
        if let Some((at, ended)) = &self.last {
            let at = [(String::new(), float(u64::try_from(at.as_secs()).unwrap_or(0)))];
            family("pass_ended_timestamp_seconds", "gauge", "When the last pass ended.", &at);
            let took = [(String::new(), ended.took.as_secs_f64())];
            family("pass_duration_seconds", "gauge", "How long the last pass took.", &took);
            let totals = &ended.totals;
            let found = totals.of(Verdict::Damaged).saturating_add(totals.of(Verdict::Misplaced));
            let help = "Databases that were damaged or misplaced in the last pass.";
            family("last_pass_findings", "gauge", help, &plain(found));
            let help = "Whether the last pass could not audit everything: 1 or 0.";
            let incomplete = u64::from(totals.is_incomplete());
            family("last_pass_incomplete", "gauge", help, &plain(incomplete));
        }
        let ages = self.coverage.as_ref().map(|coverage| coverage.ages()).unwrap_or_default();
        if !ages.is_empty() {
            let help = "How long ago the part of the device was audited that has waited longest.";
            family(
                "oldest_audit_seconds",
                "gauge",
                help,
                &each(&ages, |age| age.oldest.age.map(|it| it.as_secs())),
            );
            let help = "Passes that have ended since then.";
            family(
                "oldest_audit_passes",
                "gauge",
                help,
                &each(&ages, |age| Some(age.oldest.passes.into())),
            );
            let help = "Whether that is too long ago: 1 or 0.";
            family("overdue", "gauge", help, &each(&ages, |age| Some(age.overdue.into())));
        }
        text
    }
}

/// A sample for each device and each audit that is wanted, where there is a figure.
fn each(ages: &[Ages], figure: impl Fn(&Age) -> Option<u64>) -> Vec<(String, f64)> {
    let mut samples = Vec::new();
    for device in ages {
        // A name is any bytes; a label is UTF-8 with three letters escaped.
        let name = String::from_utf8_lossy(&device.name);
        let name = name.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
        for (audit, age) in [("stat", Some(&device.stat)), ("deep", device.deep.as_ref())] {
            if let Some(figure) = age.and_then(&figure) {
                let labels = format!("{{device=\"{name}\",audit=\"{audit}\"}}");
                samples.push((labels, float(figure)));
            }
        }
    }
    samples
}

#[expect(clippy::cast_precision_loss, reason = "Prometheus counts in floats")]
fn float(count: u64) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use martlet_core::audit::{Depth, Device, Mode};
    use martlet_core::path::DbPath;
    use martlet_core::tally::{Totals, Window};
    use martlet_core::verdict::{Counts, Findings, Judged};

    /// One lane, in this state.
    fn at(state: LaneState) -> Gauges {
        let lanes = LaneState::ALL.map(|it| u64::from(it == state));
        Gauges { lanes, tripped: 0, open: None }
    }

    #[test]
    fn it_is_written_once_a_minute_and_when_a_pass_or_pause_begins_or_ends() {
        let dir = tempfile::tempdir().expect("a directory");
        let file = dir.path().join("martlet.prom");
        let mut metrics = Metrics::new(file.clone());
        let mut second = |second: u64, state: LaneState| {
            let now = Mono::from_nanos(second * 1_000_000_000);
            metrics.refresh(now, &at(state)).expect("written or not due");
            fs::remove_file(&file).is_ok()
        };
        for (at, state, is_written) in [
            (0, LaneState::Auditing, true),
            (1, LaneState::Waiting, false),
            (59, LaneState::Stalled, false),
            (60, LaneState::Stalled, true),
            (61, LaneState::Resting, true),
            (62, LaneState::Resting, false),
            (63, LaneState::Paused, true),
            (64, LaneState::Auditing, true),
            (65, LaneState::Auditing, false),
        ] {
            assert_eq!(second(at, state), is_written, "at {at}");
        }
    }

    #[test]
    fn a_place_that_takes_nothing_is_told_of_once() {
        let mut metrics = Metrics::new(PathBuf::from("/nowhere/martlet.prom"));
        let mut told = |minute: u64| {
            let now = Mono::from_nanos(minute * 60_000_000_000);
            metrics.refresh(now, &at(LaneState::Auditing)).is_err()
        };
        assert_eq!([told(0), told(1), told(2)], [true, false, false]);
    }

    #[test]
    fn counters_are_written_whole_and_leave_nothing_beside_them() {
        let dir = tempfile::tempdir().expect("a directory");
        let file = dir.path().join("martlet.prom");
        let mut metrics = Metrics::new(file.clone());
        let judged =
            Judged { verdict: Verdict::Damaged, counts: Counts::Failed, findings: Findings::new() };
        let path = DbPath::new(b"/srv/x.db");
        let took = Duration::ZERO;
        let (device, depth, fate) = (Device(0), Depth::Stat, Fate::Moved);
        metrics.audited(&Audited { path: &path, device, judged: &judged, depth, took, fate });
        metrics.skipped();
        let mut totals = Totals::default();
        totals.skipped = 1;
        let took = Duration::from_millis(1500);
        let ended = Ended { mode: Mode::Forever, took, totals, window: Window::default() };
        metrics.ended(Wall::from_micros(1_795_354_724_000_000), &ended);
        let mut by_code = [0; FindingCode::ALL.len()];
        by_code[0] = 2;
        let gauges = Gauges { lanes: [1, 0, 0, 0, 3], tripped: 1, open: Some((5, by_code)) };
        metrics.write(Mono::default(), &gauges).expect("the file");
        let text = fs::read_to_string(&file).expect("the file");
        for line in [
            "martlet_audits_total{verdict=\"damaged\"} 1",
            "martlet_audits_total{verdict=\"sound\"} 0",
            "martlet_skipped_total 1",
            "martlet_quarantined_total 1",
            "martlet_incomplete_passes_total 1",
            "martlet_pass_duration_seconds 1.5",
            "martlet_last_pass_findings 0",
            "martlet_last_pass_incomplete 1",
            "martlet_breaker_trips_total 0",
            "martlet_pass_ended_timestamp_seconds 1795354724",
            "martlet_lanes{state=\"auditing\"} 1",
            "martlet_lanes{state=\"stalled\"} 0",
            "martlet_lanes{state=\"resting\"} 3",
            "martlet_breakers_tripped 1",
            "martlet_findings_open 5",
            "martlet_findings_open_by_code{code=\"structure-corrupt\"} 2",
            "martlet_findings_open_by_code{code=\"rows-hash\"} 0",
        ] {
            assert!(text.lines().any(|it| it == line), "{line} is not in\n{text}");
        }
        assert_eq!(fs::read_dir(dir.path()).expect("the directory").count(), 1);
    }

    #[test]
    fn a_place_that_takes_no_file_is_told() {
        let mut metrics = Metrics::new(PathBuf::from("/nowhere/martlet.prom"));
        let written = metrics.write(Mono::default(), &at(LaneState::Resting));
        let error = written.expect_err("there is no such directory");
        assert!(error.to_string().starts_with("cannot write /nowhere/martlet.prom: "));
    }
}
