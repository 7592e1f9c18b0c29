//! The crates that a binary is made of, each with its licence and that licence's text.
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use super::{Arch, done};

const HEAD: &str = "The crates in this binary, with their licences; the texts follow the list.
Besides, SQLite is in it, which is in the public domain; the C library musl, under MIT, whose
notice is in the file copyright; and the Rust standard library with what it is made of (addr2line,
adler2, cfg-if, gimli, hashbrown, libc, memchr, miniz_oxide, object, rustc-demangle), all of it
under MIT or Apache-2.0.

";

/// The list. Crates that only help to build are not in the binary, nor in the list.
pub(super) fn list(workspace: &Path, arch: Arch) -> Result<String, String> {
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.args([
        "metadata",
        "--locked",
        "--format-version=1",
        "--filter-platform",
        arch.target.triple(),
    ]);
    let said = done(cargo.current_dir(workspace))?;
    let metadata: Value =
        serde_json::from_str(&said).map_err(|e| format!("cargo metadata is no JSON: {e}"))?;
    let packages: BTreeMap<&str, &Value> = rows(&metadata["packages"])
        .filter_map(|package| Some((package["id"].as_str()?, package)))
        .collect();
    let nodes: BTreeMap<&str, &Value> = rows(&metadata["resolve"]["nodes"])
        .filter_map(|node| Some((node["id"].as_str()?, node)))
        .collect();
    let root = packages
        .iter()
        .find(|(_, package)| package["name"] == "martlet" && package["source"].is_null())
        .ok_or("cargo metadata knows no martlet")?;
    let mut todo = vec![*root.0];
    let mut seen = BTreeSet::new();
    while let Some(id) = todo.pop() {
        if !seen.insert(id) {
            continue;
        }
        // What a macro is made of runs while a crate is built.
        if packages.get(id).is_some_and(|package| is_macro(package)) {
            continue;
        }
        for dependency in nodes.get(id).into_iter().flat_map(|node| rows(&node["deps"])) {
            let is_linked = rows(&dependency["dep_kinds"]).any(|kind| kind["kind"].is_null());
            todo.extend(dependency["pkg"].as_str().filter(|_| is_linked));
        }
    }
    let mut text = HEAD.to_owned();
    let mut texts: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut found: Vec<_> = seen.iter().filter_map(|id| packages.get(id)).collect();
    found.retain(|package| !package["source"].is_null() && !is_macro(package));
    found.sort_by_key(|package| package["name"].as_str().unwrap_or_default());
    for package in found {
        let field = |name: &str| package[name].as_str().unwrap_or_default().to_owned();
        let name = format!("{} {}", field("name"), field("version"));
        let licence = field("license");
        if licence.is_empty() {
            return Err(format!("{name} names no licence"));
        }
        writeln!(text, "{name}: {licence}").map_err(|e| e.to_string())?;
        let manifest = field("manifest_path");
        let folder = Path::new(&manifest).parent().unwrap_or(Path::new("."));
        texts.entry(licence_text(folder)?).or_default().push(name);
    }
    for (licence, names) in texts.iter().filter(|(licence, _)| !licence.is_empty()) {
        let names = names.join(", ");
        write!(text, "\n---- {names}\n\n{licence}\n").map_err(|e| e.to_string())?;
    }
    Ok(text)
}

/// A macro runs while a crate is built, and is not in the binary.
fn is_macro(package: &Value) -> bool {
    rows(&package["targets"]).any(|target| rows(&target["kind"]).any(|kind| kind == "proc-macro"))
}

fn rows(list: &Value) -> impl Iterator<Item = &Value> {
    list.as_array().into_iter().flatten()
}

/// The licence's text, the shorter one where there is a choice; empty if the crate holds none.
fn licence_text(folder: &Path) -> Result<String, String> {
    let wrong = |e| format!("cannot read {}: {e}", folder.display());
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).map_err(wrong)? {
        let path = entry.map_err(wrong)?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().to_uppercase();
        if path.is_file() && (name.starts_with("LICEN") || name.starts_with("COPYING")) {
            found.push(fs::read_to_string(&path).map_err(wrong)?);
        }
    }
    found.sort_by_key(|text| (text.len(), text.clone()));
    Ok(found.into_iter().next().unwrap_or_default().trim().to_owned())
}
