//! One part of the daemon in a process of its own, for tests that need a second process.
//!
//! `part recon FILE KEY TIMES`: writes `KEY = 1 … TIMES` into a recon cache.
//! `part log SOCKET TIMES`: logs so many lines to syslog and stderr.
//! `part signals GRACE_MS return|stay|hang`: prints each signal; after a stop `main` returns 3 or
//! stays, or the one who is told hangs as well; then the last resort ends it with 7.
//! `part descriptors own|shared FILE`: prints whether the thread that waits for signals has a file that is
//! opened later.
//! `part detach SOCKET [keep-stderr]`: detaches, says to the socket what it is now, and waits there.
//! `part user CONF`: becomes the user that the conf names and prints who it is.
//! `part nice PRIORITY` and `part ionice CLASS PRIORITY`: prints what it then has.
//! `part claim CONF PLACE...`: prints what it got and keeps it until stdin ends.
use std::fs;
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::mpsc;
use std::time::Duration;

use martlet_core::conf::{IoClass, Level, LogFormat};
use martlet_platform_linux::logging::{LogConf, Logger};
use martlet_platform_linux::privilege::{self, Stderr};
use martlet_platform_linux::python::Number;
use martlet_platform_linux::signals::{Descriptors, LastResort, Signal};
use martlet_platform_linux::syslog::SyslogAt;
use martlet_platform_linux::{conf, instance, recon, signals};

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let done = match words[..] {
        ["recon", file, key, times] => write_recon(Path::new(file), key, times),
        ["log", socket, times] => write_log(socket, times),
        ["signals", grace_ms, end] => await_signals(grace_ms, end),
        ["descriptors", whose, file] => descriptors(whose, Path::new(file)),
        ["detach", socket] => detach(socket, Stderr::Released),
        ["detach", socket, "keep-stderr"] => detach(socket, Stderr::Kept),
        ["user", conf] => become_user(Path::new(conf)),
        ["nice", priority] => nice(priority),
        ["ionice", class, priority] => ionice(class, priority),
        ["claim", conf, ref places @ ..] => claim(conf, places),
        _ => Err("no such part".into()),
    };
    done.unwrap_or_else(|error| {
        eprintln!("{error}");
        ExitCode::FAILURE
    })
}

type Done = Result<ExitCode, Box<dyn std::error::Error>>;

/// One line to stdout, at once.
fn print(line: impl std::fmt::Display) -> std::io::Result<()> {
    writeln!(std::io::stdout(), "{line}")
}

/// With no errors the last value is `times`.
fn write_recon(file: &Path, key: &str, times: &str) -> Done {
    let (_never, inbox) = mpsc::channel::<()>();
    let pause = |span| inbox.recv_timeout(span).is_ok();
    for time in 1..=times.parse()? {
        // Far more patience than two seconds: it is not the machine's speed that is tested.
        recon::dump(file, &[(key, Number::Integer(time))], Duration::from_secs(60), &pause)?;
    }
    Ok(ExitCode::SUCCESS)
}

fn write_log(socket: &str, times: &str) -> Done {
    Logger::install(LogConf {
        tag: "part".to_owned(),
        least: Level::Info,
        max_line_length: None,
        facility: 16,
        at: SyslogAt::Socket(socket.into()),
        format: LogFormat::Text,
        console: true,
    })
    .map_err(|error| error.to_string())?;
    for time in 0..times.parse::<u32>()? {
        log::info!("line {time}\nx");
        log::debug!("not logged at this level");
    }
    Ok(ExitCode::SUCCESS)
}

fn await_signals(grace_ms: &str, end: &str) -> Done {
    let (returns, hangs) = (end == "return", end == "hang");
    let blocked = signals::block()?;
    let (stop, stopped) = mpsc::channel();
    signals::watch(
        blocked,
        LastResort { after: Duration::from_millis(grace_ms.parse()?), code: 7 },
        Descriptors::Shared,
        move |signal| {
            let _parent_gone = print(format_args!("{signal:?}"));
            if let Signal::Stop(_) = signal {
                let _main_gone = stop.send(());
                if hangs {
                    stay();
                }
            }
        },
    )?;
    print("ready")?;
    stopped.recv()?;
    if !returns {
        stay();
    }
    Ok(ExitCode::from(3))
}

fn descriptors(whose: &str, file: &Path) -> Done {
    let blocked = signals::block()?;
    let last = LastResort { after: Duration::from_secs(1), code: 7 };
    let whose = if whose == "own" { Descriptors::Own } else { Descriptors::Shared };
    signals::watch(blocked, last, whose, |_| {})?;
    let _open = fs::File::create(file)?;
    for task in fs::read_dir("/proc/self/task")? {
        let task = task?.path();
        if fs::read_to_string(task.join("comm"))?.trim() == "signals" {
            let mut open = fs::read_dir(task.join("fd"))?.filter_map(Result::ok);
            print(open.any(|fd| fs::read_link(fd.path()).is_ok_and(|leads| leads == file)))?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Never returns.
fn stay() -> ! {
    loop {
        std::thread::park();
    }
}

fn detach(socket: &str, stderr: Stderr) -> Done {
    print("before")?;
    privilege::detach(stderr)?;
    print("after")?;
    eprintln!("after");
    let mut parent = UnixStream::connect(socket)?;
    let link = |name: &str| fs::read_link(Path::new("/proc/self").join(name));
    for name in ["cwd", "fd/0", "fd/1", "fd/2"] {
        writeln!(parent, "{name} {}", link(name)?.display())?;
    }
    let session = nix::unistd::getsid(None)?;
    writeln!(parent, "leads {}", session == nix::unistd::getpid())?;
    for line in fs::read_to_string("/proc/self/status")?.lines() {
        if line.starts_with("Umask") || line.starts_with("SigIgn") {
            writeln!(parent, "{line}")?;
        }
    }
    parent.shutdown(std::net::Shutdown::Write)?;
    parent.read_to_end(&mut Vec::new())?;
    Ok(ExitCode::SUCCESS)
}

fn become_user(conf: &Path) -> Done {
    let settings = conf::load(conf)?;
    privilege::turn_into(&settings.user, &settings.account()?)?;
    for line in fs::read_to_string("/proc/self/status")?.lines() {
        if ["Uid:", "Gid:", "Groups:"].iter().any(|start| line.starts_with(start)) {
            print(line)?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn nice(priority: &str) -> Done {
    privilege::nice(priority.parse()?)?;
    let stat = fs::read_to_string("/proc/self/stat")?;
    // proc_pid_stat(5): the 19th field; the second is the name in brackets.
    let (_, fields) = stat.rsplit_once(')').ok_or("no name")?;
    print(fields.split_whitespace().nth(16).ok_or("no nice field")?)?;
    Ok(ExitCode::SUCCESS)
}

fn ionice(class: &str, priority: &str) -> Done {
    privilege::ionice(IoClass::named(class).ok_or("no such class")?, priority.parse()?)?;
    std::process::Command::new("ionice").args(["-p", &std::process::id().to_string()]).status()?;
    Ok(ExitCode::SUCCESS)
}

fn claim(conf: &str, places: &[&str]) -> Done {
    let places: Vec<PathBuf> = places.iter().map(PathBuf::from).collect();
    let instance = instance::claim(Path::new(conf), &places)?;
    print(instance.path().display())?;
    std::io::stdin().read_to_end(&mut Vec::new())?;
    Ok(ExitCode::SUCCESS)
}
