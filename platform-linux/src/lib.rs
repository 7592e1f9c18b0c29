//! Does what the core decides; decides nothing itself. Modules stand in the order of the core's.

pub mod error;

pub mod devices;
pub mod listing;
pub mod mount;
pub mod numbers;
pub mod roots;
pub mod walk;
pub mod window;

pub mod probe;
pub mod quarantine;
pub mod conf;
pub mod ini;
pub mod logging;
pub mod instance;
mod members;
pub mod notify;
pub mod privilege;
pub mod python;
pub mod recon;
mod resolve;
pub mod signals;
pub mod statsd;
pub mod syslog;
mod beside;
pub mod check;
mod pending;
mod sharding;
mod sqlite;
