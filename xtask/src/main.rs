//! `cargo xtask`: the list of commands, one line each.

mod alerts;
mod bare_metal;
mod bench;
mod captures;
mod count;
mod cross;
mod deep_bench;
mod deep_healthy;
mod deep_swift;
mod demo;
mod dist;
mod faults;
mod fixtures;
mod footprint;
mod kills;
mod live;
mod no_alloc;
mod nodes;
mod one_pass;
mod planted;
mod same_as_swift;
mod sandbox;
mod state_writes;
mod steps;
mod strace;
mod swift_venv;
mod target;
mod toolchain;
mod tools;
mod units;

use std::process::ExitCode;

const USAGE: &str = "\
cargo xtask demo        audit a node of a thousand databases, some damaged, and compare what is found
cargo xtask demo --keep DIR    make that node in DIR, with a conf, to try commands on
cargo xtask captures [--write]    the commands' output that docs/captures.md shows is what they print
cargo xtask alerts      what promtool says of the metrics and of the alerts over them
cargo xtask bench [DATABASES [ROUNDS]]
                        measure Swift, a plain loop, Martlet and a floor, into docs
cargo xtask deep-bench  what a deep audit costs, beside integrity_check and a C program, into docs
cargo xtask deep-healthy [DATABASES [SEED]]    Swift's brokers write at random; a deep audit finds nothing
cargo xtask deep-swift    what Swift makes of the damage that a deep audit is tested with, into tests/golden
cargo xtask count       instructions a database costs in page reader and gate, against their bounds
cargo xtask faults [--all] [NAME]    every fault that can be made: a share of it, or all (root, strace)
cargo xtask no-alloc    core names no allocator; a library that has one is found to
cargo xtask stop-times    how long the daemon takes to end on SIGTERM, in each state
cargo xtask planted     plant each bug of tests/bugs; the exhaustive test must find it
cargo xtask kills [KILLS]    kill the daemon at system calls of a pass, and start it again
cargo xtask fixtures    let Swift's own brokers write tests/fixtures anew (needs PyPI the first time)
cargo xtask cross build|test|core [TRIPLE]  the static ARM binaries, and the tests under emulation
cargo xtask bare-metal    the core's checks on an emulated Cortex-M3
cargo xtask footprint [size]    size, memory and wake-ups against their budgets; or size alone,
                                or (memory BINARY) the memory of a binary that is there
cargo xtask million     peak memory of a pass over a million databases (4 GB of disk)
cargo xtask same-as-swift [--record | --only START]    hold Martlet against the real Swift; with --record, write its answers
cargo xtask dist        tarball, Debian package and SHA256SUMS for each processor, or for ARCH...
cargo xtask dist try    install, upgrade and purge the Debian package beside Debian's Swift (root)
cargo xtask dist twice  build in two folders with two umasks, and compare the bytes
cargo xtask sandbox     the daemon under what its unit allows, without systemd (root)
cargo xtask state-writes    what the daemon writes for a save, and on a day
cargo xtask units       what systemd thinks of the units: no warning, and little exposure
";

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let said = match words.as_slice() {
        ["demo"] => demo::run(),
        ["demo", "--keep", dir] => demo::keep(std::path::Path::new(dir)),
        ["captures"] => captures::run(false),
        ["captures", "--write"] => captures::run(true),
        ["alerts"] => alerts::run(),
        ["bench", numbers @ ..] => bench(numbers),
        ["count"] => count::run(),
        ["count-work", what, databases] => count::work(what, databases),
        ["bench-loop", devices] => bench::plain_loop(devices),
        ["deep-bench"] => deep_bench::run(),
        ["deep-healthy", words @ ..] => deep_healthy::run(words),
        ["deep-swift"] => deep_swift::run(),
        ["faults", words @ ..] => faults::run(words),
        ["no-alloc"] => no_alloc::run(),
        ["stop-times"] => stop_times(),
        ["planted"] => planted::run(),
        ["kills"] => kills::run(kills::KILLS),
        ["kills", number] => number
            .parse()
            .map_err(|why| format!("{number} is no number: {why}"))
            .and_then(kills::run),
        ["fixtures"] => fixtures::run(),
        ["cross", rest @ ..] => cross::run(rest),
        ["bare-metal"] => bare_metal::run(),
        ["footprint"] => footprint::run(),
        ["footprint", "size"] => footprint::size(),
        ["footprint", "memory", binary] => footprint::memory_of(binary),
        ["million"] => footprint::million(),
        ["same-as-swift", more @ ..] => same_as_swift::run(more),
        ["dist", words @ ..] => dist::run(words),
        ["sandbox"] => sandbox::run(),
        ["state-writes"] => state_writes::run(),
        ["units"] => units::run(),
        _ => Err(format!("usage:\n{USAGE}")),
    };
    match said {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("{why}");
            ExitCode::FAILURE
        }
    }
}

/// The tests that end the daemon in each state, one after the other; each prints its time.
fn stop_times() -> Result<(), String> {
    let mut cargo = std::process::Command::new(env!("CARGO"));
    cargo.args(["test", "--quiet", "--package", "martlet-tests", "--test", "it", "daemon::stop"]);
    steps::run_shown(cargo.args(["--", "--nocapture", "--test-threads=1"]))
}

/// `bench` with the numbers that were given, if any.
fn bench(numbers: &[&str]) -> Result<(), String> {
    let wrong = |word: &str, why| format!("{word} is no number: {why}");
    let databases = numbers
        .first()
        .map_or(Ok(bench::DATABASES), |word| word.parse().map_err(|why| wrong(word, why)))?;
    let rounds = numbers
        .get(1)
        .map_or(Ok(bench::ROUNDS), |word| word.parse().map_err(|why| wrong(word, why)))?;
    bench::run(databases, rounds)
}
