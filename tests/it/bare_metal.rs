//! The checks that the image for a bare processor runs, run here as well: one list, two processors.

#[path = "../../bare-metal/src/checks.rs"]
mod checks;

#[test]
fn what_holds_on_a_bare_processor_holds_here() {
    let failed: Vec<&str> =
        checks::CHECKS.iter().filter(|(_, check)| !check()).map(|(name, _)| *name).collect();
    assert_eq!(failed, [""; 0], "of {} checks", checks::CHECKS.len());
}

#[test]
fn no_check_stands_in_the_list_twice() {
    let mut names: Vec<&str> = checks::CHECKS.iter().map(|(name, _)| *name).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), checks::CHECKS.len());
}
