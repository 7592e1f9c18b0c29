//! The user that the daemon becomes: what `drop_privileges` looks up.
use super::{ConfError, Options, Settings};
use nix::unistd::{Gid, Uid, User, getgrouplist};
use std::ffi::CString;

/// A user of this system.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// Its number.
    pub uid: Uid,
    /// Its own group.
    pub gid: Gid,
    /// All groups it is in, its own among them.
    pub groups: Vec<Gid>,
}

impl Settings {
    /// Looks up the `user` option. It must exist even if the daemon stays who it is, as in Swift.
    pub fn account(&self) -> Result<Account, ConfError> {
        let options = Options { conf: &self.conf, entries: &self.entries };
        let bad = |why: &str| options.bad("user", why);
        let unknown = || bad("no such user");
        // A name with NUL names nobody, and nix would panic.
        let name = CString::new(self.user.as_str()).map_err(|_| unknown())?;
        let user = User::from_name(&self.user);
        let user = user.map_err(|error| bad(&format!("cannot look up the user: {error}")))?;
        let user = user.ok_or_else(unknown)?;
        let groups = getgrouplist(&name, user.gid);
        let groups = groups.map_err(|error| bad(&format!("cannot look up its groups: {error}")))?;
        Ok(Account { uid: user.uid, gid: user.gid, groups })
    }
}
