//! Confs, paths, pending entries, saved states and recon caches of any bytes.

use std::path::{Path, PathBuf};
use std::time::Duration;

use martlet_core::check::Cell;
use martlet_core::cursor::{Bad, ENTRY_BYTES, Entry, HEAD_BYTES, Head, sum};
use martlet_core::path::{DbPath, PATH_MAX, split_file_name};
use martlet_core::pending::{Decoder, Entry as Pending, data_time};
use martlet_platform_linux::conf::{Settings, Sources};
use martlet_platform_linux::ini::Source;
use martlet_platform_linux::python::Number;
use martlet_platform_linux::recon;
use martlet_platform_linux::state::Store;

use super::shown;

/// Files of a conf at most.
const FILES_MAX: usize = 3;
/// A member that belongs to another daemon.
const KEY: &str = "container_audits_passed";

/// Files are parted by a zero byte. What loads keeps within its bounds; what does not is refused in
/// one line.
pub(super) fn conf(data: &[u8]) {
    let path = Path::new("/etc/swift/container-server.conf");
    let files = data.splitn(FILES_MAX, |byte| *byte == 0).enumerate();
    let read = files.map(|(number, bytes)| Source {
        file: PathBuf::from(format!("/etc/swift/{number}.conf")),
        bytes: bytes.to_vec(),
    });
    let sources = Sources { read: read.collect(), skipped: Vec::new() };
    match Settings::new(path, sources) {
        Ok(settings) => {
            assert!((1..=32).contains(&settings.lanes), "lanes: {}", settings.lanes);
            assert!(settings.deep_hold <= Duration::from_secs(25), "{:?}", settings.deep_hold);
            assert!((0.0..=100.0).contains(&settings.quarantine_share), "a share");
            assert!(settings.containers_per_second.is_none_or(|rate| 0.0 < rate), "a rate");
            assert!(settings.bytes_per_second.is_none_or(|rate| 0.0 < rate), "bytes");
            let lines = settings.effective().map(|option| option.to_string());
            lines.chain(settings.notes()).for_each(|line| assert_one_line(&line));
            for unknown in settings.unknown() {
                assert!(!format!("{unknown:?}").is_empty(), "a word on what is unknown");
            }
            assert!(settings.changed(&settings).is_empty(), "a conf differs from itself");
        }
        Err(error) => assert_one_line(&error.to_string()),
    }
}

fn assert_one_line(line: &str) {
    assert!(!line.chars().any(char::is_control), "not one plain line: {line:?}");
}

/// What is kept is a beginning of the path, and its names are parts of it.
pub(super) fn path(data: &[u8]) {
    let path = DbPath::new(data);
    let kept = path.as_bytes();
    assert_eq!(kept, &data[..data.len().min(PATH_MAX)], "the beginning is kept");
    assert_eq!(path.is_whole(), data.len() <= PATH_MAX);
    let place = path.place();
    let names = [place.partition, place.suffix, place.hash, place.file];
    let joined = names.join(&b'/');
    if 4 <= kept.split(|byte| *byte == b'/').count() {
        assert!(kept.ends_with(&joined), "the names are the end of the path");
    }
    assert!(!names.iter().any(|name| name.contains(&b'/')), "a name has no slash");
    let (stem, epoch) = split_file_name(place.file);
    assert_eq!((stem, epoch), (place.stem, place.epoch));
    let whole = epoch.map_or_else(|| stem.to_vec(), |epoch| [stem, epoch].join(&b'_'));
    assert_eq!(whole, place.file.strip_suffix(b".db").unwrap_or(place.file));
}

/// The first byte says whether what follows is the text of an entry, or the pickle in it.
pub(super) fn pending(data: &[u8]) {
    let Some((how, bytes)) = data.split_first() else { return };
    let text = if how & 1 == 0 { bytes.to_vec() } else { base64(bytes) };
    let mut decoder = Decoder::default();
    push(&mut decoder, &text);
    let first = format!("{:?}", decoder.entry());
    if let Pending::Update(update) = decoder.entry()
        && let (Cell::Text(name), 1) = (update.name, how & 1)
    {
        assert!(is_part(bytes, name), "a name that is not in the pickle");
    }
    let _ = data_time(Cell::Text(bytes));
    decoder.clear();
    push(&mut decoder, &text);
    assert_eq!(format!("{:?}", decoder.entry()), first, "an entry after another reads the same");
}

fn push(decoder: &mut Decoder, text: &[u8]) {
    for byte in text {
        decoder.push(*byte);
    }
}

fn is_part(whole: &[u8], part: &[u8]) -> bool {
    part.is_empty() || whole.windows(part.len()).any(|at| at == part)
}

fn base64(bytes: &[u8]) -> Vec<u8> {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = Vec::new();
    for group in bytes.chunks(3) {
        let at = |index: usize| u32::from(group.get(index).copied().unwrap_or(0));
        let bits = at(0) << 16 | at(1) << 8 | at(2);
        for place in 0..4 {
            let letter = LETTERS[(bits >> (18 - 6 * place) & 63) as usize];
            text.push(if place <= group.len() { letter } else { b'=' });
        }
    }
    text
}

/// What is sealed is read and, written again, reads the same; what is not is refused. The first
/// byte says whether the seals are made right.
pub(super) fn cursor(data: &[u8]) {
    let Some((how, bytes)) = data.split_first() else { return };
    let mut bytes = bytes.to_vec();
    if how & 1 == 1 {
        bytes.resize(HEAD_BYTES + ENTRY_BYTES * usize::from(how >> 1 & 3), 0);
        bytes[..10].copy_from_slice(b"martlet\n\x01\x00");
        let (head, entries) = bytes.split_at_mut(HEAD_BYTES);
        seal(head, 0);
        for (entry, number) in entries.chunks_mut(ENTRY_BYTES).zip(1..) {
            seal(entry, number);
        }
    }
    if let Some(head) = bytes.first_chunk::<HEAD_BYTES>() {
        match Head::decode(head) {
            Ok(read) => assert_eq!(Head::decode(&read.encode()), Ok(read)),
            Err(bad) => assert!(how & 1 == 0, "sealed, and {bad}"),
        }
    }
    let entries = bytes.get(HEAD_BYTES..).unwrap_or_default();
    for (entry, number) in entries.chunks_exact(ENTRY_BYTES).zip(0..) {
        let entry = entry.try_into().expect("as long as an entry");
        match Entry::decode(entry, number) {
            Ok(read) => assert_eq!(Entry::decode(&read.encode(number), number), Ok(read)),
            Err(bad) => assert!(bad == Bad::Torn && how & 1 == 0, "sealed, and {bad}"),
        }
    }
    let dir = shown();
    let store = Store::new(dir.path(), Path::new("/etc/swift/container-server.conf"), "");
    std::fs::write(store.file(), &bytes).expect("written");
    let saved = store.load();
    store.save(&saved);
    assert_eq!(store.load().entries, saved.entries, "what was saved is loaded");
}

fn seal(part: &mut [u8], place: u64) {
    let sealed = part.len() - 8;
    let seal = sum(place, &part[..sealed]);
    part[sealed..].copy_from_slice(&seal.to_le_bytes());
}

/// Afterwards the cache is a JSON object on one line with our member in it, or as it was.
pub(super) fn recon(data: &[u8]) {
    let dir = shown();
    let file = dir.path().join("container.recon");
    std::fs::write(&file, data).expect("written");
    let done = recon::dump(&file, &[(KEY, Number::Integer(7))], Duration::ZERO, &|_| true);
    let after = std::fs::read(&file).expect("read");
    match done {
        Ok(()) => {
            let text = String::from_utf8_lossy(&after);
            let line = text.strip_suffix('\n').unwrap_or_default();
            assert!(line.starts_with('{') && line.ends_with('}'), "no object: {text:?}");
            assert!(!line.contains('\n'), "more than a line: {text:?}");
            assert!(line.contains(&format!("\"{KEY}\": 7")), "without our member: {text:?}");
            recon::dump(&file, &[(KEY, Number::Integer(7))], Duration::ZERO, &|_| true)
                .expect("what was written is read");
            assert_eq!(std::fs::read(&file).expect("read"), after, "written again, it changed");
        }
        Err(_) => assert_eq!(after, data, "an error, and it changed"),
    }
    let names = std::fs::read_dir(dir.path()).expect("listed").count();
    assert_eq!(names, 1, "something was left beside it");
}
