//! A deep audit in the auditor's own loop: it feeds the watchdog, and holds a lock as long as the conf says.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::{HOLD, beside_a_writer};
use martlet_core::audit::{Conf, Order, Report};
use martlet_core::due::{DeepConf, Which};
use martlet_core::time::Mono;
use martlet_core::verdict::Verdict;
use martlet_platform_linux::deep::Around;
use martlet_platform_linux::drive::{Drive, Ground};
use martlet_platform_linux::hands::Target;
use martlet_platform_linux::watchdog::Watchdog;
use martlet_tests::fixtures::named;
use martlet_tests::one_pass::one_pass;
use martlet_tests::tree::Tree;

fn conf(which: Which) -> Conf {
    Conf { deep: DeepConf { which, ..DeepConf::default() }, ..one_pass() }
}

/// How often one pass over one database feeds a watchdog that takes all it is given, and how often
/// its deep audit told of itself.
fn fed(which: Which) -> (usize, usize) {
    let tree = Tree::new();
    let path = tree.add("sda", named("small")).db();
    let (fed, told) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let count = |to: &Arc<AtomicUsize>| {
        let to = Arc::clone(to);
        move || {
            to.fetch_add(1, Ordering::Relaxed);
        }
    };
    let (feed, tell) = (count(&fed), count(&told));
    let ground = Ground::Named(vec![Target::File(path)]);
    let drive: Drive<1> = Drive::new(&conf(which), ground, false, 1)
        .feeding(Watchdog::new(Duration::ZERO, Mono::from_nanos(0), feed))
        .digging(|around| Around { tell: Arc::new(move |_| tell()), ..around });
    let audited = AtomicUsize::new(0);
    drive.run(1, &|said| {
        if let Report::Audited(_) = said.report {
            audited.fetch_add(1, Ordering::Relaxed);
        }
    });
    assert_eq!(audited.into_inner(), 1);
    (fed.load(Ordering::Relaxed), told.load(Ordering::Relaxed))
}

#[test]
fn a_deep_audit_feeds_the_watchdog_while_it_lasts() {
    let (steps, none) = fed(Which::Never);
    let (with, told) = fed(Which::All);
    assert_eq!(none, 0);
    assert!(0 < told);
    // The deep look is one step more; what it tells of itself comes on top.
    assert_eq!(with, steps + 1 + told, "each step feeds it at its end");
}

/// The verdict on a database whose writer leaves a deep look a last try and nothing else, of a daemon that
/// was told of one `deep_hold` and then of another.
fn beside_a_writer_after_a_reload(before: Duration, after: Duration) -> Verdict {
    let tree = Tree::new();
    let path = tree.add("sda", named("thousand")).db();
    let holding = |hold| {
        let conf = conf(Which::All);
        Conf { deep: DeepConf { hold, ..conf.deep }, ..conf }
    };
    let ground = Ground::Named(vec![Target::File(path.clone())]);
    let drive: Drive<1> = Drive::new(&holding(before), ground, false, 1);
    let drive = drive.digging(|_| beside_a_writer(&path, 4, 7));
    drive.order(Order::Reload(&holding(after)));
    let verdicts = Mutex::new(Vec::new());
    drive.run(1, &|said| {
        if let Report::Audited(audited) = said.report {
            verdicts.lock().expect("one thread").push(audited.judged.verdict);
        }
    });
    let verdicts = verdicts.into_inner().expect("one thread");
    assert_eq!(verdicts.len(), 1, "{verdicts:?}");
    verdicts[0]
}

#[test]
fn a_reload_changes_how_long_a_last_try_may_hold_on() {
    let never = Duration::ZERO;
    for (before, after, verdict) in [
        (never, never, Verdict::Unsettled),
        (never, HOLD, Verdict::Sound),
        (HOLD, HOLD, Verdict::Sound),
        (HOLD, never, Verdict::Unsettled),
    ] {
        assert_eq!(
            beside_a_writer_after_a_reload(before, after),
            verdict,
            "{before:?}, then {after:?}"
        );
    }
}
