//! `martlet quarantine`: what was moved aside, and the way back.
use std::path::PathBuf;

use argh::FromArgs;

use crate::word;

/// Show, restore or remove what was moved aside, by Martlet or by Swift.
#[derive(FromArgs, Debug)]
#[argh(subcommand, name = "quarantine")]
pub(crate) struct Quarantine {
    #[argh(subcommand)]
    pub(crate) what: What,
}

#[derive(FromArgs, Debug)]
#[argh(subcommand)]
pub(crate) enum What {
    List(List),
    Show(Show),
    Restore(Restore),
    Purge(Purge),
}

/// List what lies in the quarantine of each device.
#[derive(FromArgs, Debug)]
#[argh(subcommand, name = "list")]
pub(crate) struct List {
    /// swift's container-server.conf, or a directory of *.conf
    #[argh(positional, arg_name = "CONF", from_str_fn(word::path))]
    pub(crate) conf: PathBuf,
    /// one JSON object a line on stdout, and nothing else there
    #[argh(switch)]
    pub(crate) json: bool,
}

/// Audit it deeply where it lies, and tell where it belongs.
#[derive(FromArgs, Debug)]
#[argh(subcommand, name = "show")]
pub(crate) struct Show {
    /// swift's container-server.conf, or a directory of *.conf
    #[argh(positional, arg_name = "CONF", from_str_fn(word::path))]
    pub(crate) conf: PathBuf,
    /// the directory's name or path, or ACCOUNT/CONTAINER
    #[argh(positional, arg_name = "WHAT", from_str_fn(word::path))]
    pub(crate) what: PathBuf,
    /// one JSON object a database on stdout, and nothing else there
    #[argh(switch)]
    pub(crate) json: bool,
}

/// Move it back to where it belongs, if nothing is there and a deep audit finds it sound.
#[derive(FromArgs, Debug)]
#[argh(subcommand, name = "restore")]
pub(crate) struct Restore {
    /// swift's container-server.conf, or a directory of *.conf
    #[argh(positional, arg_name = "CONF", from_str_fn(word::path))]
    pub(crate) conf: PathBuf,
    /// the directory's name or path, or ACCOUNT/CONTAINER
    #[argh(positional, arg_name = "WHAT", from_str_fn(word::path))]
    pub(crate) what: PathBuf,
    /// put it back whatever is wrong with it
    #[argh(switch)]
    pub(crate) force: bool,
    /// its partition; told by the other partitions of the device otherwise
    #[argh(option, arg_name = "N")]
    pub(crate) partition: Option<u32>,
    /// the swift.conf whose hash path names are compared with (/etc/swift/swift.conf if there)
    #[argh(option, arg_name = "FILE", from_str_fn(word::path))]
    pub(crate) swift_conf: Option<PathBuf>,
}

/// Remove it for good. Asks on a terminal; elsewhere it wants --yes.
#[derive(FromArgs, Debug)]
#[argh(subcommand, name = "purge")]
pub(crate) struct Purge {
    /// swift's container-server.conf, or a directory of *.conf
    #[argh(positional, arg_name = "CONF", from_str_fn(word::path))]
    pub(crate) conf: PathBuf,
    /// the directory's name or path, or ACCOUNT/CONTAINER; all of them otherwise
    #[argh(positional, arg_name = "WHAT", from_str_fn(word::path))]
    pub(crate) what: Vec<PathBuf>,
    /// only what has lain there for as long: 30d, 12h, 90m, 45s
    #[argh(option, arg_name = "TIME")]
    pub(crate) older_than: Option<String>,
    /// do not ask
    #[argh(switch)]
    pub(crate) yes: bool,
}
