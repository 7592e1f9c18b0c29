//! What was measured, as Markdown.

use std::fmt::Write as _;

use super::{Results, Row};

/// What stands above the figures.
const HEAD: &str = "# What an audit costs\n\n\
    Written by `cargo xtask bench`. CPU is user and system time of the whole process, by the slope between\n\
    a tree and one of a tenth its size, so start-up counts for nobody. The programs take turns; medians\n\
    are shown, of memory the largest. All run under one conf, without a rate and without statsd.\n\n\
    - *static* is the build with musl that appliances get, *names too* the same with a `swift.conf`: then\n\x20 Martlet also compares each database's place with the MD5 sum of its names, which Swift does not.\n\
    - *loop over SQLite*: what a rewrite would cost that opens each database and asks what Swift asks.\n\
    - *floor*: a C program that makes Martlet's system calls, in Martlet's order, and looks at nothing\n\
      (`xtask/src/floor.c`). It is what the kernel charges.\n\
    - the *mixed* tree has 2 % sharded databases, 5 % deleted, 10 % with two policies, 5 % with metadata\n\
      that runs over its page, and of the rest 20 % with an empty pending file.\n\n\
    ![CPU a database](bench.svg)\n\n";

/// The whole text.
pub(super) fn text(results: &Results) -> String {
    let mut text = HEAD.to_owned();
    let Results { databases, rounds, .. } = results;
    let _ = writeln!(
        text,
        "`cargo xtask bench {databases} {rounds}` on {}:\n",
        machine().unwrap_or_else(|| "a machine that does not say its name".to_owned())
    );
    warm(&mut text, results);
    cold(&mut text, results);
    growth(&mut text, results);
    let (all, answered) = results.share;
    let percent = 100.0 * f64::from(answered) / f64::from(all.max(1));
    let _ = writeln!(
        text,
        "Of the mixed tree's {all} databases without an epoch in the name the page reader answers for \
         {answered}, {percent:.2} %.\n"
    );
    let _ = match &results.lanes {
        Ok(gain) => writeln!(
            text,
            "Two lanes on two devices of 5 ms a read take 1/{gain:.2} of the time of one. The devices are \
             two file systems in memory; `strace --inject` holds each `pread` up for 5 ms, in its thread."
        ),
        Err(why) => writeln!(text, "Two lanes were not measured: {why}"),
    };
    text
}

fn warm(text: &mut String, results: &Results) {
    let of = |name: &str| results.rows.iter().find(|row| row.name == name);
    let us = |row: Option<&Row>| row.map_or(f64::NAN, |row| row.plain_us);
    let (swift, floor) = (us(of("Swift")), us(of(super::FLOOR)));
    text.push_str(
        "| warm | CPU a database | to Swift | to the floor | mixed tree | pass | peak memory | \
         system calls | allocations |\n|---|---|---|---|---|---|---|---|---|\n",
    );
    for row in &results.rows {
        let _ = writeln!(
            text,
            "| {} | {:.1} µs | 1/{:.1} | {:.2} | {:.1} µs | {:.2} s | {:.1} MiB | {} | {} |",
            row.name,
            row.plain_us,
            swift / row.plain_us,
            row.plain_us / floor,
            row.mixed_us,
            row.pass.wall_us / 1e6,
            row.pass.peak_kib / 1024.0,
            number(row.calls, 1),
            number(row.allocations, 2),
        );
    }
    text.push_str("\nSystem calls and allocations (Rust's and C's) are those a database.\n\n");
}

fn cold(text: &mut String, results: &Results) {
    let count = f64::from(results.databases);
    let floor = results.rows.iter().find(|row| row.name == super::FLOOR).and_then(|row| row.cold);
    text.push_str("| cold | pass | to the floor | read a database | CPU a database |\n|---|---|---|---|---|\n");
    for row in &results.rows {
        let Some(cost) = row.cold else { continue };
        let _ = writeln!(
            text,
            "| {} | {:.2} s | {:.2} | {:.1} KiB | {:.1} µs |",
            row.name,
            cost.wall_us / 1e6,
            cost.wall_us / floor.map_or(f64::NAN, |floor| floor.wall_us),
            cost.read_kib / count,
            cost.cpu_us / count,
        );
    }
    text.push('\n');
}

fn growth(text: &mut String, results: &Results) {
    let (few, many) = (results.databases / 10, results.databases * 10);
    let middle = results.databases;
    let _ = writeln!(
        text,
        "| growth (hard links, ten to a file) | CPU, {few} to {middle} | {middle} to {many} | change | \
         peak at {few} | at {middle} | at {many} |\n|---|---|---|---|---|---|---|"
    );
    for growth in &results.growth {
        let [first, second] = growth.slopes_us;
        let [a, b, c] = growth.peaks_kib.map(|kib| kib / 1024.0);
        let _ = writeln!(
            text,
            "| {} | {first:.1} µs | {second:.1} µs | {:+.1} % | {a:.1} MiB | {b:.1} MiB | {c:.1} MiB |",
            growth.name,
            100.0 * (second / first - 1.0),
        );
    }
    text.push('\n');
}

fn number(number: Option<f64>, digits: usize) -> String {
    number.map_or_else(|| "–".to_owned(), |number| format!("{number:.digits$}"))
}

/// Processor and kernel.
fn machine() -> Option<String> {
    let cpu = std::fs::read_to_string("/proc/cpuinfo").ok()?;
    let name = cpu.lines().find_map(|line| line.strip_prefix("model name"))?.split(':').nth(1)?;
    let kernel = std::fs::read_to_string("/proc/sys/kernel/osrelease").ok()?;
    Some(format!("{}, Linux {}", name.trim(), kernel.trim()))
}
