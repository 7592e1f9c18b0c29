//! A deep audit in the auditor's own loop: it feeds the watchdog.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use martlet_core::audit::{Conf, Mode, Report};
use martlet_core::breaker::Limits;
use martlet_core::due::{DeepConf, Which};
use martlet_core::time::Mono;
use martlet_platform_linux::drive::{Drive, Ground};
use martlet_platform_linux::hands::Target;
use martlet_platform_linux::watchdog::Watchdog;
use martlet_tests::fixtures::named;
use martlet_tests::tree::Tree;

fn conf(which: Which) -> Conf {
    Conf {
        mode: Mode::Once,
        interval: Duration::ZERO,
        spacing: Duration::ZERO,
        quarantine: false,
        breaker: Limits { databases: 0, share: 0 },
        hash: None,
        deep: DeepConf { which, bytes_per_second: 0, hold: Duration::ZERO },
    }
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
        .telling(Arc::new(move |_| tell()));
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
