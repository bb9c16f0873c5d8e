//! TIFF: integers and floats of 8 to 64 bits, grey, RGB or any number of bands, in one page or several.

use std::io::{Read, Seek};

use racm::ndarray::Array3;
use tiff::TiffError;
use tiff::decoder::{ChunkType, Decoder, DecodingResult, Limits};
use tiff::tags::Tag;
use tiff::{ColorType, TiffUnsupportedError};

use crate::read::{MOST_NUMBERS, image_shape};

/// More than any compression packs into one byte: LZW, where all is one colour.
const DENSEST: u64 = 4096;
/// The most bytes of a strip or tile, which is read at once.
const MOST_BYTES: usize = 1 << 30;
/// The number that GDAL writes for "no data".
const NO_DATA: Tag = Tag::Unknown(42_113);
const WHITE_IS_ZERO: u16 = 0;
const BANDS: &str = "grey, RGB or bands of 8, 16, 32 or 64 bits";

/// The image in a file of so many bytes: the bands of all pages are its channels. Numbers as they are, and NaN for those
/// that the file declares as no data. Smaller versions of a page, and masks, are left out. Nothing is read of a single
/// page whose shape does not `fit`.
pub fn parse(
    file: impl Read + Seek,
    bytes: u64,
    fit: &dyn Fn([usize; 3]) -> Result<(), String>,
) -> Result<Array3<f32>, String> {
    let mut decoder = Decoder::new(file).map_err(said)?;
    let mut limits = Limits::default();
    limits.decoding_buffer_size = MOST_BYTES;
    limits.intermediate_buffer_size = MOST_BYTES;
    decoder = decoder.with_limits(limits);
    let mut values = Vec::new();
    let mut size = None;
    for page in 0.. {
        let at = |reason: String| format!("page {page}: {reason}");
        if !is_side_line(&mut decoder).map_err(at)? {
            let given = decoder.dimensions().map_err(said).map_err(at)?;
            let expected = *size.get_or_insert(given);
            if given != expected {
                return Err(at(format!(
                    "it has {} rows and {} columns, expected {} and {}, as the first page has",
                    given.1, given.0, expected.1, expected.0
                )));
            }
            // Before the last page nobody knows how many channels there are.
            let single = page == 0 && !decoder.more_images();
            let any = |_| Ok(());
            let fit: &dyn Fn([usize; 3]) -> Result<(), String> = match single {
                true => fit,
                false => &any,
            };
            add_page(&mut decoder, given, bytes, fit, &mut values).map_err(at)?;
        }
        if !decoder.more_images() {
            break;
        }
        decoder.next_image().map_err(said).map_err(|reason| {
            let next = page + 1;
            format!("page {next}: {reason}")
        })?;
    }
    let (width, height) = size.ok_or("it holds no image of full size")?;
    let (width, height) = (width as usize, height as usize);
    let channels = values.len() / (width * height);
    Array3::from_shape_vec((channels, height, width), values).map_err(|e| e.to_string())
}

/// Whether a page is a smaller version of another, or a mask.
fn is_side_line<R: Read + Seek>(decoder: &mut Decoder<R>) -> Result<bool, String> {
    let kind: Option<u32> = decoder
        .find_tag_unsigned(Tag::NewSubfileType)
        .map_err(said)?;
    Ok(kind.unwrap_or(0) & 0b101 != 0)
}

/// Adds the channels of a page to those of the pages before.
fn add_page<R: Read + Seek>(
    decoder: &mut Decoder<R>,
    (width, height): (u32, u32),
    bytes: u64,
    fit: &dyn Fn([usize; 3]) -> Result<(), String>,
    values: &mut Vec<f32>,
) -> Result<(), String> {
    let shades: Option<u16> = decoder
        .find_tag_unsigned(Tag::PhotometricInterpretation)
        .map_err(said)?;
    if shades == Some(WHITE_IS_ZERO) {
        // The reader would turn the numbers round.
        return Err("its 0 is white, expected black".to_owned());
    }
    let colours = decoder.colortype().map_err(said)?;
    let (bits, bands) = match colours {
        ColorType::Gray(bits) => (bits, 1),
        ColorType::GrayA(bits) => (bits, 2),
        ColorType::RGB(bits) => (bits, 3),
        ColorType::RGBA(bits) => (bits, 4),
        ColorType::Multiband {
            bit_depth,
            num_samples,
        } => (bit_depth, usize::from(num_samples)),
        other => return Err(format!("it is {other:?}, expected {BANDS}")),
    };
    if ![8, 16, 32, 64].contains(&bits) {
        return Err(format!("it has {bits} bits a value, expected {BANDS}"));
    }
    let samples: Option<usize> = decoder
        .find_tag_unsigned(Tag::SamplesPerPixel)
        .map_err(said)?;
    let samples = samples.unwrap_or(1);
    if samples != bands {
        // The decoder would leave the others out.
        return Err(format!(
            "it has {samples} bands, of which {bands} are called colours, expected all or none \
             (gdal_translate -co PHOTOMETRIC=MINISBLACK makes such a file)"
        ));
    }
    let [bands, rows, columns] = image_shape([bands as u64, height.into(), width.into()])?;
    fit([bands, rows, columns])?;
    let numbers = bands * rows * columns;
    if numbers > MOST_NUMBERS - values.len().min(MOST_NUMBERS) {
        return Err(format!(
            "with those before it has more than {MOST_NUMBERS} numbers, expected at most so many"
        ));
    }
    let claimed = numbers as u64 * u64::from(bits / 8);
    if claimed / DENSEST > bytes {
        return Err(format!(
            "it has {claimed} bytes, more than the file's {bytes} can hold: it is cut short or damaged"
        ));
    }
    let no_data = match decoder.find_tag(NO_DATA).map_err(said)? {
        Some(value) => Some(no_data(&value.into_string().map_err(said)?)?),
        None => None,
    };
    let start = values.len();
    let room = values.try_reserve_exact(numbers);
    room.map_err(|_| format!("its {numbers} numbers take more memory than there is"))?;
    // A part that is not there has no data, or is 0.
    values.resize(start + numbers, no_data.unwrap_or(0.0));
    read_parts(decoder, [bands, rows, columns], &mut values[start..])?;
    if let Some(no_data) = no_data {
        for value in values[start..].iter_mut().filter(|v| **v == no_data) {
            *value = f32::NAN;
        }
    }
    Ok(())
}

/// Reads the strips or tiles of a page into its channels. The decoder's own way to read a page fails for bands that lie
/// one after the other in tiles.
fn read_parts<R: Read + Seek>(
    decoder: &mut Decoder<R>,
    [bands, rows, columns]: [usize; 3],
    channels: &mut [f32],
) -> Result<(), String> {
    let (lengths, kind) = match decoder.get_chunk_type() {
        ChunkType::Strip => (Tag::StripByteCounts, "strips"),
        ChunkType::Tile => (Tag::TileByteCounts, "tiles"),
    };
    let lengths = decoder.get_tag_u64_vec(lengths).map_err(said)?;
    let planar: Option<u32> = decoder
        .find_tag_unsigned(Tag::PlanarConfiguration)
        .map_err(said)?;
    // How many bands a part holds, and how many follow one another.
    let (together, apart) = match planar {
        Some(2) => (1, bands),
        _ => (bands, 1),
    };
    let (width, height) = decoder.chunk_dimensions();
    let (width, height) = (width as usize, height as usize);
    let across = columns.div_ceil(width.max(1));
    let in_plane = across * rows.div_ceil(height.max(1));
    if lengths.len() != in_plane * apart {
        return Err(format!(
            "it has {} {kind}, expected {}",
            lengths.len(),
            in_plane * apart
        ));
    }
    for (part, &length) in lengths.iter().enumerate() {
        if length == 0 {
            continue;
        }
        let index = part as u32;
        let read = decoder.read_chunk(index).map_err(said)?;
        let (count, number) = numbers(&read);
        let (stride, _) = decoder.chunk_data_dimensions(index);
        let row = stride as usize * together;
        let (first, place) = (part / in_plane, part % in_plane);
        let (top, left) = (place / across * height, place % across * width);
        let down = height.min(rows - top);
        let right = width.min(columns - left);
        if count < row * down || row < right * together {
            return Err(format!(
                "{kind} {part} holds {} numbers, expected {}",
                count,
                down * right * together
            ));
        }
        for y in 0..down {
            for band in 0..together {
                let from = ((first + band) * rows + top + y) * columns + left;
                let line = &mut channels[from..from + right];
                for (x, to) in line.iter_mut().enumerate() {
                    *to = number(y * row + x * together + band);
                }
            }
        }
    }
    Ok(())
}

/// The number in GDAL's text.
fn no_data(text: &str) -> Result<f32, String> {
    let text = text.trim_matches(|c: char| c.is_whitespace() || c == '\0');
    let number: Result<f64, _> = text.parse();
    number.map(|v| v as f32).map_err(|_| {
        let given = crate::read::quoted(text);
        format!("its no-data value is {given}, expected a number")
    })
}

/// How many numbers were read, and what gives each.
fn numbers(read: &DecodingResult) -> (usize, Box<dyn Fn(usize) -> f32 + '_>) {
    /// In place of a function for each type.
    macro_rules! each {
        ($values:ident, $number:expr) => {
            ($values.len(), Box::new(move |i| $number($values[i])))
        };
    }
    match read {
        DecodingResult::U8(v) => each!(v, f32::from),
        DecodingResult::U16(v) => each!(v, f32::from),
        DecodingResult::U32(v) => each!(v, |n| n as f32),
        DecodingResult::U64(v) => each!(v, |n| n as f32),
        DecodingResult::I8(v) => each!(v, f32::from),
        DecodingResult::I16(v) => each!(v, f32::from),
        DecodingResult::I32(v) => each!(v, |n| n as f32),
        DecodingResult::I64(v) => each!(v, |n| n as f32),
        DecodingResult::F16(v) => each!(v, half::f16::to_f32),
        DecodingResult::F32(v) => each!(v, |n| n),
        DecodingResult::F64(v) => each!(v, |n| n as f32),
    }
}

/// What the decoder says, in a sentence.
fn said(error: TiffError) -> String {
    match error {
        TiffError::IoError(e) if e.kind() == std::io::ErrorKind::UnexpectedEof => {
            "it is cut short; expected a whole TIFF file".to_owned()
        }
        TiffError::LimitsExceeded => {
            format!(
                "a part of it is too large, expected strips or tiles of at most {MOST_BYTES} bytes"
            )
        }
        TiffError::UnsupportedError(TiffUnsupportedError::UnknownInterpretation) => {
            format!("its colours are of no known kind, expected {BANDS}")
        }
        other => format!("not a TIFF file that can be read: {other}; expected {BANDS}"),
    }
}
