//! The bytes of a file of coverage: a [`Head`] and an [`Entry`] a device, as the cursor's are made.
use core::time::Duration;

use super::{BUCKETS, Coverage, KeptTime, Run, Stamp, Walk};
use crate::cursor::{Bad, Disk, In, NAME_MAX, Name, Out, SEAL_BYTES, seal};
use crate::due::Turns;
use crate::time::Wall;

/// Bytes of a head; some are zero, for later versions.
pub const HEAD_BYTES: usize = 96;
/// Bytes of an entry; some are zero, for later versions.
pub const ENTRY_BYTES: usize = 768;
const STAMP_BYTES: usize = 8;
const WALK_BYTES: usize = 4 + BUCKETS * 5 + 2 + 3;
const RUN_BYTES: usize = 3 * 8 + 4;
const _: () = assert!(
    1 + NAME_MAX
        + 2 * 8
        + (1 + 2 * BUCKETS) * STAMP_BYTES
        + WALK_BYTES
        + RUN_BYTES
        + 8
        + 1
        + SEAL_BYTES
        <= ENTRY_BYTES
);

const MAGIC: [u8; 8] = *b"coverage";
/// The version written; older ones are read, newer ones are not.
const VERSION: u16 = 1;

/// What a file begins with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Head {
    /// How many entries follow.
    pub entries: u32,
    /// The number of the pass in progress, or of the last one.
    pub pass: u32,
    /// Whether it has ended.
    pub ended: bool,
    /// How long it had taken, as the cursor says that was kept with this; none between two passes.
    pub spent: Option<Duration>,
    /// The auditor's own time.
    pub time: KeptTime,
    /// The turns for deep audits of that pass.
    pub turns: Turns,
    /// So many of the entries, the last ones, are of devices that are not there.
    pub away: u32,
}

/// What is kept of a device.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Entry {
    /// The device's name.
    pub name: Name,
    /// What it stood for.
    pub disk: Disk,
    /// What is known of it.
    pub coverage: Coverage,
}

impl Head {
    /// As bytes.
    #[must_use]
    pub fn encode(&self) -> [u8; HEAD_BYTES] {
        let mut bytes = [0; HEAD_BYTES];
        let mut out = Out(&mut bytes);
        out.put(&MAGIC);
        out.put(&VERSION.to_le_bytes());
        out.put(&self.entries.to_le_bytes());
        out.put(&self.pass.to_le_bytes());
        out.put(&[self.ended.into(), self.spent.is_some().into()]);
        let spent = self.spent.unwrap_or_default().as_nanos();
        out.put(&u64::try_from(spent).unwrap_or(u64::MAX).to_le_bytes());
        out.put(&self.time.at.to_le_bytes());
        out.put(&self.time.known.to_le_bytes());
        out.put(&self.time.wall.as_micros().to_le_bytes());
        put_turns(&mut out, self.turns);
        out.put(&self.away.to_le_bytes());
        seal(&mut bytes, 0);
        bytes
    }

    /// From bytes.
    pub fn decode(bytes: &[u8; HEAD_BYTES]) -> Result<Self, Bad> {
        let mut read = In::of_head(bytes, MAGIC, VERSION)?;
        let (entries, pass) = (u32::from_le_bytes(read.take()), u32::from_le_bytes(read.take()));
        let [ended, sweeping] = read.take();
        let spent = Duration::from_nanos(u64::from_le_bytes(read.take()));
        Ok(Self {
            entries,
            pass,
            ended: ended != 0,
            spent: (sweeping != 0).then_some(spent),
            time: KeptTime {
                at: u32::from_le_bytes(read.take()),
                known: u32::from_le_bytes(read.take()),
                wall: Wall::from_micros(i64::from_le_bytes(read.take())),
            },
            turns: take_turns(&mut read),
            away: u32::from_le_bytes(read.take()),
        })
    }
}

impl Entry {
    /// As bytes: the entry of this number, from 0.
    #[must_use]
    pub fn encode(&self, number: u32) -> [u8; ENTRY_BYTES] {
        let mut bytes = [0; ENTRY_BYTES];
        let mut out = Out(&mut bytes);
        out.name(&self.name);
        out.disk(self.disk);
        let Coverage { first, stat, deep, walk, run, within, said } = self.coverage;
        put_stamp(&mut out, Some(first));
        stat.iter().chain(&deep).for_each(|stamp| put_stamp(&mut out, *stamp));
        out.put(&walk.began.to_le_bytes());
        for entered in walk.entered {
            out.put(&[entered.is_some().into()]);
            out.put(&entered.unwrap_or(0).to_le_bytes());
        }
        out.put(&walk.spoiled.to_le_bytes());
        out.put(&[walk.shallow.into(), walk.reach, walk.gap.into()]);
        put_turns(&mut out, run.turns);
        out.put(&run.at.to_le_bytes());
        out.put(&u64::try_from(within.as_micros()).unwrap_or(u64::MAX).to_le_bytes());
        let [stat, deep] = said.map(u8::from);
        out.put(&[stat | deep << 1]);
        seal(&mut bytes, u64::from(number).saturating_add(1));
        bytes
    }

    /// From bytes: the entry of this number, from 0.
    pub fn decode(bytes: &[u8; ENTRY_BYTES], number: u32) -> Result<Self, Bad> {
        let mut read = In::of_entry(bytes, number)?;
        let (name, disk) = (read.name(), read.disk());
        let first = take_stamp(&mut read).unwrap_or_default();
        let stat = core::array::from_fn(|_| take_stamp(&mut read));
        let deep = core::array::from_fn(|_| take_stamp(&mut read));
        let walk = take_walk(&mut read);
        let run = Run { turns: take_turns(&mut read), at: u32::from_le_bytes(read.take()) };
        let within = Duration::from_micros(u64::from_le_bytes(read.take()));
        let [said] = read.take();
        let said = [said & 1 != 0, said & 2 != 0];
        let coverage = Coverage { first, stat, deep, walk, run, within, said };
        Ok(Self { name, disk, coverage })
    }
}

fn take_walk(read: &mut In<'_>) -> Walk {
    let began = u32::from_le_bytes(read.take());
    let entered = core::array::from_fn(|_| {
        let [is_some] = read.take();
        let at = u32::from_le_bytes(read.take());
        (is_some != 0).then_some(at)
    });
    let spoiled = u16::from_le_bytes(read.take());
    let [shallow, reach, gap] = read.take();
    let (shallow, reach, gap) = (shallow != 0, reach.min(super::LAST), gap != 0);
    Walk { began, entered, spoiled, shallow, reach, gap }
}

/// No pass has the highest number: it stands for no stamp at all.
fn put_stamp(out: &mut Out<'_>, stamp: Option<Stamp>) {
    let Stamp { pass, at } = stamp.unwrap_or(Stamp { pass: u32::MAX, at: u32::MAX });
    out.put(&pass.to_le_bytes());
    out.put(&at.to_le_bytes());
}

fn take_stamp(read: &mut In<'_>) -> Option<Stamp> {
    let (pass, at) = (u32::from_le_bytes(read.take()), u32::from_le_bytes(read.take()));
    (pass != u32::MAX).then_some(Stamp { pass, at })
}

fn put_turns(out: &mut Out<'_>, turns: Turns) {
    for number in turns.numbers() {
        out.put(&number.to_le_bytes());
    }
}

fn take_turns(read: &mut In<'_>) -> Turns {
    let mut number = || i64::from_le_bytes(read.take());
    Turns::of([number(), number(), number()])
}
