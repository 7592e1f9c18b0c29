//! What a person sees of a pass: progress while it lasts, a summary afterwards; or JSON lines.
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt::Write as _;
use std::io::{self, IsTerminal, Write};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use martlet_core::advice::Advice;
use martlet_core::audit::{Audited, Ended, Report};
use martlet_core::check::Cell;
use martlet_core::tally::Totals;
use martlet_core::time::Mono;
use martlet_core::verdict::{FindingCode, Verdict};
use martlet_platform_linux::clock;
use martlet_platform_linux::deep::Progress;
use martlet_platform_linux::drive::Said;
use martlet_platform_linux::logging::Name;

use crate::json;

/// Between two plain lines of progress, where stderr is no terminal.
const LINE_EVERY: Duration = Duration::from_secs(5);
/// Between two looks of the bar.
const DRAW_EVERY: Duration = Duration::from_millis(100);
/// A deep audit that takes longer shows how far it has come.
const DIG_SHOWN: Duration = Duration::from_secs(1);
/// Positions of the bar.
const BAR: u64 = 1000;
/// Databases named in the summary.
const NAMED_MAX: usize = 20;

/// What is to be seen.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Options {
    /// A JSON object a database on stdout.
    pub(crate) json: bool,
    /// No progress, no summary.
    pub(crate) quiet: bool,
    /// A line on stdout for each database that is not sound.
    pub(crate) lines: bool,
}

/// The view of one pass.
#[derive(Debug)]
pub(crate) struct View {
    options: Options,
    bar: ProgressBar,
    plain: bool,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    began: Mono,
    shown: Mono,
    shares: BTreeMap<OsString, f64>,
    totals: Totals,
    slowest: Option<(Duration, String)>,
    named: Vec<String>,
    /// What was found, each code once.
    codes: Vec<FindingCode>,
    ended: Option<Ended>,
    /// Stdout took no more: a closed pipe.
    broken: bool,
}

impl View {
    /// A view that has seen nothing.
    pub(crate) fn new(options: Options) -> Self {
        let terminal = io::stderr().is_terminal();
        let target = if terminal && !options.quiet {
            ProgressDrawTarget::stderr()
        } else {
            ProgressDrawTarget::hidden()
        };
        let bar = ProgressBar::with_draw_target(Some(BAR), target);
        let style = ProgressStyle::with_template("{bar:30} {percent:>3} %  {msg}");
        bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
        let now = clock::mono();
        let state = State {
            began: now,
            shown: now,
            shares: BTreeMap::new(),
            totals: Totals::default(),
            slowest: None,
            named: Vec::new(),
            codes: Vec::new(),
            ended: None,
            broken: false,
        };
        let plain = !terminal && !options.quiet;
        Self { options, bar, plain, state: Mutex::new(state) }
    }

    /// The bar, for whoever writes to stderr beside it.
    pub(crate) fn bar(&self) -> &ProgressBar {
        &self.bar
    }

    /// Takes in what was said.
    pub(crate) fn said(&self, said: &Said<'_>) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        match said.report {
            Report::Audited(audited) => {
                self.audited(&mut state, audited, said);
                self.progress(&mut state, said);
            }
            Report::Hit(..) => state.totals.skipped += 1,
            Report::Ended(ended) => {
                state.ended = Some(*ended);
                self.bar.finish_and_clear();
            }
            Report::Began(_) | Report::Window(_) | Report::Tripped(_) => {}
            Report::Leaving(_) => self.bar.finish_and_clear(),
        }
    }

    /// Takes in how far a deep audit has come.
    pub(crate) fn digging(&self, progress: Progress) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let every = if self.plain { LINE_EVERY } else { DRAW_EVERY };
        let now = clock::mono();
        // A short one is not worth a word.
        if self.options.quiet || progress.took < DIG_SHOWN || now.since(state.shown) < every {
            return;
        }
        state.shown = now;
        let text = format!("{} databases; {}", state.totals.audited(), dug(progress));
        if self.plain {
            let _ = writeln!(io::stderr().lock(), "{text}");
        } else {
            self.bar.set_message(text);
        }
    }

    fn audited(&self, state: &mut State, audited: &Audited<'_>, said: &Said<'_>) {
        state.totals.count(audited.judged.verdict);
        let verdict = audited.judged.verdict;
        let name = || name(audited, said);
        if state.slowest.as_ref().is_none_or(|(slowest, _)| *slowest < audited.took) {
            state.slowest = Some((audited.took, name()));
        }
        for finding in &audited.judged.findings {
            if !state.codes.contains(&finding.code) {
                state.codes.push(finding.code);
            }
        }
        let ordinary = matches!(verdict, Verdict::Sound | Verdict::Deleted | Verdict::Vanished);
        let line = || {
            let mut line = format!("{:<14} {}", verdict.word(), name());
            for finding in &audited.judged.findings {
                let _ = write!(line, "  {finding}");
            }
            if !said.words.is_empty() {
                let _ = write!(line, "  ({})", said.words);
            }
            line
        };
        if !ordinary && state.named.len() < NAMED_MAX {
            state.named.push(line());
        }
        let out = if self.options.json {
            json::line(audited, said)
        } else if self.options.lines && !ordinary {
            line()
        } else {
            return;
        };
        if !state.broken {
            state.broken = self.bar.suspend(|| writeln!(io::stdout().lock(), "{out}")).is_err();
        }
    }

    fn progress(&self, state: &mut State, said: &Said<'_>) {
        let every = if self.plain { LINE_EVERY } else { DRAW_EVERY };
        let now = clock::mono();
        if let Some(device) = said.device {
            let device = device.path().as_os_str();
            match state.shares.get_mut(device) {
                Some(share) => *share = said.share,
                None => drop(state.shares.insert(device.to_owned(), said.share)),
            }
        }
        if now.since(state.shown) < every || self.options.quiet {
            return;
        }
        state.shown = now;
        let took = now.since(state.began).as_secs_f64();
        let audited = state.totals.audited();
        #[expect(clippy::cast_precision_loss, reason = "a share and a rate need no more")]
        let (all, rate) = (said.progress.1.max(1) as f64, audited as f64 / took.max(1e-9));
        let share = (state.shares.values().sum::<f64>() / all).clamp(0.0, 1.0);
        let left = if 0.01 < share && 2.0 < took {
            format!(", {:.0} s left", took / share - took)
        } else {
            String::new()
        };
        let damaged = state.totals.of(Verdict::Damaged);
        let text = format!("{audited} databases, {rate:.0}/s, {damaged} damaged{left}");
        if self.plain {
            let _ = writeln!(io::stderr().lock(), "{:.0} %  {text}", share * 100.0);
        } else {
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                clippy::cast_precision_loss,
                reason = "a share of BAR lies between 0 and BAR"
            )]
            self.bar.set_position((share * BAR as f64) as u64);
            self.bar.set_message(text);
        }
    }

    /// How the pass ended, if it did.
    pub(crate) fn ended(&self) -> Option<Ended> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).ended
    }

    /// The summary that a person would want; empty if none is wanted.
    pub(crate) fn summary(&self) -> String {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let mut text = String::new();
        if self.options.quiet {
            return text;
        }
        let took = clock::mono().since(state.began);
        let totals = state.ended.map_or(state.totals, |ended| ended.totals);
        let _ = writeln!(text, "{} databases in {:.2} s", totals.audited(), took.as_secs_f64());
        for verdict in Verdict::ALL.into_iter().filter(|verdict| 0 < totals.of(*verdict)) {
            let _ = writeln!(text, "  {:>8}  {}", totals.of(verdict), verdict.word());
        }
        for (count, what) in [(totals.moved, "moved to quarantine"), (totals.skipped, "skipped")] {
            if 0 < count {
                let _ = writeln!(text, "  {count:>8}  {what}");
            }
        }
        if let Some((took, name)) = &state.slowest {
            let _ = writeln!(text, "slowest: {:.1} ms, {name}", took.as_secs_f64() * 1e3);
        }
        for code in &state.codes {
            let Advice { meaning, next, .. } = code.advice();
            let _ = writeln!(text, "{}: {meaning} {next}", code.word());
        }
        if !self.options.lines {
            for line in &state.named {
                let _ = writeln!(text, "{line}");
            }
            let ordinary = [Verdict::Sound, Verdict::Deleted, Verdict::Vanished];
            let ordinary: u64 = ordinary.iter().map(|verdict| totals.of(*verdict)).sum();
            let more = (totals.audited() - ordinary).saturating_sub(state.named.len() as u64);
            if 0 < more {
                let _ = writeln!(text, "and {more} more");
            }
        }
        text
    }
}

/// `deep audit: 120 of 340 MB read, 61 MB/s`.
fn dug(progress: Progress) -> String {
    let Progress { read, all, took } = progress;
    if read == 0 {
        return format!(
            "deep audit: {:.0} s, {:.0} MB to read",
            took.as_secs_f64(),
            megabytes(all)
        );
    }
    let rate = megabytes(read) / took.as_secs_f64().max(1e-9);
    let (read, all) = (megabytes(read), megabytes(all));
    format!("deep audit: {read:.0} of {all:.0} MB read, {rate:.0} MB/s")
}

#[expect(clippy::cast_precision_loss, reason = "printed without a fraction")]
fn megabytes(bytes: u64) -> f64 {
    bytes as f64 / 1e6
}

/// `account/container  path`, or the path alone.
fn name(audited: &Audited<'_>, said: &Said<'_>) -> String {
    let whole = said.whole(audited.path);
    let path = Name(&whole);
    match said.names {
        (Cell::Text(account), Cell::Text(container)) => {
            format!("{}/{}  {path}", Name(account), Name(container))
        }
        _ => path.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_deep_audit_shows_bytes_and_rate() {
        let took = Duration::from_secs(2);
        for (read, expected) in [
            (120_400_000, "deep audit: 120 of 340 MB read, 60 MB/s"),
            (0, "deep audit: 2 s, 340 MB to read"), // a kernel that does not count
        ] {
            assert_eq!(dug(Progress { read, all: 340_000_000, took }), expected);
        }
    }
}
