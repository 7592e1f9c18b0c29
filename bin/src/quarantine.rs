//! `martlet quarantine list|show|restore|purge`: what was moved aside, and the way back.
use std::ffi::OsStr;
use std::io::{self, BufRead, IsTerminal, Write};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use martlet_core::audit::HashConf;
use martlet_core::check::Cell;
use martlet_core::path::DbPath;
use martlet_core::place::{HashPath, hex, is_partition};
use martlet_core::report::Date;
use martlet_platform_linux::check::{CheckConf, Checker};
use martlet_platform_linux::clock;
use martlet_platform_linux::conf::{self, Settings};
use martlet_platform_linux::devices::devices;
use martlet_platform_linux::logging::Shown;
use martlet_platform_linux::mount;
use martlet_platform_linux::quarantined::{self, Home, Quarantined, home};
use serde_json::json;

use crate::args::quarantine::{List, Purge, Restore, Show, What};
use crate::exit::INCOMPLETE;
use crate::span::{self, Bytes};
use crate::word::quoted;
use crate::{audit, json, output};

/// A directory of a quarantine, and whose it is.
struct Found {
    entry: Quarantined,
    names: Option<(Vec<u8>, Vec<u8>)>,
}

/// `martlet quarantine …`.
pub(crate) fn run(asked: &What) -> Result<ExitCode, String> {
    match asked {
        What::List(asked) => list(asked),
        What::Show(asked) => show(asked),
        What::Restore(asked) => restore(asked),
        What::Purge(asked) => purge(asked),
    }
}

fn list(asked: &List) -> Result<ExitCode, String> {
    let (found, whole) = all(&load(&asked.conf)?)?;
    let nothing = (found.is_empty() && whole && !asked.json)
        .then(|| "nothing is in the quarantine of any device".to_owned());
    let lines = found.iter().map(|it| if asked.json { it.json() } else { it.line() });
    let lines = lines.chain(nothing);
    output::print(lines, if whole { ExitCode::SUCCESS } else { ExitCode::from(INCOMPLETE) })
}

fn show(asked: &Show) -> Result<ExitCode, String> {
    let found = one(&load(&asked.conf)?, &asked.what)?;
    if !asked.json {
        let conf = quoted(asked.conf.as_os_str().as_bytes());
        let printed = output::print(found.told(&conf), ExitCode::SUCCESS)?;
        if printed != ExitCode::SUCCESS {
            return Ok(printed); // nobody is left to audit it for
        }
    }
    audit::look(&found.entry.path(), asked.json)
}

fn restore(asked: &Restore) -> Result<ExitCode, String> {
    let found = one(&load(&asked.conf)?, &asked.what)?;
    let entry = &found.entry;
    let shown = Shown(entry.name.as_bytes()).to_string();
    let hash = entry.hash().ok_or_else(|| {
        format!("{shown} is not the name of a container's directory: move it by hand")
    })?;
    if let (Some((account, container)), Some(secret)) =
        (&found.names, audit::hash(asked.swift_conf.as_deref())?)
    {
        must_fit(hash, account, container, &secret)?;
    }
    let told = home(&entry.device, hash).map_err(|error| error.to_string())?;
    let home = match (asked.partition, told) {
        (Some(partition), _) if !is_partition(hash, partition) => {
            return Err(format!("not restored: {shown} belongs in no partition {partition}"));
        }
        (Some(partition), Some(home)) if home.partition != partition => {
            return Err(format!(
                "not restored: as the other partitions of the device say, {shown} belongs in {}",
                home.partition,
            ));
        }
        (Some(partition), _) => Home { hash, partition },
        (None, Some(home)) => home,
        (None, None) => {
            return Err(
                "no partition of the device says how many there are: name the one of this \
                        container with --partition (swift-get-nodes prints it)"
                    .to_owned(),
            );
        }
    };
    let refused = |why| format!("not restored: {why}");
    quarantined::may_restore(entry, &home).map_err(refused)?;
    if !asked.force {
        must_be_sound(entry)?;
    }
    let path = quarantined::restore(entry, &home).map_err(refused)?;
    output::print([format!("restored {}", shown_path(&path))], ExitCode::SUCCESS)
}

/// What it says of itself must hash to the name that it lay under.
fn must_fit(
    hash: [u8; 16],
    account: &[u8],
    container: &[u8],
    secret: &HashConf,
) -> Result<(), String> {
    let secret = HashPath { prefix: &secret.prefix, suffix: &secret.suffix };
    let own = secret.sum(account, container);
    if own == hash {
        return Ok(());
    }
    Err(format!(
        "not restored: it is {}/{}, which belongs in {} and not in {}: is this the swift.conf of \
         its cluster?",
        Shown(account),
        Shown(container),
        Shown(&hex(own)),
        Shown(&hex(hash)),
    ))
}

/// A deep audit must find no damage: Swift's servers would fail on it, and the next pass would move it again.
/// What is wrong is said by the audit.
fn must_be_sound(entry: &Quarantined) -> Result<(), String> {
    let forced = "--force puts it back as it is";
    match audit::brief(&entry.path())? {
        Some(ended) if ended.totals.has_damage() => {
            Err(format!("not restored: it is damaged; {forced}"))
        }
        Some(ended) if ended.totals.is_incomplete() => {
            Err(format!("not restored: it could not be audited; {forced}"))
        }
        Some(_) => Ok(()),
        None => Err("not restored: the audit was stopped".to_owned()),
    }
}

fn purge(asked: &Purge) -> Result<ExitCode, String> {
    let older = asked.older_than.as_deref().map(|it| span::of("--older-than", it)).transpose()?;
    if asked.what.is_empty() && older.is_none() {
        return Err("purge: say what, or --older-than".to_owned());
    }
    let settings = load(&asked.conf)?;
    let (mut found, mut whole) = if asked.what.is_empty() {
        all(&settings)?
    } else {
        let named = asked.what.iter().map(|what| one(&settings, what));
        (named.collect::<Result<_, _>>()?, true)
    };
    // It may have been named twice.
    found.sort_by_cached_key(|it| it.entry.path());
    found.dedup_by_key(|it| it.entry.path());
    if let Some(older) = older {
        let micros = i64::try_from(older.as_micros()).unwrap_or(i64::MAX);
        let before = clock::wall().as_micros().saturating_sub(micros);
        found.retain(|it| it.entry.since.as_micros() <= before);
    }
    let code = |whole| if whole { ExitCode::SUCCESS } else { ExitCode::from(INCOMPLETE) };
    if found.is_empty() {
        return output::print(["nothing to remove".to_owned()], code(whole));
    }
    if !asked.yes && !agreed(&found)? {
        return output::print(["nothing removed".to_owned()], ExitCode::SUCCESS);
    }
    // Who has left wanted it removed all the same, and does not get to know of all of it.
    let mut printed = ExitCode::SUCCESS;
    for it in &found {
        match quarantined::purge(&it.entry) {
            Ok(()) => printed = output::print([format!("removed {}", it.line())], printed)?,
            Err(error) => {
                whole = false;
                let _closed = writeln!(io::stderr().lock(), "{error}");
            }
        }
    }
    Ok(if printed == ExitCode::SUCCESS { code(whole) } else { printed })
}

/// Asks a person.
fn agreed(found: &[Found]) -> Result<bool, String> {
    if !io::stdin().is_terminal() || !io::stderr().is_terminal() {
        return Err("purge: nobody to ask, so it wants --yes".to_owned());
    }
    let cannot = |error| format!("cannot ask: {error}");
    let mut out = io::stderr().lock();
    for it in found {
        writeln!(out, "{}", it.line()).map_err(cannot)?;
    }
    write!(out, "Remove {} for good? [y/N] ", found.len()).map_err(cannot)?;
    let mut answer = String::new();
    io::stdin().lock().read_line(&mut answer).map_err(cannot)?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}

fn load(conf: &Path) -> Result<Settings, String> {
    conf::load(conf).map_err(|error| error.to_string())
}

/// What lies in the quarantine of each device, and whether that is all: what cannot be listed, or is
/// not mounted, is said on stderr.
fn all(settings: &Settings) -> Result<(Vec<Found>, bool), String> {
    let root = Path::new("/").join(&settings.devices);
    let listed = devices(&root, settings.mount_check).map_err(|error| error.to_string())?;
    let mut paths: Vec<PathBuf> = listed.into_iter().map(|device| device.path).collect();
    paths.sort_unstable();
    let stop = Arc::new(AtomicBool::new(false));
    let mut checker = Checker::new(CheckConf { may_recover: false, stop });
    let (mut found, mut whole) = (Vec::new(), true);
    for device in &paths {
        if settings.mount_check && !mount::look(device).mounted {
            // A file there is no disk.
            if device.is_dir() {
                whole = false;
                let shown = shown_path(device);
                let _closed = writeln!(io::stderr().lock(), "{shown} is not mounted");
            }
            continue;
        }
        let entries = quarantined::quarantined(device).unwrap_or_else(|error| {
            whole = false;
            let _closed = writeln!(io::stderr().lock(), "{error}");
            Vec::new()
        });
        for why in entries.iter().filter_map(|entry| entry.unseen.as_ref()) {
            whole = false;
            let _closed = writeln!(io::stderr().lock(), "{why}");
        }
        found.extend(entries.into_iter().map(|entry| {
            let names = whose(&mut checker, &entry);
            Found { entry, names }
        }));
    }
    Ok((found, whole))
}

/// The only one of this name, path, or account and container.
fn one(settings: &Settings, what: &Path) -> Result<Found, String> {
    let (mut found, _) = all(settings)?;
    let shown = shown_path(what);
    found.retain(|it| it.is(what));
    match found.len() {
        0 => Err(format!("{shown}: not in the quarantine of any device")),
        1 => found.pop().ok_or_else(String::new),
        _ => {
            let places: Vec<_> = found.iter().map(|it| shown_path(&it.entry.path())).collect();
            Err(format!("{shown} is more than one: {}", places.join(", ")))
        }
    }
}

/// Account and container, as the first database says that can be read so far.
fn whose(checker: &mut Checker, entry: &Quarantined) -> Option<(Vec<u8>, Vec<u8>)> {
    entry.databases.iter().find_map(|name| {
        let _seen = checker.look(&DbPath::new(entry.path().join(name).as_os_str().as_bytes()));
        match checker.names() {
            (Cell::Text(account), Cell::Text(container)) => {
                Some((account.to_vec(), container.to_vec()))
            }
            _ => None,
        }
    })
}

impl Found {
    fn is(&self, what: &Path) -> bool {
        let own = |(account, container): &(Vec<u8>, Vec<u8>)| {
            [account, &b"/"[..], container].concat() == what.as_os_str().as_bytes()
        };
        self.entry.name == what || self.entry.path() == what || self.names.as_ref().is_some_and(own)
    }

    /// `account/container`, or what stands for it.
    fn name(&self) -> String {
        match &self.names {
            Some((account, container)) => format!("{}/{}", Shown(account), Shown(container)),
            None => "(no name)".to_owned(),
        }
    }

    fn line(&self) -> String {
        let (date, bytes) = (Date(self.entry.since), Bytes(self.entry.bytes));
        format!("{}  {}  since {date}, {bytes}", self.name(), shown_path(&self.entry.path()))
    }

    fn json(&self) -> String {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let device = self.entry.device.file_name().unwrap_or(OsStr::new("")).as_bytes();
        let hash = self.entry.hash().map(|hash| text(&hex(hash)));
        let others = json!({
            "device": text(device),
            "hash": hash,
            "account": self.names.as_ref().map(|names| text(&names.0)),
            "container": self.names.as_ref().map(|names| text(&names.1)),
            "since": self.entry.since.as_secs(),
            "bytes": self.entry.bytes,
            "databases": self.entry.databases.iter().map(|it| text(it.as_bytes())).collect::<Vec<_>>(),
        });
        json::about(self.entry.path().as_os_str().as_bytes(), others)
    }

    /// What a person wants to know before anything is done with it.
    fn told(&self, conf: &str) -> Vec<String> {
        let entry = &self.entry;
        let mut lines = vec![self.line()];
        let home = entry.hash().map(|hash| home(&entry.device, hash));
        match home {
            None => lines.push("belongs nowhere: its name is not that of a container".to_owned()),
            Some(Err(error)) => lines.push(format!("belongs: {error}")),
            Some(Ok(None)) => lines.push("belongs in a partition that is not known".to_owned()),
            Some(Ok(Some(home))) => {
                let path = home.path(&entry.device);
                let there = if path.exists() { "something is there" } else { "nothing is there" };
                lines.push(format!("belongs in {}: {there}", shown_path(&path)));
            }
        }
        // The path, since two devices may have a directory of the same name.
        let path = quoted(entry.path().as_os_str().as_bytes());
        lines.push(format!("put it back: martlet quarantine restore {conf} {path}"));
        lines.push(format!("remove it:   martlet quarantine purge {conf} {path}"));
        lines
    }
}

fn shown_path(path: &Path) -> String {
    Shown(path.as_os_str().as_bytes()).to_string()
}
