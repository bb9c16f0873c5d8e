//! Image files in, PNG out.

use std::error::Error as _;
use std::io::{Cursor, ErrorKind, Read};
use std::path::Path;

use image::codecs::png::{CompressionType, FilterType, PngEncoder};
use image::{
    DynamicImage, GenericImageView, ImageDecoder, ImageError, ImageFormat, ImageReader, Limits,
    RgbImage,
};
use ndarray::Array3;

use super::picture::LONGEST;
use crate::caught::caught;
use crate::error::{Error, Result};
use crate::file;

/// The most pixels of an image that is read: 12,247 x 12,247. As an array they take 1.8 GB.
const MOST_PIXELS: u64 = 150_000_000;
/// The longest file: what those pixels take without compression in 16 bits, with their transparency.
const LONGEST_FILE: u64 = 8 * MOST_PIXELS;
/// More than PNG (1032) or JPEG (some 1400 where all is one colour) packs into one byte.
const DENSEST: u64 = 2048;
/// What a decoder may reserve beside the pixels, for profiles and texts in the file.
const BESIDE_PIXELS: u64 = 64 << 20;

/// Reads a PNG or JPEG file as RGB in `[0, 1]`, `[3, H, W]`.
///
/// The format is recognised by the content, not by the name. 8 and 16 bits keep their precision; grey becomes three
/// equal channels, and CMYK becomes RGB without a colour profile. Transparent pixels are blended over white, as a viewer
/// shows them: what they hold underneath is arbitrary. (Pillow's `convert("RGB")` shows what is underneath; for opaque
/// images both agree.) The orientation that a camera writes into EXIF is not applied. Of an animation the first picture
/// is read.
///
/// ```
/// use racm::render::{Bands, read_image, to_rgb, write_png};
///
/// let path = std::env::temp_dir().join("racm_read_image.png");
/// write_png(&path, &to_rgb(&racm::demo::image(), Bands::Auto)?)?;
/// let image = read_image(&path)?; // what a model takes after its own mean and standard deviation
/// assert_eq!(image.dim(), (3, 96, 96));
/// # Ok::<(), racm::Error>(())
/// ```
///
/// # Errors
/// [`Error::Io`] when the file cannot be read, [`Error::Adapter`] when it is not such an image, is cut short, or has more
/// than 150 million pixels. Both name the file.
pub fn read_image(path: impl AsRef<Path>) -> Result<Array3<f32>> {
    Ok(to_array(&read(path.as_ref())?, 3))
}

/// As [`read_image`], but a grey file is one channel, `[1, H, W]`.
///
/// # Errors
/// As [`read_image`].
pub fn read_grey_or_rgb(path: impl AsRef<Path>) -> Result<Array3<f32>> {
    let decoded = read(path.as_ref())?;
    let channels = if decoded.color().has_color() { 3 } else { 1 };
    Ok(to_array(&decoded, channels))
}

fn read(path: &Path) -> Result<DynamicImage> {
    let what = || format!("reading the image {}", path.display());
    let refused = |reason: String| Error::Adapter {
        what: what(),
        reason,
    };
    let (file, length) = file::open(path, what)?;
    if length > LONGEST_FILE {
        return Err(refused(format!(
            "it has {length} bytes, expected a PNG or JPEG file of at most {LONGEST_FILE}"
        )));
    }
    let mut bytes = Vec::new();
    file.take(LONGEST_FILE)
        .read_to_end(&mut bytes)
        .map_err(|source| Error::Io {
            what: what(),
            source,
        })?;
    // Decoders should not panic, and one file of a damaged palette made one of them do it.
    caught(|| decode(&bytes))
        .unwrap_or_else(|message| {
            Err(format!(
                "it is damaged, its decoder gave up ({message}); expected a whole PNG or JPEG file"
            ))
        })
        .map_err(refused)
}

/// Decodes an image whose header promises no more than its bytes can hold.
fn decode(bytes: &[u8]) -> Result<DynamicImage, String> {
    let format = match image::guess_format(bytes) {
        Ok(format @ (ImageFormat::Png | ImageFormat::Jpeg)) => format,
        Ok(other) => return Err(format!("it is {other:?}, expected PNG or JPEG")),
        Err(_) if bytes.is_empty() => return Err("it is empty, expected PNG or JPEG".to_owned()),
        Err(_) => return Err("it is no image, expected PNG or JPEG".to_owned()),
    };
    let mut limits = Limits::default();
    limits.max_image_width = Some(LONGEST as u32);
    limits.max_image_height = Some(LONGEST as u32);
    limits.max_alloc = Some(BESIDE_PIXELS);
    let mut reader = ImageReader::with_format(Cursor::new(bytes), format);
    reader.limits(limits);
    let decoder = reader.into_decoder().map_err(said)?;
    let (width, height) = decoder.dimensions();
    let claimed = format!("its header says {width} x {height} pixels");
    let pixels = u64::from(width) * u64::from(height);
    if pixels > MOST_PIXELS {
        return Err(format!("{claimed}, expected at most {MOST_PIXELS}"));
    }
    let bits = pixels * u64::from(decoder.original_color_type().bits_per_pixel());
    if bits / 8 / DENSEST > bytes.len() as u64 {
        return Err(format!(
            "{claimed}, more than its {} bytes can hold: it is cut short or damaged",
            bytes.len()
        ));
    }
    if format == ImageFormat::Jpeg && !has_end(bytes) {
        return Err("it is cut short: no end of the image follows its beginning".to_owned());
    }
    DynamicImage::from_decoder(decoder).map_err(said)
}

/// Whether a JPEG file goes on to its end marker. The decoder makes up what is missing, in grey.
fn has_end(bytes: &[u8]) -> bool {
    // Segments come first, which may hold a small picture with an end of its own.
    let mut at = 2;
    while let Some(&[0xff, marker, high, low]) = bytes.get(at..at + 4) {
        if marker == 0xda {
            return bytes[at..].windows(2).any(|pair| pair == [0xff, 0xd9]);
        }
        at += match marker {
            // Without a length: filling, and marks between.
            0xff => 1,
            0x01 | 0xd0..=0xd8 => 2,
            _ => 2 + usize::from(u16::from_be_bytes([high, low])),
        };
    }
    false
}

/// What the decoder says, in a sentence.
fn said(error: ImageError) -> String {
    let reason = match &error {
        ImageError::Limits(_) => format!("a side has more than {LONGEST} pixels"),
        ImageError::IoError(e) if e.kind() == ErrorKind::UnexpectedEof => {
            "it is cut short".to_owned()
        }
        // The cause without the words before it, which are the library's.
        other => other
            .source()
            .map_or(other.to_string(), ToString::to_string),
    };
    format!("{reason}; expected a whole PNG or JPEG file")
}

/// The first channels of red, green and blue.
fn to_array(decoded: &DynamicImage, channels: usize) -> Array3<f32> {
    /// Rows that are converted at a time.
    const ROWS: u32 = 64;
    let (w, h) = decoded.dimensions();
    let mut image = Array3::zeros((channels, h as usize, w as usize));
    for top in (0..h).step_by(ROWS as usize) {
        let rows = decoded.crop_imm(0, top, w, ROWS.min(h - top));
        for (x, y, pixel) in rows.to_rgba32f().enumerate_pixels() {
            let [r, g, b, a] = pixel.0;
            for (c, v) in [r, g, b].into_iter().take(channels).enumerate() {
                image[[c, (top + y) as usize, x as usize]] = v * a + (1.0 - a);
            }
        }
    }
    image
}

/// A picture as the bytes of an 8-bit PNG file.
///
/// ```
/// use racm::render::png;
///
/// let bytes = png(&racm::render::RgbImage::new(32, 16))?;
/// assert!(bytes.starts_with(b"\x89PNG"));
/// # Ok::<(), racm::Error>(())
/// ```
///
/// # Errors
/// [`Error::Adapter`] when the picture cannot be encoded: it has no pixel.
pub fn png(picture: &RgbImage) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    // A fifth smaller than by the encoder's default, in 20 ms more.
    let encoder =
        PngEncoder::new_with_quality(&mut bytes, CompressionType::Default, FilterType::Adaptive);
    let written = picture.write_with_encoder(encoder);
    written.map_err(|e| Error::Adapter {
        what: "encoding a picture as PNG".to_owned(),
        reason: e.to_string(),
    })?;
    Ok(bytes)
}

/// Writes a picture as an 8-bit PNG file. An array becomes a picture with [`to_rgb`](super::to_rgb).
///
/// ```
/// use racm::render::{Bands, to_rgb, write_png};
///
/// let picture = to_rgb(&racm::demo::image(), Bands::Auto)?;
/// write_png(std::env::temp_dir().join("racm_write_png.png"), &picture)?;
/// # Ok::<(), racm::Error>(())
/// ```
///
/// # Errors
/// Those of [`png`], and [`Error::Io`], which names the file, when it cannot be written.
pub fn write_png(path: impl AsRef<Path>, picture: &RgbImage) -> Result<()> {
    let path = path.as_ref();
    std::fs::write(path, png(picture)?).map_err(|source| Error::Io {
        what: format!("writing the picture {}", path.display()),
        source,
    })
}
