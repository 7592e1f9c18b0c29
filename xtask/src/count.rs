//! `cargo xtask count`: instructions that a database costs in page reader and gate, held to a bound.
//!
//! `callgrind` counts what this program runs over few and over many databases; the difference is what
//! they cost. The count is the same on every run, so the bound can be close, and a slower reader is
//! found on a machine that is too busy to measure time on. What is counted is core, which is optimised in
//! every profile, and of the loop around it no more than some tens of instructions.

use std::process::Command;
use std::time::Duration;

use martlet_core::gate::Gate;
use martlet_core::page::{Found, Head, PAGE_MAX, Rules, Schema};
use martlet_core::stamp;
use martlet_core::time::Mono;
use martlet_tests::{asked, fixtures};

/// What is counted, and instructions a database at most: what was found when the bound was set, and a
/// twenty-fifth.
const BOUNDS: [(&str, u64); 2] = [("reader", 10_700), ("gate", 131)];

/// Databases of the small and of the large run.
const FEW: u64 = 100;
const MANY: u64 = 2100;

/// Counts, prints, and fails if a bound is exceeded.
#[expect(clippy::print_stdout, reason = "a command prints its result")]
pub(crate) fn run() -> Result<(), String> {
    let mut slow = Vec::new();
    for (what, bound) in BOUNDS {
        let spent = instructions(what, MANY)?.saturating_sub(instructions(what, FEW)?);
        let each = spent / (MANY - FEW);
        println!("{what}: {each} instructions a database, {bound} allowed");
        if bound < each {
            slow.push(what);
        }
    }
    if slow.is_empty() { Ok(()) } else { Err(format!("slower than it was: {}", slow.join(", "))) }
}

/// Instructions of `count-work WHAT DATABASES`.
fn instructions(what: &str, databases: u64) -> Result<u64, String> {
    let own = std::env::current_exe().map_err(|e| format!("cannot find this program: {e}"))?;
    let mut valgrind = Command::new("valgrind");
    valgrind.args(["--tool=callgrind", "--callgrind-out-file=/dev/null"]).arg(own);
    let done = valgrind.args(["count-work", what, &databases.to_string()]).output();
    let done = done.map_err(|e| format!("cannot run valgrind (Debian: valgrind): {e}"))?;
    let said = String::from_utf8_lossy(&done.stderr).into_owned();
    let counted = said.lines().find_map(|line| line.split("Collected : ").nth(1));
    let counted = counted.and_then(|text| text.trim().parse().ok());
    counted.filter(|_| done.status.success()).ok_or_else(|| format!("valgrind said: {said}"))
}

/// What is counted.
pub(crate) fn work(what: &str, databases: &str) -> Result<(), String> {
    let databases: u64 = databases.parse().map_err(|e| format!("{databases}: {e}"))?;
    match what {
        "reader" => read(databases),
        "gate" => {
            let mut gate = Gate::new(Duration::from_millis(5));
            let mut now = Mono::from_nanos(1);
            for _ in 0..databases {
                now = gate.take(std::hint::black_box(now));
            }
            Ok(())
        }
        _ => Err(format!("{what} is not counted")),
    }
}

/// Reads one ordinary database so many times.
fn read(databases: u64) -> Result<(), String> {
    let folder = tempfile::tempdir().map_err(|e| format!("cannot make a folder: {e}"))?;
    let path = folder.path().join("one.db");
    let bytes = &fixtures::named("two-policies").newest().bytes;
    std::fs::write(&path, bytes).map_err(|e| format!("cannot write {}: {e}", path.display()))?;
    let schema = vec![asked::schema(bytes, asked::roots(&path))];
    let mut pages = Vec::new();
    for run in schema[0].runs() {
        let size = schema[0].page_size();
        let at = |page: u32| usize::try_from(page).unwrap_or(usize::MAX).saturating_mul(size);
        let end = at(run.first - 1 + run.pages);
        pages.extend_from_slice(bytes.get(at(run.first - 1)..end).ok_or("a page is missing")?);
    }
    for _ in 0..databases {
        let (bytes, pages) = std::hint::black_box((bytes, &pages));
        let deleted = look(bytes, pages, &schema)?;
        if std::hint::black_box(deleted) {
            return Err("the fixture is deleted".to_owned());
        }
    }
    Ok(())
}

fn look(bytes: &[u8], pages: &[u8], known: &[Schema]) -> Result<bool, String> {
    let size = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
    let head = Head::new(&bytes[..PAGE_MAX.min(bytes.len())], size, known, Rules::ALL);
    let found = head.and_then(|head| head.row(pages, Rules::ALL));
    match found.map_err(|rule| format!("{rule:?}"))? {
        Found::Row(row) => {
            let stat = row.stat();
            stamp::is_deleted(stat.put, stat.delete, stat.count).map_err(|e| format!("{e:?}"))
        }
        Found::Long(_) => Err("the fixture's row runs over".to_owned()),
    }
}
