//! What can lie in a tree: hostile names; a FIFO, a socket and a link loop at each level; a directory
//! of 100,000 files; a schema made to burn time and memory.
use std::ffi::OsStr;
use std::fs::{self, File};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use martlet_platform_linux::clock;
use martlet_tests::command::martlet;
use martlet_tests::damage;

use super::night;
use super::node::{Node, said};
use super::pass::Pass;
use super::{Extent, Survived};

/// Containers of each kind.
const EACH: usize = 2;
/// From a hash directory up to the directory of devices.
const LEVELS: usize = 6;
/// Files of the large directory.
const FILES: u32 = 100_000;
/// A pass over all of it takes no longer, however busy the machine is.
const PASS_MAX: Duration = Duration::from_secs(50);
/// Address space that a pass gets: SQLite's own bounds must hold long before.
const MEMORY: &str = "--as=1500000000";

/// Names that no operator would choose.
const NAMES: [&[u8]; 9] =
    [b"\xff\xfe", b"new\nline", b" ", b"%s%n", b"-rf", b"..db", b"'\"", b"$(x)", b"\x1b[2J"];

/// Statements that a stranger might put into a database.
const BURNERS: [&str; 4] = [
    "DROP VIEW container_stat; CREATE VIEW container_stat AS WITH RECURSIVE n(x) AS
     (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT x AS put_timestamp, x AS delete_timestamp,
     x AS object_count FROM n WHERE x < 0",
    "DROP VIEW container_stat; CREATE VIEW container_stat AS SELECT hex(zeroblob(900000000)) AS
     put_timestamp, '0' AS delete_timestamp, 1 AS object_count",
    "DROP VIEW container_stat; CREATE VIEW container_stat AS SELECT count(*) AS object_count,
     '0' AS put_timestamp, '0' AS delete_timestamp FROM sqlite_master a, sqlite_master b,
     sqlite_master c, sqlite_master d, sqlite_master e, sqlite_master f",
    "DROP VIEW container_stat; CREATE VIEW container_stat AS SELECT group_concat(a.sql || b.sql ||
     c.sql) AS put_timestamp, '0' AS delete_timestamp, 1 AS object_count FROM sqlite_master a,
     sqlite_master b, sqlite_master c, sqlite_master d",
];

/// Makes them.
///
/// # Errors
/// What was not survived.
pub(super) fn tree(_: Extent<'_>) -> Result<Vec<Survived>, String> {
    let mut node = Node::new(EACH, "")?;
    let words = node.once("prlimit".as_ref(), &[]);
    let mut bounded: Vec<_> = vec!["prlimit".into(), MEMORY.into(), martlet().into()];
    bounded.extend(words.into_iter().skip(1));
    let sound = Pass::read(&night::pass(&bounded, 0, |_| Ok(()))?);
    let mut wrong = sound.judge(&node, &sound);
    wrong.extend(node.judge()?);

    let hash = sound.verdicts.keys().find_map(|path| {
        node.held(path).filter(|held| held.kind.name == "plain").map(|held| held.dir.clone())
    });
    let hash = hash.ok_or("no plain database")?;
    let strange = hash.with_file_name("strange");
    damage::put_dir(&strange);
    let mut made = 0;
    for (level, dir) in strange.ancestors().take(LEVELS).enumerate() {
        made += things(dir, level)?;
    }
    let burnt: Vec<PathBuf> = BURNERS
        .iter()
        .enumerate()
        .map(|(number, script)| {
            let place = format!("containers/99{number}/abc/burner{number}/burner{number}.db");
            let path = node.device().join(place);
            damage::put_dir(path.parent().unwrap_or(&path));
            damage::put_file(&path, &martlet_tests::fixtures::named("small").newest().bytes);
            damage::sql(&path, script);
            path
        })
        .collect();
    let large = node.device().join("containers/1023/abc/large");
    damage::put_dir(&large);
    for number in 0..FILES {
        let path = large.join(format!("{number:06}"));
        let _file = said(&path, File::create(&path))?;
    }
    let last = large.join("large.db");
    said(&last, fs::write(&last, &martlet_tests::fixtures::named("small").newest().bytes))?;

    let began = clock::mono();
    let pass = Pass::read(&night::pass(&bounded, 0, |_| Ok(()))?);
    let took = clock::mono().since(began);
    wrong.extend(pass.judge_rest(&sound));
    if PASS_MAX < took {
        wrong.push(format!("the pass took {} s", took.as_secs()));
    }
    for path in &burnt {
        match pass.verdicts.get(path).map(String::as_str) {
            Some("damaged" | "unreadable" | "misplaced" | "device-error") => {}
            other => wrong.push(format!("{} is {other:?}", path.display())),
        }
    }
    if !pass.verdicts.contains_key(&last) {
        wrong.push("the database among 100,000 files lost its turn".to_owned());
    }
    wrong.extend(node.judge()?);
    if wrong.is_empty() {
        Ok(vec![
            Survived { what: "strange names and files at each level".into(), fired: made },
            Survived { what: "schemas made to burn time or memory".into(), fired: BURNERS.len() },
            Survived { what: "directories of 100,000 files".into(), fired: 1 },
        ])
    } else {
        Err(wrong.join("\n"))
    }
}

/// Puts a FIFO, a socket, a link loop, a dangling link and a file of each strange name into `dir`.
fn things(dir: &Path, level: usize) -> Result<usize, String> {
    // What ends with `.db` is a database by its name.
    for ending in ["", ".db"] {
        damage::fifo(&dir.join(format!("fifo{level}{ending}")));
        damage::socket(&dir.join(format!("s{level}{ending}")));
        let looped = dir.join(format!("loop{level}{ending}"));
        damage::link(&looped, &looped);
        damage::link(&dir.join(format!("nothing{level}{ending}")), Path::new("/nowhere"));
    }
    let long = "n".repeat(255);
    for name in NAMES.into_iter().chain([long.as_bytes()]) {
        let path = dir.join(OsStr::from_bytes(name));
        said(&path, fs::create_dir(&path))?;
        let inner = path.join("x.db");
        said(&inner, fs::write(&inner, b""))?;
    }
    Ok(8 + NAMES.len() + 1)
}
