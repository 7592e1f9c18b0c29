//! Exit codes of `martlet`.
use std::process::ExitCode;

use martlet_core::audit::Ended;

/// Could not run: usage, configuration, a path that does not exist.
pub(crate) const CANNOT_RUN: u8 = 1;
/// Damage was found.
pub(crate) const DAMAGE: u8 = 2;
/// Something was to be audited and could not be.
pub(crate) const INCOMPLETE: u8 = 3;

/// The code for a pass: damage before incompleteness, and a pass that did not end is incomplete.
pub(crate) fn of(ended: Option<Ended>) -> ExitCode {
    ExitCode::from(match ended {
        Some(ended) if ended.totals.has_damage() => DAMAGE,
        Some(ended) if !ended.totals.is_incomplete() => 0,
        Some(_) | None => INCOMPLETE,
    })
}
