//! Decides what a container auditor does next and what it makes of what it finds.
//!
//! ```text
//! conf → walk → path → gate → check → verdict → tally → report
//!         └────────────── audit: in this order ──────────────┘
//! ```
//!
//! Nothing here reads a file, a clock or a random number, allocates, logs, blocks or panics. The
//! platform reports facts; what they mean is decided here.
#![no_std]
#![cfg_attr(
    not(test),
    warn(
        clippy::indexing_slicing,
        clippy::arithmetic_side_effects,
        clippy::panic,
        clippy::expect_used,
        clippy::as_conversions
    )
)]

pub mod python;
pub mod time;

pub mod conf;

pub mod walk;

pub mod path;

pub mod gate;

pub mod advice;
pub mod check;
pub mod finding;
pub mod metadata;
pub mod page;
pub mod pending;
pub mod pickle;
pub mod place;
pub mod refusal;
pub mod shard;
pub mod stamp;
pub mod verdict;

pub mod breaker;
pub mod partition;
pub mod quarantine;

pub mod deep;
pub mod due;
pub mod slice;
pub mod sums;

pub mod left;
pub mod tally;

pub mod event;
pub mod report;

pub mod audit;

pub mod cursor;

pub mod coverage;

pub mod findings;
