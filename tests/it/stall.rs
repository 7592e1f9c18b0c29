//! A device that does not answer holds its own lane, and is named.
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use martlet_core::audit::{Conf, Mode, Order, Report};
use martlet_core::breaker::Limits;
use martlet_core::due::{DeepConf, Which};
use martlet_platform_linux::clock;
use martlet_platform_linux::devices::DeviceDir;
use martlet_platform_linux::drive::{Drive, Ground, Stall};
use martlet_platform_linux::hands::Target;
use martlet_tests::daemon::PATIENCE;
use martlet_tests::fixtures::named;
use martlet_tests::tree::Tree;

const CONF: Conf = Conf {
    mode: Mode::Forever,
    interval: Duration::ZERO,
    spacing: Duration::ZERO,
    quarantine: false,
    breaker: Limits { databases: 0, share: 0 },
    hash: None,
    deep: DeepConf { which: Which::All, bytes_per_second: 0, hold: Duration::ZERO },
};

/// What has come to pass, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Fact {
    Audited(String),
    Stalled(PathBuf),
    Answers(PathBuf),
    Ended,
}

#[derive(Debug, Default)]
struct Facts {
    list: Mutex<Vec<Fact>>,
    more: Condvar,
}

impl Facts {
    fn add(&self, fact: Fact) {
        self.list.lock().expect("whole").push(fact);
        self.more.notify_all();
    }

    fn has(&self, fact: &Fact) -> bool {
        self.list.lock().expect("whole").contains(fact)
    }

    /// Waits until it has come to pass.
    fn until(&self, is_it: impl Fn(&Fact) -> bool) {
        let end = clock::mono().after(PATIENCE);
        let mut list = self.list.lock().expect("whole");
        while !list.iter().any(&is_it) {
            assert!(clock::mono() < end, "it never comes: {list:?}");
            list = clock::wait(&self.more, list, end);
        }
    }
}

#[test]
fn a_device_that_stalls_holds_its_own_lane_and_is_named_until_it_answers() {
    let tree = Tree::new();
    let device = |name: &str, disk| {
        let db = tree.add(name, named("small")).db();
        let path = db.ancestors().nth(5).expect("a device is above").to_owned();
        (Target::Device(DeviceDir { path: path.clone(), mount_check: false, disk }), path)
    };
    let (slow, slow_path) = device("sda", 1);
    let (quick, quick_path) = device("sdb", 2);
    let (facts, held) = (Arc::new(Facts::default()), Arc::new((Mutex::new(true), Condvar::new())));
    // The first deep look of all is held up; which device that is on is not known before.
    let (first, gate) = (Mutex::new(true), Arc::clone(&held));
    let tell = move |_| {
        if std::mem::take(&mut *first.lock().expect("whole")) {
            let mut shut = gate.0.lock().expect("whole");
            while *shut {
                shut = clock::wait(&gate.1, shut, martlet_core::time::Mono::FAR);
            }
        }
    };
    let ground = Ground::Named(vec![slow, quick]);
    let drive: Drive<2> = Drive::new(&CONF, ground, false, 1).telling(Arc::new(tell));
    let name = |path: &Path| path.file_name().expect("named").to_string_lossy().into_owned();
    std::thread::scope(|threads| {
        threads.spawn(|| {
            drive.run(2, &|said| match said.report {
                Report::Audited(_) => {
                    let device = said.device.map_or(Path::new("-"), Target::path);
                    facts.add(Fact::Audited(name(device)));
                }
                Report::Ended(_) => facts.add(Fact::Ended),
                Report::Began(_)
                | Report::Hit(..)
                | Report::Tripped(_)
                | Report::Window(_)
                | Report::Leaving(_) => {}
            });
        });
        threads.spawn(|| {
            let hear = |device: &Path, stall| {
                facts.add(match stall {
                    Stall::Lasts(_) => Fact::Stalled(device.to_owned()),
                    Stall::Over(_) => Fact::Answers(device.to_owned()),
                });
            };
            drive.watch(Duration::from_millis(20), &hear, &|| {});
        });
        // Whichever is held, the other one is audited meanwhile.
        facts.until(|fact| matches!(fact, Fact::Audited(_)));
        let audited = |path: &Path| facts.has(&Fact::Audited(name(path)));
        let path = if audited(&quick_path) { &slow_path } else { &quick_path };
        assert!(!audited(path), "the other one is held up");
        facts.until(|fact| *fact == Fact::Stalled(path.clone()));
        assert!(!facts.has(&Fact::Ended), "it is waited for");
        *held.0.lock().expect("whole") = false;
        held.1.notify_all();
        facts.until(|fact| *fact == Fact::Audited(name(path)));
        facts.until(|fact| *fact == Fact::Answers(path.clone()));
        facts.until(|fact| *fact == Fact::Ended);
        drive.order(Order::Stop);
    });
}
