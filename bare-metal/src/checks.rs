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
use martlet_core::gate::Gate;
use martlet_core::path::{DbPath, PATH_MAX};
use martlet_core::place::{HashPath, hex};
use martlet_core::stamp::{Stamp, StampError};
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
