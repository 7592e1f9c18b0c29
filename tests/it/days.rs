//! Thirty days of a node: four devices, four thousand databases, stalls, locks, damage, and a
//! calendar that steps.
use std::fmt::Write as _;
use std::path::Path;
use std::time::Duration;

use martlet_tests::world::{Day, World};

/// Days of a plain run; `MARTLET_DAYS` asks for fewer. On the last it is stopped, so that such a table goes as far
/// as the day before.
const DAYS: u32 = 30;
const GOLDEN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/golden/days.txt");
/// Set, it makes the test write the table that it otherwise compares with.
const WRITE: &str = "MARTLET_WRITE_GOLDEN";

#[test]
fn a_month_goes_as_in_the_golden_table() {
    let mut table =
        format!("# {WRITE}=1 cargo test -p martlet-tests --test it days:: writes this\n");
    table += "lanes day passes longest_s passed failed neither busy moved refused skipped ";
    table += "windows windowed\n";
    let days = std::env::var("MARTLET_DAYS").map_or(DAYS, |text| text.parse().expect("days"));
    let shown = if days < DAYS { days - 1 } else { days };
    let first = usize::try_from(shown).expect("few");
    rows(&mut table, 1, &World::<1>::new().run(days)[..first]);
    rows(&mut table, 4, &World::<4>::new().run(days)[..first]);
    if std::env::var_os(WRITE).is_some() {
        std::fs::write(Path::new(GOLDEN), &table).expect("the table can be written");
    }
    let golden = std::fs::read_to_string(GOLDEN).expect("the golden table");
    let day = |row: &&str| row.split_whitespace().nth(1)?.parse::<u32>().ok();
    let asked: Vec<&str> =
        golden.lines().filter(|row| day(row).is_none_or(|day| day < shown)).collect();
    for (found, expected) in table.lines().zip(&asked) {
        assert_eq!(found, *expected, "a line of {GOLDEN}");
    }
    assert_eq!(table.lines().count(), asked.len(), "{GOLDEN} has as many lines");
}

#[test]
fn a_device_that_stalls_delays_no_other_by_more_than_an_audit() {
    const STALLED: usize = 1;
    // At a rate of one a second, an audit is a second and the longest look.
    const AN_AUDIT: Duration = Duration::from_millis(1_020);
    let plain = World::<4>::first_reports(&[]);
    let stalled = World::<4>::first_reports(&[(STALLED, 0, 7_200)]);
    for (device, (plain, stalled)) in plain.iter().zip(&stalled).enumerate() {
        assert_eq!(plain.len(), stalled.len(), "none is left out on device {device}");
        let late = plain.iter().zip(stalled).filter(|(plain, late)| **plain + AN_AUDIT < **late);
        let late = late.count();
        assert_eq!(0 < late, device == STALLED, "device {device}: {late} were later");
    }
}

#[test]
fn a_device_that_stalls_for_days_costs_the_others_no_pass() {
    // Of the other devices, and of this one from when it answers, each pass is of every database: the node
    // asserts it.
    let days = World::<4>::with(&[(1, 1, 3 * 86_400)]).run(7);
    let plain = World::<4>::with(&[]).run(7);
    let passes = |days: &[Day]| days.iter().map(|day| day.passes).collect::<Vec<_>>();
    assert_eq!(passes(&days), passes(&plain));
    let incomplete: Vec<u32> = days.iter().map(|day| day.incomplete).collect();
    assert_eq!(incomplete[..6], [0, 2, 2, 2, 0, 0], "{incomplete:?}");
    assert_eq!(days[5].counts, plain[5].counts, "it is audited again");
}

fn rows(table: &mut String, lanes: usize, days: &[Day]) {
    for (number, day) in days.iter().enumerate() {
        let [passed, failed, neither] = day.counts;
        let [windows, windowed] = day.windows;
        let Day { passes, longest, busy, moved, refused, skipped, .. } = day;
        let _ = writeln!(
            table,
            "{lanes:5} {number:3} {passes:6} {longest:9} {passed:6} {failed:6} {neither:7} \
             {busy:4} {moved:5} {refused:7} {skipped:7} {windows:7} {windowed:8}"
        );
    }
}
