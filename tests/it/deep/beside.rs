//! What is put beside a database while a deep audit reads it, and before.
use std::sync::mpsc;
use std::time::Duration;

use martlet_core::deep::DeepSeen;
use martlet_core::slice::SLICE;
use martlet_platform_linux::deep::look;
use martlet_tests::fixtures::named;
use martlet_tests::tree::Tree;
use nix::errno::Errno;
use nix::libc::EISDIR;
use nix::sys::stat::Mode;
use nix::unistd::mkfifo;

use super::{HOLD, around};

#[test]
fn a_journal_that_is_no_file_is_waited_for_by_nobody() {
    let tree = Tree::new();
    let placed = tree.add("sda", named("hundreds"));
    let journal = placed.dir.join(format!("{}.db-journal", placed.stem));
    let put = {
        let journal = journal.clone();
        move || match mkfifo(&journal, Mode::S_IRWXU) {
            Ok(()) | Err(Errno::EEXIST) => false,
            Err(errno) => panic!("no FIFO: {errno}"),
        }
    };
    // It comes while the read is going on, and is there before.
    for _ in 0..2 {
        let (tell, told) = mpsc::channel();
        let (path, put) = (placed.db(), put.clone());
        let world = around(SLICE, move |_| put());
        std::thread::spawn(move || {
            let _listened_to = tell.send(look(&path, HOLD, &world).seen);
        });
        // A bound for a read that never ends, not a measure.
        let seen = told.recv_timeout(Duration::from_secs(60)).expect("it ends");
        assert!(matches!(seen, DeepSeen::Error(code) if code.errno == EISDIR), "{seen:?}");
        assert!(journal.exists());
    }
}
