//! `martlet status CONF`: where the daemon is, or where the last one was when it ended.
use std::fmt::Write as _;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use martlet_core::audit::{Doing, Ended, Mode};
use martlet_core::left::{WHOLE, left};
use martlet_core::report::Date;
use martlet_core::tally::Totals;
use martlet_core::time::Wall;
use martlet_core::verdict::Verdict;
use martlet_platform_linux::clock;
use martlet_platform_linux::conf::{self, Settings};
use martlet_platform_linux::control::{Request, ask};
use martlet_platform_linux::drive::{Standing, wanted};
use martlet_platform_linux::instance;
use martlet_platform_linux::logging::one_line;
use martlet_platform_linux::state::coverage::{self, Age, Ages};
use martlet_platform_linux::state::{Store, findings};
use serde_json::{Map, Value, json};

use crate::args::daemon::Status;
use crate::span::Span;
use crate::word::quoted;
use crate::{control, output, settings};

/// `martlet status`.
pub(crate) fn show(asked: &Status) -> Result<ExitCode, String> {
    let settings = conf::load(&asked.conf).map_err(|error| error.to_string())?;
    let status = gather(&settings, &asked.conf)?;
    let lines = if asked.json { vec![status.to_string()] } else { told(&status, &asked.conf) };
    output::print(lines, ExitCode::SUCCESS)
}

/// What the daemon says of itself; without one, what it left.
fn gather(settings: &Settings, conf: &Path) -> Result<Value, String> {
    let holder = instance::holder(conf, &instance::places(settings.state_path.as_deref()));
    let store = settings.state_path.as_ref().map(|place| Store::new(place, conf, ""));
    let mut status = Value::Null;
    if let Some(store) = &store {
        let said = ask(&control::socket(store), &Request::Status);
        if let Some(said) = said.map_err(|error| error.to_string())? {
            status = serde_json::from_str(&said).map_err(|error| error.to_string())?;
        }
    }
    if status.is_null() {
        status = store.as_ref().map_or_else(|| json!({}), at_rest);
        if let Some(place) = &settings.state_path {
            let wanted = wanted(&settings::core(settings, Mode::Forever, None));
            let found = coverage::ages(place, conf, wanted).map_err(|error| error.to_string())?;
            add_ages(&mut status, &found.unwrap_or_default());
        }
        status["running"] = holder.is_some().into();
    }
    if status["pid"].is_null() {
        status["pid"] = holder.map_or(Value::Null, Value::from);
    }
    if let Some(place) = &settings.state_path {
        // The daemon keeps them within a minute.
        let found = findings::read(place, conf).map_err(|error| error.to_string())?;
        status["findings"] = found.map_or(0, |found| found.open).into();
    }
    status["conf"] = conf.display().to_string().into();
    Ok(status)
}

/// What the state files say of a daemon that does not run.
fn at_rest(store: &Store) -> Value {
    let Some(saved) = store.peek() else { return json!({ "state": null }) };
    let devices: Vec<Value> = saved
        .entries
        .iter()
        .map(|entry| {
            let past = entry.past;
            json!({
                "name": String::from_utf8_lossy(&entry.name),
                "done": past.done,
                "found": past.found,
                "databases": past.databases,
                "moved": past.breaker.moved,
                "breaker": breaker(past.breaker.tripped),
            })
        })
        .collect();
    let spent = saved.head.pass.map(|spent| spent.as_secs());
    json!({ "pass": { "spent_seconds": spent }, "devices": devices })
}

/// Adds to the devices that a daemon left how long ago they were audited.
fn add_ages(status: &mut Value, found: &[Ages]) {
    for device in status["devices"].as_array_mut().into_iter().flatten() {
        let name = device["name"].as_str().unwrap_or_default();
        let its = found.iter().find(|ages| String::from_utf8_lossy(&ages.name) == name);
        device["oldest_audit"] = age(its.map(|ages| ages.stat));
        device["oldest_deep_audit"] = age(its.and_then(|ages| ages.deep));
    }
}

/// How long ago the part of a device was audited that has waited longest.
fn age(age: Option<Age>) -> Value {
    let Some(Age { oldest, overdue }) = age else { return Value::Null };
    json!({
        "seconds": oldest.age.map(|age| age.as_secs()),
        "passes": oldest.passes,
        "never": oldest.never,
        "overdue": overdue,
    })
}

const fn breaker(tripped: bool) -> &'static str {
    if tripped { "tripped" } else { "armed" }
}

/// A daemon's own words on where it stands.
pub(crate) fn of(standing: &Standing, last: Option<(Wall, Ended)>) -> Value {
    let seconds = |span: Option<Duration>| span.map(|span| span.as_secs());
    let spent = standing.spent.unwrap_or_default();
    let left = standing.spent.and_then(|spent| left(spent, standing.share));
    let rate = standing.here.filter(|here| !here.is_zero()).map(|here| {
        #[expect(clippy::cast_precision_loss, reason = "a rate is told without a fraction")]
        let audited = standing.totals.audited() as f64;
        (audited / here.as_secs_f64()).round()
    });
    let devices: Vec<Value> = standing
        .devices
        .iter()
        .map(|device| {
            json!({
                "name": device.name.to_string_lossy(),
                "share": share(device.share),
                "done": device.past.done,
                "doing": device.doing.map(Doing::words),
                "stalled_since": device.stalled.map(|span| before(span).as_secs()),
                "found": device.past.found,
                "databases": device.past.databases,
                "skipped": device.past.skipped,
                "moved": device.past.breaker.moved,
                "breaker": breaker(device.past.breaker.tripped),
                "oldest_audit": age(device.ages.as_ref().map(|ages| ages.stat)),
                "oldest_deep_audit": age(device.ages.as_ref().and_then(|ages| ages.deep)),
            })
        })
        .collect();
    let pass = standing.spent.map(|_| {
        json!({
            "spent_seconds": spent.as_secs(),
            "share": share(standing.share),
            "left_seconds": left.map(|left| left.as_secs()),
            "rate": rate,
            "audited": standing.totals.audited(),
            "verdicts": verdicts(&standing.totals),
            "skipped": standing.totals.skipped,
            "moved": standing.totals.moved,
        })
    });
    let last = last.map(|(at, ended)| {
        json!({
            "ended": at.as_secs(),
            "took_seconds": ended.took.as_secs_f64(),
            "complete": !ended.totals.is_incomplete(),
            "audited": ended.totals.audited(),
            "verdicts": verdicts(&ended.totals),
            "skipped": ended.totals.skipped,
            "moved": ended.totals.moved,
        })
    });
    json!({
        "running": true,
        "pid": std::process::id(),
        "phase": standing.phase,
        "paused_seconds": seconds(standing.paused),
        "next_pass_seconds": seconds(standing.rests),
        "pass": pass,
        "last_pass": last,
        "devices": devices,
    })
}

/// The moment so long ago, by the calendar.
pub(crate) fn before(span: Duration) -> Wall {
    let micros = i64::try_from(span.as_micros()).unwrap_or(i64::MAX);
    Wall::from_micros(clock::wall().as_micros().saturating_sub(micros))
}

/// A share of 0 to 1, to a thousandth.
fn share(parts: u32) -> f64 {
    f64::from(parts.min(WHOLE) / 1000) / 1000.0
}

/// The verdicts that there were.
fn verdicts(totals: &Totals) -> Value {
    let there = Verdict::ALL.into_iter().filter(|verdict| 0 < totals.of(*verdict));
    Value::Object(
        there
            .map(|verdict| (verdict.word().to_owned(), totals.of(verdict).into()))
            .collect::<Map<_, _>>(),
    )
}

/// The same for people.
fn told(status: &Value, conf: &Path) -> Vec<String> {
    let conf = quoted(conf.as_os_str().as_bytes());
    let pid = status["pid"].as_u64();
    let by = pid.map(|pid| format!(" as {pid}")).unwrap_or_default();
    let mut lines = Vec::new();
    let runs = status["running"] == true;
    lines.push(match (runs, status["phase"].as_str()) {
        (true, Some(phase)) => format!("runs{by} on {conf}: {phase}"),
        (true, None) => format!("runs{by} on {conf}, and keeps no socket to be asked on"),
        (false, _) if status["devices"].is_null() => {
            format!("does not run on {conf}, and left nothing")
        }
        (false, _) => format!("does not run on {conf}; this is what it left"),
    });
    let span = |value: &Value| value.as_u64().map(|seconds| Span(Duration::from_secs(seconds)));
    if let Some(paused) = span(&status["paused_seconds"]) {
        lines.push(format!("paused for {paused} more"));
    }
    if let Some(rests) = span(&status["next_pass_seconds"]) {
        lines.push(format!("next pass in {rests}"));
    }
    let pass = &status["pass"];
    if let Some(spent) = span(&pass["spent_seconds"]) {
        let mut line = match (pass["share"].as_f64(), pass["audited"].as_u64()) {
            (Some(share), Some(audited)) => {
                format!("this pass: {:.1} %, {audited} databases in {spent}", share * 100.0)
            }
            _ => format!("a pass was broken off after {spent}"),
        };
        if let Some(rate) = pass["rate"].as_f64() {
            let _ = write!(line, ", {rate:.0}/s");
        }
        if let Some(left) = span(&pass["left_seconds"]) {
            let _ = write!(line, ", {left} left");
        }
        lines.push(line);
        lines.extend(counted(pass));
    }
    let last = &status["last_pass"];
    if let (Some(ended), Some(took)) = (last["ended"].as_i64(), last["took_seconds"].as_f64()) {
        let date = Date(Wall::from_micros(ended.saturating_mul(1_000_000)));
        let whole = if last["complete"] == true { "complete" } else { "incomplete" };
        let took = Span(Duration::try_from_secs_f64(took).unwrap_or_default());
        let audited = last["audited"].as_u64().unwrap_or_default();
        lines.push(format!("last pass: {whole}, {audited} databases in {took}, ended {date}"));
        lines.extend(counted(last));
    }
    if let Some(found) = status["findings"].as_u64().filter(|found| 0 < *found) {
        lines.push(format!("{found} found and not mended: martlet list {conf}"));
    }
    for device in status["devices"].as_array().into_iter().flatten() {
        lines.push(told_device(device));
    }
    lines
}

/// The counts of a pass that are not sound databases, if there are any.
fn counted(pass: &Value) -> Option<String> {
    let verdicts = pass["verdicts"].as_object()?;
    let mut words: Vec<_> = verdicts
        .iter()
        .filter(|(word, _)| *word != Verdict::Sound.word())
        .map(|(word, count)| format!("{count} {word}"))
        .collect();
    for word in ["skipped", "moved"] {
        if let Some(count) = pass[word].as_u64().filter(|count| 0 < *count) {
            words.push(format!("{count} {word}"));
        }
    }
    (!words.is_empty()).then(|| format!("  {}", words.join(", ")))
}

fn told_device(device: &Value) -> String {
    let name = one_line(device["name"].as_str().unwrap_or_default());
    let done = device["done"] == true;
    let mut line = format!("  {name:<12}");
    if let Some(share) = device["share"].as_f64() {
        let _ = write!(line, " {:>5.1} %", share * 100.0);
    }
    let doing = device["doing"].as_str();
    let _ = write!(line, "  {}", doing.unwrap_or(if done { "done" } else { "waiting" }));
    if let Some(since) = device["stalled_since"].as_i64() {
        let date = Date(Wall::from_micros(since.saturating_mul(1_000_000)));
        let _ = write!(line, "; has not answered since {date}");
    }
    if device["breaker"] == "tripped" {
        line.push_str("; nothing more is moved: look at the device, then martlet rearm");
    }
    for (what, key) in [("audited", "oldest_audit"), ("deep audits", "oldest_deep_audit")] {
        line.extend(told_age(what, &device[key]));
    }
    line
}

/// `; audited within 2 h`: no database has waited longer.
fn told_age(what: &str, age: &Value) -> Option<String> {
    let passes = age["passes"].as_u64()?;
    let span = age["seconds"].as_u64().map(|seconds| Span(Duration::from_secs(seconds)));
    let mut told = match (age["never"] == true, span) {
        // Nothing is wrong with what was not there an hour ago, or has its turn within a week.
        (true, _) if age["overdue"] != true => format!("; {what}: not all yet"),
        (true, Some(span)) => format!("; {what}: not all in {span}"),
        (true, None) => format!("; {what}: not all in {passes} passes"),
        (false, Some(span)) => format!("; {what} within {span}"),
        (false, None) => format!("; {what} within {passes} passes"),
    };
    if age["overdue"] == true {
        told.push_str(" (overdue)");
    }
    Some(told)
}
