//! `martlet list CONF`: what was found and is not mended, and how to mend it.
use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::process::ExitCode;

use martlet_core::advice::{AFTER_MOVE, HELD, MAKE_INDEX, NOT_MOVED};
use martlet_core::quarantine::Stays;
use martlet_core::report::Date;
use martlet_core::verdict::{FindingCode, Verdict};
use martlet_platform_linux::clock;
use martlet_platform_linux::conf;
use martlet_platform_linux::logging::{Shown, one_line};
use martlet_platform_linux::state::findings::{Action, Finding, read};
use serde_json::json;

use crate::args::daemon::List;
use crate::exit::DAMAGE;
use crate::word::quoted;
use crate::{json, output, span};

/// `martlet list`.
pub(crate) fn show(asked: &List) -> Result<ExitCode, String> {
    let settings = conf::load(&asked.conf).map_err(|error| error.to_string())?;
    let since = asked.since.as_deref().map(|it| span::of("--since", it)).transpose()?;
    let Some(place) = &settings.state_path else {
        return Err("state_path is empty, so findings are not kept".to_owned());
    };
    let kept = read(place, &asked.conf).map_err(|error| error.to_string())?;
    let nothing = match (&kept, &asked.since) {
        (Some(list), Some(_)) if 0 < list.open => "nothing that was seen since then".to_owned(),
        (Some(_), _) => "nothing that is not mended".to_owned(),
        (None, _) => format!("nothing was found as yet, or kept in {}", place.display()),
    };
    let list = kept.unwrap_or_default();
    let mut findings = list.findings;
    findings.retain(|it| it.closed.is_none());
    if let Some(since) = since {
        let micros = i64::try_from(since.as_micros()).unwrap_or(i64::MAX);
        let after = clock::wall().as_micros().saturating_sub(micros);
        findings.retain(|it| after <= it.last.as_micros());
    }
    findings.sort_by(|one, other| one.path.cmp(&other.path));
    let conf = quoted(asked.conf.as_os_str().as_bytes());
    let mut lines: Vec<String> = if asked.json {
        findings.iter().map(|it| object(it, &conf)).collect()
    } else {
        findings.iter().flat_map(|it| told(it, &conf)).collect()
    };
    if 0 < list.unlisted && !asked.json {
        lines.push(format!("and {} more for which there was no room", list.unlisted));
    }
    if lines.is_empty() && !asked.json {
        lines.push(nothing);
    }
    let code = if list.open == 0 { ExitCode::SUCCESS } else { ExitCode::from(DAMAGE) };
    output::print(lines, code)
}

fn told(finding: &Finding, conf: &str) -> Vec<String> {
    let path = Shown(finding.path.as_os_str().as_bytes());
    let name = match (&finding.account, &finding.container) {
        (Some(account), Some(container)) => {
            format!("{}/{}  {path}", Shown(account), Shown(container))
        }
        _ => path.to_string(),
    };
    let codes = finding.codes.join("  ");
    let (first, last) = (Date(finding.first), Date(finding.last));
    let times =
        if finding.times == 1 { "once".to_owned() } else { format!("{} times", finding.times) };
    let seen = format!("  first seen {first}, last {last}, {times}; ");
    let done = match &finding.action {
        Action::Reported => "reported".to_owned(),
        Action::Moved(to) if is_gone(to) => {
            format!("was moved to {}, and is there no more", Shown(to.as_os_str().as_bytes()))
        }
        Action::Moved(to) => format!("moved to {}", Shown(to.as_os_str().as_bytes())),
        Action::Left(why) => format!("not moved: {}", one_line(why)),
    };
    let first = format!("{:<14} {name}  {codes}", one_line(&finding.verdict));
    let mut lines = vec![first.trim_end().to_owned(), seen + &done];
    lines.extend(next(finding).map(|next| format!("  {next}")));
    lines.push(format!("  {}", command(finding, conf)));
    lines
}

fn object(finding: &Finding, conf: &str) -> String {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let (action, to) = match &finding.action {
        Action::Reported => ("reported", None),
        Action::Moved(to) => ("moved", Some(text(to.as_os_str().as_bytes()))),
        Action::Left(why) => ("left", Some(why.clone())),
    };
    let others = json!({
        "device": text(finding.device.as_bytes()),
        "account": finding.account.as_deref().map(text),
        "container": finding.container.as_deref().map(text),
        "verdict": finding.verdict,
        "codes": finding.codes,
        "first": finding.first.as_secs(),
        "last": finding.last.as_secs(),
        "times": finding.times,
        "action": action,
        "action_detail": to,
        "next": next(finding),
        "command": command(finding, conf),
    });
    json::about(finding.path.as_os_str().as_bytes(), others)
}

/// Somebody put it back or took it away, which the next pass will see.
fn is_gone(moved: &Path) -> bool {
    moved.symlink_metadata().is_err_and(|error| error.kind() == io::ErrorKind::NotFound)
}

/// What to do, by the gravest code, or by the verdict where there is none.
fn next(finding: &Finding) -> Option<&'static str> {
    match &finding.action {
        Action::Moved(to) if is_gone(to) => {
            return Some("The next pass tells what has become of it.");
        }
        Action::Moved(_) => return Some(AFTER_MOVE),
        Action::Left(why) => return Some(left(why)),
        Action::Reported => {}
    }
    let Some(first) = finding.codes.first() else {
        let verdict = Verdict::ALL.into_iter().find(|it| it.word() == finding.verdict)?;
        return verdict.advice().map(|(_, next)| next);
    };
    let code = FindingCode::ALL.into_iter().find(|code| code.word() == first)?;
    Some(code.advice().next)
}

/// What to do about damage that the daemon leaves where it is, by the word for why.
fn left(why: &str) -> &'static str {
    if why == "breaker" {
        return HELD;
    }
    let stays = Stays::ALL.into_iter().find(|it| it.word() == why);
    stays.map_or(NOT_MOVED, Stays::next)
}

/// Whether the database at `path` is the only one of its directory: then the directory may be moved, and
/// takes no sound neighbour along. One that cannot be listed may hold any.
fn is_alone(path: &Path) -> bool {
    let Some(Ok(entries)) = path.parent().map(fs::read_dir) else { return false };
    let names: Result<Vec<_>, _> = entries.map(|entry| entry.map(|it| it.file_name())).collect();
    let Ok(mut names) = names else { return false };
    names.retain(|name| name.as_bytes().ends_with(b".db"));
    names.len() == 1 && path.file_name() == names.first().map(|name| &**name)
}

/// The command that does it, or shows more where a person has to decide.
fn command(finding: &Finding, conf: &str) -> String {
    let shown = quoted(finding.path.as_os_str().as_bytes());
    match &finding.action {
        Action::Moved(to) if is_gone(to) => return format!("martlet check --deep {shown}"),
        Action::Moved(to) => {
            let to = quoted(to.as_os_str().as_bytes());
            return format!("martlet quarantine show {conf} {to}");
        }
        Action::Reported | Action::Left(_) => {}
    }
    let path = &finding.path;
    if finding.codes == [FindingCode::RowsIndex.word()] {
        return format!("sqlite3 {shown} '{MAKE_INDEX}'");
    }
    // For these the hash directory is not what moves, or a person has to look first.
    let stays =
        [FindingCode::StatPending, FindingCode::StatShardRange, FindingCode::RowsShardRange];
    let goes =
        |it: &String| !it.starts_with("place-") && !stays.iter().any(|code| code.word() == it);
    let is_damaged = finding.codes.iter().any(goes);
    let hash = path.parent().filter(|_| is_damaged && finding.verdict == "damaged");
    let word = |path: &Path| quoted(path.as_os_str().as_bytes());
    match (hash, path.ancestors().nth(5)) {
        (Some(hash), Some(_)) if !is_alone(path) => format!("martlet check --deep {}", word(hash)),
        (Some(hash), Some(device)) if device.file_name().is_some() => {
            let above = device.join("quarantined");
            let to = word(&above.join("containers"));
            // Root's own directories would keep the daemon from moving anything there.
            let (like, above) = (word(&device.join("containers")), word(&above));
            let make = format!("mkdir -p {to} && chown --reference={like} {above} {to}");
            format!("{make} && mv {} {to}/", word(hash))
        }
        _ => format!("martlet check --deep {shown}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use martlet_core::time::Wall;
    use std::path::PathBuf;

    /// A finding about `path`, on the device five directories above.
    fn finding(path: &Path, verdict: &str, code: &str, action: Action) -> Finding {
        Finding {
            path: path.to_owned(),
            device: "sda".into(),
            account: None,
            container: None,
            verdict: verdict.to_owned(),
            codes: vec![code.to_owned()],
            first: Wall::default(),
            last: Wall::default(),
            times: 1,
            action,
            closed: None,
        }
    }

    #[test]
    fn each_finding_has_the_command_that_mends_it() {
        let dir = tempfile::tempdir().expect("a folder");
        let hash = dir.path().join("sda/containers/7/abc/HASH");
        fs::create_dir_all(&hash).expect("made");
        let path = hash.join("HASH.db");
        fs::write(&path, "").expect("written");
        let (node, file) = (dir.path().display(), path.display());
        let look = format!("martlet check --deep {file}");
        let index = format!("sqlite3 {file} '{MAKE_INDEX}'");
        let mv = format!(
            "mkdir -p {node}/sda/quarantined/containers && chown --reference={node}/sda/containers \
             {node}/sda/quarantined {node}/sda/quarantined/containers && \
             mv {node}/sda/containers/7/abc/HASH {node}/sda/quarantined/containers/",
        );
        let moved = Action::Moved(PathBuf::from("/"));
        let gone = Action::Moved(dir.path().join("sda/quarantined/containers/HASH"));
        let quarantine = "martlet quarantine show x.conf /";
        for (verdict, code, action, expected) in [
            ("damaged", "structure-corrupt", moved, quarantine),
            ("damaged", "structure-corrupt", gone, &look),
            ("damaged", "rows-hash", Action::Reported, &mv),
            ("damaged", "structure-corrupt", Action::Left("off".to_owned()), &mv),
            ("damaged", "rows-index", Action::Reported, &index),
            ("damaged", "stat-pending", Action::Reported, &look),
            ("misplaced", "place-hash", Action::Reported, &look),
        ] {
            let finding = finding(&path, verdict, code, action);
            assert_eq!(command(&finding, "x.conf"), expected);
        }
    }

    #[test]
    fn no_command_moves_a_neighbour_away() {
        let dir = tempfile::tempdir().expect("a folder");
        let hash = dir.path().join("sda/containers/7/abc/HA SH");
        fs::create_dir_all(&hash).expect("made");
        let (own, stray) = (hash.join("HASH.db"), hash.join("zzz.db"));
        let look = format!("martlet check --deep '{}'", hash.display());
        let command = |path: &Path, action| {
            let finding = finding(path, "damaged", "stat-empty-file", action);
            super::command(&finding, "x.conf")
        };
        fs::write(&own, "sound").expect("written");
        fs::write(hash.join("HASH.db.pending"), "").expect("written");
        assert!(command(&own, Action::Reported).contains(" && mv "), "a side file is no neighbour");
        assert_eq!(
            command(&stray, Action::Reported),
            look,
            "it is gone, and the sound one is there"
        );
        fs::write(&stray, "").expect("written");
        for action in [Action::Reported, Action::Left("epochs".to_owned())] {
            assert_eq!(command(&stray, action), look);
        }
        fs::remove_dir_all(&hash).expect("removed");
        assert_eq!(command(&own, Action::Reported), look, "what cannot be listed may hold any");
    }

    #[test]
    fn what_the_daemon_leaves_is_not_left_to_the_daemon() {
        let path = Path::new("/srv/node/sda/containers/7/abc/HASH/HASH.db");
        let next = |action| next(&finding(path, "damaged", "structure-corrupt", action));
        let daemon = next(Action::Reported).expect("advice");
        assert!(daemon.starts_with("Let the daemon move it"), "{daemon}");
        let words = Stays::ALL.map(Stays::word);
        for why in words.into_iter().chain(["breaker", "cannot move it: Permission denied"]) {
            let advice = next(Action::Left(why.to_owned())).expect("advice");
            assert_ne!(advice, daemon, "{why}");
            assert_eq!(advice == NOT_MOVED, why.starts_with("cannot"), "{why}");
        }
    }
}
