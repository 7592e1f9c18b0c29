//! The loop: each lane asks the core for a step, does it, and tells what happened.
//!
//! A lane's thread asks for itself under one lock; handing work to another thread would cost more
//! than the audit. One lane is the calling thread.
mod job;
mod keep;
mod stall;
mod standing;
mod walk;

use std::borrow::Cow;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard};
use std::time::Duration;

use martlet_core::audit::{Auditor, Conf, Event, Lane, Order, Report};
use martlet_core::check::Cell;
use martlet_core::cursor::Entry;
use martlet_core::path::DbPath;
use martlet_core::time::Now;
use martlet_core::verdict::Verdict;
use martlet_core::walk::Floor;

use self::job::{Job, Subject};
use self::keep::Mark;
pub use self::keep::wanted;
pub use self::stall::Stall;
pub use self::standing::{DeviceStanding, Standing, parts};
use self::walk::Walks;
use crate::check::CheckConf;
use crate::clock;
use crate::deep::Around;
use crate::error::Error;
use crate::hands::{Hands, Target};
use crate::quarantine::Moved;
use crate::state::Store;
use crate::state::coverage::Coverages;
use crate::state::findings::Findings;
use crate::watchdog::Watchdog;

/// Lanes at most; the conf allows no more.
pub const LANES_MAX: usize = 32;
/// Devices of a pass at most: rows of the core's table.
pub const DEVICES_MAX: usize = 1024;

/// What there is to walk.
#[derive(Clone, Debug)]
pub enum Ground {
    /// The devices below a directory, listed anew for each pass.
    Devices {
        /// The directory of devices.
        root: PathBuf,
        /// Whether only mount points count.
        mount_check: bool,
    },
    /// What a caller named.
    Named(Vec<Target>),
}

/// Something said, with what only the platform knows of it.
#[derive(Clone, Copy, Debug)]
pub struct Said<'a> {
    /// What the core says.
    pub report: &'a Report<'a>,
    /// Account and container of the audited database, NULL as far as they were not read.
    pub names: (Cell<'a>, Cell<'a>),
    /// SQLite's or the kernel's words for what ended the look; empty if nothing did.
    pub words: &'a str,
    /// Whether the look that the report tells of was a deep one.
    pub dug: bool,
    /// The retiring file of the container, if it ended the look and not the database itself.
    pub retiring: Option<&'a [u8]>,
    /// Where the walk stands: the directory that could not be listed, for [`Report::Hit`].
    pub place: &'a [u8],
    /// Where a database was moved, or why it could not be.
    pub moved: Option<&'a Result<Moved, Error>>,
    /// How much of the device in progress lies behind, 0 to 1.
    pub share: f64,
    /// The device in progress, or of [`Report::Tripped`], as it was named.
    pub device: Option<&'a Target>,
    /// Devices done and devices in all.
    pub progress: (usize, usize),
}

impl<'a> Said<'a> {
    /// The path of a database, also where the core kept only its beginning: then the walk still
    /// stands at it, or `…` stands for what is not known.
    #[must_use]
    pub fn whole(&self, path: &'a DbPath) -> Cow<'a, [u8]> {
        let kept = path.as_bytes();
        if path.is_whole() {
            Cow::Borrowed(kept)
        } else if self.place.starts_with(kept) {
            Cow::Borrowed(self.place)
        } else {
            Cow::Owned([kept, "…".as_bytes()].concat())
        }
    }
}

/// One auditor, shared by its lanes and by those who give orders.
#[derive(Debug)]
pub struct Drive<const LANES: usize> {
    /// Boxed before anything moves it: up to 400 KB, which a stack would keep for every move.
    auditor: Box<Mutex<Auditor<LANES, DEVICES_MAX>>>,
    wake: stall::Wake,
    stop: Arc<AtomicBool>,
    ground: Ground,
    /// The devices of the pass by their rows. Not locked while one of them is walked or looked at.
    targets: RwLock<Vec<Arc<Target>>>,
    /// What is kept of each target. Locked after the targets and the auditor.
    kept: Mutex<Vec<Mark>>,
    store: Option<Store>,
    findings: Option<Arc<Findings>>,
    coverage: Option<Arc<Coverages>>,
    /// What is kept of devices that are not listed: all of them until the first pass lists its own.
    saved: Mutex<Vec<Entry>>,
    /// Devices of which another auditor moves nothing more: what it keeps of them.
    heeded: Vec<Entry>,
    check: CheckConf,
    /// How long the last try of a deep look may hold a lock.
    hold: Mutex<Duration>,
    watchdog: Arc<Watchdog>,
    begun: Arc<stall::Begun<LANES>>,
    walks: Walks<LANES>,
    looks: stall::Looks,
    /// What a deep look needs of this process.
    process: Around,
}

/// The auditor, locked, and the moment at which it was told something.
struct Turn<'a, const LANES: usize> {
    auditor: MutexGuard<'a, Auditor<LANES, DEVICES_MAX>>,
    now: Now,
}

impl<const LANES: usize> Drive<LANES> {
    /// An auditor of `ground`. `seed` is any number.
    #[must_use]
    pub fn new(conf: &Conf, ground: Ground, may_recover: bool, seed: u64) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        Self {
            auditor: auditor(conf, seed),
            wake: stall::Wake::default(),
            ground,
            targets: RwLock::new(Vec::new()),
            kept: Mutex::new(Vec::new()),
            store: None,
            findings: None,
            coverage: None,
            saved: Mutex::new(Vec::new()),
            heeded: Vec::new(),
            check: CheckConf { may_recover, stop: Arc::clone(&stop) },
            process: Around::of(Arc::clone(&stop)),
            hold: Mutex::new(conf.deep.hold),
            stop,
            watchdog: Arc::default(),
            begun: Arc::new(stall::Begun::new()),
            walks: Walks::new(),
            looks: stall::Looks::default(),
        }
    }

    /// The same, feeding a watchdog by what it gets done.
    #[must_use]
    pub fn feeding(self, watchdog: Watchdog) -> Self {
        Self { watchdog: Arc::new(watchdog), ..self }
    }

    /// The same, with something else around its deep looks: who hears how far one has come, or a clock.
    #[must_use]
    pub fn digging(self, with: impl FnOnce(Around) -> Around) -> Self {
        let process = with(self.process);
        Self { process, ..self }
    }

    /// Gives an order, from any thread.
    pub fn order(&self, order: Order<'_>) {
        if order == Order::Stop {
            self.stop.store(true, Ordering::Relaxed); // ends a look in progress
        }
        if let Order::Reload(conf) = order {
            *self.hold.lock().unwrap_or_else(PoisonError::into_inner) = conf.deep.hold;
            if let Some(coverage) = &self.coverage {
                coverage.reload(wanted(conf));
            }
        }
        if self.lock().order(clock::now(), order) {
            self.wake.all();
        }
    }

    /// Whether it was told to stop.
    #[must_use]
    pub fn is_stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    /// Waits as long as it is told; true, and at once, if it was told to stop.
    #[must_use]
    pub fn pause(&self, span: Duration) -> bool {
        let until = clock::mono().after(span);
        let mut auditor = self.lock();
        while !self.is_stopped() && clock::mono() < until {
            auditor = self.wake.wait(auditor, until);
        }
        self.is_stopped()
    }

    /// One line on where the auditor stands.
    #[must_use]
    pub fn status(&self) -> String {
        let auditor = self.lock();
        let (done, all) = auditor.progress();
        let totals = auditor.totals();
        format!(
            "{}: {done} of {all} devices done, {} databases audited, {} skipped, {} moved",
            auditor.standing(),
            totals.audited(),
            totals.skipped,
            totals.moved,
        )
    }

    /// Runs `lanes` lanes until the auditor leaves; the calling thread is the first of them.
    pub fn run(&self, lanes: u8, say: &(dyn Fn(&Said<'_>) + Sync)) {
        let lanes = lanes.min(u8::try_from(LANES).unwrap_or(u8::MAX));
        std::thread::scope(|threads| {
            for lane in 1..lanes {
                threads.spawn(move || self.lane(Lane(lane), say));
            }
            self.lane(Lane(0), say);
        });
    }

    fn lane(&self, lane: Lane, say: &(dyn Fn(&Said<'_>) + Sync)) {
        let mut hands = Hands::new(self.check.clone(), self.around(lane));
        let mut subject = Subject::none();
        let mut turn = Turn { auditor: self.lock(), now: clock::now() };
        while let Some(job) = self.next(lane, turn, &mut hands, &mut subject) {
            turn = match job {
                Job::Devices => self.list_devices(lane),
                Job::Walk(device, since) => self.walk(lane, device, since, &mut hands),
                Job::Save => {
                    self.save();
                    self.tell(lane, Event::Saved)
                }
                Job::Check => self.tell(lane, Event::Checked(hands.check(&subject.path))),
                Job::Dig => self.tell(lane, Event::Dug(hands.dig(&subject.path, self.hold()))),
                Job::Confirm(depth) => {
                    let second = hands.confirm(&subject.path, depth, self.hold());
                    self.tell(lane, Event::Confirmed(second))
                }
                Job::Move(what) => {
                    let moved = hands.move_away(&subject.path, what);
                    self.tell(lane, Event::Moved(moved))
                }
                Job::Say(progress) => {
                    self.say(&subject.report(), progress, &hands, say);
                    self.tell(lane, Event::Reported)
                }
            };
            if turn.auditor.doing(lane, turn.now.mono).0.is_none() {
                hands.end_walk(); // of a device that is done, or of a pass that is over
            }
            self.watchdog.end(lane, turn.now.mono);
        }
    }

    fn hold(&self) -> Duration {
        *self.hold.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for the next job, and keeps what it is about; none if the lane is to leave.
    fn next(
        &self,
        lane: Lane,
        turn: Turn<'_, LANES>,
        hands: &mut Hands,
        subject: &mut Subject,
    ) -> Option<Job> {
        let Turn { mut auditor, mut now } = turn;
        loop {
            let progress = auditor.progress();
            let since = auditor.waiting_since(lane);
            match Job::of(&auditor.poll(lane, now), progress, since, subject) {
                Ok(job) => {
                    self.begun.at(lane, now.mono);
                    self.watchdog.begin(lane);
                    return Some(job);
                }
                Err(Some(until)) => {
                    self.begun.rests(lane);
                    hands.let_go();
                    let until = until.min(self.watchdog.rest(now.mono));
                    auditor = self.wake.wait(auditor, until);
                    now = clock::now();
                }
                Err(None) => return None,
            }
        }
    }

    /// Tells what happened. The lock is kept for the question what comes next: one moment is both.
    fn tell(&self, lane: Lane, event: Event<'_>) -> Turn<'_, LANES> {
        let mut auditor = self.lock();
        let now = clock::now();
        if auditor.handle(lane, now, event) {
            self.wake.all();
        }
        Turn { auditor, now }
    }

    fn say(
        &self,
        report: &Report<'_>,
        progress: (usize, usize),
        hands: &Hands,
        say: &(dyn Fn(&Said<'_>) + Sync),
    ) {
        if let (Report::Ended(_), Some(findings)) = (report, &self.findings) {
            self.whole(findings);
        }
        let targets = self.targets();
        let place = match (report, &self.ground) {
            (Report::Hit(Floor::Devices, _), Ground::Devices { root, .. }) => root.as_path(),
            _ => Path::new(OsStr::from_bytes(hands.place())),
        };
        // What passed has no words, so an ordinary audit allocates nothing for them.
        let has_words = matches!(report, Report::Audited(audited)
            if !matches!(audited.judged.verdict, Verdict::Sound | Verdict::Deleted | Verdict::Vanished));
        let words = if has_words { hands.words() } else { String::new() };
        let device = match report {
            Report::Tripped(tripped) => Some(tripped.device),
            Report::Audited(audited) => Some(audited.device),
            Report::Began(_)
            | Report::Hit(..)
            | Report::Window(_)
            | Report::Ended(_)
            | Report::Leaving(_) => hands.device(),
        };
        self.note(report, &targets, hands);
        say(&Said {
            report,
            names: hands.names(),
            words: &words,
            dug: hands.has_dug(),
            retiring: hands.retiring(),
            place: place.as_os_str().as_bytes(),
            moved: hands.moved(),
            share: hands.share(),
            device: device.and_then(|it| targets.get(usize::from(it.0))).map(|it| &**it),
            progress,
        });
    }

    fn targets(&self) -> RwLockReadGuard<'_, Vec<Arc<Target>>> {
        self.targets.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn kept(&self) -> MutexGuard<'_, Vec<Mark>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn lock(&self) -> MutexGuard<'_, Auditor<LANES, DEVICES_MAX>> {
        self.auditor.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// An auditor, on the heap. Never in its caller's frame: one with all its lanes would have a process
/// that wants one lane touch room for all of them.
#[inline(never)]
fn auditor<const LANES: usize>(conf: &Conf, seed: u64) -> Box<Mutex<Auditor<LANES, DEVICES_MAX>>> {
    Box::new(Mutex::new(Auditor::new(conf, clock::now(), seed)))
}

/// A daemon's conf that asks for nothing but passes.
#[cfg(test)]
const PASSES: Conf = Conf {
    mode: martlet_core::audit::Mode::Forever,
    interval: Duration::ZERO,
    spacing: Duration::ZERO,
    quarantine: false,
    breaker: martlet_core::breaker::Limits { databases: 0, share: 0 },
    deep: martlet_core::due::DeepConf {
        which: martlet_core::due::Which::Never,
        bytes_per_second: 0,
        hold: Duration::ZERO,
    },
    hash: None,
};
