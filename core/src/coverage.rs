//! How long ago each part of a device was last wholly audited: by stat audits, and by deep ones.
//!
//! A device is told in [`BUCKETS`] parts. For stat audits these are the first hexadecimal digit of the
//! hash directory: partitions are the first bits of the same hash, so a walk goes through the parts in
//! order, and a partition that was passed over leaves out only the parts beside it. For deep audits
//! they are the parts of the cycle in which each database has its turn. A part counts only if nothing
//! in it was left out, so the oldest of them is the longest that any database has waited.
//!
//! Ages are told in passes, which need no clock, and in the auditor's [`Own`] time, which no step of
//! the calendar changes.
mod bytes;
mod own;
#[cfg(test)]
mod tests;

use core::time::Duration;

pub use self::bytes::{ENTRY_BYTES, Entry, HEAD_BYTES, Head};
pub use self::own::{KeptTime, OFF_MAX, Own};
use crate::due::Turns;
use crate::verdict::Verdict;
use crate::walk::Floor;

/// Parts of a device: what one directory that cannot be listed leaves out is told to a sixteenth, and
/// a device takes less than a kilobyte.
pub const BUCKETS: usize = 16;
/// The parts as bits of one word, all of them.
const ALL: u16 = u16::MAX;
const _: () = assert!(BUCKETS == 16, "a digit, and the bits of a word");
const LAST: u8 = 15;

/// So many passes that left a part out are too many.
pub const OVERDUE_PASSES: u32 = 3;
/// So long is always allowed, whatever the intervals are.
pub const OVERDUE_AFTER: Duration = Duration::from_secs(7 * 86_400);

/// When a part was audited.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Stamp {
    /// The number of the pass, from 1.
    pub pass: u32,
    /// When the first database of the part was reached, in seconds of the auditor's own time.
    pub at: u32,
}

/// Where the auditor stands when it is asked for ages.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Moment {
    /// Passes that have ended.
    pub ended: u32,
    /// Now, in seconds of the auditor's own time.
    pub at: u32,
    /// What was stamped before is older than it seems: nobody knows by how much.
    pub known: u32,
}

/// Which of the two audits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// What Swift's auditor reads.
    Stat,
    /// All of it.
    Deep,
}

/// What the conf asks for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Wanted {
    /// From the beginning of one pass to that of the next.
    pub interval: Duration,
    /// Within what time each database is to get a deep audit; none: it gets none.
    pub deep: Option<Duration>,
}

/// How long ago the part of a device was audited that has waited longest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Oldest {
    /// Passes that have ended since.
    pub passes: u32,
    /// How long ago that was; none if no clock could tell.
    pub age: Option<Duration>,
    /// It never was: the time since the device was first seen.
    pub never: bool,
}

impl Oldest {
    /// Whether that is too long ago: [`OVERDUE_PASSES`] or three intervals for a stat audit, two
    /// intervals for a deep one, [`OVERDUE_AFTER`] at least.
    #[must_use]
    pub fn is_overdue(&self, kind: Kind, wanted: Wanted) -> bool {
        let longer = |span: Duration| self.age.is_some_and(|age| span.max(OVERDUE_AFTER) <= age);
        match (kind, wanted.deep) {
            (Kind::Stat, _) => {
                OVERDUE_PASSES <= self.passes || longer(wanted.interval.saturating_mul(3))
            }
            (Kind::Deep, Some(within)) if self.age.is_some() => longer(within.saturating_mul(2)),
            // Passes follow each other no faster than by the interval.
            (Kind::Deep, Some(within)) => {
                let span = within.saturating_mul(2).max(OVERDUE_AFTER).as_secs();
                let passes = span.checked_div(wanted.interval.as_secs().max(1)).unwrap_or(0);
                passes <= u64::from(self.passes)
            }
            (Kind::Deep, None) => false,
        }
    }
}

/// What the pass in progress has done on a device.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
struct Walk {
    /// When it began.
    began: u32,
    /// When the first database of each part was audited.
    entered: [Option<u32>; BUCKETS],
    /// Parts, as bits, of which something was left out.
    spoiled: u16,
    /// A deep audit was due and came to nothing.
    shallow: bool,
    /// The last part that was reached.
    reach: u8,
    /// A directory in it or after it could not be listed.
    gap: bool,
}

impl Walk {
    /// Something was left out from one part to another.
    fn spoil(&mut self, from: u8, to: u8) {
        let up_to = ALL.wrapping_shr(LAST.saturating_sub(to).into());
        self.spoiled |= up_to & ALL.wrapping_shl(from.into());
    }

    fn has_spoiled(&self, bucket: u8) -> bool {
        self.spoiled & 1_u16.wrapping_shl(bucket.into()) != 0
    }
}

/// An unbroken row of passes, each of which made all deep audits that were due in it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
struct Run {
    /// The turns it has taken.
    turns: Turns,
    /// When its first pass began.
    at: u32,
}

/// What is known of a device.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Coverage {
    /// When it was first seen.
    first: Stamp,
    stat: [Option<Stamp>; BUCKETS],
    deep: [Option<Stamp>; BUCKETS],
    walk: Walk,
    run: Run,
    /// The cycle whose parts `deep` tells of.
    within: Duration,
    /// What was said to be overdue, and is.
    said: [bool; 2],
}

impl Coverage {
    /// Of a device that is seen for the first time, after so many passes.
    #[must_use]
    pub fn new(now: Moment) -> Self {
        let mut new = Self { first: Stamp { pass: now.ended, at: now.at }, ..Self::default() };
        new.begin(now);
        new
    }

    /// A pass begins.
    pub fn begin(&mut self, now: Moment) {
        self.walk = Walk { began: now.at, ..Walk::default() };
    }

    /// A database was audited in the hash directory of this name. What lies in a directory of another
    /// name belongs to no part, and what is not known of it spoils the one reached last.
    pub fn audited(&mut self, hash: &[u8], verdict: Verdict, now: impl FnOnce() -> u32) {
        let walk = &mut self.walk;
        let bucket = bucket(hash).unwrap_or(walk.reach);
        if let Some(entered @ None) = walk.entered.get_mut(usize::from(bucket)) {
            *entered = Some(now());
        }
        if walk.gap {
            // What comes from the shelf was found before the gap: only a part that was not reached yet
            // is surely behind it.
            walk.spoil(bucket.min(walk.reach), bucket);
            walk.gap = bucket <= walk.reach;
        }
        walk.reach = walk.reach.max(bucket);
        match verdict {
            Verdict::Sound
            | Verdict::Deleted
            | Verdict::Vanished
            | Verdict::Damaged
            | Verdict::Misplaced => {}
            Verdict::Unsettled => walk.shallow = true,
            Verdict::Busy | Verdict::Unreadable | Verdict::DeviceError | Verdict::NeedsRecovery => {
                walk.spoil(bucket, bucket);
            }
        }
    }

    /// Something was passed over.
    pub fn hit(&mut self, floor: Floor) {
        match floor {
            Floor::Devices => {}
            Floor::Device | Floor::Datadir => self.walk.spoil(0, LAST),
            Floor::Partition | Floor::Suffix | Floor::Hash => self.walk.gap = true,
        }
    }

    /// The pass of this number has ended, and the device was walked to its end. `turns` are those of
    /// the pass.
    pub fn ended(&mut self, now: Moment, pass: u32, turns: Turns, wanted: Wanted) {
        if self.walk.gap {
            self.walk.spoil(self.walk.reach, LAST);
        }
        let walk = self.walk;
        for ((stamp, entered), bucket) in self.stat.iter_mut().zip(walk.entered).zip(0..) {
            if !walk.has_spoiled(bucket) {
                *stamp = Some(Stamp { pass, at: entered.unwrap_or(walk.began) });
            }
        }
        self.deepened(now, pass, turns, wanted);
        self.begin(now);
    }

    /// What the turns of a pass that ended make of the parts of the cycle.
    fn deepened(&mut self, now: Moment, pass: u32, turns: Turns, wanted: Wanted) {
        let within = wanted.deep.unwrap_or_default();
        if within != self.within {
            // Another cycle has other parts: each is as old as the oldest was.
            let oldest = self.deep.iter().copied().min_by_key(|it| it.map_or(0, |it| it.at));
            self.deep = [oldest.flatten(); BUCKETS];
            (self.within, self.run) = (within, Run::default());
        }
        if self.walk.shallow || self.walk.spoiled != 0 {
            self.run = Run { turns: turns.none_after(), at: now.at };
            return;
        }
        self.run = match self.run.turns.joined(turns) {
            Some(turns) => Run { turns, at: self.run.at },
            None => Run { turns, at: self.walk.began },
        };
        for (stamp, part) in self.deep.iter_mut().zip(0..) {
            if let Some(ago) = self.run.turns.part_taken(part, within, turns) {
                let ago = u32::try_from(ago.as_secs()).unwrap_or(u32::MAX);
                let at = now.at.saturating_sub(ago).max(self.run.at);
                *stamp = Some(Stamp { pass, at });
            }
        }
    }

    /// The part of the device whose audit lies longest back; none if the conf wants no such audits.
    #[must_use]
    pub fn oldest(&self, kind: Kind, now: Moment, wanted: Wanted) -> Option<Oldest> {
        let walk = &self.walk;
        let mut oldest = Oldest { passes: 0, age: Some(Duration::ZERO), never: false };
        if kind == Kind::Deep && wanted.deep.is_none() {
            return None;
        }
        let parts = if kind == Kind::Stat { &self.stat } else { &self.deep };
        for ((stamp, entered), bucket) in parts.iter().zip(walk.entered).zip(0..) {
            // What the pass in progress has left behind whole counts already.
            let behind = kind == Kind::Stat && bucket < walk.reach && !walk.has_spoiled(bucket);
            let stamp = match entered.filter(|_| behind) {
                Some(at) => Some(Stamp { pass: now.ended, at }),
                None => *stamp,
            };
            oldest.never |= stamp.is_none();
            let stamp = stamp.unwrap_or(self.first);
            oldest.passes = oldest.passes.max(now.ended.saturating_sub(stamp.pass));
            let age = Duration::from_secs(now.at.saturating_sub(stamp.at).into());
            oldest.age = oldest.age.filter(|_| now.known <= stamp.at).map(|all| all.max(age));
        }
        Some(oldest)
    }

    /// What is overdue now and was not when it was asked before: to be said once.
    pub fn newly_overdue(
        &mut self,
        now: Moment,
        wanted: Wanted,
    ) -> impl Iterator<Item = (Kind, Oldest)> {
        let found = [Kind::Stat, Kind::Deep].map(|kind| {
            let oldest = self.oldest(kind, now, wanted);
            oldest.filter(|it| it.is_overdue(kind, wanted)).map(|oldest| (kind, oldest))
        });
        let before = core::mem::replace(&mut self.said, found.map(|it| it.is_some()));
        found.into_iter().zip(before).filter_map(|(it, said)| it.filter(|_| !said))
    }
}

/// The part that a hash directory belongs to: its first digit; none if that is no digit.
fn bucket(hash: &[u8]) -> Option<u8> {
    let digit = char::from(*hash.first()?).to_digit(16)?;
    u8::try_from(digit).ok()
}
