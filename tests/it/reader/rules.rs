//! What each rule is for: the bytes it stops, and what the reader would say of them without it.
use super::{asked, fixtures, image};
use asked::Stored;
use martlet_core::page::{Rule, Rules};
use martlet_tests::image::{Image, long_varint, put16, record};
use martlet_tests::tree::Tree;

/// What becomes of the bytes when only the rule against them is waived.
#[derive(Debug, PartialEq)]
enum Alone {
    /// The reader answers, and SQLite fails or has other facts.
    Wrong,
    /// The reader answers with SQLite's facts, and Swift cannot read a timestamp of them.
    WrongForSwift,
    /// The reader answers like SQLite: here other rules leave nothing to go wrong.
    Right,
    /// This rule stops them.
    Backed(Rule),
}

#[expect(clippy::too_many_lines, reason = "a table: one row a rule")]
/// Spoils a database against a rule, and says what the reader would make of it without.
/// `None`: the rule is not about the bytes of the file.
fn spoil(rule: Rule, db: &mut Image, long: &mut Image) -> Option<Alone> {
    use Alone::{Backed, Right, Wrong, WrongForSwift};
    let (info, policy) = (db.info, db.policy);
    let (info_start, policy_start) = (db.start(info), db.start(policy));
    let cell = db.cell(info);
    Some(match rule {
        Rule::Name
        | Rule::Unreadable
        | Rule::Locked
        | Rule::Listing
        | Rule::Siblings
        | Rule::FileType
        | Rule::Journal
        | Rule::Wal
        | Rule::Pending => return None,
        Rule::Page1Short => {
            db.bytes.truncate(1000);
            Backed(Rule::PageSize)
        }
        Rule::Magic => {
            db.bytes[3] ^= 0x20;
            Wrong
        }
        Rule::PageSize => {
            put16(&mut db.bytes, 16, 8192);
            Backed(Rule::SchemaRoot)
        }
        Rule::FormatVersion => {
            db.bytes[19] = 3;
            Wrong
        }
        Rule::Reserved => {
            *db = long.clone();
            db.bytes[20] = 200;
            Wrong
        }
        Rule::Fractions => {
            db.bytes[22] = 31;
            Wrong
        }
        Rule::VersionValidFor => {
            db.bytes[27] ^= 1;
            Right
        }
        Rule::NoPages => {
            db.bytes[28..32].fill(0);
            Backed(Rule::FileLong)
        }
        Rule::FileShort => {
            db.bytes.truncate(db.bytes.len() - db.page);
            Wrong
        }
        Rule::FileLong => {
            db.bytes.extend(vec![0; db.page]);
            Right
        }
        Rule::SchemaRoot => {
            db.bytes[111] ^= 1; // the right-most child
            Wrong
        }
        Rule::SchemaFormat => {
            db.bytes[47] = 5;
            Wrong
        }
        Rule::CacheSize => {
            db.bytes[50] = 1;
            Right
        }
        Rule::AutoVacuum => {
            *db = long.clone();
            db.bytes[55] = 1; // SQLite then looks for the chain in a pointer map
            Wrong
        }
        Rule::Encoding => {
            db.bytes[59] = 2;
            Wrong
        }
        Rule::Expansion => {
            db.bytes[80] = 1;
            Right
        }
        Rule::RootsBeyond => {
            db.bytes.truncate(db.bytes.len() - db.page);
            db.count_pages();
            Wrong
        }
        Rule::SchemaPage => {
            let view = b"coalesce(ps.object_count, 0)";
            let at = db.bytes.windows(view.len()).position(|bytes| bytes == view);
            db.bytes[at.expect("the view's text") + view.len() - 2] = b'7';
            db.put(policy, &[]);
            Wrong
        }
        Rule::NotALeaf => {
            db.bytes[info_start] = 10;
            Wrong
        }
        Rule::RowCount => {
            let (_, row) = db.rows(info).remove(0);
            let broken = Image::cell_of(2, &[0x7f; 8]);
            db.put_cells(info, &[Image::cell_of(1, &record(&row)), broken]);
            Wrong
        }
        Rule::CellCount => {
            put16(&mut db.bytes, policy_start + 3, 700);
            Backed(Rule::CellPointer)
        }
        Rule::CellPointer => {
            put16(&mut db.bytes, info_start + 8, db.page - 2);
            Backed(Rule::CellBeyond)
        }
        Rule::CellVarint => {
            let payload = record(&db.rows(info)[0].1);
            let mut long = long_varint(payload.len() as u64);
            long.push(1);
            long.extend(payload);
            db.put_cells(info, &[long]);
            Right
        }
        Rule::CellBeyond => {
            let bytes = db.bytes[cell..cell + 40].to_vec();
            let end = info_start + db.page;
            db.bytes[end - 40..end].copy_from_slice(&bytes);
            put16(&mut db.bytes, info_start + 8, db.page - 40);
            Backed(Rule::RecordHeader)
        }
        Rule::PolicyOverflow => {
            let mut rows: Vec<_> =
                db.rows(policy).into_iter().map(|(id, row)| (id, record(&row))).collect();
            rows.push((99, record(&[Stored::Blob(vec![0; 5000])])));
            db.put(policy, &rows);
            Right
        }
        Rule::OverflowLong => {
            db.set(13, Stored::Text(vec![b'm'; 70_000]));
            Backed(Rule::OverflowLong)
        }
        Rule::OverflowPage => {
            *db = long.clone();
            let end = db.bytes.len() - db.start(info) - db.page;
            assert!(0 < end, "the chain lies behind");
            let first = first_overflow(db);
            db.bytes[first..first + 4].copy_from_slice(&[0, 1, 0, 0]);
            Backed(Rule::Unreadable)
        }
        Rule::OverflowRepeat => {
            *db = long.clone();
            let first = first_overflow(db);
            let page = db.bytes[first..first + 4].to_vec();
            let start = db.start(usize::from(page[3]));
            db.bytes[start..start + 4].copy_from_slice(&page);
            Backed(Rule::OverflowEnd)
        }
        Rule::OverflowEnd => {
            *db = long.clone();
            let last = db.start(db.pages());
            db.bytes[last..last + 4].copy_from_slice(&[0, 0, 0, 5]);
            Right
        }
        Rule::PolicyOrder => {
            let (id, row) = db.rows(policy).remove(1);
            assert_eq!(id, 1, "the container's policy");
            let row = |id| Image::cell_of(id, &record(&row));
            db.put_cells(policy, &[row(7), row(2), row(1)]);
            Wrong
        }
        Rule::RecordVarint => {
            let payload = record(&db.rows(info)[0].1);
            let mut long = long_varint(u64::from(payload[0]) + 1);
            long.extend(&payload[1..]);
            db.put_cells(info, &[Image::cell_of(1, &long)]);
            Right
        }
        Rule::RecordHeader => {
            let mut payload = record(&db.rows(info)[0].1);
            payload[18] |= 0x80; // the last type runs into the first value
            db.put(info, &[(1, payload)]);
            Backed(Rule::RecordLength)
        }
        Rule::ColumnCount => {
            let mut row = db.rows(info).remove(0).1;
            row.push(Stored::Null); // of no bytes, so that the row's length says nothing
            db.put(info, &[(1, record(&row))]);
            Right
        }
        Rule::SerialType => {
            let mut payload = record(&db.rows(info)[0].1);
            let last = usize::from(payload[0]) - 1;
            payload[last] = 10;
            payload.pop();
            db.put(info, &[(1, payload)]);
            Right
        }
        Rule::RecordLength => {
            let mut payload = record(&db.rows(info)[0].1);
            payload.push(0);
            db.put(info, &[(1, payload)]);
            Right
        }
        Rule::NotText => {
            db.set(9, Stored::Int(3));
            Right
        }
        Rule::NotInteger => {
            let (id, mut row) = db.rows(policy).remove(1);
            row[1] = Stored::text("7");
            db.put(policy, &[(id, record(&row))]);
            Wrong
        }
        Rule::NotUtf8 => {
            db.set(0, Stored::Text(vec![0xed, 0xa0, 0x80]));
            Wrong
        }
        Rule::PolicyIndex => {
            db.set(16, Stored::Real(0.0));
            Wrong
        }
        Rule::PolicyAlias => {
            let (id, mut row) = db.rows(policy).remove(1);
            row[0] = Stored::Int(44);
            db.put(policy, &[(id, record(&row))]);
            Right
        }
        Rule::Timestamp => {
            db.put(policy, &[]);
            db.set(3, Stored::text("yesterday"));
            WrongForSwift
        }
    })
}

/// Where the number of the first overflow page stands in the file.
fn first_overflow(db: &Image) -> usize {
    // The only cell ends with it, and lies at the end of its page.
    db.start(db.info) + db.page - 4
}

#[test]
fn each_rule_stops_what_it_is_for() {
    let tree = Tree::new();
    let plain = tree.add("sda", super::plain()).db();
    let long = tree.add("sda", fixtures::named("big-metadata")).db();
    let bytes = std::fs::read(&plain).expect("read");
    let schemas = vec![asked::schema(&bytes, asked::roots(&plain))];
    let (plain, mut long) = (image(&plain), image(&long));
    // Written anew, so that the chain lies at the end of the file.
    long.set(13, Stored::Text(vec![b'm'; 13_000]));
    let spoilt = tree.devices().join("spoilt");
    for (name, image) in [("plain", &plain), ("long", &long)] {
        std::fs::write(&spoilt, &image.bytes).expect("written");
        let answer = asked::reader(&image.bytes, &schemas, Rules::ALL);
        assert_eq!(answer.ok(), asked::sqlite(&spoilt).ok(), "{name}");
    }

    for rule in Rule::ALL {
        let mut db = plain.clone();
        let Some(alone) = spoil(rule, &mut db, &mut long.clone()) else { continue };
        let answer = asked::reader(&db.bytes, &schemas, Rules::ALL);
        assert_eq!(answer, Err(rule), "{rule:?} is what stops this");

        std::fs::write(&spoilt, &db.bytes).expect("written");
        let sqlite = asked::sqlite(&spoilt);
        let without = match asked::reader(&db.bytes, &schemas, Rules::without(rule)) {
            Err(other) => Alone::Backed(other),
            Ok(facts) if Ok(&facts) != sqlite.as_ref() => Alone::Wrong,
            Ok(_) if rule == Rule::Timestamp => Alone::WrongForSwift,
            Ok(_) => Alone::Right,
        };
        assert_eq!(without, alone, "without {rule:?}; SQLite: {sqlite:?}");
    }
}

#[test]
fn a_second_schema_is_tried_before_the_rule() {
    let tree = Tree::new();
    let plain = tree.add("sda", super::plain()).db();
    let older = tree.add("sda", fixtures::named("old-shard-ranges")).db();
    let schema =
        |db: &std::path::Path| asked::schema(&std::fs::read(db).expect("read"), asked::roots(db));
    let schemas = vec![schema(&older), schema(&plain)];
    for db in [&plain, &older] {
        let bytes = std::fs::read(db).expect("read");
        assert_eq!(asked::reader(&bytes, &schemas, Rules::ALL).ok(), asked::sqlite(db).ok());
        assert_eq!(asked::reader(&bytes, &schemas[..0], Rules::ALL), Err(Rule::SchemaRoot));
    }
}
