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

/// Why a database whose file was seen damaged stays where it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Stays {
    /// Moving is switched off (`quarantine`).
    Off,
    /// The second look found no damage of the file.
    Undamaged,
    /// The device does not answer, cannot be written, or is full.
    DeviceUnwell,
    /// File or directory is not the one of the first look.
    Changed,
    /// Another epoch of the container lies beside it.
    Epochs,
}

impl Stays {
    /// Every reason.
    pub const ALL: [Self; 5] =
        [Self::Off, Self::Undamaged, Self::DeviceUnwell, Self::Changed, Self::Epochs];

    /// The reason in a word or two, stable across versions.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Undamaged => "undamaged",
            Self::DeviceUnwell => "device-unwell",
            Self::Changed => "changed",
            Self::Epochs => "epochs",
        }
    }
}

/// What to move after a second look judged as `judged`; nothing if there is any doubt.
pub fn what(judged: &Judged, around: Around) -> Result<What, Stays> {
    if !judged.findings.iter().any(|finding| finding.code.is_structure()) {
        return Err(Stays::Undamaged);
    }
    if !around.device_well {
        return Err(Stays::DeviceUnwell);
    }
    if !around.same {
        return Err(Stays::Changed);
    }
    if around.siblings.epochs {
        return Err(Stays::Epochs);
    }
    Ok(if around.siblings.others == 0 { What::HashDir } else { What::FileAndSides })
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
        assert_eq!(what(&judged, WELL), Ok(What::HashDir));
    }

    #[test]
    fn a_neighbour_stays() {
        let judged = damaged(FindingCode::StructureNotADatabase);
        let siblings = Siblings { others: 1, epochs: false };
        assert_eq!(what(&judged, Around { siblings, ..WELL }), Ok(What::FileAndSides));
    }

    #[test]
    fn any_doubt_moves_nothing() {
        let judged = damaged(FindingCode::StructureCorrupt);
        let unwell = Around { device_well: false, ..WELL };
        assert_eq!(what(&judged, unwell), Err(Stays::DeviceUnwell));
        assert_eq!(what(&judged, Around { same: false, ..WELL }), Err(Stays::Changed));
        let siblings = Siblings { others: 1, epochs: true };
        assert_eq!(what(&judged, Around { siblings, ..WELL }), Err(Stays::Epochs));
        for code in FindingCode::ALL.iter().filter(|code| !code.is_structure()) {
            assert_eq!(what(&damaged(*code), WELL), Err(Stays::Undamaged), "{}", code.word());
        }
    }
}
