//! What the daemon says of its lanes while they work: metrics, and devices that do not answer.
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use martlet_core::audit::STALLED_AFTER;
use martlet_core::event::Event;
use martlet_core::report::Date;
use martlet_platform_linux::clock;
use martlet_platform_linux::drive::{Drive, Stall};
use martlet_platform_linux::event::{say, say_of};
use martlet_platform_linux::logging::Name;
use martlet_platform_linux::metrics::{Gauges, Metrics};
use martlet_platform_linux::state::coverage::Coverages;
use martlet_platform_linux::state::findings::Findings;

use crate::status;

/// Counters at zero for the conf's `metrics_path`, and the ages of a daemon's `coverage`.
pub(crate) fn shared(file: &Path, coverage: Option<&Arc<Coverages>>) -> Arc<Mutex<Metrics>> {
    let metrics = Metrics::new(Path::new("/").join(file));
    Arc::new(Mutex::new(match coverage {
        Some(coverage) => metrics.covering(Arc::clone(coverage)),
        None => metrics,
    }))
}

/// Watches the lanes on a thread of its own, until the drive is told to stop.
pub(crate) fn watch<const LANES: usize>(
    drive: &Arc<Drive<LANES>>,
    lanes: u8,
    metrics: Option<Arc<Mutex<Metrics>>>,
    findings: Option<Arc<Findings>>,
) -> Result<(), String> {
    let drive = Arc::clone(drive);
    let watch = move || {
        let tick = || {
            if let Some(metrics) = &metrics {
                refresh(metrics, &gauges(&drive, lanes, findings.as_deref()));
            }
        };
        drive.watch(STALLED_AFTER, &stalled, &tick);
    };
    let thread = thread::Builder::new().name("stalls".to_owned());
    let spawned = thread.spawn(watch).map(|_ends_with_the_drive| ());
    spawned.map_err(|error| format!("cannot start the thread that watches: {error}"))
}

/// What is so at this moment, for metrics.
pub(crate) fn gauges<const LANES: usize>(
    drive: &Drive<LANES>,
    lanes: u8,
    findings: Option<&Findings>,
) -> Gauges {
    let (lanes, tripped) = drive.lanes(lanes);
    Gauges { lanes, tripped, open: findings.map(Findings::open_by_code) }
}

/// Writes metrics anew if that is due.
fn refresh(metrics: &Mutex<Metrics>, gauges: &Gauges) {
    let mut metrics = metrics.lock().unwrap_or_else(PoisonError::into_inner);
    if let Err(error) = metrics.refresh(clock::mono(), gauges) {
        say(Event::MetricsUnwritten, format_args!("{error}"));
    }
}

/// Says that a device does not answer, or does again.
fn stalled(device: &Path, stall: Stall) {
    let device = Name(device.as_os_str().as_bytes()).to_string();
    let fields = [("device", device.as_str())];
    match stall {
        Stall::Lasts(span) | Stall::HoldsAll(span) => {
            let since = Date(status::before(span));
            let waits = if matches!(stall, Stall::HoldsAll(_)) {
                " to a look before or after a pass; all lanes wait"
            } else {
                "; what works on it waits"
            };
            let words = format_args!("{device}: has not answered since {since}{waits}");
            say_of(Event::DeviceStalled, &fields, words);
        }
        Stall::Over(span) => {
            let words = format_args!("{device}: answers again, after {} s", span.as_secs());
            say_of(Event::DeviceAnswers, &fields, words);
        }
    }
}
