//! The auditor, told anything that can be told: what must hold of it at each step is the model's.

use core::time::Duration;

use martlet_core::audit::{Conf, Device, Lane, Mode, Order};

use martlet_model::{Model, conf, deep};

/// Turns of an input at most: a pass of the model takes a dozen.
const TURNS_MAX: usize = 160;
/// What a tick is long, in milliseconds: from within a spacing to more than an interval.
const TICKS: [u64; 8] = [1, 100, 250, 5000, 26_000, 61_000, 301_000, 3_600_000];

/// Two bytes a turn: what happens, and which of its kinds. The first byte says how the model begins.
pub(super) fn machine(data: &[u8]) {
    let Some((start, turns)) = data.split_first() else { return };
    let flag = |bit: u8| start & bit != 0;
    let mode = if flag(1) { Mode::Once } else { Mode::Forever };
    let first = conf(mode, flag(2));
    let mut model = Model::new(&if flag(4) { deep(first) } else { first });
    if flag(8) {
        model = model.resumed();
    }
    for turn in turns.chunks_exact(2).take(TURNS_MAX) {
        act(&mut model, mode, turn[0], turn[1]);
    }
    model.assert_strays_are_ignored();
    model.assert_it_can_be_stopped();
    model.assert_nobody_oversleeps(Lane(0));
    model.assert_nobody_oversleeps(Lane(1));
}

fn act(model: &mut Model, mode: Mode, what: u8, kind: u8) {
    let lane = Lane(what & 1);
    match what {
        0..=199 => {
            let fitting = model.fitting(lane);
            let event = fitting.get(usize::from(kind) % fitting.len().max(1));
            let _ = model.turn(lane, event.map_or(&[], std::slice::from_ref));
        }
        200..=209 => model.ask(lane),
        210..=242 => model.tick(Duration::from_millis(TICKS[usize::from(kind) % TICKS.len()])),
        243..=246 => model.stall(lane),
        247..=250 => model.order(Order::Rearm(Device(u16::from(kind & 1)))),
        251..=254 => model.order(Order::Reload(&other(mode, kind))),
        255 => model.order(Order::Stop),
    }
}

/// Another configuration.
fn other(mode: Mode, kind: u8) -> Conf {
    let spacing = Duration::from_millis(u64::from(kind.max(1)) * 4);
    Conf { interval: Duration::from_secs(3000), spacing, ..conf(mode, kind & 1 == 0) }
}
