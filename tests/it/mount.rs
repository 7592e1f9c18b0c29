//! The mount check on real mounts, made in a mount namespace of the test's own thread.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::{Command, Stdio};

use martlet_platform_linux::devices::{DeviceDir, disk_of};
use martlet_platform_linux::mount::{Mount, look};
use nix::mount::{MntFlags, MsFlags, mount, umount2};
use nix::sched::{CloneFlags, unshare};

fn mounted(path: &Path) -> bool {
    look(path).mounted
}

#[test]
fn a_mount_is_told_from_a_directory_by_the_device_above_it() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = |name: &str| dir.path().join(name);
    fs::create_dir(path("plain")).expect("made");
    fs::create_dir(path("stub")).expect("made");
    fs::write(path("stub/.ismount"), b"").expect("written");
    fs::create_dir_all(path("dir-stub/.ismount")).expect("made");
    fs::write(path("file"), b"").expect("written");
    symlink("/proc", path("link")).expect("linked");
    symlink("stub", path("link-to-stub")).expect("linked");
    let check = |path: &Path, is_mount| assert_eq!(mounted(path), is_mount, "{}", path.display());
    check(Path::new("/"), true);
    check(Path::new("/proc"), true);
    check(&path("plain"), false);
    check(&path("stub"), true);
    check(&path("dir-stub"), false);
    check(&path("file"), false);
    check(&path("missing"), false);
    check(&path("link"), false);
    check(&path("link-to-stub"), true);
    assert_eq!(look(&path("missing")).read_only, Err(2));
}

/// Runs `deed` in a thread that sees mounts of its own, which are gone when it ends. Says so, loudly,
/// where that is not allowed: `a_mount_is_told_from_a_directory_by_the_device_above_it` is then
/// the only word on mounts.
pub(crate) fn with_own_mounts(deed: impl FnOnce() + Send) {
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let private = MsFlags::MS_REC | MsFlags::MS_PRIVATE;
            let own = unshare(CloneFlags::CLONE_NEWNS)
                .and_then(|()| mount(None::<&str>, "/", None::<&str>, private, None::<&str>));
            match own {
                Ok(()) => deed(),
                Err(errno) => eprintln!("NOT TESTED: mounts of its own need root: {errno}"),
            }
        });
    });
}

/// Unmounts `place`, also while a program that another test is starting has a file of it open still.
pub(crate) fn unmount(place: &Path) -> nix::Result<()> {
    umount2(place, MntFlags::MNT_DETACH)
}

/// Runs a command; what it said if it failed.
pub(crate) fn run(program: &str, words: &[&str], path: &Path) -> Result<(), String> {
    let mut command = Command::new(program);
    let done = command.args(words).arg(path).stdin(Stdio::null()).output();
    let done = done.map_err(|error| format!("{program}: {error}"))?;
    let said = String::from_utf8_lossy(&done.stderr).trim().to_owned();
    if done.status.success() { Ok(()) } else { Err(format!("{program}: {said}")) }
}

/// Makes a file system in a sparse image of so many bytes below `dir`, and mounts it on `place`.
pub(crate) fn image(
    mkfs: &str,
    words: &[&str],
    bytes: u64,
    dir: &Path,
    place: &Path,
) -> Result<(), String> {
    let image = dir.join("image");
    let file = fs::File::create(&image).expect("created");
    file.set_len(bytes).map_err(|error| format!("a file of {bytes} bytes: {error}"))?;
    run(mkfs, words, &image)?;
    run("mount", &["-o", "loop", image.to_str().expect("a plain path")], place)
}

#[test]
fn with_root_a_tmpfs_is_a_mount_and_a_bind_mount_of_the_same_file_system_is_not() {
    with_own_mounts(|| {
        let dir = tempfile::tempdir().expect("a directory");
        let [memory, bound, source] =
            ["tmpfs", "bound", "source"].map(|name| dir.path().join(name));
        for path in [&memory, &bound, &source] {
            fs::create_dir(path).expect("made");
        }
        mount(None::<&str>, &memory, Some("tmpfs"), MsFlags::MS_RDONLY, None::<&str>)
            .expect("tmpfs");
        mount(Some(&source), &bound, None::<&str>, MsFlags::MS_BIND, None::<&str>).expect("bound");
        assert_eq!(look(&memory), Mount { mounted: true, read_only: Ok(true) });
        assert_eq!(look(&bound), Mount { mounted: false, read_only: Ok(false) });
        assert_eq!(look(&source), Mount { mounted: false, read_only: Ok(false) });
        let disk = |path: &Path| DeviceDir::new(path.to_owned(), false).disk;
        assert_ne!(disk(&memory), disk(&source));
        assert_eq!(disk(&bound), disk(&source));
        for path in [&memory, &bound] {
            unmount(path).expect("unmounted, so that the directory can go");
        }
    });
}

#[test]
fn with_root_and_loop_devices_a_cloned_file_system_is_two_mounts() {
    let run = |program: &str, arguments: &[&Path]| {
        let done = Command::new(program).args(arguments).output();
        match done {
            Ok(done) if done.status.success() => true,
            Ok(done) => {
                eprintln!("NOT TESTED: {program}: {}", String::from_utf8_lossy(&done.stderr));
                false
            }
            Err(error) => {
                eprintln!("NOT TESTED: {program}: {error}");
                false
            }
        }
    };
    with_own_mounts(|| {
        let dir = tempfile::tempdir().expect("a directory");
        let [one, two] = ["one.img", "two.img"].map(|name| dir.path().join(name));
        let [first, second] = ["first", "second"].map(|name| dir.path().join(name));
        fs::create_dir(&first).expect("made");
        fs::create_dir(&second).expect("made");
        fs::File::create(&one).and_then(|file| file.set_len(1 << 20)).expect("made");
        let quiet = [Path::new("-q"), Path::new("-F"), &one];
        if !run("mkfs.ext4", &quiet) {
            return;
        }
        fs::copy(&one, &two).expect("cloned");
        let options = |image, at| [Path::new("-o"), Path::new("loop"), image, at];
        if !run("mount", &options(&one, &first)) || !run("mount", &options(&two, &second)) {
            return;
        }
        let id = |path: &Path| nix::sys::statvfs::statvfs(path).expect("mounted").filesystem_id();
        assert_eq!(id(&first), id(&second), "a clone has the same identifier");
        assert!(mounted(&first) && mounted(&second), "and is a mount of its own");
        // Both images are files of one disk.
        let under = DeviceDir::new(dir.path().to_owned(), false).disk;
        for path in [&first, &second] {
            let device = DeviceDir::new(path.clone(), true);
            assert_eq!(device.disk, under, "the disk under a loop is that of its file");
            unmount(path).expect("unmounted, so that the loop is let go");
        }
        assert_eq!(disk_of(Path::new("/sys"), 0), 0, "no such block device: its own disk");
    });
}
