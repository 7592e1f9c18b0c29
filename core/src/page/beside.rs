//! [`Beside`]: what lies in a database's directory, as far as it matters to an answer.

use super::rules::{Rule, Rules};

/// What a directory says of the type of a name (`d_type`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// A regular file.
    Regular,
    /// Anything else.
    Other,
    /// The file system does not say.
    Unknown,
}

/// The names of a hash directory, listed while the database's lock was held: a journal that could
/// roll the database back was there for the whole listing.
#[expect(clippy::struct_excessive_bools, reason = "each is one name, there or not")]
#[derive(Clone, Copy, Debug)]
pub struct Beside<'a> {
    hash: &'a [u8],
    databases: u32,
    own: Option<Kind>,
    journal: bool,
    wal: bool,
    pending: bool,
    whole: bool,
}

impl<'a> Beside<'a> {
    /// No name so far, of the directory named `hash`.
    #[must_use]
    pub const fn new(hash: &'a [u8]) -> Self {
        Self {
            hash,
            databases: 0,
            own: None,
            journal: false,
            wal: false,
            pending: false,
            whole: false,
        }
    }

    /// Takes one more name.
    pub fn note(&mut self, name: &[u8], kind: Kind) {
        if name.ends_with(b".db") {
            self.databases = self.databases.saturating_add(1);
        }
        let Some(rest) = name.strip_prefix(self.hash) else { return };
        match rest {
            b".db" => self.own = Some(kind),
            b".db-journal" => self.journal = true,
            b".db-wal" => self.wal = true,
            b".db.pending" => self.pending = true,
            _ => {}
        }
    }

    /// There are no more names.
    pub fn end(&mut self) {
        self.whole = true;
    }

    /// The directory's name.
    #[must_use]
    pub fn hash(&self) -> &'a [u8] {
        self.hash
    }

    /// Whether `name` is the database the reader opens: the directory's name and `.db`.
    #[must_use]
    pub fn is_own(&self, name: &[u8]) -> bool {
        name.strip_suffix(b".db") == Some(self.hash)
    }

    /// What the directory says of the database's type.
    #[must_use]
    pub fn own(&self) -> Option<Kind> {
        self.own
    }

    /// Whether a pending file has to be looked at.
    #[must_use]
    pub fn has_pending(&self) -> bool {
        self.pending
    }

    /// Goes on if nothing beside the database has a say. `regular`: the database is a regular file;
    /// `empty_pending`: the pending file, if there is one, is one without bytes.
    pub fn ask(&self, regular: bool, empty_pending: bool, rules: Rules) -> Result<(), Rule> {
        rules.ask(Rule::Listing, self.whole)?;
        rules.ask(Rule::FileType, regular)?;
        rules.ask(Rule::Siblings, self.databases <= 1)?;
        rules.ask(Rule::Journal, !self.journal)?;
        rules.ask(Rule::Wal, !self.wal)?;
        rules.ask(Rule::Pending, !self.pending || empty_pending)
    }
}
