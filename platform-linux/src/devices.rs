//! The devices of a node, and the physical disk under each.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use rustix::fs::{major, makedev, minor};

use crate::error::Error;
use crate::listing::names;
use crate::mount::look;

/// Devices at most: the auditor numbers them in 16 bits.
pub const DEVICES_MAX: usize = 4096;
/// Block devices under a block device that are looked at, in depth and in breadth: a file system
/// on LVM on dm-crypt on RAID on partitions is four deep.
const LAYERS_MAX: u32 = 8;
const SLAVES_MAX: usize = 64;

/// One device directory: `/srv/node/sda`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeviceDir {
    /// Its path.
    pub path: PathBuf,
    /// Whether it must be a mount point to be walked.
    pub mount_check: bool,
    /// The number of the physical disk under it, the same for two devices that share one; of the
    /// file system if there is no disk to be seen; 0 if it cannot be inspected.
    pub disk: u64,
}

impl DeviceDir {
    /// The device directory at `path`.
    #[must_use]
    pub fn new(path: PathBuf, mount_check: bool) -> Self {
        let disk = fs::metadata(&path).map_or(0, |found| disk_of(Path::new("/sys"), found.dev()));
        Self { path, mount_check, disk }
    }

    /// Whether containers are there to be seen: a directory where nothing is mounted looks like a device
    /// that is empty.
    #[must_use]
    pub fn is_there(&self) -> bool {
        self.path.join("containers").is_dir() && (!self.mount_check || look(&self.path).mounted)
    }
}

/// Every name in the devices directory, in no order and [`DEVICES_MAX`] at most: files too, as in
/// Swift. That it is not there is an error; in Swift it is an empty pass.
pub fn devices(root: &Path, mount_check: bool) -> Result<Vec<DeviceDir>, Error> {
    devices_again(root, mount_check, &[], &|_| ())
}

/// The same, without a look into those that are `known`: they are listed as they were. `looks` is told of
/// what is looked at, before it is: a look may not come back.
pub(crate) fn devices_again(
    root: &Path,
    mount_check: bool,
    known: &[&DeviceDir],
    looks: &dyn Fn(&Path),
) -> Result<Vec<DeviceDir>, Error> {
    looks(root);
    let list = |error| Error::new("list", root, error);
    let mut devices = Vec::new();
    for name in names(root).map_err(list)?.take(DEVICES_MAX) {
        let name = name.map_err(list)?;
        let path = root.join(name);
        let is_it = known.iter().find(|it| it.path == path);
        let look = || {
            looks(&path);
            DeviceDir::new(path.clone(), mount_check)
        };
        devices.push(is_it.map_or_else(look, |it| (*it).clone()));
    }
    Ok(devices)
}

/// The whole disk under a block device, by `sys/dev/block`: of a partition its disk, of a mapped
/// device, an array or a loop the disk below; of several the least number. What is not a block
/// device (tmpfs, btrfs) is its own disk.
#[must_use]
pub fn disk_of(sys: &Path, device: u64) -> u64 {
    disk_below(sys, device, LAYERS_MAX).unwrap_or(device)
}

fn disk_below(sys: &Path, device: u64, layers: u32) -> Option<u64> {
    let link = sys.join("dev/block").join(format!("{}:{}", major(device), minor(device)));
    let mut block = fs::canonicalize(link).ok()?;
    if block.join("partition").exists() {
        block = block.parent()?.to_owned();
    }
    let disk = number(&block.join("dev")).unwrap_or(device);
    let Some(layers) = layers.checked_sub(1) else { return Some(disk) };
    let slaves = block.join("slaves");
    let found = names(&slaves).into_iter().flatten().take(SLAVES_MAX);
    let below = found
        .flatten()
        .filter_map(|slave| number(&slaves.join(slave).join("dev")))
        .filter_map(|slave| disk_below(sys, slave, layers))
        .min();
    // The kernel ends the line, and says so when the file was removed: then there is no such path.
    let backing = || {
        let file = fs::read_to_string(block.join("loop/backing_file")).ok()?;
        let under = fs::metadata(file.trim_end_matches('\n')).ok()?.dev();
        Some(disk_below(sys, under, layers).unwrap_or(under))
    };
    Some(below.or_else(backing).unwrap_or(disk))
}

/// The number in a `dev` file of sysfs: `8:16`.
fn number(file: &Path) -> Option<u64> {
    let text = fs::read_to_string(file).ok()?;
    let (major, minor) = text.trim_end().split_once(':')?;
    Some(makedev(major.parse().ok()?, minor.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    /// A sysfs of block devices: name, number, and the names of its slaves.
    fn sysfs(devices: &[(&str, &str, &[&str])]) -> tempfile::TempDir {
        let sys = tempfile::tempdir().expect("a directory");
        let block = sys.path().join("devices");
        fs::create_dir_all(sys.path().join("dev/block")).expect("made");
        for (name, numbers, slaves) in devices {
            let here = block.join(name);
            fs::create_dir_all(here.join("slaves")).expect("made");
            fs::write(here.join("dev"), format!("{numbers}\n")).expect("written");
            if name.contains('/') {
                fs::write(here.join("partition"), "1\n").expect("written");
            }
            for slave in *slaves {
                let file = Path::new(slave).file_name().expect("a name");
                symlink(block.join(slave), here.join("slaves").join(file)).expect("linked");
            }
            symlink(&here, sys.path().join("dev/block").join(numbers)).expect("linked");
        }
        sys
    }

    #[test]
    fn a_device_that_is_known_is_listed_as_it_was_and_not_looked_into() {
        let root = tempfile::tempdir().expect("a directory");
        let known = DeviceDir { path: root.path().join("sda"), mount_check: true, disk: 4711 };
        let gone = DeviceDir { path: root.path().join("sdc"), ..known.clone() };
        for name in ["sda", "sdb"] {
            fs::create_dir(root.path().join(name)).expect("made");
        }
        let looked = std::cell::RefCell::new(Vec::new());
        let looks = |path: &Path| looked.borrow_mut().push(path.to_owned());
        let listed = devices_again(root.path(), false, &[&known, &gone], &looks);
        let listed = listed.expect("it is there");
        assert_eq!(looked.into_inner(), [root.path().to_owned(), root.path().join("sdb")]);
        assert!(listed.len() == 2 && listed.contains(&known), "{listed:?}");
        assert!(listed.iter().all(|it| it.path == known.path || it.disk != 4711), "{listed:?}");
    }

    #[test]
    fn the_disk_is_found_under_partitions_mappings_and_arrays() {
        let sys = sysfs(&[
            ("sda", "8:0", &[]),
            ("sda/sda1", "8:1", &[]),
            ("sda/sda2", "8:2", &[]),
            ("sdb", "8:16", &[]),
            ("sdb/sdb1", "8:17", &[]),
            ("dm-0", "253:0", &["sda/sda2"]),
            ("md0", "9:0", &["sdb/sdb1", "dm-0"]),
            ("dm-1", "253:1", &["dm-1"]),
        ]);
        let check = |(major, minor), (disk, part)| {
            let found = disk_of(sys.path(), makedev(major, minor));
            assert_eq!((major, minor, found), (major, minor, makedev(disk, part)));
        };
        check((8, 0), (8, 0));
        check((8, 1), (8, 0));
        check((8, 17), (8, 16));
        check((253, 0), (8, 0)); // on a partition
        check((9, 0), (8, 0)); // of two disks, the least
        check((253, 1), (253, 1)); // a loop of links ends
        check((0, 45), (0, 45)); // not a block device
    }
}
