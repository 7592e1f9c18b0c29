//! The same texts through Swift's own readers and through ours.
use super::check_line;
use martlet_core::conf::{OPTIONS, SECTION};
use martlet_platform_linux::conf::{self, ConfError, Settings, Sources};
use martlet_platform_linux::ini::{Dialect, Ini, IniError, Source, Wrong};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use tempfile::TempDir;

/// Swift's answers; the first line names the command that made them.
const CASES: &str = include_str!("../../golden/configparser.cases.jsonl");
const MUTANTS: &str = include_str!("../../golden/configparser.mutants.txt");
/// What the mutants are made from.
pub(super) const BASES: [&[u8]; 3] = [
    include_bytes!("../../golden/configparser.packaged.conf"),
    include_bytes!("../../golden/configparser.lab.conf"),
    include_bytes!("../../golden/configparser.appliance.conf"),
];

/// A mistake's class in Python, and its line where Python knows it.
fn in_python(error: &IniError) -> (&'static str, Option<usize>) {
    let line = Some(error.line);
    match error.wrong {
        Wrong::NotUtf8 => ("UnicodeDecodeError", None),
        Wrong::NoHeader(_) => ("MissingSectionHeaderError", line),
        Wrong::NotALine(..) => ("ParsingError", line),
        Wrong::SectionTwice(_) => ("DuplicateSectionError", line),
        Wrong::KeyTwice(..) => ("DuplicateOptionError", line),
        Wrong::NotAReference(..) => ("InterpolationSyntaxError", None),
        Wrong::NoSuchKey(..) => ("InterpolationMissingOptionError", None),
        Wrong::TooDeep(_) => ("InterpolationDepthError", None),
        Wrong::TooLarge | Wrong::TooLong(_) => ("none", None),
    }
}

/// What `readconf` would answer: the section's keys, or a mistake.
fn readconf(sources: &Sources) -> Result<BTreeMap<String, String>, (&'static str, Option<usize>)> {
    let ini = Ini::read(Dialect::ReadConf, &sources.read);
    let entries = ini.and_then(|ini| ini.entries(SECTION)).map_err(|error| in_python(&error))?;
    let entries = entries.ok_or(("ValueError", None))?;
    let mut conf: BTreeMap<_, _> =
        entries.into_iter().map(|entry| (entry.key, entry.value)).collect();
    conf.entry("log_name".to_owned()).or_insert_with(|| SECTION.to_owned());
    Ok(conf)
}

fn content(row: &Value) -> Vec<u8> {
    if let Some(text) = row["text"].as_str() {
        return text.as_bytes().to_vec();
    }
    unhex(row["hex"].as_str().expect("text or hex"))
}

fn unhex(digits: &str) -> Vec<u8> {
    let pair = |at| u8::from_str_radix(&digits[at..at + 2], 16).expect("two hex digits");
    (0..digits.len()).step_by(2).map(pair).collect()
}

/// The mistake that Swift's answer names.
fn mistake(row: &Value) -> Option<(&str, Option<usize>)> {
    let line = row["line"].as_u64().and_then(|line| usize::try_from(line).ok());
    row["error"].as_str().map(|class| (class, line))
}

#[test]
fn every_text_means_what_it_means_to_swift() {
    let mut count = 0;
    for line in CASES.lines().skip(1) {
        let row: Value = serde_json::from_str(line).expect("a row of JSON");
        let name = row["name"].as_str().expect("a name");
        let dir = TempDir::new().expect("a temporary directory");
        let mut path = dir.path().to_owned();
        match row["kind"].as_str() {
            Some("hash") => {
                compare_hash(name, &row, dir.path());
                count += 1;
                continue;
            }
            Some("file") => {
                path.push("x.conf");
                fs::write(&path, content(&row)).expect("a conf file");
            }
            _ => {
                for (file, text) in row["files"].as_object().expect("files") {
                    fs::write(dir.path().join(file), content(text)).expect("a conf file");
                }
            }
        }
        let ours = match conf::sources(&path) {
            Ok(sources) => readconf(&sources),
            Err(_) => Err(("OSError", None)),
        };
        match (mistake(&row), ours) {
            (None, Ok(ours)) => {
                let theirs: BTreeMap<String, String> =
                    serde_json::from_value(row["conf"].clone()).expect("keys and values");
                assert_eq!(ours, theirs, "{name}");
            }
            (theirs, ours) => assert_eq!(ours.err(), theirs, "{name}"),
        }
        count += 1;
    }
    assert!(200 < count, "{count} cases");
}

/// `swift.conf` through `validate_hash_conf`.
fn compare_hash(name: &str, row: &Value, dir: &Path) {
    let file = dir.join("swift.conf");
    fs::write(&file, content(row)).expect("swift.conf");
    match (mistake(row), conf::load_swift_conf(&file)) {
        (None, ours) => {
            let ours = ours.expect(name);
            assert_eq!(ours.prefix, unhex(row["prefix"].as_str().expect("a prefix")), "{name}");
            assert_eq!(ours.suffix, unhex(row["suffix"].as_str().expect("a suffix")), "{name}");
        }
        (Some(("InvalidHashPathConfigError", _)), Err(ConfError::NoHashPath(path))) => {
            assert_eq!(path, file, "{name}");
        }
        (theirs, Err(ConfError::Ini(error))) => {
            assert_eq!(Some(in_python(&error)), theirs, "{name}");
        }
        (theirs, ours) => panic!("{name}: {theirs:?}, but {ours:?}"),
    }
}

/// SplitMix64, as in the script that asked Swift.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        let bound = u64::try_from(bound).expect("a length");
        usize::try_from((z ^ (z >> 31)) % bound).expect("below a length")
    }
}

#[rustfmt::skip] // as in the script that asked Swift
const TOKENS: [&[u8]; 48] = [
    b"[", b"]", b"=", b":", b"%", b"%%", b"%(", b")s", b"%(devices)s", b"%(node)s", b"%(nothing)s",
    b"\n", b"\r", b"\r\n", b" ", b"\t", b"    ", b"#", b";", b"\0", b"\x1b[31m", b"\xff", b"\xc3\xa9",
    b"\xc2\x85", b"\xe2\x80\xa8", b"\xef\xbb\xbf", b"[DEFAULT]\n", b"[container-auditor]\n", b"[x]\n",
    b"word\n", b"interval = abc\n", b"interval =\n", b"interval = -1\n", b"interval = nan\n",
    b"containers_per_second = ten\n", b"containers_per_second = inf\n", b"log_level = LOUD\n",
    b"log_max_line_length = 1.5\n", b"log_statsd_port = \n", b"fallocate_reserve = %\n", b"1e", b"_", b"-",
    b"set x = 1\n", b"  more\n", b"mount_check = maybe\n", b"nice_priority = low\n", b"user = \n",
];

/// One to four slips in one of the sample confs, as in the script that asked Swift.
fn mutant(seed: u64) -> Vec<u8> {
    let mut random = Random(seed);
    let mut text = BASES[random.below(BASES.len())].to_vec();
    for _ in 0..=random.below(4) {
        let what = random.below(8);
        let at = random.below(text.len() + 1);
        let mut lines: Vec<Vec<u8>> =
            text.split(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect();
        let (one, two) = (random.below(lines.len()), random.below(lines.len()));
        let token = TOKENS[random.below(TOKENS.len())];
        let end = |length: usize| (at + length).min(text.len());
        match what {
            0 => drop(text.splice(at..at, token.iter().copied())),
            1 => drop(text.drain(at..end(1 + random.below(8)))),
            2 => drop(text.splice(at..end(1), u8::try_from(random.below(128)))),
            3 => lines.insert(two, lines[one].clone()),
            4 => drop(lines.remove(one)),
            5 => drop(lines[one].splice(0..0, token.iter().copied())),
            6 => lines.swap(one, two),
            _ => lines[one].extend_from_slice(token),
        }
        if 2 < what {
            text = lines.join(&b'\n');
        }
    }
    text
}

fn fnv(bytes: &[u8]) -> u32 {
    let step = |digest: u32, byte: &u8| (digest ^ u32::from(*byte)).wrapping_mul(0x0100_0193);
    bytes.iter().fold(0x811C_9DC5, step)
}

fn digest(conf: &BTreeMap<String, String>) -> String {
    let line =
        |(key, value): (&String, &String)| format!("{}:{key}={}:{value}\n", key.len(), value.len());
    format!("{:08x}", fnv(conf.iter().map(line).collect::<String>().as_bytes()))
}

/// Of the thousands `MARTLET_CONFS` asks for fewer: the first.
#[test]
fn thousands_of_bad_confs_end_in_one_clear_line_each() {
    const FILE: &str = "/etc/swift/container-server.conf";
    let asked: Option<usize> =
        std::env::var("MARTLET_CONFS").ok().map(|text| text.parse().expect("confs"));
    let (mut bad, mut good) = (0, 0);
    for (seed, row) in (0..).zip(MUTANTS.lines().skip(3).take(asked.unwrap_or(usize::MAX))) {
        let bytes = mutant(seed);
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let mut theirs = row.split(' ');
        assert_eq!(theirs.next(), Some(format!("{:08x}", fnv(&bytes)).as_str()), "the same mutant");
        let source = Source { file: FILE.into(), bytes };
        let sources = Sources { read: vec![source], skipped: Vec::new() };
        let says = match readconf(&sources) {
            Ok(conf) => digest(&conf),
            Err((class, _)) => class.to_owned(),
        };
        assert_eq!(theirs.next(), Some(says.as_str()), "seed {seed}: {text}");
        let starts = theirs.next() == Some("starts");
        match Settings::new(Path::new(FILE), sources) {
            Ok(settings) => {
                assert!(starts, "seed {seed}: Swift does not start with it: {text}");
                assert!(settings.effective().count() == OPTIONS.len());
                good += 1;
            }
            Err(error) => {
                assert!(!starts, "seed {seed}: {error}, but Swift starts with it: {text}");
                check_line(&error.to_string(), FILE);
                bad += 1;
            }
        }
    }
    assert!(asked.is_some() || 2000 < bad && 1000 < good, "{bad} bad, {good} good");
}
