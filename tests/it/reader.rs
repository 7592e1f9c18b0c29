//! The page reader against SQLite, Swift's recorded answers, writers and damage.

use std::os::fd::AsFd as _;
use std::path::Path;

use martlet_core::page::{Beside, Kind, Rule};
use martlet_platform_linux::reader::Reader;
use martlet_tests::asked::{self, Facts};
use martlet_tests::fixtures::{self, Fixture};
use martlet_tests::image::Image;
use martlet_tests::tree::Tree;

mod alone;
mod facts;
mod lessons;
mod mutants;
mod place;
mod rules;
mod systems;
mod writers;

/// One look at the database of a hash directory, in the safe order.
pub(crate) fn look(reader: &mut Reader, dir: &Path) -> Result<Facts, Rule> {
    let hash = dir.file_name().expect("a hash directory").as_encoded_bytes();
    let open = std::fs::File::open(dir).expect("the hash directory opens");
    let peek = reader.open(open.as_fd(), &[hash, b".db"].concat())?;
    let mut beside = Beside::new(hash);
    for entry in std::fs::read_dir(dir).expect("the hash directory is listed") {
        let entry = entry.expect("a name");
        let regular = entry.file_type().expect("a type").is_file();
        let kind = if regular { Kind::Regular } else { Kind::Other };
        beside.note(entry.file_name().as_encoded_bytes(), kind);
    }
    beside.end();
    reader.read(peek, open.as_fd(), &beside).map(|row| asked::facts(&row))
}

/// Lets SQLite teach the schema of the database of a hash directory.
pub(crate) fn teach(reader: &mut Reader, dir: &Path) -> Result<(), String> {
    let hash = dir.file_name().expect("a hash directory").as_encoded_bytes();
    let open = std::fs::File::open(dir).expect("the hash directory opens");
    let path = dir.join(format!("{}.db", std::str::from_utf8(hash).expect("a hash")));
    reader.teach(open.as_fd(), hash, &path).map_err(|why| format!("{why:?}"))
}

/// A fixture on disk, alone in a new tree, and the reader that it has taught.
pub(crate) fn taught(fixture: &Fixture) -> (Tree, std::path::PathBuf, Reader) {
    let tree = Tree::new();
    let db = tree.add("sda", fixture).db();
    let dir = db.parent().expect("a hash directory").to_owned();
    let mut reader = Reader::new();
    teach(&mut reader, &dir).unwrap_or_else(|why| panic!("{}: {why}", fixture.name));
    (tree, dir, reader)
}

/// The fixture most tests use.
pub(crate) fn plain() -> &'static Fixture {
    fixtures::named("two-policies")
}

/// A database taken apart.
pub(crate) fn image(db: &Path) -> Image {
    let roots = asked::roots(db);
    let bytes = std::fs::read(db).expect("the database is read");
    Image::new(bytes, roots.info as usize, roots.policy as usize)
}
