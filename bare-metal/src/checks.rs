//! What the core must get right on every processor: one list, run by the host's tests and by the image
//! for the Cortex-M3.
//!
//! Here stands what a 32-bit word, soft arithmetic or a missing allocator could break; everything else
//! is tested where it is written. A check takes nothing, needs no memory but a small stack, and says
//! whether it holds. To add one, write a function and its line in [`CHECKS`].
use core::time::Duration;

use martlet_core::audit::{Auditor, Conf, Event, Lane, Mode, Past, Report, Step};
use martlet_core::breaker::Limits;
use martlet_core::check::{Cell, Seen, Stat};
use martlet_core::cursor::{self, Bad, Disk, Entry};
use martlet_core::gate::Gate;
use martlet_core::page::{Found, Head, Roots, Row, Rule, Rules, Schema};
use martlet_core::path::{DbPath, PATH_MAX};
use martlet_core::place::{HashPath, hex};
use martlet_core::stamp::{Stamp, StampError};
use martlet_core::sums::{self, Sums};
use martlet_core::tally::{Tally, WINDOW};
use martlet_core::time::{Mono, Now, Wall};
use martlet_core::verdict::{Counts, Verdict, judge};
use martlet_core::walk::{ENOENT, Floor, Meaning, Trouble, Walked, meaning};

/// What a check claims, and the function that says whether it is so.
pub(crate) type Check = (&'static str, fn() -> bool);

/// Every check.
pub(crate) const CHECKS: &[Check] = &[
    ("time: a moment never wraps", a_moment_never_wraps),
    ("time: nanoseconds need more than 32 bits", nanoseconds_need_more_than_32_bits),
    ("time: seconds before 1970 round down", seconds_before_1970_round_down),
    ("path: the last names are read from the right", names_are_read_from_the_right),
    ("path: a long path is cut and says so", a_long_path_is_cut),
    ("gate: a rate is held to the nanosecond for a year", a_rate_is_held_for_a_year),
    ("tally: a window is due after an hour", a_window_is_due_after_an_hour),
    ("stamp: soft floating point rounds as Swift does", soft_floats_round_as_swift_does),
    ("place: an MD5 sum is the known one", an_md5_sum_is_the_known_one),
    ("verdict: deleted is told from misplaced", deleted_is_told_from_misplaced),
    ("machine: a pass finds all and ends by itself", a_pass_ends_by_itself),
    ("walk: a directory that went away is nothing", what_went_away_is_nothing),
    ("page: a row on its page is read", a_row_on_its_page_is_read),
    ("page: a row that runs over is read to its end", a_row_that_runs_over_is_read),
    ("page: what is not ordinary is left to SQLite", what_is_not_ordinary_is_left),
    ("cursor: what was written is read back", what_was_written_is_read_back),
    ("cursor: a changed byte is seen", a_changed_byte_is_seen),
    ("sums: the hash of rows is Swift's", the_hash_of_rows_is_swifts),
    ("sums: bytes add up beyond 32 bits", bytes_add_up_beyond_32_bits),
    ("sums: an index agrees in any order of rows", an_index_agrees_in_any_order),
];

fn a_moment_never_wraps() -> bool {
    let end = Mono::from_nanos(u64::MAX);
    end.after(Duration::MAX) == end && Mono::default().since(end) == Duration::ZERO
}

fn nanoseconds_need_more_than_32_bits() -> bool {
    let week = Duration::from_secs(7 * 24 * 3600);
    let then = Mono::from_nanos(u64::from(u32::MAX)).after(week);
    then.since(Mono::from_nanos(u64::from(u32::MAX))) == week
}

fn seconds_before_1970_round_down() -> bool {
    // 2106 is where 32 bits of seconds end.
    let after_2106 = Wall::from_micros(4_294_967_296_000_001).as_secs() == 4_294_967_296;
    Wall::from_micros(-1).as_secs() == -1 && after_2106
}

fn names_are_read_from_the_right() -> bool {
    let path = DbPath::new(b"/srv/node/sda/containers/1021/a83/ff0/0a_17.0.db");
    let place = path.place();
    place.stem == b"0a"
        && place.epoch == Some(&b"17.0"[..])
        && place.hash == b"ff0"
        && place.suffix == b"a83"
        && place.partition == b"1021"
}

fn a_long_path_is_cut() -> bool {
    let cut = DbPath::new(&[b'x'; PATH_MAX + 1]);
    !cut.is_whole() && cut.as_bytes().len() == PATH_MAX
}

fn what_went_away_is_nothing() -> bool {
    meaning(Floor::Hash, Trouble::Errno(ENOENT)) == Meaning::Nothing
        && meaning(Floor::Device, Trouble::NotMounted) == Meaning::Skipped
}

fn a_rate_is_held_for_a_year() -> bool {
    let year = Duration::from_secs(365 * 24 * 3600);
    let start = Mono::from_nanos(7);
    let mut gate = Gate::new(Duration::from_millis(250));
    let first = gate.take(start);
    let second = gate.take(start);
    let later = gate.take(start.after(year));
    let after_that = gate.take(start.after(year));
    first == start
        && second.since(first) == Duration::from_millis(250)
        && later == start.after(year)
        && after_that.since(later) == Duration::from_millis(250)
}

fn a_window_is_due_after_an_hour() -> bool {
    let start = Now { mono: Mono::from_nanos(1 << 40), wall: Wall::from_micros(1 << 50) };
    let mut tally = Tally::new(start);
    tally.count(Counts::Passed);
    let due = start.mono.after(WINDOW);
    !tally.is_due(start.mono) && tally.is_due(due) && tally.so_far().passed == 1
}

fn soft_floats_round_as_swift_does() -> bool {
    let ticks =
        |text: &[u8]| Stamp::read(Cell::Text(text)).map(|stamp| (stamp.ticks, stamp.offset));
    ticks(b"1700000000.12345") == Ok((170_000_000_012_345, 0))
        && ticks(b"1700000000.123455_1a") == Ok((170_000_000_012_346, 0x1a))
        && ticks(b"9999999999.99999") == Ok((999_999_999_999_999, 0))
        && ticks(b"1e10") == Err(StampError::TooLarge)
        && Stamp::read(Cell::Int(4_294_967_297)).map(|stamp| stamp.ticks) == Ok(429_496_729_700_000)
        && Stamp::read(Cell::Real(f64::NAN)) == Err(StampError::Nan)
}

/// `md5("/AUTH_test/photoschangeme")`.
const PHOTOS: &[u8; 32] = b"77493df0ec34730d46559eb3766112bf";
const HASH: HashPath<'static> = HashPath { prefix: b"", suffix: b"changeme" };

fn an_md5_sum_is_the_known_one() -> bool {
    hex(HASH.sum(b"AUTH_test", b"photos")) == *PHOTOS
}

fn stat(put: &'static [u8], delete: &'static [u8], count: i64) -> Seen<'static> {
    Seen::Row(Stat {
        account: Cell::Text(b"AUTH_test"),
        container: Cell::Text(b"photos"),
        put: Cell::Text(put),
        delete: Cell::Text(delete),
        count: Cell::Int(count),
        revived: false,
    })
}

fn deleted_is_told_from_misplaced() -> bool {
    let path = DbPath::new(b"sda/containers/1/2bf/elsewhere/77493df0ec34730d46559eb3766112bf.db");
    let verdict = |seen| judge(&path, &seen, Some(&HASH)).verdict;
    verdict(stat(b"1700000000.00001", b"1700000000.00002", 0)) == Verdict::Deleted
        && verdict(stat(b"1700000000.00002", b"1700000000.00001", 0)) == Verdict::Misplaced
        && verdict(stat(b"1700000000.00001", b"1700000000.00002", 1)) == Verdict::Misplaced
}

/// Steps of a pass over three databases, and some to spare.
const STEPS_MAX: usize = 100;

fn a_pass_ends_by_itself() -> bool {
    let conf = Conf {
        mode: Mode::Once,
        interval: Duration::from_secs(1800),
        spacing: Duration::from_millis(250),
        quarantine: false,
        breaker: Limits { databases: 0, share: 0 },
        hash: None,
        deep: martlet_core::due::DeepConf::default(),
    };
    let mut now = Now { mono: Mono::from_nanos(1 << 33), wall: Wall::from_micros(1 << 50) };
    let mut auditor = Auditor::<1, 4>::new(&conf, now, 7);
    let (mut found, mut ended) = (0, None);
    for _ in 0..STEPS_MAX {
        let event = match auditor.poll(Lane(0), now) {
            Step::Devices => Event::Device { disk: 1 << 40, past: Past::default() },
            Step::Walk(_) if found < 3 => {
                found += 1;
                Event::Walked(Walked::Found(b"/srv/node/sda/containers/1/2bf/x/x.db"))
            }
            Step::Walk(_) => Event::Walked(Walked::End),
            Step::Check(_) => Event::Checked(stat(b"2", b"1", 7)),
            Step::Report(report) => {
                if let Report::Ended(pass) = report {
                    ended = Some((pass.totals.of(Verdict::Sound), pass.took));
                }
                Event::Reported
            }
            Step::Wait(until) => {
                now.mono = until;
                continue;
            }
            Step::Exit => return ended == Some((3, Duration::from_millis(500))),
            Step::Dig(_) | Step::Confirm(..) | Step::Move(..) | Step::Save => return false,
        };
        // Whether other lanes are to be woken: there are none.
        let _ = auditor.handle(Lane(0), now, event);
        if let Event::Device { .. } = event {
            let _ = auditor.handle(Lane(0), now, Event::DevicesEnd(Ok(())));
        }
    }
    false
}

/// Bytes of a page, and pages of a database: schema, `container_info`, `policy_stat`, and what the row of
/// `container_info` runs over to.
const PAGE: usize = 1024;
const PAGES: usize = 4;
const ROOTS: Roots = Roots { info: 2, policy: 3, highest: 3, entries: 2 };
/// Bytes of a row at most.
const PAYLOAD: usize = 2 * PAGE;

/// Lays bytes one after the other (SQLite's "Database File Format", by section).
struct Ink<'a> {
    bytes: &'a mut [u8],
    at: usize,
}

impl Ink<'_> {
    fn put(&mut self, part: &[u8]) {
        self.bytes[self.at..self.at + part.len()].copy_from_slice(part);
        self.at += part.len();
    }

    /// A varint below 2^14 (1.6).
    fn varint(&mut self, value: usize) {
        let low = value.to_le_bytes()[0] & 0x7f;
        let high = (value >> 7).to_le_bytes()[0];
        if high == 0 { self.put(&[low]) } else { self.put(&[high | 0x80, low]) }
    }
}

/// A record of `container_info` with `metadata` bytes of metadata: its length (2.1).
fn container_info(metadata: usize, payload: &mut [u8; PAYLOAD]) -> usize {
    static LONG: [u8; PAYLOAD] = [b'x'; PAYLOAD];
    const STAMP: &[u8] = b"1700000000.00001";
    let texts = [b"AUTH_test", &b"photos"[..], STAMP, STAMP, b"0", b"0", b"0"];
    let more = [&[b'7'; 32][..], b"id", b"", b"0", &LONG[..metadata]];
    let head = 1 + texts.len() + 2 + more.len() + 4 + usize::from(57 < metadata);
    let mut ink = Ink { bytes: payload, at: 0 };
    ink.varint(head);
    for text in texts {
        ink.varint(13 + 2 * text.len());
    }
    ink.put(&[8, 8]); // zero, twice
    for text in more {
        ink.varint(13 + 2 * text.len());
    }
    ink.put(&[1, 1, 8, 1]); // a byte, a byte, zero, a byte
    for text in texts.iter().chain(&more) {
        ink.put(text);
    }
    ink.put(&[0xff; 3]); // -1, three times
    ink.at
}

/// Puts one row on a leaf whose page begins at `page`, and what runs over on the last page (1.6).
fn leaf(file: &mut [u8; PAGE * PAGES], page: usize, key: u8, payload: &[u8]) {
    let (least, most) = ((PAGE - 12) * 32 / 255 - 23, PAGE - 35);
    let local = if payload.len() <= most {
        payload.len()
    } else {
        let fitting = least + (payload.len() - least) % (PAGE - 4);
        if fitting <= most { fitting } else { least }
    };
    let (here, over) = payload.split_at(local);
    let prefix = 2 + usize::from(127 < payload.len());
    let length = prefix + local + if over.is_empty() { 0 } else { 4 };
    let cell = PAGE - length;
    let place = u16::try_from(cell).unwrap_or(0).to_be_bytes();
    file[page..page + 10]
        .copy_from_slice(&[13, 0, 0, 0, 1, place[0], place[1], 0, place[0], place[1]]);
    let mut ink = Ink { bytes: file, at: page + cell };
    ink.varint(payload.len());
    ink.put(&[key]);
    ink.put(here);
    if !over.is_empty() {
        ink.put(&[0, 0, 0, 4]);
        let last = PAGE * (PAGES - 1);
        file[last + 4..last + 4 + over.len()].copy_from_slice(over);
    }
}

/// A database of Swift's form whose container has `metadata` bytes of metadata, 300 objects and more bytes
/// than 32 bits can say.
fn database(metadata: usize) -> [u8; PAGE * PAGES] {
    let mut file = [0; PAGE * PAGES];
    let mut ink = Ink { bytes: &mut file, at: 0 };
    ink.put(b"SQLite format 3\0\x04\0\x01\x01\0\x40\x20\x20\0\0\0\x07\0\0\0\x04"); // 1.3
    ink.at = 44;
    ink.put(&[0, 0, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]);
    ink.at = 92;
    ink.put(&[0, 0, 0, 7]);
    ink.at = 100;
    ink.put(&[13, 0, 0, 0, 2, 3, 0xf0, 0, 3, 0xf8, 3, 0xf0]); // two rows of the schema
    ink.at = 0x3f0;
    ink.put(&[3, 2, 2, 15, b'b', 0, 0, 0, 3, 1, 2, 15, b'a']);
    let mut payload = [0; PAYLOAD];
    let length = container_info(metadata, &mut payload);
    leaf(&mut file, PAGE, 1, &payload[..length]);
    leaf(&mut file, 2 * PAGE, 0, &[4, 0, 2, 5, 1, 44, 0, 1, 0x2a, 5, 0xf2, 0]);
    file
}

/// What the reader of pages makes of a file: `holds` of the row that it answers with.
fn read(file: &[u8; PAGE * PAGES], holds: impl Fn(&Row<'_>) -> bool) -> Result<bool, Rule> {
    let rules = Rules::ALL;
    let mut schema = Schema::EMPTY;
    if schema.learn(&database(0)[..PAGE], ROOTS, |_, _| false).is_err() {
        return Ok(false);
    }
    let (page1, pages) = file.split_at(PAGE);
    let head = Head::new(page1, (PAGE * PAGES) as u64, [&schema], rules)?;
    let mut buffer = [0; PAYLOAD];
    match head.row(&pages[..2 * PAGE], rules)? {
        Found::Row(row) => Ok(holds(&row)),
        Found::Long(long) => {
            let mut chain = long.chain(&mut buffer, rules)?;
            let wanted = chain.wanted();
            chain.take(&pages[2 * PAGE..], rules)?;
            Ok(wanted == Some((4, 1)) && holds(&head.long_row(pages, chain, rules)?))
        }
    }
}

fn a_row_on_its_page_is_read() -> bool {
    let holds = |row: &Row<'_>| {
        row.stat().container == Cell::Text(b"photos")
            && (row.count, row.bytes) == (300, 5_000_000_000)
            && row.info()[14] == Cell::Int(-1)
    };
    read(&database(40), holds) == Ok(true)
}

fn a_row_that_runs_over_is_read() -> bool {
    let holds = |row: &Row<'_>| row.info()[13] == Cell::Text(&[b'x'; 1_500]) && row.count == 300;
    read(&database(1_500), holds) == Ok(true)
}

fn what_is_not_ordinary_is_left() -> bool {
    let spoilt = |at: usize| {
        let mut file = database(40);
        file[at] ^= 1;
        read(&file, |_| true)
    };
    spoilt(0) == Err(Rule::Magic)
        && spoilt(27) == Err(Rule::VersionValidFor)
        && spoilt(31) == Err(Rule::FileShort)
        && spoilt(0x3f0) == Err(Rule::SchemaRoot)
        && spoilt(PAGE) == Err(Rule::NotALeaf)
}

fn entry() -> Entry {
    let disk = Disk { inode: 1 << 40, born: -(1 << 50) };
    Entry { name: cursor::Name::from_slice(b"sda").unwrap_or_default(), disk, ..Entry::default() }
}

fn what_was_written_is_read_back() -> bool {
    let pass = Some(Duration::from_nanos((1 << 33) + 1));
    let head = cursor::Head { pass, conf: u64::MAX - 1, entries: 3 };
    cursor::Head::decode(&head.encode()) == Ok(head)
        && Entry::decode(&entry().encode(7), 7) == Ok(entry())
}

fn a_changed_byte_is_seen() -> bool {
    let bytes = entry().encode(7);
    let mut changed = bytes;
    changed[9] ^= 1;
    Entry::decode(&changed, 7) == Err(Bad::Torn) && Entry::decode(&bytes, 8) == Err(Bad::Torn)
}

fn row(id: i64, name: &'static [u8], size: i64) -> sums::Row<'static> {
    sums::Row {
        id,
        name: Cell::Text(name),
        created_at: Cell::Text(b"1700000000.00000"),
        size: Cell::Int(size),
        deleted: Cell::Int(0),
        policy: Cell::Int(0),
    }
}

fn two_rows(size: i64) -> Sums {
    let mut sums = Sums::new();
    sums.row(&row(1, b"a", size));
    sums.row(&row(2, b"b", size));
    sums
}

fn the_hash_of_rows_is_swifts() -> bool {
    u128::from_be_bytes(two_rows(10).hash()) == 0x7e8e_f28f_8277_1e1f_8759_3b98_90aa_4513
}

fn bytes_add_up_beyond_32_bits() -> bool {
    two_rows(3_000_000_000).policies().first().is_some_and(|policy| policy.bytes == 6_000_000_000)
}

fn an_index_agrees_in_any_order() -> bool {
    let with = |entries: &[(&[u8], i64)]| {
        let mut sums = two_rows(10);
        for (name, id) in entries {
            sums.entry(Cell::Int(0), Cell::Text(name), *id);
        }
        sums.index_agrees()
    };
    with(&[(b"b", 2), (b"a", 1)]) && !with(&[(b"b", 2)]) && !with(&[(b"b", 1), (b"a", 2)])
}
