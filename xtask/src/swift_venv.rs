//! The real Swift from PyPI in a virtual environment, kept in the user's cache.
//!
//! Made once for each version of Swift and of Python; what was begun and not finished is made anew.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::toolchain::cache_home;

/// The Swift that Martlet is compared with.
pub(crate) const VERSION: &str = "2.38.3";

const NO_VENV: &str = "python3 cannot make virtual environments; install it first \
                       (Debian: apt-get install python3-venv)";

/// A virtual environment that holds Swift.
#[derive(Debug)]
pub(crate) struct SwiftVenv {
    dir: PathBuf,
}

impl SwiftVenv {
    /// Makes it, or finds it made. Needs the network the first time.
    ///
    /// # Errors
    /// One line: what could not be done and why.
    pub(crate) fn prepare() -> Result<Self, String> {
        let dir = cache()?.join(format!("swift-{VERSION}-python{}", python_version()?));
        let ready = dir.join("martlet-ready");
        if !ready.exists() {
            make(&dir)?;
            fs::write(&ready, "").map_err(|e| format!("cannot write {}: {e}", ready.display()))?;
        }
        Ok(Self { dir })
    }

    /// A program of the environment: `python`, `swift-init`, …
    #[must_use]
    pub(crate) fn program(&self, name: &str) -> PathBuf {
        self.dir.join("bin").join(name)
    }
}

/// Where what is made once is kept.
pub(crate) fn cache() -> Result<PathBuf, String> {
    Ok(cache_home()?.join("martlet"))
}

fn python_version() -> Result<String, String> {
    let ask = "import platform; print(platform.python_version())";
    let said = Command::new("python3").args(["-c", ask]).output();
    let said = said
        .map_err(|e| format!("cannot run python3 (Debian: apt-get install python3-venv): {e}"))?;
    let version = String::from_utf8_lossy(&said.stdout).trim().to_owned();
    if !said.status.success() || version.is_empty() {
        return Err("python3 does not say its version".to_owned());
    }
    Ok(version)
}

fn make(dir: &Path) -> Result<(), String> {
    if dir.exists() {
        fs::remove_dir_all(dir).map_err(|e| format!("cannot remove {}: {e}", dir.display()))?;
    }
    eprintln!("making {} (once; takes a minute)", dir.display());
    run(Command::new("python3").args(["-m", "venv"]).arg(dir))
        .map_err(|why| format!("{NO_VENV}: {why}"))?;
    let swift = format!("swift=={VERSION}");
    let pip = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", &swift];
    run(Command::new(dir.join("bin/python")).args(pip))
        .map_err(|why| format!("cannot install {swift} from PyPI: {why}"))
}

fn run(command: &mut Command) -> Result<(), String> {
    let said = command.output().map_err(|e| e.to_string())?;
    if said.status.success() {
        return Ok(());
    }
    let words = String::from_utf8_lossy(&said.stderr);
    Err(words
        .lines()
        .rev()
        .find(|line| !line.trim().is_empty())
        .unwrap_or("it says nothing")
        .to_owned())
}
