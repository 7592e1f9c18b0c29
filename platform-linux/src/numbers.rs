//! The partitions of a device in order, with a fixed amount of memory.
//!
//! Sixteen bits of numbers are held as one bit each; when they are used up the directory is listed
//! again for those behind. Names that are not plain numbers are a [`crate::window::Window`]'s.

/// Numbers that a window of them spans.
pub const NUMBERS: u32 = 65_536;

/// The plain numbers of a directory, a window of so many at a time: one bit each.
#[derive(Debug)]
pub struct Numbers {
    span: u32,
    bits: Box<[u64]>,
    /// The number of the first bit.
    base: u32,
    /// The number looked at next, as an offset from the base.
    next: u32,
    /// The least number behind the window.
    beyond: Option<u32>,
    seen: u32,
    taken: u32,
}

impl Numbers {
    /// An empty window of `span` numbers.
    #[must_use]
    pub fn new(span: u32) -> Self {
        let bits = vec![0; word(span.max(1) - 1) + 1].into_boxed_slice();
        Self { span: span.max(1), bits, base: 0, next: 0, beyond: None, seen: 0, taken: 0 }
    }

    /// Empties it for a listing of the numbers from `base` on.
    pub fn begin(&mut self, base: u32) {
        self.bits.fill(0);
        self.base = base;
        self.next = 0;
        self.beyond = None;
        self.seen = 0;
        self.taken = 0;
    }

    /// Empties it for the next listing, if there are numbers behind the window.
    pub fn begin_again(&mut self) -> bool {
        let Some(base) = self.beyond else { return false };
        self.begin(base);
        true
    }

    /// Keeps a number if it lies in the window.
    pub fn offer(&mut self, number: u32) {
        self.seen = self.seen.saturating_add(1);
        let Some(offset) = number.checked_sub(self.base) else {
            self.taken = self.taken.saturating_add(1);
            return;
        };
        if offset < self.span {
            self.bits[word(offset)] |= 1 << (offset % 64);
        } else {
            self.beyond = Some(self.beyond.map_or(number, |least| least.min(number)));
        }
    }

    /// Takes the next number.
    pub fn take(&mut self) -> Option<u32> {
        while self.next < self.span {
            let rest = self.bits[word(self.next)] >> (self.next % 64);
            if rest == 0 {
                self.next = (self.next / 64 + 1) * 64;
                continue;
            }
            let offset = self.next + rest.trailing_zeros();
            self.next = offset + 1;
            self.taken = self.taken.saturating_add(1);
            return Some(self.base + offset);
        }
        None
    }

    /// Numbers in the directory, and those of them taken before the last one.
    #[must_use]
    pub const fn counts(&self) -> (u32, u32) {
        (self.seen, self.taken.saturating_sub(1))
    }
}

const fn word(offset: u32) -> usize {
    (offset / 64) as usize
}

/// The number that `name` writes as Swift writes partitions: digits, no leading zero, 32 bits.
#[must_use]
pub fn plain_number(name: &[u8]) -> Option<u32> {
    if name.is_empty() || (1 < name.len() && name[0] == b'0') || 10 < name.len() {
        return None;
    }
    name.iter().try_fold(0_u32, |number, byte| {
        let digit = byte.checked_sub(b'0').filter(|digit| *digit < 10)?;
        number.checked_mul(10)?.checked_add(u32::from(digit))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_ascend_through_a_small_window() {
        let numbers = [u32::MAX, 70, 3, 0, 64, 63, 1_000_000, 65, 129, u32::MAX - 1];
        for span in [1, 3, 64, 100, NUMBERS] {
            let (mut window, mut found) = (Numbers::new(span), Vec::new());
            window.begin(0);
            loop {
                for number in numbers {
                    window.offer(number);
                }
                found.extend(std::iter::from_fn(|| window.take()));
                if !window.begin_again() {
                    break;
                }
            }
            let mut sorted = numbers.to_vec();
            sorted.sort_unstable();
            assert_eq!(found, sorted, "a window of {span}");
        }
    }

    #[test]
    fn only_what_swift_would_write_is_a_number() {
        let check = |name: &[u8], number| assert_eq!(plain_number(name), number, "{name:?}");
        check(b"0", Some(0));
        check(b"1021", Some(1021));
        check(b"4294967295", Some(u32::MAX));
        check(b"4294967296", None);
        check(b"99999999999999999999", None);
        check(b"007", None);
        check(b"-1", None);
        check(b"+1", None);
        check(b"", None);
        check(b"1 ", None);
        check(b"1021.tmp", None);
    }
}
