//! The daemon: `martlet run`, and everything under Swift's name.
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, PoisonError};

use martlet_core::audit::{Conf, HashConf, Mode, Order, Report};
use martlet_core::event::Event;
use martlet_core::tally::Totals;
use martlet_platform_linux::again::Again;
use martlet_platform_linux::clock;
use martlet_platform_linux::conf::{self, ConfError, Settings};
use martlet_platform_linux::drive::{Drive, Ground, LANES_MAX, Said, wanted};
use martlet_platform_linux::event::say;
use martlet_platform_linux::instance::{self, Instance, InstanceError};
use martlet_platform_linux::logging::{LogConf, Logger};
use martlet_platform_linux::notify::{Note, Notify};
use martlet_platform_linux::privilege::{self, Stderr};
use martlet_platform_linux::reporter::{LastWindow, RECON_FILE, Reporter};
use martlet_platform_linux::signals::{self, Blocked, Descriptors, LastResort, Signal, Stop};
use martlet_platform_linux::state::Store;
use martlet_platform_linux::state::coverage::Coverages;
use martlet_platform_linux::state::findings::Findings;
use martlet_platform_linux::syslog::SyslogAt;
use martlet_platform_linux::watchdog::Watchdog;

use crate::audit::{self, GRACE, SWIFT_CONF, seed};
use crate::control;
use crate::exit;
use crate::metrics;
use crate::settings;

/// What a reload changes; all else needs a restart. `log_name` changes for the log alone: metrics keep the
/// names that they had.
const RELOADED: [&str; 16] = [
    "interval",
    "containers_per_second",
    "quarantine",
    "quarantine_limit",
    "quarantine_share",
    "deep_interval",
    "bytes_per_second",
    "deep_hold",
    "log_name",
    "log_facility",
    "log_level",
    "log_max_line_length",
    "log_address",
    "log_udp_host",
    "log_udp_port",
    "log_format",
];

/// How the daemon is run.
#[derive(Clone, Debug)]
pub(crate) struct Start {
    /// The conf, absolute.
    pub(crate) conf: PathBuf,
    /// One pass only.
    pub(crate) once: bool,
    /// Log to stderr too.
    pub(crate) verbose: bool,
    /// Whether `swift.conf` must be there, and a last window is dropped: under Swift's name.
    pub(crate) swift: bool,
}

/// Runs it. The error is the one line with which it could not start.
pub(crate) fn run(start: &Start) -> Result<ExitCode, String> {
    // A file system may hang, and a look-up of the user: until here a signal ends the process.
    let said = |error: ConfError| {
        if start.swift { error.in_swifts_words() } else { error.to_string() }
    };
    let settings = conf::load(&start.conf).map_err(said)?;
    let (hash, account) = (settings::hash(Path::new(SWIFT_CONF)), settings.account());
    // Before any thread is there to be interrupted.
    let blocked = signals::block().map_err(|error| format!("cannot block signals: {error}"))?;
    let mode = if start.once || !settings.daemonize { Mode::Once } else { Mode::Forever };
    let logger = Logger::install(log_conf(&settings, start.verbose))
        .map_err(|error| format!("cannot install the log: {error}"))?;
    priorities(&settings);
    say(Event::Starting, format_args!("Starting {}", std::process::id()));
    if mode == Mode::Forever {
        settings.interval.as_ref().map_err(ConfError::to_string)?;
    }
    let hash = needed(hash, start.swift)?;
    let account = account.map_err(|error| error.to_string())?;
    settings::make_place(&settings, &account);
    let instance = match mode {
        Mode::Forever => alone(start, &settings)?,
        Mode::Once => None,
    };
    privilege::turn_into(&settings.user, &account).map_err(|error| error.to_string())?;
    let stderr = if start.verbose { Stderr::Kept } else { Stderr::Released };
    privilege::detach(stderr).map_err(|error| error.to_string())?;
    for note in settings.notes() {
        say(Event::ConfNote, format_args!("{note}"));
    }
    let core = settings::core(&settings, mode, hash);
    let alone = instance.is_some();
    let daemon = Daemon { start: start.clone(), settings, logger, core, alone };
    let totals = if daemon.settings.lanes == 1 {
        daemon.drive::<1>(blocked)?
    } else {
        daemon.drive::<LANES_MAX>(blocked)?
    };
    say(Event::Exited, format_args!("Exited {}", std::process::id()));
    // Swift leaves with 0 here, also when there was no devices directory at all.
    let short = mode == Mode::Once && totals.is_none_or(|totals| 0 < totals.skipped);
    Ok(if short { ExitCode::from(exit::CANNOT_RUN) } else { ExitCode::SUCCESS })
}

struct Daemon {
    start: Start,
    settings: Settings,
    logger: &'static Logger,
    core: Conf,
    /// It is the only daemon of its conf, for certain.
    alone: bool,
}

impl Daemon {
    /// Audits until the end; what the last pass came to, if one ended or a stop ended it.
    fn drive<const LANES: usize>(self, blocked: Blocked) -> Result<Option<Totals>, String> {
        let Self { start, settings, logger, core, alone } = self;
        let ground = Ground::Devices {
            root: Path::new("/").join(&settings.devices),
            mount_check: settings.mount_check,
        };
        let lanes = settings.lanes;
        let statsd = settings::statsd(&settings, seed());
        let recon = Path::new("/").join(&settings.recon_cache_path).join(RECON_FILE);
        let mode = core.mode;
        let notify = Arc::new(Notify::from_environment());
        let drive: Drive<LANES> = Drive::new(&core, ground, true, seed());
        let drive = drive.feeding(watchdog(&notify));
        let place = settings.state_path.as_deref();
        let store = place.map(|it| Store::new(it, &start.conf, &settings::all(&settings)));
        let drive = match store.as_ref().filter(|_| mode == Mode::Once) {
            Some(store) => drive.heeding(store),
            None => drive,
        };
        // A single pass leaves to the daemon what is the daemon's.
        let store = store.filter(|_| mode == Mode::Forever);
        let control = store.as_ref().map(|store| (control::socket(store), control::paused(store)));
        let findings = match mode {
            Mode::Forever => Some(Arc::new(Findings::new(place, &start.conf))),
            // Where it cannot, it says no more than Swift's does.
            Mode::Once => place.and_then(|place| audit::keeping(place, &start.conf).ok()),
        };
        let drive = match &findings {
            Some(findings) => drive.finding(Arc::clone(findings)),
            None => drive,
        };
        let drive = match store {
            Some(store) => drive.keeping(store),
            None => drive,
        };
        let coverage = (mode == Mode::Forever)
            .then(|| Arc::new(Coverages::new(place, &start.conf, wanted(&core))));
        let metrics = match mode {
            Mode::Forever => settings.metrics_path.clone(),
            Mode::Once => audit::metrics_file(&settings, &start.conf, findings.is_some()),
        };
        let metrics = metrics.map(|file| metrics::shared(&file, coverage.as_ref()));
        let drive = Arc::new(match coverage {
            Some(coverage) => drive.covering(coverage),
            None => drive,
        });
        let last = control::LastPass::default();
        let _control = control.filter(|_| alone).and_then(|(socket, paused)| {
            control::go_on_pausing(&drive, &paused);
            control::serve(&drive, &socket, paused, Arc::clone(&last))
        });

        let (reloads, mut running) = (Arc::clone(&drive), settings);
        let read = move || reload(&mut running, &start, &core, logger, &reloads);
        take_signals(blocked, &drive, &notify, read)?;
        if mode == Mode::Forever {
            metrics::watch(&drive, lanes, metrics.clone(), findings.clone())?;
        }
        let pause = |span| drive.pause(span);
        let last_window = match mode {
            Mode::Once => LastWindow::Dropped,
            Mode::Forever => LastWindow::Kept,
        };
        let misplaced = AtomicU64::new(0);
        let gauges = || metrics::gauges(&drive, lanes, findings.as_deref());
        let reporter = Reporter {
            statsd,
            recon: Some(recon),
            metrics,
            gauges: &gauges,
            pause: &pause,
            last_window,
            misplaced,
        };
        notify.tell(Note::Ready);
        let ended = Mutex::new(None);
        drive.run(lanes, &|said: &Said<'_>| {
            reporter.say(said);
            if let Report::Ended(it) = said.report {
                *ended.lock().unwrap_or_else(PoisonError::into_inner) = Some(it.totals);
                *last.lock().unwrap_or_else(PoisonError::into_inner) = Some((clock::wall(), *it));
            }
        });
        if let Some(findings) = findings.as_ref().filter(|_| mode == Mode::Once) {
            findings.save();
        }
        notify.tell(Note::Stopping);
        let stopped = drive.is_stopped().then(Totals::default);
        Ok(ended.into_inner().unwrap_or_else(PoisonError::into_inner).or(stopped))
    }
}

/// Hands out signals from a thread of their own; `reload` reads the conf again.
fn take_signals<const LANES: usize>(
    blocked: Blocked,
    drive: &Arc<Drive<LANES>>,
    notify: &Arc<Notify>,
    reload: impl FnMut() + Send + 'static,
) -> Result<(), String> {
    let (orders, notes) = (Arc::clone(drive), Arc::clone(notify));
    // A conf that hangs must not keep a stop waiting, so it is not read where signals are taken.
    let reader = Again::new("reload", reload)
        .map_err(|error| format!("cannot start the thread that reloads: {error}"))?;
    let hand = move |signal| match signal {
        Signal::Stop(stop) => {
            match stop {
                Stop::Term => {
                    let pid = std::process::id();
                    say(Event::Stopping, format_args!("SIGTERM received ({pid})"));
                }
                Stop::Int => say(Event::Stopping, format_args!("User quit")),
            }
            orders.order(Order::Stop);
            notes.tell(Note::Stopping);
        }
        Signal::Reload => {
            if !reader.ask() {
                let why = "the thread that reads it has ended";
                say(Event::ConfRefused, format_args!("Conf not reloaded: {why}"));
            }
        }
        Signal::Status => {
            let status = orders.status();
            say(Event::Status, format_args!("{status}"));
            notes.tell(Note::Status(&status));
        }
    };
    // A daemon that was told to end has done what it was told.
    let last = LastResort { after: GRACE, code: 0 };
    signals::watch(blocked, last, Descriptors::Shared, hand)
        .map_err(|error| format!("cannot wait for signals: {error}"))
}

/// The watchdog of the service manager, if it set one.
fn watchdog(notify: &Arc<Notify>) -> Watchdog {
    let Some(period) = notify.watchdog_period() else {
        return Watchdog::default();
    };
    let notify = Arc::clone(notify);
    Watchdog::new(period, clock::mono(), move || notify.tell(Note::Watchdog))
}

/// Reads the conf again; a bad one changes nothing.
fn reload<const LANES: usize>(
    running: &mut Settings,
    start: &Start,
    core: &Conf,
    logger: &Logger,
    drive: &Drive<LANES>,
) {
    let read = conf::load(&start.conf).and_then(|settings| match &settings.interval {
        Err(error) if core.mode == Mode::Forever => Err(error.clone()),
        Ok(_) | Err(_) => Ok(settings),
    });
    let settings = match read {
        Ok(settings) => settings,
        Err(error) => {
            say(Event::ConfRefused, format_args!("Conf not reloaded: {error}"));
            return;
        }
    };
    let late: Vec<_> = running
        .changed(&settings)
        .into_iter()
        .map(|option| option.name)
        .filter(|name| !RELOADED.contains(name))
        .collect();
    logger.reload(log_conf(&settings, start.verbose));
    drive.order(Order::Reload(&settings::core(&settings, core.mode, core.hash.clone())));
    say(Event::ConfReloaded, format_args!("Conf reloaded"));
    if !late.is_empty() {
        let late = late.join(", ");
        say(Event::ConfLate, format_args!("These options need a restart: {late}"));
    }
    *running = settings;
}

fn log_conf(settings: &Settings, console: bool) -> LogConf {
    let at = match &settings.log_udp_host {
        Some(host) => SyslogAt::Udp(host.clone(), settings.log_udp_port),
        None => SyslogAt::Socket(settings.log_address.clone()),
    };
    LogConf {
        tag: settings.log_name.clone(),
        least: settings.log_level,
        max_line_length: settings.log_max_line_length,
        facility: settings.log_facility,
        at,
        format: settings.log_format,
        console,
    }
}

/// Sets nice and I/O priority. What cannot be set is said, on stdout too, and that is all (Swift's
/// `modify_priority`).
fn priorities(settings: &Settings) {
    let refused = |what: &str, why: &dyn std::fmt::Display| {
        let words = format_args!("Unable to modify {what} priority: {why}");
        say(Event::PriorityRefused, words);
        // Whoever starts it reads stdout; if nobody does, the log has it.
        let line = format!("WARNING: Unable to modify {what} priority: {why}\n");
        let _closed = io::stdout().lock().write_all(line.as_bytes());
    };
    match &settings.nice_priority {
        Some(Ok(priority)) => {
            if let Err(error) = privilege::nice(*priority) {
                refused("nice", &error);
            }
        }
        Some(Err(error)) => refused("nice", error),
        None => {}
    }
    match &settings.ionice {
        Some(Ok(asked)) => {
            if let Err(error) = privilege::ionice(asked.class, asked.priority) {
                refused("ionice", &error);
            }
        }
        Some(Err(error)) => refused("ionice", error),
        None => {}
    }
}

/// Swift does not start without a hash path; here it only means that names are not checked.
fn needed(
    hash: Result<Option<HashConf>, String>,
    needed: bool,
) -> Result<Option<HashConf>, String> {
    match hash {
        Err(why) if needed => Err(why),
        Err(why) => {
            say(Event::HashPathMissing, format_args!("Names are not compared with places: {why}"));
            Ok(None)
        }
        hash @ Ok(_) => hash,
    }
}

/// Makes sure that no other daemon runs on this conf.
fn alone(start: &Start, settings: &Settings) -> Result<Option<Instance>, String> {
    let places = instance::places(settings.state_path.as_deref());
    match instance::claim(&start.conf, &places) {
        Ok(instance) => Ok(Some(instance)),
        Err(error @ InstanceError::Running(_)) => Err(error.to_string()),
        Err(error @ InstanceError::NoPlace(_)) => {
            say(Event::InstanceUnsure, format_args!("{error}"));
            Ok(None)
        }
    }
}
