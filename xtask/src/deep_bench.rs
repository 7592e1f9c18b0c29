//! `cargo xtask deep-bench`: what a deep audit costs, beside SQLite's own check and a C program that makes
//! the same reads, and what a Swift broker notices of it. Writes `docs/deep.md`.
//!
//! The programs take turns on warm files, each with its default page cache, and medians of CPU time are
//! shown. SQLite is the same build in all of them.
use std::fmt::Write as _;
use std::fs;
use std::io::{BufRead as _, BufReader, Read as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use martlet_platform_linux::clock;
use martlet_tests::fixtures::md5_hex;
use serde_json::Value;

use crate::bench::measure::{Cost, Gauge};
use crate::cross;
use crate::steps::{Step, output, run as run_quietly};
use crate::swift_venv::{self, SwiftVenv};
use crate::target::{Purpose, Target};
use crate::toolchain::Toolchain;

const SOURCE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/src");

/// Objects, their order, how often each program reads them, and the most of `integrity_check`'s time.
const DATABASES: [(u32, &str, usize, f64); 3] =
    [(300_000, "random", 7, 0.5), (300_000, "ascending", 7, 1.5), (3_000_000, "random", 1, 0.3)];
/// The most of the C program's time.
const FLOOR_MAX: f64 = 1.2;
/// The most memory of a deep audit, KiB.
const PEAK_MAX: f64 = 4096.0;
/// How much slower the slowest put may become, milliseconds.
const PUT_MAX: f64 = 100.0;
/// How long a broker puts without pause, alone and beside deep audits.
const PUTTING: Duration = Duration::from_secs(10);
/// Deep audits beside one put a second; each has to settle.
const TRIES: u32 = 10;

/// What was measured of one database.
struct Row {
    objects: u32,
    order: &'static str,
    martlet_ms: f64,
    integrity_ms: f64,
    floor_ms: f64,
    /// Of the static build, which is what is shipped; of this machine's own.
    peak_kib: [f64; 2],
    bar: f64,
}

/// Makes databases and programs, measures, and writes the table into `docs`.
///
/// # Errors
/// One line: what could not be done and why, or which bar was missed.
pub(crate) fn run() -> Result<(), String> {
    let python = SwiftVenv::prepare()?.program("python");
    let programs = Programs::build()?;
    let mut rows = Vec::new();
    for (objects, order, rounds, bar) in DATABASES {
        rows.push(programs.row(
            &database(&python, objects, order)?,
            objects,
            order,
            rounds,
            bar,
        )?);
    }
    let few = database(&python, 300_000, "random")?;
    let [alone, beside] = programs.slowest_put(&python, &few)?;
    let settled = programs.settled(&python, &few)?;
    let text = table(&rows, [alone, beside], settled);
    let docs = Path::new(SOURCE).join("../../docs/deep.md");
    fs::write(&docs, &text).map_err(|e| format!("cannot write {}: {e}", docs.display()))?;
    print(&text);
    let mut missed = Vec::new();
    for row in &rows {
        let name = format!("{} {}", row.objects, row.order);
        for (what, found, bar) in [
            ("of integrity_check's time", row.martlet_ms / row.integrity_ms, row.bar),
            ("of the C program's time", row.martlet_ms / row.floor_ms, FLOOR_MAX),
        ] {
            if bar < found {
                missed.push(format!("{name}: {found:.2} {what}, allowed {bar}"));
            }
        }
        if PEAK_MAX < row.peak_kib[0] {
            missed.push(format!("{name}: {} KiB, allowed {PEAK_MAX}", row.peak_kib[0]));
        }
    }
    if PUT_MAX < beside - alone {
        missed.push(format!("slowest put: {alone:.0} ms alone, {beside:.0} ms beside it"));
    }
    if settled < TRIES {
        missed.push(format!("{settled} of {TRIES} settled beside one put a second"));
    }
    if missed.is_empty() { Ok(()) } else { Err(missed.join("\n")) }
}

/// A database by Swift's broker, made once for each version of Swift and of the script.
fn database(python: &Path, objects: u32, order: &str) -> Result<PathBuf, String> {
    let script = Path::new(SOURCE).join("deep_database.py");
    let text = fs::read(&script).map_err(|e| format!("cannot read {}: {e}", script.display()))?;
    let key = md5_hex(&[text.as_slice(), swift_venv::VERSION.as_bytes()].concat());
    let folder = swift_venv::cache()?.join(format!("deep-{}", &key[..16]));
    let path = folder.join(format!("{objects}-{order}.db"));
    if path.exists() {
        return Ok(path);
    }
    let step = Step::begin(&format!("making a database of {objects} objects, {order}"));
    let cannot = |e: std::io::Error| format!("cannot make {}: {e}", path.display());
    // In a folder of its own: what is half made must not be taken for the whole.
    let making = folder.join(format!("making-{objects}-{order}"));
    if making.exists() {
        fs::remove_dir_all(&making).map_err(cannot)?;
    }
    fs::create_dir_all(&making).map_err(cannot)?;
    let made = making.join("made.db");
    let mut command = Command::new(python);
    run_quietly(command.arg("-I").arg(&script).arg(&made).args([&objects.to_string(), order]))?;
    fs::rename(&made, &path).and_then(|()| fs::remove_dir_all(&making)).map_err(cannot)?;
    step.end("");
    Ok(path)
}

/// What is measured.
struct Programs {
    gauge: Gauge,
    martlet: PathBuf,
    shipped: PathBuf,
    floor: PathBuf,
    folder: tempfile::TempDir,
}

impl Programs {
    fn build() -> Result<Self, String> {
        let root = Path::new(SOURCE).join("../..");
        let words =
            ["build", "--release", "--quiet", "--package", "martlet", "--message-format=json"];
        let said = output(Command::new(env!("CARGO")).current_dir(&root).args(words))?;
        let messages: Vec<Value> =
            said.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
        let of_sqlite = |reason: &str, key: &str| {
            let is_it = |it: &&Value| {
                let package = it["package_id"].as_str().unwrap_or_default();
                it["reason"] == reason && package.contains("libsqlite3-sys")
            };
            let found = messages.iter().filter(is_it).find_map(|it| it[key].as_str());
            found.map(PathBuf::from).ok_or(format!("cargo does not say the {key} of SQLite"))
        };
        let library = of_sqlite("build-script-executed", "out_dir")?.join("libsqlite3.a");
        let header = of_sqlite("compiler-artifact", "manifest_path")?.with_file_name("sqlite3");
        let folder = tempfile::tempdir().map_err(|e| format!("cannot make a folder: {e}"))?;
        let floor = folder.path().join("deep_floor");
        let mut compile = Command::new("cc");
        compile.args(["-O2", "-o"]).arg(&floor).arg("-I").arg(header);
        compile.arg(Path::new(SOURCE).join("deep_floor.c")).arg(library);
        run_quietly(compile.args(["-lpthread", "-ldl", "-lm"]))?;
        let toolchain = Toolchain::ready(&[Target::Native], Purpose::Ship)?;
        let shipped = cross::build(&toolchain, Target::Native)?;
        let gauge = Gauge::build(folder.path(), Path::new(SOURCE))?;
        Ok(Self { gauge, martlet: root.join("target/release/martlet"), shipped, floor, folder })
    }

    /// Medians of CPU time, and memory.
    fn row(
        &self,
        path: &Path,
        objects: u32,
        order: &'static str,
        rounds: usize,
        bar: f64,
    ) -> Result<Row, String> {
        let step = Step::begin(&format!("reading {objects} objects, {order}"));
        let words = |program: &Path, words: &[&str]| -> Vec<PathBuf> {
            let words = words.iter().map(PathBuf::from);
            [program.to_owned()].into_iter().chain(words).chain([path.to_owned()]).collect()
        };
        let audit = ["check", "--deep", "--quiet"];
        let programs = [
            words(&self.martlet, &audit),
            words(&self.floor, &["integrity_check"]),
            words(&self.floor, &["floor"]),
            words(&self.shipped, &audit),
        ];
        let warm = |e| format!("cannot read {}: {e}", path.display());
        std::io::copy(&mut fs::File::open(path).map_err(warm)?, &mut std::io::sink())
            .map_err(warm)?;
        let mut seen = [const { Vec::new() }; 4];
        for _ in 0..rounds {
            for (program, seen) in programs.iter().zip(&mut seen) {
                seen.push(self.gauge.one(program)?);
            }
        }
        let [martlet, integrity, floor, shipped] = seen.map(|costs| Cost::median(&costs));
        step.end("");
        Ok(Row {
            objects,
            order,
            martlet_ms: martlet.cpu_us / 1000.0,
            integrity_ms: integrity.cpu_us / 1000.0,
            floor_ms: floor.cpu_us / 1000.0,
            peak_kib: [shipped.peak_kib, martlet.peak_kib],
            bar,
        })
    }

    /// Milliseconds of the slowest put of a broker that puts without pause, alone and beside deep audits.
    fn slowest_put(&self, python: &Path, path: &Path) -> Result<[f64; 2], String> {
        let step = Step::begin("putting without pause, alone and beside deep audits");
        let alone = self.putting(python, path, || Ok(()))?;
        let beside = self.putting(python, path, || self.audit().map(|_| ()))?;
        step.end("");
        Ok([alone, beside])
    }

    /// A broker puts for a while beside what is done meanwhile.
    fn putting(
        &self,
        python: &Path,
        path: &Path,
        meanwhile: impl Fn() -> Result<(), String>,
    ) -> Result<f64, String> {
        let writer = self.writer(python, path, "0")?;
        let until = clock::mono().after(PUTTING);
        while clock::mono() < until {
            meanwhile()?;
            std::thread::park_timeout(Duration::from_millis(1));
        }
        end(writer)
    }

    /// How many deep audits settle beside one put a second.
    fn settled(&self, python: &Path, path: &Path) -> Result<u32, String> {
        let step = Step::begin("deep audits beside one put a second");
        let writer = self.writer(python, path, "1")?;
        let mut settled = 0;
        for _ in 0..TRIES {
            settled += u32::from(self.audit()? == "sound");
            // No multiple of a second, so that the next one meets the puts at another moment.
            std::thread::park_timeout(Duration::from_millis(370));
        }
        end(writer)?;
        step.end("");
        Ok(settled)
    }

    /// A deep audit of the written copy: its verdict.
    fn audit(&self) -> Result<String, String> {
        let mut command = Command::new(&self.martlet);
        command.args(["check", "--deep", "--json", "--quiet"]).arg(self.written());
        let done = command.output().map_err(|e| format!("cannot run martlet: {e}"))?;
        let said: Value = serde_json::from_slice(&done.stdout)
            .map_err(|e| format!("no verdict: {e}: {}", String::from_utf8_lossy(&done.stderr)))?;
        let verdict = said["verdict"].as_str().unwrap_or_default();
        if matches!(verdict, "sound" | "unsettled" | "busy") {
            return Ok(verdict.to_owned());
        }
        Err(format!("a sound database is {said}"))
    }

    /// The copy that a broker writes to.
    fn written(&self) -> PathBuf {
        self.folder.path().join("written.db")
    }

    /// Starts a broker on a new copy of `path`, and waits for its first put.
    fn writer(&self, python: &Path, path: &Path, between: &str) -> Result<Child, String> {
        fs::copy(path, self.written())
            .map_err(|e| format!("cannot copy {}: {e}", path.display()))?;
        let script = Path::new(SOURCE).join("deep_writer.py");
        let mut command = Command::new(python);
        command.arg("-I").arg(script).arg(self.written()).arg(between);
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|e| format!("cannot start {}: {e}", python.display()))?;
        let stdout = child.stdout.as_mut().ok_or("a broker without stdout")?;
        let mut line = String::new();
        // It says one line and no more until it is to end, so nothing is read ahead and lost.
        BufReader::with_capacity(6, stdout)
            .read_line(&mut line)
            .map_err(|e| format!("cannot read what the broker says: {e}"))?;
        if line == "ready\n" { Ok(child) } else { Err("the broker cannot write".to_owned()) }
    }
}

/// Ends a broker: the milliseconds of its slowest put.
fn end(mut writer: Child) -> Result<f64, String> {
    drop(writer.stdin.take());
    let mut said = String::new();
    let stdout = writer.stdout.as_mut().ok_or("a broker without stdout")?;
    stdout.read_to_string(&mut said).map_err(|e| format!("cannot read from the broker: {e}"))?;
    writer.wait().map_err(|e| format!("cannot wait for the broker: {e}"))?;
    let slowest = said.split_whitespace().nth(1).and_then(|word| word.parse().ok());
    slowest.ok_or_else(|| format!("the broker says {said:?}"))
}

fn table(rows: &[Row], [alone, beside]: [f64; 2], settled: u32) -> String {
    let mut text = "`cargo xtask deep-bench`: one deep audit of a container by Swift's broker, warm, each \
                    program with its default page cache, medians of CPU time. The C program makes the same \
                    three reads and the MD5 sums and judges nothing. Memory is that of the static build.\n\n\
                    | objects | names came | Martlet | integrity_check | C program | to integrity_check | \
                    to the C program | peak memory |\n|---|---|---|---|---|---|---|---|\n"
        .to_owned();
    for row in rows {
        let _ = writeln!(
            text,
            "| {} | {} | {:.0} ms | {:.0} ms | {:.0} ms | {:.2} | {:.2} | {:.1} MiB |",
            row.objects,
            if row.order == "random" { "in random order" } else { "in ascending order" },
            row.martlet_ms,
            row.integrity_ms,
            row.floor_ms,
            row.martlet_ms / row.integrity_ms,
            row.martlet_ms / row.floor_ms,
            row.peak_kib[0] / 1024.0,
        );
    }
    let dynamic = rows.iter().map(|row| row.peak_kib[1]).fold(0.0, f64::max);
    let seconds = PUTTING.as_secs();
    let _ = write!(
        text,
        "\nLinked with this machine's C library it takes {:.1} MiB at most.\n\n\
         A Swift broker that puts without pause for {seconds} s into 300000 objects: its slowest put takes \
         {alone:.0} ms alone, and {beside:.0} ms beside deep audits one after the other. Beside one put a \
         second {settled} of {TRIES} deep audits settle.\n",
        dynamic / 1024.0,
    );
    text
}

#[expect(clippy::print_stdout, reason = "a command prints its result")]
fn print(text: &str) {
    println!("{text}");
}
