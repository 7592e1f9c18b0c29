//! What one run of a program costs, as the kernel, `strace` and a counting allocator say.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::steps::output;

/// The cost of one run.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Cost {
    /// User and system time, microseconds.
    pub(crate) cpu_us: f64,
    /// Microseconds from start to end.
    pub(crate) wall_us: f64,
    /// The largest resident set, KiB.
    pub(crate) peak_kib: f64,
    /// What was read from devices, KiB.
    pub(crate) read_kib: f64,
}

impl Cost {
    /// The median of each of its parts; of memory the largest.
    pub(crate) fn median(costs: &[Self]) -> Self {
        let sorted = |part: fn(&Self) -> f64| {
            let mut parts: Vec<f64> = costs.iter().map(part).collect();
            parts.sort_by(f64::total_cmp);
            parts
        };
        let middle = |part| {
            let parts = sorted(part);
            parts.get(parts.len() / 2).copied().unwrap_or(f64::NAN)
        };
        Self {
            cpu_us: middle(|cost| cost.cpu_us),
            wall_us: middle(|cost| cost.wall_us),
            peak_kib: sorted(|cost| cost.peak_kib).last().copied().unwrap_or(f64::NAN),
            read_kib: middle(|cost| cost.read_kib),
        }
    }
}

/// The programs that measure, compiled from C.
#[derive(Debug)]
pub(crate) struct Gauge {
    measure: PathBuf,
    count: PathBuf,
}

impl Gauge {
    /// Compiles them into `folder`.
    pub(crate) fn build(folder: &Path, source: &Path) -> Result<Self, String> {
        let gauge = Self { measure: folder.join("measure"), count: folder.join("count.so") };
        let compile = |out: &Path, from: &str, flags: &[&str]| {
            let mut cc = Command::new("cc");
            output(cc.arg("-O2").args(flags).arg("-o").arg(out).arg(source.join(from))).map(drop)
        };
        compile(&gauge.measure, "measure.c", &["-static"])?;
        compile(&gauge.count, "count.c", &["-shared", "-fPIC"])?;
        Ok(gauge)
    }

    /// Runs `words` once.
    pub(crate) fn one(&self, words: &[PathBuf]) -> Result<Cost, String> {
        let text = output(Command::new(&self.measure).args(words))?;
        let numbers: Vec<f64> = text.split_whitespace().filter_map(|it| it.parse().ok()).collect();
        let &[cpu_us, wall_us, peak_kib, read_kib, code] = numbers.as_slice() else {
            return Err(format!("cannot measure {words:?}: {text}"));
        };
        // 3: something was not audited, as in any node with a sharded container in work.
        if !matches!(code, 0.0 | 3.0) {
            return Err(format!("{words:?} ended with {code}"));
        }
        Ok(Cost { cpu_us, wall_us, peak_kib, read_kib })
    }

    /// Allocations of a run, the C libraries' included; `None` if it does not say.
    pub(super) fn allocations(&self, words: &[PathBuf]) -> Option<f64> {
        let (program, arguments) = words.split_first()?;
        let mut command = Command::new(program);
        let output = command.args(arguments).env("LD_PRELOAD", &self.count).output().ok()?;
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        let counted = text.lines().rev().find_map(|line| line.strip_prefix("allocations "))?;
        counted.trim().parse().ok()
    }
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
