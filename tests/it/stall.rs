//! A device that does not answer holds its own lane, and is named; passes go on without it.
mod hang;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use martlet_core::audit::{Conf, Doing, Mode, Order, Report};
use martlet_core::due::{DeepConf, Which};
use martlet_platform_linux::clock;
use martlet_platform_linux::deep::Around;
use martlet_platform_linux::devices::DeviceDir;
use martlet_platform_linux::drive::{DeviceStanding, Drive, Ground, Stall, wanted};
use martlet_platform_linux::hands::Target;
use martlet_platform_linux::state::coverage::Coverages;
use martlet_tests::daemon::PATIENCE;
use martlet_tests::fixtures::named;
use martlet_tests::one_pass::one_pass;
use martlet_tests::tree::Tree;

/// Passes without end, each with a deep audit of every database.
fn conf() -> Conf {
    let deep = DeepConf { which: Which::All, ..DeepConf::default() };
    Conf { mode: Mode::Forever, deep, ..one_pass() }
}

/// How long a step lasts that is no answer any more: long enough for a slow machine's own.
const AFTER: Duration = Duration::from_secs(2);

/// What has come to pass, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Fact {
    Began,
    Audited(String),
    Stalled(PathBuf),
    Answers(PathBuf),
    /// So much was passed over.
    Ended(u64),
    Leaving,
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

    /// Waits until so many of the kind have come to pass, and returns all that has.
    fn until(&self, count: usize, is_it: impl Fn(&Fact) -> bool) -> Vec<Fact> {
        let end = clock::mono().after(PATIENCE);
        let mut list = self.list.lock().expect("whole");
        while list.iter().filter(|fact| is_it(fact)).count() < count {
            assert!(clock::mono() < end, "it never comes: {list:?}");
            list = clock::wait(&self.more, list, end);
        }
        list.clone()
    }
}

/// Two devices of two disks, and two lanes; the first deep look of all is held up.
struct Node {
    facts: Arc<Facts>,
    /// Whether that look is still held up.
    held: Arc<(Mutex<bool>, Condvar)>,
    drive: Drive<2>,
    coverage: Arc<Coverages>,
    paths: [PathBuf; 2],
    _tree: Tree,
}

impl Node {
    fn new() -> Self {
        let tree = Tree::new();
        let device = |name: &str, disk| {
            let db = tree.add(name, named("small")).db();
            let path = db.ancestors().nth(5).expect("a device is above").to_owned();
            (Target::Device(DeviceDir { path: path.clone(), mount_check: false, disk }), path)
        };
        let (one, two) = (device("sda", 1), device("sdb", 2));
        let held = Arc::new((Mutex::new(true), Condvar::new()));
        let (first, gate) = (Mutex::new(true), Arc::clone(&held));
        let tell = move |_| {
            if std::mem::take(&mut *first.lock().expect("whole")) {
                let mut shut = gate.0.lock().expect("whole");
                while *shut {
                    shut = clock::wait(&gate.1, shut, martlet_core::time::Mono::FAR);
                }
            }
        };
        let coverage = Arc::new(Coverages::new(None, Path::new("/etc/a.conf"), wanted(&conf())));
        let drive: Drive<2> = Drive::new(&conf(), Ground::Named(vec![one.0, two.0]), false, 1);
        let drive = drive.digging(|around| Around { tell: Arc::new(tell), ..around });
        let drive = drive.covering(Arc::clone(&coverage));
        Self { facts: Arc::default(), held, drive, coverage, paths: [one.1, two.1], _tree: tree }
    }

    fn run(&self) {
        self.drive.run(2, &|said| match said.report {
            Report::Began(_) => self.facts.add(Fact::Began),
            Report::Audited(_) => {
                self.facts
                    .add(Fact::Audited(name(said.device.map_or(Path::new("-"), Target::path))));
            }
            Report::Ended(ended) => self.facts.add(Fact::Ended(ended.totals.skipped)),
            Report::Leaving(_) => self.facts.add(Fact::Leaving),
            Report::Hit(..) | Report::Tripped(_) | Report::Window(_) => {}
        });
    }

    fn watch(&self) {
        let hear = |device: &Path, stall| {
            self.facts.add(match stall {
                Stall::Lasts(_) | Stall::HoldsAll(_) => Fact::Stalled(device.to_owned()),
                Stall::Over(_) => Fact::Answers(device.to_owned()),
            });
        };
        self.drive.watch(AFTER, &hear, &|| {});
    }

    /// Waits until one device is known not to answer: that one, and the other.
    fn stalled(&self) -> (&Path, &Path) {
        // Whichever is held, the other one is audited meanwhile.
        self.facts.until(1, |fact| matches!(fact, Fact::Audited(_)));
        let [one, two] = &self.paths;
        let is_one = self.facts.has(&Fact::Audited(name(two)));
        let (slow, quick) = if is_one { (one, two) } else { (two, one) };
        assert!(!self.facts.has(&Fact::Audited(name(slow))), "the other one is held up");
        self.facts.until(1, |fact| *fact == Fact::Stalled(slow.clone()));
        (slow, quick)
    }

    fn let_go(&self) {
        *self.held.0.lock().expect("whole") = false;
        self.held.1.notify_all();
    }
}

/// Ends the node's threads, also when a test fails: they would be waited for.
struct End<'a>(&'a Node);

impl Drop for End<'_> {
    fn drop(&mut self) {
        self.0.let_go();
        self.0.drive.order(Order::Stop);
    }
}

fn name(path: &Path) -> String {
    path.file_name().expect("named").to_string_lossy().into_owned()
}

/// What came to pass in each pass that has ended.
fn passes(facts: &[Fact]) -> Vec<(Vec<&Fact>, u64)> {
    let mut passes = Vec::new();
    let mut pass = Vec::new();
    for fact in facts {
        match fact {
            Fact::Began => pass.clear(),
            Fact::Ended(skipped) => passes.push((std::mem::take(&mut pass), *skipped)),
            Fact::Audited(_) | Fact::Stalled(_) | Fact::Answers(_) | Fact::Leaving => {
                pass.push(fact);
            }
        }
    }
    passes
}

#[test]
fn a_device_that_stalls_holds_its_own_lane_and_is_named_until_it_answers() {
    let node = Node::new();
    std::thread::scope(|threads| {
        threads.spawn(|| node.run());
        threads.spawn(|| node.watch());
        let _end = End(&node);
        let (slow, quick) = node.stalled();
        let is_of = |facts: &[&Fact], device: &Path| {
            let audited = Fact::Audited(name(device));
            facts.iter().filter(|fact| ***fact == audited).count()
        };
        let facts = node.facts.until(4, |fact| matches!(fact, Fact::Ended(_)));
        for (pass, skipped) in passes(&facts) {
            assert_eq!(is_of(&pass, quick), 1, "the other one is audited in each pass: {facts:?}");
            assert_eq!(is_of(&pass, slow), 0, "it is held up");
            assert_eq!(skipped, 1, "and the pass says so");
        }
        assert!(!node.facts.has(&Fact::Answers(slow.to_owned())), "it stays named");
        let row = usize::from(*slow == node.paths[1]);
        let ages = node.coverage.ages();
        let waited = [ages[row].stat.oldest.passes, ages[1 - row].stat.oldest.passes];
        assert!(3 <= waited[0] && waited[1] <= 1, "passes since each was audited: {waited:?}");
        let standing = node.drive.standing();
        let is_it = |it: &&DeviceStanding| it.name.to_string_lossy() == name(slow);
        let doing = standing.devices.iter().find(is_it).and_then(|it| it.doing);
        assert_eq!(doing, Some(Doing::Digging), "it is told of in a later pass too: {standing:?}");
        node.let_go();
        node.facts.until(1, |fact| *fact == Fact::Answers(slow.to_owned()));
        let facts = node.facts.until(2, |fact| *fact == Fact::Ended(0));
        for (pass, _) in passes(&facts).iter().filter(|(_, skipped)| *skipped == 0) {
            let audits = [is_of(pass, slow), is_of(pass, quick)];
            assert_eq!(audits, [1, 1], "a whole pass is of both: {facts:?}");
        }
    });
}

#[test]
fn a_stop_does_not_wait_for_a_device_that_stalls() {
    let node = Node::new();
    std::thread::scope(|threads| {
        threads.spawn(|| node.run());
        threads.spawn(|| node.watch());
        let _end = End(&node);
        let (slow, _) = node.stalled();
        node.facts.until(1, |fact| matches!(fact, Fact::Ended(_)));
        node.drive.order(Order::Stop);
        let facts = node.facts.until(1, |fact| *fact == Fact::Leaving);
        assert!(!facts.contains(&Fact::Audited(name(slow))), "it is left where it was");
    });
    let slow = node.stalled().0;
    assert!(!node.facts.has(&Fact::Audited(name(slow))), "a late answer counts nothing");
}
