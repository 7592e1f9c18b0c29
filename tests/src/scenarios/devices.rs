//! The devices root and its devices, mounted or not.

use super::{List, Run};
use crate::damage::{self, junk, link, put_dir, put_file, write_at};

pub(super) fn rows(list: &mut List) {
    list.row(Run::AsRoot, "device-empty", |s| {
        s.dir("");
    });
    list.row(Run::AsRoot, "device-of-accounts-only", |s| {
        s.dir("accounts/5/def/abc");
        s.dir("objects/5/def/abc");
    });
    list.row(Run::AsRoot, "device-a-file", |s| put_file(&s.device(), b"x"));
    list.row(Run::AsRoot, "device-a-fifo", |s| damage::fifo(&s.device()));
    list.row(Run::AsRoot, "device-a-dangling-link", |s| link(&s.device(), "nowhere".as_ref()));
    list.row(Run::AsRoot, "device-a-link-to-itself", |s| {
        link(&s.device(), s.device().file_name().expect("a name").as_ref());
    });
    list.row(Run::Alone, "device-a-link", |s| {
        let _placed = s.put("small");
        let kept = s.devices().with_file_name("kept");
        std::fs::rename(s.device(), &kept).expect("it is renamed");
        link(&s.device(), &kept);
    });
    list.row(Run::Alone, "device-hidden", |s| {
        let _placed = s.put("small");
        std::fs::rename(s.device(), s.devices().join(".hidden")).expect("it is renamed");
    });
    list.row(Run::Alone, "device-not-utf8", |s| {
        use std::os::unix::ffi::OsStrExt as _;
        let _placed = s.put("small");
        let to = s.devices().join(std::ffi::OsStr::from_bytes(b"sd\xff"));
        std::fs::rename(s.device(), to).expect("it is renamed");
    });
    list.row(Run::Alone, "devices-three", |s| {
        let _placed = s.put("small");
        put_dir(&s.devices().join("devices-three+2"));
        let _other = s.tree().add("devices-three+3", super::named("one"));
    });
    list.row(Run::Alone, "devices-empty", |s| assert!(s.devices().exists()));
    list.row(Run::Alone, "devices-missing", |s| {
        std::fs::remove_dir(s.devices()).expect("it is removed");
    });
    list.row(Run::Alone, "devices-a-file", |s| {
        std::fs::remove_dir(s.devices()).expect("it is removed");
        put_file(s.devices(), b"x");
    });
    list.row(Run::Alone, "devices-a-dangling-link", |s| {
        std::fs::remove_dir(s.devices()).expect("it is removed");
        link(s.devices(), "nowhere".as_ref());
    });
    list.row(Run::Alone, "devices-a-link-to-itself", |s| {
        std::fs::remove_dir(s.devices()).expect("it is removed");
        link(s.devices(), s.devices().file_name().expect("a name").as_ref());
    });

    list.row(Run::MountCheck, "unmounted", |s| {
        let _placed = s.put("small");
    });
    list.row(Run::MountCheck, "unmounted-empty", |s| {
        s.dir("");
    });
    list.row(Run::MountCheck, "unmounted-a-file", |s| put_file(&s.device(), b"x"));
    list.row(Run::MountCheck, "unmounted-a-dangling-link", |s| {
        link(&s.device(), "nowhere".as_ref());
    });
    list.row(Run::MountCheck, "mounted-by-stub", |s| {
        let _placed = s.put("small");
        s.file(".ismount", b"");
    });
    list.row(Run::MountCheck, "mounted-by-stub-and-junk", |s| {
        let placed = s.put("small");
        write_at(&placed.db(), 0, &junk(100, 1));
        s.file(".ismount", b"");
    });
    list.row(Run::MountCheck, "mounted-by-stub-directory", |s| {
        let _placed = s.put("small");
        s.dir(".ismount");
    });
    list.row(Run::MountCheck, "mounted-by-stub-dangling-link", |s| {
        let _placed = s.put("small");
        link(&s.device().join(".ismount"), "nowhere".as_ref());
    });
    list.row(Run::MountCheck, "mounted-by-stub-link", |s| {
        let _placed = s.put("small");
        let stub = s.file("stub", b"");
        link(&s.device().join(".ismount"), &stub);
    });
    list.row(Run::MountCheck, "mounted-by-link", |s| {
        link(&s.device(), "/proc".as_ref());
    });
    list.row(Run::MountCheck, "mounted-by-stub-behind-link", |s| {
        let _placed = s.put("small");
        s.file(".ismount", b"");
        let kept = s.devices().with_file_name("kept-behind-link");
        std::fs::rename(s.device(), &kept).expect("it is renamed");
        link(&s.device(), &kept);
    });
    list.row(Run::MountCheck, "mounted-by-stub-without-containers", |s| {
        s.file(".ismount", b"");
    });
    list.row(Run::MountCheck, "mounted-by-stub-containers-a-file", |s| {
        s.file(".ismount", b"");
        s.file("containers", b"x");
    });
}
