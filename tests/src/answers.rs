//! What an auditor's run amounts to for an operator, so that two runs can be compared.
//!
//! Replaced are process numbers, times, unique identifiers, temporary names and the text after the
//! first `#012`; nothing else.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use crate::auditor::{Heard, Room};
use crate::snapshot::Snapshot;

/// Answers by the name of their scenario; `run NAME` is what belongs to no single one.
pub type Answers = BTreeMap<String, Value>;

/// The log of a run, read.
#[derive(Debug)]
pub struct Log {
    lines: Vec<String>,
    console: Value,
}

impl Log {
    /// Reads the syslog packets, and holds stderr against them: `-v` says the same there.
    #[must_use]
    pub fn of(heard: &Heard, room: &Room) -> Self {
        let lines: Vec<String> = heard.syslog.iter().map(|p| with_level(p, room)).collect();
        let mut said: Vec<&str> =
            lines.iter().filter_map(|line| line.split_once(' ')).map(|(_, text)| text).collect();
        let seen: Vec<String> = heard.stderr.lines().map(|line| plain(line, room)).collect();
        let mut extra = Vec::new();
        for line in &seen {
            let text = line.strip_prefix("container-auditor: ").unwrap_or(line);
            match said.iter().position(|s| *s == text) {
                Some(at) => drop(said.remove(at)),
                None => extra.push(line.as_str()),
            }
        }
        let same = said.is_empty() && extra.is_empty();
        let console = if same {
            json!("as the log")
        } else {
            json!({"only the log": folded(said), "only the console": folded(extra)})
        };
        Self { lines, console }
    }

    /// The lines about one device, those about one hash directory together.
    #[must_use]
    pub fn about(&self, device: &str) -> Vec<String> {
        // Martlet names ten misplaced databases a pass: in a run that scenarios share, which ones
        // those are depends on the order of the devices.
        let mine = |line: &&String| {
            device_of(line) == Some(device) && !line.starts_with("WARNING Misplaced ")
        };
        let mut mine: Vec<&String> = self.lines.iter().filter(mine).collect();
        mine.sort_by_key(|line| place_of(line));
        folded(mine.into_iter().map(String::as_str).collect())
    }

    /// The lines about none of these devices.
    #[must_use]
    pub fn about_none_of(&self, devices: &[&str]) -> Vec<String> {
        let other = |line: &&String| !device_of(line).is_some_and(|d| devices.contains(&d));
        folded(self.lines.iter().filter(other).map(String::as_str).collect())
    }

    /// All lines, those about one hash directory together.
    #[must_use]
    pub fn all(&self) -> Vec<String> {
        let mut all: Vec<&str> = self.lines.iter().map(String::as_str).collect();
        all.sort_by_key(|line| place_of(line));
        folded(all)
    }

    /// What stderr had that the log had not, and the reverse.
    #[must_use]
    pub fn console(&self) -> Value {
        self.console.clone()
    }
}

/// How many databases these lines say passed and failed.
#[must_use]
pub fn counted(lines: &[String]) -> (usize, usize) {
    let begin = |with: &str| lines.iter().filter(|line| line.starts_with(with)).count();
    (begin("DEBUG Audit passed for "), begin("ERROR ERROR Could not get container info "))
}

/// Statsd packets by name; one that is not as Swift writes them stands for itself.
#[must_use]
pub fn statsd(heard: &Heard) -> Map<String, Value> {
    let mut names: BTreeMap<String, u64> = BTreeMap::new();
    for packet in &heard.statsd {
        *names.entry(metric(packet)).or_default() += 1;
    }
    names.into_iter().map(|(name, n)| (name, n.into())).collect()
}

fn metric(packet: &str) -> String {
    let known = packet.strip_prefix("container-auditor.").and_then(|rest| rest.split_once(':'));
    match known {
        Some((name @ ("passes" | "failures" | "errors"), "1|c")) => name.to_owned(),
        Some((name @ "timing", value)) if is_timing(value) => name.to_owned(),
        Some(_) | None => packet.to_owned(),
    }
}

/// `12.3456|ms`: at most four decimals.
fn is_timing(value: &str) -> bool {
    let Some(number) = value.strip_suffix("|ms") else { return false };
    let decimals = number.split_once('.').map_or(0, |(_, decimals)| decimals.len());
    decimals <= 4 && number.parse::<f64>().is_ok()
}

/// The files of the recon cache as they are after a run, to the byte but for the time of the pass.
#[must_use]
pub fn recon(room: &Room) -> Value {
    let mut files = Map::new();
    for entry in std::fs::read_dir(room.recon()).into_iter().flatten().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let what = match std::fs::read(entry.path()) {
            Ok(bytes) => without_time(&crate::snapshot::escaped(&bytes)),
            Err(why) => why.kind().to_string(),
        };
        files.insert(name, json!(what));
    }
    files.sort_keys();
    files.into()
}

fn without_time(text: &str) -> String {
    const KEY: &str = "\"container_auditor_pass_completed\": ";
    let Some((head, rest)) = text.split_once(KEY) else { return text.to_owned() };
    let end = rest.find([',', '}']).unwrap_or(rest.len());
    let (number, tail) = rest.split_at(end);
    let shown = if number.parse::<f64>().is_ok_and(|n| n < 100.0) { "SECONDS" } else { number };
    format!("{head}{KEY}{shown}{tail}")
}

/// What a run changed, below `node/` or `recon/`.
#[must_use]
pub fn changes(before: &Snapshot, after: &Snapshot, name: &str) -> Vec<String> {
    let lines = before.below(name).changes(&after.below(name));
    let mut lines: Vec<String> = lines.iter().map(|line| without_ids(line)).collect();
    if name == "recon" {
        // The cache holds a time: its text is compared as `recon`.
        for line in &mut lines {
            if let Some((head, _)) =
                line.rsplit_once(' ').filter(|(head, _)| head.contains(" file "))
            {
                *line = head.rsplit_once(' ').map_or(head, |(head, _)| head).to_owned();
            }
        }
    }
    lines.sort();
    lines
}

fn with_level(packet: &str, room: &Room) -> String {
    let parts = packet.strip_prefix('<').and_then(|rest| rest.split_once('>'));
    let Some((Ok(priority), text)) = parts.map(|(n, text)| (n.parse::<usize>(), text)) else {
        return format!("UNREADABLE {packet}");
    };
    let levels = ["EMERG", "ALERT", "CRITICAL", "ERROR", "WARNING", "NOTICE", "INFO", "DEBUG"];
    let level = levels[priority & 7];
    let ends = if text.ends_with('\0') { "" } else { " (without NUL)" };
    let facility = if priority >> 3 == 16 { "" } else { " (not local0)" };
    let text = text.trim_end_matches('\0');
    let (text, tag) = match text.strip_prefix("container-auditor: ") {
        Some(text) => (text, ""),
        None => (text, " (without tag)"),
    };
    format!("{level} {}{tag}{facility}{ends}", plain(text, room))
}

/// A line without what differs from run to run.
fn plain(line: &str, room: &Room) -> String {
    let room = room.path().to_str().expect("a temporary directory has a plain name");
    let mut line = line.replace(&format!("{room}/node"), "/srv/node");
    line = line.replace(&format!("{room}/recon"), "/var/cache/swift").replace(room, "/room");
    if let Some((head, _)) = line.split_once("#012") {
        line = format!("{head}#012…");
    }
    for (before, after) in
        [("Starting ", ""), ("Exited ", ""), ("SIGTERM received (", ")"), ("completed: ", "s")]
    {
        if let Some(at) = line.find(before).map(|at| at + before.len()) {
            let number = line[at..].find(|c: char| !c.is_ascii_digit() && c != '.');
            let end = number.map_or(line.len(), |n| at + n);
            if at < end && line[end..].starts_with(after) {
                line.replace_range(at..end, "N");
            }
        }
    }
    without_ids(&line)
}

/// `-` and 32 hexadecimal digits, as a second quarantine of one name gets, become `-UUID`.
fn without_ids(line: &str) -> String {
    let mut out = String::with_capacity(line.len());
    let mut rest = line;
    while let Some(at) = rest.find('-') {
        out.push_str(&rest[..=at]);
        rest = &rest[at + 1..];
        let digits = rest.bytes().take_while(u8::is_ascii_hexdigit).count();
        if digits == 32 {
            out.push_str("UUID");
            rest = &rest[32..];
        }
    }
    out + rest
}

/// Lines of a traceback that Python printed by itself become one.
fn folded(lines: Vec<&str>) -> Vec<String> {
    let mut out: Vec<String> = Vec::new();
    for line in lines {
        let (is_python, fold) = match line.split_once("STDERR: ") {
            Some((head, _)) => (true, format!("{head}STDERR: …")),
            None => (false, line.to_owned()),
        };
        if !(is_python && out.last() == Some(&fold)) {
            out.push(fold);
        }
    }
    out
}

fn device_of<'a>(line: &'a str) -> Option<&'a str> {
    let unmounted = |line: &'a str| {
        line.strip_prefix("WARNING Skipping ")?.strip_suffix(" as it is not mounted")
    };
    if let Some(device) = unmounted(line) {
        return Some(device);
    }
    let (_, rest) = line.split_once("/srv/node/")?;
    rest.split(['/', '+', ' ', '\'', ':']).next()
}

fn place_of(line: &str) -> &str {
    let Some((_, rest)) = line.split_once("/srv/node/") else { return "" };
    let place = rest.split(" to ").next().unwrap_or(rest);
    let end = place.match_indices('/').nth(4).map_or(place.len(), |(at, _)| at);
    &place[..end]
}
