//! How long ago a device was audited: told of what was passed over, broken off, resumed and replaced.
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use martlet_core::audit::{Conf, Mode, Order, Report};
use martlet_core::coverage::{HEAD_BYTES, Head};
use martlet_core::due::{DeepConf, Which};
use martlet_core::time::Wall;
use martlet_platform_linux::drive::{Drive, Ground, Said, wanted};
use martlet_platform_linux::state::Store;
use martlet_platform_linux::state::coverage::{Ages, Coverages, ages};
use martlet_tests::fixtures::named;
use martlet_tests::one_pass::one_pass;

const CONF: &str = "/etc/swift/container-server.conf";
const HOUR: i64 = 3600;
const DIGITS: &str = "0123456789abcdef";

struct Node {
    root: tempfile::TempDir,
    deep: Which,
}

impl Node {
    /// A device with a database for each first digit of a hash, in ascending order of partitions.
    fn new() -> Self {
        let node = Self { root: tempfile::tempdir().expect("a directory"), deep: Which::Never };
        node.fill("sda");
        node
    }

    fn fill(&self, device: &str) {
        for digit in DIGITS.chars() {
            let dir = self.partition(device, digit).join("abc").join(hash(digit));
            fs::create_dir_all(&dir).expect("made");
            let database = dir.join(format!("{}.db", hash(digit)));
            fs::write(database, &named("small").newest().bytes).expect("written");
        }
    }

    fn devices(&self) -> PathBuf {
        self.root.path().join("node")
    }

    fn partition(&self, device: &str, digit: char) -> PathBuf {
        let number = digit.to_digit(16).expect("a digit");
        self.devices().join(device).join("containers").join(number.to_string())
    }

    fn state(&self) -> PathBuf {
        self.root.path().join("state")
    }

    fn conf(&self) -> Conf {
        let deep = DeepConf { which: self.deep, ..DeepConf::default() };
        Conf { mode: Mode::Forever, deep, ..one_pass() }
    }

    /// Runs a daemon until it has audited `audits` databases, or ended `passes`.
    fn run(&self, audits: u32, passes: u32) -> Arc<Coverages> {
        let conf = self.conf();
        let coverage =
            Arc::new(Coverages::new(Some(&self.state()), Path::new(CONF), wanted(&conf)));
        let ground = Ground::Devices { root: self.devices(), mount_check: false };
        let store = Store::new(&self.state(), Path::new(CONF), "");
        let drive: Drive<1> = Drive::new(&conf, ground, true, 1).keeping(store);
        let drive = drive.covering(Arc::clone(&coverage));
        let (audited, ended) = (AtomicU32::new(0), AtomicU32::new(0));
        drive.run(1, &|said: &Said<'_>| {
            let is_last = match said.report {
                Report::Audited(_) => audited.fetch_add(1, Ordering::Relaxed) + 1 == audits,
                Report::Ended(_) => ended.fetch_add(1, Ordering::Relaxed) + 1 == passes,
                Report::Began(_)
                | Report::Hit(..)
                | Report::Tripped(_)
                | Report::Window(_)
                | Report::Leaving(_) => false,
            };
            if is_last {
                drive.order(Order::Stop);
            }
        });
        coverage
    }

    /// What the file says.
    fn kept(&self) -> Option<Vec<Ages>> {
        ages(&self.state(), Path::new(CONF), wanted(&self.conf())).expect("readable")
    }

    fn file(&self, ending: &str) -> PathBuf {
        let mut entries = fs::read_dir(self.state()).expect("there").flatten();
        let is_it = |path: &PathBuf| path.extension().is_some_and(|it| it == ending);
        entries.find_map(|entry| Some(entry.path()).filter(is_it)).expect("a file of that kind")
    }
}

fn hash(digit: char) -> String {
    format!("{digit}{:0>31}", "abc")
}

/// Passes since the oldest audit of the first device, whether there never was one, and whether that is
/// overdue.
fn told(ages: &[Ages]) -> (u32, bool, bool) {
    let stat = ages[0].stat;
    (stat.oldest.passes, stat.oldest.never, stat.overdue)
}

#[test]
fn a_partition_that_cannot_be_listed_is_overdue_after_three_passes_and_well_after_one() {
    let node = Node::new();
    assert_eq!(node.kept(), None, "nobody has looked");
    assert_eq!(told(&node.run(99, 1).ages()), (0, false, false));
    let partition = node.partition("sda", '7');
    let suffix = partition.join("abc");
    fs::rename(&suffix, partition.join("aside")).expect("renamed");
    symlink(&suffix, &suffix).expect("a loop");
    assert_eq!(told(&node.run(99, 2).ages()), (2, false, false));
    let now = node.run(99, 1).ages();
    assert_eq!(
        (told(&now), node.kept().as_deref().map(told)),
        ((3, false, true), Some(told(&now)))
    );
    fs::remove_file(&suffix).expect("removed");
    assert_eq!(told(&node.run(99, 1).ages()), (0, false, false));
}

#[test]
fn a_pass_that_was_broken_off_counts_only_once_it_was_whole() {
    let node = Node::new();
    assert_eq!(told(&node.run(9, 9).ages()), (0, true, false), "seven were not reached");
    assert_eq!(told(&node.run(99, 1).ages()), (0, false, false), "the rest of it");
    // One that is broken off leaves the others as old as they were.
    assert_eq!(told(&node.run(9, 9).ages()), (0, false, false));
    assert_eq!(told(&node.run(99, 1).ages()), (0, false, false));
}

#[test]
fn a_place_in_a_device_without_what_is_known_of_the_way_there_is_not_trusted() {
    let node = Node::new();
    let _broken_off = node.run(9, 9);
    let before = fs::read(node.file("coverage")).expect("there");
    let _resumed_and_broken_off = node.run(3, 9);
    // An older daemon, which knows of no coverage, went on; and a file that is lost.
    for bytes in [Some(before), None] {
        match bytes {
            Some(bytes) => fs::write(node.file("coverage"), bytes).expect("written"),
            None => fs::remove_file(node.file("coverage")).expect("removed"),
        }
        assert!(
            told(&node.run(99, 1).ages()).1,
            "not all of the device was seen by those who tell"
        );
        assert!(!told(&node.run(99, 1).ages()).1, "the next pass is whole");
        let _broken_off = node.run(5, 9);
    }
}

#[test]
fn another_disk_under_a_name_was_never_audited() {
    let node = Node::new();
    assert_eq!(told(&node.run(99, 2).ages()), (0, false, false));
    let containers = node.devices().join("sda/containers");
    fs::rename(&containers, node.devices().join("sda/other")).expect("taken away");
    node.fill("sda");
    assert_eq!(told(&node.run(3, 9).ages()), (0, true, false));
}

#[test]
fn what_cannot_be_used_is_set_aside_and_counted_anew() {
    let node = Node::new();
    let _whole = node.run(99, 1);
    let whole = fs::read(node.file("coverage")).expect("there");
    for (what, bytes) in [
        ("empty", Vec::new()),
        ("cut", whole[..whole.len() - 1].to_vec()),
        ("foreign", vec![b'{'; 5000]),
        ("newer", [&whole[..8], &[9], &whole[9..]].concat()),
        ("changed", [&whole[..200], &[whole[200] ^ 1], &whole[201..]].concat()),
    ] {
        fs::write(node.file("coverage"), &bytes).expect("written");
        let fresh = Coverages::new(Some(&node.state()), Path::new(CONF), wanted(&node.conf()));
        assert_eq!(fresh.ages(), [], "{what}");
        assert_eq!(fs::read(node.file("bad")).expect("set aside"), bytes, "{what}");
        assert_eq!(
            told(&node.run(99, 1).ages()),
            (0, false, false),
            "{what}: a daemon starts on it"
        );
    }
}

#[test]
fn what_could_not_be_read_is_not_called_audited() {
    let node = Node::new();
    let unreadable = node.partition("sda", '4').join("abc").join(hash('4'));
    let database = unreadable.join(format!("{}.db", hash('4')));
    fs::remove_file(&database).expect("removed");
    fs::create_dir(&database).expect("a directory of that name");
    let ages = node.run(99, 1).ages();
    assert!(told(&ages).1, "what is no file was not audited: {ages:?}");
}

#[test]
fn deep_audits_are_told_once_all_had_their_turn() {
    let node = Node { deep: Which::Within(Duration::from_secs(1)), ..Node::new() };
    // A pass takes the turns of a second or more: all of them.
    let ages = node.run(99, 2).ages();
    let deep = ages[0].deep.expect("wanted");
    assert!(!deep.oldest.never && !deep.overdue, "{ages:?}");
    let never = Node { deep: Which::Within(Duration::from_secs(1_000_000)), ..Node::new() };
    let ages = never.run(99, 2).ages();
    let deep = ages[0].deep.expect("wanted");
    assert!(deep.oldest.never && !deep.overdue, "two seconds of a fortnight: {ages:?}");
    assert_eq!(never.kept().expect("kept")[0].deep.map(|it| it.oldest.never), Some(true));
}

#[test]
fn a_device_that_was_away_has_waited_all_the_while() {
    for mount_point_stays in [false, true] {
        let node = Node::new();
        node.fill("sdb");
        assert_eq!(told(&node.run(99, 1).ages()), (0, false, false));
        let (here, away) = (node.devices().join("sdb"), node.root.path().join("away"));
        fs::rename(&here, &away).expect("unplugged");
        if mount_point_stays {
            fs::create_dir(&here).expect("made");
        }
        // In one life, and over restarts; and not a word of what is not there.
        let count = 1 + usize::from(mount_point_stays);
        for passes in [2, 1] {
            assert_eq!(node.run(99, passes).ages().len(), count);
            assert_eq!(node.kept().map(|ages| ages.len()), Some(count));
        }
        let _empty = fs::remove_dir(&here);
        fs::rename(&away, &here).expect("plugged in");
        let ages = node.run(1, 9).ages();
        let age = ages.iter().find(|it| it.name.as_slice() == b"sdb").expect("it is back").stat;
        assert_eq!((age.oldest.passes, age.oldest.never, age.overdue), (3, false, true));
    }
}

#[test]
fn a_cursor_of_a_pass_that_has_ended_since_tells_nothing_of_the_way_there() {
    let node = Node::new();
    let _broken_off = node.run(9, 9);
    let cursor = fs::read(node.file("state")).expect("there");
    let _whole = node.run(99, 1);
    // Killed between the two saves at the end of the pass, then off for an hour.
    fs::write(node.file("state"), cursor).expect("written");
    let mut bytes = fs::read(node.file("coverage")).expect("there");
    let head: &mut [u8; HEAD_BYTES] = bytes.first_chunk_mut().expect("a head");
    let mut read = Head::decode(head).expect("whole");
    read.time.wall = Wall::from_micros(read.time.wall.as_micros() - HOUR * 1_000_000);
    *head = read.encode();
    fs::write(node.file("coverage"), bytes).expect("written");
    let oldest = node.run(99, 1).ages()[0].stat.oldest;
    assert_eq!((oldest.passes, oldest.never), (0, false), "it ended, and was whole");
    let hour = Duration::from_secs(HOUR.unsigned_abs());
    assert!(oldest.age.is_some_and(|age| hour <= age), "half was audited an hour ago: {oldest:?}");
}
