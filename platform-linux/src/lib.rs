//! Does what the core decides; decides nothing itself. Modules stand in the order of the core's.

pub mod clock;
pub mod error;
pub mod python;

pub mod conf;
pub mod ini;

pub mod devices;
pub mod listing;
pub mod mount;
pub mod numbers;
pub mod roots;
pub mod walk;
pub mod window;

mod beside;
pub mod check;
pub mod deep;
mod ofd;
mod pending;
pub mod reader;
mod sharding;
mod sqlite;
mod teach;

pub mod probe;
pub mod quarantine;
pub mod quarantined;

pub mod event;
pub mod logging;
mod members;
pub mod metrics;
pub mod recon;
pub mod reporter;
mod resolve;
pub mod statsd;
pub mod syslog;

pub mod control;
pub mod drive;
pub mod hands;
pub mod paused;
pub mod state;
pub mod watchdog;

pub mod again;
pub mod instance;
pub mod notify;
pub mod privilege;
pub mod signals;
