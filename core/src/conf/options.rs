//! The option table: one row an option. README, sample conf and man page are written from it.

/// What an option's text must look like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A path; a relative one is seen from `/`, where a daemon stands.
    Path,
    /// Swift's truth value: see [`super::truth`]. Never an error.
    Bool,
    /// Like [`Kind::Bool`], but what is neither is an error: see [`super::switch`].
    Switch,
    /// A number as Python's `float()` reads it.
    Float,
    /// A number as Python's `int()` reads it: see [`super::int`].
    Int,
    /// A share in percent, 0 to 100, with or without `%`.
    Percent,
    /// Seconds, 0 or more.
    Seconds,
    /// A name or any other text.
    Text,
    /// Names, separated by commas.
    List,
    /// A log level: see [`super::Level::named`].
    Level,
    /// A syslog facility: see [`super::facility`].
    Facility,
    /// An I/O scheduling class: see [`super::IoClass::named`].
    IoClass,
    /// Bytes, or a share with `%`.
    Reserve,
    /// `text` or `json`.
    Format,
}

impl Kind {
    /// The kind in words, for the tables that people read.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::Path => "path",
            Self::Bool | Self::Switch => "true or false",
            Self::Float => "number",
            Self::Int => "whole number",
            Self::Percent => "percent",
            Self::Seconds => "seconds",
            Self::Text => "text",
            Self::List => "list",
            Self::Level => "level",
            Self::Facility => "facility",
            Self::IoClass => "class",
            Self::Reserve => "bytes or percent",
            Self::Format => "text or json",
        }
    }
}

/// Whose option it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Owner {
    /// Swift's auditor knows it by this name and default.
    Swift,
    /// Only Martlet knows it.
    Martlet,
}

/// One option of the section `[container-auditor]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Opt {
    /// Its name, as in the conf file.
    pub name: &'static str,
    /// What holds where the conf says nothing, as it would be written there; empty: not set.
    pub default: &'static str,
    /// What its text must look like.
    pub kind: Kind,
    /// Whose it is.
    pub owner: Owner,
    /// What it does, with its unit: one sentence.
    pub meaning: &'static str,
}

/// The option of this name, letter for letter.
#[must_use]
pub fn option(name: &str) -> Option<&'static Opt> {
    OPTIONS.iter().find(|option| option.name == name)
}

const fn swift(
    name: &'static str,
    default: &'static str,
    kind: Kind,
    meaning: &'static str,
) -> Opt {
    Opt { name, default, kind, owner: Owner::Swift, meaning }
}

const fn martlet(
    name: &'static str,
    default: &'static str,
    kind: Kind,
    meaning: &'static str,
) -> Opt {
    Opt { name, default, kind, owner: Owner::Martlet, meaning }
}

/// Every option, in the order in which people read of them: Swift's, then Martlet's own.
#[rustfmt::skip] // a row is a name, its default and its kind, and below them what it means
pub const OPTIONS: &[Opt] = &[
    swift("devices", "/srv/node", Kind::Path,
        "The directory that holds one directory, or mount point, for each device."),
    swift("mount_check", "true", Kind::Bool,
        "Whether a device that is not a mount point is passed over."),
    swift("interval", "1800", Kind::Float,
        "Seconds from the start of one pass to the start of the next; the first starts after a random part of it."),
    swift("containers_per_second", "200", Kind::Float,
        "Databases audited in a second at most; 0 or less: no limit."),
    swift("recon_cache_path", "/var/cache/swift", Kind::Path,
        "The directory of container.recon, which swift-recon reads."),
    swift("user", "swift", Kind::Text,
        "The user that the daemon becomes; it must exist."),
    swift("daemonize", "true", Kind::Bool,
        "Whether to audit forever; false: one pass, as the word once on the command line."),
    swift("log_name", "container-auditor", Kind::Text,
        "The name before each log line and in each metric."),
    swift("log_facility", "LOG_LOCAL0", Kind::Facility,
        "The syslog facility; a name that is unknown means LOG_LOCAL0."),
    swift("log_level", "INFO", Kind::Level,
        "The least level that is logged: DEBUG, INFO, WARNING, ERROR or CRITICAL; any other name means INFO."),
    swift("log_address", "/dev/log", Kind::Path,
        "The socket of syslog; if it is not a socket, UDP port 514 of localhost is used."),
    swift("log_udp_host", "", Kind::Text,
        "The host that gets the log by UDP; if set, log_address is not used."),
    swift("log_udp_port", "514", Kind::Int,
        "The UDP port on log_udp_host."),
    swift("log_max_line_length", "0", Kind::Int,
        "Letters of a log line at most, a longer one loses its middle; 0: no limit."),
    swift("log_custom_handlers", "", Kind::List,
        "Python functions that Swift hands each log line to; Martlet runs none, and says so at its start."),
    swift("log_statsd_host", "", Kind::Text,
        "The host that gets metrics by statsd; empty: none are sent."),
    swift("log_statsd_port", "8125", Kind::Int,
        "The UDP port on log_statsd_host."),
    swift("log_statsd_default_sample_rate", "1.0", Kind::Float,
        "The share of metrics that is sent, 0 to 1."),
    swift("log_statsd_sample_rate_factor", "1.0", Kind::Float,
        "What each sample rate is multiplied by."),
    swift("log_statsd_metric_prefix", "", Kind::Text,
        "What stands before log_name in the name of a metric."),
    swift("statsd_emit_legacy", "true", Kind::Bool,
        "Whether metrics without labels are sent; an auditor has no others."),
    swift("nice_priority", "", Kind::Int,
        "The CPU priority of the process, -20 (first) to 19 (last); empty: left as it is."),
    swift("ionice_class", "", Kind::IoClass,
        "The I/O class: IOPRIO_CLASS_RT, IOPRIO_CLASS_BE or IOPRIO_CLASS_IDLE; empty: left as it is."),
    swift("ionice_priority", "0", Kind::Int,
        "The priority within ionice_class, 0 (first) to 7 (last)."),
    swift("db_preallocation", "off", Kind::Bool,
        "Accepted without effect: Martlet never lets a database grow."),
    swift("disable_fallocate", "no", Kind::Bool,
        "Accepted without effect: Martlet never lets a database grow."),
    swift("fallocate_reserve", "1%", Kind::Reserve,
        "Accepted without effect, but checked: Martlet never lets a database grow."),
    swift("eventlet_debug", "no", Kind::Bool,
        "Accepted without effect: it is about Swift's Python libraries."),
    martlet("quarantine", "true", Kind::Switch,
        "Whether a damaged database is moved aside, as Swift does; false: it is only reported."),
    martlet("quarantine_limit", "16", Kind::Int,
        "Databases of one device that one pass may move aside; at one more it stops moving and says so."),
    martlet("quarantine_share", "1%", Kind::Percent,
        "The same limit as a share of the device's databases, of which three may always be moved."),
    martlet("lanes", "1", Kind::Int,
        "Devices audited side by side, 1 to 32; two are never on the same disk."),
    martlet("state_path", "/var/lib/martlet", Kind::Path,
        "The directory that keeps the place in the pass, the findings and the coverage over a restart; empty: none."),
    martlet("deep_interval", "604800", Kind::Seconds,
        "Seconds within which each database gets a deep audit, which reads all its rows; 0: never."),
    martlet("bytes_per_second", "10000000", Kind::Float,
        "Bytes that deep audits read in a second on average; 0 or less: no limit."),
    martlet("deep_hold", "0.5", Kind::Seconds,
        "Seconds that the last try of a deep audit may hold the lock of a busy database, 0 to 25."),
    martlet("metrics_path", "", Kind::Path,
        "The file that gets the counters in Prometheus text format; empty: none."),
    martlet("log_format", "text", Kind::Format,
        "How a log line is written: text, as Swift does, or json."),
];
