//! Every event and order, in every state that can be reached in eight steps.
use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::Duration;

use martlet_core::audit::{Conf, Device, Lane, Mode, Order};
use martlet_model::{Model, conf, deep};

const DEPTH: usize = 8;

/// One thing that can happen.
#[derive(Clone, Copy, Debug)]
enum Act {
    /// This lane is asked, and answered with this event.
    Turn(u8, u8),
    /// This lane is asked, and has not answered yet.
    Ask(u8),
    /// Time passes.
    Tick(Duration),
    Stop,
    /// Another configuration: without quarantine, at a fourth of the rate, a longer interval.
    Reload,
    /// The breaker of the first device is re-armed.
    Rearm,
    /// Nothing is begun for two minutes.
    Pause,
    Resume,
    /// The device of this lane does not answer.
    Stall(u8),
}

const PAUSE: Duration = Duration::from_secs(120);
const TICKS: [Duration; 2] = [Duration::from_secs(30), Duration::from_secs(3600)];

fn other_conf() -> Conf {
    let interval = Duration::from_secs(3000);
    Conf { interval, spacing: Duration::from_secs(1), ..conf(Mode::Once, false) }
}

fn act(model: &mut Model, act: Act) {
    match act {
        Act::Turn(lane, event) => {
            let _ = model.turn(Lane(lane), &[usize::from(event)]);
        }
        Act::Ask(lane) => model.ask(Lane(lane)),
        Act::Tick(span) => model.tick(span),
        Act::Stop => model.order(Order::Stop),
        Act::Reload => model.order(Order::Reload(&other_conf())),
        Act::Rearm => model.order(Order::Rearm(Device(0))),
        Act::Pause => model.pause(PAUSE),
        Act::Resume => model.order(Order::Resume),
        Act::Stall(lane) => model.stall(Lane(lane)),
    }
}

fn possible(model: &mut Model) -> Vec<Act> {
    let mut acts = vec![Act::Stop, Act::Reload, Act::Rearm, Act::Pause, Act::Resume];
    acts.extend(TICKS.map(Act::Tick));
    for lane in 0..2 {
        let fitting = model.fitting(Lane(lane));
        acts.extend([Act::Ask(lane), Act::Stall(lane)]);
        acts.extend(
            fitting
                .into_iter()
                .filter_map(|event| u8::try_from(event).ok())
                .map(|event| Act::Turn(lane, event)),
        );
    }
    acts
}

fn fingerprint(model: &Model) -> u128 {
    let half = |salt: u64| {
        let mut hasher = DefaultHasher::new();
        salt.hash(&mut hasher);
        model.hash(&mut hasher);
        u128::from(hasher.finish())
    };
    half(1) << 64 | half(2)
}

/// Explores from `start`, breadth first, equal states merged. Returns how many states there are.
///
/// A state is kept as the acts that lead to it: an auditor is large, eight acts are not.
fn explore(start: &Model, depth: usize) -> usize {
    let mut seen = HashSet::from([fingerprint(start)]);
    let mut level: Vec<Vec<Act>> = vec![Vec::new()];
    for _ in 0..depth {
        let mut next = Vec::new();
        for path in level {
            let mut here = start.clone();
            for step in &path {
                act(&mut here, *step);
            }
            for step in possible(&mut here.clone()) {
                let mut there = here.clone();
                act(&mut there, step);
                if seen.insert(fingerprint(&there)) {
                    there.assert_strays_are_ignored();
                    there.assert_it_can_be_stopped();
                    there.assert_it_goes_on();
                    there.assert_nobody_oversleeps(Lane(0));
                    there.assert_nobody_oversleeps(Lane(1));
                    next.push([&path[..], &[step]].concat());
                }
            }
        }
        level = next;
    }
    seen.len()
}

/// A model that has taken these turns: lane and event.
fn after(conf: &Conf, turns: &[(u8, usize)]) -> Model {
    let mut model = Model::new(conf);
    for (lane, event) in turns {
        let _ = model.turn(Lane(*lane), &[*event]);
    }
    model
}

/// Both lanes begin a sweep of two devices, on these disks.
fn sweeping(mode: Mode, disks: [usize; 2], then: &[(u8, usize)]) -> Model {
    let start = [(0, 22), (0, disks[0]), (0, disks[1]), (0, 2)];
    after(&conf(mode, true), &[&start, then].concat())
}

#[test]
fn from_the_start_of_a_single_pass() {
    let states = explore(&Model::new(&conf(Mode::Once, true)), DEPTH);
    assert!(80_000 < states, "only {states} states: something is not explored");
}

#[test]
fn from_the_start_of_a_daemon() {
    let states = explore(&Model::new(&conf(Mode::Forever, true)), DEPTH);
    assert!(10_000 < states, "only {states} states: something is not explored");
}

#[test]
fn with_two_disks_at_work() {
    let states = explore(&sweeping(Mode::Once, [0, 1], &[(0, 4), (1, 4)]), 5);
    assert!(10_000 < states, "only {states} states: something is not explored");
}

#[test]
fn with_two_devices_of_one_disk() {
    let states = explore(&sweeping(Mode::Once, [0, 0], &[(0, 4)]), 5);
    assert!(5_000 < states, "only {states} states: something is not explored");
}

#[test]
fn with_a_database_on_the_shelf() {
    let states = explore(&sweeping(Mode::Once, [0, 1], &[(0, 4), (0, 11), (1, 7)]), 6);
    assert!(10_000 < states, "only {states} states: something is not explored");
}

#[test]
fn with_a_damaged_database_under_its_second_look() {
    let states = explore(&sweeping(Mode::Once, [0, 0], &[(0, 4), (0, 12)]), 6);
    assert!(5_000 < states, "only {states} states: something is not explored");
}

#[test]
fn with_one_database_moved_and_the_next_one_damaged() {
    let moved = [(0, 4), (0, 12), (0, 16), (0, 20), (0, 22), (0, 4), (0, 12)];
    let states = explore(&sweeping(Mode::Once, [0, 0], &moved), 6);
    assert!(5_000 < states, "only {states} states: something is not explored");
}

#[test]
fn with_deep_audits_to_pay_for() {
    // One is under its deep look, the next one waits for it to be paid for.
    let turns = [(0, 22), (0, 0), (0, 1), (0, 2), (0, 4), (0, 8), (1, 4), (1, 8), (0, 27)];
    let states = explore(&after(&deep(conf(Mode::Once, true)), &turns), 5);
    assert!(5_000 < states, "only {states} states: something is not explored");
}

#[test]
fn with_a_breaker_that_tripped_in_an_earlier_pass() {
    let states = explore(&sweeping(Mode::Once, [26, 1], &[(0, 4), (0, 12)]), 5);
    assert!(5_000 < states, "only {states} states: something is not explored");
}

#[test]
fn with_damage_that_a_deep_look_found() {
    let turns = [(0, 22), (0, 0), (0, 0), (0, 2), (0, 4), (0, 8), (0, 28)];
    let states = explore(&after(&deep(conf(Mode::Once, true)), &turns), 5);
    assert!(5_000 < states, "only {states} states: something is not explored");
}

/// A daemon sweeps two devices; that of the first lane has not answered a walk, and is left alone.
fn stalled(disks: [usize; 2], then: &[(u8, usize)]) -> Model {
    let mut model = Model::new(&conf(Mode::Forever, true));
    model.tick(Duration::from_secs(60)); // over the rest before the first pass
    let start = [(0, 22), (0, disks[0]), (0, disks[1]), (0, 2)];
    for (lane, event) in start.iter().chain(then) {
        let _ = model.turn(Lane(*lane), &[*event]);
    }
    model.ask(Lane(0));
    model.stall(Lane(0));
    model
}

#[test]
fn with_a_device_that_does_not_answer() {
    let states = explore(&stalled([0, 1], &[(0, 4), (1, 4)]), 5);
    assert!(5_000 < states, "only {states} states: something is not explored");
}

#[test]
fn with_two_devices_of_a_disk_that_does_not_answer() {
    let states = explore(&stalled([0, 0], &[]), 6);
    assert!(5_000 < states, "only {states} states: something is not explored");
}

#[test]
fn with_a_pass_that_has_ended_without_a_device() {
    // What waits on its shelf is of that pass too.
    let mut model = stalled([0, 1], &[(0, 4), (0, 11)]);
    let ended = model.live_in(&[Lane(1)], Duration::from_secs(50), &NOTHING);
    assert_eq!(ended, 1, "the pass ends without it");
    model.tick(Duration::from_secs(60));
    for event in [22, 0, 1, 2] {
        let _ = model.turn(Lane(1), &[event]);
    }
    let states = explore(&model, 5);
    assert!(5_000 < states, "only {states} states: something is not explored");
}

/// Every look is sound, and databases have no end.
const ENDLESS: [usize; 4] = [4, 8, 20, 22];
/// Nothing is found, and a pass has no devices.
const NOTHING: [usize; 5] = [2, 7, 8, 22, 32];

#[test]
fn through_minutes_of_databases_without_end() {
    let mut model = sweeping(Mode::Once, [0, 1], &[]);
    let _ = model.live(Duration::from_secs(60), &ENDLESS);
    model.order(Order::Reload(&other_conf()));
    let _ = model.live(Duration::from_secs(60), &ENDLESS);
    assert_eq!(model.live(Duration::from_secs(10), &NOTHING), 1, "and then the pass ends");
}

#[test]
fn through_passes_that_begin_an_interval_apart() {
    let interval = Duration::from_secs(60);
    let mut model = Model::new(&conf(Mode::Forever, true));
    model.tick(interval); // over the rest before the first pass
    for (lane, event) in [(0, 22), (0, 0), (0, 1), (0, 2)] {
        let _ = model.turn(Lane(lane), &[event]);
    }
    let first = model.began();
    let _ = model.live(Duration::from_secs(10), &ENDLESS);
    assert_eq!(model.live(Duration::from_secs(45), &NOTHING), 1);
    assert_eq!(model.live(Duration::from_secs(10), &NOTHING), 1, "the next one has begun");
    assert_eq!(model.began(), first.map(|first| first.after(interval)));
}

#[test]
fn through_passes_in_which_a_device_does_not_answer_until_it_does() {
    let mut model = stalled([0, 1], &[(0, 4)]);
    let rest = Duration::from_secs(180);
    assert_eq!(model.live_in(&[Lane(1)], rest, &NOTHING), 3, "the others have their passes");
    for event in [22, 1, 0, 2, 4] {
        let _ = model.turn(Lane(1), &[event]);
    }
    let late = model.audited();
    let _ = model.turn(Lane(0), &[8]);
    assert_eq!(model.audited(), late, "a late answer counts nothing");
    assert_eq!(model.live(rest, &NOTHING), 3, "and with it");
}

#[test]
fn through_a_lock_that_is_held_for_ever() {
    let mut model = sweeping(Mode::Once, [0, 1], &[(0, 4)]);
    assert_eq!(model.live(Duration::from_secs(40), &[7, 11, 22]), 1, "it is called busy");
}

#[test]
fn through_more_locked_databases_than_a_shelf_holds() {
    let mut model = sweeping(Mode::Once, [0, 1], &[]);
    let _ = model.live(Duration::from_secs(24), &[4, 11, 22]);
    assert_eq!(model.audited(), 0, "the walk waits for them, and none is called busy sooner");
}

#[test]
fn through_writers_that_hold_up_every_deep_look() {
    let found = [(0, 22), (0, 0), (0, 1), (0, 2), (0, 4)];
    let mut model = after(&deep(conf(Mode::Once, true)), &found);
    let ended = model.live(Duration::from_secs(60), &[7, 8, 29, 22]);
    assert_eq!((ended, model.audited()), (1, 1), "the stat audit stands after the second");
}

#[test]
fn through_a_pause_that_ends_by_itself_and_one_that_is_ended() {
    let mut model = sweeping(Mode::Once, [0, 1], &[]);
    let _ = model.live(Duration::from_secs(10), &ENDLESS);
    let before = model.audited();
    model.pause(PAUSE);
    let _ = model.live(PAUSE, &ENDLESS);
    let paused = model.audited();
    assert!(paused <= before + 2, "only what was begun is brought to its end");
    let _ = model.live(Duration::from_secs(10), &ENDLESS);
    let after = model.audited();
    assert!(paused + 30 < after, "it goes on by itself: {paused}, {after}");
    model.pause(PAUSE);
    model.order(Order::Resume);
    let _ = model.live(Duration::from_secs(10), &ENDLESS);
    assert!(after + 30 < model.audited(), "and when it is told to");
    model.pause(Duration::from_secs(u64::from(u32::MAX)));
    let week = model.live(martlet_core::audit::PAUSE_MAX + Duration::from_secs(1), &NOTHING);
    assert_eq!(week, 1, "no pause lasts longer than a week");
}

#[test]
fn with_a_pause_over_deep_audits_that_are_owed() {
    let turns = [(0, 22), (0, 0), (0, 1), (0, 2), (0, 4), (0, 8), (1, 4), (1, 8)];
    let mut model = after(&deep(conf(Mode::Once, true)), &turns);
    model.pause(PAUSE);
    let states = explore(&model, 5);
    assert!(3_000 < states, "only {states} states: something is not explored");
}

#[test]
fn from_the_start_of_a_pass_that_a_restart_broke_off() {
    let start = Model::new(&conf(Mode::Forever, true)).resumed();
    let states = explore(&start, 6);
    assert!(5_000 < states, "only {states} states: something is not explored");
}

#[test]
fn with_one_device_that_was_done_before_the_restart() {
    let mut resumed = Model::new(&conf(Mode::Forever, true)).resumed();
    for event in [22, 26, 1, 2, 4] {
        let _ = resumed.turn(Lane(0), &[event]);
    }
    let states = explore(&resumed, 5);
    assert!(5_000 < states, "only {states} states: something is not explored");
}
