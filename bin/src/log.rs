//! The log of a command at a terminal: lines on stderr, beside a progress bar.
use std::io::{self, Write};

use indicatif::ProgressBar;
use log::LevelFilter;
use martlet_core::conf::LogFormat;
use martlet_platform_linux::logging::{object, one_line};

/// How a command logs.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Console<'a> {
    /// Begins each line, as Swift's `log_name` does.
    pub(crate) tag: &'a str,
    /// What is logged, unless `RUST_LOG` says otherwise.
    pub(crate) level: LevelFilter,
    /// How a line is written.
    pub(crate) format: LogFormat,
}

impl Console<'_> {
    /// The log of a command that says by itself what it finds.
    pub(crate) const SILENT: Self =
        Self { tag: "martlet", level: LevelFilter::Off, format: LogFormat::Text };

    /// Makes it the log of this process. A second one has no effect.
    pub(crate) fn install(self, bar: ProgressBar) {
        let (tag, format) = (self.tag.to_owned(), self.format);
        let result = env_logger::Builder::new()
            .filter_level(self.level)
            .parse_default_env()
            .format(move |out, record| {
                // One line whatever the message holds: a name must not forge another.
                match format {
                    LogFormat::Text => {
                        writeln!(out, "{tag}: {}", one_line(&record.args().to_string()))
                    }
                    LogFormat::Json => writeln!(out, "{}", object(&tag, record)),
                }
            })
            .target(env_logger::Target::Pipe(Box::new(Beside(bar))))
            .try_init();
        debug_assert!(result.is_ok(), "a command installs its log once");
    }
}

/// Writes to stderr while the bar is out of the way.
struct Beside(ProgressBar);

impl Write for Beside {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.suspend(|| io::stderr().lock().write(bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().lock().flush()
    }
}
