//! The conf of an auditor: from a file or a directory to checked, typed values.
//!
//! ```text
//! path → sources → [container-auditor] with what it inherits → Settings
//! ```
//!
//! What Swift takes is taken and means the same; what Swift answers with a traceback ends in one
//! line that names file, section, key and value ([`ConfError`]).
use crate::ini::{Dialect, Entry, Ini};
use martlet_core::conf::{self, IoClass, LANES_MAX, Level, LogFormat, Opt, SECTION};
use martlet_core::python;
use std::path::{Path, PathBuf};
use std::time::Duration;

mod error;
mod explain;
mod hash;
mod read;
mod user;

pub use error::{BadValue, ConfError};
pub use explain::{Effective, Unknown};
pub use hash::{HashPath, load_swift_conf};
pub use read::{Sources, sources};
pub use user::Account;

/// An I/O priority to set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IoPriority {
    /// The class.
    pub class: IoClass,
    /// The priority within it; the kernel takes 0 (first) to 7 (last).
    pub priority: i64,
}

/// What the conf says, checked: a field an option, named as the option is. Options without effect
/// ([`Opt::meaning`] says which) have no field.
#[derive(Clone, Debug, PartialEq)]
#[expect(clippy::struct_excessive_bools, reason = "a field an option")]
pub struct Settings {
    /// The parent of the devices' directories. As written: a relative path is seen from `/`.
    pub devices: PathBuf,
    /// Whether devices that are not mount points are passed over.
    pub mount_check: bool,
    /// From the start of a pass to the start of the next. `Err`: the line with which a daemon that
    /// audits forever must end; one pass needs no interval, and Swift does not mind then.
    pub interval: Result<Duration, ConfError>,
    /// Databases a second, more than 0; `None`: no limit.
    pub containers_per_second: Option<f64>,
    /// The directory of `container.recon`. As written: a relative path is seen from `/`.
    pub recon_cache_path: PathBuf,
    /// The name of the user to become; see [`Settings::account`].
    pub user: String,
    /// Whether to audit forever.
    pub daemonize: bool,
    /// The tag of log lines, and in metrics.
    pub log_name: String,
    /// The facility's number, 0 to 23.
    pub log_facility: u8,
    /// The least level that is logged.
    pub log_level: Level,
    /// The socket of syslog.
    pub log_address: PathBuf,
    /// The host for syslog by UDP, instead of `log_address`.
    pub log_udp_host: Option<String>,
    /// Its port; 0 without a host.
    pub log_udp_port: u16,
    /// Letters of a log line at most; `None`: no limit.
    pub log_max_line_length: Option<usize>,
    /// Python functions that Swift would call; see [`Settings::notes`].
    pub log_custom_handlers: Vec<String>,
    /// The host for metrics; `None`: none are sent.
    pub log_statsd_host: Option<String>,
    /// Its port; 0 without a host.
    pub log_statsd_port: u16,
    /// The rate of metrics that say none; any number, as in Swift.
    pub log_statsd_default_sample_rate: f64,
    /// What rates are multiplied by; any number, as in Swift.
    pub log_statsd_sample_rate_factor: f64,
    /// What stands before `log_name` in a metric's name; may be empty.
    pub log_statsd_metric_prefix: String,
    /// Whether metrics are sent at all, given a host.
    pub statsd_emit_legacy: bool,
    /// The CPU priority to set. `Err`: the line to say; Swift goes on without.
    pub nice_priority: Option<Result<i32, ConfError>>,
    /// `ionice_class` and `ionice_priority`, to set. `Err`: the line to say; Swift goes on without.
    pub ionice: Option<Result<IoPriority, ConfError>>,
    /// Whether damaged databases are moved aside.
    pub quarantine: bool,
    /// Databases that one pass may move aside on one device.
    pub quarantine_limit: u32,
    /// The same in percent of the device's databases, 0 to 100.
    pub quarantine_share: f64,
    /// Devices audited side by side, 1 to 32.
    pub lanes: u8,
    /// The directory for what is kept over a restart; `None`: nothing is kept.
    pub state_path: Option<PathBuf>,
    /// Within this time each database gets a deep audit; `None`: none does.
    pub deep_interval: Option<Duration>,
    /// Bytes a second that deep audits read on average, more than 0; `None`: no limit.
    pub bytes_per_second: Option<f64>,
    /// The longest that a last try may hold a lock, 25 s at most.
    pub deep_hold: Duration,
    /// The file for Prometheus; `None`: none.
    pub metrics_path: Option<PathBuf>,
    /// How log lines are written.
    pub log_format: LogFormat,
    /// The path that was loaded.
    conf: PathBuf,
    /// All keys of the section.
    entries: Vec<Entry>,
    /// Files of the directory that could not be read, and why.
    skipped: Vec<(PathBuf, String)>,
}

/// Seconds that `deep_hold` may be at most: Swift's own writers wait 25 s for a lock, then fail.
const DEEP_HOLD_MAX: f64 = 25.0;

/// Loads the conf at `path`, a file or a directory of `*.conf` (`readconf`, and all that
/// `run_daemon` does with the values).
pub fn load(path: &Path) -> Result<Settings, ConfError> {
    Settings::new(path, sources(path)?)
}

impl Settings {
    /// The settings in what was read from `conf`.
    pub fn new(conf: &Path, sources: Sources) -> Result<Self, ConfError> {
        let ini = Ini::read(Dialect::ReadConf, &sources.read)?;
        let entries = ini.entries(SECTION)?.ok_or_else(|| ConfError::NoSection(conf.to_owned()))?;
        let options = Options { conf, entries: &entries };
        let mut settings = options.settings()?;
        settings.entries = entries;
        settings.skipped = sources.skipped;
        Ok(settings)
    }

    /// What holds where a conf says nothing.
    pub fn defaults() -> Result<Self, ConfError> {
        let conf = Path::new("(no conf)");
        Options { conf, entries: &[] }.settings()
    }
}

/// The texts of the options: the section's entries over the table's defaults.
#[derive(Clone, Copy)]
struct Options<'a> {
    conf: &'a Path,
    entries: &'a [Entry],
}

impl<'a> Options<'a> {
    fn entry(self, name: &str) -> Option<&'a Entry> {
        self.entries.iter().find(|entry| entry.key == name)
    }

    /// The text of an option; empty for a name that the table does not have.
    fn text(self, name: &str) -> &'a str {
        let default = || conf::option(name).map_or("", |option| option.default);
        self.entry(name).map_or_else(default, |entry| entry.value.as_str())
    }

    fn bad(self, key: &'static str, why: &str) -> ConfError {
        let (file, section) = match self.entry(key) {
            Some(entry) => (entry.origin.file.as_path(), entry.origin.section.as_str()),
            None => (self.conf, SECTION),
        };
        ConfError::Value(Box::new(BadValue {
            file: file.to_owned(),
            section: section.to_owned(),
            key,
            value: self.text(key).to_owned(),
            why: why.to_owned(),
        }))
    }

    fn set(self, name: &str) -> Option<&'a str> {
        Some(self.text(name)).filter(|text| !text.is_empty())
    }

    fn path(self, name: &str) -> PathBuf {
        PathBuf::from(self.text(name))
    }

    fn truth(self, name: &str) -> bool {
        conf::truth(self.text(name))
    }

    fn float(self, key: &'static str, why: &str) -> Result<f64, ConfError> {
        python::float(self.text(key).as_bytes()).ok_or_else(|| self.bad(key, why))
    }

    /// A rate as Swift's limiter takes it: nothing above 0, or nothing finite, is no limit.
    fn rate(self, key: &'static str) -> Result<Option<f64>, ConfError> {
        let rate = self.float(key, "not a number")?;
        Ok(Some(rate).filter(|rate| 0.0 < *rate && rate.is_finite()))
    }

    fn int(self, key: &'static str) -> Result<i64, ConfError> {
        conf::int(self.text(key)).ok_or_else(|| self.bad(key, "not a whole number"))
    }

    fn int_within(self, key: &'static str, low: i64, high: i64) -> Result<i64, ConfError> {
        let number = self.int(key)?;
        let inside = (low..=high).contains(&number);
        inside.then_some(number).ok_or_else(|| self.bad(key, &format!("not from {low} to {high}")))
    }

    /// The port beside a host; 0 if there is no host. Swift fails at the first packet if the number
    /// is that of no port.
    fn port(self, host: &str, key: &'static str) -> Result<u16, ConfError> {
        if self.set(host).is_none() {
            return Ok(0);
        }
        let port = self.int_within(key, 0, i64::from(u16::MAX))?;
        Ok(u16::try_from(port).unwrap_or_default())
    }

    /// Seconds that can be waited for.
    fn seconds(self, key: &'static str, max: f64) -> Result<Duration, ConfError> {
        let seconds = self.float(key, "not a number of seconds")?;
        if seconds < 0.0 {
            return Err(self.bad(key, "less than 0 seconds"));
        }
        if max < seconds {
            return Err(self.bad(key, &format!("more than {max} seconds")));
        }
        Duration::try_from_secs_f64(seconds)
            .map_err(|_| self.bad(key, "not a number of seconds that one can wait for"))
    }

    fn nice(self) -> Option<Result<i32, ConfError>> {
        self.entry("nice_priority")?;
        let number = self.int("nice_priority");
        Some(number.map(|nice| i32::try_from(nice.clamp(-100, 100)).unwrap_or_default()))
    }

    fn ionice(self) -> Option<Result<IoPriority, ConfError>> {
        self.entry("ionice_class")?;
        let class = IoClass::named(self.text("ionice_class"));
        let class = class.ok_or_else(|| self.bad("ionice_class", "not an I/O class"));
        Some(class.and_then(|class| {
            self.int("ionice_priority").map(|priority| IoPriority { class, priority })
        }))
    }

    fn settings(self) -> Result<Settings, ConfError> {
        let switch = |key| {
            let text = self.text(key);
            conf::switch(text).ok_or_else(|| self.bad(key, "neither true nor false"))
        };
        let own = |name: &str| self.set(name).map(str::to_owned);
        // In the order in which Swift's daemon comes upon them.
        let line_length = self.int("log_max_line_length")?;
        let log_udp_port = self.port("log_udp_host", "log_udp_port")?;
        self.int("log_statsd_port")?; // read even if there is no host
        let log_statsd_port = self.port("log_statsd_host", "log_statsd_port")?;
        let default_rate = self.float("log_statsd_default_sample_rate", "not a number")?;
        let rate_factor = self.float("log_statsd_sample_rate_factor", "not a number")?;
        if !conf::is_reserve(self.text("fallocate_reserve")) {
            return Err(self.bad("fallocate_reserve", "neither bytes nor a share with %"));
        }
        self.float("interval", "not a number of seconds")?;
        let containers_per_second = self.rate("containers_per_second")?;
        let limit = self.int_within("quarantine_limit", 0, i64::from(u32::MAX))?;
        let share = conf::percent(self.text("quarantine_share"));
        let lanes = self.int_within("lanes", 1, LANES_MAX)?;
        let deep_interval = self.seconds("deep_interval", f64::INFINITY)?;
        let format = LogFormat::named(self.text("log_format"));
        Ok(Settings {
            devices: self.path("devices"),
            mount_check: self.truth("mount_check"),
            interval: self.seconds("interval", f64::INFINITY),
            containers_per_second,
            recon_cache_path: self.path("recon_cache_path"),
            user: self.text("user").to_owned(),
            daemonize: self.truth("daemonize"),
            log_name: self.text("log_name").to_owned(),
            log_facility: conf::facility(self.text("log_facility")),
            log_level: Level::named(self.text("log_level")),
            log_address: self.path("log_address"),
            log_udp_host: own("log_udp_host"),
            log_udp_port,
            log_max_line_length: usize::try_from(line_length).ok().filter(|length| *length != 0),
            log_custom_handlers: list(self.text("log_custom_handlers")),
            log_statsd_host: own("log_statsd_host"),
            log_statsd_port,
            log_statsd_default_sample_rate: default_rate,
            log_statsd_sample_rate_factor: rate_factor,
            log_statsd_metric_prefix: self.text("log_statsd_metric_prefix").to_owned(),
            statsd_emit_legacy: self.truth("statsd_emit_legacy"),
            nice_priority: self.nice(),
            ionice: self.ionice(),
            quarantine: switch("quarantine")?,
            quarantine_limit: u32::try_from(limit).unwrap_or(u32::MAX),
            quarantine_share: share
                .ok_or_else(|| self.bad("quarantine_share", "not a share from 0 to 100 percent"))?,
            lanes: u8::try_from(lanes).unwrap_or(1),
            state_path: own("state_path").map(PathBuf::from),
            deep_interval: Some(deep_interval).filter(|span| !span.is_zero()),
            bytes_per_second: self.rate("bytes_per_second")?,
            deep_hold: self.seconds("deep_hold", DEEP_HOLD_MAX)?,
            metrics_path: own("metrics_path").map(PathBuf::from),
            log_format: format.ok_or_else(|| self.bad("log_format", "neither text nor json"))?,
            conf: self.conf.to_owned(),
            entries: Vec::new(),
            skipped: Vec::new(),
        })
    }
}

/// What is said of a value that ends in a comment.
const COMMENT: &str = "a comment needs a line of its own";

/// Whether a value looks as if it ended in a comment, which Swift takes for a part of it.
fn has_comment(value: &str) -> bool {
    [" #", " ;", "\t#", "\t;"].iter().any(|mark| value.contains(mark))
}

/// Names between commas, without spaces around them; empty ones do not count.
fn list(text: &str) -> Vec<String> {
    text.split(',').map(str::trim).filter(|name| !name.is_empty()).map(str::to_owned).collect()
}
