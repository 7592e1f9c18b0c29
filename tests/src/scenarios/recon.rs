//! The recon cache as others left it.

use super::{List, Run};
use crate::damage::{self, chmod, link, put_dir, put_file};

const FILES: [(&str, &[u8]); 17] = [
    ("empty", b""),
    ("other-keys", b"{\"container_auditor_pass_completed\": 5.5, \"replication_time\": 0.1, \"a\": [1, {\"b\": null}]}\n"),
    ("own-keys", b"{\"container_audits_since\": 1760000000.5, \"container_audits_passed\": 7, \"container_audits_failed\": 0}\n"),
    ("not-a-number", b"{\"replication_time\": NaN, \"b\": -Infinity}\n"),
    ("great-numbers", b"{\"a\": 123456789012345678901234567890, \"b\": 1e400, \"c\": 0.1000000000000000055}\n"),
    ("text-escapes", b"{\"a\": \"\\u2603 \\ud83d\\ude00 \\ud800 \\u0000\", \"\xc3\xa4\": \"\xe2\x98\x83\"}\n"),
    ("several-lines", b"{\n  \"a\": 1,\n  \"b\": 2\n}\n"),
    ("second-line", b"{\"a\": 1}\n{\"b\": 2}\n"),
    ("no-newline", b"{\"a\": 1}"),
    ("list", b"[1, 2]\n"),
    ("string", b"\"words\"\n"),
    ("null", b"null\n"),
    ("cut", b"{\"a\": 1, \"b"),
    ("not-utf8", b"{\"a\": \"\xff\"}\n"),
    ("duplicate-keys", b"{\"a\": 1, \"a\": 2}\n"),
    ("deep", b"{\"a\": [[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]}\n"),
    ("spaces", b"  {\"b\":1,\"a\":2}  \n"),
];

pub(super) fn rows(list: &mut List) {
    for (name, bytes) in FILES {
        list.row(Run::Alone, format!("recon-{name}"), move |s| {
            put_file(&s.recon().join("container.recon"), bytes);
        });
    }
    list.row(Run::Alone, "recon-directory-missing", |s| {
        std::fs::remove_dir(s.recon()).expect("it is removed");
    });
    list.row(Run::Alone, "recon-directory-a-file", |s| {
        std::fs::remove_dir(s.recon()).expect("it is removed");
        put_file(&s.recon(), b"x");
    });
    list.row(Run::Alone, "recon-a-directory", |s| put_dir(&s.recon().join("container.recon")));
    list.row(Run::Alone, "recon-a-link", |s| {
        put_file(&s.recon().join("kept"), b"{\"a\": 1}\n");
        link(&s.recon().join("container.recon"), "kept".as_ref());
    });
    list.row(Run::Alone, "recon-a-dangling-link", |s| {
        link(&s.recon().join("container.recon"), "kept".as_ref());
    });
    list.row(Run::Alone, "recon-a-link-to-itself", |s| {
        link(&s.recon().join("container.recon"), "container.recon".as_ref());
    });
    list.row(Run::AloneAsUser, "user-recon-read-only-directory", |s| chmod(&s.recon(), 0o555));
    list.row(Run::AloneAsUser, "user-recon-read-only-file", |s| {
        let file = s.recon().join("container.recon");
        put_file(&file, b"{\"a\": 1}\n");
        chmod(&file, 0o444);
    });
    list.row(Run::AloneAsUser, "user-recon-unreadable-file", |s| {
        let file = s.recon().join("container.recon");
        put_file(&file, b"{\"a\": 1}\n");
        chmod(&file, 0);
    });
    list.row(Run::AloneAsUser, "user-recon-file-of-root", |s| {
        put_file(&s.recon().join("container.recon"), b"{\"a\": 1}\n");
    })
    .foreign(|s| {
        let file = s.recon().join("container.recon");
        std::os::unix::fs::lchown(&file, Some(0), Some(0)).expect("it is given to root");
        damage::chmod(&file, 0o644);
    });
    list.row(Run::Alone, "recon-beside-others", |s| {
        put_file(&s.recon().join("object.recon"), b"{\"a\": 1}\n");
        put_file(&s.recon().join("tmpabcdefgh"), b"{");
    });
}
