//! Tests that take more than one crate, in the order of the data flow.

mod every;
mod conf;
mod daemonise;
mod recon;
mod statsd;
mod syslog;
