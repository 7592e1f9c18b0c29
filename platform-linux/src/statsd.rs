//! Metrics by UDP, in Swift's packets to the byte (`StatsdClient`).
//!
//! Nothing here waits: a name that does not resolve, a full socket, a network that is gone cost the
//! packet, which is counted; the trouble is said when it begins and when it ends.
use std::fmt::Write as _;
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::sync::{Mutex, PoisonError};

use martlet_core::event::Event;

use crate::event::say;
use crate::python::{self, Repr};
use crate::resolve::{Address, Known};

/// Where metrics go, and how many of them. Swift's `log_statsd_*` options.
#[derive(Clone, Debug, PartialEq)]
pub struct StatsdConf {
    /// `log_statsd_host`: a name or a number.
    pub host: String,
    /// `log_statsd_port`.
    pub port: u16,
    /// `log_statsd_default_sample_rate`: the share of metrics that are sent, 0 to 1.
    pub default_rate: f64,
    /// `log_statsd_sample_rate_factor`: multiplies the rate.
    pub rate_factor: f64,
    /// `log_statsd_metric_prefix`: comes before `log_name`; may be empty.
    pub prefix: String,
    /// `log_name`: comes before each metric's name; may be empty.
    pub log_name: String,
}

/// Sends metrics. To be shared by threads.
#[derive(Debug)]
pub struct Statsd(Mutex<Sender>);

#[derive(Debug)]
struct Sender {
    host: String,
    port: u16,
    /// Both prefixes, each with its point.
    prefix: String,
    rate: f64,
    dice: Dice,
    address: Address,
    socket: Option<UdpSocket>,
    /// The packet is made here each time.
    packet: String,
    /// Packets that were not sent since the process began.
    dropped: u64,
    /// `dropped` when the trouble that lasts began.
    trouble_since: Option<u64>,
}

impl Statsd {
    /// `seed` decides which metrics a rate below one lets through.
    #[must_use]
    pub fn new(conf: &StatsdConf, seed: u64) -> Self {
        let parts = [&conf.prefix, &conf.log_name];
        let prefix = parts.iter().filter(|part| !part.is_empty()).map(|part| format!("{part}."));
        Self(Mutex::new(Sender {
            host: conf.host.clone(),
            port: conf.port,
            prefix: prefix.collect(),
            rate: conf.default_rate * conf.rate_factor,
            dice: Dice(seed),
            address: Address::find(&conf.host, conf.port),
            socket: None,
            packet: String::new(),
            dropped: 0,
            trouble_since: None,
        }))
    }

    /// Counts one more `name`, such as `passes`.
    pub fn increment(&self, name: &str) {
        self.send(name, Metric::One);
    }

    /// Says that one `name`, such as `timing`, took `ms` milliseconds.
    pub fn timing(&self, name: &str, ms: f64) {
        self.send(name, Metric::Milliseconds(ms));
    }

    /// Packets that were to be sent and were not, since the process began.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).dropped
    }

    fn send(&self, name: &str, metric: Metric) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).send(name, metric);
    }
}

impl Sender {
    fn send(&mut self, name: &str, metric: Metric) {
        if self.rate < 1.0 && self.rate <= self.dice.roll() {
            return;
        }
        let to = match self.address.known() {
            Known::At(to) => Ok(to),
            // Nothing is wrong yet.
            Known::NotYet => {
                self.dropped += 1;
                return;
            }
            Known::Nowhere(why) => Err(why),
        };
        write_packet(&mut self.packet, &self.prefix, name, metric, self.rate);
        match to.and_then(|to| self.transmit(to).map_err(|error| python::os_error(&error))) {
            Ok(()) => {
                if let Some(since) = self.trouble_since.take() {
                    let lost = self.dropped - since;
                    let words = format_args!("statsd packets are sent again; {lost} were dropped");
                    say(Event::StatsdAgain, words);
                }
            }
            Err(why) => {
                if self.trouble_since.is_none() {
                    self.trouble_since = Some(self.dropped);
                    let (host, port) = (&self.host, self.port);
                    let words = format_args!(
                        "Error sending UDP message to ('{host}', {port}): {why} (further ones are \
                         counted)"
                    );
                    say(Event::StatsdFailed, words);
                }
                self.dropped += 1;
            }
        }
    }

    fn transmit(&mut self, to: SocketAddr) -> io::Result<()> {
        let family = |at: SocketAddr| at.is_ipv4() == to.is_ipv4();
        let socket = match self.socket.take() {
            Some(socket) if socket.local_addr().is_ok_and(family) => socket,
            Some(_) | None => {
                let socket = match to {
                    SocketAddr::V4(_) => UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)),
                    SocketAddr::V6(_) => UdpSocket::bind((Ipv6Addr::UNSPECIFIED, 0)),
                }?;
                socket.set_nonblocking(true)?;
                socket
            }
        };
        // Not connected, so that a closed port is no error, as in Swift.
        let sent = socket.send_to(self.packet.as_bytes(), to).map(|_whole| ());
        self.socket = Some(socket);
        sent
    }
}

/// What a packet says of its name.
#[derive(Clone, Copy, Debug)]
enum Metric {
    One,
    Milliseconds(f64),
}

/// `_build_line_parts`: `NAME:VALUE|TYPE`, and the rate if it is below one.
fn write_packet(packet: &mut String, prefix: &str, name: &str, metric: Metric, rate: f64) {
    packet.clear();
    let written = match metric {
        Metric::One => write!(packet, "{prefix}{name}:1|c"),
        Metric::Milliseconds(ms) => {
            write!(packet, "{prefix}{name}:{}|ms", Repr(python::round4(ms)))
        }
    };
    let suffix = if rate < 1.0 { write!(packet, "|@{}", Repr(rate)) } else { Ok(()) };
    debug_assert!(written.is_ok() && suffix.is_ok(), "a String takes all that is written");
}

/// SplitMix64: enough to sample by.
#[derive(Debug)]
struct Dice(u64);

impl Dice {
    /// From 0 to below 1.
    fn roll(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        let high = u32::try_from((bits ^ (bits >> 31)) >> 32).unwrap_or(0);
        f64::from(high) / (f64::from(u32::MAX) + 1.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(metric: Metric, rate: f64, expected: &str) {
        let mut packet = String::from("left over");
        write_packet(&mut packet, "", "x", metric, rate);
        assert_eq!(packet, expected);
    }

    #[test]
    fn packets_are_swifts() {
        check(Metric::One, 1.0, "x:1|c");
        check(Metric::One, 0.5, "x:1|c|@0.5");
        check(Metric::One, 0.1 * 0.7, "x:1|c|@0.06999999999999999");
        check(Metric::One, 1e-5, "x:1|c|@1e-05");
        check(Metric::One, 2.0, "x:1|c");
        check(Metric::One, f64::NAN, "x:1|c");
        check(Metric::Milliseconds(0.638), 1.0, "x:0.638|ms");
        check(Metric::Milliseconds(0.0), 1.0, "x:0.0|ms");
        check(Metric::Milliseconds(12.0), 1.0, "x:12.0|ms");
        check(Metric::Milliseconds(25_000.123_456), 0.25, "x:25000.1235|ms|@0.25");
        check(Metric::Milliseconds(0.000_049), 1.0, "x:0.0|ms");
        check(Metric::Milliseconds(0.000_09), 1.0, "x:0.0001|ms");
        check(Metric::Milliseconds(0.000_06), 1.0, "x:0.0001|ms");
    }

    #[test]
    fn the_dice_are_fair() {
        let mut dice = Dice(1);
        let rolls: Vec<f64> = std::iter::repeat_with(|| dice.roll()).take(100_000).collect();
        assert!(rolls.iter().all(|roll| (0.0..1.0).contains(roll)));
        for tenth in 1..10_u32 {
            let below = f64::from(tenth) / 10.0;
            let count = rolls.iter().filter(|roll| **roll < below).map(|_| 1_u32).sum::<u32>();
            assert!(count.abs_diff(tenth * 10_000) < 600, "{count} below {below}");
        }
    }
}
