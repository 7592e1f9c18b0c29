//! Says events: the one place that makes records for the log, so that each has a code.
//!
//! ```
//! use martlet_core::event::Event;
//! use martlet_platform_linux::event::say;
//! say(Event::Starting, format_args!("Starting {}", std::process::id()));
//! ```
use std::fmt;

use log::Record;
use martlet_core::conf::Level;
use martlet_core::event::Event;

/// What a program wants to know of an event beside its words: a name and a text each.
pub type Fields<'a> = [(&'static str, &'a str)];

/// Says `words` of an event.
pub fn say(event: Event, words: fmt::Arguments<'_>) {
    say_of(event, &[], words);
}

/// Says `words` of an event, and `fields` to those who read the log as JSON.
pub fn say_of(event: Event, fields: &Fields<'_>, words: fmt::Arguments<'_>) {
    let level = of(event.level());
    if log::max_level() < level {
        return;
    }
    let mut record = Record::builder();
    record.level(level).target(event.target()).key_values(&fields);
    log::logger().log(&record.args(words).build());
}

/// The `log` crate's name of a level: it has two less than Swift.
const fn of(level: Level) -> log::Level {
    match level {
        Level::Debug => log::Level::Debug,
        Level::Info | Level::Notice => log::Level::Info,
        Level::Warning => log::Level::Warn,
        Level::Error | Level::Critical => log::Level::Error,
    }
}
