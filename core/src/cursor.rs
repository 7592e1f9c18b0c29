//! What is kept of a pass over a restart: where each device stands, and what is known of it.
//!
//! A file is a [`Head`] and an [`Entry`] a device, each of a fixed size, little-endian, sealed by a
//! checksum that holds it to its place in its file. Nothing in it depends on a clock: a position
//! stays true however old it is, so neither a board without a clock nor a clock that jumps loses
//! one.
use core::time::Duration;

use heapless::Vec;

use crate::audit::Past;
use crate::breaker::Breaker;

/// Bytes of a name at most, as Linux has it.
pub const NAME_MAX: usize = 255;
/// Bytes of a head.
pub const HEAD_BYTES: usize = 64;
/// Bytes of an entry; some are zero, for later versions.
pub const ENTRY_BYTES: usize = 1200;
/// Bytes of a seal.
pub(crate) const SEAL_BYTES: usize = 8;
const _: () = assert!(4 * (1 + NAME_MAX) + 2 * 8 + 1 + 8 + 8 + 4 + SEAL_BYTES <= ENTRY_BYTES);

const MAGIC: [u8; 8] = *b"martlet\n";
/// The version written; older ones are read, newer ones are not.
const VERSION: u16 = 1;

/// The name of a directory.
pub type Name = Vec<u8, NAME_MAX>;

/// Which file system a device name stood for: facts of its `containers` directory.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Disk {
    /// Its inode.
    pub inode: u64,
    /// When it was made, in nanoseconds since 1970; 0 if the file system does not say.
    pub born: i64,
}

/// Where the walk of a device stands: names of a partition, a suffix and a hash directory, empty
/// where it has not gone so deep. That hash directory is walked again.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Place {
    /// From the partition down.
    pub names: [Name; 3],
}

impl Place {
    /// The place of these names. A name that is no name of Linux makes it the place above.
    #[must_use]
    pub fn new(names: [&[u8]; 3]) -> Self {
        let mut place = Self::default();
        for (kept, name) in place.names.iter_mut().zip(names) {
            match Vec::from_slice(name) {
                Ok(name) => *kept = name,
                Err(_) => break,
            }
        }
        place
    }

    /// Whether it is the beginning of the device.
    #[must_use]
    pub fn is_start(&self) -> bool {
        self.names == [const { Name::new() }; 3]
    }
}

/// What a file begins with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Head {
    /// How long the pass in progress has taken so far; none between two passes.
    pub pass: Option<Duration>,
    /// A sum over the configuration: with another one every breaker is armed.
    pub conf: u64,
    /// How many entries follow.
    pub entries: u32,
}

/// What is kept of a device.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Entry {
    /// The device's name.
    pub name: Name,
    /// What it stood for.
    pub disk: Disk,
    /// What the auditor knows of it.
    pub past: Past,
    /// Where its walk stands.
    pub place: Place,
}

impl Entry {
    /// What holds of this device, whose `containers` is on `disk` now, if it can be seen: another
    /// disk under the name has neither past nor place.
    #[must_use]
    pub fn now(&self, disk: Option<Disk>) -> (Past, Place) {
        match disk {
            Some(disk) if disk != self.disk => (Past::default(), Place::default()),
            Some(_) | None => (self.past, self.place.clone()),
        }
    }

    /// What is kept of this device, which is not there while a pass begins, or, `resumed`, goes on: it
    /// may come back, and a breaker that tripped on it has tripped.
    #[must_use]
    pub fn away(self, resumed: bool) -> Self {
        if resumed {
            return self;
        }
        Self { past: self.past.next_pass(), place: Place::default(), ..self }
    }
}

/// Why bytes are not what was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bad {
    /// They were never such a file.
    Foreign,
    /// A later version wrote them: this one.
    Newer(u16),
    /// They are not whole, or not as they were written.
    Torn,
}

impl core::fmt::Display for Bad {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Foreign => f.write_str("not a file of martlet"),
            Self::Newer(version) => write!(f, "written by a later version (format {version})"),
            Self::Torn => f.write_str("damaged"),
        }
    }
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
        out.put(&self.conf.to_le_bytes());
        out.put(&[u8::from(self.pass.is_some())]);
        let spent = self.pass.unwrap_or_default().as_nanos();
        out.put(&u64::try_from(spent).unwrap_or(u64::MAX).to_le_bytes());
        seal(&mut bytes, 0);
        bytes
    }

    /// From bytes.
    pub fn decode(bytes: &[u8; HEAD_BYTES]) -> Result<Self, Bad> {
        let mut read = In::of_head(bytes, MAGIC, VERSION)?;
        let entries = u32::from_le_bytes(read.take());
        let conf = u64::from_le_bytes(read.take());
        let sweeping = read.take::<1>() != [0];
        let spent = Duration::from_nanos(u64::from_le_bytes(read.take()));
        Ok(Self { pass: sweeping.then_some(spent), conf, entries })
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
        let Past { done, skipped, found, databases, breaker } = self.past;
        let flags = [done, skipped, databases.is_some(), breaker.tripped];
        out.put(&[flags.iter().rev().fold(0, |all, flag| all << 1 | u8::from(*flag))]);
        out.put(&found.to_le_bytes());
        out.put(&databases.unwrap_or(0).to_le_bytes());
        out.put(&breaker.moved.to_le_bytes());
        for name in &self.place.names {
            out.name(name);
        }
        seal(&mut bytes, u64::from(number).saturating_add(1));
        bytes
    }

    /// From bytes: the entry of this number, from 0.
    pub fn decode(bytes: &[u8; ENTRY_BYTES], number: u32) -> Result<Self, Bad> {
        let mut read = In::of_entry(bytes, number)?;
        let (name, disk) = (read.name(), read.disk());
        let [flags] = read.take();
        let flag = |bit: u8| flags & bit != 0;
        let found = u64::from_le_bytes(read.take());
        let databases = u64::from_le_bytes(read.take());
        let moved = u32::from_le_bytes(read.take());
        let past = Past {
            done: flag(1),
            skipped: flag(2),
            found,
            databases: flag(4).then_some(databases),
            breaker: Breaker { moved, tripped: flag(8) },
        };
        let place = Place { names: [read.name(), read.name(), read.name()] };
        Ok(Self { name, disk, past, place })
    }
}

/// What is left of a buffer to be written.
pub(crate) struct Out<'a>(pub(crate) &'a mut [u8]);

impl Out<'_> {
    pub(crate) fn put(&mut self, part: &[u8]) {
        let whole = core::mem::take(&mut self.0);
        // Every buffer is asserted to be large enough; one that were not would fail its seal.
        let Some((here, rest)) = whole.split_at_mut_checked(part.len()) else { return };
        here.copy_from_slice(part);
        self.0 = rest;
    }

    pub(crate) fn name(&mut self, name: &Name) {
        let mut bytes = [0; NAME_MAX];
        for (kept, byte) in bytes.iter_mut().zip(name) {
            *kept = *byte;
        }
        self.put(&[u8::try_from(name.len()).unwrap_or(0)]);
        self.put(&bytes);
    }

    pub(crate) fn disk(&mut self, disk: Disk) {
        self.put(&disk.inode.to_le_bytes());
        self.put(&disk.born.to_le_bytes());
    }
}

/// What is left of a buffer to be read.
pub(crate) struct In<'a>(pub(crate) &'a [u8]);

impl<'a> In<'a> {
    /// What follows magic and version in a head that is sealed, and of no later version than this.
    pub(crate) fn of_head(bytes: &'a [u8], magic: [u8; 8], version: u16) -> Result<Self, Bad> {
        let mut read = Self(bytes);
        if read.take() != magic {
            return Err(Bad::Foreign);
        }
        let found = u16::from_le_bytes(read.take());
        if version < found {
            return Err(Bad::Newer(found));
        }
        if is_sealed(bytes, 0) { Ok(read) } else { Err(Bad::Torn) }
    }

    /// What is in the entry of this number, from 0, if it is sealed as that.
    pub(crate) fn of_entry(bytes: &'a [u8], number: u32) -> Result<Self, Bad> {
        let is_it = is_sealed(bytes, u64::from(number).saturating_add(1));
        if is_it { Ok(Self(bytes)) } else { Err(Bad::Torn) }
    }

    pub(crate) fn disk(&mut self) -> Disk {
        Disk { inode: u64::from_le_bytes(self.take()), born: i64::from_le_bytes(self.take()) }
    }

    pub(crate) fn take<const N: usize>(&mut self) -> [u8; N] {
        let Some((part, rest)) = self.0.split_first_chunk() else { return [0; N] };
        self.0 = rest;
        *part
    }

    pub(crate) fn name(&mut self) -> Name {
        let [len] = self.take();
        let bytes: [u8; NAME_MAX] = self.take();
        bytes
            .get(..usize::from(len))
            .and_then(|name| Vec::from_slice(name).ok())
            .unwrap_or_default()
    }
}

/// A sum over bytes, the same in every version: FNV-1a. It is against accidents, not against
/// forgers.
#[must_use]
pub fn sum(start: u64, bytes: &[u8]) -> u64 {
    let start = 0xcbf2_9ce4_8422_2325 ^ start;
    bytes.iter().fold(start, |sum, byte| (sum ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}

/// Ends a record, the `number`th of its file, with the sum over the rest of it.
pub(crate) fn seal(bytes: &mut [u8], number: u64) {
    let Some((content, place)) = bytes.split_last_chunk_mut::<SEAL_BYTES>() else { return };
    *place = sum(number, content).to_le_bytes();
}

/// Whether a record is whole, and the `number`th.
pub(crate) fn is_sealed(bytes: &[u8], number: u64) -> bool {
    bytes
        .split_last_chunk::<SEAL_BYTES>()
        .is_some_and(|(content, seal)| sum(number, content).to_le_bytes() == *seal)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry() -> Entry {
        Entry {
            name: Vec::from_slice(b"sda").unwrap_or_default(),
            disk: Disk { inode: 131, born: -5 },
            past: Past {
                done: false,
                skipped: true,
                found: 7,
                databases: Some(u64::MAX),
                breaker: Breaker { moved: 3, tripped: true },
            },
            place: Place::new([b"1021", b"fff", &[0xff; NAME_MAX]]),
        }
    }

    #[test]
    fn what_was_written_is_read_back() {
        for entry in [entry(), Entry::default()] {
            assert_eq!(Entry::decode(&entry.encode(9), 9), Ok(entry));
        }
        for pass in [None, Some(Duration::ZERO), Some(Duration::from_nanos(u64::MAX))] {
            let head = Head { pass, conf: 77, entries: 12 };
            assert_eq!(Head::decode(&head.encode()), Ok(head));
        }
    }

    #[test]
    fn no_byte_changes_unseen() {
        let (head, entry) = (Head { conf: 5, ..Head::default() }.encode(), entry().encode(3));
        for place in 0..HEAD_BYTES {
            let mut bytes = head;
            bytes[place] ^= 0x10;
            assert!(Head::decode(&bytes).is_err(), "byte {place} of the head");
        }
        for place in 0..ENTRY_BYTES {
            let mut bytes = entry;
            bytes[place] ^= 0x10;
            assert_eq!(Entry::decode(&bytes, 3), Err(Bad::Torn), "byte {place} of the entry");
        }
        assert_eq!(Entry::decode(&entry, 2), Err(Bad::Torn), "an entry of another place");
    }

    #[test]
    fn strangers_and_later_versions_are_told_apart() {
        assert_eq!(Head::decode(&[0; HEAD_BYTES]), Err(Bad::Foreign));
        let mut newer = Head::default().encode();
        newer[8] = 9;
        assert_eq!(Head::decode(&newer), Err(Bad::Newer(9)));
    }

    #[test]
    fn another_disk_under_a_name_begins_anew() {
        let entry = entry();
        let kept = (entry.past, entry.place.clone());
        assert_eq!(entry.now(Some(entry.disk)), kept);
        assert_eq!(entry.now(None), kept, "not mounted: what is known is not thrown away");
        for other in [Disk { inode: 132, ..entry.disk }, Disk { born: 0, ..entry.disk }] {
            assert_eq!(entry.now(Some(other)), (Past::default(), Place::default()));
        }
    }

    #[test]
    fn a_device_that_is_away_keeps_its_breaker_and_no_place_of_another_pass() {
        let entry = entry();
        assert_eq!(entry.clone().away(true), entry, "the same pass goes on");
        let away = entry.clone().away(false);
        let breaker = Breaker { moved: 0, tripped: true };
        let past = Past { breaker, databases: Some(u64::MAX), ..Past::default() };
        assert_eq!((away.disk, away.past, away.place), (entry.disk, past, Place::default()));
    }

    #[test]
    fn a_name_too_long_for_linux_ends_the_place() {
        let place = Place::new([b"1", &[b'x'; NAME_MAX + 1], b"z"]);
        assert_eq!(place, Place::new([b"1", b"", b""]));
        assert!(Place::default().is_start() && !place.is_start());
    }
}
