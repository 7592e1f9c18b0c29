//! A device that hangs where no lane works on it: before a pass, and after one. Whoever looks at it is named.
use std::fs::{self, File, OpenOptions};
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::thread;

use super::{AFTER, conf};
use crate::mount::{unmount, with_own_mounts};
use martlet_core::audit::{Order, Report};
use martlet_platform_linux::drive::{Drive, Ground, Said, Stall};
use martlet_platform_linux::state::findings::Findings;
use martlet_tests::daemon::PATIENCE;
use martlet_tests::fixtures::named;
use martlet_tests::tree::Tree;
use nix::mount::{MsFlags, mount};

/// Mounts a file system that never answers; none where that cannot be done, which is said. It answers with an
/// error once the file is closed.
fn hang(place: &Path) -> Option<File> {
    let mounted = || {
        let end = OpenOptions::new().read(true).write(true).open("/dev/fuse")?;
        let words = format!("fd={},rootmode=40000,user_id=0,group_id=0", end.as_raw_fd());
        mount(Some("fuse"), place, Some("fuse"), MsFlags::empty(), Some(words.as_str()))?;
        Ok::<_, std::io::Error>(end)
    };
    mounted().inspect_err(|error| eprintln!("NOT TESTED: a device that hangs: {error}")).ok()
}

/// Ends the node's threads, also when a test fails: they would be waited for.
struct End<'a>(&'a Drive<2>, &'a Mutex<Option<File>>);

impl Drop for End<'_> {
    fn drop(&mut self) {
        self.0.order(Order::Stop);
        *self.1.lock().expect("whole") = None;
    }
}

/// Two devices, of which `sda` has a database, and a drive of them with findings.
fn node() -> (Tree, PathBuf, Drive<2>, Arc<Findings>) {
    let tree = Tree::new();
    let db = tree.add("sda", named("small")).db();
    let sda = db.ancestors().nth(5).expect("a device is above").to_owned();
    let root = sda.parent().expect("the devices").to_owned();
    fs::create_dir_all(root.join("sdb/containers")).expect("made");
    let findings = Arc::new(Findings::new(None, Path::new("/etc/a.conf")));
    let ground = Ground::Devices { root, mount_check: false };
    let drive: Drive<2> = Drive::new(&conf(), ground, false, 1);
    (tree, sda, drive.finding(Arc::clone(&findings)), findings)
}

/// Runs it until `sda` is named as what all wait for, and then as what answers again. `say` hears what is said.
fn is_named(
    sda: &Path,
    drive: &Drive<2>,
    end: &Mutex<Option<File>>,
    asks: impl Fn() + Sync,
    say: &(dyn Fn(&Said<'_>) + Sync),
) {
    let (tell, hear) = mpsc::channel();
    thread::scope(|threads| {
        let ends = End(drive, end);
        threads.spawn(|| drive.run(2, say));
        let told = tell.clone();
        threads.spawn(move || {
            // A slow machine's look of one lane may last as long, and is over soon.
            let all = AtomicBool::new(false);
            let hear = |path: &Path, stall| {
                all.fetch_or(matches!(stall, Stall::HoldsAll(_)), Ordering::Relaxed);
                if all.load(Ordering::Relaxed) {
                    let _told = told.send(Some((path.to_owned(), stall)));
                }
            };
            drive.watch(AFTER, &hear, &|| {});
        });
        let told = hear.recv_timeout(PATIENCE).expect("it is named").expect("so soon");
        assert!(told.0 == sda && matches!(told.1, Stall::HoldsAll(_)), "{told:?}");
        threads.spawn(|| {
            asks();
            drop(tell.send(None));
        });
        assert_eq!(hear.recv_timeout(PATIENCE), Ok(None), "who asks is answered");
        *end.lock().expect("whole") = None;
        let told = hear.recv_timeout(PATIENCE).expect("it answers").expect("a device");
        assert!(told.0 == sda && matches!(told.1, Stall::Over(_)), "{told:?}");
        drop(ends);
    });
}

#[test]
fn a_device_that_hangs_as_a_pass_begins_is_named() {
    let (_tree, sda, drive, _findings) = node();
    with_own_mounts(|| {
        let Some(end) = hang(&sda) else { return };
        let asks = || drop(drive.standing());
        is_named(&sda, &drive, &Mutex::new(Some(end)), asks, &|_| ());
    });
}

/// The same for a device that hangs from the first report on that is as `is_it` says.
fn is_named_from(is_it: impl Fn(&Report<'_>) -> bool + Sync) {
    let (_tree, sda, drive, findings) = node();
    with_own_mounts(|| {
        // Once before: only this says whether it can be done.
        let probe = tempfile::tempdir().expect("a directory");
        let Some(_can) = hang(probe.path()) else { return };
        let end = Mutex::new(None);
        let asks = || {
            assert_eq!(findings.open(), 0);
            assert_eq!(drive.standing().devices.len(), 2);
        };
        let once = AtomicBool::new(true);
        is_named(&sda, &drive, &end, asks, &|said| {
            if is_it(said.report) && once.swap(false, Ordering::Relaxed) {
                *end.lock().expect("whole") = hang(&sda);
            }
        });
        unmount(probe.path()).expect("unmounted");
    });
}

#[test]
fn a_device_that_hangs_as_a_pass_ends_is_named_and_holds_up_nobody_who_asks() {
    is_named_from(|report| matches!(report, Report::Audited(_)));
}

#[test]
fn a_device_that_begins_to_hang_between_two_passes_is_named() {
    is_named_from(|report| matches!(report, Report::Ended(_)));
}
