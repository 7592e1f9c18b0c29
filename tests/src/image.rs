//! A database as bytes: the pages a reader looks at, taken apart and put together again.
//!
//! What is put together follows SQLite's file format to the letter, so that a test says exactly
//! where it does not.
#![expect(clippy::cast_possible_truncation, reason = "bytes are cut out of numbers here")]

/// A value of a record.
#[derive(Clone, Debug, PartialEq)]
pub enum Stored {
    /// NULL.
    Null,
    /// INTEGER.
    Int(i64),
    /// REAL.
    Real(f64),
    /// TEXT, UTF-8 or not.
    Text(Vec<u8>),
    /// BLOB.
    Blob(Vec<u8>),
}

impl Stored {
    /// TEXT of `text`.
    #[must_use]
    pub fn text(text: &str) -> Self {
        Self::Text(text.as_bytes().to_vec())
    }

    fn serial(&self) -> u64 {
        let twice = |bytes: &Vec<u8>| 2 * bytes.len() as u64;
        match self {
            Self::Null => 0,
            Self::Int(0) => 8,
            Self::Int(1) => 9,
            Self::Int(number) => match number.unsigned_abs() | u64::from(*number < 0) {
                0..=0x7f => 1,
                0x80..=0x7fff => 2,
                0x8000..=0x007f_ffff => 3,
                0x0080_0000..=0x7fff_ffff => 4,
                0x8000_0000..=0x7fff_ffff_ffff => 5,
                _ => 6,
            },
            Self::Real(_) => 7,
            Self::Blob(bytes) => 12 + twice(bytes),
            Self::Text(bytes) => 13 + twice(bytes),
        }
    }

    fn body(&self) -> Vec<u8> {
        match self {
            Self::Null | Self::Int(0 | 1) => Vec::new(),
            Self::Int(number) => {
                let width = [0, 1, 2, 3, 4, 6, 8][usize::try_from(self.serial()).unwrap_or(6)];
                number.to_be_bytes()[8 - width..].to_vec()
            }
            Self::Real(number) => number.to_be_bytes().to_vec(),
            Self::Blob(bytes) | Self::Text(bytes) => bytes.clone(),
        }
    }
}

/// A varint in its shortest form.
#[must_use]
pub fn varint(value: u64) -> Vec<u8> {
    if 1 << 56 <= value {
        let seven = |at: u32| (value >> (8 + 7 * (7 - at))) as u8 | 0x80;
        let mut bytes: Vec<u8> = (0..8).map(seven).collect();
        bytes.push(value as u8);
        return bytes;
    }
    let mut bytes = vec![value as u8 & 0x7f];
    let mut rest = value >> 7;
    while rest != 0 {
        bytes.insert(0, rest as u8 | 0x80);
        rest >>= 7;
    }
    bytes
}

/// A varint with one byte more than it needs.
#[must_use]
pub fn long_varint(value: u64) -> Vec<u8> {
    let mut bytes = varint(value);
    bytes.insert(0, 0x80);
    bytes
}

/// The record of these values.
#[must_use]
pub fn record(values: &[Stored]) -> Vec<u8> {
    let types: Vec<u8> = values.iter().flat_map(|value| varint(value.serial())).collect();
    let mut bytes = varint(types.len() as u64 + 1);
    bytes.extend(types);
    bytes.extend(values.iter().flat_map(Stored::body));
    bytes
}

/// A database of Swift's, in its ordinary form.
#[derive(Clone, Debug)]
pub struct Image {
    /// The file.
    pub bytes: Vec<u8>,
    /// Bytes of a page.
    pub page: usize,
    /// The root page of `container_info`.
    pub info: usize,
    /// The root page of `policy_stat`.
    pub policy: usize,
}

impl Image {
    /// The image of a file whose tables have these roots.
    #[must_use]
    pub fn new(bytes: Vec<u8>, info: usize, policy: usize) -> Self {
        let page = usize::from(u16::from_be_bytes([bytes[16], bytes[17]]));
        Self { bytes, page, info, policy }
    }

    /// Where a page starts in the file.
    #[must_use]
    pub fn start(&self, page: usize) -> usize {
        (page - 1) * self.page
    }

    /// Pages of the file.
    #[must_use]
    pub fn pages(&self) -> usize {
        self.bytes.len() / self.page
    }

    /// The bytes of a page.
    pub fn page_mut(&mut self, page: usize) -> &mut [u8] {
        let start = self.start(page);
        &mut self.bytes[start..start + self.page]
    }

    /// Where the only or first cell of a leaf starts in the file.
    #[must_use]
    pub fn cell(&self, page: usize) -> usize {
        let start = self.start(page);
        start + usize::from(u16::from_be_bytes([self.bytes[start + 8], self.bytes[start + 9]]))
    }

    /// The rows of a leaf: rowid and values, overflow included.
    ///
    /// # Panics
    /// If the leaf is spoilt.
    #[must_use]
    pub fn rows(&self, page: usize) -> Vec<(i64, Vec<Stored>)> {
        let start = self.start(page);
        let count = u16::from_be_bytes([self.bytes[start + 3], self.bytes[start + 4]]);
        let row = |index| self.row(page, index).expect("a sound leaf");
        (0..usize::from(count)).map(row).collect()
    }

    /// Row number `index` of a leaf; `None` if it is spoilt.
    #[must_use]
    pub fn row(&self, page: usize, index: usize) -> Option<(i64, Vec<Stored>)> {
        let start = self.start(page);
        let slot = self.bytes.get(start + 8 + 2 * index..)?.first_chunk()?;
        let mut at = start + usize::from(u16::from_be_bytes(*slot));
        let total = usize::try_from(read_varint(&self.bytes, &mut at)?).ok()?;
        let rowid = read_varint(&self.bytes, &mut at)?.cast_signed();
        let local = local(total, self.page);
        let mut payload = self.bytes.get(at..at.checked_add(local)?)?.to_vec();
        let mut next = at + local;
        while payload.len() < total {
            let page = u32::from_be_bytes(*self.bytes.get(next..)?.first_chunk()?);
            // The page may be any: its place need not fit 32 bits.
            next = self.page.checked_mul(usize::try_from(page.max(1) - 1).ok()?)?;
            let take = (self.page - 4).min(total - payload.len());
            payload.extend(self.bytes.get(next..)?.get(4..4 + take)?);
        }
        Some((rowid, values(&payload)?))
    }

    /// Writes a leaf anew with these rows; what does not fit goes to new pages at the end.
    ///
    /// # Panics
    /// If the rows do not fit the page.
    pub fn put(&mut self, page: usize, rows: &[(i64, Vec<u8>)]) {
        let mut cells = Vec::new();
        for (rowid, payload) in rows {
            let mut cell = varint(payload.len() as u64);
            cell.extend(varint(rowid.cast_unsigned()));
            let local = local(payload.len(), self.page);
            cell.extend(&payload[..local]);
            if local < payload.len() {
                cell.extend(u32::try_from(self.pages() + 1).expect("a page").to_be_bytes());
                self.append(&payload[local..]);
            }
            cell.resize(cell.len().max(4), 0);
            cells.push(cell);
        }
        self.put_cells(page, &cells);
    }

    /// Writes a leaf anew with these cells, whatever they are.
    ///
    /// # Panics
    /// If they do not fit the page.
    pub fn put_cells(&mut self, page: usize, cells: &[Vec<u8>]) {
        let mut end = self.page;
        let size = self.page;
        let bytes = self.page_mut(page);
        bytes[..8].copy_from_slice(&[13, 0, 0, 0, 0, 0, 0, 0]);
        for (index, cell) in cells.iter().enumerate() {
            end -= cell.len();
            assert!(8 + 2 * cells.len() <= end && end < size, "the rows fit");
            bytes[end..end + cell.len()].copy_from_slice(cell);
            put16(bytes, 8 + 2 * index, end);
        }
        put16(bytes, 3, cells.len());
        put16(bytes, 5, end);
    }

    /// The bytes of a row's cell as [`Image::put`] makes it, if it fits the page.
    #[must_use]
    pub fn cell_of(rowid: i64, payload: &[u8]) -> Vec<u8> {
        let mut cell = varint(payload.len() as u64);
        cell.extend(varint(rowid.cast_unsigned()));
        cell.extend(payload);
        cell
    }

    /// Adds the chain that holds `rest` at the end of the file.
    fn append(&mut self, rest: &[u8]) {
        for (index, part) in rest.chunks(self.page - 4).enumerate() {
            let more = (index + 1) * (self.page - 4) < rest.len();
            let next = if more { self.pages() + 2 } else { 0 };
            let end = self.bytes.len() + self.page;
            self.bytes.extend(u32::try_from(next).expect("a page").to_be_bytes());
            self.bytes.extend(part);
            self.bytes.resize(end, 0);
        }
        self.count_pages();
    }

    /// Makes the header count the pages that are there.
    ///
    /// # Panics
    /// If they are more than a header can count.
    pub fn count_pages(&mut self) {
        let count = u32::try_from(self.pages()).expect("a page");
        self.bytes[28..32].copy_from_slice(&count.to_be_bytes());
    }

    /// Gives a column of the container's row another value.
    pub fn set(&mut self, column: usize, value: Stored) {
        let (rowid, mut values) = self.rows(self.info).remove(0);
        values[column] = value;
        self.put(self.info, &[(rowid, record(&values))]);
    }
}

/// Writes two bytes.
pub fn put16(bytes: &mut [u8], at: usize, value: usize) {
    bytes[at..at + 2].copy_from_slice(&(value as u16).to_be_bytes());
}

/// How much of a payload stays on a leaf.
fn local(payload: usize, page: usize) -> usize {
    let (least, most) = ((page - 12) * 32 / 255 - 23, page - 35);
    if payload <= most {
        return payload;
    }
    let fitting = least + (payload - least) % (page - 4);
    if fitting <= most { fitting } else { least }
}

fn read_varint(bytes: &[u8], at: &mut usize) -> Option<u64> {
    let mut value = 0;
    for position in 0..9 {
        let byte = *bytes.get(*at)?;
        *at += 1;
        if position == 8 {
            return Some(value << 8 | u64::from(byte));
        }
        value = value << 7 | u64::from(byte & 0x7f);
        if byte < 0x80 {
            break;
        }
    }
    Some(value)
}

fn values(payload: &[u8]) -> Option<Vec<Stored>> {
    let mut at = 0;
    let header = usize::try_from(read_varint(payload, &mut at)?).ok()?;
    let mut body = header;
    let mut values = Vec::new();
    while at < header {
        let serial = read_varint(payload, &mut at)?;
        let width = match serial {
            0 | 8..=11 => 0,
            1..=4 => serial,
            5 => 6,
            6 | 7 => 8,
            _ => (serial - 12) / 2,
        };
        let bytes = payload.get(body..body.checked_add(usize::try_from(width).ok()?)?)?;
        body += bytes.len();
        values.push(match serial {
            0 | 10 | 11 => Stored::Null,
            7 => Stored::Real(f64::from_be_bytes(bytes.try_into().ok()?)),
            8 => Stored::Int(0),
            9 => Stored::Int(1),
            1..=6 => {
                let sign = if bytes[0] < 0x80 { 0 } else { -1 };
                Stored::Int(bytes.iter().fold(sign, |all, byte| all << 8 | i64::from(*byte)))
            }
            even if even % 2 == 0 => Stored::Blob(bytes.to_vec()),
            _ => Stored::Text(bytes.to_vec()),
        });
    }
    Some(values)
}
