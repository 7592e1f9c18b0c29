//! A lane's walk of a device, and what it outlasts: a device that does not answer may be walked still
//! when the next pass has another table of devices.
use std::sync::{Arc, Mutex, PoisonError};

use martlet_core::audit::{Device, Event, Lane};
use martlet_core::cursor::Place;
use martlet_core::time::Mono;
use martlet_core::walk::Walked;

use super::standing::parts;
use super::{Drive, Turn};
use crate::clock;
use crate::hands::{Hands, Target};

/// What each lane walks, or walked last. Locked after everything else.
#[derive(Debug)]
pub(super) struct Walks<const LANES: usize>([Mutex<Option<Arc<Target>>>; LANES]);

impl<const LANES: usize> Walks<LANES> {
    pub(super) fn new() -> Self {
        Self([const { Mutex::new(None) }; LANES])
    }

    pub(super) fn of(&self, lane: Lane) -> Option<Arc<Target>> {
        let walk = self.0.get(usize::from(lane.0))?;
        walk.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn begin(&self, lane: Lane, target: &Arc<Target>) {
        if let Some(walk) = self.0.get(usize::from(lane.0)) {
            *walk.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(target));
        }
    }
}

impl<const LANES: usize> Drive<LANES> {
    /// Walks on. No lock is held meanwhile.
    pub(super) fn walk(
        &self,
        lane: Lane,
        device: Device,
        since: Option<Mono>,
        hands: &mut Hands,
    ) -> Turn<'_, LANES> {
        let goes_on = hands.device() == Some(device);
        let known = self.walks.of(lane).filter(|_| goes_on);
        let mut from = Place::default();
        let Some(target) = known.or_else(|| self.begin(lane, device, &mut from)) else {
            return self.tell(lane, Event::Walked(Walked::Going));
        };
        let turn = self.tell(lane, Event::Walked(hands.walk(device, &target, &from)));
        // A walk that has missed the end of its pass has no row in the next one.
        let is_of_pass = turn.auditor.doing(lane, turn.now.mono).0 == Some(device);
        if self.store.is_some()
            && is_of_pass
            && hands.device() == Some(device)
            && let Some(mark) = self.kept().get_mut(usize::from(device.0))
        {
            mark.pass(hands.stands(), turn.now.mono, since);
            mark.share = parts(hands.share());
        }
        turn
    }

    /// What is to be walked, and `from` where; none if the pass has ended without this lane: then the row
    /// is another device's.
    fn begin(&self, lane: Lane, device: Device, from: &mut Place) -> Option<Arc<Target>> {
        let targets = self.targets();
        if self.lock().doing(lane, clock::mono()).0 != Some(device) {
            return None;
        }
        let row = usize::from(device.0);
        let target = targets.get(row)?;
        self.walks.begin(lane, target);
        if let Some(mark) = self.kept().get(row) {
            from.clone_from(&mark.sure);
        }
        Some(Arc::clone(target))
    }
}
