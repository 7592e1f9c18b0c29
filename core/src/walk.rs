//! The tree's floors, what the walk can bring back, and what a trouble on a floor means.
//!
//! Swift's `audit_location_generator` lets any error below `containers` but ENOENT and ENOTDIR end
//! the pass for every device; here nothing ends a pass: a trouble is said once, and the pass is
//! incomplete.

/// Where in `DEVICES/DEVICE/containers/PARTITION/SUFFIX/HASH` something was to be listed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Floor {
    /// The directory of devices, or the files and trees a caller named.
    Devices,
    /// One device: mounted, or not.
    Device,
    /// Its `containers`.
    Datadir,
    /// A partition.
    Partition,
    /// A suffix.
    Suffix,
    /// A hash directory.
    Hash,
}

/// What kept a directory from being listed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Trouble {
    /// The device is not a mount point and `mount_check` asks for one.
    NotMounted,
    /// The kernel's answer.
    Errno(i32),
    /// There are more of them than the auditor has room for.
    TooMany,
}

/// One answer of the walk of a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Walked<'a> {
    /// A `*.db`, its path as any bytes.
    Found(&'a [u8]),
    /// A directory that could not be listed. The walk goes on beside it.
    Hit(Floor, Trouble),
    /// Nothing so far: many directories without a database. Ask again; it is where orders are heard.
    Going,
    /// There is nothing more on this device.
    End,
}

/// What a trouble means for the pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Meaning {
    /// Nothing: it went away since it was listed, or a file lies where a directory was expected.
    Nothing,
    /// Swift's `Skipping …`: something that was to be audited was not.
    Skipped,
}

/// ENOENT, the same on every Linux.
pub const ENOENT: i32 = 2;
/// ENOTDIR, the same on every Linux.
pub const ENOTDIR: i32 = 20;

/// What `trouble` on `floor` means (`audit_location_generator`, `listdir`).
#[must_use]
pub const fn meaning(floor: Floor, trouble: Trouble) -> Meaning {
    match (floor, trouble) {
        (Floor::Datadir, Trouble::Errno(ENOENT))
        | (Floor::Partition | Floor::Suffix | Floor::Hash, Trouble::Errno(ENOENT | ENOTDIR)) => {
            Meaning::Nothing
        }
        (
            Floor::Devices
            | Floor::Device
            | Floor::Datadir
            | Floor::Partition
            | Floor::Suffix
            | Floor::Hash,
            Trouble::NotMounted | Trouble::Errno(_) | Trouble::TooMany,
        ) => Meaning::Skipped,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_went_away_or_never_was_a_directory_is_nothing() {
        for floor in [Floor::Partition, Floor::Suffix, Floor::Hash] {
            assert_eq!(meaning(floor, Trouble::Errno(ENOENT)), Meaning::Nothing);
            assert_eq!(meaning(floor, Trouble::Errno(ENOTDIR)), Meaning::Nothing);
        }
        assert_eq!(meaning(Floor::Datadir, Trouble::Errno(ENOENT)), Meaning::Nothing);
    }

    #[test]
    fn all_else_was_to_be_audited_and_was_not() {
        assert_eq!(meaning(Floor::Datadir, Trouble::Errno(ENOTDIR)), Meaning::Skipped);
        assert_eq!(meaning(Floor::Device, Trouble::NotMounted), Meaning::Skipped);
        assert_eq!(meaning(Floor::Devices, Trouble::Errno(ENOENT)), Meaning::Skipped);
        assert_eq!(meaning(Floor::Hash, Trouble::Errno(13)), Meaning::Skipped);
        assert_eq!(meaning(Floor::Suffix, Trouble::Errno(40)), Meaning::Skipped);
    }
}
