//! Damage that knows the file format: one to three spoilings of a database, by a fixed generator.
//!
//! The same seed gives the same bytes on every machine.

use crate::image::{Image, Stored, long_varint, put16, record, varint};

/// A small generator (splitmix64).
#[derive(Clone, Debug)]
pub struct Dice(u64);

impl Dice {
    /// The generator of that seed.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next 64 bits.
    pub fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `end`.
    pub fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.bits() % end.max(1) as u64).unwrap_or(0)
    }

    /// Any byte.
    pub fn byte(&mut self) -> u8 {
        self.bits().to_be_bytes()[0]
    }

    /// One of these.
    pub fn pick<T: Clone>(&mut self, from: &[T]) -> T {
        from[self.below(from.len())].clone()
    }
}

/// A way to spoil a database.
type Spoil = fn(&mut Image, &mut Dice);

/// Every way, with its name.
pub const WAYS: [(&str, Spoil); 45] = [
    ("a bit anywhere", |db, dice| {
        let at = dice.below(db.bytes.len());
        db.bytes[at] ^= 1 << dice.below(8);
    }),
    ("a bit of the header", |db, dice| db.bytes[dice.below(100)] ^= 1 << dice.below(8)),
    ("a byte of the header", |db, dice| db.bytes[16 + dice.below(84)] = edge(dice)),
    ("a word of the header", |db, dice| {
        let at = 16 + 4 * dice.below(21);
        let word = dice.pick(&[0, 1, 2, 3, 5, 0x7fff_ffff, 0xffff_ffff, 0x0100_0000_u32]);
        db.bytes[at..at + 4].copy_from_slice(&word.to_be_bytes());
    }),
    ("both change counters", |db, dice| {
        let counter = dice.bits().to_be_bytes();
        db.bytes[24..28].copy_from_slice(&counter[..4]);
        db.bytes[92..96].copy_from_slice(&counter[..4]);
    }),
    ("what is free to vary in the header", |db, dice| {
        for at in (32..44).chain(60..64).chain(68..72).chain(96..100) {
            db.bytes[at] = dice.byte();
        }
    }),
    ("the page count", |db, dice| {
        let count = db.pages().saturating_add_signed(dice.pick(&[-3, -2, -1, 1, 2, 100]));
        let count = u32::try_from(count).unwrap_or(0);
        db.bytes[28..32].copy_from_slice(&count.to_be_bytes());
    }),
    ("the page size", |db, dice| {
        put16(&mut db.bytes, 16, dice.pick(&[1, 256, 512, 1024, 2048, 8192, 32_768, 4097, 0]));
    }),
    ("a byte of page 1", |db, dice| db.bytes[100 + dice.below(3996)] = edge(dice)),
    ("a byte of a schema page", |db, dice| in_page(db, dice, Which::Schema)),
    ("a bit of a schema page", |db, dice| {
        let at = somewhere(db, dice, Which::Schema);
        db.bytes[at] ^= 1 << dice.below(8);
    }),
    ("the case of a schema page", |db, dice| {
        let at = somewhere(db, dice, Which::Schema);
        if db.bytes[at].is_ascii_alphabetic() {
            db.bytes[at] ^= 0x20;
        }
    }),
    ("a byte of container_info", |db, dice| in_page(db, dice, Which::Info)),
    ("a byte of policy_stat", |db, dice| in_page(db, dice, Which::Policy)),
    ("the head of container_info", |db, dice| head(db, dice, db.info)),
    ("the head of policy_stat", |db, dice| head(db, dice, db.policy)),
    ("the cell of container_info", |db, dice| cell(db, dice, db.info)),
    ("a cell of policy_stat", |db, dice| cell(db, dice, db.policy)),
    ("a cell pointer of container_info", |db, dice| pointer(db, dice, db.info)),
    ("a cell pointer of policy_stat", |db, dice| pointer(db, dice, db.policy)),
    ("the type of a page", |db, dice| {
        let page = dice.pick(&[db.info, db.policy]);
        let start = db.start(page);
        db.bytes[start] = dice.pick(&[0, 2, 5, 10, 13, 0x8d]);
    }),
    ("a page of zeroes", |db, dice| {
        let page = 1 + dice.below(db.pages());
        db.page_mut(page).fill(0);
    }),
    ("a page of noise", |db, dice| {
        let page = 2 + dice.below(db.pages() - 1);
        db.page_mut(page).iter_mut().for_each(|byte| *byte = dice.byte());
    }),
    ("two pages swapped", |db, dice| {
        let (one, other) = (any_page(db, dice), any_page(db, dice));
        let kept = db.page_mut(one).to_vec();
        let moved = db.page_mut(other).to_vec();
        db.page_mut(one).copy_from_slice(&moved);
        db.page_mut(other).copy_from_slice(&kept);
    }),
    ("a page copied", |db, dice| {
        let (one, other) = (any_page(db, dice), any_page(db, dice));
        let moved = db.page_mut(other).to_vec();
        db.page_mut(one).copy_from_slice(&moved);
    }),
    ("cut short", |db, dice| {
        let most = 3 * db.page;
        let length = db.bytes.len().saturating_sub(dice.below(most));
        db.bytes.truncate(length.max(1024));
    }),
    ("cut to whole pages, and counted", |db, dice| {
        let pages = (db.pages() - dice.below(3)).max(1);
        db.bytes.truncate(pages * db.page);
        db.count_pages();
    }),
    ("longer", |db, dice| {
        let more = dice.pick(&[1, 100, 4095, 4096, 8192]);
        db.bytes.resize(db.bytes.len() + more, 0);
    }),
    ("longer, and counted", |db, dice| {
        db.bytes.resize((db.pages() + 1 + dice.below(3)) * db.page, 0);
        db.count_pages();
    }),
    ("dead bytes", |db, dice| {
        let page = dice.pick(&[db.info, db.policy]);
        let start = db.start(page);
        let end = db.page_mut(page)[5..7].iter().fold(0, |all, byte| all << 8 | usize::from(*byte));
        for at in 12..end.clamp(12, 3000) {
            db.bytes[start + at] = dice.byte();
        }
    }),
    ("a value", |db, dice| set(db, dice, |_| nasty)),
    ("a value where it counts", |db, dice| {
        let column = dice.pick(&[0, 1, 3, 4, 16]);
        let value = nasty(dice);
        change(db, |row| row[column] = value);
    }),
    ("a timestamp, and nothing counted", |db, dice| {
        let column = dice.pick(&[3, 4]);
        let text = dice.pick(&TIMESTAMPS);
        change(db, |row| row[column] = Stored::text(text));
        db.put(db.policy, &[]);
    }),
    ("deleted after it was put", |db, _| {
        change(db, |row| row[4] = Stored::text("1799999999.00000"));
        db.put(db.policy, &[]);
    }),
    ("the policy", |db, dice| {
        let value = dice.pick(&POLICIES.map(Stored::Int));
        let value = dice.pick(&[value, Stored::text("0"), Stored::Real(0.0), Stored::Null]);
        change(db, |row| row[16] = value);
    }),
    ("fewer or more columns", |db, dice| {
        let count = dice.below(22);
        change(db, |row| row.resize(count, Stored::Int(7)));
    }),
    ("the policies' rows", |db, dice| {
        let rows = (0..dice.below(6)).map(|_| (dice.pick(&POLICIES), policy_row(dice)));
        let mut rows: Vec<_> = rows.collect();
        if dice.below(2) == 0 {
            rows.sort_by_key(|(rowid, _)| *rowid);
        }
        let cells: Vec<_> = rows.iter().map(|(id, row)| Image::cell_of(*id, row)).collect();
        db.put_cells(db.policy, &cells);
    }),
    ("a policy's value", |db, dice| {
        let row = vec![Stored::Null, nasty(dice), Stored::Int(5)];
        db.put(db.policy, &[(dice.pick(&POLICIES), record(&row))]);
    }),
    ("several containers", |db, dice| {
        if let Some(payload) = short(db) {
            let row = Image::cell_of(1, &payload);
            let mut other = row.clone();
            let at = dice.below(other.len());
            other[at] = edge(dice);
            db.put_cells(db.info, &dice.pick(&[vec![row, other], vec![]]));
        }
    }),
    ("longer numbers than needed", |db, dice| {
        let Some(payload) = short(db) else { return };
        let length = payload.len() as u64;
        let numbers = [(long_varint(length), varint(1)), (varint(length), long_varint(1))];
        let (mut cell, rowid) = dice.pick(&numbers);
        cell.extend(rowid);
        cell.extend(payload);
        db.put_cells(db.info, &[cell]);
    }),
    ("a record's header", |db, dice| {
        payload(db, |bytes| {
            let at = dice.below(24);
            bytes[at] = edge(dice);
        });
    }),
    ("a record's length", |db, dice| {
        let (longer, byte) = (dice.below(4), dice.byte());
        payload(db, |bytes| match longer {
            0 => bytes.push(byte),
            cut => bytes.truncate(bytes.len() - cut),
        });
    }),
    ("a serial type in a longer form", |db, dice| {
        let skip = 1 + dice.below(17);
        payload(db, |bytes| {
            bytes.insert(skip, 0x80);
            bytes[0] += 1;
        });
    }),
    ("a long row", |db, dice| {
        let length = dice.pick(&[3000, 3900, 4000, 4200, 8000, 9000, 20_000, 66_000]);
        change(db, |row| row[13] = Stored::Text(vec![b'm'; length]));
    }),
    ("a long row with a broken chain", |db, dice| {
        let before = db.pages();
        change(db, |row| row[13] = Stored::Text(vec![b'm'; 17_000]));
        if before < db.pages() {
            let page = before + 1 + dice.below(db.pages() - before);
            let start = db.start(page);
            let other = 1 + dice.below(db.pages() + 2);
            let next = dice.pick(&[0, 1, other, page, before + 1, 0xff_ffff]) as u64;
            db.bytes[start + 1..start + 4].copy_from_slice(&next.to_be_bytes()[5..]);
        }
    }),
];

/// Texts that are timestamps for Swift, or nearly.
const TIMESTAMPS: [&str; 16] = [
    "0",
    "00",
    "0.00000",
    "1799999999.00000",
    "1799999999.00000_0000000000000001",
    "1799999999.00000_000000000000000G",
    "1799999999.00000_01",
    "1799999999",
    " 1799999999.00000",
    "-1799999999.00000",
    "17999999990.00000",
    "1.79e9",
    "nan",
    "inf",
    "",
    "yesterday",
];

/// Keys of policies, ordinary and not.
const POLICIES: [i64; 8] = [0, 1, 2, 7, -1, i64::MIN, i64::MAX, 1 << 40];

/// Spoils a database one to three times, no more once pages of the schema are cut off. The names of the ways are for the message of a failure.
pub fn spoil(db: &mut Image, dice: &mut Dice) -> Vec<&'static str> {
    let mut names = Vec::new();
    for _ in 0..=dice.below(3) {
        if db.bytes.len().is_multiple_of(db.page) && db.info + 2 <= db.pages() {
            let (name, way) = dice.pick(&WAYS);
            way(db, dice);
            names.push(name);
        }
    }
    names
}

/// The pages of one kind.
#[derive(Clone, Copy)]
enum Which {
    Schema,
    Info,
    Policy,
}

fn somewhere(db: &mut Image, dice: &mut Dice, which: Which) -> usize {
    let page = match which {
        // Swift creates the two tables first; the leaves of the schema follow.
        Which::Schema => db.info + 1 + dice.below(2),
        Which::Info => db.info,
        Which::Policy => db.policy,
    };
    (db.start(page) + dice.below(db.page)).min(db.bytes.len() - 1)
}

fn in_page(db: &mut Image, dice: &mut Dice, which: Which) {
    let at = somewhere(db, dice, which);
    db.bytes[at] = edge(dice);
}

fn edge(dice: &mut Dice) -> u8 {
    let any = dice.byte();
    dice.pick(&[0, 1, 2, 8, 9, 10, 12, 13, 0x7f, 0x80, 0x81, 0xff, any])
}

fn any_page(db: &Image, dice: &mut Dice) -> usize {
    let any = 1 + dice.below(db.pages());
    dice.pick(&[db.info, db.policy, any]).min(db.pages())
}

fn head(db: &mut Image, dice: &mut Dice, page: usize) {
    let at = db.start(page) + 1 + dice.below(7);
    if let Some(byte) = db.bytes.get_mut(at) {
        *byte = edge(dice);
    }
}

fn cell(db: &mut Image, dice: &mut Dice, page: usize) {
    let at = db.cell(page) + dice.below(48);
    if let Some(byte) = db.bytes.get_mut(at) {
        *byte = edge(dice);
    }
}

fn pointer(db: &mut Image, dice: &mut Dice, page: usize) {
    let any = dice.below(db.page);
    let cell = db.cell(page) - db.start(page);
    let near = cell.saturating_add_signed(dice.pick(&[-1, 1, 2, -2]));
    let at = dice.pick(&[0, 3, 8, 10, 4092, 4093, 4095, 0xffff, any, near, cell + 4096]);
    let slot = db.start(page) + 8 + 2 * dice.below(2);
    put16(&mut db.bytes, slot, at);
}

/// The container's row, unless an earlier spoiling left none.
fn row(db: &Image) -> Option<Vec<Stored>> {
    db.row(db.info, 0).map(|(_, row)| row).filter(|row| row.len() == 18)
}

fn change(db: &mut Image, how: impl FnOnce(&mut Vec<Stored>)) {
    if let Some(mut row) = row(db) {
        how(&mut row);
        db.put(db.info, &[(1, record(&row))]);
    }
}

fn set(db: &mut Image, dice: &mut Dice, value: fn(usize) -> fn(&mut Dice) -> Stored) {
    let column = dice.below(18);
    let value = value(column)(dice);
    change(db, |row| row[column] = value);
}

/// Changes the record of the container's row.
fn payload(db: &mut Image, how: impl FnOnce(&mut Vec<u8>)) {
    if let Some(mut bytes) = short(db) {
        how(&mut bytes);
        db.put(db.info, &[(1, bytes)]);
    }
}

/// The container's record, if it is so short that two fit their page.
fn short(db: &Image) -> Option<Vec<u8>> {
    row(db).map(|row| record(&row)).filter(|bytes| 64 < bytes.len() && bytes.len() < 2000)
}

fn nasty(dice: &mut Dice) -> Stored {
    dice.pick(&[
        Stored::Null,
        Stored::Int(0),
        Stored::Int(1),
        Stored::Int(-1),
        Stored::Int(i64::MAX),
        Stored::Int(1 << 33),
        Stored::Real(0.0),
        Stored::Real(1.5),
        Stored::text(""),
        Stored::text("0"),
        Stored::text("c\0d"),
        Stored::Text(vec![0xff, 0xfe]),
        Stored::Text(vec![0xed, 0xa0, 0x80]),
        Stored::Text(vec![b'x'; 300]),
        Stored::Blob(vec![]),
        Stored::Blob(b"0".to_vec()),
    ])
}

fn policy_row(dice: &mut Dice) -> Vec<u8> {
    let mut row = vec![Stored::Null, Stored::Int(dice.pick(&POLICIES)), Stored::Int(5)];
    if dice.below(4) == 0 {
        row[dice.below(3)] = nasty(dice);
    }
    if dice.below(8) == 0 {
        row.resize(dice.below(5), Stored::Null);
    }
    record(&row)
}
