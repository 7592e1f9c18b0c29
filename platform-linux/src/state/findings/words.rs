//! The words of a finding: all of it that is text.
use std::ffi::OsString;
use std::io;
use std::os::unix::ffi::{OsStrExt, OsStringExt};

use martlet_core::audit::{Audited, Fate};
use martlet_core::check::Cell;
use martlet_core::findings::{self as core, ACTION_MAX, CODES_MAX, Entry, NAMES_MAX, Row};
use martlet_core::verdict::{FindingCode, Judged};

use super::{Action, Finding, Known, name};
use crate::error::Error;
use crate::python::os_error;
use crate::quarantine::Moved;

/// The words of a row.
#[derive(Clone, Debug)]
pub(super) struct Words {
    path: Box<[u8]>,
    device: Box<[u8]>,
    names: [Option<Box<[u8]>>; 2],
    verdict: Box<[u8]>,
    codes: Box<[u8]>,
    /// A place if the row says that it was moved, else a reason; empty if it was just reported.
    pub(super) action: Box<[u8]>,
}

impl Words {
    pub(super) fn of(audited: &Audited<'_>, known: &Known<'_>) -> Self {
        let (account, container) = known.names;
        Self {
            path: audited.path.as_bytes().into(),
            device: name(known.device).into(),
            names: [text(account), text(container)],
            verdict: audited.judged.verdict.word().as_bytes().into(),
            codes: codes(audited.judged),
            action: action(audited.fate, known.moved),
        }
    }

    pub(super) fn from(entry: &Entry<'_>) -> Self {
        Self {
            path: entry.path.into(),
            device: entry.device.into(),
            names: entry.names.map(|name| name.map(Into::into)),
            verdict: entry.verdict.into(),
            codes: entry.codes.into(),
            action: match entry.action {
                core::Action::Reported => Box::default(),
                core::Action::Moved(words) | core::Action::Left(words) => words.into(),
            },
        }
    }

    pub(super) fn entry(&self, row: &Row) -> Entry<'_> {
        Entry {
            row: *row,
            path: &self.path,
            device: &self.device,
            names: [self.names[0].as_deref(), self.names[1].as_deref()],
            verdict: &self.verdict,
            codes: &self.codes,
            action: match (row.moved, &*self.action) {
                (true, place) => core::Action::Moved(place),
                (false, []) => core::Action::Reported,
                (false, reason) => core::Action::Left(reason),
            },
        }
    }

    pub(super) fn finding(&self, row: &Row) -> Finding {
        let words = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let [account, container] = self.names.clone();
        Finding {
            path: OsString::from_vec(self.path.to_vec()).into(),
            device: OsString::from_vec(self.device.to_vec()),
            account: account.map(Into::into),
            container: container.map(Into::into),
            verdict: words(&self.verdict),
            codes: words(&self.codes).split_whitespace().map(str::to_owned).collect(),
            first: row.first,
            last: row.last,
            times: row.times,
            action: match (row.moved, &*self.action) {
                (true, place) => Action::Moved(OsString::from_vec(place.to_vec()).into()),
                (false, []) => Action::Reported,
                (false, reason) => Action::Left(words(reason)),
            },
            closed: row.closed,
        }
    }

    /// Whether this code is among its own.
    pub(super) fn has(&self, code: FindingCode) -> bool {
        self.codes.split(|byte| *byte == b' ').any(|word| word == code.word().as_bytes())
    }

    /// Adds what a less deep look saw: the deeper findings stand.
    pub(super) fn add(&mut self, new: Self) {
        let space = |byte: &u8| *byte == b' ';
        for code in new.codes.split(space).filter(|code| !code.is_empty()) {
            let known = self.codes.split(space).any(|old| old == code);
            if !known && self.codes.len() + 1 + code.len() <= CODES_MAX {
                self.codes = [&*self.codes, code].join(&b' ').into();
            }
        }
        self.action = new.action;
    }
}

fn text(cell: Cell<'_>) -> Option<Box<[u8]>> {
    match cell {
        Cell::Text(text) => Some(cut(text, NAMES_MAX)),
        Cell::Null | Cell::Int(_) | Cell::Real(_) | Cell::Blob(_) => None,
    }
}

fn codes(judged: &Judged) -> Box<[u8]> {
    let words: Vec<_> = judged.findings.iter().map(|finding| finding.code.word()).collect();
    cut(words.join(" ").as_bytes(), CODES_MAX)
}

fn action(fate: Fate, moved: Option<&Result<Moved, Error>>) -> Box<[u8]> {
    let words = match (fate, moved) {
        (Fate::Left, _) => return Box::default(),
        (Fate::Moved, Some(Ok(moved))) => return cut(moved.to.as_os_str().as_bytes(), ACTION_MAX),
        (Fate::Moved, _) => String::new(),
        (Fate::Held, _) => "breaker".to_owned(),
        (Fate::Kept(stays), _) => stays.word().to_owned(),
        (Fate::NotMoved(_), Some(Err(error))) => error.to_string(),
        (Fate::NotMoved(errno), _) => os_error(&io::Error::from_raw_os_error(errno)),
    };
    cut(words.as_bytes(), ACTION_MAX)
}

fn cut(bytes: &[u8], max: usize) -> Box<[u8]> {
    bytes.get(..max).unwrap_or(bytes).into()
}
