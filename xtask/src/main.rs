//! `cargo xtask`: the list of commands, one line each.

mod demo;
mod fixtures;
mod swift_venv;

use std::process::ExitCode;

const USAGE: &str = "\
cargo xtask demo        audit a node of a thousand databases, some damaged, and compare what is found
cargo xtask fixtures    let Swift's own brokers write tests/fixtures anew (needs PyPI the first time)
";

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let said = match words.as_slice() {
        ["demo"] => demo::run(),
        ["fixtures"] => fixtures::run(),
        _ => Err(format!("usage:\n{USAGE}")),
    };
    match said {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("{why}");
            ExitCode::FAILURE
        }
    }
}
