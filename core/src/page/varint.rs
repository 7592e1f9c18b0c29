//! Numbers as SQLite's file format writes them: big-endian, and varints (file format 1.3, 1.6).

/// The two bytes at `at`, big-endian.
pub(super) fn u16_at(bytes: &[u8], at: usize) -> Option<usize> {
    let two = bytes.get(at..)?.first_chunk()?;
    Some(usize::from(u16::from_be_bytes(*two)))
}

/// The four bytes at `at`, big-endian.
pub(super) fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    let four = bytes.get(at..)?.first_chunk()?;
    Some(u32::from_be_bytes(*four))
}

/// A varint as found: its value, and how many bytes it took.
#[derive(Clone, Copy)]
pub(super) struct Varint {
    /// 64 bits, two's complement.
    pub(super) value: u64,
    /// 1 to 9.
    pub(super) length: usize,
}

impl Varint {
    /// Reads the varint that starts at `at`.
    #[inline]
    pub(super) fn read(bytes: &[u8], at: usize) -> Option<Self> {
        // Almost all are one byte long.
        match bytes.get(at) {
            Some(byte) if byte & 0x80 == 0 => Some(Self { value: u64::from(*byte), length: 1 }),
            Some(_) => Self::read_long(bytes.get(at..)?),
            None => None,
        }
    }

    /// Reads the varint that `bytes` begin with.
    fn read_long(bytes: &[u8]) -> Option<Self> {
        let mut value = 0_u64;
        for (position, byte) in bytes.iter().take(9).enumerate() {
            let length = position.saturating_add(1);
            if length == 9 {
                return Some(Self { value: (value << 8) | u64::from(*byte), length });
            }
            value = (value << 7) | u64::from(byte & 0x7f);
            if byte & 0x80 == 0 {
                return Some(Self { value, length });
            }
        }
        None
    }

    /// Whether no shorter form has the same value. SQLite reads the longer forms, too, and one of
    /// its shortcuts differently.
    #[inline]
    pub(super) fn is_shortest(self) -> bool {
        self.length == 1 || self.needed() == self.length
    }

    /// Bytes that its value needs.
    fn needed(self) -> usize {
        let mut needed = 1_usize;
        let mut rest = self.value >> 7;
        while rest != 0 && needed < 9 {
            rest >>= 7;
            needed = needed.saturating_add(1);
        }
        needed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn varints_are_read_as_the_file_format_says() {
        for (bytes, value, shortest) in [
            (&[0x00][..], 0, true),
            (&[0x7f], 127, true),
            (&[0x81, 0x00], 128, true),
            (&[0x80, 0x7f], 127, false),
            (&[0x82, 0x80, 0x01], 32_769, true),
            (&[0xff; 9], u64::MAX, true),
            (&[0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x01], 1, false),
            (&[0x81, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x00], 1 << 49, true),
            (&[0x80, 0xc0, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x00], 1 << 56, true),
        ] {
            let read = Varint::read(bytes, 0);
            let read = read.map(|read| (read.value, read.length, read.is_shortest()));
            assert_eq!(read, Some((value, bytes.len(), shortest)), "{bytes:x?}");
        }
    }

    #[test]
    fn a_varint_cut_off_is_none() {
        assert!(Varint::read(&[], 0).is_none());
        assert!(Varint::read(&[0x80; 8], 0).is_none());
        assert!(Varint::read(&[0x00], 1).is_none());
    }
}
