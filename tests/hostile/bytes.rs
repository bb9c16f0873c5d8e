//! Files byte by byte, so that each part of them can be wrong.

/// Places at which a file of so many bytes is cut, from nothing of it to all but one byte.
pub fn cuts(length: usize, count: usize) -> impl Iterator<Item = usize> {
    (0..count).map(move |i| i * (length - 1) / (count - 1))
}

/// A chunk of a PNG file.
pub fn chunk(name: &[u8; 4], data: &[u8]) -> Vec<u8> {
    let body = [&name[..], data].concat();
    let length = (data.len() as u32).to_be_bytes();
    [&length[..], &body, &checksum(&body).to_be_bytes()].concat()
}

/// The checksum of PNG and of zip.
fn checksum(bytes: &[u8]) -> u32 {
    let mut crc = u32::MAX;
    for &byte in bytes {
        crc ^= u32::from(byte);
        for _ in 0..8 {
            crc = (crc >> 1) ^ if crc & 1 == 1 { 0xedb8_8320 } else { 0 };
        }
    }
    !crc
}

/// The header of a PNG file; `colours` is the type that the format counts.
pub fn png_header(width: u32, height: u32, bits: u8, colours: u8, interlaced: u8) -> Vec<u8> {
    let sizes = [width.to_be_bytes(), height.to_be_bytes()].concat();
    let header = [&sizes[..], &[bits, colours, 0, 0, interlaced]].concat();
    [&b"\x89PNG\r\n\x1a\n"[..], &chunk(b"IHDR", &header)].concat()
}

/// Compressed data of a PNG file that is not compressed.
pub fn png_data(rows: &[u8]) -> Vec<u8> {
    let (mut a, mut b) = (1u32, 0u32);
    for &byte in rows {
        a = (a + u32::from(byte)) % 65_521;
        b = (b + a) % 65_521;
    }
    let length = rows.len() as u16;
    let stored = [
        &[0x78, 1, 1][..],
        &length.to_le_bytes(),
        &(!length).to_le_bytes(),
    ]
    .concat();
    let data = [&stored[..], rows, &(b << 16 | a).to_be_bytes()].concat();
    chunk(b"IDAT", &data)
}

/// A picture with a ramp, `side` bytes of `bits` x channels a row.
pub fn png(side: u32, bits: u8, colours: u8) -> Vec<u8> {
    let channels = [1, 0, 3, 1, 2, 0, 4][usize::from(colours)];
    let row = (side as usize * channels * usize::from(bits)).div_ceil(8);
    let rows: Vec<u8> = (0..side)
        .flat_map(|y| {
            let pixels = (0..row).map(move |x| (x as u32 * 7 + y * 11) as u8);
            std::iter::once(0).chain(pixels)
        })
        .collect();
    let palette = match colours {
        3 => chunk(
            b"PLTE",
            &(0..768).map(|i| (i * 5) as u8).collect::<Vec<_>>(),
        ),
        _ => Vec::new(),
    };
    let header = png_header(side, side, bits, colours, 0);
    [header, palette, png_data(&rows), chunk(b"IEND", &[])].concat()
}

/// A JPEG file of one colour whose header says what it is told to.
pub fn jpeg(width: u16, height: u16, components: u8, blocks: usize) -> Vec<u8> {
    let segment = |marker: u8, data: &[u8]| {
        let length = (data.len() as u16 + 2).to_be_bytes();
        [&[0xff, marker][..], &length, data].concat()
    };
    let table = |class: u8| {
        // One code of one bit, for 0.
        let mut data = vec![class, 1];
        data.extend([0; 15]);
        data.push(0);
        segment(0xc4, &data)
    };
    let mut frame = vec![8];
    frame.extend(height.to_be_bytes());
    frame.extend(width.to_be_bytes());
    frame.push(components);
    let mut scan = vec![components];
    for id in 1..=components {
        frame.extend([id, 0x11, 0]);
        scan.extend([id, 0]);
    }
    scan.extend([0, 63, 0]);
    [
        vec![0xff, 0xd8],
        segment(0xdb, &[&[0][..], &[1; 64]].concat()),
        segment(0xc0, &frame),
        table(0x00),
        table(0x10),
        segment(0xda, &scan),
        // Two bits a block and component.
        vec![0; (blocks * usize::from(components)).div_ceil(4)],
        vec![0xff, 0xd9],
    ]
    .concat()
}

/// An `.npy` file of version 1 with this text in its header.
pub fn npy(header: &str, data: &[u8]) -> Vec<u8> {
    let length = (header.len() as u16).to_le_bytes();
    [&b"\x93NUMPY\x01\x00"[..], &length, header.as_bytes(), data].concat()
}

/// The header of an array.
pub fn descr(dtype: &str, fortran: &str, shape: &str) -> String {
    format!("{{'descr': '{dtype}', 'fortran_order': {fortran}, 'shape': {shape}, }}\n")
}

/// A zip archive of files that are not compressed, whose headers say that they are by `method` and have `claimed` bytes.
pub fn zip(files: &[(&str, &[u8])], method: u16, claimed: Option<u32>) -> Vec<u8> {
    let (mut all, mut directory) = (Vec::new(), Vec::new());
    for (name, data) in files {
        let (stored, size) = (data.len() as u32, claimed.unwrap_or(data.len() as u32));
        let header = [
            &[20, 0, 0, 0][..],
            &method.to_le_bytes(),
            &[0; 4],
            &checksum(data).to_le_bytes(),
            &stored.to_le_bytes(),
            &size.to_le_bytes(),
            &(name.len() as u16).to_le_bytes(),
            &[0, 0],
        ]
        .concat();
        let at = (all.len() as u32).to_le_bytes();
        directory.push(
            [
                &b"PK\x01\x02\x14\0"[..],
                &header,
                &[0; 10],
                &at,
                name.as_bytes(),
            ]
            .concat(),
        );
        all.extend([&b"PK\x03\x04"[..], &header, name.as_bytes(), data].concat());
    }
    let (start, count) = (all.len() as u32, files.len() as u16);
    let directory = directory.concat();
    let end = [
        &b"PK\x05\x06\0\0\0\0"[..],
        &count.to_le_bytes(),
        &count.to_le_bytes(),
        &(directory.len() as u32).to_le_bytes(),
        &start.to_le_bytes(),
        &[0, 0],
    ]
    .concat();
    [all, directory, end].concat()
}

/// A page of a TIFF file: tags with one number each, in order.
pub struct Page(pub Vec<(u16, u32)>);

impl Page {
    /// Of one strip, which lies at byte 8.
    pub fn new(width: u32, height: u32, bits: u32, format: u32, bytes: u32) -> Page {
        Page(vec![
            (256, width),
            (257, height),
            (258, bits),
            (259, 1),
            (262, 1),
            (273, 8),
            (277, 1),
            (278, height),
            (279, bytes),
            (339, format),
        ])
    }

    /// In one tile of this size in place of the strip.
    pub fn tiled(mut self, width: u32, height: u32, bytes: u32) -> Page {
        self.0.retain(|entry| ![273, 278, 279].contains(&entry.0));
        self.with(322, width)
            .with(323, height)
            .with(324, 8)
            .with(325, bytes)
    }

    /// With another number for a tag.
    pub fn with(mut self, tag: u16, number: u32) -> Page {
        self.0.retain(|entry| entry.0 != tag);
        self.0.push((tag, number));
        self.0.sort_unstable();
        self
    }
}

/// A TIFF file with this data from byte 8 on, and pages after it; after the last comes the page at byte `next`.
pub fn tiff(data: &[u8], pages: &[Page], next: u32) -> Vec<u8> {
    let mut file = [&b"II*\0"[..], &(8 + data.len() as u32).to_le_bytes(), data].concat();
    for (i, Page(tags)) in pages.iter().enumerate() {
        file.extend((tags.len() as u16).to_le_bytes());
        for &(tag, number) in tags {
            file.extend(tag.to_le_bytes());
            file.extend([4, 0, 1, 0, 0, 0]);
            file.extend(number.to_le_bytes());
        }
        let after = match i + 1 == pages.len() {
            true => next,
            false => file.len() as u32 + 4,
        };
        file.extend(after.to_le_bytes());
    }
    file
}
