//! Any bytes on the pages that the reader looks at: it never panics, and whenever it answers,
//! SQLite gives the same facts.
//!
//! `cargo run --release --bin reader -- corpus/reader` in this directory. An input is a list of
//! edits of four bytes: which page, where in it (two bytes), and the new byte; the first byte says
//! which database they are made to.
#![no_main]
use std::path::PathBuf;
use std::sync::OnceLock;

use libfuzzer_sys::fuzz_target;
use martlet_core::page::{Rules, Schema};
use martlet_tests::image::Image;
use martlet_tests::{asked, fixtures};

/// The databases that are edited.
const SEEDS: [&str; 4] = ["two-policies", "deleted", "big-metadata", "old-shard-ranges"];

/// Edits of an input at most.
const EDITS_MAX: usize = 64;

struct World {
    seeds: Vec<Image>,
    schemas: Vec<Schema>,
    /// Where an edited database is shown to SQLite; in memory, if there is such a place.
    shown: PathBuf,
}

fn world() -> &'static World {
    static ONCE: OnceLock<World> = OnceLock::new();
    ONCE.get_or_init(|| {
        let memory = PathBuf::from("/dev/shm");
        let place = if memory.is_dir() { memory } else { std::env::temp_dir() };
        let shown = tempfile::tempdir_in(place).expect("a directory").keep().join("shown.db");
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
        World { seeds, schemas, shown }
    })
}

fuzz_target!(|data: &[u8]| {
    let world = world();
    let Some((which, edits)) = data.split_first() else { return };
    let mut db = world.seeds[usize::from(*which) % SEEDS.len()].clone();
    let last = db.pages();
    let pages = [1, db.info, db.policy, db.info + 1, db.info + 2, last - 1, last];
    for edit in edits.chunks_exact(4).take(EDITS_MAX) {
        let page = pages[usize::from(edit[0]) % pages.len()];
        let at = usize::from(u16::from_be_bytes([edit[1], edit[2]])) % db.page;
        db.page_mut(page)[at] = edit[3];
    }
    if let Ok(facts) = asked::reader(&db.bytes, &world.schemas, Rules::ALL) {
        std::fs::write(&world.shown, &db.bytes).expect("written");
        assert_eq!(asked::sqlite(&world.shown), Ok(facts));
    }
});
