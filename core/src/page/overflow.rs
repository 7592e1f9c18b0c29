//! [`Chain`]: the rest of a row that does not fit its page (file format 1.6, overflow pages).

use super::rules::{Rule, Rules};
use super::varint::u32_at;

/// Bytes of the longest row that is followed. Swift allows 4 KiB of a user's metadata; access
/// lists, sharding state and deleted keys come on top.
pub const PAYLOAD_MAX: usize = 64 * 1024;

/// Pages of the longest chain: [`PAYLOAD_MAX`] bytes on the smallest pages.
pub const CHAIN_MAX: usize = 65;
const _: () = assert!(PAYLOAD_MAX <= CHAIN_MAX * (1024 - 4), "no row is refused for its chain");

/// The byte SQLite locks; it never uses the page on which this byte lies.
const LOCK_BYTE: usize = 0x4000_0000;

/// A row that is being put together: its first bytes are here, the rest is on pages yet to be read.
#[derive(Debug)]
pub struct Chain<'b> {
    payload: &'b mut [u8],
    filled: usize,
    /// The page to read next; 0 at the end.
    next: u32,
    seen: heapless::Vec<u32, CHAIN_MAX>,
    page_size: usize,
    page_count: u32,
}

impl<'b> Chain<'b> {
    /// A row of `total` bytes that begins with `local` and goes on on page `first`, to be put
    /// together in `buffer`.
    pub(super) fn new(
        buffer: &'b mut [u8],
        total: usize,
        local: &[u8],
        first: u32,
        (page_size, page_count): (usize, u32),
        rules: Rules,
    ) -> Result<Self, Rule> {
        let payload = buffer.get_mut(..total).ok_or(Rule::OverflowLong)?;
        for (kept, byte) in payload.iter_mut().zip(local) {
            *kept = *byte;
        }
        let seen = heapless::Vec::new();
        let filled = local.len();
        let mut chain = Self { payload, filled, next: 0, seen, page_size, page_count };
        chain.go_on(first, rules)?;
        Ok(chain)
    }

    /// The page to read next, and how many may follow it in a row; `None` at the end.
    #[must_use]
    pub fn wanted(&self) -> Option<(u32, usize)> {
        let left = self.payload.len().saturating_sub(self.filled);
        let pages = left.div_ceil(self.page_size.saturating_sub(4).max(1));
        let in_file = self.page_count.saturating_sub(self.next).saturating_add(1);
        let in_file = usize::try_from(in_file).unwrap_or(usize::MAX);
        (self.next != 0).then_some((self.next, pages.min(in_file)))
    }

    /// Takes the page that was wanted.
    pub fn take(&mut self, page: &[u8], rules: Rules) -> Result<(), Rule> {
        let next = u32_at(page, 0).ok_or(Rule::OverflowPage)?;
        let content = page.get(4..self.page_size).ok_or(Rule::OverflowPage)?;
        let room = self.payload.get_mut(self.filled..).unwrap_or_default();
        for (kept, byte) in room.iter_mut().zip(content) {
            *kept = *byte;
        }
        self.filled = self.filled.saturating_add(room.len().min(content.len()));
        if self.filled < self.payload.len() {
            return self.go_on(next, rules);
        }
        self.next = 0;
        rules.ask(Rule::OverflowEnd, next == 0)
    }

    /// The whole row; what was not read is a reason to defer.
    pub(super) fn whole(self) -> Result<&'b [u8], Rule> {
        if self.filled < self.payload.len() { Err(Rule::OverflowPage) } else { Ok(self.payload) }
    }

    /// Names `page` as the next to read.
    fn go_on(&mut self, page: u32, rules: Rules) -> Result<(), Rule> {
        let lock_page = LOCK_BYTE.checked_div(self.page_size).unwrap_or(0).saturating_add(1);
        let of_the_file = 2 <= page && page <= self.page_count;
        let used = usize::try_from(page).is_ok_and(|page| page != lock_page);
        rules.ask(Rule::OverflowPage, of_the_file && used)?;
        rules.ask(Rule::OverflowRepeat, !self.seen.contains(&page))?;
        self.seen.push(page).map_err(|_| Rule::OverflowLong)?;
        self.next = page;
        Ok(())
    }
}
