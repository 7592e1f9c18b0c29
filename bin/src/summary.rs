//! What a person wants to know of a pass that ended.
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::time::Duration;

use martlet_core::audit::{Audited, Ended, Fate};
use martlet_core::tally::Totals;
use martlet_core::time::Mono;
use martlet_core::verdict::{FindingCode, Verdict};
use martlet_core::walk::{Floor, Trouble};
use martlet_platform_linux::clock;
use martlet_platform_linux::drive::DEVICES_MAX;
use martlet_platform_linux::hands::Target;
use martlet_platform_linux::logging::Shown;
use martlet_platform_linux::python::os_error;

use crate::span::{Bytes, Span};

/// Databases, and places passed over, that are named in the summary.
const NAMED_MAX: usize = 20;
/// Reasons for passing over that are told apart.
const REASONS_MAX: usize = 16;

/// What is gathered during the pass.
#[derive(Debug)]
pub(crate) struct Summary {
    began: Mono,
    /// What was counted.
    pub(crate) totals: Totals,
    slowest: Option<(Duration, String)>,
    named: Vec<String>,
    passed_over: Vec<String>,
    reasons: BTreeMap<String, u64>,
    tripped: Vec<String>,
    /// What was found and what is to be done, each once.
    codes: Vec<(FindingCode, &'static str)>,
}

impl Summary {
    /// The summary of a pass that begins.
    pub(crate) fn new(began: Mono) -> Self {
        Self {
            began,
            totals: Totals::default(),
            slowest: None,
            named: Vec::new(),
            passed_over: Vec::new(),
            reasons: BTreeMap::new(),
            tripped: Vec::new(),
            codes: Vec::new(),
        }
    }

    /// Takes in one audit: its name, the line that says what is wrong with it, and what is to be done
    /// about each code.
    pub(crate) fn audited(
        &mut self,
        audited: &Audited<'_>,
        name: impl Fn() -> String,
        line: Option<&str>,
        next: impl Fn(FindingCode) -> &'static str,
    ) {
        self.totals.count(audited.judged.verdict);
        if audited.fate == Fate::Moved {
            self.totals.moved += 1;
        }
        if self.slowest.as_ref().is_none_or(|(slowest, _)| *slowest < audited.took) {
            self.slowest = Some((audited.took, name()));
        }
        for finding in &audited.judged.findings {
            let found = (finding.code, next(finding.code));
            if !self.codes.contains(&found) {
                self.codes.push(found);
            }
        }
        if let Some(line) = line
            && self.named.len() < NAMED_MAX
        {
            self.named.push(line.to_owned());
        }
    }

    /// Takes in what was passed over.
    pub(crate) fn skipped(&mut self, floor: Floor, trouble: Trouble, place: &[u8]) {
        self.totals.skipped += 1;
        let why = match trouble {
            Trouble::NotMounted => "not mounted".to_owned(),
            Trouble::Errno(errno) => os_error(&std::io::Error::from_raw_os_error(errno)),
            Trouble::TooMany if floor == Floor::Devices => {
                format!("more than {DEVICES_MAX} devices")
            }
            Trouble::TooMany => "too many names".to_owned(),
        };
        if self.passed_over.len() < NAMED_MAX {
            self.passed_over.push(format!("{:<14} {}  ({why})", "skipped", Shown(place)));
        }
        if self.reasons.len() < REASONS_MAX || self.reasons.contains_key(&why) {
            *self.reasons.entry(why).or_default() += 1;
        }
    }

    /// Takes in a breaker that tripped, now or in a pass of the daemon.
    pub(crate) fn tripped(&mut self, device: Option<&Target>) {
        use std::os::unix::ffi::OsStrExt;
        let device = device.map_or(&b""[..], |device| device.path().as_os_str().as_bytes());
        let device = Shown(device).to_string();
        if !self.tripped.contains(&device) {
            self.tripped.push(device);
        }
    }

    /// Databases with which something is wrong.
    pub(crate) fn found(&self) -> u64 {
        self.totals.of(Verdict::Damaged) + self.totals.of(Verdict::Misplaced)
    }

    /// The whole of it. `named`: with the databases that are not sound.
    pub(crate) fn text(&self, ended: Option<Ended>, named: bool) -> String {
        let mut text = String::new();
        let took = clock::mono().since(self.began);
        let totals = ended.map_or(self.totals, |ended| ended.totals);
        let all = totals.audited();
        let _ = write!(text, "{all} database{} in {}", plural(all), Span(took));
        if let Some((read, from_disk)) = read_bytes() {
            let _ = write!(text, ", {} read, {} of it from disk", Bytes(read), Bytes(from_disk));
        }
        text.push('\n');
        for verdict in Verdict::ALL.into_iter().filter(|verdict| 0 < totals.of(*verdict)) {
            let _ = writeln!(text, "  {:>8}  {}", totals.of(verdict), verdict.word());
        }
        if 0 < totals.moved {
            let _ = writeln!(text, "  {:>8}  moved to quarantine", totals.moved);
        }
        if 0 < totals.skipped {
            let reasons: Vec<_> =
                self.reasons.iter().map(|(why, count)| format!("{count} {why}")).collect();
            let _ = writeln!(text, "  {:>8}  skipped: {}", totals.skipped, reasons.join(", "));
        }
        if let Some((took, name)) = &self.slowest {
            let _ = writeln!(text, "slowest: {:.1} ms, {name}", took.as_secs_f64() * 1e3);
        }
        if ended.is_none() {
            text.push_str("stopped before the end\n");
        }
        for device in &self.tripped {
            let _ = writeln!(text, "nothing more is moved on {device}: look at the device first");
        }
        if named {
            let ordinary = [Verdict::Sound, Verdict::Deleted, Verdict::Vanished];
            let ordinary: u64 = ordinary.iter().map(|verdict| totals.of(*verdict)).sum();
            list(&mut text, &self.named, all - ordinary);
        }
        list(&mut text, &self.passed_over, totals.skipped);
        for (code, next) in &self.codes {
            let _ = writeln!(text, "{}: {} {next}", code.word(), code.advice().meaning);
        }
        for verdict in Verdict::ALL.into_iter().filter(|verdict| 0 < totals.of(*verdict)) {
            if let Some((meaning, next)) = verdict.advice() {
                let _ = writeln!(text, "{}: {meaning} {next}", verdict.word());
            }
        }
        text
    }
}

/// Lines, and how many more there would be.
fn list(text: &mut String, lines: &[String], all: u64) {
    for line in lines {
        let _ = writeln!(text, "{line}");
    }
    let more = all.saturating_sub(lines.len() as u64);
    if 0 < more && !lines.is_empty() {
        let _ = writeln!(text, "and {more} more");
    }
}

const fn plural(count: u64) -> &'static str {
    if count == 1 { "" } else { "s" }
}

/// What this process has read so far, and how much of it came from a disk; none where the kernel
/// does not count it.
fn read_bytes() -> Option<(u64, u64)> {
    let text = fs::read_to_string("/proc/self/io").ok()?;
    let field = |name: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(name))?;
        line.trim().parse().ok()
    };
    Some((field("rchar:")?, field("read_bytes:")?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use martlet_core::audit::{Depth, Device};
    use martlet_core::path::DbPath;
    use martlet_core::verdict::{Counts, Judged};

    #[test]
    fn a_pass_that_is_stopped_tells_what_it_moved() {
        let mut summary = Summary::new(clock::mono());
        let judged = Judged::plain(Verdict::Damaged, Counts::Failed);
        for fate in [Fate::Moved, Fate::Left, Fate::Moved, Fate::Held, Fate::NotMoved(1)] {
            let audited = Audited {
                path: &DbPath::EMPTY,
                device: Device(0),
                judged: &judged,
                depth: Depth::Stat,
                took: Duration::ZERO,
                fate,
            };
            summary.audited(&audited, String::new, None, |code| code.advice().next);
        }
        let text = summary.text(None, true);
        assert!(text.contains("stopped before the end"), "{text}");
        assert!(text.contains("  2  moved to quarantine"), "{text}");
    }
}
