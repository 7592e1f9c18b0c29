//! Where a drive stands, for those who ask while it runs.
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::time::Duration;

use martlet_core::audit::{Device, Doing, Lane, LaneState, Order, Past, STALLED_AFTER};
use martlet_core::left::{WHOLE, together};
use martlet_core::tally::Totals;

use super::Drive;
use crate::clock;
use crate::state::coverage::Ages;

/// Where a drive stands.
#[derive(Clone, Debug)]
pub struct Standing {
    /// `resting`, `beginning`, `sweeping`, `ending` or `leaving`.
    pub phase: &'static str,
    /// How long a pause lasts yet.
    pub paused: Option<Duration>,
    /// How long until the next pass begins, between two.
    pub rests: Option<Duration>,
    /// How long the pass in progress has taken, restarts left out.
    pub spent: Option<Duration>,
    /// The same since this process began with it: what `totals` were counted in.
    pub here: Option<Duration>,
    /// How much of it lies behind, in parts of a million.
    pub share: u32,
    /// What it has come to since this process began with it.
    pub totals: Totals,
    /// Its devices, in order of name.
    pub devices: Vec<DeviceStanding>,
}

/// Where a device of the pass stands.
#[derive(Clone, Debug)]
pub struct DeviceStanding {
    /// Its name.
    pub name: OsString,
    /// How much of it lies behind, in parts of a million.
    pub share: u32,
    /// What is known of it.
    pub past: Past,
    /// What a lane is at on it, if one is.
    pub doing: Option<Doing>,
    /// For how long it has not answered, if it is [`STALLED_AFTER`] or longer.
    pub stalled: Option<Duration>,
    /// How long ago it was audited; none if nobody keeps count.
    pub ages: Option<Ages>,
}

impl<const LANES: usize> Drive<LANES> {
    /// Where it stands now.
    #[must_use]
    pub fn standing(&self) -> Standing {
        let targets = self.targets();
        // Before the auditor's lock, for which all lanes would wait.
        let ages = self.coverage.as_ref().map(|coverage| coverage.ages()).unwrap_or_default();
        let (now, auditor) = (clock::now(), self.lock());
        let kept = self.kept();
        let looks = self.looks.longer(STALLED_AFTER, now.mono);
        let lanes = u8::try_from(LANES).unwrap_or(u8::MAX);
        let lanes: Vec<_> = (0..lanes)
            .map(|lane| {
                let (device, doing) = auditor.doing(Lane(lane), now.mono);
                let span = self.begun.since(Lane(lane)).map(|since| now.mono.since(since));
                let stalled = span.filter(|span| STALLED_AFTER <= *span && doing.is_of_device());
                // One that has missed the end of its pass has no row in this one.
                let missed = device.is_none() && doing.is_of_device();
                (device, self.walks.of(Lane(lane)).filter(|_| missed), doing, stalled)
            })
            .collect();
        let mut devices: Vec<DeviceStanding> = targets
            .iter()
            .zip(0..)
            .filter_map(|(target, row)| {
                let past = auditor.past(Device(row))?;
                let share = kept.get(usize::from(row)).map_or(0, |mark| mark.share);
                let at = lanes.iter().find(|(device, missed, ..)| {
                    *device == Some(Device(row))
                        || missed.as_ref().is_some_and(|it| it.path() == target.path())
                });
                let looks = looks.as_ref().filter(|(path, _)| path == target.path());
                let looks = looks.map(|(_, since)| now.mono.since(*since));
                Some(DeviceStanding {
                    name: target.path().file_name().unwrap_or_default().to_owned(),
                    share: if past.done { WHOLE } else { share.min(WHOLE) },
                    past,
                    doing: at.map(|lane| lane.2),
                    stalled: at.and_then(|lane| lane.3).or(looks),
                    ages: ages.get(usize::from(row)).cloned(),
                })
            })
            .collect();
        devices.sort_by(|one, other| one.name.cmp(&other.name));
        Standing {
            phase: auditor.standing(),
            paused: auditor.paused(now.mono).map(|until| until.since(now.mono)),
            rests: auditor.rests(now.mono),
            spent: auditor.spent(now),
            here: auditor.here(now.mono),
            share: together(devices.iter().map(|it| (it.share, it.past.databases))),
            totals: *auditor.totals(),
            devices,
        }
    }

    /// How many of its first `lanes` lanes are in each state, in the order of [`LaneState::ALL`], and of
    /// how many devices the breaker has tripped.
    ///
    /// No lock is taken that is held while something is said.
    #[must_use]
    pub fn lanes(&self, lanes: u8) -> ([u64; LaneState::ALL.len()], u64) {
        let (now, auditor) = (clock::mono(), self.lock());
        let paused = auditor.paused(now).is_some();
        let states: Vec<_> = (0..lanes)
            .map(|lane| {
                let (_, doing) = auditor.doing(Lane(lane), now);
                let since = self.begun.since(Lane(lane)).unwrap_or(now);
                LaneState::of(doing, now.since(since), paused)
            })
            .collect();
        let count = |state: &LaneState| states.iter().filter(|it| *it == state).count() as u64;
        let past = (0..).map_while(|row| auditor.past(Device(row)));
        let tripped = past.filter(|past| past.breaker.tripped).count() as u64;
        (LaneState::ALL.each_ref().map(count), tripped)
    }

    /// Lets databases be moved again of the device of this name, or of all, where the breaker has
    /// tripped. Returns the names of these devices; `None`: no device has that name.
    #[must_use]
    pub fn rearm(&self, wanted: Option<&str>) -> Option<Vec<OsString>> {
        let targets = self.targets();
        let (mut rearmed, mut found) = (Vec::new(), wanted.is_none());
        let is_wanted =
            |name: &OsStr| wanted.is_none_or(|wanted| Path::new(wanted) == Path::new(name));
        for (target, row) in targets.iter().zip(0..) {
            let name = target.path().file_name().unwrap_or_default();
            if !is_wanted(name) {
                continue;
            }
            found = true;
            let past = self.lock().past(Device(row));
            if past.is_some_and(|past| past.breaker.tripped) {
                self.order(Order::Rearm(Device(row)));
                rearmed.push(name.to_owned());
            }
        }
        drop(targets);
        let before = rearmed.len();
        for entry in self.away().iter_mut() {
            let name = OsStr::from_bytes(&entry.name);
            if is_wanted(name) {
                found = true;
                if std::mem::take(&mut entry.past.breaker).tripped {
                    rearmed.push(name.to_owned());
                }
            }
        }
        if before < rearmed.len() {
            self.save();
        }
        found.then_some(rearmed)
    }
}

/// A share of 0 to 1 in parts of a million; what is no number is 0.
#[must_use]
pub fn parts(share: f64) -> u32 {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "clamped to the whole, and no number becomes 0"
    )]
    let parts = (share.clamp(0.0, 1.0) * f64::from(WHOLE)) as u32;
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_is_between_nothing_and_all() {
        for (share, expected) in
            [(0.0, 0), (0.5, 500_000), (1.0, WHOLE), (7.0, WHOLE), (-1.0, 0), (f64::NAN, 0)]
        {
            assert_eq!(parts(share), expected, "{share}");
        }
    }
}
