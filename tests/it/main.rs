//! Tests that take more than one crate, in the order of the data flow.

mod conf;
mod daemonise;
mod every;
mod recon;
mod statsd;
mod syslog;
