//! Pending files beyond those of the fixtures: what Swift would merge, drop or choke on.

use super::{List, Run};
use crate::damage::{self, junk, put_dir, put_file};
use crate::damage::{junk_page, root_page, sql};

/// Base64 with padding, as Python's `b64encode`.
fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::new();
    for three in bytes.chunks(3) {
        let at = |i: usize| u32::from(three.get(i).copied().unwrap_or(0));
        let bits = at(0) << 16 | at(1) << 8 | at(2);
        for digit in 0..4 {
            let shown = digit <= three.len();
            let six = (bits >> (18 - 6 * digit)) as usize & 63;
            out.push(if shown { char::from(DIGITS[six]) } else { '=' });
        }
    }
    out
}

/// A pending file of pickles, each after a colon.
fn entries(pickles: &[&[u8]]) -> Vec<u8> {
    pickles
        .iter()
        .flat_map(|pickle| [":".to_owned(), base64(pickle)])
        .collect::<String>()
        .into_bytes()
}

/// A value in pickle's protocol 2, which Swift writes.
#[derive(Clone, Copy)]
enum Value {
    Text(&'static str),
    Int(i32),
    Float(f64),
    True,
    False,
    None,
}

use Value::{False, Float, Int, None, Text, True};

fn tuple(values: &[Value]) -> Vec<u8> {
    let mut bytes = b"\x80\x02(".to_vec();
    for value in values {
        match value {
            Text(text) => {
                bytes.push(b'X');
                bytes.extend(u32::try_from(text.len()).expect("a short text").to_le_bytes());
                bytes.extend(text.as_bytes());
            }
            Int(number) => {
                bytes.push(b'J');
                bytes.extend(number.to_le_bytes());
            }
            Float(number) => {
                bytes.push(b'G');
                bytes.extend(number.to_be_bytes());
            }
            True => bytes.push(0x88),
            False => bytes.push(0x89),
            None => bytes.push(b'N'),
        }
    }
    bytes.extend(b"t.");
    bytes
}

/// A put of the object `o`, as Swift writes it.
const PUT: [Value; 9] = [
    Text("o"),
    Text("1760000005.00000"),
    Int(7),
    Text("text/plain"),
    Text("e"),
    Int(0),
    Int(0),
    None,
    None,
];

/// [`PUT`] with one field written differently.
fn with(field: usize, value: Value) -> Vec<u8> {
    let mut fields = PUT;
    fields[field] = value;
    tuple(&fields)
}

const POISON: Value = Text("garbage");

/// What a pending file of a deleted container holds.
fn pickles() -> Vec<(&'static str, Vec<u8>)> {
    vec![
        ("put", tuple(&PUT)),
        ("tombstone", with(5, Int(1))),
        ("deleted-true", with(5, True)),
        ("deleted-false", with(5, False)),
        ("deleted-text", with(5, Text("0"))),
        ("deleted-none", with(5, None)),
        ("deleted-two", with(5, Int(2))),
        ("created-garbage", with(1, POISON)),
        ("created-empty", with(1, Text(""))),
        ("created-none", with(1, None)),
        ("created-number", with(1, Float(1_760_000_005.0))),
        ("created-integer", with(1, Int(1_760_000_005))),
        ("created-offset", with(1, Text("1760000005.00000_0000000000000001"))),
        ("created-encoded", with(1, Text("1760000005.00000+0+0"))),
        ("created-encoded-garbage", with(1, Text("1760000005.00000+zz"))),
        ("created-negative", with(1, Text("-5"))),
        ("created-too-large", with(1, Text("10000000000"))),
        ("name-none", with(0, None)),
        ("name-number", with(0, Int(5))),
        ("name-snow", with(0, Text("\u{2603}"))),
        ("size-text", with(2, Text("much"))),
        ("size-none", with(2, None)),
        ("policy-text", with(6, Text("gold"))),
        ("policy-other", with(6, Int(4))),
        ("policy-none", with(6, None)),
        ("ctype-garbage", with(7, POISON)),
        ("meta-garbage", with(8, POISON)),
        ("six-fields", tuple(&PUT[..6])),
        ("seven-fields", tuple(&PUT[..7])),
        ("eight-fields", tuple(&PUT[..8])),
        ("five-fields", tuple(&PUT[..5])),
        ("ten-fields", tuple(&[&PUT[..], &[None]].concat())),
        ("a-dictionary", b"(dVa\nI1\ns.".to_vec()),
        ("calls", b"cos\nsystem\n(S'true'\ntR.".to_vec()),
        ("cut-short", tuple(&PUT)[..20].to_vec()),
        ("no-bytes", Vec::new()),
    ]
}

/// Pickles that Python takes for an entry, and that no Swift ever wrote.
fn foreign_pickles() -> Vec<(&'static str, Vec<u8>)> {
    vec![
        ("protocol-0", b"(Vo\nV1760000005.00000\nI7\nVt\nVe\nI0\nt.".to_vec()),
        ("a-list", b"(lVo\naV1760000005.00000\naI7\naVt\naVe\naI0\na.".to_vec()),
        ("a-text", b"Vabcdef\n.".to_vec()),
        ("calls-the-allowed", b"c_codecs\nencode\n(Vabcdef\nVlatin1\ntR.".to_vec()),
    ]
}

#[expect(clippy::too_many_lines, reason = "a table of rows")]
pub(super) fn rows(list: &mut List) {
    for (name, pickle) in pickles() {
        list.row(Run::AsRoot, format!("pending-of-deleted-{name}"), move |s| {
            put_file(&s.put("deleted-never-used").pending(), &entries(&[&pickle]));
        });
    }
    for (name, pickle) in foreign_pickles() {
        list.row(Run::AsRoot, format!("foreign-pickle-{name}"), move |s| {
            put_file(&s.put("deleted-never-used").pending(), &entries(&[&pickle]));
        });
    }
    let contents: [(&str, &[u8]); 8] = [
        ("colons", b"::::"),
        ("space", b" "),
        ("newline", b"\n"),
        ("no-colon", b"KFZvCg=="),
        ("not-base64", b":@@@@"),
        ("bad-padding", b":KFZvC"),
        ("zeroes", &[0; 64]),
        ("not-utf8", b":\xff\xfe\xfd"),
    ];
    for (name, content) in contents {
        list.row(Run::AsRoot, format!("pending-{name}"), move |s| {
            put_file(&s.put("deleted-never-used").pending(), content);
        });
    }
    list.row(Run::AsRoot, "pending-junk", |s| put_file(&s.put("small").pending(), &junk(60, 8)));
    list.row(Run::AsRoot, "pending-a-directory", |s| put_dir(&s.put("small").pending()));
    list.row(Run::AsRoot, "pending-a-fifo", |s| damage::fifo(&s.put("small").pending()));
    list.row(Run::AsRoot, "pending-a-dangling-link", |s| {
        damage::link(&s.put("small").pending(), "nowhere".as_ref());
    });
    list.row(Run::AsRoot, "pending-a-link-to-empty", |s| {
        let placed = s.put("small");
        put_file(&placed.file(".other"), b"");
        damage::link(
            &placed.pending(),
            placed.file(".other").file_name().expect("a name").as_ref(),
        );
    });
    list.row(Run::AsRoot, "pending-of-the-epoch", |s| {
        let placed = s.put("sharded");
        let epoch = placed.db().with_extension("db.pending");
        put_file(&epoch, &entries(&[&with(1, POISON)]));
    });
    list.row(Run::AsRoot, "pending-of-no-database", |s| {
        let placed = s.put("small");
        put_file(&placed.pending(), &entries(&[&tuple(&PUT)]));
        std::fs::remove_file(placed.db()).expect("it is removed");
    });
    list.row(Run::AsRoot, "pending-empty-of-deleted", |s| {
        put_file(&s.put("deleted").pending(), b"");
    });
    list.row(Run::AsRoot, "pending-empty-of-sharding", |s| {
        put_file(&s.put("sharding").pending(), b"");
    });
    list.row(Run::AsRoot, "pending-empty-of-sharded", |s| {
        put_file(&s.put("sharded").pending(), b"");
    });
    list.row(Run::AsRoot, "pending-empty-of-junk", |s| {
        let placed = s.put("small");
        put_file(&placed.pending(), b"");
        damage::write_at(&placed.db(), 0, &junk(100, 3));
    });
    list.row(Run::AsRoot, "pending-and-objects-junk", |s| {
        let placed = s.put("small");
        put_file(&placed.pending(), &entries(&[&tuple(&PUT)]));
        junk_page(&placed.db(), root_page(&placed.db(), "object"));
    });
    list.row(Run::AsRoot, "pending-empty-and-objects-junk", |s| {
        let placed = s.put("small");
        put_file(&placed.pending(), b"");
        junk_page(&placed.db(), root_page(&placed.db(), "object"));
    });
    list.row(Run::AsRoot, "pending-and-no-row", |s| {
        let placed = s.put("small");
        put_file(&placed.pending(), &entries(&[&tuple(&PUT)]));
        sql(&placed.db(), "DELETE FROM container_info");
    });
    list.row(Run::AsRoot, "pending-poison-of-sharded", |s| {
        put_file(&s.put("sharded").pending(), &entries(&[&with(1, POISON)]));
    });
    list.row(Run::AsRoot, "pending-put-and-poison-of-deleted", |s| {
        let (put, poison) = (&tuple(&PUT), &with(1, POISON));
        put_file(&s.put("deleted-never-used").pending(), &entries(&[put, poison]));
    });
    list.row(Run::AsRoot, "pending-tombstone-after-put-of-deleted", |s| {
        let (before, after) = (tuple(&PUT), {
            let mut fields = PUT;
            (fields[1], fields[5]) = (Text("1760000006.00000"), Int(1));
            tuple(&fields)
        });
        let pending = entries(&[&before, &after]);
        put_file(&s.put("deleted-never-used").pending(), &pending);
    });
    list.row(Run::AsRoot, "pending-older-than-rows", |s| {
        let mut fields = PUT;
        (fields[0], fields[1], fields[5]) = (Text("obj-000001"), Text("1.00000"), Int(1));
        let old = tuple(&fields);
        put_file(&s.put("deleted").pending(), &entries(&[&old]));
    });
    list.row(Run::AsRoot, "pending-and-lock-a-directory", |s| {
        let placed = s.put("small");
        put_file(&placed.pending(), b"");
        put_dir(&placed.dir.join(".lock"));
    });
    list.row(Run::AsRoot, "lock-file-without-pending", |s| {
        put_file(&s.put("small").dir.join(".lock"), b"");
    });
}
