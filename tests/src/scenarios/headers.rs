//! The first hundred bytes, and files of the wrong length.

use super::{List, Run};
use crate::damage::{append, cut, junk, truncate, write_at};

/// Length in bytes.
const LENGTHS: [u64; 19] = [
    0, 1, 15, 16, 17, 50, 99, 100, 101, 511, 512, 1024, 4095, 4096, 4097, 8192, 20_480, 45_056,
    49_152,
];

/// Name, offset, bytes: SQLite file format 1.3, "The Database Header".
const FIELDS: [(&str, usize, &[u8]); 44] = [
    ("magic-first", 0, b"Z"),
    ("magic-last", 15, b"x"),
    ("magic-version-2", 0, b"** This file contains an SQLite 2.1 database **"),
    ("page-size-0", 16, &[0, 0]),
    ("page-size-1", 16, &[0, 1]),
    ("page-size-256", 16, &[1, 0]),
    ("page-size-512", 16, &[2, 0]),
    ("page-size-1000", 16, &[3, 232]),
    ("page-size-8192", 16, &[32, 0]),
    ("write-version-0", 18, &[0]),
    ("write-version-2", 18, &[2]),
    ("write-version-3", 18, &[3]),
    ("read-version-0", 19, &[0]),
    ("read-version-2", 19, &[2]),
    ("read-version-3", 19, &[3]),
    ("reserved-1", 20, &[1]),
    ("reserved-32", 20, &[32]),
    ("reserved-255", 20, &[255]),
    ("fraction-maximum", 21, &[65]),
    ("fraction-minimum", 22, &[31]),
    ("fraction-leaf", 23, &[33]),
    ("change-counter", 24, &[9, 9, 9, 9]),
    ("page-count-0", 28, &[0, 0, 0, 0]),
    ("page-count-1", 28, &[0, 0, 0, 1]),
    ("page-count-less", 28, &[0, 0, 0, 5]),
    ("page-count-more", 28, &[0, 0, 0, 99]),
    ("page-count-greatest", 28, &[255, 255, 255, 255]),
    ("freelist-page", 32, &[0, 0, 0, 3]),
    ("freelist-beyond", 32, &[0, 0, 255, 255]),
    ("freelist-count", 36, &[0, 0, 0, 9]),
    ("schema-cookie", 40, &[9, 9, 9, 9]),
    ("schema-format-0", 44, &[0, 0, 0, 0]),
    ("schema-format-1", 44, &[0, 0, 0, 1]),
    ("schema-format-5", 44, &[0, 0, 0, 5]),
    ("cache-size", 48, &[255, 255, 255, 0]),
    ("largest-root", 52, &[0, 0, 0, 9]),
    ("encoding-0", 56, &[0, 0, 0, 0]),
    ("encoding-utf16le", 56, &[0, 0, 0, 2]),
    ("encoding-4", 56, &[0, 0, 0, 4]),
    ("user-version", 60, &[1, 2, 3, 4]),
    ("incremental-vacuum", 64, &[0, 0, 0, 1]),
    ("application-id", 68, &[1, 2, 3, 4]),
    ("reserved-for-expansion", 72, &[1; 20]),
    ("sqlite-version", 96, &[0, 0, 0, 1]),
];

pub(super) fn rows(list: &mut List) {
    for length in LENGTHS {
        list.row(Run::AsRoot, format!("length-{length}"), move |s| {
            truncate(&s.put("small").db(), length);
        });
    }
    for less in [1, 511, 512, 2048, 4095] {
        list.row(Run::AsRoot, format!("shorter-by-{less}"), move |s| {
            cut(&s.put("small").db(), less);
        });
    }
    for more in [1, 512, 4096, 10_000] {
        list.row(Run::AsRoot, format!("longer-by-{more}"), move |s| {
            append(&s.put("small").db(), &junk(more, 5));
        });
    }
    for (name, offset, bytes) in FIELDS {
        list.row(Run::AsRoot, format!("header-{name}"), move |s| {
            write_at(&s.put("small").db(), offset, bytes);
        });
    }
    list.row(Run::AsRoot, "header-both-versions-2", |s| {
        write_at(&s.put("small").db(), 18, &[2, 2]);
    });
    list.row(Run::AsRoot, "header-zero", |s| write_at(&s.put("small").db(), 0, &[0; 100]));
    list.row(Run::AsRoot, "all-zero", |s| {
        let db = s.put("small").db();
        truncate(&db, 0);
        truncate(&db, 53_248);
    });
    list.row(Run::AsRoot, "all-junk", |s| write_at(&s.put("small").db(), 0, &junk(53_248, 6)));
    list.row(Run::AsRoot, "all-text", |s| {
        let db = s.put("small").db();
        truncate(&db, 0);
        append(&db, &b"this is not a database\n".repeat(100));
    });
    list.row(Run::AsRoot, "deleted-and-length-100", |s| truncate(&s.put("deleted").db(), 100));
    list.row(Run::AsRoot, "deleted-and-length-0", |s| truncate(&s.put("deleted").db(), 0));
}
