//! `cargo xtask bench`: what a pass costs, beside Swift, a plain loop over SQLite, and a floor program
//! that makes Martlet's system calls and looks at nothing.
//!
//! The programs take turns, and medians are shown. CPU per database is the slope between a tree and
//! one of a tenth its size, so that start-up counts for nobody.

mod lanes;
pub(crate) mod measure;
mod plain_loop;
mod plot;
mod share;
mod table;
mod trees;

use std::path::{Path, PathBuf};
use std::process::Command;

pub(crate) use plain_loop::run as plain_loop;

use crate::cross;
use crate::swift_venv::SwiftVenv;
use crate::target::{Purpose, Target};
use crate::toolchain::Toolchain;
use measure::{Cost, Gauge};
use trees::Tree;

/// Databases of a tree, if nothing else is asked for.
pub(crate) const DATABASES: u32 = 10_000;
/// Rounds in which the programs take turns, if no other number is asked for.
pub(crate) const ROUNDS: usize = 7;
/// Rounds with cold caches, and over the trees of links at most.
const COLD_ROUNDS: usize = 3;
const SOURCE: &str = env!("CARGO_MANIFEST_DIR");

/// The words that run a program on a tree.
type Words = Box<dyn Fn(&Tree) -> Vec<PathBuf>>;

/// One program to be measured.
struct Program {
    name: &'static str,
    words: Words,
    /// So much slower than the others that it goes cold only once, and never over the largest tree.
    is_slow: bool,
}

/// What was measured of one program.
#[derive(Clone, Copy, Debug)]
struct Row {
    name: &'static str,
    /// Microseconds of CPU a database, by the slope; of the plain tree, then of the mixed one.
    plain_us: f64,
    mixed_us: f64,
    /// The whole pass over the plain tree.
    pass: Cost,
    calls: Option<f64>,
    allocations: Option<f64>,
    /// The pass with nothing in the caches.
    cold: Option<Cost>,
}

/// A program over trees of a tenth, one and ten times the size: the two slopes and the peaks.
#[derive(Clone, Copy, Debug)]
struct Growth {
    name: &'static str,
    slopes_us: [f64; 2],
    peaks_kib: [f64; 3],
}

/// Everything that was measured.
struct Results {
    databases: u32,
    rounds: usize,
    rows: Vec<Row>,
    growth: Vec<Growth>,
    /// Databases of the mixed tree without an epoch in their name, and those the reader answers for.
    share: (u32, u32),
    /// One lane's wall time over that of two; or why there is none.
    lanes: Result<f64, String>,
}

/// Makes trees and programs, measures, and writes the table and the plot into `docs`.
///
/// # Errors
/// One line: what could not be done and why.
pub(crate) fn run(databases: u32, rounds: usize) -> Result<(), String> {
    let root = Path::new(SOURCE).parent().ok_or("xtask lies in the workspace")?;
    let python = SwiftVenv::prepare()?.program("python");
    let few = databases / 10;
    let tree = |kind, size| Tree::prepare(&python, kind, size);
    let plain = [tree("plain", databases)?, tree("plain", few)?, tree("plain", few / 10)?];
    let mixed = [tree("mixed", databases)?, tree("mixed", few)?];
    let links = |size| Tree::of_links(&plain[0], size);
    let links = [links(few)?, links(databases)?, links(databases * 10)?];

    let built = root.join("target/release");
    std::fs::create_dir_all(&built).map_err(|e| format!("cannot make {}: {e}", built.display()))?;
    let gauge = Gauge::build(&built, &Path::new(SOURCE).join("src"))?;
    let programs = programs(root, &python)?;
    let of = |name: &str| programs.iter().find(|program| program.name == name);
    let martlet = of(STATIC).or(of(MARTLET)).ok_or("Martlet is measured")?;
    let floor = of(FLOOR).ok_or("the floor is measured")?;

    let all: Vec<&Program> = programs.iter().collect();
    let four = [&plain[0], &plain[1], &mixed[0], &mixed[1]];
    let costs = take_turns(&gauge, &all, &four, rounds)?;
    let cold = cold(&gauge, &programs, &plain[0]);
    let mut rows = Vec::new();
    for ((program, costs), cold) in programs.iter().zip(costs).zip(cold) {
        let calls = |tree| measure::system_calls(&(program.words)(tree));
        let allocations = |tree| gauge.allocations(&(program.words)(tree));
        let small = |large: f64, little: f64| slope(few - few / 10, large, little);
        rows.push(Row {
            name: program.name,
            plain_us: slope(databases - few, costs[0].cpu_us, costs[1].cpu_us),
            mixed_us: slope(databases - few, costs[2].cpu_us, costs[3].cpu_us),
            pass: costs[0],
            calls: calls(&plain[1]).zip(calls(&plain[2])).map(|(large, few)| small(large, few)),
            allocations: allocations(&plain[1])
                .zip(allocations(&plain[2]))
                .map(|(large, few)| small(large, few)),
            cold,
        });
    }
    let sizes = [&links[0], &links[1], &links[2]];
    let mut growth = Vec::new();
    let costs = take_turns(&gauge, &[martlet, floor], &sizes, rounds.min(COLD_ROUNDS))?;
    for (program, costs) in [martlet, floor].iter().zip(costs) {
        let cpu = |at: usize| costs[at].cpu_us;
        let between =
            |at: usize| slope(sizes[at + 1].databases - sizes[at].databases, cpu(at + 1), cpu(at));
        growth.push(Growth {
            name: program.name,
            slopes_us: [between(0), between(1)],
            peaks_kib: [costs[0].peak_kib, costs[1].peak_kib, costs[2].peak_kib],
        });
    }
    let share = share::answered(&mixed[0].devices().join("sda"))?;
    let binary = (martlet.words)(&plain[0]).remove(0);
    let lanes = lanes::gain(&binary, &plain[0]);
    let results = Results { databases, rounds, rows, growth, share, lanes };
    let text = table::text(&results) + include_str!("bench/notes.md");
    print(&text);
    let bars: Vec<_> = results.rows.iter().map(|row| (row.name, row.plain_us)).collect();
    for (name, text) in [("bench.md", text), ("bench.svg", plot::svg(&bars))] {
        let path = root.join("docs").join(name);
        std::fs::write(&path, text).map_err(|e| format!("cannot write {}: {e}", path.display()))?;
    }
    Ok(())
}

/// The names of the programs that are looked for by name.
const MARTLET: &str = "Martlet, glibc";
const STATIC: &str = "Martlet, static";
const FLOOR: &str = "floor";

/// Builds all that is measured.
fn programs(root: &Path, python: &Path) -> Result<Vec<Program>, String> {
    let packages = ["--package", "martlet", "--package", "xtask"];
    let mut cargo = Command::new(env!("CARGO"));
    say(cargo.current_dir(root).args(["build", "--release", "--quiet"]).args(packages))?;
    let built = root.join("target/release");
    std::fs::create_dir_all(&built).map_err(|e| format!("cannot make {}: {e}", built.display()))?;
    let source = Path::new(SOURCE).join("src");
    let floor = built.join("floor");
    say(Command::new("cc").args(["-O2", "-o"]).arg(&floor).arg(source.join("floor.c")))?;

    let (python, swift) = (python.to_owned(), source.join("bench_swift.py"));
    // Swift's auditor compares no names; without a hash path Martlet does not, either.
    let once = |binary: PathBuf| -> Words {
        Box::new(move |tree| vec![binary.clone(), "once".into(), tree.conf()])
    };
    let places = |binary: PathBuf| -> Words {
        Box::new(move |tree| {
            let options = ["once".into(), "--swift-conf".into(), tree.swift_conf(), tree.conf()];
            [binary.clone()].into_iter().chain(options).collect()
        })
    };
    let xtask = built.join("xtask");
    let mut programs = vec![
        Program {
            name: "Swift",
            words: Box::new(move |tree| {
                vec![python.clone(), "-I".into(), swift.clone(), tree.conf(), tree.swift_conf()]
            }),
            is_slow: true,
        },
        Program {
            name: "loop over SQLite",
            words: Box::new(move |tree| vec![xtask.clone(), "bench-loop".into(), tree.devices()]),
            is_slow: true,
        },
        Program { name: MARTLET, words: once(built.join("martlet")), is_slow: false },
    ];
    let toolchain = Toolchain::ready(&[Target::Native], Purpose::Ship);
    match toolchain.and_then(|toolchain| cross::build(&toolchain, Target::Native)) {
        Ok(binary) => {
            let words = once(binary.clone());
            programs.push(Program { name: STATIC, words, is_slow: false });
            let words = places(binary);
            programs.push(Program { name: "static, names too", words, is_slow: false });
        }
        Err(why) => eprintln!("the static build is not measured: {why}"),
    }
    let words: Words = Box::new(move |tree| vec![floor.clone(), tree.devices()]);
    programs.push(Program { name: FLOOR, words, is_slow: false });
    Ok(programs)
}

fn slope(databases: u32, large: f64, small: f64) -> f64 {
    (large - small) / f64::from(databases)
}

/// The medians of each program on each tree.
fn take_turns(
    gauge: &Gauge,
    programs: &[&Program],
    trees: &[&Tree],
    rounds: usize,
) -> Result<Vec<Vec<Cost>>, String> {
    let mut seen = vec![vec![Vec::new(); trees.len()]; programs.len()];
    for round in 0..=rounds {
        eprintln!("round {round} of {rounds}");
        for (program, seen) in programs.iter().zip(&mut seen) {
            for (tree, seen) in trees.iter().zip(seen) {
                let cost = gauge.one(&(program.words)(tree))?;
                if 0 < round {
                    seen.push(cost); // the first round only warms the caches
                }
            }
        }
    }
    Ok(seen.iter().map(|trees| trees.iter().map(|costs| Cost::median(costs)).collect()).collect())
}

/// The medians of each program on a tree of which nothing is in the caches; none without root.
fn cold(gauge: &Gauge, programs: &[Program], tree: &Tree) -> Vec<Option<Cost>> {
    let mut seen = vec![Vec::new(); programs.len()];
    for round in 0..COLD_ROUNDS {
        eprintln!("cold round {} of {COLD_ROUNDS}", round + 1);
        for (program, seen) in programs.iter().zip(&mut seen) {
            if program.is_slow && 0 < round {
                continue;
            }
            nix::unistd::sync();
            let dropped = std::fs::write("/proc/sys/vm/drop_caches", "3");
            match dropped
                .map_err(|e| e.to_string())
                .and_then(|()| gauge.one(&(program.words)(tree)))
            {
                Ok(cost) => seen.push(cost),
                Err(why) => eprintln!("no cold run: {why}"),
            }
        }
    }
    let median = |costs: &Vec<Cost>| (!costs.is_empty()).then(|| Cost::median(costs));
    seen.iter().map(median).collect()
}

#[expect(clippy::print_stdout, reason = "a command prints its result")]
fn print(text: &str) {
    println!("{text}");
}

/// Runs a command that has to succeed.
fn say(command: &mut Command) -> Result<(), String> {
    let status = command.status().map_err(|e| format!("cannot run {command:?}: {e}"))?;
    if status.success() { Ok(()) } else { Err(format!("{command:?} ended with {status}")) }
}
