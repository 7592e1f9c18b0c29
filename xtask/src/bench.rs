//! `cargo xtask bench`: what a pass costs, beside Swift, a plain loop over SQLite, and a floor program
//! that makes Martlet's system calls and looks at nothing.
//!
//! The programs take turns, and medians are shown. CPU per database is the slope between a tree and
//! one of a tenth its size, so that start-up counts for nobody.

mod measure;
mod plain_loop;
mod plot;
mod trees;

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

pub(crate) use measure::report as measure;
pub(crate) use plain_loop::run as plain_loop;

use crate::swift_venv::SwiftVenv;
use measure::Cost;
use trees::Tree;

/// Databases of a tree, if nothing else is asked for.
pub(crate) const DATABASES: u32 = 10_000;
/// Rounds in which the programs take turns, if no other number is asked for.
pub(crate) const ROUNDS: usize = 7;
const SOURCE: &str = env!("CARGO_MANIFEST_DIR");

/// The words that run a program on a tree.
type Words = Box<dyn Fn(&Tree) -> Vec<PathBuf>>;

/// One program to be measured.
struct Program {
    name: &'static str,
    words: Words,
}

/// What was measured of one program.
struct Row {
    name: &'static str,
    /// Microseconds of CPU a database, by the slope; of the plain tree, then of the mixed one.
    plain_us: f64,
    mixed_us: f64,
    wall_ms: f64,
    peak_kib: u64,
    calls: Option<f64>,
    allocations: Option<f64>,
}

/// Makes trees and programs, measures, and writes the table and the plot into `docs`.
///
/// # Errors
/// One line: what could not be done and why.
pub(crate) fn run(databases: u32, rounds: usize) -> Result<(), String> {
    let venv = SwiftVenv::prepare()?;
    let root = Path::new(SOURCE).parent().ok_or("xtask lies in the workspace")?;
    let built = root.join("target/release");
    say(Command::new(env!("CARGO")).current_dir(root).args([
        "build",
        "--release",
        "--quiet",
        "--package",
        "martlet",
        "--package",
        "xtask",
    ]))?;
    let (floor, count) = (built.join("floor"), built.join("count.so"));
    let source = |name: &str| Path::new(SOURCE).join("src").join(name);
    say(Command::new("cc").args(["-O2", "-o"]).arg(&floor).arg(source("floor.c")))?;
    say(Command::new("cc")
        .args(["-O2", "-shared", "-fPIC", "-o"])
        .arg(&count)
        .arg(source("count.c")))?;

    let python = venv.program("python");
    let few = databases / 10;
    let tree = |kind, size| Tree::prepare(&python, kind, size);
    let trees = [
        tree("plain", databases)?,
        tree("plain", few)?,
        tree("mixed", databases)?,
        tree("mixed", few)?,
    ];
    let (martlet, xtask) = (built.join("martlet"), built.join("xtask"));
    let swift = source("bench_swift.py");
    let programs = [
        Program {
            name: "Swift",
            words: Box::new(move |tree| {
                vec![python.clone(), "-I".into(), swift.clone(), tree.conf(), tree.swift_conf()]
            }),
        },
        Program {
            name: "plain loop over SQLite",
            words: Box::new({
                let xtask = xtask.clone();
                move |tree| vec![xtask.clone(), "bench-loop".into(), tree.devices()]
            }),
        },
        Program {
            name: "Martlet",
            words: Box::new(move |tree| vec![martlet.clone(), "once".into(), tree.conf()]),
        },
        Program { name: "floor", words: Box::new(move |tree| vec![floor.clone(), tree.devices()]) },
    ];
    let mut rows = Vec::new();
    let costs = take_turns(&xtask, &programs, &trees, rounds)?;
    for (program, costs) in programs.iter().zip(costs) {
        let calls = |tree| measure::system_calls(&(program.words)(tree));
        let allocations = |tree| measure::allocations(&count, &(program.words)(tree));
        let slope = |large: f64, small: f64| (large - small) / f64::from(databases - few);
        rows.push(Row {
            name: program.name,
            plain_us: slope(costs[0].cpu_us, costs[1].cpu_us),
            mixed_us: slope(costs[2].cpu_us, costs[3].cpu_us),
            wall_ms: costs[0].wall_us / 1000.0,
            peak_kib: costs[0].peak_kib,
            calls: calls(&trees[0]).zip(calls(&trees[1])).map(|(large, small)| slope(large, small)),
            allocations: allocations(&trees[0])
                .zip(allocations(&trees[1]))
                .map(|(large, small)| slope(large, small)),
        });
    }
    let text = table(databases, rounds, &rows);
    print(&text);
    let docs = root.join("docs");
    std::fs::create_dir_all(&docs).map_err(|e| format!("cannot make {}: {e}", docs.display()))?;
    let bars: Vec<_> = rows.iter().map(|row| (row.name, row.plain_us)).collect();
    for (name, text) in [("bench.md", text), ("bench.svg", plot::svg(&bars))] {
        let path = docs.join(name);
        std::fs::write(&path, text).map_err(|e| format!("cannot write {}: {e}", path.display()))?;
    }
    Ok(())
}

/// The medians of each program on each tree.
fn take_turns(
    xtask: &Path,
    programs: &[Program],
    trees: &[Tree],
    rounds: usize,
) -> Result<Vec<Vec<Cost>>, String> {
    let mut seen = vec![vec![Vec::new(); trees.len()]; programs.len()];
    for round in 0..=rounds {
        for (program, seen) in programs.iter().zip(&mut seen) {
            for (tree, seen) in trees.iter().zip(seen) {
                let cost = measure::one(xtask, &(program.words)(tree))?;
                if 0 < round {
                    seen.push(cost); // the first round only warms the caches
                }
            }
        }
    }
    Ok(seen.iter().map(|trees| trees.iter().map(|costs| Cost::median(costs)).collect()).collect())
}

fn table(databases: u32, rounds: usize, rows: &[Row]) -> String {
    let swift = rows.first().map_or(f64::NAN, |row| row.plain_us);
    let floor = rows.last().map_or(f64::NAN, |row| row.plain_us);
    let number = |number: Option<f64>| number.map_or_else(|| "–".to_owned(), |n| format!("{n:.1}"));
    let mut text = format!(
        "`cargo xtask bench {databases} {rounds}`: {databases} databases, warm caches, medians of {rounds}.\n\n\
         | program | CPU a database | to Swift | to the floor | mixed tree | wall | peak memory | \
         system calls a database | allocations a database |\n|---|---|---|---|---|---|---|---|---|\n"
    );
    for row in rows {
        let _ = writeln!(
            text,
            "| {} | {:.1} µs | 1/{:.1} | {:.2} | {:.1} µs | {:.0} ms | {:.1} MiB | {} | {} |",
            row.name,
            row.plain_us,
            swift / row.plain_us,
            row.plain_us / floor,
            row.mixed_us,
            row.wall_ms,
            f64::from(u32::try_from(row.peak_kib).unwrap_or(u32::MAX)) / 1024.0,
            number(row.calls),
            number(row.allocations),
        );
    }
    text
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
