//! The bytes of the findings' file: how it is read, and how it is written.
use std::fs::File;
use std::io;

use martlet_core::cursor::Bad;
use martlet_core::findings::{ENTRY_MAX, Entry, HEAD_BYTES, Head, LEFT_OUT_BYTES, LeftOut, Row};

use super::super::file::read_whole;
use super::words::Words;
use super::{Book, Inner};

impl Inner {
    pub(super) fn read(file: &mut File) -> io::Result<Result<Self, Bad>> {
        let mut file = io::BufReader::new(file);
        let mut head = [0; HEAD_BYTES];
        if let Err(bad) = read_whole(&mut file, &mut head, Bad::Foreign)? {
            return Ok(Err(bad));
        }
        let head = match Head::decode(&head) {
            Ok(head) => head,
            Err(bad) => return Ok(Err(bad)),
        };
        let mut inner = Self::default();
        let mut book = Box::<Book>::default();
        book.restore_head(&head);
        let mut bytes = [0; ENTRY_MAX];
        for number in 0..head.entries {
            match read_entry(&mut file, number, &mut bytes)? {
                Ok(entry) if book.restore(entry.row) => inner.words.push(Words::from(&entry)),
                // A later version may keep more of them.
                Ok(Entry { row, .. }) if row.closed.is_none() => {
                    let Row { key, device, pass, depth, .. } = row;
                    book.restore_left_out(LeftOut { key, device, pass, depth });
                }
                Ok(_) => {}
                Err(bad) => return Ok(Err(bad)),
            }
        }
        for number in 0..head.left_out {
            let mut bytes = [0; LEFT_OUT_BYTES];
            if let Err(bad) = read_whole(&mut file, &mut bytes, Bad::Torn)? {
                return Ok(Err(bad));
            }
            match LeftOut::decode(&bytes, number) {
                Ok(left_out) => book.restore_left_out(left_out),
                Err(bad) => return Ok(Err(bad)),
            }
        }
        inner.book = Some(book);
        Ok(Ok(inner))
    }
}

fn read_entry<'a>(
    file: &mut impl io::Read,
    number: u32,
    bytes: &'a mut [u8; ENTRY_MAX],
) -> io::Result<Result<Entry<'a>, Bad>> {
    let mut len = [0; 4];
    if let Err(bad) = read_whole(file, &mut len, Bad::Torn)? {
        return Ok(Err(bad));
    }
    let whole = match Entry::len_of(len) {
        Ok(whole) => whole,
        Err(bad) => return Ok(Err(bad)),
    };
    bytes[..4].copy_from_slice(&len);
    if let Err(bad) = read_whole(file, &mut bytes[4..whole], Bad::Torn)? {
        return Ok(Err(bad));
    }
    Ok(Entry::decode(&bytes[..whole], number))
}

/// All that is known, as it stands in the file. In memory first: a disk is never waited for under a lock.
pub(super) fn bytes(book: &Book, words: &[Words]) -> Vec<u8> {
    let mut out = Vec::from(book.head().encode());
    let mut bytes = [0; ENTRY_MAX];
    for ((row, words), number) in book.rows().iter().zip(words).zip(0..) {
        // Every text was cut to what an entry has room for.
        let len = words.entry(row).encode(number, &mut bytes).unwrap_or(0);
        out.extend_from_slice(&bytes[..len]);
    }
    for (left_out, number) in book.left_out().iter().zip(0..) {
        out.extend_from_slice(&left_out.encode(number));
    }
    out
}
