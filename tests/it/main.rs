//! Tests that take more than one crate, in the order of the data flow.

mod check;
mod conf;
mod daemon;
mod daemonise;
mod days;
mod deep;
mod manuals;

mod mount;
mod reader;
mod walk;

mod stall;
mod state;

mod breaker;
mod quarantine;
mod quarantined;

mod recon;
mod same_as_swift;
mod statsd;
mod syslog;
mod tidy;

mod bare_metal;
mod corpus;
mod faults;
mod large;
mod promises;
