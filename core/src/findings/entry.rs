//! The bytes of a file of findings: a [`Head`], an [`Entry`] a row, and the keys left out.
//!
//! Little-endian; every part is sealed by a sum that holds it to its place. An entry is made of
//! fields, each a tag and a length: a reader passes over the tags it does not know, and what it
//! misses has a default, so that files go from one minor version to the next and back. What a
//! reader did not know is lost when it writes the file anew.
use super::{Closed, DeviceKey, Key, LeftOut, Row};
use crate::audit::Depth;
use crate::cursor::{Bad, NAME_MAX, SEAL_BYTES, is_sealed, seal};
use crate::path::PATH_MAX;
use crate::time::Wall;
use crate::verdict::Verdict;

/// Bytes of a head; some are zero, for later versions.
pub const HEAD_BYTES: usize = 64;
/// Bytes of one that was left out.
pub const LEFT_OUT_BYTES: usize = 32;
/// Bytes of an account or a container name that are kept (Swift allows 256).
pub const NAMES_MAX: usize = 256;
/// Bytes of the codes and verdicts that are kept.
pub const CODES_MAX: usize = 640;
/// Bytes of where a database was moved to, or why it was not.
pub const ACTION_MAX: usize = 1024;
/// Bytes of an entry at most.
pub const ENTRY_MAX: usize = 4096;
const FIELD_BYTES: usize = 4;
const FIELDS: usize = 16;
const _: () = assert!(
    LEN_BYTES
        + FIELDS * (FIELD_BYTES + 8)
        + PATH_MAX
        + NAME_MAX
        + 2 * NAMES_MAX
        + CODES_MAX
        + ACTION_MAX
        + SEAL_BYTES
        <= ENTRY_MAX
);
const LEN_BYTES: usize = 4;

const MAGIC: [u8; 8] = *b"findings";
/// Files of another major version are not understood.
const MAJOR: u16 = 1;
/// Files of another minor version are read as far as they are known.
const MINOR: u16 = 0;

/// What a file begins with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Head {
    /// Entries that follow.
    pub entries: u32,
    /// Keys that follow them.
    pub left_out: u32,
    /// The number of the pass in progress, or of the last.
    pub pass: u32,
    /// Findings of this pass, and of the last, for which there was not even a key's room.
    pub beyond: [u64; 2],
}

impl Head {
    /// As bytes.
    #[must_use]
    pub fn encode(&self) -> [u8; HEAD_BYTES] {
        let mut bytes = [0; HEAD_BYTES];
        let mut out = Out { left: &mut bytes, short: false };
        out.put(&MAGIC);
        out.put(&MAJOR.to_le_bytes());
        out.put(&MINOR.to_le_bytes());
        out.put(&self.entries.to_le_bytes());
        out.put(&self.left_out.to_le_bytes());
        out.put(&self.pass.to_le_bytes());
        let [this, last] = self.beyond;
        out.put(&this.to_le_bytes());
        out.put(&last.to_le_bytes());
        seal(&mut bytes, 0);
        bytes
    }

    /// From bytes.
    pub fn decode(bytes: &[u8; HEAD_BYTES]) -> Result<Self, Bad> {
        let mut read = In(bytes);
        if read.array() != MAGIC {
            return Err(Bad::Foreign);
        }
        let major = u16::from_le_bytes(read.array());
        if major != MAJOR {
            return Err(if MAJOR < major { Bad::Newer(major) } else { Bad::Foreign });
        }
        if !is_sealed(bytes, 0) {
            return Err(Bad::Torn);
        }
        let _minor: [u8; 2] = read.array();
        let entries = u32::from_le_bytes(read.array());
        let left_out = u32::from_le_bytes(read.array());
        let pass = u32::from_le_bytes(read.array());
        let beyond = [u64::from_le_bytes(read.array()), u64::from_le_bytes(read.array())];
        Ok(Self { entries, left_out, pass, beyond })
    }
}

/// What was done about a finding.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Action<'a> {
    /// It was reported, and nothing else was to be done.
    #[default]
    Reported,
    /// The database was moved aside, to this place.
    Moved(&'a [u8]),
    /// It was to be moved aside, and was left for this reason.
    Left(&'a [u8]),
}

/// A row with its words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry<'a> {
    /// The row. Its keys are not kept: path and device give them.
    pub row: Row,
    /// The database.
    pub path: &'a [u8],
    /// The name of its device.
    pub device: &'a [u8],
    /// Account and container, as far as they were read.
    pub names: [Option<&'a [u8]>; 2],
    /// The verdict's word.
    pub verdict: &'a [u8],
    /// The words of the findings' codes, with a space between two.
    pub codes: &'a [u8],
    /// What was done.
    pub action: Action<'a>,
}

/// The fields, by their tags. A tag is never given another meaning.
mod tag {
    pub(super) const PATH: u16 = 1;
    pub(super) const DEVICE: u16 = 2;
    pub(super) const ACCOUNT: u16 = 3;
    pub(super) const CONTAINER: u16 = 4;
    pub(super) const VERDICT: u16 = 5;
    pub(super) const CODES: u16 = 6;
    pub(super) const MOVED: u16 = 7;
    pub(super) const LEFT: u16 = 8;
    pub(super) const DEEP: u16 = 9;
    pub(super) const FIRST: u16 = 10;
    pub(super) const LAST: u16 = 11;
    pub(super) const TIMES: u16 = 12;
    pub(super) const PASS: u16 = 13;
    pub(super) const CLOSED: u16 = 14;
    pub(super) const CLOSED_AT: u16 = 15;
}

impl<'a> Entry<'a> {
    /// Writes the entry of this number, from 0; how many bytes it took. None if a text is longer
    /// than is kept.
    #[must_use]
    pub fn encode(&self, number: u32, bytes: &mut [u8; ENTRY_MAX]) -> Option<usize> {
        let mut out = Out { left: bytes, short: false };
        out.put(&[0; LEN_BYTES]);
        out.field(tag::PATH, self.path);
        out.field(tag::DEVICE, self.device);
        let [account, container] = self.names;
        for (tag, name) in [(tag::ACCOUNT, account), (tag::CONTAINER, container)] {
            if let Some(name) = name {
                out.field(tag, name);
            }
        }
        out.field(tag::VERDICT, self.verdict);
        out.field(tag::CODES, self.codes);
        match self.action {
            Action::Reported => {}
            Action::Moved(place) => out.field(tag::MOVED, place),
            Action::Left(reason) => out.field(tag::LEFT, reason),
        }
        if self.row.depth == Depth::Deep {
            out.field(tag::DEEP, &[]);
        }
        out.field(tag::FIRST, &self.row.first.as_micros().to_le_bytes());
        out.field(tag::LAST, &self.row.last.as_micros().to_le_bytes());
        out.field(tag::TIMES, &self.row.times.to_le_bytes());
        out.field(tag::PASS, &self.row.pass.to_le_bytes());
        if let Some((why, at)) = self.row.closed {
            out.field(tag::CLOSED, why.word().as_bytes());
            out.field(tag::CLOSED_AT, &at.as_micros().to_le_bytes());
        }
        out.put(&[0; SEAL_BYTES]);
        let (left, short) = (out.left.len(), out.short);
        let len = ENTRY_MAX.checked_sub(left).filter(|_| !short)?;
        let bytes = bytes.get_mut(..len)?;
        bytes
            .first_chunk_mut::<LEN_BYTES>()?
            .copy_from_slice(&u32::try_from(len).ok()?.to_le_bytes());
        seal(bytes, u64::from(number).saturating_add(1));
        Some(len)
    }

    /// How long the entry is that begins with these bytes.
    pub fn len_of(bytes: [u8; LEN_BYTES]) -> Result<usize, Bad> {
        let len = usize::try_from(u32::from_le_bytes(bytes)).unwrap_or(usize::MAX);
        let fits = (LEN_BYTES.saturating_add(SEAL_BYTES)..=ENTRY_MAX).contains(&len);
        if fits { Ok(len) } else { Err(Bad::Torn) }
    }

    /// The entry of this number, from 0, which is all of `bytes`.
    pub fn decode(bytes: &'a [u8], number: u32) -> Result<Self, Bad> {
        if !is_sealed(bytes, u64::from(number).saturating_add(1)) {
            return Err(Bad::Torn);
        }
        let content = bytes.split_last_chunk::<SEAL_BYTES>().map_or(&[][..], |it| it.0);
        let mut read = In(content.get(LEN_BYTES..).unwrap_or_default());
        let mut entry = Self {
            row: Row {
                key: Key::default(),
                device: DeviceKey::default(),
                depth: Depth::Stat,
                first: Wall::default(),
                last: Wall::default(),
                times: 1,
                pass: 0,
                moved: false,
                misplaced: false,
                closed: None,
            },
            path: &[],
            device: &[],
            names: [None; 2],
            verdict: &[],
            codes: &[],
            action: Action::Reported,
        };
        let mut closed_at = Wall::default();
        while !read.0.is_empty() {
            let tag = u16::from_le_bytes(read.array());
            let len = usize::from(u16::from_le_bytes(read.array()));
            let Some((value, rest)) = read.0.split_at_checked(len) else { return Err(Bad::Torn) };
            read.0 = rest;
            entry.take(tag, value, &mut closed_at);
        }
        if let Some((_, at)) = &mut entry.row.closed {
            *at = closed_at;
        }
        (entry.row.key, entry.row.device) = (Key::of(entry.path), DeviceKey::of(entry.device));
        entry.row.moved = matches!(entry.action, Action::Moved(_));
        entry.row.misplaced = entry.verdict == Verdict::Misplaced.word().as_bytes();
        Ok(entry)
    }

    fn take(&mut self, tag: u16, value: &'a [u8], closed_at: &mut Wall) {
        let [account, container] = &mut self.names;
        match tag {
            tag::PATH => self.path = value,
            tag::DEVICE => self.device = value,
            tag::ACCOUNT => *account = Some(value),
            tag::CONTAINER => *container = Some(value),
            tag::VERDICT => self.verdict = value,
            tag::CODES => self.codes = value,
            tag::MOVED => self.action = Action::Moved(value),
            tag::LEFT => self.action = Action::Left(value),
            tag::DEEP => self.row.depth = Depth::Deep,
            tag::FIRST => self.row.first = wall(value),
            tag::LAST => self.row.last = wall(value),
            tag::TIMES => self.row.times = u32::from_le_bytes(In(value).array()),
            tag::PASS => self.row.pass = u32::from_le_bytes(In(value).array()),
            tag::CLOSED => {
                // A reason of a later version: it is closed, whatever the reason.
                let why = Closed::ALL.into_iter().find(|it| it.word().as_bytes() == value);
                self.row.closed = Some((why.unwrap_or(Closed::Vanished), Wall::default()));
            }
            tag::CLOSED_AT => *closed_at = wall(value),
            _ => {}
        }
    }
}

impl LeftOut {
    /// As bytes: the one of this number, from 0.
    #[must_use]
    pub fn encode(&self, number: u32) -> [u8; LEFT_OUT_BYTES] {
        let mut bytes = [0; LEFT_OUT_BYTES];
        let mut out = Out { left: &mut bytes, short: false };
        out.put(&self.key.0.to_le_bytes());
        out.put(&self.device.0.to_le_bytes());
        out.put(&self.pass.to_le_bytes());
        out.put(&[u8::from(self.depth == Depth::Deep)]);
        seal(&mut bytes, u64::from(number) | LEFT_OUT_SEAL);
        bytes
    }

    /// From bytes: the one of this number, from 0.
    pub fn decode(bytes: &[u8; LEFT_OUT_BYTES], number: u32) -> Result<Self, Bad> {
        if !is_sealed(bytes, u64::from(number) | LEFT_OUT_SEAL) {
            return Err(Bad::Torn);
        }
        let mut read = In(bytes);
        let key = Key(u64::from_le_bytes(read.array()));
        let device = DeviceKey(u64::from_le_bytes(read.array()));
        let pass = u32::from_le_bytes(read.array());
        let depth = if read.array::<1>() == [0] { Depth::Stat } else { Depth::Deep };
        Ok(Self { key, device, pass, depth })
    }
}

/// Sets the seals of keys apart from those of entries.
const LEFT_OUT_SEAL: u64 = 1 << 40;

fn wall(value: &[u8]) -> Wall {
    Wall::from_micros(i64::from_le_bytes(In(value).array()))
}

/// What is left of a buffer to be written.
struct Out<'a> {
    left: &'a mut [u8],
    /// Something found no room.
    short: bool,
}

impl Out<'_> {
    fn put(&mut self, part: &[u8]) {
        let whole = core::mem::take(&mut self.left);
        let Some((here, rest)) = whole.split_at_mut_checked(part.len()) else {
            self.short = true;
            return;
        };
        here.copy_from_slice(part);
        self.left = rest;
    }

    fn field(&mut self, tag: u16, value: &[u8]) {
        let Ok(len) = u16::try_from(value.len()) else {
            self.short = true;
            return;
        };
        self.put(&tag.to_le_bytes());
        self.put(&len.to_le_bytes());
        self.put(value);
    }
}

/// What is left of a buffer to be read.
struct In<'a>(&'a [u8]);

impl In<'_> {
    fn array<const N: usize>(&mut self) -> [u8; N] {
        let Some((part, rest)) = self.0.split_first_chunk() else {
            self.0 = &[];
            return [0; N];
        };
        self.0 = rest;
        *part
    }
}
