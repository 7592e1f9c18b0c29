//! What an operator's PATH is: one database, or a tree, and on which floor of it.
//!
//! `martlet check PATH...` takes a file, a hash directory, or anything above. A tree is known by its
//! shape; the names of its own path count only where they say `containers`.

use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use martlet_core::walk::Floor;

use crate::error::Error;
use crate::listing::names;

/// Entries looked at in one directory, before it is taken to be of no known shape.
const LOOKS_MAX: usize = 1024;
/// Directories gone down from `containers` to a database.
const DEPTH_MAX: usize = 3;
/// The floors by their height above the databases.
const FLOORS: [Floor; DEPTH_MAX + 1] =
    [Floor::Hash, Floor::Suffix, Floor::Partition, Floor::Datadir];

/// What lies at a PATH.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Root {
    /// A file: audited whatever its name.
    File,
    /// A directory on this floor, for [`crate::walk::Walker::begin_below`].
    Below(Floor),
    /// A device, for [`crate::walk::Walker::begin`].
    Device,
    /// A directory of devices, for [`crate::devices::devices`].
    Devices,
}

/// Finds out what lies at `path`. Nothing there, and a tree without a database in a known place,
/// are errors.
pub fn root(path: &Path) -> Result<Root, Error> {
    let list = |error| Error::new("list", path, error);
    let found = fs::metadata(path).map_err(|error| Error::new("find", path, error))?;
    if !found.is_dir() {
        return Ok(Root::File);
    }
    if is_device(path) {
        return Ok(Root::Device);
    }
    if let Some(floor) = floor_by_name(path) {
        return Ok(Root::Below(floor));
    }
    for name in names(path).map_err(list)?.take(LOOKS_MAX) {
        if is_device(&path.join(name.map_err(list)?)) {
            return Ok(Root::Devices);
        }
    }
    let mut looks = LOOKS_MAX;
    let floor = height(path, DEPTH_MAX, &mut looks).and_then(|height| FLOORS.get(height).copied());
    let nothing = || {
        let why = std::io::Error::other("no directory has `containers` or leads to a *.db");
        Error::new("find databases below", path, why)
    };
    floor.map(Root::Below).ok_or_else(nothing)
}

fn is_device(path: &Path) -> bool {
    path.join("containers").is_dir()
}

/// The floor of a path that has `containers` among its last four names.
fn floor_by_name(path: &Path) -> Option<Floor> {
    let whole = std::path::absolute(path).ok()?;
    let mut names = whole.components().rev();
    let below = names.position(|name| name.as_os_str() == "containers")?;
    FLOORS.iter().rev().nth(below).copied()
}

/// How many directories above its first database `path` stands.
fn height(path: &Path, depth: usize, looks: &mut usize) -> Option<usize> {
    let mut below = Vec::new();
    for name in names(path).ok()?.flatten() {
        *looks = looks.checked_sub(1)?;
        if name.as_bytes().ends_with(b".db") {
            return Some(0);
        }
        below.push(path.join(name));
    }
    let depth = depth.checked_sub(1)?;
    below.iter().find_map(|name| height(name, depth, looks)).map(|height| height + 1)
}
