//! How many databases of a tree the page reader answers for.

use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

use martlet_core::walk::{Floor, Walked};
use martlet_platform_linux::hands::beside;
use martlet_platform_linux::reader::Reader;
use martlet_platform_linux::walk::{Limits, Walker};

/// Databases without an epoch in their name, and those of them that the reader answers for.
pub(super) fn answered(device: &Path) -> Result<(u32, u32), String> {
    let mut walker = Walker::new(Limits::DEFAULT);
    let mut reader = Reader::new();
    walker.begin_below(&device.join("containers"), Floor::Datadir);
    let (mut all, mut answered) = (0, 0);
    loop {
        let mut peek = None;
        let walked = walker.next_ahead(&mut |dir, name| peek = reader.open(dir, name).ok());
        let path = match walked {
            Walked::Found(path) => Path::new(std::ffi::OsStr::from_bytes(path)).to_owned(),
            Walked::Going => continue,
            Walked::End => return Ok((all, answered)),
            Walked::Hit(floor, trouble) => return Err(format!("{floor:?}: {trouble:?}")),
        };
        let Some(here) = walker.here() else { continue };
        if here.name.contains(&b'_') {
            continue;
        }
        all += 1;
        let hash = walker.position().hash;
        let Some(peek) = peek else { continue };
        match reader.read(peek, here.dir, &beside(here, hash)).map(drop) {
            Ok(()) => answered += 1,
            Err(rule) if rule.is_schema() => drop(reader.teach(here.dir, hash, &path)),
            Err(_) => {}
        }
    }
}
