//! B-tree pages, cells, overflow chains and the freelist.

use std::path::Path;

use super::{List, Run};
use crate::damage::{flip, junk_page, leaf_pages, page_size, read, root_page, write_at, zero_page};

/// Tables and indexes, and whether Swift reads their root is for Swift to say.
const ROOTS: [&str; 9] = [
    "container_info",
    "policy_stat",
    "object",
    "ix_object_deleted_name",
    "shard_range",
    "outgoing_sync",
    "incoming_sync",
    "sqlite_sequence",
    "sqlite_autoindex_outgoing_sync_1",
];

/// Name, offset in the page of `container_info`, bytes: SQLite file format 1.6, "B-tree Pages".
///
/// A cell that begins with the last byte of its page is not among them: SQLite 3.40 reads on in the
/// memory behind the page, so that Swift passes it or moves it, as that memory has it.
const PAGE: [(&str, usize, &[u8]); 12] = [
    ("type-0", 0, &[0]),
    ("type-interior", 0, &[5]),
    ("type-index", 0, &[10]),
    ("type-unknown", 0, &[13 + 16]),
    ("freeblock-beyond", 1, &[255, 255]),
    ("freeblock-inside", 1, &[0, 9]),
    ("no-cells", 3, &[0, 0]),
    ("too-many-cells", 3, &[0, 99]),
    ("content-at-0", 5, &[0, 0]),
    ("content-early", 5, &[0, 8]),
    ("fragments", 7, &[61]),
    ("cell-elsewhere", 8, &[8, 0]),
];

fn start(db: &Path, page: usize) -> usize {
    (page - 1) * page_size(db)
}

/// Where the only cell of `container_info` begins.
fn cell(db: &Path) -> usize {
    let page = start(db, root_page(db, "container_info"));
    let bytes = read(db);
    page + usize::from(u16::from_be_bytes([bytes[page + 8], bytes[page + 9]]))
}

/// The first page of the chain that holds the rest of a long row of `container_info`, and where
/// the number of that page is written.
fn overflow(db: &Path) -> (usize, usize) {
    let (bytes, size) = (read(db), page_size(db));
    let pages = bytes.len() / size;
    let page = start(db, root_page(db, "container_info"));
    // The number stands in the last four bytes of the only cell, which ends the page.
    let at = page + size - 4;
    let four = bytes[at..at + 4].try_into().expect("four bytes");
    let first = u32::from_be_bytes(four) as usize;
    assert!((2..=pages).contains(&first), "there is an overflow chain");
    (first, at)
}

#[expect(clippy::too_many_lines, reason = "a table of rows")]
pub(super) fn rows(list: &mut List) {
    for name in ROOTS {
        list.row(Run::AsRoot, format!("zero-{name}"), move |s| {
            let db = s.put("small").db();
            zero_page(&db, root_page(&db, name));
        });
        list.row(Run::AsRoot, format!("junk-{name}"), move |s| {
            let db = s.put("small").db();
            junk_page(&db, root_page(&db, name));
        });
    }
    list.row(Run::AsRoot, "zero-page-one", |s| zero_page(&s.put("small").db(), 1));
    list.row(Run::AsRoot, "page-one-header-kept", |s| {
        write_at(&s.put("small").db(), 100, &crate::damage::junk(3996, 1));
    });
    list.row(Run::AsRoot, "page-one-no-cells", |s| write_at(&s.put("small").db(), 103, &[0, 0]));
    list.row(Run::AsRoot, "page-one-type", |s| write_at(&s.put("small").db(), 100, &[0]));
    list.row(Run::AsRoot, "page-one-child-beyond", |s| {
        write_at(&s.put("small").db(), 108, &[0, 0, 255, 0]);
    });
    for leaf in [0, 1] {
        list.row(Run::AsRoot, format!("junk-schema-leaf-{leaf}"), move |s| {
            let db = s.put("small").db();
            junk_page(&db, leaf_pages(&db, 1)[leaf]);
        });
    }
    for (name, offset, bytes) in PAGE {
        list.row(Run::AsRoot, format!("info-page-{name}"), move |s| {
            let db = s.put("small").db();
            let at = start(&db, root_page(&db, "container_info")) + offset;
            write_at(&db, at, bytes);
        });
    }
    for (name, offset, bytes) in [
        ("length-0", 0, &[0][..]),
        ("length-long", 0, &[255, 127]),
        ("length-negative", 0, &[255; 9]),
        ("header-length-0", 3, &[0]),
        ("header-length-long", 3, &[255]),
        ("serial-type-10", 4, &[10]),
        ("serial-type-11", 5, &[11]),
        ("serial-type-null", 4, &[0]),
        ("serial-type-long", 4, &[255, 255]),
    ] {
        list.row(Run::AsRoot, format!("info-cell-{name}"), move |s| {
            let db = s.put("small").db();
            write_at(&db, cell(&db) + offset, bytes);
        });
    }
    list.row(Run::AsRoot, "policy-page-interior", |s| {
        let db = s.put("small").db();
        let at = start(&db, root_page(&db, "policy_stat"));
        write_at(&db, at, &[5]);
    });
    list.row(Run::AsRoot, "policy-page-is-info-page", |s| {
        let db = s.put("small").db();
        let (from, to) = (
            start(&db, root_page(&db, "container_info")),
            start(&db, root_page(&db, "policy_stat")),
        );
        let page = read(&db)[from..from + 4096].to_vec();
        write_at(&db, to, &page);
    });
    list.row(Run::AsRoot, "object-one-leaf-junk", |s| {
        let db = s.put("hundreds").db();
        junk_page(&db, leaf_pages(&db, root_page(&db, "object"))[3]);
    });
    list.row(Run::AsRoot, "object-all-leaves-zero", |s| {
        let db = s.put("hundreds").db();
        for leaf in leaf_pages(&db, root_page(&db, "object")) {
            zero_page(&db, leaf);
        }
    });
    list.row(Run::AsRoot, "object-bit-flipped", |s| {
        let db = s.put("hundreds").db();
        let leaf = leaf_pages(&db, root_page(&db, "object"))[2];
        flip(&db, leaf * 4096 - 20, 1);
    });
    list.row(Run::AsRoot, "object-leaf-twice", |s| {
        let db = s.put("hundreds").db();
        let root = start(&db, root_page(&db, "object"));
        let first = u16::from_be_bytes([read(&db)[root + 12], read(&db)[root + 13]]);
        let child = read(&db)[root + usize::from(first)..][..4].to_vec();
        write_at(&db, root + 8, &child);
    });
    list.row(Run::AsRoot, "index-leaf-junk", |s| {
        let db = s.put("hundreds").db();
        junk_page(&db, leaf_pages(&db, root_page(&db, "ix_object_deleted_name"))[1]);
    });
    list.row(Run::AsRoot, "freelist-trunk-junk", |s| {
        let db = s.put("reclaimed").db();
        let bytes = read(&db);
        let trunk = u32::from_be_bytes([bytes[32], bytes[33], bytes[34], bytes[35]]);
        assert!(trunk != 0, "reclaiming left free pages");
        junk_page(&db, trunk as usize);
    });
    list.row(Run::AsRoot, "deleted-and-objects-junk", |s| {
        let db = s.put("deleted").db();
        junk_page(&db, root_page(&db, "object"));
    });
    list.row(Run::AsRoot, "deleted-and-info-junk", |s| {
        let db = s.put("deleted").db();
        junk_page(&db, root_page(&db, "container_info"));
    });
    list.row(Run::AsRoot, "overflow-zero", |s| {
        let db = s.put("big-metadata").db();
        zero_page(&db, overflow(&db).0);
    });
    list.row(Run::AsRoot, "overflow-junk", |s| {
        let db = s.put("big-metadata").db();
        junk_page(&db, overflow(&db).0);
    });
    list.row(Run::AsRoot, "overflow-flip", |s| {
        let db = s.put("big-metadata").db();
        flip(&db, start(&db, overflow(&db).0) + 2000, 1);
    });
    list.row(Run::AsRoot, "overflow-is-itself", |s| {
        let db = s.put("big-metadata").db();
        let first = overflow(&db).0;
        let number = u32::try_from(first).expect("a page number").to_be_bytes();
        write_at(&db, start(&db, first), &number);
    });
    list.row(Run::AsRoot, "overflow-ends-early", |s| {
        let db = s.put("big-metadata").db();
        write_at(&db, start(&db, overflow(&db).0), &[0; 4]);
    });
    list.row(Run::AsRoot, "overflow-beyond", |s| {
        let db = s.put("big-metadata").db();
        write_at(&db, overflow(&db).1, &[0, 1, 0, 0]);
    });
    list.row(Run::AsRoot, "overflow-is-page-one", |s| {
        let db = s.put("big-metadata").db();
        write_at(&db, overflow(&db).1, &[0, 0, 0, 1]);
    });
    list.row(Run::AsRoot, "metadata-page-junk-in-old-schema", |s| {
        let db = s.put("old-policies").db();
        junk_page(&db, root_page(&db, "container_stat"));
    });
}
