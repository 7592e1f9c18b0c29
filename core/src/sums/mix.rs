//! A 128-bit number for one row, to be summed up in any order.
use crate::check::Cell;

/// A 128-bit mix of one `(deleted, name, rowid)`, after MurmurHash3's 128-bit rounds.
pub(super) fn mix(deleted: Cell<'_>, name: Cell<'_>, id: i64) -> u128 {
    let mut mixer = Mixer { one: 0, two: 0 };
    let (kind, flag) = fixed(deleted);
    mixer.block(id.cast_unsigned(), flag);
    let (name_kind, value, bytes) = match name {
        Cell::Text(text) => (3, 0, text),
        Cell::Blob(blob) => (4, 0, blob),
        Cell::Null | Cell::Int(_) | Cell::Real(_) => {
            let (kind, value) = fixed(name);
            (kind, value, &b""[..])
        }
    };
    mixer.bytes(bytes);
    let length = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
    // The kinds keep NULL, 0 and an empty text apart; for Swift's own rows they never vary.
    mixer.end(length ^ value.rotate_left(32), (kind << 8) ^ name_kind)
}

/// A value's kind and its 64 bits; texts and blobs, never seen as `deleted`, by length alone.
fn fixed(cell: Cell<'_>) -> (u64, u64) {
    let length = |bytes: &[u8]| u64::try_from(bytes.len()).unwrap_or(u64::MAX);
    match cell {
        Cell::Null => (0, 0),
        Cell::Int(value) => (1, value.cast_unsigned()),
        Cell::Real(value) => (2, value.to_bits()),
        Cell::Text(text) => (3, length(text)),
        Cell::Blob(blob) => (4, length(blob)),
    }
}

struct Mixer {
    one: u64,
    two: u64,
}

impl Mixer {
    fn bytes(&mut self, mut rest: &[u8]) {
        while let Some((block, after)) = rest.split_first_chunk::<16>() {
            self.words(block);
            rest = after;
        }
        if !rest.is_empty() {
            let mut last = [0; 16];
            for (to, from) in last.iter_mut().zip(rest) {
                *to = *from;
            }
            // Zeros at the end are told apart by the length, which ends the mix.
            self.words(&last);
        }
    }

    fn words(&mut self, block: &[u8; 16]) {
        if let ([low, high], _) = block.as_chunks::<8>() {
            self.block(u64::from_le_bytes(*low), u64::from_le_bytes(*high));
        }
    }

    const fn block(&mut self, low: u64, high: u64) {
        const C1: u64 = 0x87c3_7b91_1142_53d5;
        const C2: u64 = 0x4cf5_ad43_2745_937f;
        self.one ^= low.wrapping_mul(C1).rotate_left(31).wrapping_mul(C2);
        self.one = self.one.rotate_left(27).wrapping_add(self.two);
        self.one = self.one.wrapping_mul(5).wrapping_add(0x52dc_e729);
        self.two ^= high.wrapping_mul(C2).rotate_left(33).wrapping_mul(C1);
        self.two = self.two.rotate_left(31).wrapping_add(self.one);
        self.two = self.two.wrapping_mul(5).wrapping_add(0x3849_5ab5);
    }

    fn end(mut self, length: u64, kinds: u64) -> u128 {
        self.one ^= length;
        self.two ^= length ^ kinds.rotate_left(48);
        self.one = self.one.wrapping_add(self.two);
        self.two = self.two.wrapping_add(self.one);
        self.one = avalanche(self.one);
        self.two = avalanche(self.two);
        self.one = self.one.wrapping_add(self.two);
        self.two = self.two.wrapping_add(self.one);
        (u128::from(self.one) << 64) | u128::from(self.two)
    }
}

/// Every bit of the result depends on every bit of `word` (MurmurHash3's `fmix64`).
const fn avalanche(mut word: u64) -> u64 {
    word ^= word >> 33;
    word = word.wrapping_mul(0xff51_afd7_ed55_8ccd);
    word ^= word >> 33;
    word = word.wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    word ^ (word >> 33)
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;
    use std::vec::Vec;

    #[test]
    fn every_bit_of_a_row_changes_about_half_of_its_mix() {
        let name = b"photos/00000001/0123456789ab.jpg";
        let plain = mix(Cell::Int(0), Cell::Text(name), 0x4d);
        let mut others = Vec::new();
        for bit in 0..64 {
            others.push(mix(Cell::Int(0), Cell::Text(name), 0x4d ^ (1 << bit)));
            others.push(mix(Cell::Int(1 << bit), Cell::Text(name), 0x4d));
        }
        for bit in 0..name.len() * 8 {
            let mut other = *name;
            other[bit / 8] ^= 1 << (bit % 8);
            others.push(mix(Cell::Int(0), Cell::Text(&other), 0x4d));
        }
        for (length, _) in name.iter().enumerate() {
            others.push(mix(Cell::Int(0), Cell::Text(&name[..length]), 0x4d));
        }
        for other in &others {
            let changed = (plain ^ other).count_ones();
            assert!((30..=98).contains(&changed), "{changed} bits of 128");
        }
        let kinds = [Cell::Null, Cell::Int(0), Cell::Real(0.0), Cell::Text(b""), Cell::Blob(b"")];
        for (at, one) in kinds.iter().enumerate() {
            for other in &kinds[at + 1..] {
                let mixes = (mix(Cell::Int(0), *one, 1), mix(Cell::Int(0), *other, 1));
                assert_ne!(mixes.0, mixes.1, "{one:?} {other:?} as a name");
                let mixes = (mix(*one, Cell::Null, 1), mix(*other, Cell::Null, 1));
                assert_ne!(mixes.0, mixes.1, "{one:?} {other:?} as deleted");
            }
        }
    }
}
