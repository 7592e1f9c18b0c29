//! A disk that takes its time with the state files: whoever audits or asks meanwhile does not wait for it.
use std::fs::{self, File, OpenOptions};
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::sync::{Arc, mpsc};
use std::thread;

use martlet_core::audit::{Device, Order};
use martlet_core::breaker::Breaker;
use martlet_core::cursor::{Entry, Name};
use martlet_core::path::DbPath;
use martlet_core::verdict::Verdict;
use martlet_platform_linux::drive::{Drive, Ground, wanted};
use martlet_platform_linux::hands::Target;
use martlet_platform_linux::state::coverage::Coverages;
use martlet_platform_linux::state::findings::{Findings, read};
use martlet_platform_linux::state::{Saved, Store};
use martlet_tests::daemon::PATIENCE;
use martlet_tests::one_pass::one_pass;
use nix::fcntl::{FcntlArg, fcntl};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::stat::Mode as Bits;

const CONF: &str = "/etc/swift/container-server.conf";

/// More of anything than a page and a buffer have room for.
const MANY: u32 = 200;

/// The new text of a state file, on a disk that takes a page of it and then no more until this is dropped;
/// then it fails.
struct Slow(File, PathBuf);

impl Slow {
    fn new(file: &Path) -> Self {
        let mut path = file.as_os_str().to_owned();
        path.push(".new");
        let path = PathBuf::from(path);
        nix::unistd::mkfifo(&path, Bits::S_IRWXU).expect("made");
        let pipe = OpenOptions::new().read(true).write(true).open(&path).expect("opened");
        fcntl(&pipe, FcntlArg::F_SETPIPE_SZ(4096)).expect("a page");
        Self(pipe, path)
    }

    /// Waits until somebody writes.
    fn is_written(&self) {
        let patience = PollTimeout::try_from(PATIENCE).expect("short");
        let found = poll(&mut [PollFd::new(self.0.as_fd(), PollFlags::POLLIN)], patience);
        assert_eq!(found, Ok(1), "nobody writes");
    }
}

impl Drop for Slow {
    fn drop(&mut self) {
        fs::remove_file(&self.1).expect("it is there");
    }
}

/// The file of this kind in the directory.
fn file(place: &Path, ending: &str) -> PathBuf {
    let mut entries = fs::read_dir(place).expect("there").flatten().map(|entry| entry.path());
    entries.find(|path| path.extension().is_some_and(|it| it == ending)).expect("of that kind")
}

/// A node of many devices, one of which waits to be rearmed: that is saved at once.
fn node(place: &Path) -> (Drive<1>, Arc<Coverages>) {
    let store = Store::new(place, Path::new(CONF), "");
    let mut entry = Entry { name: Name::from_slice(b"sda").expect("short"), ..Entry::default() };
    entry.past.breaker = Breaker { tripped: true, ..Breaker::default() };
    store.save(&Saved { entries: vec![entry], ..Saved::default() });
    let coverage = Arc::new(Coverages::new(Some(place), Path::new(CONF), wanted(&one_pass())));
    let device = |number: u32| Name::from_slice(format!("sd{number}").as_bytes()).expect("short");
    coverage.list((0..MANY).map(|number| (device(number), None, false)));
    let ground = Ground::Named(Vec::new());
    let drive = Drive::new(&one_pass(), ground, false, 1).keeping(store);
    (drive.covering(Arc::clone(&coverage)), coverage)
}

#[test]
fn nobody_waits_for_the_disk_while_the_coverage_is_saved() {
    let place = tempfile::tempdir().expect("a directory");
    let (drive, coverage) = node(place.path());
    assert!(coverage.save(None, coverage.resume(None)), "there is a file");
    let slow = Slow::new(&file(place.path(), "coverage"));
    let (say, hear) = mpsc::channel();
    thread::scope(|threads| {
        let slow = slow; // let go of before the threads are waited for, also when this fails
        threads.spawn(|| drive.rearm(None));
        slow.is_written();
        threads.spawn(|| {
            coverage.audited(Device(0), &DbPath::new(b"/srv/node/sd0"), Verdict::Sound);
            let devices = drive.standing().devices.len();
            drive.order(Order::Stop);
            say.send((devices, coverage.ages().len())).expect("heard");
        });
        let told = hear.recv_timeout(PATIENCE).expect("an audit, a status and a stop go on");
        assert_eq!(told, (0, 200));
    });
}

#[test]
fn nobody_waits_for_the_disk_while_findings_are_saved_and_none_is_lost() {
    let root = tempfile::tempdir().expect("a directory");
    let (node, place) = (root.path().join("node"), root.path().join("state"));
    let findings = Arc::new(Findings::new(Some(&place), Path::new(CONF)));
    let put = |numbers: std::ops::Range<u32>| {
        for number in numbers {
            let dir = node.join(format!("sda/containers/{number}/abc/{number:029}abc"));
            fs::create_dir_all(&dir).expect("made");
            fs::write(dir.join(format!("{number:029}abc.db")), b"").expect("written");
        }
        let ground = Ground::Named(Target::at(&node).expect("devices"));
        let drive: Drive<1> =
            Drive::new(&one_pass(), ground, false, 1).finding(Arc::clone(&findings));
        drive.run(1, &|_| ());
    };
    let kept = || {
        let list = read(&place, Path::new(CONF)).expect("readable").expect("there");
        list.findings.len()
    };
    put(0..1);
    findings.save();
    let slow = Slow::new(&file(&place, "findings"));
    put(1..MANY);
    let (say, hear) = mpsc::channel();
    thread::scope(|threads| {
        let slow = slow; // let go of before the threads are waited for, also when this fails
        threads.spawn(|| findings.save());
        slow.is_written();
        threads.spawn(|| say.send((findings.open(), findings.list().findings.len())));
        let told = hear.recv_timeout(PATIENCE).expect("who asks and who notes goes on");
        assert_eq!(told, (200, 200));
    });
    assert_eq!(kept(), 1, "the disk has failed");
    findings.save();
    assert_eq!(kept(), 200, "what could not be saved was owed");
}
