//! The corpora of the fuzz targets, replayed: what was ever found holds.

use std::fs;

use martlet_tests::fuzz::{TARGETS, corpora};

#[test]
fn every_input_of_every_corpus_holds() {
    for target in TARGETS {
        let dir = corpora().join(target.name);
        let names = fs::read_dir(&dir).unwrap_or_else(|e| panic!("{}: {e}", dir.display()));
        let mut inputs = 0;
        for entry in names {
            let path = entry.expect("listed").path();
            // A panic inside says what did not hold; this says of which input.
            eprintln!("{}", path.display());
            (target.holds)(&fs::read(&path).expect("read"));
            inputs += 1;
        }
        assert!(0 < inputs, "no input for {}", target.name);
    }
}

#[test]
fn every_fuzz_target_is_a_part_that_is_replayed() {
    let manifest = fs::read_to_string(corpora().with_file_name("Cargo.toml")).expect("read");
    for target in TARGETS {
        let line = format!("path = \"fuzz_targets/{}.rs\"", target.name);
        assert!(manifest.contains(&line), "no fuzz target for {}", target.name);
    }
    assert_eq!(manifest.matches("[[bin]]").count(), TARGETS.len());
}
