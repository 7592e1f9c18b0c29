//! Counters in Prometheus' text format, in a file that node_exporter's textfile collector reads.
//!
//! Written at the end of each pass, with each hourly report and at a stop: to a temporary file
//! beside it, then renamed, so that no reader sees half of one. No path stands in a label.
use std::fmt::Write as _;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use martlet_core::audit::{Audited, Ended, Fate};
use martlet_core::time::Wall;
use martlet_core::verdict::Verdict;

use crate::error::Error;
use crate::state::coverage::{Age, Ages, Coverages};

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

    /// Writes the file anew, with mode 0644.
    pub fn write(&self) -> Result<(), Error> {
        let mut name = self.file.as_os_str().to_owned();
        name.push(format!(".{}.tmp", std::process::id()));
        let new = Path::new(&name);
        let written = fs::write(new, self.text())
            .and_then(|()| fs::set_permissions(new, fs::Permissions::from_mode(0o644)))
            .and_then(|()| fs::rename(new, &self.file));
        written.map_err(|error| {
            // What is left of it would be in nobody's way but the next reader's of the directory.
            let _absent = fs::remove_file(new);
            Error::new("write", &self.file, error)
        })
    }

    fn text(&self) -> String {
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
    use std::time::Duration;

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
        metrics.write().expect("the file");
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
        ] {
            assert!(text.lines().any(|it| it == line), "{line} is not in\n{text}");
        }
        assert_eq!(fs::read_dir(dir.path()).expect("the directory").count(), 1);
    }

    #[test]
    fn a_place_that_takes_no_file_is_told() {
        let metrics = Metrics::new(PathBuf::from("/nowhere/martlet.prom"));
        let error = metrics.write().expect_err("there is no such directory");
        assert!(error.to_string().starts_with("cannot write /nowhere/martlet.prom: "));
    }
}
