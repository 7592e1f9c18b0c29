//! The seam: what the auditor asks for, what it is told, and what it says.
//!
//! The enums are closed on purpose: a new variant must break every driver's build.
use core::time::Duration;

use heapless::Vec;

use super::devices::{Device, Past};
use super::lane::{Fate, Lane};
use crate::breaker::Limits;
use crate::check::Seen;
use crate::deep::Dug;
use crate::due::DeepConf;
use crate::path::DbPath;
use crate::quarantine::{Around, What};
use crate::tally::{Totals, Window};
use crate::time::Mono;
use crate::verdict::Judged;
use crate::walk::{Floor, Trouble, Walked};

/// How long the auditor goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Mode {
    /// One pass.
    Once,
    /// A pass every interval, until it is told to stop.
    Forever,
}

/// Bytes kept of each end of Swift's hash path; real ones have some tens.
pub const HASH_END_MAX: usize = 256;

/// The cluster's secret ends of the hashed path, from `swift.conf`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct HashConf {
    /// `swift_hash_path_prefix`.
    pub prefix: Vec<u8, HASH_END_MAX>,
    /// `swift_hash_path_suffix`.
    pub suffix: Vec<u8, HASH_END_MAX>,
}

impl HashConf {
    /// Both ends; none if one is longer than [`HASH_END_MAX`].
    #[must_use]
    pub fn new(prefix: &[u8], suffix: &[u8]) -> Option<Self> {
        Some(Self { prefix: Vec::from_slice(prefix).ok()?, suffix: Vec::from_slice(suffix).ok()? })
    }
}

/// What the auditor needs to know of the configuration.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Conf {
    /// Once, or for ever.
    pub mode: Mode,
    /// From the beginning of one pass to that of the next.
    pub interval: Duration,
    /// Between two audits: one over `containers_per_second`; zero: no limit.
    pub spacing: Duration,
    /// Whether damaged databases are moved aside.
    pub quarantine: bool,
    /// How many of a device's databases one pass may move aside.
    pub breaker: Limits,
    /// For name against place; without it a misplaced database is not told from a sound one.
    pub hash: Option<HashConf>,
    /// Which databases are looked at deeply, and how.
    pub deep: DeepConf,
}

/// The next thing for a lane to do.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub enum Step<'a> {
    /// List the devices. Answered by [`Event::Device`] for each, then [`Event::DevicesEnd`].
    Devices,
    /// Take the next item of this device's walk. Answered by [`Event::Walked`].
    Walk(Device),
    /// Look at this database. Answered by [`Event::Checked`].
    Check(&'a DbPath),
    /// Look at it deeply: its stat audit was in order. Answered by [`Event::Dug`].
    Dig(&'a DbPath),
    /// Look once more, from a new open, as deeply as damage was found, and around it. Answered by
    /// [`Event::Confirmed`].
    Confirm(&'a DbPath, Depth),
    /// Move this database to quarantine. Answered by [`Event::Moved`].
    Move(&'a DbPath, What),
    /// Keep over a restart what [`super::Auditor::past`] says of each device, and where its walk
    /// stands. Answered by [`Event::Saved`].
    Save,
    /// Say this. Answered by [`Event::Reported`].
    Report(Report<'a>),
    /// Ask again at this time, or when woken. There is no answer.
    Wait(Mono),
    /// Leave the loop. There is no answer.
    Exit,
}

/// How deep a look goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Depth {
    /// What Swift's auditor reads.
    Stat,
    /// All of it.
    Deep,
}

/// Something said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Report<'a> {
    /// A pass begins.
    Began(Mode),
    /// Something was passed over; the path is the one that the platform met the trouble at.
    Hit(Floor, Trouble),
    /// The breaker of a device tripped: from here on nothing of it is moved.
    Tripped(Tripped),
    /// An audit is done.
    Audited(Audited<'a>),
    /// Swift's hourly report.
    Window(Window),
    /// A pass ended.
    Ended(Ended),
    /// Told to stop: what was counted since the last window.
    Leaving(Window),
}

/// A breaker that tripped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Tripped {
    /// The device.
    pub device: Device,
    /// Databases of it that this pass has moved.
    pub moved: u32,
}

/// One audit, done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Audited<'a> {
    /// The database.
    pub path: &'a DbPath,
    /// Its device.
    pub device: Device,
    /// The outcome.
    pub judged: &'a Judged,
    /// How deep the look went that it comes from.
    pub depth: Depth,
    /// From the first look to the last.
    pub took: Duration,
    /// Whether it was moved.
    pub fate: Fate,
}

/// How a pass ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Ended {
    /// Once, or one of many.
    pub mode: Mode,
    /// From its beginning to its end, the last wait at the gate included.
    pub took: Duration,
    /// What it came to.
    pub totals: Totals,
    /// The window in progress.
    pub window: Window,
}

/// The second look at a damaged database.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Second<'a> {
    /// What was seen.
    pub seen: Seen<'a>,
    /// What was seen deeply, where that was asked for.
    pub dug: Option<&'a Dug>,
    /// What is around it.
    pub around: Around,
}

/// What happened. An event that answers nothing outstanding is ignored.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Event<'a> {
    /// Answers [`Step::Devices`]: one device, on this physical disk.
    Device {
        /// A number that no two disks share.
        disk: u64,
        /// What is known of it: what [`super::Auditor::past`] said of it last.
        past: Past,
    },
    /// Answers [`Step::Devices`]: that was all, or the errno of the listing.
    DevicesEnd(Result<(), i32>),
    /// Answers [`Step::Walk`].
    Walked(Walked<'a>),
    /// Answers [`Step::Check`].
    Checked(Seen<'a>),
    /// Answers [`Step::Dig`].
    Dug(&'a Dug),
    /// Answers [`Step::Confirm`].
    Confirmed(Second<'a>),
    /// Answers [`Step::Move`]: done, or an errno.
    Moved(Result<(), i32>),
    /// Answers [`Step::Save`]. Whether it could be kept is the platform's own trouble.
    Saved,
    /// Answers [`Step::Report`]. Whether it could be said is the platform's own trouble.
    Reported,
}

/// A word from outside the lanes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order<'a> {
    /// End as soon as possible.
    Stop,
    /// Begin nothing more until then, or [`Order::Resume`]; what is begun is brought to its end. At
    /// most [`super::PAUSE_MAX`] from now.
    Pause(Mono),
    /// Go on after all.
    Resume,
    /// Move databases of this device again, though its breaker has tripped.
    Rearm(Device),
    /// The device of this lane does not answer: go on without it. Ignored unless the lane is at a walk
    /// or a look.
    Stalled(Lane),
    /// Go on by this configuration. The mode stays what it was.
    Reload(&'a Conf),
}
