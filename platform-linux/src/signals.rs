//! Signals as calls: SIGTERM, SIGINT, SIGHUP and SIGUSR1 are blocked and one thread waits for them.
//!
//! `swift-init` stops, restarts and reloads auditors with SIGTERM. Rust's own start-up has SIGPIPE
//! ignored, as Python does. Other signals keep their default, as in Swift.
use std::io;
use std::sync::mpsc::channel;
use std::thread;
use std::time::Duration;

use martlet_core::event::Event;
use nix::sched::{CloneFlags, unshare};
use nix::sys::signal::{SigSet, Signal as Number};

use crate::event::say;

/// What somebody outside asks of the daemon.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signal {
    /// To end.
    Stop(Stop),
    /// SIGHUP: to read its conf again.
    Reload,
    /// SIGUSR1: to log one line of status.
    Status,
}

/// Who asks it to end; Swift logs other words for each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    /// SIGTERM: `swift-init`, systemd.
    Term,
    /// SIGINT: a user at a terminal.
    Int,
}

/// The proof that signals are blocked: without it nobody waits for them.
#[derive(Debug)]
pub struct Blocked(SigSet);

/// Whose file descriptors the waiting thread has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Descriptors {
    /// The process's, as threads do.
    Shared,
    /// A copy of those open when [`watch`] is called, if the kernel lets it: `hand` then uses none
    /// that is opened later. A process whose other work is one thread pays for it: where descriptors
    /// are shared the kernel counts references at every call, a thirtieth of what an audit costs.
    Own,
}

/// How a process ends that was told to stop and has not ended by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LastResort {
    /// How long after the first [`Signal::Stop`].
    pub after: Duration,
    /// With which exit code.
    pub code: u8,
}

/// Neither thread calls deep: a closure of the caller's and a log line.
const STACK_BYTES: usize = 256 * 1024;

/// Blocks the four signals in this thread and in all that it starts from now on, so it comes before
/// the first of them. One that arrives before [`watch`] waits for it; one before this call has its
/// default: it ends the process.
pub fn block() -> io::Result<Blocked> {
    let set: SigSet =
        [Number::SIGTERM, Number::SIGINT, Number::SIGHUP, Number::SIGUSR1].into_iter().collect();
    set.thread_block()?;
    Ok(Blocked(set))
}

/// Starts the thread that waits for signals and calls `hand` with each, one after the other: what
/// may take long belongs elsewhere ([`crate::again::Again`]). It returns when that thread has its
/// `descriptors`: a copy of one that is under a database's lock would hold that lock to the end.
///
/// After a stop the process ends by its `last` resort at the latest, whatever its other threads do, `hand` included: a lane inside a long read cannot be interrupted, and nothing that a
/// kill could spoil is ever half done. Whoever wants to tell of the stop does so in `hand`.
pub fn watch(
    Blocked(set): Blocked,
    last: LastResort,
    descriptors: Descriptors,
    mut hand: impl FnMut(Signal) + Send + 'static,
) -> io::Result<()> {
    let thread = thread::Builder::new().name("signals".into()).stack_size(STACK_BYTES);
    let mut stopping = false;
    let (apart, is_apart) = channel();
    let watcher = move || {
        if descriptors == Descriptors::Own {
            // Where a sandbox forbids it, they stay shared: slower, and nothing else.
            let _shared = unshare(CloneFlags::CLONE_FILES);
        }
        drop(apart);
        loop {
            let signal = match set.wait() {
                Ok(Number::SIGTERM) => Signal::Stop(Stop::Term),
                Ok(Number::SIGINT) => Signal::Stop(Stop::Int),
                Ok(Number::SIGHUP) => Signal::Reload,
                Ok(_) => Signal::Status,
                Err(error) => {
                    // With nobody waiting the signals' defaults must work, or only SIGKILL would.
                    say(Event::SignalsLost, format_args!("cannot wait for signals: {error}"));
                    if let Err(error) = set.thread_unblock() {
                        say(Event::SignalsLost, format_args!("cannot unblock signals: {error}"));
                    }
                    return;
                }
            };
            // `timeout` and process groups send it twice; the time is counted from the first.
            if matches!(signal, Signal::Stop(_)) && !stopping {
                stopping = true;
                if let Err(error) = end_by(last) {
                    let words = "cannot start the thread that ends the process";
                    say(Event::SignalsLost, format_args!("{words}: {error}"));
                }
            }
            hand(signal);
        }
    };
    thread.spawn(watcher)?;
    let () = is_apart.recv().unwrap_or_default(); // ends when the thread drops its end
    Ok(())
}

/// Ends the process once its time is over, from a thread that nothing can hold up.
fn end_by(last: LastResort) -> io::Result<()> {
    let thread = thread::Builder::new().name("last resort".into()).stack_size(STACK_BYTES);
    let end = move || {
        let (_keep, nothing) = channel::<()>();
        let _timeout = nothing.recv_timeout(last.after);
        #[expect(clippy::disallowed_methods, reason = "main did not return in time")]
        std::process::exit(last.code.into());
    };
    thread.spawn(end).map(|_never_joined| ())
}
