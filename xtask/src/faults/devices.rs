//! Devices on loop-mounted ext4 and xfs that go away, stop answering or turn read-only while they are
//! audited. Needs root, and runs in a mount namespace of its own.
use std::path::Path;
use std::process::Command;

use martlet_tests::command::martlet;

use super::night;
use super::node::Node;
use super::pass::Pass;
use super::{Extent, Survived};
use crate::steps;

/// Containers of each kind.
const EACH: usize = 4;
/// The least that xfs takes is 300 MiB; nothing of it is used.
const IMAGE_BYTES: u64 = 320 << 20;
/// Databases told before it happens.
const AFTER: usize = 15;
/// Databases a second, so that it happens in the middle.
const RATE: &str = "100";
/// Tries to make a file system read-only while a recovery has a file open for writing.
const TRIES: u32 = 1000;

/// What happens, in words, and how.
type Trouble = (&'static str, fn(&Path) -> Result<(), String>);

const TROUBLES: [Trouble; 3] = [
    ("gone (umount -l)", |device| run("umount", &["-l"], device)),
    ("no longer answering (shutdown)", |device| run("xfs_io", &["-x", "-c", "shutdown"], device)),
    ("read-only", |device| {
        let mut last = Ok(());
        for _ in 0..TRIES {
            last = run("mount", &["-o", "remount,ro"], device);
            if last.is_ok() {
                break;
            }
        }
        last
    }),
];

/// Makes them on each file system.
///
/// # Errors
/// What was not survived.
pub(super) fn devices(_: Extent<'_>) -> Result<Vec<Survived>, String> {
    let mut fired = 0;
    for mkfs in ["mkfs.ext4", "mkfs.xfs"] {
        for (words, trouble) in TROUBLES {
            let wrong = one(mkfs, trouble)?;
            if !wrong.is_empty() {
                return Err(format!("{mkfs}, {words}:\n{}", wrong.join("\n")));
            }
            fired += 1;
        }
    }
    Ok(vec![Survived { what: "devices gone, dead or read-only in mid-pass".into(), fired }])
}

fn one(mkfs: &str, trouble: fn(&Path) -> Result<(), String>) -> Result<Vec<String>, String> {
    let dir = tempfile::tempdir().map_err(|e| format!("no temporary directory: {e}"))?;
    let image = dir.path().join("image");
    let made = std::fs::File::create(&image).and_then(|file| file.set_len(IMAGE_BYTES));
    made.map_err(|e| format!("cannot make {}: {e}", image.display()))?;
    steps::run(Command::new(mkfs).arg("-q").arg(&image))?;
    let mount = |device: &Path| {
        steps::run(Command::new("mount").args(["-o", "loop"]).arg(&image).arg(device))
    };
    let mut node = Node::on(EACH, "mount_check = true\n", mount)?;
    let device = node.device();
    let words = node.once(martlet(), &["--rate", RATE]);
    let sound = Pass::read(&night::pass(&words, 0, |_| Ok(()))?);
    let mut wrong = sound.judge(&node, &sound);
    wrong.extend(node.judge()?);
    // What never reached the disk is not there after a shutdown.
    run("sync", &["-f"], &device)?;
    let output = night::pass(&words, AFTER, |_| trouble(&device))?;
    wrong.extend(Pass::read(&output).judge_ill(&device, &sound));
    // A lazy unmount has gone already.
    let _gone = run("umount", &["-l"], &device);
    mount(&device)?;
    wrong.extend(node.judge()?);
    run("umount", &["-l"], &device)?;
    Ok(wrong)
}

fn run(program: &str, words: &[&str], device: &Path) -> Result<(), String> {
    steps::run(Command::new(program).args(words).arg(device))
}
