//! The address of a host that was given by name, without anybody waiting for a name server.
use std::io;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

/// A name is looked up again so often: operators move hosts, and name servers come back.
const AGAIN_EVERY: Duration = Duration::from_secs(60);
/// What `getaddrinfo` needs, with room: glibc's asks for some 64 KiB.
const STACK_BYTES: usize = 512 * 1024;

/// A host and a port, and what is known of its address by now.
#[derive(Debug)]
pub(crate) struct Address {
    last: Arc<Last>,
    /// Dropped with the address; then the thread that looks up ends.
    _keep: Option<Sender<()>>,
}

/// What the last look-up brought, and who waits for the first.
#[derive(Debug)]
struct Last {
    known: Mutex<Known>,
    changed: Condvar,
}

impl Last {
    fn new(known: Known) -> Arc<Self> {
        Arc::new(Self { known: Mutex::new(known), changed: Condvar::new() })
    }

    fn put(&self, known: Known) {
        *self.known.lock().unwrap_or_else(PoisonError::into_inner) = known;
        self.changed.notify_all();
    }
}

/// What the last look-up brought.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Known {
    /// The first look-up has not ended.
    NotYet,
    At(SocketAddr),
    /// Why there is no address.
    Nowhere(String),
}

impl Address {
    /// Never waits: numbers are taken as they are, a name is looked up by a thread.
    pub(crate) fn find(host: &str, port: u16) -> Self {
        if let Ok(number) = host.parse::<IpAddr>() {
            return Self { last: Last::new(Known::At(SocketAddr::new(number, port))), _keep: None };
        }
        let host = host.to_owned();
        Self::find_by(move || Ok((host.as_str(), port).to_socket_addrs()?.collect()))
    }

    fn find_by(look_up: impl Fn() -> io::Result<Vec<SocketAddr>> + Send + 'static) -> Self {
        let last = Last::new(Known::NotYet);
        let (keep, kept) = channel::<()>();
        let told = Arc::clone(&last);
        let thread = thread::Builder::new().name("resolve".into()).stack_size(STACK_BYTES);
        let spawned = thread.spawn(move || {
            loop {
                told.put(choose(look_up()));
                match kept.recv_timeout(AGAIN_EVERY) {
                    Err(RecvTimeoutError::Timeout) => {}
                    Ok(()) | Err(RecvTimeoutError::Disconnected) => return,
                }
            }
        });
        if let Err(error) = spawned {
            last.put(Known::Nowhere(format!("cannot start the thread that asks: {error}")));
        }
        Self { last, _keep: Some(keep) }
    }

    /// What is known now.
    pub(crate) fn known(&self) -> Known {
        self.known_within(Duration::ZERO)
    }

    /// What is known as soon as the first look-up ends, or when `patience` does.
    pub(crate) fn known_within(&self, patience: Duration) -> Known {
        let known = self.last.known.lock().unwrap_or_else(PoisonError::into_inner);
        let waiting = |known: &mut Known| *known == Known::NotYet;
        let waited = self.last.changed.wait_timeout_while(known, patience, waiting);
        waited.unwrap_or_else(PoisonError::into_inner).0.clone()
    }
}

/// IPv4 first, then IPv6, as Swift chooses for statsd (`_set_sock_family_and_target`).
fn choose(found: io::Result<Vec<SocketAddr>>) -> Known {
    match found {
        Ok(found) => match found.iter().find(|at| at.is_ipv4()).or(found.first()) {
            Some(at) => Known::At(*at),
            None => Known::Nowhere("the name has no address".to_owned()),
        },
        Err(error) => Known::Nowhere(error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> SocketAddr {
        text.parse().expect("an address")
    }

    #[test]
    fn ipv4_comes_before_ipv6() {
        let (four, six) = (at("127.0.0.1:8125"), at("[::1]:8125"));
        assert_eq!(choose(Ok(vec![six, four])), Known::At(four));
        assert_eq!(choose(Ok(vec![six])), Known::At(six));
        assert_eq!(choose(Ok(vec![])), Known::Nowhere("the name has no address".to_owned()));
        assert_eq!(choose(Err(io::Error::other("gone"))), Known::Nowhere("gone".to_owned()));
    }

    #[test]
    fn numbers_are_known_at_once() {
        assert_eq!(Address::find("127.0.0.1", 1).known(), Known::At(at("127.0.0.1:1")));
        assert_eq!(Address::find("::1", 2).known(), Known::At(at("[::1]:2")));
    }

    #[test]
    fn a_name_server_that_does_not_answer_holds_nobody() {
        let (answer, awaited) = channel::<()>();
        let (asking, asked) = channel();
        let address = Address::find_by(move || {
            asking.send(()).expect("the test listens");
            awaited.recv().expect("the test answers");
            Ok(vec![at("[::1]:8125")])
        });
        asked.recv().expect("a look-up begins");
        assert_eq!(address.known(), Known::NotYet, "and the caller goes on");
        assert_eq!(address.known_within(Duration::from_millis(1)), Known::NotYet);
        answer.send(()).expect("the look-up waits");
        let found = address.known_within(Duration::from_secs(60));
        assert_eq!(found, Known::At(at("[::1]:8125")));
    }

    #[test]
    fn the_thread_ends_with_its_address() {
        let (alive, ended) = channel::<()>();
        let address = Address::find_by(move || {
            let _with_the_thread = &alive;
            Ok(vec![])
        });
        drop(address);
        assert!(ended.recv().is_err(), "its closure is dropped");
    }
}
