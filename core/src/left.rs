//! How much of a pass lies behind, and how long the rest of it may take.
//!
//! Nothing is counted before a pass, so this goes by positions: a share of each device, weighed by
//! what the device held last time where that is known of all. What cannot be known is not said.
use core::time::Duration;

/// The whole, in the parts of a million that shares are told in.
pub const WHOLE: u32 = 1_000_000;

/// Before this, a pass says nothing of its own speed.
const SPENT_MIN: Duration = Duration::from_secs(2);
/// Before this share neither: one percent.
const SHARE_MIN: u32 = WHOLE / 100;
/// What would take longer is not told: it would be wrong, and nobody would wait for it.
const LEFT_MAX: Duration = Duration::from_secs(366 * 86_400);

/// How long the rest takes if it goes on as it did: `share` of a million parts took `spent`. None
/// while that is unknown.
#[must_use]
pub fn left(spent: Duration, share: u32) -> Option<Duration> {
    if WHOLE <= share {
        return Some(Duration::ZERO);
    }
    if share < SHARE_MIN || spent < SPENT_MIN {
        return None;
    }
    let rest = u128::from(WHOLE.saturating_sub(share));
    let nanos = spent.as_nanos().saturating_mul(rest).checked_div(u128::from(share))?;
    let left = Duration::from_nanos(u64::try_from(nanos).ok()?);
    (left <= LEFT_MAX).then_some(left)
}

/// The share of all devices together: of each its own share and how many databases it held last
/// time. Devices count alike unless that is known of all.
pub fn together(devices: impl Iterator<Item = (u32, Option<u64>)> + Clone) -> u32 {
    let known = devices.clone().all(|(_, weight)| weight.is_some());
    let (mut sum, mut all) = (0_u128, 0_u128);
    for (share, weight) in devices {
        // An empty device still is walked.
        let weight = weight.filter(|_| known).unwrap_or(0).saturating_add(1);
        sum = sum.saturating_add(u128::from(share.min(WHOLE)).saturating_mul(weight.into()));
        all = all.saturating_add(weight.into());
    }
    sum.checked_div(all).and_then(|share| u32::try_from(share).ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;
    use std::vec::Vec;

    const fn secs(secs: u64) -> Duration {
        Duration::from_secs(secs)
    }

    #[test]
    fn what_is_left_goes_on_as_what_was() {
        assert_eq!(left(secs(10), 500_000), Some(secs(10)));
        assert_eq!(left(secs(90), 900_000), Some(secs(10)));
        assert_eq!(left(secs(10), 250_000), Some(secs(30)));
        assert_eq!(left(secs(10), WHOLE), Some(Duration::ZERO));
    }

    #[test]
    fn what_cannot_be_known_is_not_said() {
        assert_eq!(left(secs(1), 500_000), None, "too early");
        assert_eq!(left(secs(3600), 9_999), None, "too little");
        assert_eq!(left(secs(366 * 86_400), 10_000), None, "too long to be true");
        assert_eq!(left(Duration::MAX, 999_999), None);
    }

    #[test]
    fn it_is_never_absurd() {
        // Any share and time, by a generator that is the same each time.
        let mut state = 0x9e37_79b9_7f4a_7c15_u64;
        let mut draw = || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state
        };
        for _ in 0..200_000 {
            let spent = Duration::from_nanos(draw() >> (draw() % 64));
            let share = u32::try_from(draw() >> (32 + draw() % 32)).unwrap_or(u32::MAX);
            let now = left(spent, share);
            assert!(now.is_none_or(|left| left <= LEFT_MAX), "{spent:?} {share}: {now:?}");
            if let (Some(now), Some(later)) = (now, left(spent, share.saturating_add(1))) {
                assert!(later <= now, "further on in the same time, less is left");
            }
            let devices: Vec<(u32, Option<u64>)> = (0..draw() % 5)
                .map(|_| (u32::try_from(draw() >> 32).unwrap_or(0), Some(draw() >> (draw() % 64))))
                .map(|(share, weight)| (share, weight.filter(|it| it % 7 != 0)))
                .collect();
            assert!(together(devices.into_iter()) <= WHOLE, "never above the whole");
        }
    }

    #[test]
    fn devices_weigh_what_they_held_if_all_are_known() {
        let share = |devices: &[(u32, Option<u64>)]| together(devices.iter().copied());
        assert_eq!(share(&[(WHOLE, Some(99)), (0, Some(899))]), 100_000);
        assert_eq!(share(&[(WHOLE, Some(99)), (0, None)]), 500_000);
        assert_eq!(share(&[(WHOLE, Some(0))]), WHOLE);
        assert_eq!(share(&[]), 0);
    }
}
