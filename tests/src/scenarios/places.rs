//! Names, links and things that are no files, at each level of the tree.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;

use super::{List, Run, Stage};
use crate::damage::{self, junk, link, put_dir, put_file, truncate, write_at};
use crate::tree::Placed;

const HASH: &str = "0123456789abcdef0123456789abcdef";

/// Partition, suffix, hash directory, stem: all wrong in one way or other.
const NAMES: [(&str, [&str; 3], &str); 22] = [
    ("partition-not-a-number", ["abc", "def", HASH], HASH),
    ("partition-negative", ["-5", "def", HASH], HASH),
    ("partition-plus", ["+5", "def", HASH], HASH),
    ("partition-zeroes", ["007", "def", HASH], HASH),
    ("partition-great", ["99999999999999999999", "def", HASH], HASH),
    ("partition-hidden", [".5", "def", HASH], HASH),
    ("partition-tmp", ["tmp", "def", HASH], HASH),
    ("partition-space", ["a b", "def", HASH], HASH),
    ("suffix-long", ["5", "defg", HASH], HASH),
    ("suffix-not-hex", ["5", "xyz", HASH], HASH),
    ("suffix-wrong", ["5", "000", HASH], HASH),
    ("hash-short", ["5", "def", "abcdef"], "abcdef"),
    ("hash-hidden", ["5", "def", ".hidden"], HASH),
    ("hash-upper-case", ["5", "DEF", "0123456789ABCDEF0123456789ABCDEF"], HASH),
    ("file-not-the-hash", ["5", "def", HASH], "other"),
    ("file-hidden", ["5", "def", HASH], ".hidden"),
    ("file-only-extension", ["5", "def", HASH], ""),
    ("file-underscore", ["5", "def", HASH], "_"),
    ("file-space", ["5", "def", HASH], "a b"),
    ("file-percent", ["5", "def", HASH], "%s%d%(x)s"),
    ("file-question", ["5", "def", HASH], "a?mode=ro#b"),
    ("file-newline", ["5", "def", HASH], "a\nb"),
];

fn rename_to(placed: &Placed, name: &[u8]) {
    let to = placed.dir.join(OsStr::from_bytes(name));
    std::fs::rename(placed.db(), to).expect("it is renamed");
}

/// A database elsewhere on the device, for links to show to.
fn elsewhere(s: &Stage<'_>, fixture: &str) -> std::path::PathBuf {
    s.file("elsewhere/kept.db", &Stage::fixture(fixture).newest().bytes)
}

#[expect(clippy::too_many_lines, reason = "a table of rows")]
pub(super) fn rows(list: &mut List) {
    for (name, at, stem) in NAMES {
        list.row(Run::AsRoot, name, move |s| {
            let _placed = s.put_at("small", at, stem);
        });
    }
    list.row(Run::AsRoot, "place-of-another", |s| {
        let other = Stage::fixture("one");
        let _placed = s.put_at(
            "small",
            [&other.partition.to_string(), &other.hash[29..], &other.hash],
            &other.hash,
        );
    });
    for (name, file) in [
        ("file-upper-case", &b"A.DB"[..]),
        ("file-backup", b"a.db.bak"),
        ("file-tmp", b"a.db.tmp"),
        ("file-two-extensions", b"a.x.db"),
        ("file-tilde", b"a.db~"),
        ("file-backslash", b"a\\b.db"),
    ] {
        list.row(Run::AsRoot, name, move |s| rename_to(&s.put("small"), file));
    }
    list.row(Run::AsRoot, "file-long-name", |s| {
        rename_to(&s.put("small"), &[&[b'n'; 252][..], b".db"].concat());
    });
    list.row(Run::AsRoot, "file-long-name-junk", |s| {
        let placed = s.put("small");
        write_at(&placed.db(), 0, &junk(100, 1));
        rename_to(&placed, &[&[b'n'; 252][..], b".db"].concat());
    });
    list.row(Run::AsRoot, "path-too-long-for-sqlite", |s| {
        let (long, longer) = ("p".repeat(200), "s".repeat(200));
        let _placed = s.put_at("small", [&long, &longer, HASH], HASH);
    });
    list.row(Run::Alone, "file-not-utf8", |s| rename_to(&s.put("small"), b"a\xff.db"));
    list.row(Run::Alone, "file-not-utf8-junk", |s| {
        let placed = s.put("small");
        write_at(&placed.db(), 0, &junk(100, 1));
        rename_to(&placed, b"a\xff.db");
    });
    list.row(Run::Alone, "hash-directory-not-utf8", |s| {
        let placed = s.put("small");
        std::fs::rename(&placed.dir, placed.dir.with_file_name(OsStr::from_bytes(b"h\xfe")))
            .expect("it is renamed");
    });

    // Two of everything in one directory.
    let beside: [(&str, &str, &[u8]); 6] = [
        ("text-after", "zzz.db", b"words, words, words, words, words, words"),
        ("text-before", "!aa.db", b"words, words, words, words, words, words"),
        ("empty-after", "zzz.db", b""),
        ("empty-before", "!aa.db", b""),
        ("stray", "core.1234", b"words"),
        ("tmp", "fresh1234.db.tmp", b"words"),
    ];
    for (name, file, bytes) in beside {
        list.row(Run::AsRoot, format!("sound-beside-{name}"), move |s| {
            put_file(&s.put("small").dir.join(file), bytes);
        });
    }
    list.row(Run::AsRoot, "sound-beside-sound", |s| {
        put_file(&s.put("small").dir.join("other.db"), &Stage::fixture("one").newest().bytes);
    });
    list.row(Run::AsRoot, "junk-beside-deleted", |s| {
        put_file(&s.put("deleted").dir.join("other.db"), &junk(5000, 2));
    });
    list.row(Run::AsRoot, "junk-beside-junk", |s| {
        let placed = s.put("small");
        write_at(&placed.db(), 0, &junk(100, 1));
        put_file(&placed.dir.join("other.db"), &junk(5000, 2));
    });
    list.row(Run::AsRoot, "junk-beside-strays", |s| {
        let placed = s.put("small");
        write_at(&placed.db(), 0, &junk(100, 1));
        for name in [".lock", "core.1234", "notes.txt"] {
            put_file(&placed.dir.join(name), b"x");
        }
        put_dir(&placed.dir.join("a-directory"));
    });
    list.row(Run::AsRoot, "junk-of-four", |s| {
        for name in ["a", "b", "c", "d"] {
            let placed = s.put_as("small", name);
            if name == "c" {
                write_at(&placed.db(), 0, &junk(100, 1));
            }
        }
    });
    list.row(Run::AsRoot, "junk-in-one-suffix-with-sound", |s| {
        let _sound = s.put_at("small", ["5", "def", HASH], HASH);
        let bad = s.put_at("one", ["5", "def", "fedc"], "fedc");
        truncate(&bad.db(), 5000);
    });

    // Where quarantine is to go.
    let quarantine = |s: &Stage<'_>| {
        let placed = s.put("small");
        write_at(&placed.db(), 0, &junk(100, 1));
        format!("quarantined/containers/{}", placed.stem)
    };
    list.row(Run::AsRoot, "quarantine-name-taken", move |s| {
        let to = quarantine(s);
        s.file(&format!("{to}/kept.db"), b"x");
    });
    list.row(Run::AsRoot, "quarantine-name-empty-directory", move |s| {
        let to = quarantine(s);
        s.dir(&to);
    });
    list.row(Run::AsRoot, "quarantine-name-a-file", move |s| {
        let to = quarantine(s);
        s.file(&to, b"x");
    });
    list.row(Run::AsRoot, "quarantine-a-file", move |s| {
        let _to = quarantine(s);
        s.file("quarantined", b"x");
    });
    list.row(Run::AsRoot, "quarantine-containers-a-file", move |s| {
        let _to = quarantine(s);
        s.file("quarantined/containers", b"x");
    });
    list.row(Run::AsRoot, "quarantine-a-link", move |s| {
        let _to = quarantine(s);
        s.dir("elsewhere");
        link(&s.device().join("quarantined"), "elsewhere".as_ref());
    });
    list.row(Run::AsRoot, "quarantine-a-dangling-link", move |s| {
        let _to = quarantine(s);
        link(&s.device().join("quarantined"), "nowhere".as_ref());
    });
    list.row(Run::AsRoot, "quarantined-before", |s| {
        s.file("quarantined/containers/abc/abc.db", &junk(5000, 1));
        let _placed = s.put("small");
    });

    // What a name ending in .db can be.
    let db = "containers/5/def/abc/abc.db";
    list.row(Run::AsRoot, "db-a-directory", move |s| {
        s.dir(db);
    });
    list.row(Run::AsRoot, "db-a-fifo", move |s| {
        s.dir("containers/5/def/abc");
        damage::fifo(&s.device().join(db));
    });
    list.row(Run::AsRoot, "db-a-socket", move |s| {
        s.dir("containers/5/d/a");
        damage::socket(&s.device().join("containers/5/d/a/a.db"));
    });
    list.row(Run::AsRoot, "db-a-link", move |s| {
        elsewhere(s, "small");
        s.dir("containers/5/def/abc");
        link(&s.device().join(db), "../../../../elsewhere/kept.db".as_ref());
    });
    list.row(Run::AsRoot, "db-a-link-to-deleted", move |s| {
        elsewhere(s, "deleted");
        s.dir("containers/5/def/abc");
        link(&s.device().join(db), "../../../../elsewhere/kept.db".as_ref());
    });
    list.row(Run::AsRoot, "db-a-link-to-junk", move |s| {
        write_at(&elsewhere(s, "small"), 0, &junk(100, 1));
        s.dir("containers/5/def/abc");
        link(&s.device().join(db), "../../../../elsewhere/kept.db".as_ref());
    });
    for (name, target) in [
        ("dangling-link", "nowhere"),
        ("link-to-itself", "abc.db"),
        ("link-to-a-directory", ".."),
        ("link-to-dev-null", "/dev/null"),
        ("link-to-dev-zero", "/dev/zero"),
    ] {
        list.row(Run::AsRoot, format!("db-a-{name}"), move |s| {
            s.dir("containers/5/def/abc");
            link(&s.device().join(db), target.as_ref());
        });
    }
    list.row(Run::AsRoot, "db-two-names", |s| {
        let placed = s.put("small");
        std::fs::hard_link(placed.db(), placed.dir.join("zzz.db")).expect("it gets a second name");
    });
    list.row(Run::AsRoot, "db-read-only-mode", |s| damage::chmod(&s.put("small").db(), 0o444));
    list.row(Run::AsRoot, "db-no-mode", |s| damage::chmod(&s.put("small").db(), 0));

    // Links and files where directories belong.
    for level in ["containers", "partition", "suffix", "hash"] {
        list.row(Run::AsRoot, format!("{level}-a-link"), move |s| {
            let dir = at_level(&s.put("small"), level);
            let kept = s.dir("elsewhere").join("kept");
            std::fs::rename(&dir, &kept).expect("it is renamed");
            link(&dir, &kept);
        });
        list.row(Run::AsRoot, format!("{level}-a-link-and-junk"), move |s| {
            let placed = s.put("small");
            write_at(&placed.db(), 0, &junk(100, 1));
            let dir = at_level(&placed, level);
            let kept = s.dir("elsewhere").join("kept");
            std::fs::rename(&dir, &kept).expect("it is renamed");
            link(&dir, &kept);
        });
        list.row(Run::AsRoot, format!("{level}-a-dangling-link"), move |s| {
            let dir = at_level(&s.put("small"), level).with_file_name(if level == "containers" {
                "containers"
            } else {
                "other"
            });
            if level == "containers" {
                std::fs::remove_dir_all(&dir).expect("it is removed");
            }
            link(&dir, "nowhere".as_ref());
        });
        list.row(Run::AsRoot, format!("{level}-a-fifo"), move |s| {
            let dir = at_level(&s.put("small"), level);
            if level == "containers" {
                std::fs::remove_dir_all(&dir).expect("it is removed");
                damage::fifo(&dir);
            } else {
                damage::fifo(&dir.with_file_name("777"));
            }
        });
        list.row(Run::AsRoot, format!("{level}-a-file"), move |s| {
            let dir = at_level(&s.put("small"), level);
            if level == "containers" {
                std::fs::remove_dir_all(&dir).expect("it is removed");
                put_file(&dir, b"x");
            } else {
                put_file(&dir.with_file_name("777"), b"x");
            }
        });
        list.row(Run::AsRoot, format!("{level}-empty"), move |s| {
            let dir = at_level(&s.put("small"), level);
            if level == "containers" {
                std::fs::remove_dir_all(&dir).expect("it is removed");
                put_dir(&dir);
            } else {
                put_dir(&dir.with_file_name("777"));
            }
        });
    }
    for level in ["partition", "suffix", "hash"] {
        list.row(Run::Alone, format!("{level}-a-link-to-itself"), move |s| {
            let dir = at_level(&s.put("small"), level).with_file_name("777");
            link(&dir, "777".as_ref());
        });
    }
}

fn at_level(placed: &Placed, level: &str) -> std::path::PathBuf {
    let up = match level {
        "hash" => 0,
        "suffix" => 1,
        "partition" => 2,
        _ => 3,
    };
    placed.dir.ancestors().nth(up).expect("a hash directory lies deep").to_owned()
}
