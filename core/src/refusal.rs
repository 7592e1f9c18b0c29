//! What it means that SQLite or the kernel refused to read a database.
//!
//! One row a code. Damage is only what SQLite calls corrupt or no database at all; all else says
//! something of the moment, of rights, of the device or of this process, and moves nothing.
use crate::check::Code;
use crate::verdict::{Counts, FindingCode, Judged, Verdict};

/// The lowest byte of an extended result code is the primary one.
const PRIMARY: i32 = 0xff;

// Errno values, the same on x86, ARM and RISC-V Linux.
const EPERM: i32 = 1;
const EIO: i32 = 5;
const ENXIO: i32 = 6;
const EACCES: i32 = 13;
const ENODEV: i32 = 19;
const EISDIR: i32 = 21;
const EROFS: i32 = 30;
const EBADMSG: i32 = 74;
const ETIMEDOUT: i32 = 110;
const ESTALE: i32 = 116;
const EUCLEAN: i32 = 117;
const EREMOTEIO: i32 = 121;
const ENOMEDIUM: i32 = 123;

/// The verdict on `code`. Swift counts a failure, but for a directory that it may not search: there
/// `os.path.exists` says no, and it takes the database for deleted.
#[must_use]
pub fn refusal(code: Code) -> Judged {
    if code.sqlite == 0 && code.errno == EACCES {
        return Judged::plain(Verdict::Unreadable, Counts::Neither);
    }
    match code.sqlite & PRIMARY {
        1 => error(code),                                          // ERROR
        5 | 6 | 15 | 17 => failed(Verdict::Busy),                  // BUSY, LOCKED, PROTOCOL, SCHEMA
        8 => readonly(code),                                       // READONLY
        10 => io_error(code),                                      // IOERR
        11 => Judged::damaged(FindingCode::StructureCorrupt),      // CORRUPT
        13 => failed(Verdict::DeviceError),                        // FULL
        26 => Judged::damaged(FindingCode::StructureNotADatabase), // NOTADB
        // The kernel alone (0), PERM (3) and CANTOPEN (14) are what the errno says. The others are
        // about this process: INTERNAL (2), ABORT (4), NOMEM (7), INTERRUPT (9), NOTFOUND (12),
        // EMPTY (16), TOOBIG (18), CONSTRAINT (19), MISMATCH (20), MISUSE (21), NOLFS (22),
        // AUTH (23), FORMAT (24), RANGE (25), NOTICE (27), WARNING (28), and what is yet to come.
        _ => failed(by_errno(code.errno)),
    }
}

fn failed(verdict: Verdict) -> Judged {
    Judged::plain(verdict, Counts::Failed)
}

fn error(code: Code) -> Judged {
    match code.sqlite {
        // The statement was compiled against a schema that changed, or a snapshot that is gone.
        513 | 769 => failed(Verdict::Busy), // ERROR_RETRY, ERROR_SNAPSHOT
        _ => Judged::damaged(FindingCode::StatSchema),
    }
}

/// SQLite had to write, to recover, and could not.
fn readonly(code: Code) -> Judged {
    match code.sqlite {
        1032 => failed(Verdict::Busy), // READONLY_DBMOVED: another file has the name by now
        _ => failed(Verdict::NeedsRecovery),
    }
}

fn io_error(code: Code) -> Judged {
    match (code.sqlite, code.errno) {
        // IOERR_NOMEM; a journal in a directory without rights; a directory by a journal's name.
        (3082, _) | (_, EPERM | EACCES | EISDIR | EROFS) => failed(Verdict::Unreadable),
        _ => failed(Verdict::DeviceError),
    }
}

fn by_errno(errno: i32) -> Verdict {
    match errno {
        EIO | ENXIO | ENODEV | EBADMSG | ETIMEDOUT | ESTALE | EUCLEAN | EREMOTEIO | ENOMEDIUM => {
            Verdict::DeviceError
        }
        _ => Verdict::Unreadable,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(sqlite: i32, errno: i32, verdict: Verdict) {
        let judged = refusal(Code { sqlite, errno });
        assert_eq!(judged, failed(verdict), "code {sqlite}, errno {errno}");
    }

    #[test]
    fn damage_is_what_sqlite_calls_so() {
        for sqlite in [11, 267, 523, 779] {
            let judged = refusal(Code { sqlite, errno: 0 });
            assert_eq!(judged, Judged::damaged(FindingCode::StructureCorrupt), "{sqlite}");
        }
        let judged = refusal(Code { sqlite: 26, errno: 0 });
        assert_eq!(judged, Judged::damaged(FindingCode::StructureNotADatabase));
        for sqlite in [1, 257] {
            let judged = refusal(Code { sqlite, errno: 0 });
            assert_eq!(judged, Judged::damaged(FindingCode::StatSchema), "{sqlite}");
        }
    }

    #[test]
    fn nothing_else_is_damage() {
        for sqlite in -300..70_000 {
            if matches!(sqlite & PRIMARY, 1 | 11 | 26) {
                continue;
            }
            for errno in [0, EPERM, EIO, EACCES] {
                let judged = refusal(Code { sqlite, errno });
                assert_ne!(judged.verdict, Verdict::Damaged, "code {sqlite}, errno {errno}");
                assert!(judged.findings.is_empty(), "code {sqlite}, errno {errno}");
            }
        }
    }

    #[test]
    fn a_lock_is_busy() {
        for sqlite in [5, 261, 517, 773, 6, 262, 518, 15, 17, 513, 769, 1032] {
            check(sqlite, 0, Verdict::Busy);
        }
    }

    #[test]
    fn a_recovery_that_may_not_write_is_needed() {
        for sqlite in [8, 264, 520, 776, 1288, 1544] {
            check(sqlite, 0, Verdict::NeedsRecovery);
        }
    }

    #[test]
    fn a_device_that_fails_is_no_damage_of_the_database() {
        // IOERR, READ, SHORT_READ, WRITE, FSTAT, ACCESS, LOCK, RDLOCK, CORRUPTFS, IN_PAGE, DATA
        for sqlite in [10, 266, 522, 778, 1802, 3338, 3850, 2314, 8458, 8714, 8202] {
            check(sqlite, 0, Verdict::DeviceError);
            check(sqlite, EIO, Verdict::DeviceError);
        }
        check(13, 0, Verdict::DeviceError);
        for sqlite in [0, 3, 14] {
            for errno in
                [EIO, ENXIO, ENODEV, EBADMSG, ETIMEDOUT, ESTALE, EUCLEAN, EREMOTEIO, ENOMEDIUM]
            {
                check(sqlite, errno, Verdict::DeviceError);
            }
        }
    }

    #[test]
    fn what_may_not_be_read_is_unreadable() {
        // EMFILE and ENFILE are about us, ENAMETOOLONG about the path.
        for errno in [0, EPERM, EISDIR, 23, 24, 36] {
            check(0, errno, Verdict::Unreadable);
            check(14, errno, Verdict::Unreadable);
        }
        check(14, EACCES, Verdict::Unreadable);
        check(3082, 0, Verdict::Unreadable);
        for errno in [EPERM, EACCES, EISDIR, EROFS] {
            check(10, errno, Verdict::Unreadable);
        }
        for sqlite in [2, 3, 4, 516, 7, 9, 12, 270, 526, 782, 1038, 1294, 1550, 16] {
            check(sqlite, 0, Verdict::Unreadable);
        }
        for sqlite in [18, 19, 20, 21, 22, 23, 24, 25, 27, 28, 99, 100, 101] {
            check(sqlite, 0, Verdict::Unreadable);
        }
    }

    #[test]
    fn a_directory_that_may_not_be_searched_is_deleted_to_swift() {
        let judged = refusal(Code { sqlite: 0, errno: EACCES });
        assert_eq!(judged, Judged::plain(Verdict::Unreadable, Counts::Neither));
    }
}
