//! What one run of a program costs, as the kernel, `strace` and a counting allocator say.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use martlet_platform_linux::clock;
use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeVal;

/// The cost of one run.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Cost {
    /// User and system time, microseconds.
    pub(super) cpu_us: f64,
    /// Microseconds from start to end.
    pub(super) wall_us: f64,
    /// The largest resident set.
    pub(super) peak_kib: u64,
}

impl Cost {
    /// The median of each of its parts.
    pub(super) fn median(costs: &[Self]) -> Self {
        let middle = |part: fn(&Self) -> f64| {
            let mut parts: Vec<f64> = costs.iter().map(part).collect();
            parts.sort_by(f64::total_cmp);
            parts.get(parts.len() / 2).copied().unwrap_or_default()
        };
        let peak_kib = costs.iter().map(|cost| cost.peak_kib).max().unwrap_or_default();
        Self { cpu_us: middle(|cost| cost.cpu_us), wall_us: middle(|cost| cost.wall_us), peak_kib }
    }
}

/// Runs a program in a process of its own, whose only child it is: so the kernel's sum over children
/// is the sum over it.
pub(super) fn one(xtask: &Path, words: &[PathBuf]) -> Result<Cost, String> {
    let output = Command::new(xtask)
        .arg("bench-measure")
        .args(words)
        .output()
        .map_err(|e| format!("cannot run {}: {e}", xtask.display()))?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let numbers: Vec<f64> = text.split_whitespace().filter_map(|word| word.parse().ok()).collect();
    let &[cpu_us, wall_us, peak] = numbers.as_slice() else {
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        return Err(format!("cannot measure {words:?}: {text}{error}"));
    };
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "KiB of a process")]
    Ok(Cost { cpu_us, wall_us, peak_kib: peak as u64 })
}

/// `bench-measure WORDS`: runs them and prints microseconds of CPU and wall time, and KiB.
///
/// # Errors
/// One line: what could not be done and why.
#[expect(clippy::print_stdout, reason = "a command prints its result")]
pub(crate) fn report(words: &[&str]) -> Result<(), String> {
    let (program, arguments) = words.split_first().ok_or("no program to measure")?;
    let began = clock::mono();
    let mut command = Command::new(program);
    let status = command.args(arguments).stdout(Stdio::null()).stderr(Stdio::null()).status();
    let status = status.map_err(|e| format!("cannot run {program}: {e}"))?;
    let took = clock::mono().since(began);
    // 3: something was not audited, as in any node with a sharded container in work.
    if !matches!(status.code(), Some(0 | 3)) {
        return Err(format!("{program} ended with {status}"));
    }
    let used = getrusage(UsageWho::RUSAGE_CHILDREN).map_err(|e| format!("getrusage: {e}"))?;
    let micros = |time: TimeVal| time.tv_sec() * 1_000_000 + time.tv_usec();
    let cpu = micros(used.user_time()) + micros(used.system_time());
    println!("{cpu} {} {}", took.as_micros(), used.max_rss());
    Ok(())
}

/// System calls of a run; `None` without `strace`.
pub(super) fn system_calls(words: &[PathBuf]) -> Option<f64> {
    let out = tempfile::NamedTempFile::new().ok()?;
    let mut command = Command::new("strace");
    command.args(["-f", "-c", "-o"]).arg(out.path()).args(words);
    command.stdout(Stdio::null()).stderr(Stdio::null()).status().ok()?;
    let text = std::fs::read_to_string(out.path()).ok()?;
    let total = text.lines().rfind(|line| line.ends_with("total"))?;
    total.split_whitespace().nth(3)?.parse().ok()
}

/// Allocations of a run, the C libraries' included; `None` if it does not say.
pub(super) fn allocations(count: &Path, words: &[PathBuf]) -> Option<f64> {
    let (program, arguments) = words.split_first()?;
    let mut command = Command::new(program);
    let output = command.args(arguments).env("LD_PRELOAD", count).output().ok()?;
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    let counted = text.lines().rev().find_map(|line| line.strip_prefix("allocations "))?;
    counted.trim().parse().ok()
}
