//! The rows.

use super::{Difference, Trap};

const WALK: [&str; 1] = ["log"];

/// All rows, in the order of the README.
pub const TABLE: &[Difference] = &[
    Difference {
        name: "no-endless-loop",
        trap: Trap::Known(1),
        reason: "A sharding container whose retiring database has no row is a failure, not an endless loop.",
        scenarios: &["retiring-no-row"],
        parts: &["exit", "log", "recon", "recon changes", "statsd"],
    },
    Difference {
        name: "one-bad-directory",
        trap: Trap::Known(2),
        reason: "A directory that cannot be listed is said and passed over; Swift ends the pass for every device.",
        scenarios: &[
            "partition-a-link-to-itself",
            "suffix-a-link-to-itself",
            "hash-a-link-to-itself",
            "user-hash-mode-000*",
            "user-hash-mode-311*",
            "user-suffix-mode-000",
            "user-suffix-mode-311",
            "user-suffix-mode-444",
            "user-partition-mode-000",
            "user-partition-mode-311",
            "user-partition-mode-444",
            "user-containers-mode-444",
            "devices-a-file",
            "devices-a-link-to-itself",
        ],
        parts: &["log", "recon", "recon changes", "statsd", "changes"],
    },
    Difference {
        name: "incomplete-is-exit-1",
        trap: Trap::Known(11),
        reason: "A pass in which something could not be listed ends with exit code 1, and a missing devices directory is said.",
        scenarios: &[
            "run AsRoot",
            "run AsUser",
            "run MountCheck",
            "devices-missing",
            "devices-a-dangling-link",
        ],
        parts: &["exit", "log"],
    },
    Difference {
        name: "sound-databases-stay",
        trap: Trap::Known(3),
        reason: "Only the damaged file and its side files are moved when another sound database lies beside it; nothing is moved from a directory with several epochs, and no link is followed.",
        scenarios: &[
            "sound-beside-text-before",
            "junk-beside-deleted",
            "hash-a-link-and-junk",
            "quarantine-a-link",
        ],
        parts: &["log", "changes"],
    },
    Difference {
        name: "disk-error-moves-nothing",
        trap: Trap::Known(4),
        reason: "What SQLite calls a disk error says nothing about the database: it stays where it is.",
        scenarios: &["db-a-fifo", "journal-a-directory", "user-hot-journal-read-only-directory", "user-wal-mode-read-only-db", "user-wal-read-only-db"],
        parts: &["log", "changes"],
    },
    Difference {
        name: "each-file-by-itself",
        trap: Trap::Known(10),
        reason: "Every file of a sharding container is audited by itself; Swift audits the newest twice, and never the others.",
        scenarios: &[
            "sharding",
            "sharding-deleted",
            "sharding-misplaced",
            "sharding-dangling-retiring",
            "pending-sharding",
            "fresh-deleted-retiring-full",
            "fresh-empty-file",
            "fresh-info-zero",
            "fresh-junk",
            "fresh-no-row",
            "retiring-deleted-and-empty",
            "retiring-info-zero",
            "retiring-junk",
            "retiring-objects-junk",
            "both-junk",
            "hot-journal-of-fresh",
            "hot-journal-of-retiring",
            "wal-of-retiring",
            "three-epochs*",
            "two-epochs-no-plain",
            "sound-beside-directory-epoch",
            "sound-beside-empty-epoch",
            "sound-beside-text-epoch",
            "sound-beside-text-after",
            "junk-beside-junk",
            "locked-fresh",
            "user-epoch-unreadable",
            "pending-empty-of-sharding",
        ],
        parts: &["log", "passed", "failed", "changes", "statsd"],
    },
    Difference {
        name: "pending-is-only-read",
        trap: Trap::Pending,
        reason: "Pending entries are decoded and never merged: no lock file, no write, no wait, and none is thrown away.",
        scenarios: &[
            "pending-*",
            "hot-journal-with-pending",
            "wal-with-pending",
            "user-pending-*",
            "user-hash-mode-555-and-pending",
            "user-read-only-and-pending",
            "locked-lock-file-with-pending",
            "locked-reserved-with-pending",
        ],
        parts: &["log", "passed", "failed", "changes", "statsd"],
    },
    Difference {
        name: "wal-mode-stays",
        trap: Trap::Known(6),
        reason: "A database in WAL mode stays in it; Swift turns it back to a rollback journal, and waits 25 s for its readers.",
        scenarios: &[
            "wal*",
            "user-wal",
            "shm-junk-in-wal-mode",
            "header-both-versions-2",
            "header-read-version-2",
        ],
        parts: &["changes"],
    },
    Difference {
        name: "readers-of-wal-are-no-failure",
        trap: Trap::Known(9),
        reason: "A WAL database that others read is audited; Swift waits 25 s for them and counts a failure.",
        scenarios: &["wal-with-a-reader"],
        parts: &["log", "statsd"],
    },
    Difference {
        name: "empty-file-is-not-opened",
        trap: Trap::Known(6),
        reason: "A file of no bytes is not opened for writing, and its journal stays.",
        scenarios: &["journal-of-empty-file"],
        parts: &["changes"],
    },
    Difference {
        name: "recon-keeps-what-others-wrote",
        trap: Trap::Known(13),
        reason: "Keys of a recon file of several lines are kept, and numbers as they were written; what is replaced or left alone is said in words.",
        scenarios: &[
            "recon-several-lines",
            "recon-great-numbers",
            "recon-cut",
            "recon-not-utf8",
            "recon-list",
            "recon-null",
            "recon-string",
        ],
        parts: &["log", "recon"],
    },
    Difference {
        name: "names-that-are-not-utf-8",
        trap: Trap::Known(14),
        reason: "A name that is not UTF-8 is written with its bytes escaped; Swift loses the line and prints a traceback instead.",
        scenarios: &[
            "file-not-utf8",
            "file-not-utf8-junk",
            "hash-directory-not-utf8",
            "device-not-utf8",
        ],
        parts: &["log", "console"],
    },
    Difference {
        name: "no-traceback-of-the-recon-cache",
        trap: Trap::Words,
        reason: "A recon cache that cannot be written is said in one line; Swift adds Python's traceback.",
        scenarios: &[
            "recon-a-directory",
            "recon-directory-a-file",
            "recon-directory-missing",
            "user-recon-*",
        ],
        parts: &WALK,
    },
    Difference {
        name: "why-it-was-not-moved",
        trap: Trap::Words,
        reason: "When a damaged database cannot be moved, a line says why; Swift has it in the traceback.",
        scenarios: &[
            "quarantine-a-file",
            "quarantine-a-dangling-link",
            "quarantine-containers-a-file",
            "quarantine-name-a-file",
            "user-all-of-root-junk",
            "user-device-mode-555-junk",
            "user-hash-mode-555-junk",
            "user-quarantine-mode-555",
            "user-suffix-mode-555-junk",
        ],
        parts: &WALK,
    },
];

/// Scenarios that Martlet still answers wrongly, for no reason of the table: each is a defect to be
/// mended, and one that is mended must leave this list.
pub const OPEN: &[&str] = &[
    "device-a-link-to-itself",    // the words of errno 40
    "recon-a-link-to-itself",     // the same
    "hot-journal-of-a-lost-set",  // is rolled back, and its set is gone
    "locked-retiring",            // names the file that is not locked
    "path-too-long-for-sqlite",   // a path is cut without a sign
];
