//! Databases of any bytes: whenever the page reader answers, SQLite gives the same facts.

use std::path::PathBuf;
use std::sync::OnceLock;

use martlet_core::page::{Rules, Schema};

use super::shown;
use crate::image::Image;
use crate::{asked, fixtures};

/// The databases that are edited.
const SEEDS: [&str; 4] = ["two-policies", "deleted", "big-metadata", "old-shard-ranges"];
/// Edits of an input at most.
const EDITS_MAX: usize = 64;
/// Bytes of a record at most: more than a page, so that some overflow.
const RECORD_MAX: usize = 6000;

struct World {
    seeds: Vec<Image>,
    schemas: Vec<Schema>,
    /// Where an edited database is shown to SQLite.
    shown: PathBuf,
    _dir: tempfile::TempDir,
}

thread_local! {
    static WORLD: OnceLock<World> = const { OnceLock::new() };
}

fn world() -> World {
    let dir = shown();
    let shown = dir.path().join("shown.db");
    let (mut seeds, mut schemas) = (Vec::new(), Vec::<Schema>::new());
    for name in SEEDS {
        let bytes = fixtures::named(name).newest().bytes.clone();
        std::fs::write(&shown, &bytes).expect("written");
        let roots = asked::roots(&shown);
        if asked::reader(&bytes, &schemas, Rules::ALL).is_err() {
            schemas.push(asked::schema(&bytes, roots));
        }
        seeds.push(Image::new(bytes, roots.info as usize, roots.policy as usize));
    }
    World { seeds, schemas, shown, _dir: dir }
}

fn both(which: u8, edit: impl FnOnce(&mut Image)) {
    WORLD.with(|once| {
        let world = once.get_or_init(world);
        let mut db = world.seeds[usize::from(which) % SEEDS.len()].clone();
        edit(&mut db);
        if let Ok(facts) = asked::reader(&db.bytes, &world.schemas, Rules::ALL) {
            std::fs::write(&world.shown, &db.bytes).expect("written");
            assert_eq!(asked::sqlite(&world.shown), Ok(facts));
        }
    });
}

/// Edits of four bytes: which page, where in it (two bytes), and the new byte. The first byte says
/// which database they are made to.
pub(super) fn reader(data: &[u8]) {
    let Some((which, edits)) = data.split_first() else { return };
    both(*which, |db| {
        let last = db.pages();
        let pages = [1, db.info, db.policy, db.info + 1, db.info + 2, last - 1, last];
        for edit in edits.chunks_exact(4).take(EDITS_MAX) {
            let page = pages[usize::from(edit[0]) % pages.len()];
            let at = usize::from(u16::from_be_bytes([edit[1], edit[2]])) % db.page;
            db.page_mut(page)[at] = edit[3];
        }
    });
}

/// A record of any bytes in the place of the container's row, or of a policy's. The first byte says
/// which database, and which of the two.
pub(super) fn records(data: &[u8]) {
    let Some((which, record)) = data.split_first() else { return };
    let record = &record[..record.len().min(RECORD_MAX)];
    both(which & 0x7f, |db| {
        let page = if which & 0x80 == 0 { db.info } else { db.policy };
        db.put(page, &[(1, record.to_vec())]);
        db.count_pages();
    });
}
