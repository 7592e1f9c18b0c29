//! [`Again`]: work that is asked for again and again, on a thread of its own.
use std::io;
use std::sync::mpsc::{SyncSender, TrySendError, sync_channel};
use std::thread;

/// Askings that wait while the work is being done. One is enough: it begins after all of them.
const REMEMBERED: usize = 1;

/// The work reads a file or two, and their text into tables.
const STACK_BYTES: usize = 1024 * 1024;

/// A thread that does one thing whenever it is asked to. Whoever asks never waits.
#[derive(Debug)]
pub struct Again(SyncSender<()>);

impl Again {
    /// Starts the thread. It ends when nobody can ask any more.
    pub fn new(name: &str, mut work: impl FnMut() + Send + 'static) -> io::Result<Self> {
        let (ask, asked) = sync_channel(REMEMBERED);
        let thread = thread::Builder::new().name(name.to_owned()).stack_size(STACK_BYTES);
        let works = move || asked.iter().for_each(|()| work());
        thread.spawn(works).map(|_ends_with_the_last_asker| Self(ask))
    }

    /// Asks for the work to be done once more. While it is being done that is remembered, once.
    /// False: the work has panicked, and nobody does it any more.
    #[must_use]
    pub fn ask(&self) -> bool {
        !matches!(self.0.try_send(()), Err(TrySendError::Disconnected(())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc::channel;
    use std::time::Duration;

    const PATIENCE: Duration = Duration::from_secs(60);

    #[test]
    fn one_at_a_time_and_one_remembered() {
        let (begins, begun) = channel();
        let (go_on, may) = channel::<()>();
        let again = Again::new("test", move || {
            begins.send(()).expect("somebody listens");
            let _let_go = may.recv_timeout(PATIENCE);
        });
        let again = again.expect("a thread");
        assert!(again.ask());
        begun.recv_timeout(PATIENCE).expect("it begins");
        assert!((0..100).all(|_| again.ask()), "nobody who asks waits");
        assert!(begun.try_recv().is_err(), "one at a time");
        go_on.send(()).expect("it waits");
        begun.recv_timeout(PATIENCE).expect("it was remembered");
        drop(again);
        go_on.send(()).expect("it waits");
        let ended = begun.recv_timeout(PATIENCE);
        assert!(ended.is_err(), "once for all hundred, and then the thread ends");
    }
}
