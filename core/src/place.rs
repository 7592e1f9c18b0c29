//! Whether a database lies where its account and container say.
//!
//! Mirrors `hash_path` and `storage_directory` (`swift.common.utils`): a container belongs in
//! `containers/PARTITION/SUFFIX/HASH/HASH[_EPOCH].db`, HASH being an MD5 sum over its names.
use crate::check::Cell;
use crate::path::{DATADIR, DbPath};
use crate::verdict::{Finding, FindingCode, Findings, Part, Value};
use md5::{Digest as _, Md5};

/// The cluster's secrets from `swift.conf`, without which no place can be judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HashPath<'a> {
    /// `swift_hash_path_prefix`.
    pub prefix: &'a [u8],
    /// `swift_hash_path_suffix`.
    pub suffix: &'a [u8],
}

impl HashPath<'_> {
    /// The MD5 sum that names a container's directory.
    #[must_use]
    pub fn sum(&self, account: &[u8], container: &[u8]) -> [u8; 16] {
        let mut md5 = Md5::new();
        for part in [self.prefix, b"/", account, b"/", container, self.suffix] {
            md5.update(part);
        }
        md5.finalize().into()
    }
}

/// What is wrong with the place of the database at `path`: nothing if it lies where `account` and
/// `container` belong. Names that are no text belong nowhere. A level that a short path does not
/// name is not judged, and no level of a path that leads to no tree of containers: a copy that was
/// made to look at is not misplaced.
#[must_use]
pub fn place(
    path: &DbPath,
    account: Cell<'_>,
    container: Cell<'_>,
    hash: &HashPath<'_>,
) -> Findings {
    let mut findings = Findings::new();
    let place = path.place();
    let is_told = path.as_bytes().starts_with(b"/") || !place.datadir.is_empty();
    if is_told && place.datadir != DATADIR {
        return findings;
    }
    let mut note = |code, expected, found| {
        let full = findings.push(Finding { code, part: Part::Whole, expected, found });
        debug_assert!(full.is_ok(), "four levels fit");
    };
    let (Cell::Text(account), Cell::Text(container)) = (account, container) else {
        note(FindingCode::PlaceHash, Value::Nothing, Value::Nothing);
        return findings;
    };
    let sum = hash.sum(account, container);
    let name = hex(sum);
    let is_wrong = |found: &[u8], expected: &[u8]| !found.is_empty() && found != expected;
    if is_wrong(place.hash, &name) {
        note(FindingCode::PlaceHash, Value::Md5(sum), sum_of(place.hash));
    }
    if is_wrong(place.stem, &name) {
        note(FindingCode::PlaceFile, Value::Md5(sum), sum_of(place.stem));
    }
    if is_wrong(place.suffix, name.last_chunk::<3>().map_or(&[][..], |end| end)) {
        note(FindingCode::PlaceSuffix, Value::Md5(sum), Value::Nothing);
    }
    let partition = number(place.partition);
    if !place.partition.is_empty() && !partition.is_some_and(|found| is_partition(sum, found)) {
        let found = partition.map_or(Value::Nothing, |found| Value::Int(i64::from(found)));
        note(FindingCode::PlacePartition, Value::Md5(sum), found);
    }
    findings
}

/// Whether `partition` is the hash's in a ring of any part power from 0 to 32.
#[must_use]
pub fn is_partition(sum: [u8; 16], partition: u32) -> bool {
    let [a, b, c, d, ..] = sum;
    let top = u32::from_be_bytes([a, b, c, d]);
    (0..=32).any(|shift| top.checked_shr(shift).unwrap_or(0) == partition)
}

/// A partition as Swift writes it: decimal, without sign or leading zeros.
fn number(name: &[u8]) -> Option<u32> {
    let is_plain = name == b"0" || name.first().is_some_and(|first| matches!(first, b'1'..=b'9'));
    if !is_plain {
        return None;
    }
    core::str::from_utf8(name).ok()?.parse().ok()
}

/// The 32 digits of a sum, as in a directory's name.
#[must_use]
pub fn hex(sum: [u8; 16]) -> [u8; 32] {
    let mut name = [0; 32];
    for (digits, byte) in name.chunks_exact_mut(2).zip(sum) {
        for (digit, value) in digits.iter_mut().zip([byte >> 4, byte & 0xf]) {
            *digit = char::from_digit(u32::from(value), 16)
                .and_then(|digit| u8::try_from(digit).ok())
                .unwrap_or_default();
        }
    }
    name
}

/// The sum that the name of a directory spells in 32 digits of hex, if it does.
#[must_use]
pub fn spelt(name: &[u8]) -> Option<[u8; 16]> {
    let name = <&[u8; 32]>::try_from(name).ok()?;
    let mut sum = [0; 16];
    for (byte, digits) in sum.iter_mut().zip(name.chunks_exact(2)) {
        for digit in digits {
            let value = char::from(*digit).to_digit(16)?;
            *byte = (*byte << 4) | u8::try_from(value).ok()?;
        }
    }
    Some(sum)
}

fn sum_of(name: &[u8]) -> Value {
    spelt(name).map_or(Value::Nothing, Value::Md5)
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;
    use std::{format, string::String, vec, vec::Vec};

    const HASH: HashPath<'_> = HashPath { prefix: b"pre", suffix: b"suf" };
    // md5("pre/AUTH_test/photossuf")
    const NAME: &str = "ae903884ccb1ce1e6c37d65e60231ab3";
    const TOP: u32 = 0xae90_3884;

    fn codes(path: &str) -> Vec<FindingCode> {
        let found = place(
            &DbPath::new(path.as_bytes()),
            Cell::Text(b"AUTH_test"),
            Cell::Text(b"photos"),
            &HASH,
        );
        found.iter().map(|finding| finding.code).collect()
    }

    fn at(partition: &str, suffix: &str, hash: &str, stem: &str) -> String {
        format!("/srv/node/sda/containers/{partition}/{suffix}/{hash}/{stem}.db")
    }

    #[test]
    fn a_container_belongs_where_its_hash_says() {
        let end = &NAME[29..];
        for power in 1..=32 {
            let partition = format!("{}", TOP >> (32 - power));
            assert_eq!(codes(&at(&partition, end, NAME, NAME)), vec![], "part power {power}");
        }
        assert_eq!(codes(&at("0", end, NAME, &format!("{NAME}_1700000000.00000"))), vec![]);
        assert_eq!(codes(&format!("{NAME}.db")), vec![], "no directory is named");
    }

    #[test]
    fn outside_of_a_tree_of_containers_no_level_is_judged() {
        for path in ["/y.db", "/var/tmp/copies/of/x/y.db", "/srv/node/sda/accounts/1/abc/x/y.db"] {
            assert_eq!(codes(path), vec![], "{path}");
        }
        assert!(!codes("containers/1/abc/x/y.db").is_empty());
    }

    #[test]
    fn each_level_is_judged_by_itself() {
        use FindingCode::{PlaceFile, PlaceHash, PlacePartition, PlaceSuffix};
        let end = &NAME[29..];
        let other = "0123456789abcdef0123456789abcdef";
        for (path, expected) in [
            (at("0", end, other, NAME), vec![PlaceHash]),
            (at("0", end, NAME, other), vec![PlaceFile]),
            (at("0", "fff", NAME, NAME), vec![PlaceSuffix]),
            (at(&format!("{}", TOP / 2 + 1), end, NAME, NAME), vec![PlacePartition]),
            (at("00", end, NAME, NAME), vec![PlacePartition]),
            (at("+0", end, NAME, NAME), vec![PlacePartition]),
            (at("tmp", end, NAME, NAME), vec![PlacePartition]),
            (at("99999999999", end, NAME, NAME), vec![PlacePartition]),
            (at("x", "y", "z", "w"), vec![PlaceHash, PlaceFile, PlaceSuffix, PlacePartition]),
        ] {
            assert_eq!(codes(&path), expected, "{path}");
        }
    }

    #[test]
    fn a_finding_says_what_was_expected_and_what_was_found() {
        let sum = HASH.sum(b"AUTH_test", b"photos");
        assert_eq!(hex(sum), NAME.as_bytes());
        let other = [0x5a; 16];
        let path = at("7777777", &NAME[29..], &String::from_utf8_lossy(&hex(other)), NAME);
        let found = place(
            &DbPath::new(path.as_bytes()),
            Cell::Text(b"AUTH_test"),
            Cell::Text(b"photos"),
            &HASH,
        );
        let values: Vec<_> =
            found.iter().map(|finding| (finding.expected, finding.found)).collect();
        assert_eq!(
            values,
            [(Value::Md5(sum), Value::Md5(other)), (Value::Md5(sum), Value::Int(7_777_777))]
        );
    }

    #[test]
    fn what_has_no_name_belongs_nowhere() {
        let found = place(&DbPath::new(b"hash/x.db"), Cell::Null, Cell::Text(b"c"), &HASH);
        assert_eq!(found.len(), 1);
        assert!(found.iter().all(|finding| finding.code == FindingCode::PlaceHash));
    }
}
