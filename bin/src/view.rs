//! What a person sees of a pass while it lasts: progress on stderr; and lines on stdout.
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt::Write as _;
use std::io::{self, IsTerminal, Write};
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use martlet_core::advice::AFTER_MOVE;
use martlet_core::audit::{Audited, Ended, Fate, Report};
use martlet_core::check::Cell;
use martlet_core::left::{WHOLE, left, together};
use martlet_core::time::Mono;
use martlet_core::verdict::{FindingCode, Verdict};
use martlet_platform_linux::clock;
use martlet_platform_linux::deep::Progress;
use martlet_platform_linux::drive::{Said, parts};
use martlet_platform_linux::logging::{Shown, one_line};

use crate::json;
use crate::output::Lost;
use crate::span::Span;
use crate::summary::Summary;

/// Between two plain lines of progress, where stderr is no terminal.
const LINE_EVERY: Duration = Duration::from_secs(5);
/// Between two looks of the bar.
const DRAW_EVERY: Duration = Duration::from_millis(100);
/// A deep audit that takes longer shows how far it has come.
const DIG_SHOWN: Duration = Duration::from_secs(1);
/// Devices in progress that one line names.
const DEVICES_SHOWN_MAX: usize = 4;

/// What is to be seen.
#[derive(Clone, Copy, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is a choice of its own")]
pub(crate) struct Options {
    /// A JSON object a database on stdout.
    pub(crate) json: bool,
    /// No progress, no summary.
    pub(crate) quiet: bool,
    /// A line on stdout for each database that is not sound.
    pub(crate) lines: bool,
    /// What is audited lies in the quarantine.
    pub(crate) aside: bool,
    /// Devices side by side.
    pub(crate) lanes: u8,
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
    /// What lies behind of each device, in parts of a million.
    shares: BTreeMap<OsString, u32>,
    summary: Summary,
    ended: Option<Ended>,
    lost: Option<Lost>,
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
        let bar = ProgressBar::with_draw_target(Some(WHOLE.into()), target);
        let style = ProgressStyle::with_template("{bar:30} {percent:>3} %  {wide_msg}");
        bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
        let now = clock::mono();
        let state = State {
            began: now,
            shown: now,
            shares: BTreeMap::new(),
            summary: Summary::new(now),
            ended: None,
            lost: None,
        };
        let plain = !terminal && !options.quiet;
        Self { options, bar, plain, state: Mutex::new(state) }
    }

    /// The bar, for whoever writes to stderr beside it.
    pub(crate) fn bar(&self) -> &ProgressBar {
        &self.bar
    }

    /// Takes in what was said. False: stdout takes no more, so a pass that only prints may end.
    pub(crate) fn said(&self, said: &Said<'_>) -> bool {
        let mut state = self.state();
        match said.report {
            Report::Audited(audited) => {
                self.audited(&mut state, audited, said);
                self.progress(&mut state, said);
            }
            Report::Hit(floor, trouble) => state.summary.skipped(*floor, *trouble, said.place),
            Report::Ended(ended) => {
                state.ended = Some(*ended);
                self.bar.finish_and_clear();
            }
            Report::Tripped(_) => state.summary.tripped(said.device),
            Report::Began(_) | Report::Window(_) => {}
            Report::Leaving(_) => self.bar.finish_and_clear(),
        }
        state.lost.is_none()
    }

    /// Takes in how far a deep audit has come.
    pub(crate) fn digging(&self, progress: Progress) {
        let mut state = self.state();
        let every = if self.plain { LINE_EVERY } else { DRAW_EVERY };
        let now = clock::mono();
        // A short one is not worth a word.
        if self.options.quiet || progress.took < DIG_SHOWN || now.since(state.shown) < every {
            return;
        }
        state.shown = now;
        let text = format!("{} databases; {}", state.summary.totals.audited(), dug(progress));
        if self.plain {
            let _ = writeln!(io::stderr().lock(), "{text}");
        } else {
            self.bar.set_message(text);
        }
    }

    fn audited(&self, state: &mut State, audited: &Audited<'_>, said: &Said<'_>) {
        let verdict = audited.judged.verdict;
        let ordinary = matches!(verdict, Verdict::Sound | Verdict::Deleted | Verdict::Vanished);
        let line = (!ordinary).then(|| line(audited, said));
        let is_aside = self.options.aside || audited.fate == Fate::Moved;
        let next = |code: FindingCode| if is_aside { AFTER_MOVE } else { code.advice().next };
        if audited.fate == Fate::Held {
            state.summary.tripped(said.device);
        }
        state.summary.audited(audited, || name(audited, said), line.as_deref(), next);
        let out = if self.options.json {
            json::line(audited, said)
        } else if let Some(line) = line.filter(|_| self.options.lines) {
            line
        } else {
            return;
        };
        if state.lost.is_none() {
            let printed = self.bar.suspend(|| writeln!(io::stdout().lock(), "{out}"));
            state.lost = printed.err().map(Lost::from);
        }
    }

    fn progress(&self, state: &mut State, said: &Said<'_>) {
        let every = if self.plain { LINE_EVERY } else { DRAW_EVERY };
        let now = clock::mono();
        if let Some(device) = said.device {
            let share = parts(said.share);
            let device = device.path().as_os_str();
            match state.shares.get_mut(device) {
                Some(known) => *known = share,
                None => drop(state.shares.insert(device.to_owned(), share)),
            }
        }
        if now.since(state.shown) < every || self.options.quiet {
            return;
        }
        state.shown = now;
        let begun = state.shares.values().copied();
        let waiting = std::iter::repeat_n(0, said.progress.1.saturating_sub(state.shares.len()));
        let share = together(begun.chain(waiting).map(|share| (share, None)));
        let text = self.words(state, now.since(state.began), share);
        if self.plain {
            // Nobody reads it: the pass goes on.
            let _closed = writeln!(io::stderr().lock(), "{} %  {text}", share / 10_000);
        } else {
            self.bar.set_position(share.into());
            self.bar.set_message(text);
        }
    }

    /// What stands behind the percentage.
    fn words(&self, state: &State, took: Duration, share: u32) -> String {
        let audited = state.summary.totals.audited();
        #[expect(clippy::cast_precision_loss, reason = "a rate is shown without a fraction")]
        let rate = audited as f64 / took.as_secs_f64().max(1e-9);
        let mut text = format!("{audited} databases, {rate:.0}/s");
        let found = state.summary.found();
        if 0 < found {
            let _ = write!(text, ", {found} found");
        }
        if let Some(left) = left(took, share) {
            let _ = write!(text, ", {} left", Span(left));
        }
        if 1 < self.options.lanes {
            let going = state.shares.iter().filter(|(_, share)| **share < WHOLE);
            let going: Vec<_> = going
                .map(|(path, share)| {
                    let path = Path::new(path);
                    let name = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy();
                    format!("{} {} %", one_line(&name), share / 10_000)
                })
                .collect();
            let more = going.len().saturating_sub(DEVICES_SHOWN_MAX);
            for it in going.iter().take(DEVICES_SHOWN_MAX) {
                let _ = write!(text, ", {it}");
            }
            if 0 < more {
                let _ = write!(text, ", {more} more");
            }
        }
        text
    }

    /// How the pass ended, if it did.
    pub(crate) fn ended(&self) -> Option<Ended> {
        self.state().ended
    }

    /// What was to be printed and could not be: the view is at its end.
    pub(crate) fn lost(&self) -> Option<Lost> {
        self.state().lost.take()
    }

    /// The summary that a person would want; empty if none is wanted.
    pub(crate) fn summary(&self) -> String {
        if self.options.quiet {
            return String::new();
        }
        let state = self.state();
        state.summary.text(state.ended, !self.options.lines)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A database that is not sound, and why.
fn line(audited: &Audited<'_>, said: &Said<'_>) -> String {
    let mut line = format!("{:<14} {}", audited.judged.verdict.word(), name(audited, said));
    for finding in &audited.judged.findings {
        let _ = write!(line, "  {finding}");
    }
    if !said.words.is_empty() {
        let _ = write!(line, "  ({})", one_line(said.words));
    }
    line
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
    let path = Shown(&whole);
    match said.names {
        (Cell::Text(account), Cell::Text(container)) => {
            format!("{}/{}  {path}", Shown(account), Shown(container))
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
