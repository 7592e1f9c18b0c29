//! Does what the core decides; decides nothing itself. Modules stand in the order of the core's.

pub mod error;

pub mod conf;
pub mod ini;

pub mod devices;
pub mod listing;
pub mod mount;
pub mod numbers;
pub mod roots;
pub mod walk;
pub mod window;

pub mod probe;
pub mod quarantine;

mod members;
pub mod python;
pub mod recon;

pub mod logging;
mod resolve;
pub mod statsd;
pub mod syslog;
mod beside;
pub mod check;
mod pending;
mod sharding;
mod sqlite;

pub mod instance;
pub mod notify;
pub mod privilege;
pub mod signals;
