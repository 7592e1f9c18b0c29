//! Every fixture as Swift left it: nothing is wrong with any of these.

use super::{List, Run};
use crate::fixtures::manifest;

pub(super) fn rows(list: &mut List) {
    for fixture in &manifest().fixtures {
        let name = fixture.name.as_str();
        list.row(Run::AsRoot, name, move |s| {
            let _placed = s.put(name);
        });
    }
}
