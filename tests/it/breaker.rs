//! What a pass moves of a disk on which much is damaged, or that is not well.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::Duration;

use martlet_core::audit::{Conf, Fate, Mode, Report};
use martlet_core::breaker::Limits;
use martlet_platform_linux::drive::{Drive, Ground, Said};
use nix::mount::{MsFlags, mount};

use crate::mount::{unmount, with_own_mounts};

/// Makes so many files on a device that are no databases, each where a database would be.
fn damaged(device: &Path, files: u32) {
    for file in 0..files {
        let name = format!("{file:032x}");
        let dir = device.join("containers/7").join(&name[29..]).join(&name);
        fs::create_dir_all(&dir).expect("made");
        fs::write(dir.join(format!("{name}.db")), [b'x'; 4096]).expect("written");
    }
}

fn in_quarantine(device: &Path) -> usize {
    fs::read_dir(device.join("quarantined/containers")).map_or(0, Iterator::count)
}

/// What a pass said, in order.
#[derive(Debug, Default)]
struct Heard {
    fates: Vec<Fate>,
    /// The devices whose breaker tripped, and after how many moves.
    trips: Vec<(PathBuf, u32)>,
}

/// One pass over `root`. At a trip the device is re-armed as often as `rearm` says.
fn pass(root: &Path, limits: Limits, rearm: usize) -> Heard {
    let conf = Conf {
        mode: Mode::Once,
        interval: Duration::ZERO,
        spacing: Duration::ZERO,
        quarantine: true,
        breaker: limits,
        hash: None,
        deep: martlet_core::due::DeepConf::default(),
    };
    let ground = Ground::Devices { root: root.to_owned(), mount_check: false };
    let drive: Drive<1> = Drive::new(&conf, ground, true, 1);
    let heard = Mutex::new(Heard::default());
    drive.run(1, &|said: &Said<'_>| {
        let mut heard = heard.lock().expect("one thread");
        match said.report {
            Report::Audited(audited) => heard.fates.push(audited.fate),
            Report::Tripped(tripped) => {
                let device = said.device.expect("a trip has a device").path().to_owned();
                heard.trips.push((device.clone(), tripped.moved));
                assert!(rearm < heard.trips.len() || drive.rearm(None).is_some());
            }
            Report::Began(_)
            | Report::Hit(..)
            | Report::Window(_)
            | Report::Ended(_)
            | Report::Leaving(_) => {}
        }
    });
    heard.into_inner().expect("one thread")
}

const DEFAULT: Limits = Limits { databases: 16, share: 10_000 };

#[test]
fn a_disk_full_of_damage_loses_three_databases_and_is_audited_to_its_end() {
    let root = tempfile::tempdir().expect("a directory");
    let (sick, other) = (root.path().join("sick"), root.path().join("other"));
    damaged(&sick, 20);
    damaged(&other, 2);
    let heard = pass(root.path(), DEFAULT, 0);
    assert_eq!(heard.fates.len(), 22, "auditing goes on");
    assert_eq!(heard.trips, [(sick.clone(), 3)], "said once, of the device it is about");
    assert_eq!((in_quarantine(&sick), in_quarantine(&other)), (3, 2), "each device has its own");
    let count = |fate| heard.fates.iter().filter(|it| **it == fate).count();
    assert_eq!((count(Fate::Moved), count(Fate::Held)), (5, 17));
}

#[test]
fn the_limit_holds_on_a_large_device_and_none_is_none() {
    for (limit, moved) in [(5, 5), (0, 0)] {
        let root = tempfile::tempdir().expect("a directory");
        let device = root.path().join("d");
        damaged(&device, 12);
        let heard = pass(root.path(), Limits { databases: limit, share: 1_000_000 }, 0);
        assert_eq!(heard.trips, [(device.clone(), moved)], "limit {limit}");
        assert_eq!(in_quarantine(&device), moved as usize, "limit {limit}");
    }
}

#[test]
fn a_device_that_is_rearmed_may_lose_as_many_again() {
    let root = tempfile::tempdir().expect("a directory");
    let device = root.path().join("d");
    damaged(&device, 20);
    let heard = pass(root.path(), DEFAULT, 1);
    assert_eq!(heard.trips, [(device.clone(), 3), (device.clone(), 3)]);
    // The database at which it trips stays where it is: its turn comes in the next pass.
    assert_eq!(in_quarantine(&device), 6);
}

#[test]
fn with_root_a_device_that_is_full_or_read_only_loses_nothing() {
    with_own_mounts(|| {
        for (what, options, flags) in [
            ("well", "size=8m,nr_inodes=100", MsFlags::empty()),
            ("read-only", "size=8m,nr_inodes=100", MsFlags::MS_RDONLY),
            ("out of bytes", "size=24k,nr_inodes=100", MsFlags::empty()),
            ("out of files", "size=8m,nr_inodes=14", MsFlags::empty()),
        ] {
            let root = tempfile::tempdir().expect("a directory");
            let device = root.path().join("d");
            fs::create_dir(&device).expect("made");
            let none = MsFlags::empty();
            mount(None::<&str>, &device, Some("tmpfs"), none, Some(options)).expect("mounted");
            damaged(&device, 3);
            let again = MsFlags::MS_REMOUNT | flags;
            mount(None::<&str>, &device, None::<&str>, again, None::<&str>).expect("remounted");
            let heard = pass(root.path(), DEFAULT, 0);
            let moved = if what == "well" { 3 } else { 0 };
            let seen = (heard.fates.len(), in_quarantine(&device), heard.trips.len());
            unmount(&device).expect("unmounted, so that the directory can go");
            assert_eq!(seen, (3, moved, 0), "{what}: {heard:?}");
        }
    });
}
