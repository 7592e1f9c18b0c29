//! One pass for a person: `martlet once`, `martlet check`.
mod ground;

use std::io::{self, Write};
use std::path::{self, Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use martlet_core::audit::{Conf, Ended, HashConf, Mode, Order};
use martlet_core::breaker::Limits;
use martlet_core::due::{DeepConf, Which};
use martlet_core::event::Event;
use martlet_core::walk::Floor;
use martlet_platform_linux::conf::{self, Settings};
use martlet_platform_linux::deep::{Around, Progress};
use martlet_platform_linux::drive::{Drive, Ground, LANES_MAX, Said};
use martlet_platform_linux::event::say;
use martlet_platform_linux::hands::Target;
use martlet_platform_linux::instance;
use martlet_platform_linux::privilege;
use martlet_platform_linux::reporter::{LastWindow, RECON_FILE, Reporter};
use martlet_platform_linux::signals::{self, Blocked, Descriptors, LastResort, Signal};
use martlet_platform_linux::state::Store;
use martlet_platform_linux::state::findings::Findings;
use martlet_platform_linux::statsd::Statsd;

use self::ground::{ground, paths};
use crate::args::{Check, Once};
use crate::exit;
use crate::log::Console;
use crate::metrics;
use crate::settings;
use crate::view::{Options, View};

/// Where Swift's hash path is.
pub(crate) const SWIFT_CONF: &str = "/etc/swift/swift.conf";
/// After a stop the process ends within this time, whatever a disk does.
pub(crate) const GRACE: Duration = Duration::from_millis(900);

/// Without a conf, how long the last try of a deep audit may hold a lock: the default of `deep_hold`.
const DEEP_HOLD: Duration = Duration::from_millis(500);

/// What one pass is to do.
struct Pass {
    conf: Conf,
    ground: Ground,
    lanes: u8,
    /// Nothing comes of it but what is printed: it ends when nobody takes that any more.
    prints_only: bool,
    /// What the daemon keeps: where its breaker has tripped, this pass moves nothing either.
    heeded: Option<Store>,
    may_recover: bool,
    recon: Option<PathBuf>,
    statsd: Option<Statsd>,
    findings: Option<Arc<Findings>>,
    metrics: Option<PathBuf>,
}

/// `martlet once CONF`.
pub(crate) fn once(asked: &Once) -> Result<ExitCode, String> {
    let settings = conf::load(&asked.conf).map_err(|error| error.to_string())?;
    let file = path::absolute(&asked.conf).map_err(|e| format!("{}: {e}", asked.conf.display()))?;
    let hash = hash(asked.swift_conf.as_deref())?;
    if privilege::is_root() {
        // Else the recon cache and the quarantine would belong to root, and the daemon could not write.
        let account = settings.account().map_err(|error| error.to_string())?;
        if !asked.dry_run {
            settings::make_place(&settings, &account);
        }
        privilege::turn_into(&settings.user, &account).map_err(|error| error.to_string())?;
    }
    let mut conf = settings::core(&settings, Mode::Once, hash);
    conf.quarantine &= !asked.dry_run;
    if asked.deep {
        conf.deep.which = Which::All;
    }
    if let Some(rate) = asked.rate {
        conf.spacing = settings::spacing(rate);
    }
    let ground = ground(&settings, &asked.device, &asked.partition)?;
    let lanes = lanes(asked.lanes.unwrap_or(settings.lanes))?;
    let (json, quiet) = (asked.json, asked.quiet);
    let blocked = block()?;
    let view = Arc::new(View::new(Options { json, quiet, lines: false, aside: false, lanes }));
    let (level, format) = (settings::level(settings.log_level), settings.log_format);
    Console { tag: &settings.log_name, level, format }.install(view.bar().clone());
    let recon = Path::new("/").join(&settings.recon_cache_path).join(RECON_FILE);
    let place = settings.state_path.as_deref().filter(|_| !asked.dry_run);
    let findings = place.and_then(|place| match keeping(place, &file) {
        Ok(findings) => Some(findings),
        Err(why) => {
            say(Event::FindingsLeft, format_args!("nothing is kept for martlet list: {why}"));
            None
        }
    });
    let pass = Pass {
        conf,
        ground,
        lanes,
        prints_only: false,
        heeded: settings.state_path.as_deref().map(|place| Store::new(place, &file, "")),
        may_recover: !asked.dry_run,
        // A dry run is nobody's pass: dashboards do not hear of it.
        recon: (!asked.dry_run).then_some(recon),
        statsd: if asked.dry_run { None } else { settings::statsd(&settings, seed()) },
        metrics: metrics_file(&settings, &file, findings.is_some()).filter(|_| !asked.dry_run),
        findings,
    };
    pass.run(&view, blocked)
}

/// `martlet check PATH...`.
pub(crate) fn check(asked: &Check) -> Result<ExitCode, String> {
    let hash = hash(asked.swift_conf.as_deref())?;
    let mut targets = Vec::new();
    for path in paths(&asked.path)? {
        targets.extend(Target::at(&path).map_err(|error| error.to_string())?);
    }
    let spacing = settings::spacing(asked.rate);
    let which = if asked.deep { Which::All } else { Which::Never };
    let conf = Conf { deep: deep(which), ..untouching(spacing, hash) };
    let lanes = lanes(asked.lanes)?;
    let (json, quiet) = (asked.json, asked.quiet);
    let blocked = block()?;
    let view = Arc::new(View::new(Options { json, quiet, lines: !json, aside: false, lanes }));
    Console::SILENT.install(view.bar().clone());
    let pass = Pass {
        conf,
        ground: Ground::Named(targets),
        lanes,
        prints_only: true,
        heeded: None,
        may_recover: false,
        recon: None,
        statsd: None,
        findings: None,
        metrics: None,
    };
    pass.run(&view, blocked)
}

/// The findings under the conf at `file`, which a single pass adds its own to; or why they are left.
pub(crate) fn keeping(place: &Path, file: &Path) -> Result<Arc<Findings>, String> {
    let findings = Findings::of_a_pass(place, file).map_err(|error| error.to_string())?;
    let left = "the daemon of this conf runs, or another pass, and does that";
    findings.map(Arc::new).ok_or_else(|| left.to_owned())
}

/// Where a single pass writes its metrics, and whether it `keeps` its findings. Beside a daemon the file is
/// that daemon's, and beside another pass that pass's.
pub(crate) fn metrics_file(settings: &Settings, conf: &Path, keeps: bool) -> Option<PathBuf> {
    let place = settings.state_path.as_deref();
    let file = settings.metrics_path.clone()?;
    let is_others = place.is_some() && !keeps;
    (!is_others && instance::holder(conf, &instance::places(place)).is_none()).then_some(file)
}

/// Audits the hash directory at `path` deeply where it lies, out of the tree, and says what it is.
pub(crate) fn look(path: &Path, json: bool) -> Result<ExitCode, String> {
    let view = View::new(Options { json, quiet: json, lines: !json, aside: true, lanes: 1 });
    aside(path, &Arc::new(view))
}

/// The same in a line for each database that is not sound, and how it ended; none if it was stopped.
pub(crate) fn brief(path: &Path) -> Result<Option<Ended>, String> {
    let options = Options { json: false, quiet: true, lines: true, aside: true, lanes: 1 };
    let view = Arc::new(View::new(options));
    aside(path, &view).map(|_told_by_the_view| view.ended())
}

fn aside(path: &Path, view: &Arc<View>) -> Result<ExitCode, String> {
    // Without a hash path no place is judged: it is in none.
    let conf = Conf { deep: deep(Which::All), ..untouching(Duration::ZERO, None) };
    let blocked = block()?;
    Console::SILENT.install(view.bar().clone());
    let pass = Pass {
        conf,
        ground: Ground::Named(vec![Target::Below(path.to_owned(), Floor::Hash)]),
        lanes: 1,
        prints_only: true,
        heeded: None,
        may_recover: false,
        recon: None,
        statsd: None,
        findings: None,
        metrics: None,
    };
    pass.run(view, blocked)
}

/// One pass that leaves everything as it is.
fn untouching(spacing: Duration, hash: Option<HashConf>) -> Conf {
    Conf {
        mode: Mode::Once,
        interval: Duration::ZERO,
        spacing,
        quarantine: false,
        breaker: Limits { databases: 0, share: 0 },
        hash,
        deep: deep(Which::Never),
    }
}

/// Deep audits at full speed.
const fn deep(which: Which) -> DeepConf {
    DeepConf { which, bytes_per_second: 0, hold: DEEP_HOLD }
}

impl Pass {
    fn run(self, view: &Arc<View>, blocked: Blocked) -> Result<ExitCode, String> {
        if self.lanes == 1 {
            self.drive::<1>(view, blocked)?;
        } else {
            self.drive::<LANES_MAX>(view, blocked)?;
        }
        // Nobody is left to tell if stderr is gone.
        let _closed = io::stderr().lock().write_all(view.summary().as_bytes());
        match view.lost() {
            Some(lost) => lost.end(),
            None => Ok(exit::of(view.ended())),
        }
    }

    fn drive<const LANES: usize>(self, view: &Arc<View>, blocked: Blocked) -> Result<(), String> {
        let drive: Drive<LANES> = Drive::new(&self.conf, self.ground, self.may_recover, seed());
        let drive = match &self.heeded {
            Some(store) => drive.heeding(store),
            None => drive,
        };
        let seen = Arc::clone(view);
        let drive = {
            let tell = Arc::new(move |progress: Progress| seen.digging(progress));
            drive.digging(|around| Around { tell, ..around })
        };
        let drive = Arc::new(match &self.findings {
            Some(findings) => drive.finding(Arc::clone(findings)),
            None => drive,
        });
        let stopped = Arc::clone(&drive);
        let hand = move |signal| match signal {
            Signal::Stop(_) => stopped.order(Order::Stop),
            Signal::Reload | Signal::Status => {
                say(Event::Status, format_args!("{}", stopped.status()));
            }
        };
        // It may be held up in the writing of a line, and then the pass has not come to its end.
        let last = LastResort { after: GRACE, code: exit::INCOMPLETE };
        signals::watch(blocked, last, Descriptors::Own, hand)
            .map_err(|error| format!("cannot wait for signals: {error}"))?;
        let pause = |span| drive.pause(span);
        let gauges = || metrics::gauges(&drive, self.lanes, self.findings.as_deref());
        let metrics = self.metrics.as_deref().map(|file| metrics::shared(file, None));
        let reporter = Reporter {
            statsd: self.statsd,
            recon: self.recon,
            metrics,
            gauges: &gauges,
            pause: &pause,
            last_window: LastWindow::Logged,
            misplaced: AtomicU64::new(0),
        };
        drive.run(self.lanes, &|said: &Said<'_>| {
            reporter.say(said);
            if !view.said(said) && self.prints_only {
                drive.order(Order::Stop);
            }
        });
        if let Some(findings) = &self.findings {
            findings.save();
        }
        Ok(())
    }
}

/// Blocks signals, before the first thread starts. Until here one ends the process at once: what is
/// read may lie on a file system that hangs, or come from somebody who types.
fn block() -> Result<Blocked, String> {
    signals::block().map_err(|error| format!("cannot block signals: {error}"))
}

/// The hash path of the named file, or of Swift's own if it can be read: without one names are not
/// checked, and a pass needs it for nothing else.
pub(crate) fn hash(named: Option<&Path>) -> Result<Option<HashConf>, String> {
    match named {
        Some(file) => settings::hash(file),
        None => Ok(settings::hash(Path::new(SWIFT_CONF)).unwrap_or_default()),
    }
}

/// A number that two processes differ in.
pub(crate) fn seed() -> u64 {
    use std::hash::{BuildHasher, Hasher, RandomState};
    RandomState::new().build_hasher().finish()
}

fn lanes(lanes: u8) -> Result<u8, String> {
    if (1..=LANES_MAX).contains(&usize::from(lanes)) {
        return Ok(lanes);
    }
    Err(format!("lanes: {lanes} is not from 1 to {LANES_MAX}"))
}
