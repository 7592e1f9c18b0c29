//! Sums of known rows against Swift's own, and of rows that differ in one thing.
extern crate std;
use super::order::NAME_KEPT;
use super::*;
use std::vec::Vec;

fn row(id: i64, name: &[u8], deleted: i64, policy: i64) -> Row<'_> {
    Row {
        id,
        name: Cell::Text(name),
        created_at: Cell::Text(b"1700000000.00000"),
        size: Cell::Int(10),
        deleted: Cell::Int(deleted),
        policy: Cell::Int(policy),
    }
}

fn of(rows: &[Row<'_>]) -> Sums {
    let mut sums = Sums::new();
    for row in rows {
        sums.row(row);
    }
    sums
}

#[test]
fn the_hash_is_swifts() {
    // python3: chexor(chexor('0' * 32, 'a', '1700000000.00000'), 'b', '1700000000.00000')
    let two = of(&[row(1, b"a", 0, 0), row(2, b"b", 0, 0)]);
    assert_eq!(u128::from_be_bytes(two.hash()), 0x7e8e_f28f_8277_1e1f_8759_3b98_90aa_4513);
    assert_eq!(of(&[]).hash(), [0; 16]);
    let mut sums = two;
    for (stored, wrong) in [
        (&b"7e8ef28f82771e1f87593b9890aa4513"[..], None),
        (b"7E8EF28F82771E1F87593B9890AA4513", None),
        (b"7e8ef28f82771e1f87593b9890aa4512", Some(true)),
        (b"+e8ef28f82771e1f87593b9890aa4513", Some(false)),
        (b"", Some(false)),
    ] {
        sums.hashes.clear();
        sums.stored_hash(Cell::Text(stored));
        assert_eq!(sums.wrong_hash().map(|hash| hash.is_some()), wrong);
    }
}

#[test]
fn tombstones_count_no_object_but_their_bytes() {
    let sums = of(&[row(1, b"a", 0, 0), row(2, b"b", 1, 0), row(3, b"c", 0, 1)]);
    let seen: Vec<_> = sums.policies().iter().map(|p| (p.index, p.live, p.bytes)).collect();
    assert_eq!(seen, [(0, 1, 20), (1, 1, 10)]);
}

#[test]
fn too_many_policies_are_said_and_those_kept_are_whole() {
    let mut sums = Sums::new();
    for id in 0..40 {
        sums.row(&row(id, b"a", 0, id % 17));
    }
    assert!(sums.too_many_policies());
    assert_eq!(sums.policies().len(), POLICIES_MAX);
    assert!(sums.policies().iter().all(|p| p.live == if p.index < 6 { 3 } else { 2 }));
}

#[test]
fn the_order_of_rows_does_not_matter_and_anything_else_does() {
    let table = of(&[row(1, b"b", 0, 0), row(2, b"a", 0, 0), row(3, b"c", 1, 0)]);
    let agrees = |entries: &[(i64, &[u8], i64)]| {
        let mut sums = table.clone();
        for (deleted, name, id) in entries {
            sums.entry(Cell::Int(*deleted), Cell::Text(name), *id);
        }
        sums.index_agrees()
    };
    assert!(agrees(&[(0, b"a", 2), (0, b"b", 1), (1, b"c", 3)]));
    for (case, entries) in [
        ("one missing", &[(0, &b"a"[..], 2), (0, b"b", 1)][..]),
        ("one more", &[(0, b"a", 2), (0, b"b", 1), (1, b"c", 3), (1, b"c", 4)]),
        ("one twice", &[(0, b"a", 2), (0, b"a", 2), (1, b"c", 3)]),
        ("another rowid", &[(0, b"a", 2), (0, b"b", 4), (1, b"c", 3)]),
        ("rowids changed over", &[(0, b"a", 1), (0, b"b", 2), (1, b"c", 3)]),
        ("another state", &[(0, b"a", 2), (0, b"b", 1), (0, b"c", 3)]),
        ("another name", &[(0, b"a", 2), (0, b"b", 1), (1, b"C", 3)]),
        ("a zero more", &[(0, b"a", 2), (0, b"b\0", 1), (1, b"c", 3)]),
    ] {
        assert!(!agrees(entries), "{case}");
    }
}

#[test]
fn an_index_out_of_order_is_seen() {
    let long = |end: u8| [&[b'x'; NAME_KEPT][..], &[end]].concat();
    let (long_a, long_b) = (long(b'a'), long(b'b'));
    for (entries, disordered, twins) in [
        (&[(0, &b"a"[..], 5), (0, b"b", 1), (1, b"a", 2)][..], 0, false),
        (&[(0, b"b", 5), (0, b"a", 1), (1, b"a", 2)], 1, false),
        (&[(1, b"a", 5), (0, b"b", 1)], 1, false),
        (&[(0, b"a", 5), (0, b"a", 6)], 0, true),
        (&[(0, b"a", 6), (0, b"a", 5)], 1, false),
        (&[(0, b"a", 5), (0, b"a", 5)], 1, false),
        (&[(0, b"a", 5), (0, b"ab", 1)], 0, false),
        (&[(0, &long_b, 5), (0, &long_a, 6)], 0, false), // told apart too far on
        (&[(0, b"z", 5), (0, &long_a, 6)], 1, false),
    ] {
        let mut sums = of(&[row(1, b"a", 0, 0)]);
        for (deleted, name, id) in entries {
            sums.entry(Cell::Int(*deleted), Cell::Text(name), *id);
        }
        assert_eq!((sums.disordered(), sums.has_twins()), (disordered, twins), "{entries:?}");
    }
}

#[test]
fn one_name_in_two_policies_is_no_twin() {
    let mut sums = of(&[row(1, b"a", 0, 0), row(2, b"a", 0, 1)]);
    sums.entry(Cell::Int(0), Cell::Text(b"a"), 1);
    sums.entry(Cell::Int(0), Cell::Text(b"a"), 2);
    assert!(!sums.has_twins());
    sums.entry(Cell::Int(0), Cell::Text(b"a"), 3);
    assert!(sums.has_twins());
}

#[test]
fn values_that_swift_never_writes_are_counted() {
    let sane = row(7, b"a", 0, 0);
    for (row, strange) in [
        (sane, 0),
        (Row { name: Cell::Null, ..sane }, 1),
        (Row { name: Cell::Blob(b"a"), ..sane }, 1),
        (Row { name: Cell::Text(b"\xff"), ..sane }, 1),
        (Row { created_at: Cell::Null, ..sane }, 1),
        (Row { size: Cell::Real(1.5), ..sane }, 1),
        (Row { deleted: Cell::Int(2), ..sane }, 1),
        (Row { deleted: Cell::Null, ..sane }, 1),
        (Row { policy: Cell::Null, ..sane }, 1),
    ] {
        let first = if strange == 0 { None } else { Some(7) };
        assert_eq!(of(&[row]).strange(), (strange, first), "{row:?}");
    }
}

#[test]
fn sums_never_overflow() {
    let huge =
        Row { size: Cell::Int(i64::MAX), deleted: Cell::Int(i64::MIN), ..row(1, b"a", 0, 0) };
    let sums = of(&[huge, huge]);
    assert_eq!(sums.policies()[0].bytes, i64::MAX);
    assert_eq!(sums.policies()[0].live, i64::MAX);
}
