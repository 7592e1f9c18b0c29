//! Whether a damaged database may be moved aside, and how much of its directory goes with it.
//!
//! Swift moves the whole hash directory at the first word of damage, sound neighbours included.
//! Here a database moves only if it was seen damaged twice, on a device that is well, and takes
//! no sound neighbour with it.
use crate::verdict::Judged;

/// What is moved.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum What {
    /// The whole hash directory, as Swift does: the database is alone in it.
    HashDir,
    /// The database and its own side files: a neighbour may be sound.
    FileAndSides,
}

/// What else a hash directory holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Siblings {
    /// Other names that end with `.db`.
    pub others: u32,
    /// Whether two of all those names, the database's own included, are epochs of one container:
    /// the same up to the first `_`.
    pub epochs: bool,
}

/// What the second look found around the database.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Around {
    /// Whether the device answered a probe, can be written, and is not full.
    pub device_well: bool,
    /// Whether file and directory are the ones of the first look.
    pub same: bool,
    /// What else lies in the hash directory.
    pub siblings: Siblings,
}

/// What to move after a second look judged as `judged`; nothing if there is any doubt.
#[must_use]
pub fn what(judged: &Judged, around: Around) -> Option<What> {
    let damaged = judged.findings.iter().any(|finding| finding.code.is_structure());
    if !damaged || !around.device_well || !around.same || around.siblings.epochs {
        return None;
    }
    Some(if around.siblings.others == 0 { What::HashDir } else { What::FileAndSides })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::verdict::{Counts, Finding, FindingCode, Findings, Verdict};

    const ALONE: Siblings = Siblings { others: 0, epochs: false };
    const WELL: Around = Around { device_well: true, same: true, siblings: ALONE };

    fn damaged(code: FindingCode) -> Judged {
        let mut findings = Findings::new();
        assert!(findings.push(Finding::plain(code)).is_ok());
        Judged { verdict: Verdict::Damaged, counts: Counts::Failed, findings }
    }

    #[test]
    fn a_damaged_file_alone_takes_its_directory_along() {
        let judged = damaged(FindingCode::StructureCorrupt);
        assert_eq!(what(&judged, WELL), Some(What::HashDir));
    }

    #[test]
    fn a_neighbour_stays() {
        let judged = damaged(FindingCode::StructureNotADatabase);
        let siblings = Siblings { others: 1, epochs: false };
        assert_eq!(what(&judged, Around { siblings, ..WELL }), Some(What::FileAndSides));
    }

    #[test]
    fn any_doubt_moves_nothing() {
        let judged = damaged(FindingCode::StructureCorrupt);
        assert_eq!(what(&judged, Around { device_well: false, ..WELL }), None);
        assert_eq!(what(&judged, Around { same: false, ..WELL }), None);
        let siblings = Siblings { others: 1, epochs: true };
        assert_eq!(what(&judged, Around { siblings, ..WELL }), None);
        for code in FindingCode::ALL.iter().filter(|code| !code.is_structure()) {
            assert_eq!(what(&damaged(*code), WELL), None, "{}", code.word());
        }
    }
}
