//! What an auditor can meet: each scenario is a tree, built from the fixtures, and a way to run.
//!
//! A scenario's trees lie on a device of its name, so that many share one run.

mod devices;
mod headers;
mod healthy;
mod journals;
mod locks;
mod pages;
mod pending;
mod permissions;
mod places;
mod recon;
mod schema;
mod sharding;
mod stamps;

use std::any::Any;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::auditor::Room;
use crate::damage;
use crate::fixtures::{Fixture, named};
use crate::tree::{Placed, Tree};

/// How a scenario is run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Run {
    /// With others, by whoever runs the tests; permissions play no part.
    AsRoot,
    /// With others, by an ordinary user.
    AsUser,
    /// With others, with `mount_check = true`.
    MountCheck,
    /// By itself: it may end the whole pass, or is about what a run leaves behind.
    Alone,
    /// By itself, by an ordinary user.
    AloneAsUser,
    /// By itself beside others that also wait: a lock is held.
    Waits,
}

impl Run {
    /// Whether no other scenario takes part in its run.
    #[must_use]
    pub fn is_alone(self) -> bool {
        matches!(self, Self::Alone | Self::AloneAsUser | Self::Waits)
    }

    /// Whether it needs a user whom permissions bind.
    #[must_use]
    pub fn is_of_a_user(self) -> bool {
        matches!(self, Self::AsUser | Self::AloneAsUser)
    }
}

type Make = Box<dyn Fn(&Stage<'_>) + Send + Sync>;
type Beside = Box<dyn Fn(&Stage<'_>) -> Held + Send + Sync>;

/// One thing that an auditor can meet.
pub struct Scenario {
    /// Its name, and that of its device.
    pub name: String,
    /// How it is run.
    pub run: Run,
    /// Builds its tree.
    pub make: Make,
    /// Gives files to root after all others were given to the ordinary user; needs root.
    pub foreign: Option<Make>,
    /// Takes what somebody else holds while the auditor runs.
    pub beside: Option<Beside>,
    /// Whether Swift never ends it.
    pub loops: bool,
}

/// What somebody else holds while the auditor runs.
pub struct Held {
    /// A connection in a transaction, or an open file with a lock.
    pub what: Box<dyn Any + Send>,
    /// It is let go of after this long; `None`: when the run has ended.
    pub for_at_most: Option<Duration>,
}

/// Where a scenario builds.
#[derive(Debug)]
pub struct Stage<'a> {
    room: &'a Room,
    name: &'a str,
}

/// All scenarios, in the order of their files.
///
/// # Panics
/// If two have one name.
#[must_use]
pub fn all() -> Vec<Scenario> {
    let mut list = List { all: Vec::new() };
    healthy::rows(&mut list);
    schema::rows(&mut list);
    stamps::rows(&mut list);
    headers::rows(&mut list);
    pages::rows(&mut list);
    sharding::rows(&mut list);
    pending::rows(&mut list);
    journals::rows(&mut list);
    places::rows(&mut list);
    devices::rows(&mut list);
    permissions::rows(&mut list);
    locks::rows(&mut list);
    recon::rows(&mut list);
    let mut names: Vec<&str> = list.all.iter().map(|s| s.name.as_str()).collect();
    names.sort_unstable();
    let twice = names.windows(2).find(|two| two[0] == two[1]);
    assert_eq!(twice, None, "two scenarios have one name");
    list.all
}

/// Scenarios being listed.
struct List {
    all: Vec<Scenario>,
}

impl List {
    fn row(
        &mut self,
        run: Run,
        name: impl Into<String>,
        make: impl Fn(&Stage<'_>) + Send + Sync + 'static,
    ) -> &mut Scenario {
        let make: Make = Box::new(make);
        let new =
            Scenario { name: name.into(), run, make, foreign: None, beside: None, loops: false };
        self.all.push(new);
        self.all.last_mut().expect("one was just pushed")
    }
}

impl Scenario {
    fn foreign(&mut self, give: impl Fn(&Stage<'_>) + Send + Sync + 'static) {
        self.foreign = Some(Box::new(give));
    }

    fn beside(&mut self, take: impl Fn(&Stage<'_>) -> Held + Send + Sync + 'static) {
        self.beside = Some(Box::new(take));
    }
}

impl<'a> Stage<'a> {
    pub(crate) fn new(room: &'a Room, name: &'a str) -> Self {
        Self { room, name }
    }

    fn tree(&self) -> &Tree {
        &self.room.tree
    }

    /// Puts a fixture where it belongs.
    fn put(&self, fixture: &str) -> Placed {
        self.tree().add(self.name, named(fixture))
    }

    /// Puts a fixture at partition, suffix and hash directory, its files called `stem`.
    fn put_at(&self, fixture: &str, at: [&str; 3], stem: &str) -> Placed {
        self.tree().add_at(self.name, named(fixture), at, stem)
    }

    /// Another container of that fixture.
    fn put_as(&self, fixture: &str, container: &str) -> Placed {
        self.tree().add_as(self.name, named(fixture), "AUTH_test", container)
    }

    fn fixture(fixture: &str) -> &'static Fixture {
        named(fixture)
    }

    /// `<devices>/NAME`.
    fn device(&self) -> PathBuf {
        self.tree().devices().join(self.name)
    }

    /// A directory of the device, made with those above it.
    fn dir(&self, below: &str) -> PathBuf {
        let path = self.device().join(below);
        damage::put_dir(&path);
        path
    }

    /// A file of the device.
    fn file(&self, below: &str, bytes: &[u8]) -> PathBuf {
        let path = self.device().join(below);
        damage::put_dir(path.parent().expect("a file lies in a directory"));
        damage::put_file(&path, bytes);
        path
    }

    fn devices(&self) -> &Path {
        self.tree().devices()
    }

    fn recon(&self) -> PathBuf {
        self.room.recon()
    }
}
