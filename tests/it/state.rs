//! What a restart finds of the pass that it broke off.

mod coverage;
mod findings;
mod slow;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, mpsc};
use std::thread;
use std::time::Duration;

use martlet_core::audit::{Conf, Mode, Order, Past, Report};
use martlet_core::breaker::{Breaker, Limits};
use martlet_core::cursor::{ENTRY_BYTES, Entry, HEAD_BYTES, Head, Name, Place};
use martlet_platform_linux::devices::DeviceDir;
use martlet_platform_linux::drive::{Drive, Ground, Said};
use martlet_platform_linux::hands::Target;
use martlet_platform_linux::state::{Saved, Store, disk};

/// A node with one device, and a place for its state.
struct Node {
    root: tempfile::TempDir,
}

impl Node {
    /// So many files that are no databases, in ascending order of partitions.
    fn new(files: u32) -> Self {
        let node = Self { root: tempfile::tempdir().expect("a directory") };
        for file in 0..files {
            node.put("sda", file);
        }
        node
    }

    fn put(&self, device: &str, file: u32) {
        let name = format!("{file:032x}");
        let suffix = &name[29..];
        let dir = self.devices().join(device).join(format!("containers/{file}")).join(suffix);
        let dir = dir.join(&name);
        fs::create_dir_all(&dir).expect("made");
        fs::write(dir.join(format!("{name}.db")), [b'x'; 64]).expect("written");
    }

    fn devices(&self) -> PathBuf {
        self.root.path().join("node")
    }

    fn state(&self) -> PathBuf {
        self.root.path().join("state")
    }

    fn store(&self, fingerprint: &str) -> Store {
        Store::new(&self.state(), Path::new("/etc/swift/container-server.conf"), fingerprint)
    }

    /// Runs a daemon that moves `moves` databases a pass at most until it has audited `audits`
    /// databases, or ended `passes`. The numbers of the databases, as they were audited.
    fn run(&self, fingerprint: &str, moves: u32, audits: usize, passes: u32) -> Vec<u32> {
        let drive = self.drive(fingerprint, moves);
        let heard = Mutex::new((Vec::new(), 0));
        drive.run(1, &|said: &Said<'_>| {
            let mut heard = heard.lock().expect("one thread");
            match said.report {
                Report::Audited(audited) => {
                    let place = audited.path.place();
                    let number = std::str::from_utf8(place.partition).expect("plain");
                    heard.0.push(number.parse().expect("a number"));
                    if heard.0.len() == audits {
                        drive.order(Order::Stop);
                    }
                }
                Report::Ended(_) => {
                    heard.1 += 1;
                    if heard.1 == passes {
                        drive.order(Order::Stop);
                    }
                }
                Report::Began(_)
                | Report::Hit(..)
                | Report::Tripped(_)
                | Report::Window(_)
                | Report::Leaving(_) => {}
            }
        });
        heard.into_inner().expect("one thread").0
    }

    fn conf(moves: u32) -> Conf {
        Conf {
            mode: Mode::Forever,
            interval: Duration::ZERO,
            spacing: Duration::ZERO,
            quarantine: 0 < moves,
            breaker: Limits { databases: moves, share: 1_000_000 },
            deep: martlet_core::due::DeepConf::default(),
            hash: None,
        }
    }

    /// A daemon that moves `moves` databases a pass at most.
    fn drive(&self, fingerprint: &str, moves: u32) -> Drive<1> {
        let conf = Self::conf(moves);
        let ground = Ground::Devices { root: self.devices(), mount_check: false };
        Drive::new(&conf, ground, true, 1).keeping(self.store(fingerprint))
    }

    fn quarantined(&self) -> usize {
        let dir = self.devices().join("sda/quarantined/containers");
        fs::read_dir(dir).map_or(0, Iterator::count)
    }
}

#[test]
fn a_stop_in_the_middle_of_a_pass_goes_on_where_it_was() {
    let node = Node::new(9);
    assert_eq!(node.run("", 0, 4, 9), [0, 1, 2, 3]);
    // The last one stands at the position, and is audited again: nobody loses a turn.
    assert_eq!(node.run("", 0, 99, 1), [3, 4, 5, 6, 7, 8]);
    assert_eq!(node.run("", 0, 2, 9), [0, 1], "the pass was ended, so a new one begins");
}

#[test]
fn a_device_that_the_pass_was_done_with_is_not_walked_again() {
    let node = Node::new(2);
    node.put("sdb", 7);
    let mut before = node.run("", 0, 2, 9);
    before.extend(node.run("", 0, 99, 1));
    before.sort_unstable();
    before.dedup();
    assert_eq!(before, [0, 1, 7], "all of them in one pass, whichever device was the first");
}

#[test]
fn another_disk_under_a_name_is_walked_from_its_beginning() {
    for cloned in [false, true] {
        let node = Node::new(6);
        assert_eq!(node.run("", 0, 3, 9), [0, 1, 2]);
        let device = node.devices().join("sda");
        if cloned {
            // A copy that comes beside the first one is a device of its own.
            let copied = std::process::Command::new("cp")
                .arg("-a")
                .args([&device, &node.devices().join("sdb")])
                .status();
            assert!(copied.is_ok_and(|status| status.success()));
            let mut audited = node.run("", 0, 99, 1);
            audited.sort_unstable();
            assert_eq!(audited, [0, 1, 2, 2, 3, 3, 4, 4, 5, 5]);
        } else {
            fs::rename(device.join("containers"), device.join("other")).expect("taken away");
            fs::create_dir(device.join("containers")).expect("another");
            (0..4).for_each(|file| node.put("sda", file));
            assert_eq!(node.run("", 0, 99, 1), [0, 1, 2, 3]);
        }
    }
}

#[test]
fn two_names_of_one_disk_have_a_place_each() {
    let node = Node::new(4);
    let devices = node.devices();
    std::os::unix::fs::symlink(devices.join("sda"), devices.join("sdb")).expect("linked");
    assert_eq!(disk(&devices.join("sda")), disk(&devices.join("sdb")), "one and the same");
    assert_eq!(node.run("", 0, 3, 9), [0, 1, 2]);
    assert_eq!(node.run("", 0, 99, 1), [2, 3, 0, 1, 2, 3], "the other name is not passed over");
}

#[test]
fn a_tripped_breaker_outlasts_a_restart_but_not_a_new_conf() {
    let node = Node::new(9);
    assert_eq!(node.run("", 2, 5, 9).len(), 5);
    assert_eq!(node.quarantined(), 2);
    assert!(!node.run("", 2, 99, 2).is_empty());
    assert_eq!(node.quarantined(), 2, "tripped, over two more passes");
    assert!(!node.run("another", 2, 99, 1).is_empty());
    assert_eq!(node.quarantined(), 4, "a new conf has re-armed it");
}

#[test]
fn a_tripped_breaker_outlasts_an_absence_and_a_failed_listing() {
    for what in ["node/sda", "node"] {
        let node = Node::new(9);
        assert_eq!(node.run("", 2, 5, 9).len(), 5);
        node.put("sdb", 99);
        let (here, aside) = (node.root.path().join(what), node.root.path().join("aside"));
        for restarts in [false, true] {
            let ended = Mutex::new(0);
            let drive = node.drive("", 2);
            drive.run(1, &|said: &Said<'_>| {
                let Report::Ended(_) = said.report else { return };
                let mut ended = ended.lock().expect("one thread");
                *ended += 1;
                match *ended {
                    1 => fs::rename(&here, &aside).expect("taken away"),
                    2 if !restarts => fs::rename(&aside, &here).expect("put back"),
                    _ => drive.order(Order::Stop),
                }
            });
            if restarts {
                fs::rename(&aside, &here).expect("put back");
                assert!(!node.run("", 2, 99, 1).is_empty());
            }
            assert_eq!(node.quarantined(), 2, "{what} was away: it has tripped all the same");
        }
    }
}

#[test]
fn a_breaker_is_rearmed_before_the_first_pass_of_a_life_too() {
    let node = Node::new(9);
    assert_eq!(node.run("", 2, 5, 9).len(), 5);
    let store = || node.store("");
    assert!(store().load().entries[0].past.breaker.tripped);
    let drive: Drive<1> = node.drive("", 2);
    assert_eq!(drive.rearm(Some("sdx")), None, "there is no such device");
    assert_eq!(drive.rearm(None), Some(vec!["sda".into()]));
    assert_eq!(drive.rearm(None), Some(Vec::new()), "it is armed");
    assert!(!store().load().entries[0].past.breaker.tripped, "kept at once");
    assert!(store().load().head.pass.is_some(), "the pass still goes on");
}

#[test]
fn what_was_moved_is_counted_over_a_kill() {
    let node = Node::new(9);
    let drive = node.drive("", 2);
    let audits = Mutex::new(0);
    drive.run(1, &|said: &Said<'_>| {
        let Report::Audited(_) = said.report else { return };
        let mut audits = audits.lock().expect("one thread");
        // What a kill here would leave: all that was moved before this database, and the trip before it.
        let kept = node.store("").peek().unwrap_or_default();
        let breaker = kept.entries.first().map(|it| it.past.breaker).unwrap_or_default();
        let expected = [(0, false), (1, false), (2, false), (2, true)];
        assert_eq!((breaker.moved, breaker.tripped), expected[*audits], "before audit {audits}");
        *audits += 1;
        if *audits == expected.len() {
            drive.order(Order::Stop);
        }
    });
    assert_eq!((*audits.lock().expect("one thread"), node.quarantined()), (4, 2));
}

#[test]
fn lanes_that_save_beside_each_other_leave_a_whole_file() {
    const LANES: u8 = 4;
    let node = Node::new(0);
    let devices: Vec<_> = (0..LANES).map(|lane| format!("sd{lane}")).collect();
    for device in &devices {
        (0..30).for_each(|file| node.put(device, file));
    }
    let target = |(name, disk): (&String, u64)| {
        let path = node.devices().join(name);
        Target::Device(DeviceDir { path, mount_check: false, disk })
    };
    let ground = Ground::Named(devices.iter().zip(1..).map(target).collect());
    let drive: Drive<4> = Drive::new(&Node::conf(30), ground, true, 1).keeping(node.store(""));
    let torn = AtomicBool::new(false);
    drive.run(LANES, &|said: &Said<'_>| match said.report {
        Report::Ended(_) => drive.order(Order::Stop),
        Report::Audited(_) => {
            // Whenever a kill comes, there is a whole file. A panic here would be waited for.
            let store = node.store("");
            let is_there = store.file().exists();
            torn.fetch_or(is_there && store.peek().is_none(), Ordering::Relaxed);
        }
        Report::Began(_)
        | Report::Hit(..)
        | Report::Tripped(_)
        | Report::Window(_)
        | Report::Leaving(_) => {}
    });
    let moved: Vec<_> =
        node.store("").load().entries.iter().map(|it| it.past.breaker.moved).collect();
    assert_eq!((torn.into_inner(), moved), (false, vec![30; LANES.into()]));
}

#[test]
fn what_is_no_file_is_not_waited_for() {
    let node = Node::new(3);
    let store = node.store("");
    store.save(&saved());
    fs::remove_file(store.file()).expect("removed");
    nix::unistd::mkfifo(store.file(), nix::sys::stat::Mode::S_IRWXU).expect("made");
    assert_eq!(node.run("", 0, 99, 1), [0, 1, 2]);
    assert!(store.peek().is_some(), "it was set aside, and a file made");
    fs::remove_file(store.file()).expect("removed");
    let new = store.file().with_extension("state.new");
    nix::unistd::mkfifo(&new, nix::sys::stat::Mode::S_IRWXU).expect("made");
    let (tell, told) = mpsc::channel();
    thread::spawn(move || {
        store.save(&saved());
        tell.send(store.file().exists())
    });
    // A bound for a wait that never ends, not a measure.
    assert_eq!(told.recv_timeout(Duration::from_secs(60)), Ok(false), "it cannot be saved");
}

fn saved() -> Saved {
    let entry = |name: &[u8]| Entry {
        name: Name::from_slice(name).unwrap_or_default(),
        past: Past { found: 3, breaker: Breaker { moved: 1, tripped: true }, ..Past::default() },
        place: Place::new([b"1", b"abc", b"0123"]),
        ..Entry::default()
    };
    let head = Head { pass: Some(Duration::from_secs(5)), ..Head::default() };
    Saved { head, entries: vec![entry(b"sda"), entry(b"sd\xff")] }
}

#[test]
fn what_is_saved_is_loaded_and_only_the_owner_may_read_it() {
    let node = Node::new(0);
    let store = node.store("x");
    assert_eq!(store.load(), Saved::default(), "there is none yet");
    store.save(&saved());
    let found = store.load();
    assert_eq!((found.head.pass, &found.entries), (saved().head.pass, &saved().entries));
    let mode = fs::metadata(store.file()).expect("there").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let names: Vec<_> = fs::read_dir(node.state()).expect("there").collect();
    assert_eq!(names.len(), 1, "no temporary file stays: {names:?}");
    let armed = node.store("y").load();
    assert!(armed.entries.iter().all(|entry| entry.past.breaker == Breaker::default()));
    let other = Store::new(&node.state(), Path::new("/etc/swift/container-server/2.conf"), "x");
    assert_ne!(other.file(), store.file(), "each conf has its own");
}

#[test]
fn what_cannot_be_used_is_set_aside_and_a_new_pass_begins() {
    let node = Node::new(3);
    let store = node.store("");
    store.save(&saved());
    let whole = fs::read(store.file()).expect("there");
    assert_eq!(whole.len(), HEAD_BYTES + 2 * ENTRY_BYTES);
    let changed = |place: usize| {
        let mut bytes = whole.clone();
        bytes[place] ^= 1;
        bytes
    };
    for (what, bytes) in [
        ("empty", Vec::new()),
        ("cut in the head", whole[..9].to_vec()),
        ("cut in an entry", whole[..whole.len() - 1].to_vec()),
        ("foreign", vec![b'{'; 5000]),
        ("newer", changed(9)),
        ("a changed head", changed(20)),
        ("a changed entry", changed(HEAD_BYTES + 300)),
    ] {
        fs::write(store.file(), &bytes).expect("written");
        assert_eq!(store.load(), Saved::default(), "{what}");
        let aside = store.file().with_extension("state.bad");
        assert_eq!(fs::read(&aside).expect("set aside"), bytes, "{what}");
        assert!(!store.file().exists(), "{what}");
    }
    assert_eq!(node.run("", 0, 2, 9), [0, 1], "a daemon starts on such a node");
}

#[test]
fn what_was_set_aside_before_is_kept_beside_it_and_the_oldest_gives_way() {
    let node = Node::new(1);
    let store = node.store("");
    fs::create_dir_all(node.state()).expect("made");
    let aside = |ending: &str| fs::read_to_string(store.file().with_extension(ending)).ok();
    for turn in 1..=6 {
        fs::write(store.file(), format!("spoilt {turn}")).expect("written");
        assert_eq!(store.load(), Saved::default());
        let endings = ["state.bad", "state.bad.1", "state.bad.2", "state.bad.3", "state.bad.4"];
        let kept = endings.map(aside);
        let back = |by: i32| (0 < turn - by && by < 4).then(|| format!("spoilt {}", turn - by));
        assert_eq!(kept, [0, 1, 2, 3, 4].map(back), "turn {turn}");
    }
}

#[test]
fn a_place_that_cannot_be_written_costs_no_audit() {
    let node = Node::new(3);
    fs::write(node.state(), b"a file where the directory should be").expect("written");
    assert_eq!(node.run("", 0, 99, 2), [0, 1, 2, 0, 1, 2]);
}

#[test]
fn a_disk_is_known_by_its_containers() {
    let node = Node::new(1);
    let device = node.devices().join("sda");
    let first = disk(&device).expect("seen");
    assert_eq!(disk(&device), Some(first));
    fs::rename(device.join("containers"), device.join("other")).expect("renamed");
    assert_eq!(disk(&device), None);
    fs::create_dir(device.join("containers")).expect("made");
    assert_ne!(disk(&device), Some(first));
}
