//! Findings that come, stay, give way and go; and their bytes.
extern crate std;
use super::*;
use crate::cursor::{Bad, sum};
use crate::verdict::Verdict;
use std::vec::Vec as List;

type Small = Ledger<2, 2>;

const SDA: DeviceKey = DeviceKey(1);
const SDB: DeviceKey = DeviceKey(2);

fn at(seconds: i64) -> Wall {
    Wall::from_micros(seconds * 1_000_000)
}

fn sight(key: u64, verdict: Verdict, depth: Depth) -> Sight {
    Sight { key: Key(key), device: SDA, verdict, depth, moved: false }
}

const fn stat(key: u64, verdict: Verdict) -> Sight {
    Sight { key: Key(key), device: SDA, verdict, depth: Depth::Stat, moved: false }
}

/// A pass over these databases, which are damaged or sound.
fn pass(ledger: &mut Small, seconds: i64, seen: &[(u64, Verdict)]) {
    ledger.begin(false);
    for (key, verdict) in seen {
        let _ = ledger.note(at(seconds), &stat(*key, *verdict));
    }
    let _ = ledger.walked(at(seconds), SDA);
}

#[test]
fn a_finding_has_a_beginning_and_an_end() {
    let mut ledger = Small::default();
    ledger.begin(false);
    assert_eq!(ledger.note(at(10), &stat(7, Verdict::Damaged)), Noted::Opened(0));
    ledger.begin(false);
    assert_eq!(ledger.note(at(20), &stat(7, Verdict::Damaged)), Noted::Seen(0));
    let row = ledger.rows()[0];
    assert_eq!((row.first, row.last, row.times), (at(10), at(20), 2));
    assert_eq!(ledger.open(), 1);
    assert_eq!(ledger.note(at(30), &stat(7, Verdict::Sound)), Noted::Closed(0));
    assert_eq!(ledger.note(at(31), &stat(7, Verdict::Sound)), Noted::Nothing, "closed once");
    assert_eq!((ledger.open(), ledger.rows()[0].closed), (0, Some((Closed::Sound, at(30)))));
    assert_eq!(ledger.note(at(40), &stat(7, Verdict::Damaged)), Noted::Opened(0), "it is back");
    assert_eq!((ledger.rows()[0].first, ledger.rows()[0].times), (at(40), 1));
}

#[test]
fn every_verdict_opens_closes_or_says_nothing() {
    for (verdict, open, closed) in [
        (Verdict::Damaged, 2, None),
        (Verdict::Misplaced, 2, None),
        (Verdict::Unreadable, 2, None),
        (Verdict::DeviceError, 2, None),
        (Verdict::NeedsRecovery, 2, None),
        (Verdict::Busy, 1, None),
        (Verdict::Unsettled, 1, None),
        (Verdict::Sound, 0, Some(Closed::Sound)),
        (Verdict::Deleted, 0, Some(Closed::Deleted)),
        (Verdict::Vanished, 0, Some(Closed::Vanished)),
    ] {
        let mut ledger = Small::default();
        let _ = ledger.note(at(1), &stat(7, Verdict::Damaged));
        let _ = ledger.note(at(2), &stat(7, verdict));
        let _ = ledger.note(at(2), &stat(8, verdict));
        let row = ledger.rows()[0].closed.map(|closed| closed.0);
        assert_eq!((ledger.open(), row), (open, closed), "{}", verdict.word());
    }
}

#[test]
fn a_stat_audit_does_not_mend_what_only_a_deep_one_sees() {
    let mut ledger = Small::default();
    ledger.begin(false);
    let _ = ledger.note(at(1), &sight(7, Verdict::Damaged, Depth::Deep));
    ledger.begin(false);
    assert_eq!(ledger.note(at(2), &stat(7, Verdict::Sound)), Noted::Nothing);
    let _ = ledger.walked(at(2), SDA);
    assert_eq!(ledger.open(), 1, "it was met, so it has not vanished either");
    assert_eq!(ledger.note(at(3), &stat(7, Verdict::Damaged)), Noted::SeenLessDeep(0));
    let deep = sight(7, Verdict::Sound, Depth::Deep);
    assert_eq!(ledger.note(at(4), &deep), Noted::Closed(0));
}

#[test]
fn what_no_whole_walk_meets_has_vanished() {
    let mut ledger = Small::default();
    pass(&mut ledger, 1, &[(7, Verdict::Damaged), (8, Verdict::Damaged)]);
    pass(&mut ledger, 2, &[(8, Verdict::Busy)]);
    assert_eq!(ledger.rows()[0].closed, Some((Closed::Vanished, at(2))));
    assert_eq!(ledger.rows()[1].closed, None, "busy is there");
    ledger.begin(false);
    let _ = ledger.walked(at(3), SDB);
    assert_eq!(ledger.open(), 1, "another device says nothing of it");
    ledger.begin(true);
    let _ = ledger.walked(at(3), SDA);
    assert_eq!(ledger.open(), 1, "nor does a pass whose beginning another process saw");
}

#[test]
fn what_was_moved_aside_stays_open_until_a_copy_is_back_or_it_is_purged() {
    for (verdict, depth) in [(Verdict::Sound, Depth::Stat), (Verdict::Deleted, Depth::Stat)] {
        let mut ledger = Small::default();
        ledger.begin(false);
        let moved = Sight { moved: true, ..sight(7, Verdict::Damaged, Depth::Deep) };
        let _ = ledger.note(at(1), &moved);
        pass(&mut ledger, 2, &[]);
        let _ = ledger.note(at(2), &sight(7, Verdict::Vanished, Depth::Stat));
        assert_eq!(ledger.open(), 1, "its absence is what was wanted");
        assert_eq!(ledger.note(at(3), &sight(7, verdict, depth)), Noted::Closed(0));
    }
    let mut ledger = Small::default();
    let _ = ledger.note(at(1), &Sight { moved: true, ..stat(7, Verdict::Damaged) });
    ledger.purged(at(2), 0);
    assert_eq!(ledger.rows()[0].closed, Some((Closed::Vanished, at(2))));
}

#[test]
fn the_number_of_open_findings_is_true_however_many_there_are() {
    let mut ledger = Small::default();
    let damaged = |keys: std::ops::Range<u64>| -> List<_> {
        keys.map(|key| (key, Verdict::Damaged)).collect()
    };
    for round in 1..4 {
        pass(&mut ledger, round, &damaged(0..9));
        assert_eq!((ledger.open(), ledger.unlisted()), (9, 7), "pass {round}");
        let first: List<_> = ledger.rows().iter().map(|row| (row.key.0, row.first)).collect();
        assert_eq!(first, [(0, at(1)), (1, at(1))], "those that are listed have a history");
    }
    pass(&mut ledger, 4, &damaged(0..5));
    assert_eq!(ledger.open(), 2 + 2 + 5, "what the last pass saw holds until this one is over");
    pass(&mut ledger, 5, &damaged(0..5));
    assert_eq!((ledger.open(), ledger.unlisted()), (5, 3));
    let mended = [(0, Verdict::Sound), (2, Verdict::Sound), (4, Verdict::Damaged)];
    pass(&mut ledger, 6, &mended);
    assert_eq!(ledger.rows()[0].key, Key(4), "one that was left out takes the place");
    pass(&mut ledger, 7, &mended);
    assert_eq!((ledger.open(), ledger.unlisted()), (1, 0), "two mended, two gone");
}

#[test]
fn the_longest_closed_gives_way_then_the_longest_unmet() {
    let mut ledger = Small::default();
    pass(&mut ledger, 1, &[(1, Verdict::Damaged), (2, Verdict::Damaged)]);
    pass(&mut ledger, 2, &[(1, Verdict::Damaged), (2, Verdict::Sound), (3, Verdict::Damaged)]);
    let keys = |ledger: &Small| ledger.rows().iter().map(|row| row.key.0).collect::<List<_>>();
    assert_eq!(keys(&ledger), [1, 3]);
    for _ in 0..3 {
        ledger.begin(false); // the device is away
    }
    assert_eq!(ledger.note(at(9), &stat(4, Verdict::Damaged)), Noted::Opened(0));
    assert_eq!((keys(&ledger), ledger.open()), (List::from([4, 3]), 3), "1 is open, and left out");
}

#[test]
fn what_a_file_knew_is_taken_in_and_nothing_is_known_twice() {
    let mut before = Ledger::<8, 2>::default();
    (0..5).for_each(|_| before.begin(false));
    for key in 1..=4 {
        let _ = before.note(at(5), &stat(key, Verdict::Damaged));
    }
    let _ = before.note(at(6), &stat(4, Verdict::Sound));
    let mut ledger = Ledger::<3, 1>::default();
    ledger.begin(false);
    let _ = ledger.note(at(9), &stat(2, Verdict::Damaged));
    let _ = ledger.take_changed();
    let taken: List<bool> = before.rows().iter().map(|row| ledger.adopt(*row)).collect();
    assert_eq!(
        taken,
        [true, false, true, false],
        "one is known, and for the last there is no room"
    );
    let row = ledger.rows()[0];
    assert_eq!((row.key, row.first, row.last, row.times), (Key(2), at(5), at(9), 2));
    assert!(ledger.take_changed());
    // The same file again.
    let taken: List<bool> = before.rows().iter().map(|row| ledger.adopt(*row)).collect();
    assert_eq!((taken.iter().any(|it| *it), ledger.open()), (false, 3));
    assert_eq!(ledger.rows()[0].times, 2, "seen at the same time: the same sights");
    let _ = ledger.walked(at(10), SDA);
    assert_eq!(ledger.open(), 3, "this pass may have met them before they were known");
    ledger.begin(false);
    let _ = ledger.walked(at(11), SDA);
    assert_eq!(ledger.open(), 0);
    for (key, open) in [(1, 0), (7, 1), (8, 2), (8, 3)] {
        let (device, depth) = (SDA, Depth::Stat);
        ledger.adopt_left_out(LeftOut { key: Key(key), device, pass: 1, depth });
        assert_eq!(ledger.open(), open, "left out: {key}");
    }
}

#[test]
fn what_is_only_misplaced_leaves_half_of_the_rows_to_damage() {
    let mut ledger = Ledger::<4, 9>::default();
    ledger.begin(false);
    for key in 1..=6 {
        let _ = ledger.note(at(1), &stat(key, Verdict::Misplaced));
    }
    for key in 7..=8 {
        let _ = ledger.note(at(2), &stat(key, Verdict::Damaged));
    }
    let keys: List<u64> = ledger.rows().iter().map(|row| row.key.0).collect();
    assert_eq!((keys, ledger.open(), ledger.unlisted()), (List::from([1, 2, 7, 8]), 8, 4));
}

#[test]
fn nothing_to_save_while_nothing_changes() {
    let mut ledger = Small::default();
    pass(&mut ledger, 1, &[(1, Verdict::Sound)]);
    assert!(!ledger.take_changed() && ledger.is_empty());
    pass(&mut ledger, 2, &[(1, Verdict::Damaged)]);
    assert!(ledger.take_changed() && !ledger.take_changed());
    pass(&mut ledger, 3, &[(1, Verdict::Sound)]);
    assert!(ledger.take_changed());
    pass(&mut ledger, 4, &[(1, Verdict::Sound)]);
    assert!(!ledger.take_changed());
}

fn entry<'a>(path: &'a [u8], action: Action<'a>) -> Entry<'a> {
    let device: &[u8] = b"sda";
    let row = Row {
        key: Key::of(path),
        device: DeviceKey::of(device),
        depth: Depth::Deep,
        first: at(-5),
        last: at(1_795_354_724),
        times: 3,
        pass: 9,
        moved: matches!(action, Action::Moved(_)),
        misplaced: false,
        closed: Some((Closed::Deleted, at(7))),
    };
    let names: [Option<&[u8]>; 2] = [Some(b"AUTH_a"), None];
    let (verdict, codes) = (b"damaged", b"rows-hash rows-count");
    Entry { row, path, device, names, verdict, codes, action }
}

#[test]
fn what_was_written_is_read_back() {
    let open = |entry: Entry<'static>| Entry { row: Row { closed: None, ..entry.row }, ..entry };
    for entry in [
        entry(b"/srv/node/sda/containers/1/abc/0/0.db", Action::Reported),
        entry(b"/x\xff\n.db", Action::Moved(b"/srv/node/sda/quarantined/containers/0")),
        open(entry(b"", Action::Left(b"breaker"))),
        entry(&[b'p'; crate::path::PATH_MAX], Action::Left(&[b'r'; ACTION_MAX])),
    ] {
        let mut bytes = [0; ENTRY_MAX];
        let len = entry.encode(5, &mut bytes).expect("it fits");
        assert_eq!(Entry::len_of([bytes[0], bytes[1], bytes[2], bytes[3]]), Ok(len));
        assert_eq!(Entry::decode(&bytes[..len], 5), Ok(entry));
        assert_eq!(Entry::decode(&bytes[..len], 4), Err(Bad::Torn), "an entry of another place");
        for place in 0..len {
            bytes[place] ^= 0x10;
            assert_eq!(Entry::decode(&bytes[..len], 5), Err(Bad::Torn), "byte {place}");
            bytes[place] ^= 0x10;
        }
    }
    let long = [b'x'; ENTRY_MAX];
    assert_eq!(entry(&long, Action::Reported).encode(0, &mut [0; ENTRY_MAX]), None);
    let head = Head { entries: 3, left_out: 4, pass: 5, beyond: [6, 7] };
    assert_eq!(Head::decode(&head.encode()), Ok(head));
    let left = LeftOut { key: Key(1), device: SDB, pass: 3, depth: Depth::Deep };
    assert_eq!(LeftOut::decode(&left.encode(2), 2), Ok(left));
    assert_eq!(LeftOut::decode(&left.encode(2), 3), Err(Bad::Torn));
}

#[test]
fn another_minor_version_is_read_and_a_later_major_is_not() {
    let sealed = |mut bytes: List<u8>, number: u64| {
        let content = bytes.len() - 8;
        let seal = sum(number, &bytes[..content]).to_le_bytes();
        bytes[content..].copy_from_slice(&seal);
        bytes
    };
    let mut head = Head { entries: 1, ..Head::default() }.encode().to_vec();
    head[10] = 3;
    head[50] = 9;
    let minor: [u8; HEAD_BYTES] = sealed(head.clone(), 0).try_into().expect("as long");
    assert_eq!(Head::decode(&minor), Ok(Head { entries: 1, ..Head::default() }));
    head[8] = 2;
    let major: [u8; HEAD_BYTES] = sealed(head, 0).try_into().expect("as long");
    assert_eq!(Head::decode(&major), Err(Bad::Newer(2)));
    assert_eq!(Head::decode(&[0; HEAD_BYTES]), Err(Bad::Foreign));
    // An entry with a field that is not known, and without those that may be missing.
    let mut bytes = std::vec![0, 0, 0, 0, 77, 0, 2, 0, 1, 2, 1, 0, 3, 0];
    bytes.extend(b"/db");
    bytes.extend([0; 8]);
    bytes[0] = u8::try_from(bytes.len()).expect("short");
    let bytes = sealed(bytes, 1);
    let found = Entry::decode(&bytes, 0).expect("it is read as far as it is known");
    assert_eq!((found.path, found.row.times, found.row.closed), (&b"/db"[..], 1, None));
    assert_eq!(found.row.key, Key::of(b"/db"));
}
