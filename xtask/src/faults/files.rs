//! Confs, recon caches, states and pending files, spoilt a hundred thousand times.
use std::panic;

use martlet_tests::fixtures::manifest;
use martlet_tests::fuzz;

use super::{Extent, Survived};

/// Spoilt files of each kind.
const EACH: u64 = 25_000;
const EACH_OF_SHARE: u64 = 3_000;
/// Spoilings of one file at most.
const SPOILINGS_MAX: u64 = 6;
/// Texts that confs and JSON are made of.
const TOKENS: [&[u8]; 12] = [
    b"\n",
    b"[",
    b"]",
    b"{",
    b"}",
    b"=",
    b":",
    b"\"",
    b"%(",
    b"\0",
    b"\xff",
    b"999999999999999999999",
];

/// Spoils them and lets each be read.
///
/// # Errors
/// The first that did not hold.
pub(super) fn files(extent: Extent<'_>) -> Result<Vec<Survived>, String> {
    let each = if extent.all { EACH } else { EACH_OF_SHARE };
    let mut done = Vec::new();
    for name in ["conf", "recon", "cursor", "pending"] {
        let seeds = seeds(name)?;
        for number in 0..each {
            let seed = seeds.get(usize::try_from(number).unwrap_or(0) % seeds.len());
            let bytes = spoilt(seed.map_or(&[], Vec::as_slice), number);
            if panic::catch_unwind(|| fuzz::holds(name, &bytes)).is_err() {
                return Err(format!(
                    "{name}, mutant {number}: {:?}",
                    bytes.escape_ascii().to_string()
                ));
            }
        }
        let fired = usize::try_from(each).unwrap_or(usize::MAX);
        done.push(Survived { what: format!("spoilt files: {name}"), fired });
    }
    Ok(done)
}

/// What is spoilt: the corpus, and of pending files what Swift's brokers wrote.
fn seeds(name: &str) -> Result<Vec<Vec<u8>>, String> {
    let dir = fuzz::corpora().join(name);
    let entries = std::fs::read_dir(&dir).map_err(|e| format!("{}: {e}", dir.display()))?;
    let mut paths: Vec<_> = entries.flatten().map(|entry| entry.path()).collect();
    paths.sort();
    let mut seeds: Vec<Vec<u8>> =
        paths.iter().filter_map(|path| std::fs::read(path).ok()).collect();
    if name == "pending" {
        let files = manifest().fixtures.iter().flat_map(|fixture| &fixture.files);
        let pending = files.filter(|file| file.name.ends_with(".pending"));
        seeds.extend(pending.map(|file| [&[0], file.bytes.as_slice()].concat()));
    }
    if seeds.is_empty() { Err(format!("{} is empty", dir.display())) } else { Ok(seeds) }
}

/// Flips, cuts, repeats and puts in, by a fixed generator.
fn spoilt(seed: &[u8], number: u64) -> Vec<u8> {
    let mut bytes = seed.to_vec();
    let mut state = number.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut random = |below: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        usize::try_from(state >> 32).unwrap_or(0) % below.max(1)
    };
    for _ in 0..=number % SPOILINGS_MAX {
        let at = random(bytes.len());
        match random(6) {
            0 => bytes.truncate(at),
            1 => {
                if let Some(byte) = bytes.get_mut(at) {
                    *byte ^= 1 << random(8);
                }
            }
            2 => {
                let end = (at + random(40)).min(bytes.len());
                let part = bytes.get(at..end).unwrap_or_default().to_vec();
                bytes.splice(at..at, part);
            }
            3 => {
                let end = (at + random(40)).min(bytes.len());
                bytes.drain(at..end);
            }
            4 => {
                let token = TOKENS.get(random(TOKENS.len())).copied().unwrap_or_default();
                bytes.splice(at..at, token.iter().copied());
            }
            _ => bytes.extend(
                (0..random(64)).map(|_| u8::try_from(random(256)).unwrap_or(0)).collect::<Vec<_>>(),
            ),
        }
    }
    bytes
}
