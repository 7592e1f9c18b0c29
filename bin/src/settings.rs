//! From a conf's settings to what each part of the auditor takes.
use std::path::Path;
use std::time::Duration;

use log::LevelFilter;
use martlet_core::audit::{Conf, HASH_END_MAX, HashConf, Mode};
use martlet_core::breaker::Limits;
use martlet_core::conf::Level;
use martlet_core::due::{DeepConf, Which};
use martlet_platform_linux::conf::{Account, Settings, load_swift_conf};
use martlet_platform_linux::privilege;
use martlet_platform_linux::statsd::{Statsd, StatsdConf};

/// The longest spacing: a rate of one in 31 years is no rate.
const SPACING_MAX_SECONDS: f64 = 1e9;

/// What the core takes. A bad `interval` matters only to a daemon.
pub(crate) fn core(settings: &Settings, mode: Mode, hash: Option<HashConf>) -> Conf {
    Conf {
        mode,
        interval: settings.interval.clone().unwrap_or_default(),
        spacing: spacing(settings.containers_per_second.unwrap_or(0.0)),
        quarantine: settings.quarantine,
        breaker: Limits {
            databases: settings.quarantine_limit,
            share: parts_per_million(settings.quarantine_share),
        },
        hash,
        deep: deep(settings, mode),
    }
}

/// A daemon gives each database its turn; a single pass does as it is asked.
fn deep(settings: &Settings, mode: Mode) -> DeepConf {
    let turns = settings.deep_interval.map_or(Which::Never, Which::Within);
    DeepConf {
        which: if mode == Mode::Forever { turns } else { Which::Never },
        bytes_per_second: whole(settings.bytes_per_second.unwrap_or(0.0)),
        hold: settings.deep_hold,
    }
}

/// Bytes a second as a whole number; less than one is one, so that a limit stays a limit.
#[expect(clippy::cast_possible_truncation, reason = "bounded by u64 in the line itself")]
#[expect(clippy::cast_sign_loss, reason = "only what is more than 0")]
fn whole(per_second: f64) -> u64 {
    if 0.0 < per_second { (per_second as u64).max(1) } else { 0 }
}

/// The time between two audits at so many a second; none for 0, less and what is no number.
pub(crate) fn spacing(per_second: f64) -> Duration {
    if per_second.is_nan() || per_second <= 0.0 {
        return Duration::ZERO;
    }
    Duration::from_secs_f64((1.0 / per_second).min(SPACING_MAX_SECONDS))
}

/// Every option as it holds, a line each: it changes when the conf says something else.
pub(crate) fn all(settings: &Settings) -> String {
    settings.effective().map(|option| option.to_string()).collect::<Vec<_>>().join("\n")
}

/// Makes the directory of the state if it is not there and only root can.
pub(crate) fn make_place(settings: &Settings, account: &Account) {
    if let Some(place) = &settings.state_path {
        // Whoever saves there says what is wrong with it.
        let _unmade = privilege::make_for(account, place);
    }
}

/// A share of 0 to 100 percent.
fn parts_per_million(percent: f64) -> u32 {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "clamped, and no number becomes 0"
    )]
    let parts = (percent.clamp(0.0, 100.0) * 10_000.0).round() as u32;
    parts
}

/// The hash path of a `swift.conf`.
pub(crate) fn hash(file: &Path) -> Result<Option<HashConf>, String> {
    let read = load_swift_conf(file).map_err(|error| error.to_string())?;
    let long = || format!("{}: hash path longer than {HASH_END_MAX} bytes", file.display());
    HashConf::new(&read.prefix, &read.suffix).ok_or_else(long).map(Some)
}

/// Metrics, if the conf wants any.
pub(crate) fn statsd(settings: &Settings, seed: u64) -> Option<Statsd> {
    let host = settings.log_statsd_host.clone().filter(|_| settings.statsd_emit_legacy)?;
    let conf = StatsdConf {
        host,
        port: settings.log_statsd_port,
        default_rate: settings.log_statsd_default_sample_rate,
        rate_factor: settings.log_statsd_sample_rate_factor,
        prefix: settings.log_statsd_metric_prefix.clone(),
        log_name: settings.log_name.clone(),
    };
    Some(Statsd::new(&conf, seed))
}

/// The `log` crate's name of a level.
pub(crate) fn level(level: Level) -> LevelFilter {
    match level {
        Level::Debug => LevelFilter::Debug,
        Level::Info | Level::Notice => LevelFilter::Info,
        Level::Warning => LevelFilter::Warn,
        Level::Error | Level::Critical => LevelFilter::Error,
    }
}
