//! Commands that ask a daemon, or read what it keeps.
use std::path::PathBuf;

use argh::FromArgs;

use crate::word;

/// List what was found and nobody has mended, with the command that mends it.
#[derive(FromArgs, Debug)]
#[argh(subcommand, name = "list")]
pub(crate) struct List {
    /// swift's container-server.conf, or a directory of *.conf
    #[argh(positional, arg_name = "CONF", from_str_fn(word::path))]
    pub(crate) conf: PathBuf,
    /// one JSON object a finding on stdout, and nothing else there
    #[argh(switch)]
    pub(crate) json: bool,
    /// only what was last seen within so long: 7d, 12h, 90m, 45s
    #[argh(option, arg_name = "TIME")]
    pub(crate) since: Option<String>,
}

/// Say where the daemon is: pass, rate, time left, findings, breakers.
#[derive(FromArgs, Debug)]
#[argh(subcommand, name = "status")]
pub(crate) struct Status {
    /// swift's container-server.conf, or a directory of *.conf
    #[argh(positional, arg_name = "CONF", from_str_fn(word::path))]
    pub(crate) conf: PathBuf,
    /// one JSON object on stdout, and nothing else there
    #[argh(switch)]
    pub(crate) json: bool,
}

/// Let the daemon begin nothing for a while. It ends by itself, after a week at most.
#[derive(FromArgs, Debug)]
#[argh(subcommand, name = "pause")]
pub(crate) struct Pause {
    /// swift's container-server.conf, or a directory of *.conf
    #[argh(positional, arg_name = "CONF", from_str_fn(word::path))]
    pub(crate) conf: PathBuf,
    /// for how long: 12h, 90m, 45s; one hour otherwise
    #[argh(option, arg_name = "TIME")]
    pub(crate) time: Option<String>,
}

/// Let the daemon go on before its pause ends.
#[derive(FromArgs, Debug)]
#[argh(subcommand, name = "resume")]
pub(crate) struct Resume {
    /// swift's container-server.conf, or a directory of *.conf
    #[argh(positional, arg_name = "CONF", from_str_fn(word::path))]
    pub(crate) conf: PathBuf,
}

/// Let the daemon move databases again where it stopped doing so.
#[derive(FromArgs, Debug)]
#[argh(subcommand, name = "rearm")]
pub(crate) struct Rearm {
    /// swift's container-server.conf, or a directory of *.conf
    #[argh(positional, arg_name = "CONF", from_str_fn(word::path))]
    pub(crate) conf: PathBuf,
    /// only on this device; all of them otherwise
    #[argh(option, arg_name = "NAME")]
    pub(crate) device: Option<String>,
}
