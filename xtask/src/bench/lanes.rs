//! Two devices side by side, each of 5 ms a read.
//!
//! A device mapper that delays is not in every kernel. Here the devices are two file systems in
//! memory, which Martlet takes for two disks, and `strace` holds each thread's `pread` up for 5 ms
//! before the kernel sees it, without holding up another's. It does not delay directories.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use martlet_platform_linux::clock;

use super::trees::{Tree, conf, databases_below};
use crate::steps::run;

/// Databases of each device, and how long each of their reads takes.
const DATABASES: usize = 300;
const DELAY: &str = "inject=pread64:delay_enter=5000";

/// File systems that are unmounted when it goes.
struct Mounted(Vec<PathBuf>);

impl Drop for Mounted {
    fn drop(&mut self) {
        for place in &self.0 {
            if let Err(why) = run(Command::new("umount").arg(place)) {
                eprintln!("{why}");
            }
        }
    }
}

/// Wall time of `martlet` with one lane over that with two; why there is none, otherwise.
pub(super) fn gain(martlet: &Path, from: &Tree) -> Result<f64, String> {
    let folder = tempfile::tempdir().map_err(|e| format!("cannot make a folder: {e}"))?;
    let mut mounted = Mounted(Vec::new());
    for device in ["sda", "sdb"] {
        let place = folder.path().join("devices").join(device);
        fs::create_dir_all(&place).map_err(|e| format!("cannot make {}: {e}", place.display()))?;
        run(Command::new("mount").args(["-t", "tmpfs", "tmpfs"]).arg(&place))?;
        mounted.0.push(place.clone());
        for path in databases_below(&from.devices(), DATABASES)? {
            let below = path.strip_prefix(from.devices().join("sda"));
            let copy = place.join(below.map_err(|e| e.to_string())?);
            let dir = copy.parent().ok_or("a database lies in a directory")?;
            fs::create_dir_all(dir)
                .and_then(|()| fs::copy(&path, &copy).map(drop))
                .map_err(|e| format!("cannot write {}: {e}", copy.display()))?;
        }
    }
    let file = folder.path().join("auditor.conf");
    conf(&file, &folder.path().join("devices"), folder.path())?;
    let took = |lanes: &str| {
        let began = clock::mono();
        let mut strace = Command::new("strace");
        strace.args(["-f", "--seccomp-bpf", "-o", "/dev/null", "-e", "trace=pread64", "-e", DELAY]);
        strace.arg(martlet).args(["once", "--lanes", lanes]).arg(&file);
        let status = strace.stdout(Stdio::null()).stderr(Stdio::null()).status();
        match status.map_err(|e| format!("cannot run strace: {e}"))?.code() {
            Some(0) => Ok(clock::mono().since(began).as_secs_f64()),
            code => Err(format!("martlet under strace ended with {code:?}")),
        }
    };
    let (one, two) = (took("1")?, took("2")?);
    Ok(one / two)
}
