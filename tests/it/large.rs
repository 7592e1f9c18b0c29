//! What does not fit into 32 bits: places in a file, times, inodes. Run for 32-bit processors too.
use std::fs::{self, File};
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, UNIX_EPOCH};

use martlet_core::check::{Cell, Seen};
use martlet_core::path::DbPath;
use martlet_platform_linux::check::{CheckConf, Checker};
use martlet_platform_linux::state::disk;
use martlet_tests::command::martlet;
use martlet_tests::damage;
use martlet_tests::demo::confs;
use martlet_tests::fixtures::named;
use martlet_tests::tree::Tree;

use crate::mount::{image, unmount, with_own_mounts};

/// Where the content begins that the test adds, 6 GiB: beyond what 32 bits can say. The hole before it takes no
/// room on disk.
const FAR: u64 = 6 << 30;

/// Where an SQLite file says how many pages it has ("The Database Header", § 1.3.7).
const PAGE_COUNT_AT: usize = 28;

/// Lengthens a database by a hole of pages that nothing refers to: what is written next lies behind it.
fn dig(path: &Path) {
    let page = u64::try_from(damage::page_size(path)).expect("a small number");
    let pages = u32::try_from(FAR / page).expect("SQLite counts pages in 32 bits");
    damage::write_at(path, PAGE_COUNT_AT, &pages.to_be_bytes());
    let file = File::options().write(true).open(path).expect("it can be written");
    file.set_len(FAR).expect("the file system has files of that length");
}

#[test]
fn a_database_beyond_four_gigabytes_is_read_to_its_end() {
    let tree = Tree::new();
    let fixture = named("hundreds");
    let path = tree.add("sda", fixture).db();
    dig(&path);
    // The row that is audited moves with it: it grows out of its page, and the account lies in its end.
    let account = "far away ".repeat(2_000);
    damage::sql(&path, &format!("UPDATE container_info SET account = '{account}'"));
    assert!(FAR < fs::metadata(&path).expect("it is there").len(), "nothing lies beyond the hole");

    let conf = CheckConf { may_recover: false, stop: Arc::new(AtomicBool::new(false)) };
    let mut checker = Checker::new(conf);
    let name = DbPath::new(path.as_os_str().as_encoded_bytes());
    match checker.look(&name) {
        Seen::Row(stat) => {
            assert_eq!(stat.count, Cell::Int(fixture.object_count().expect("Swift counted")));
            assert_eq!(stat.container, Cell::Text(fixture.container.as_bytes()));
        }
        other @ (Seen::Gone | Seen::Fault(_) | Seen::Error(_)) => {
            panic!("its row was not read: {other:?}")
        }
    }
}

#[test]
fn a_file_of_a_later_century_keeps_its_time() {
    // 2242: neither 31 nor 32 bits of seconds reach it.
    let late = UNIX_EPOCH + Duration::from_secs(1 << 33);
    let file = tempfile::NamedTempFile::new().expect("there is room");
    file.as_file().set_modified(late).expect("the file system can say it");
    let found = file.as_file().metadata().and_then(|data| data.modified()).expect("it has a time");
    assert_eq!(found, late);
    assert_eq!(
        size_of::<nix::libc::time_t>(),
        8,
        "the system calls of nix speak of later times, too"
    );
}

/// A disk on which XFS numbers inodes beyond 32 bits: it has eight parts, gives each new directory of its root
/// to the next part, and the number begins with the part's.
const DISK: u64 = 4 << 40;
const PARTS: [&str; 2] = ["-d", "agcount=8"];
/// The shortest journal there may be: it is written as a whole, where all else is sparse.
const JOURNAL: [&str; 2] = ["-l", "size=64m"];
const DEVICES: [&str; 8] = ["sda", "sdb", "sdc", "sdd", "sde", "sdf", "sdg", "sdh"];

#[test]
fn with_root_inodes_beyond_32_bits_keep_a_pass_from_nothing() {
    with_own_mounts(|| {
        let dir = tempfile::tempdir().expect("there is room");
        let place = dir.path().join("mounted");
        fs::create_dir(&place).expect("made");
        let words = [&["-q"], &PARTS[..], &JOURNAL].concat();
        if let Err(why) = image("mkfs.xfs", &words, DISK, dir.path(), &place) {
            return eprintln!("NOT TESTED: inodes beyond 32 bits: {why}");
        }
        let tree = Tree::at(&place);
        let mut far = 0;
        for device in DEVICES {
            for container in ["one", "two", "three"] {
                let _sound = tree.add_as(device, named("small"), "AUTH_a", container);
            }
            let path = tree.device(device);
            let inode = fs::metadata(path.join("containers")).expect("made").ino();
            assert_eq!(disk(&path).expect("it is there").inode, inode, "{device}");
            far += u32::from(u64::from(u32::MAX) < inode);
        }
        assert!(0 < far, "XFS gave no inode that 32 bits cannot say");
        // To be moved, a database must be the one that was looked at, by its inode.
        let hurt = DEVICES.map(|device| tree.add_as(device, named("small"), "AUTH_a", "hurt"));
        for placed in &hurt {
            damage::write_at(&placed.db(), 0, &damage::junk(100, 7));
        }
        let (conf, swift) = confs(dir.path(), &tree);
        let mut once = Command::new(martlet());
        let once = once.args(["once", "--json"]).arg(conf).arg("--swift-conf").arg(swift);
        let said = once.output().expect("it runs");
        let lines = String::from_utf8_lossy(&said.stdout);
        let of = |verdict: &str| lines.matches(&format!("\"verdict\":\"{verdict}\"")).count();
        assert_eq!((said.status.code(), of("damaged"), of("sound")), (Some(2), 8, 24), "{lines}");
        for placed in &hurt {
            assert!(!placed.dir.exists(), "{} was not moved", placed.dir.display());
        }
        unmount(&place).expect("unmounted, so that the directory can go");
    });
}
