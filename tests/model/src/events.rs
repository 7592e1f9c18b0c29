//! What the model can be told: every event there is, in each of its kinds.
use martlet_core::audit::{Event, Past, Second, Step};
use martlet_core::breaker::Breaker;
use martlet_core::check::{Cell, Code, Fault, Seen, Stat};
use martlet_core::deep::{Deep, DeepSeen, Dug, Index, Line, Metadata, Refusal, Table};
use martlet_core::quarantine::{Around, Siblings};
use martlet_core::sums::Sums;
use martlet_core::walk::{ENOENT, Floor, Trouble, Walked};

pub(super) const PATH: &[u8] = b"/srv/node/sda/containers/7/abc/0000000000000000000000000000dabc/\
0000000000000000000000000000dabc.db";
const CORRUPT: i32 = 11;
const INTERRUPT: i32 = 9;
const BUSY: i32 = 5;
const EIO: i32 = 5;

/// A row of an ordinary container.
const LIVE: Stat<'static> = Stat {
    account: Cell::Text(b"a"),
    container: Cell::Text(b"c"),
    put: Cell::Text(b"1700000000.00000"),
    delete: Cell::Text(b"0"),
    count: Cell::Int(1),
    revived: false,
};
const ALONE: Siblings = Siblings { others: 0, epochs: false };
const WELL: Around = Around { device_well: true, same: true, siblings: ALONE };

const CROWDED: Around = Around { siblings: Siblings { others: 1, epochs: false }, ..WELL };

const fn error(sqlite: i32, errno: i32) -> Seen<'static> {
    Seen::Error(Code { sqlite, errno })
}

/// What a look may bring back, a kind each.
pub(super) const LOOKS: [Seen<'static>; 6] = [
    Seen::Row(LIVE),
    Seen::Gone,
    Seen::Fault(Fault::NoRow),
    error(BUSY, 0),
    error(CORRUPT, 0),
    error(INTERRUPT, 0),
];

/// Databases that a pass of the model may move of a device.
pub(super) const MOVES: u32 = 1;

const NEW: Past = Past {
    done: false,
    skipped: false,
    found: 0,
    databases: None,
    breaker: Breaker { moved: 0, tripped: false },
};

/// A device whose breaker tripped, in the pass before a restart or in one that it was done with.
const TRIPPED: Past = Past { done: true, breaker: Breaker { moved: MOVES, tripped: true }, ..NEW };

const WHOLE: Deep = Deep {
    object: Table::Ordinary,
    index: Index::Ordinary,
    triggers: true,
    sums: Sums::new(),
    metadata: Metadata::Sane,
    strange_ranges: 0,
};

const fn dug(seen: DeepSeen) -> Dug {
    Dug { seen, read: 1000, tries: 1 }
}

static DUG_SOUND: Dug = dug(DeepSeen::Whole(WHOLE));
pub(super) static DUG_BROKEN: Dug = dug(DeepSeen::Broken(Line::new()));
static DUG_BUSY: Dug = dug(DeepSeen::Not(Refusal::Busy));
static DUG_STOPPED: Dug = dug(DeepSeen::Not(Refusal::Stopped));

const fn second(seen: Seen<'static>, around: Around) -> Event<'static> {
    Event::Confirmed(Second { seen, dug: None, around })
}

/// Every event there is, in each of its kinds.
pub static EVENTS: [Event<'static>; 33] = [
    Event::Device { disk: 1, past: NEW },
    Event::Device { disk: 2, past: NEW },
    Event::DevicesEnd(Ok(())),
    Event::DevicesEnd(Err(EIO)),
    Event::Walked(Walked::Found(PATH)),
    Event::Walked(Walked::Hit(Floor::Hash, Trouble::Errno(EIO))),
    Event::Walked(Walked::Hit(Floor::Hash, Trouble::Errno(ENOENT))),
    Event::Walked(Walked::End),
    Event::Checked(LOOKS[0]),
    Event::Checked(LOOKS[1]),
    Event::Checked(LOOKS[2]),
    Event::Checked(LOOKS[3]),
    Event::Checked(LOOKS[4]),
    Event::Checked(LOOKS[5]),
    second(LOOKS[0], WELL),
    second(LOOKS[3], WELL),
    second(LOOKS[4], WELL),
    second(LOOKS[4], Around { device_well: false, ..WELL }),
    second(LOOKS[4], CROWDED),
    second(LOOKS[5], WELL),
    Event::Moved(Ok(())),
    Event::Moved(Err(EIO)),
    Event::Reported,
    Event::Walked(Walked::Hit(Floor::Device, Trouble::NotMounted)),
    Event::Checked(error(10, EIO)),
    Event::Walked(Walked::Going),
    Event::Device { disk: 1, past: TRIPPED },
    Event::Dug(&DUG_SOUND),
    Event::Dug(&DUG_BROKEN),
    Event::Dug(&DUG_BUSY),
    Event::Dug(&DUG_STOPPED),
    Event::Confirmed(Second { seen: LOOKS[0], dug: Some(&DUG_BROKEN), around: WELL }),
    Event::Saved,
];

/// Whether `event` is an answer to `step`.
#[must_use]
pub fn answers(step: &Step<'_>, event: &Event<'_>) -> bool {
    matches!(
        (step, event),
        (Step::Devices, Event::Device { .. } | Event::DevicesEnd(_))
            | (Step::Walk(_), Event::Walked(_))
            | (Step::Check(_), Event::Checked(_))
            | (Step::Dig(_), Event::Dug(_))
            | (Step::Confirm(..), Event::Confirmed(_))
            | (Step::Move(..), Event::Moved(_))
            | (Step::Report(_), Event::Reported)
            | (Step::Save, Event::Saved)
    )
}

/// Whether `step` has the platform walk, look or move.
pub(super) const fn begins(step: &Step<'_>) -> bool {
    matches!(
        step,
        Step::Walk(_) | Step::Check(_) | Step::Dig(_) | Step::Confirm(..) | Step::Move(..)
    )
}
