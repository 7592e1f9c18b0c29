//! The daemon's end of the control socket, and the commands that ask there: `martlet
//! pause|resume|rearm`.
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use martlet_core::audit::{Ended, Order, PAUSE_MAX};
use martlet_core::event::Event;
use martlet_core::time::Wall;
use martlet_platform_linux::clock;
use martlet_platform_linux::conf;
use martlet_platform_linux::control::{Control, Request, ask};
use martlet_platform_linux::drive::Drive;
use martlet_platform_linux::event::say;
use martlet_platform_linux::instance;
use martlet_platform_linux::paused::Paused;
use martlet_platform_linux::state::Store;
use serde_json::{Value, json};

use crate::args::daemon::{Pause, Rearm, Resume};
use crate::span::{self, Span};
use crate::{output, status};

/// How long a pause lasts for which no time was given.
const PAUSE: Duration = Duration::from_secs(3600);

/// The last pass that ended, and when.
pub(crate) type LastPass = Arc<Mutex<Option<(Wall, Ended)>>>;

/// The socket of the daemon that keeps its state in `store`.
pub(crate) fn socket(store: &Store) -> PathBuf {
    store.file().with_extension("sock")
}

/// The pause of the daemon that keeps its state in `store`.
pub(crate) fn paused(store: &Store) -> Paused {
    Paused::new(store.file().with_extension("pause"))
}

/// Goes on with the pause that a restart broke off, if there is one.
pub(crate) fn go_on_pausing<const LANES: usize>(drive: &Drive<LANES>, paused: &Paused) {
    if let Some(left) = paused.left(clock::wall()) {
        say(Event::Paused, format_args!("Paused for {} s more", left.as_secs()));
        drive.order(Order::Pause(clock::mono().after(left)));
    }
}

/// Answers commands until the process ends. Without a socket the daemon goes on, and says so once.
pub(crate) fn serve<const LANES: usize>(
    drive: &Arc<Drive<LANES>>,
    socket: &Path,
    paused: Paused,
    last: LastPass,
) -> Option<Control> {
    let drive = Arc::clone(drive);
    let hand = move |request: &Request| answer(&drive, &paused, &last, request).to_string();
    let made = Control::new(socket).map_err(|error| error.to_string()).and_then(|mut control| {
        let served = control.serve(hand).map_err(|error| error.to_string());
        served.map(|()| control)
    });
    match made {
        Ok(control) => Some(control),
        Err(error) => {
            let lost = "martlet status, pause, resume and rearm do not reach this daemon";
            say(Event::SocketMissing, format_args!("{error}; {lost}"));
            None
        }
    }
}

fn answer<const LANES: usize>(
    drive: &Drive<LANES>,
    paused: &Paused,
    last: &LastPass,
    request: &Request,
) -> Value {
    match request {
        Request::Status => {
            let last = *last.lock().unwrap_or_else(PoisonError::into_inner);
            status::of(&drive.standing(), last)
        }
        Request::Pause(span) => {
            let span = (*span).min(PAUSE_MAX);
            drive.order(Order::Pause(clock::mono().after(span)));
            say(Event::Paused, format_args!("Paused for {} s", span.as_secs()));
            let kept = paused.keep(clock::wall(), span).map_err(|error| error.to_string());
            json!({ "paused_seconds": span.as_secs(), "not_kept": kept.err() })
        }
        Request::Resume => {
            drive.order(Order::Resume);
            say(Event::Resumed, format_args!("Resumed"));
            let kept = paused.forget().map_err(|error| error.to_string());
            json!({ "resumed": true, "not_kept": kept.err() })
        }
        Request::Rearm(device) => match drive.rearm(device.as_deref()) {
            Some(names) => {
                let names: Vec<_> = names.iter().map(|it| it.to_string_lossy()).collect();
                say(Event::Rearmed, format_args!("Re-armed: {}", names.join(" ")));
                json!({ "rearmed": names })
            }
            None => json!({ "error": "there is no such device in the pass" }),
        },
    }
}

/// `martlet pause CONF`.
pub(crate) fn pause(asked: &Pause) -> Result<ExitCode, String> {
    let span = asked.time.as_deref().map_or(Ok(PAUSE), |it| span::of("--time", it))?;
    if PAUSE_MAX < span {
        return Err(format!("pause: {} at most", Span(PAUSE_MAX)));
    }
    let said = tell(&asked.conf, &Request::Pause(span))?;
    let seconds = said["paused_seconds"].as_u64().unwrap_or_default();
    let line = format!("paused for {}", Span(Duration::from_secs(seconds)));
    done(line, &said)
}

/// `martlet resume CONF`.
pub(crate) fn resume(asked: &Resume) -> Result<ExitCode, String> {
    let said = tell(&asked.conf, &Request::Resume)?;
    done("resumed".to_owned(), &said)
}

/// `martlet rearm CONF`.
pub(crate) fn rearm(asked: &Rearm) -> Result<ExitCode, String> {
    let said = tell(&asked.conf, &Request::Rearm(asked.device.clone()))?;
    let names = said["rearmed"].as_array().into_iter().flatten();
    let names: Vec<_> = names.filter_map(Value::as_str).collect();
    let line = match names[..] {
        [] => "nothing to re-arm: databases are moved as the conf says".to_owned(),
        _ => format!("re-armed: {}", names.join(" ")),
    };
    done(line, &said)
}

fn done(line: String, said: &Value) -> Result<ExitCode, String> {
    let lost = said["not_kept"].as_str().map(|why| format!("{why}; a restart forgets it"));
    output::print(std::iter::once(line).chain(lost), ExitCode::SUCCESS)
}

/// Asks the daemon of this conf; that none runs is an error.
fn tell(conf: &Path, request: &Request) -> Result<Value, String> {
    let settings = conf::load(conf).map_err(|error| error.to_string())?;
    let Some(place) = &settings.state_path else {
        return Err("state_path is empty, so no daemon of this conf can be asked".to_owned());
    };
    let store = Store::new(place, conf, "");
    let said = ask(&socket(&store), request).map_err(|error| error.to_string())?;
    let Some(said) = said else {
        let runs = instance::holder(conf, &instance::places(Some(place))).is_some();
        let shown = conf.display();
        return Err(if runs {
            format!("the daemon of {shown} keeps no socket to be asked on; its log says why")
        } else {
            format!("no daemon runs on {shown}")
        });
    };
    let said: Value = serde_json::from_str(&said).map_err(|error| error.to_string())?;
    match said["error"].as_str() {
        Some(error) => Err(error.to_owned()),
        None => Ok(said),
    }
}
