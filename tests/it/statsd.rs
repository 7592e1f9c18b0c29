//! Metrics as they arrive at a real socket.
use std::net::UdpSocket;
use std::time::Duration;

use martlet_platform_linux::statsd::{Statsd, StatsdConf};

fn conf(host: &str, port: u16) -> StatsdConf {
    StatsdConf {
        host: host.to_owned(),
        port,
        default_rate: 1.0,
        rate_factor: 1.0,
        prefix: String::new(),
        log_name: "container-auditor".to_owned(),
    }
}

fn receive(listener: &UdpSocket) -> String {
    // A bound for a packet that never comes, not a measure.
    listener.set_read_timeout(Some(Duration::from_secs(60))).expect("a bound");
    let mut packet = [0; 512];
    let length = listener.recv(&mut packet).expect("a packet");
    String::from_utf8_lossy(&packet[..length]).into_owned()
}

#[test]
fn packets_arrive_in_order_by_ipv4_and_ipv6() {
    for host in ["127.0.0.1", "::1"] {
        let Ok(listener) = UdpSocket::bind((host, 0)) else {
            assert_eq!(host, "::1", "only IPv6 may be missing");
            continue;
        };
        let port = listener.local_addr().expect("an address").port();
        let statsd = Statsd::new(&conf(host, port), 1);
        statsd.increment("passes");
        statsd.timing("timing", 0.638_04);
        assert_eq!(receive(&listener), "container-auditor.passes:1|c");
        assert_eq!(receive(&listener), "container-auditor.timing:0.638|ms");
        assert_eq!(statsd.dropped(), 0);
    }
}

#[test]
fn prefixes_are_joined_by_points() {
    let listener = UdpSocket::bind("127.0.0.1:0").expect("a listener");
    let port = listener.local_addr().expect("an address").port();
    for (prefix, log_name, expected) in [
        ("node7", "container-auditor", "node7.container-auditor.passes:1|c"),
        ("node7", "", "node7.passes:1|c"),
        ("", "auditor", "auditor.passes:1|c"),
        ("", "", "passes:1|c"),
    ] {
        let (prefix, log_name) = (prefix.to_owned(), log_name.to_owned());
        Statsd::new(&StatsdConf { prefix, log_name, ..conf("127.0.0.1", port) }, 1)
            .increment("passes");
        assert_eq!(receive(&listener), expected);
    }
}

#[test]
fn a_rate_below_one_sends_its_share() {
    let listener = UdpSocket::bind("127.0.0.1:0").expect("a listener");
    listener.set_nonblocking(true).expect("a listener that does not wait");
    let port = listener.local_addr().expect("an address").port();
    for (rate, factor, expected) in
        [(0.5, 0.5, 200..=300), (0.0, 1.0, 0..=0), (0.5, 2.0, 1000..=1000)]
    {
        let conf =
            StatsdConf { default_rate: rate, rate_factor: factor, ..conf("127.0.0.1", port) };
        let statsd = Statsd::new(&conf, 7);
        let mut arrived = 0;
        for _ in 0..1000 {
            statsd.increment("passes");
            let mut packet = [0; 512];
            // On the loopback a packet is there when `send` returns.
            while let Ok(length) = listener.recv(&mut packet) {
                let suffix: &[u8] = if rate * factor < 1.0 { b"|@0.25" } else { b"|c" };
                assert!(packet[..length].ends_with(suffix));
                arrived += 1;
            }
        }
        assert!(expected.contains(&arrived), "{arrived} of 1000 at {rate} × {factor}");
        assert_eq!(statsd.dropped(), 0, "what is not sampled is not dropped");
    }
}

#[test]
fn a_closed_port_and_an_unknown_name_hold_nobody() {
    let port = UdpSocket::bind("127.0.0.1:0").and_then(|gone| gone.local_addr()).expect("a port");
    let statsd = Statsd::new(&conf("127.0.0.1", port.port()), 1);
    (0..100).for_each(|_| statsd.increment("passes"));
    assert_eq!(statsd.dropped(), 0, "Swift does not see a closed port either");

    let statsd = Statsd::new(&conf("no-such-host.invalid", 8125), 1);
    (0..100).for_each(|_| statsd.increment("passes"));
    assert_eq!(statsd.dropped(), 100, "each is counted, whether the name server answered or not");
}
