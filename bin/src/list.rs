//! `martlet list CONF`: what was found and is not mended, and how to mend it.
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::process::ExitCode;

use martlet_core::advice::{AFTER_MOVE, MAKE_INDEX};
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
use crate::{output, span};

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
    json!({
        "path": text(finding.path.as_os_str().as_bytes()),
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
    })
    .to_string()
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
        Action::Reported | Action::Left(_) => {}
    }
    let Some(first) = finding.codes.first() else {
        let verdict = Verdict::ALL.into_iter().find(|it| it.word() == finding.verdict)?;
        return verdict.advice().map(|(_, next)| next);
    };
    let code = FindingCode::ALL.into_iter().find(|code| code.word() == first)?;
    Some(code.advice().next)
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
    match (hash, path.ancestors().nth(5)) {
        (Some(hash), Some(device)) if device.file_name().is_some() => {
            let word = |path: &Path| quoted(path.as_os_str().as_bytes());
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

    #[test]
    fn each_finding_has_the_command_that_mends_it() {
        let finding = |verdict: &str, code: &str, action| Finding {
            path: PathBuf::from("/srv/node/sda/containers/7/abc/HASH/HASH.db"),
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
        };
        let moved = Action::Moved(PathBuf::from("/"));
        let gone = Action::Moved(PathBuf::from("/srv/node/sda/quarantined/containers/HASH"));
        for (finding, expected) in [
            (finding("damaged", "structure-corrupt", moved), "martlet quarantine show x.conf /"),
            (
                finding("damaged", "structure-corrupt", gone),
                "martlet check --deep /srv/node/sda/containers/7/abc/HASH/HASH.db",
            ),
            (
                finding("damaged", "rows-hash", Action::Reported),
                "mkdir -p /srv/node/sda/quarantined/containers && chown \
                 --reference=/srv/node/sda/containers /srv/node/sda/quarantined \
                 /srv/node/sda/quarantined/containers && \
                 mv /srv/node/sda/containers/7/abc/HASH /srv/node/sda/quarantined/containers/",
            ),
            (
                finding("damaged", "rows-index", Action::Reported),
                "sqlite3 /srv/node/sda/containers/7/abc/HASH/HASH.db 'BEGIN IMMEDIATE; DROP INDEX IF \
                 EXISTS ix_object_deleted_name; CREATE INDEX ix_object_deleted_name ON object \
                 (deleted, name); COMMIT'",
            ),
            (
                finding("damaged", "stat-pending", Action::Reported),
                "martlet check --deep /srv/node/sda/containers/7/abc/HASH/HASH.db",
            ),
            (
                finding("misplaced", "place-hash", Action::Reported),
                "martlet check --deep /srv/node/sda/containers/7/abc/HASH/HASH.db",
            ),
        ] {
            assert_eq!(command(&finding, "x.conf"), expected);
        }
    }
}
