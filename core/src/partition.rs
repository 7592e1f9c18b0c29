//! Which partition a hash belongs to, told from the partitions that a tree already has.
//!
//! Swift's ring says that the partition is the first bits of the hash, as many as its part power
//! (`Ring.get_part`). A partition above 0 and one of its hashes give the power away: the highest bit
//! of one is the first bit of the other.

/// Part powers from 0 to 32: a partition has 32 bits.
const POWERS: usize = 33;

/// What the partitions of a tree say of the part power. A few databases may lie in a wrong place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Votes([u32; POWERS]);

impl Default for Votes {
    fn default() -> Self {
        Self([0; POWERS])
    }
}

impl Votes {
    /// Notes that a hash directory lies in `partition`. Partition 0 says nothing, and neither does a
    /// partition that is none of this hash.
    pub fn note(&mut self, hash: [u8; 16], partition: u32) {
        let power = power(hash, partition).map(usize::from);
        if let Some(votes) = power.and_then(|power| self.0.get_mut(power)) {
            *votes = votes.saturating_add(1);
        }
    }

    /// The part power that two of three say at least; none if there is no such majority.
    #[must_use]
    pub fn power(&self) -> Option<u8> {
        let all = self.0.iter().fold(0_u64, |sum, votes| sum.saturating_add(u64::from(*votes)));
        let most = self.0.iter().copied().max().filter(|most| 0 < *most)?;
        let agreed = all.saturating_mul(2) <= u64::from(most).saturating_mul(3);
        let power = self.0.iter().position(|votes| *votes == most).filter(|_| agreed)?;
        u8::try_from(power).ok()
    }
}

/// The partition of a hash in a ring of this part power, 32 at most.
#[must_use]
pub fn partition(hash: [u8; 16], power: u8) -> u32 {
    top(hash).checked_shr(32_u32.saturating_sub(u32::from(power))).unwrap_or(0)
}

/// The only part power by which `partition`, above 0, is the hash's; none if there is no such.
fn power(hash: [u8; 16], partition: u32) -> Option<u8> {
    let bits = 32_u32.saturating_sub(partition.leading_zeros());
    let power = bits.saturating_add(top(hash).leading_zeros());
    let power = u8::try_from(power).ok().filter(|power| *power <= 32)?;
    (partition != 0 && self::partition(hash, power) == partition).then_some(power)
}

/// The first 32 bits of a hash.
const fn top(hash: [u8; 16]) -> u32 {
    let [a, b, c, d, ..] = hash;
    u32::from_be_bytes([a, b, c, d])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hash(top: u32) -> [u8; 16] {
        let mut hash = [0x5a; 16];
        hash[..4].copy_from_slice(&top.to_be_bytes());
        hash
    }

    #[test]
    fn a_partition_and_its_hash_give_the_power_away() {
        for top in [0xae90_3884, 0x0000_0001, 0x0012_3456, u32::MAX] {
            for asked in 0..=32 {
                let place = partition(hash(top), asked);
                let expected = (place != 0).then_some(asked);
                assert_eq!(power(hash(top), place), expected, "{top:x} at {asked}");
            }
        }
        assert_eq!(power(hash(0xae90_3884), 0xae90_3885), None, "it is none of this hash");
        assert_eq!(power(hash(0), 1), None);
        assert_eq!(partition(hash(u32::MAX), 200), u32::MAX, "no power beyond 32");
    }

    #[test]
    fn a_few_in_a_wrong_place_are_outvoted_and_many_are_not() {
        let votes = |right: u32, wrong: u32| {
            let mut votes = Votes::default();
            (0..right).for_each(|_| votes.note(hash(0xae90_3884), 0xae9));
            (0..wrong).for_each(|_| votes.note(hash(0xae90_3884), 0xae));
            votes.note(hash(1), 0);
            votes.power()
        };
        assert_eq!(votes(1, 0), Some(12));
        assert_eq!(votes(2, 1), Some(12));
        assert_eq!(votes(3, 2), None);
        assert_eq!(votes(0, 0), None, "partition 0 says nothing");
    }
}
