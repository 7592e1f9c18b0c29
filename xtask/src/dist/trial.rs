//! `cargo xtask dist try`.
use std::path::Path;
pub(super) fn run(_folder: &Path) -> Result<(), String> {
    Err("todo".to_owned())
}
