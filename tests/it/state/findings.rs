//! What was found: listed while it is wrong, closed when it is not, kept over restarts and versions.
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use martlet_core::audit::{Conf, Mode, Order, Report};
use martlet_core::breaker::Limits;
use martlet_core::due::{DeepConf, Which};
use martlet_platform_linux::drive::{Drive, Ground, Said};
use martlet_platform_linux::hands::Target;
use martlet_platform_linux::state::findings::{
    Action, Closed, FINDINGS_MAX, Finding, Findings, List, read,
};
use martlet_tests::damage;
use martlet_tests::fixtures::named;
use martlet_tests::one_pass::one_pass;

const CONF: &str = "/etc/swift/container-server.conf";

/// A database that nothing is wrong with.
fn sound() -> &'static [u8] {
    &named("small").newest().bytes
}

struct Node {
    root: tempfile::TempDir,
}

impl Node {
    fn new() -> Self {
        Self { root: tempfile::tempdir().expect("a directory") }
    }

    fn devices(&self) -> PathBuf {
        self.root.path().join("node")
    }

    fn state(&self) -> PathBuf {
        self.root.path().join("state")
    }

    /// The place of a database on a device, by its number.
    fn at(&self, device: &str, number: u32) -> PathBuf {
        let name = format!("{number:032x}");
        let dir = self.devices().join(device).join("containers").join(number.to_string());
        dir.join(&name[29..]).join(&name).join(format!("{name}.db"))
    }

    fn put(&self, device: &str, number: u32, bytes: &[u8]) -> PathBuf {
        let path = self.at(device, number);
        fs::create_dir_all(path.parent().expect("a directory")).expect("made");
        fs::write(&path, bytes).expect("written");
        path
    }

    fn findings(&self) -> Findings {
        Findings::new(Some(&self.state()), Path::new(CONF))
    }

    /// Runs a daemon for so many passes, and stops it; what is kept then.
    fn run(&self, passes: u32, moves: u32, deep: bool) -> List {
        let conf = Conf {
            mode: Mode::Forever,
            interval: Duration::ZERO,
            spacing: Duration::ZERO,
            quarantine: 0 < moves,
            breaker: Limits { databases: moves, share: 1_000_000 },
            deep: DeepConf {
                which: if deep { Which::All } else { Which::Never },
                ..DeepConf::default()
            },
            hash: None,
        };
        let ground = Ground::Devices { root: self.devices(), mount_check: false };
        let drive: Drive<1> = Drive::new(&conf, ground, true, 1).finding(Arc::new(self.findings()));
        let left = Mutex::new(passes);
        drive.run(1, &|said: &Said<'_>| {
            if let Report::Ended(_) = said.report {
                let mut left = left.lock().expect("one thread");
                *left -= 1;
                if *left == 0 {
                    drive.order(Order::Stop);
                }
            }
        });
        self.list()
    }

    /// One pass that tells `findings`, which are saved then.
    fn pass(&self, findings: &Arc<Findings>) {
        let conf = one_pass();
        let ground = Ground::Devices { root: self.devices(), mount_check: false };
        let drive: Drive<1> = Drive::new(&conf, ground, true, 1).finding(Arc::clone(findings));
        drive.run(1, &|_| ());
        findings.save();
    }

    fn list(&self) -> List {
        read(&self.state(), Path::new(CONF)).expect("it can be read").unwrap_or_default()
    }
}

fn only(list: &List) -> &Finding {
    assert_eq!(list.findings.len(), 1, "{list:#?}");
    &list.findings[0]
}

#[test]
fn a_finding_says_what_where_since_when_and_what_was_done() {
    let node = Node::new();
    let path = node.put("sda", 1, b"");
    assert_eq!(node.run(2, 9, false).open, 1);
    let list = node.list();
    let finding = only(&list);
    assert_eq!((&finding.path, finding.device.as_os_str()), (&path, "sda".as_ref()));
    assert_eq!((&*finding.verdict, &*finding.codes), ("damaged", &["stat-empty-file".into()][..]));
    assert_eq!((finding.times, &finding.action, finding.closed), (2, &Action::Reported, None));
    assert!(finding.first < finding.last);
    let first = finding.first;
    let list = node.run(1, 9, false);
    assert_eq!((only(&list).times, only(&list).first), (3, first), "it is the same one");
    fs::write(&path, sound()).expect("mended");
    let list = node.run(1, 9, false);
    assert_eq!((list.open, only(&list).closed.map(|it| it.0)), (0, Some(Closed::Sound)));
    fs::write(&path, b"").expect("spoilt");
    let list = node.run(1, 9, false);
    assert_eq!((list.open, only(&list).times, only(&list).closed), (1, 1, None), "a new one");
    fs::remove_dir_all(node.devices().join("sda/containers/1")).expect("removed");
    let list = node.run(1, 9, false);
    assert_eq!((list.open, only(&list).closed.map(|it| it.0)), (0, Some(Closed::Vanished)));
}

#[test]
fn what_was_moved_aside_is_open_until_a_copy_is_back_or_it_is_purged() {
    for purged in [false, true] {
        let node = Node::new();
        let path = node.put("sda", 1, &[b'x'; 4096]);
        let list = node.run(3, 9, false);
        let hash = path.parent().and_then(Path::file_name).expect("a name");
        let place = node.devices().join("sda/quarantined/containers").join(hash);
        assert_eq!((list.open, &only(&list).action), (1, &Action::Moved(place.clone())));
        let why = if purged {
            fs::remove_dir_all(place).expect("purged");
            Closed::Vanished
        } else {
            node.put("sda", 1, sound());
            Closed::Sound
        };
        let list = node.run(1, 9, false);
        assert_eq!((list.open, only(&list).closed.map(|it| it.0)), (0, Some(why)));
    }
}

#[test]
fn what_was_left_says_why() {
    let node = Node::new();
    node.put("sda", 1, &[b'x'; 4096]);
    for (moves, reason) in [(0, "off"), (9, "epochs")] {
        if reason == "epochs" {
            let path = node.at("sda", 1);
            let other = path.with_file_name(format!("{:032x}_1700000000.00000.db", 1));
            fs::copy(&path, other).expect("another epoch");
        }
        let list = node.run(1, moves, false);
        for finding in &list.findings {
            assert_eq!(finding.action, Action::Left(reason.into()), "{finding:?}");
        }
    }
    let node = Node::new();
    (0..5).for_each(|number| drop(node.put("sda", number, &[b'x'; 4096])));
    let list = node.run(1, 2, false);
    let held = |it: &&Finding| it.action == Action::Left("breaker".into());
    assert_eq!((list.open, list.findings.iter().filter(held).count()), (5, 3));
}

#[test]
fn only_a_deep_audit_closes_what_a_deep_audit_found() {
    let node = Node::new();
    let path = node.put("sda", 1, sound());
    damage::sql(&path, "DROP INDEX ix_object_deleted_name");
    let list = node.run(1, 0, true);
    assert_eq!((list.open, &*only(&list).codes), (1, &["rows-index".to_owned()][..]));
    assert_eq!(node.run(2, 0, false).open, 1, "two stat audits saw nothing of it");
    fs::write(&path, sound()).expect("mended");
    assert_eq!(node.run(1, 0, false).open, 1);
    assert_eq!(node.run(1, 0, true).open, 0);
}

#[test]
fn there_are_as_many_as_there_are_though_not_all_are_listed() {
    let node = Node::new();
    let max = u32::try_from(FINDINGS_MAX).expect("some hundred");
    (0..max + 20).for_each(|number| drop(node.put("sda", number, b"")));
    for _restart in 0..2 {
        let list = node.run(1, 0, false);
        assert_eq!((list.open, list.unlisted), (u64::from(max) + 20, 20));
        assert_eq!(list.findings.len(), FINDINGS_MAX);
    }
    node.put("sda", max + 3, sound());
    let list = node.run(1, 0, false);
    assert_eq!((list.open, list.unlisted), (u64::from(max) + 19, 19));
}

#[test]
fn a_device_that_is_away_keeps_its_findings() {
    let node = Node::new();
    node.put("sda", 1, b"");
    node.put("sdb", 2, b"");
    assert_eq!(node.run(1, 0, false).open, 2);
    fs::rename(node.devices().join("sdb"), node.root.path().join("away")).expect("unplugged");
    let list = node.run(2, 0, false);
    assert_eq!(list.open, 2, "{list:#?}");
}

#[test]
fn a_device_that_is_not_mounted_keeps_its_findings_and_what_was_moved_from_it() {
    let node = Node::new();
    node.put("sda", 1, b"");
    node.put("sda", 2, &[b'x'; 4096]);
    node.put("sdb", 3, sound());
    assert_eq!(node.run(1, 9, false).open, 2);
    let (here, away) = (node.devices().join("sda"), node.root.path().join("away"));
    fs::rename(&here, &away).expect("taken away");
    fs::create_dir(&here).expect("the place where it was mounted");
    assert_eq!(node.run(2, 9, false).open, 2, "an empty directory tells nothing");
    fs::remove_dir(&here).expect("empty");
    fs::rename(&away, &here).expect("mounted again");
    assert_eq!(node.run(1, 9, false).open, 2);
    fs::remove_dir_all(here.join("quarantined")).expect("purged");
    assert_eq!(node.run(1, 9, false).open, 1);
}

#[test]
fn what_the_disk_did_not_give_is_not_replaced_by_less() {
    let node = Node::new();
    node.put("sda", 1, b"");
    let first = only(&node.run(2, 0, false)).first;
    let file = node.findings().file().expect("kept").to_owned();
    let kept = file.with_extension("kept");
    for comes_back in [true, false] {
        fs::rename(&file, &kept).expect("renamed");
        std::os::unix::fs::symlink(&file, &file).expect("what cannot be opened");
        let findings = Arc::new(node.findings());
        assert_eq!(findings.open(), 0, "nobody knows of it");
        if comes_back {
            fs::remove_file(&file).expect("removed");
            fs::rename(&kept, &file).expect("the disk answers again");
        }
        node.pass(&findings);
        let list = node.list();
        let found = only(&list);
        let mut aside = file.clone().into_os_string();
        aside.push(".bad");
        if comes_back {
            assert_eq!((found.first, found.times), (first, 3), "its history goes on");
        } else {
            assert_eq!((first < found.first, found.times), (true, 1));
        }
        assert_eq!(fs::read_link(aside).is_ok(), !comes_back, "and the old one is kept aside");
    }
}

#[test]
fn what_a_single_pass_kept_while_a_daemon_began_is_not_lost() {
    let node = Node::new();
    let gone = node.put("sda", 1, b"");
    let once = Findings::of_a_pass(&node.state(), Path::new(CONF)).expect("a place");
    let once = Arc::new(once.expect("nobody else"));
    let daemon = Arc::new(node.findings());
    node.pass(&once);
    drop(once);
    // Moved aside by that pass, say: nobody finds it again.
    fs::remove_file(&gone).expect("removed");
    node.put("sda", 2, b"");
    node.pass(&daemon);
    let list = node.list();
    assert_eq!((list.open, list.findings.len()), (2, 2), "{list:#?}");
}

#[test]
fn the_file_is_for_owner_and_group_and_is_left_alone_while_nothing_changes() {
    let node = Node::new();
    let path = node.put("sda", 1, b"");
    node.run(1, 0, false);
    let file = node.findings().file().expect("kept").to_owned();
    let mode = fs::metadata(&file).expect("there").permissions().mode();
    assert_eq!(mode & 0o777, 0o640);
    fs::write(&path, sound()).expect("mended");
    node.run(1, 0, false);
    let before = fs::read(&file).expect("there");
    fs::remove_file(&file).expect("removed");
    fs::write(&file, &before).expect("put back");
    let written = fs::metadata(&file).expect("there").modified().expect("a time");
    node.run(2, 0, false);
    let then = fs::metadata(&file).expect("there").modified().expect("a time");
    assert_eq!(then, written, "two passes over sound databases write nothing");
    let names = fs::read_dir(node.state()).expect("there").count();
    assert_eq!(names, 2, "and nothing lies beside it but its lock");
}

#[test]
fn what_could_not_be_saved_is_saved_once_there_is_a_place() {
    let node = Node::new();
    node.put("sda", 1, b"");
    // A file where the directory is to be.
    fs::write(node.state(), b"").expect("a file");
    let findings = Arc::new(node.findings());
    node.pass(&findings);
    assert_eq!(findings.open(), 1);
    fs::remove_file(node.state()).expect("removed");
    findings.save();
    assert_eq!(only(&node.list()).codes, ["stat-empty-file"]);
}

#[test]
fn what_cannot_be_used_is_set_aside_by_a_daemon_and_refused_by_a_reader() {
    let node = Node::new();
    node.put("sda", 1, b"");
    node.run(1, 0, false);
    let file = node.findings().file().expect("kept").to_owned();
    let whole = fs::read(&file).expect("there");
    let changed = |place: usize| {
        let mut bytes = whole.clone();
        bytes[place] ^= 3;
        bytes
    };
    for (what, bytes) in [
        ("not a file of martlet", b"{}".to_vec()),
        ("damaged", whole[..whole.len() - 1].to_vec()),
        ("damaged", changed(70)),
        ("written by a later version (format 2)", changed(8)),
    ] {
        fs::write(&file, &bytes).expect("written");
        let error = read(&node.state(), Path::new(CONF)).expect_err(what).to_string();
        assert!(error.ends_with(what), "{error}");
        assert_eq!(node.findings().list(), List::default(), "{what}");
        let mut aside = file.clone().into_os_string();
        aside.push(".bad");
        assert_eq!(fs::read(aside).expect("set aside"), bytes, "{what}");
    }
    assert!(read(&node.state(), Path::new(CONF)).expect("no trouble").is_none());
}

#[test]
fn a_single_pass_adds_to_what_is_kept_and_one_writes_at_a_time() {
    let node = Node::new();
    let (_sound, hurt) = (node.put("sda", 1, sound()), node.put("sda", 2, &sound()[..5000]));
    let state = node.state();
    let of_a_pass = || Findings::of_a_pass(&state, Path::new(CONF)).expect("a place");
    let first = of_a_pass().expect("nobody else");
    assert!(of_a_pass().is_none(), "one at a time");
    let beside = node.findings();
    let pass = |findings: Findings, ground: Ground| {
        let conf = one_pass();
        let findings = Arc::new(findings);
        let drive: Drive<1> = Drive::new(&conf, ground, true, 1).finding(Arc::clone(&findings));
        drive.run(1, &|_| {});
        findings.save();
        read(&state, Path::new(CONF)).expect("it can be read")
    };
    let devices = || Ground::Devices { root: node.devices(), mount_check: false };
    assert_eq!(pass(beside, devices()), None, "a daemon waits for the pass that keeps its own");
    let kept = pass(first, devices()).expect("it was kept");
    let paths: Vec<_> = kept.findings.iter().map(|it| it.path.clone()).collect();
    assert_eq!((kept.open, paths), (1, vec![hurt.clone()]));

    // A pass over one partition closes what it sees mended, under the name of the device.
    let other = node.put("sda", 3, &sound()[..5000]);
    fs::write(&hurt, sound()).expect("mended");
    let below = |number: u32| {
        let partition = node.devices().join("sda/containers").join(number.to_string());
        Ground::Named(Target::at(&partition).expect("a partition"))
    };
    let _both = pass(of_a_pass().expect("the first has ended"), below(3));
    let kept = pass(of_a_pass().expect("so has that"), below(2)).expect("kept");
    let open: Vec<_> = kept.findings.iter().filter(|it| it.closed.is_none()).collect();
    assert_eq!((kept.open, &open[0].path, open[0].device.to_str()), (1, &other, Some("sda")));
}
