//! `cargo xtask faults [--all] [NAME]`: every fault that can be made, and what is left afterwards.
//!
//! After each: no crash, no hang, no false quarantine, no database's turn lost, recon cache and state
//! valid, and the audited tree as it was, but for what the audit may recover or move. A fault that is
//! not survived is an error; how many of each kind fired is printed.
//!
//! All of it takes hours. `--all NAME` tries one kind, `--all calls stat EIO` the system calls of a
//! stat pass with one error.
mod calls;
mod devices;
mod disks;
mod files;
mod night;
mod node;
mod pass;
mod process;
mod races;
mod saving;
mod tree;

use std::process::Command;

use martlet_tests::command::martlet;

/// How much is tried.
#[derive(Clone, Copy, Debug)]
struct Extent<'a> {
    /// All of it, or what every change has time for.
    all: bool,
    /// Of the system calls only those of one way of a pass, with one error.
    part: Option<(&'a str, &'a str)>,
}

/// Faults of one kind that fired, all of them survived.
#[derive(Debug)]
struct Survived {
    what: String,
    fired: usize,
}

type Suite = fn(Extent<'_>) -> Result<Vec<Survived>, String>;

/// What `NAME` may be.
const SUITES: [(&str, Suite); 8] = [
    ("calls", calls::run),
    ("devices", devices::devices),
    ("disks", disks::disks),
    ("process", process::process),
    ("tree", tree::tree),
    ("races", races::races),
    ("files", files::files),
    ("saving", saving::saving),
];

const USAGE: &str = "usage: cargo xtask faults [--all] [NAME]
       cargo xtask faults --all calls stat|deep ERROR";

/// Set where the mounts are this program's own.
const OWN_MOUNTS: &str = "MARTLET_OWN_MOUNTS";

/// Runs the suites that `words` name, or all.
///
/// # Errors
/// What was not survived, or why it could not be tried.
#[expect(clippy::print_stdout, reason = "a command prints its result")]
pub(crate) fn run(words: &[&str]) -> Result<(), String> {
    let (all, wanted, part) = match words {
        [] => (false, None, None),
        ["--all"] => (true, None, None),
        ["--all", "calls", way, error] => (true, Some("calls"), Some((*way, *error))),
        ["--all", name] | [name, "--all"] => (true, Some(*name), None),
        [name] => (false, Some(*name), None),
        _ => return Err(USAGE.to_owned()),
    };
    let extent = Extent { all, part };
    let suites: Vec<_> =
        SUITES.iter().filter(|(name, _)| wanted.is_none_or(|wanted| wanted == *name)).collect();
    if suites.is_empty() {
        let names: Vec<_> = SUITES.iter().map(|(name, _)| *name).collect();
        return Err(format!("no such kind of fault; there are {}", names.join(", ")));
    }
    let _built = martlet();
    if !nix::unistd::geteuid().is_root() {
        return Err("faults needs root: it mounts devices that it makes fail".to_owned());
    }
    if std::env::var_os(OWN_MOUNTS).is_none() {
        let own =
            std::env::current_exe().map_err(|e| format!("cannot find the own program: {e}"))?;
        let mut again = Command::new("unshare");
        again.args(["--mount", "--propagation", "private"]).arg(own).arg("faults").args(words);
        return crate::steps::run_shown(again.env(OWN_MOUNTS, "1"));
    }
    let (mut lines, mut wrong) = (Vec::new(), Vec::new());
    for (name, suite) in suites {
        let step = crate::steps::Step::begin(name);
        match suite(extent) {
            Ok(survived) => lines.extend(survived),
            Err(why) => wrong.push(format!("{name}: {why}")),
        }
        step.end("");
    }
    for Survived { what, fired } in &lines {
        println!("{fired:>8} fired and survived: {what}");
    }
    if wrong.is_empty() { Ok(()) } else { Err(wrong.join("\n")) }
}
